package fakeaws_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/warder-aws/warder/pkg/test/fakeaws"
)

// fill sets whatever v holds, all fields of it, to values that differ with n.
func fill(v reflect.Value, n *int) {
	*n++
	if at, ok := v.Addr().Interface().(*time.Time); ok {
		*at = time.Date(2026, 1, 1, 0, *n, 0, 0, time.FixedZone("Seoul", 9*60*60))
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), n)
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), n)
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for range 2 {
			value := reflect.New(v.Type().Elem()).Elem()
			fill(value, n)
			v.SetMapIndex(reflect.ValueOf(fmt.Sprint("name", *n)), value)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range 2 {
			fill(v.Index(i), n)
		}
	case reflect.String:
		v.SetString(fmt.Sprint("text", *n))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int32:
		v.SetInt(int64(*n))
	case reflect.Uint8:
		v.SetUint(uint64(*n % 256))
	default:
		panic("fill has no " + v.Kind().String())
	}
}

// scribble changes in place whatever v holds that a copy of v could share with it.
func scribble(v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				scribble(v.Field(i))
			}
		}
	case reflect.Pointer:
		if !v.IsNil() {
			scribble(v.Elem())
			v.Elem().SetZero()
		}
	case reflect.Map:
		for _, name := range v.MapKeys() {
			scribble(v.MapIndex(name))
			v.SetMapIndex(name, reflect.Zero(v.Type().Elem()))
		}
	case reflect.Slice:
		for i := range v.Len() {
			scribble(v.Index(i))
			v.Index(i).SetZero()
		}
	}
}

func TestState_IsACopy(t *testing.T) {
	whole := func() fakeaws.State {
		var s fakeaws.State
		fill(reflect.ValueOf(&s).Elem(), new(int))
		return s
	}
	text, err := json.Marshal(whole())
	if err != nil {
		t.Fatal(err)
	}
	var want fakeaws.State
	if err := json.Unmarshal(text, &want); err != nil {
		t.Fatal(err)
	}
	given := whole()
	a := fakeaws.New(given)
	scribble(reflect.ValueOf(&given).Elem())
	if diff := cmp.Diff(want, a.State()); diff != "" {
		t.Errorf("the account shares or loses what it was given (-want +got):\n%s", diff)
	}
	taken := a.State()
	scribble(reflect.ValueOf(&taken).Elem())
	if diff := cmp.Diff(want, a.State()); diff != "" {
		t.Errorf("the account shares what it gave away (-want +got):\n%s", diff)
	}

	empty := fakeaws.New(
		fakeaws.State{
			Users:  map[string]*fakeaws.User{"kim": {Tags: map[string]string{}, Keys: []fakeaws.Key{}, Attached: []string{}}},
			Groups: map[string]*fakeaws.Group{},
		},
	).State()
	kim := empty.Users["kim"]
	if kim.Tags != nil || kim.Keys != nil || kim.Attached != nil || empty.Groups != nil {
		t.Errorf("what is empty is there, as it is not in JSON: %+v, %+v", empty, kim)
	}
}
