package event

import (
	"fmt"
	"strings"
	"testing"
)

// An event about a person is read strictly: what is not in its form names nobody, and the text of it is nowhere.
func TestPersonLeft(t *testing.T) {
	const whole = `"version":"1","id":"7","email":"Kim@Example.com","leftAt":"2026-11-17T18:00:00+09:00"`
	for _, tc := range []struct{ name, detail, fault string }{
		{"the least", whole, ""},
		{"all", whole + `,"name":"Kim","manager":"lee@example.com","userNames":["kim","k"]`, ""},
		{"a field that is not known", whole + `,"admin":true`, "detail"},
		{"a name for an address", strings.Replace(whole, "Kim@Example.com", "Kim <kim@example.com>", 1), "detail.email"},
		{"two addresses", strings.Replace(whole, "Kim@Example.com", "kim@example.com, lee@example.com", 1), "detail.email"},
		{"no address", strings.Replace(whole, "Kim@Example.com", "kim", 1), "detail.email"},
		{"another version", strings.Replace(whole, `"1"`, `"2"`, 1), "detail.version"},
		{"a number for a version", strings.Replace(whole, `"1"`, `1`, 1), "detail.version"},
		{"no id", strings.Replace(whole, `"id":"7",`, "", 1), "detail.id"},
		{"an empty id", strings.Replace(whole, `"7"`, `""`, 1), "detail.id"},
		{"no time", strings.Replace(whole, "2026-11-17T18:00:00+09:00", "today", 1), "detail.leftAt"},
		{"a manager who is none", whole + `,"manager":"the boss"`, "detail.manager"},
		{"a name of its own kind", whole + `,"name":{"first":"Kim"}`, "detail.name"},
		{"user names that are none", whole + `,"userNames":["kim",7]`, "detail.userNames"},
		{"too many user names", whole + `,"userNames":[` + strings.Repeat(`"k",`, maxUserNames) + `"k"]`, "detail.userNames"},
		{"a long text", whole + `,"name":"` + strings.Repeat("k", maxPersonText+1) + `"`, "detail.name"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e, err := Decode(fmt.Appendf(nil, `{"id":"1","source":"warder.people","detail-type":"Person left",
				"account":"111122223333","time":"2026-11-17T09:00:05Z","detail":{%s}}`, tc.detail))
			if err != nil {
				t.Fatal(err)
			}
			p, ok := e.Detail.(*PersonLeft)
			if !ok || p.Fault != tc.fault {
				t.Fatalf("got %+v, want the fault %q", e.Detail, tc.fault)
			}
			if tc.fault != "" && (p.Email != "" || p.ID != "") {
				t.Errorf("what is not in the form has %+v", p)
			}
			if tc.fault == "" && (p.Email != "kim@example.com" || p.LeftAt.Hour() != 9) {
				t.Errorf("got %+v", p)
			}
		})
	}
}
