package event

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"
)

// Fields is a JSON object whose shape AWS decides: request parameters, response elements, additional data. Every method
// takes a path of names, is safe on a nil Fields, and treats null, absent and of another type alike.
type Fields map[string]any

// Text is the value at the path: a string as it is, a number or a bool as JSON writes it. AWS is not consistent about
// which of them it uses. It is false if there is no such value; an empty string is a value.
func (f Fields) Text(path ...string) (string, bool) { return text(f.at(path)) }

// Bool is the value at the path: true, false, or the strings "true", "false", "Yes", "No" in any case, which is how
// CloudTrail writes most of its flags. It is false, false if there is no such value.
func (f Fields) Bool(path ...string) (value, ok bool) {
	switch v := f.at(path).(type) {
	case bool:
		return v, true
	case string:
		switch strings.ToLower(v) {
		case "true", "yes":
			return true, true
		case "false", "no":
			return false, true
		}
	}
	return false, false
}

// Object is the object at the path, nil if there is none.
func (f Fields) Object(path ...string) Fields {
	v, _ := f.at(path).(map[string]any)
	return v
}

// Objects is the objects in the list at the path, such as the tags of a TagUser call.
func (f Fields) Objects(path ...string) []Fields {
	list, _ := f.at(path).([]any)
	var objects []Fields
	for _, v := range list {
		if o, ok := v.(map[string]any); ok {
			objects = append(objects, o)
		}
	}
	return objects
}

// Texts is the values in the list at the path that Text would give.
func (f Fields) Texts(path ...string) []string {
	list, _ := f.at(path).([]any)
	var texts []string
	for _, v := range list {
		if s, ok := text(v); ok {
			texts = append(texts, s)
		}
	}
	return texts
}

func (f Fields) at(path []string) any {
	var v any = map[string]any(f)
	for _, name := range path {
		o, _ := v.(map[string]any)
		v = o[name]
	}
	return v
}

func (f Fields) text(path ...string) string {
	s, _ := f.Text(path...)
	return s
}

func (f Fields) time(path ...string) time.Time {
	t, _ := ParseTime(f.text(path...))
	return t
}

// require returns an [Error] for the first of the paths in a detail, with dots, that has no text. The name is
// for a detail that is missing altogether.
func (f Fields) require(name string, paths ...string) error {
	if f == nil {
		return &Error{"detail", "missing or not an object: " + name + " is needed"}
	}
	for _, path := range paths {
		if f.text(strings.Split(path, ".")...) == "" {
			return &Error{"detail." + path, "missing"}
		}
	}
	return nil
}

func (f Fields) bool(path ...string) bool {
	b, _ := f.Bool(path...)
	return b
}

func text(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case json.Number:
		return v.String(), true
	case bool:
		return strconv.FormatBool(v), true
	}
	return "", false
}

// The ways in which AWS and recordings of it write a time. Where no zone is given it is UTC; Go reads a fraction of a
// second after the seconds whether or not the layout has one.
var layouts = []string{
	time.RFC3339,
	"2006-01-02 15:04:05",          // recordings that went through a database
	"2006-01-02T15:04:05",          //
	"Jan 2, 2006 3:04:05 PM",       // response elements of IAM and STS
	"Jan 2, 2006, 3:04:05 PM",      // the same, later records
	"Mon, 2 Jan 2006 15:04:05 MST", // AWS Health
}

// ParseTime reads a time in any of the formats that AWS uses in events. The result is in UTC, zero and false if
// the text is none of them. CloudTrail's eventTime is RFC 3339; times inside response elements come in at least
// three formats.
func ParseTime(text string) (time.Time, bool) {
	for _, layout := range layouts {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}
