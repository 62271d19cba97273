// Package i18n holds the texts for people as formats and arguments, so that they can be rendered in another language
// than English, in which the code is written.
//
// A [Message] is an English format and its arguments, which may be Messages themselves; [T] makes one. A catalogue
// translates: a JSON object from English formats to formats of the language, in a file such as ko.json beside the code
// that has the texts. The package of the file passes it to [Register] in its init function, and the catalogue is parsed
// when its language is used for the first time.
//
// The package never fails: a text that a catalogue lacks is rendered in English. A test finds what is missing.
//
// golang.org/x/text/message is the library of the field. It makes a binary 0.2 MB larger, does not render a message
// inside a message, reads no catalogue from a file, and writes the number 1000 as 1,000 unless it is configured not to.
// Its plural forms are of no use to Korean, which has none.
package i18n

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// Message is words for people, in no language yet. The zero Message is empty.
type Message struct {
	form   form
	format string
	args   []any
}

// form says what a Message is made of.
type form int

const (
	words  form = iota // a format, which catalogues translate, and its arguments
	data               // a name, a number or the words of others, which stay as they are
	joined             // Messages, with the format between them
)

// T is the Message of an English format with its arguments, as in [fmt.Sprintf]. The format must be a constant:
// catalogues are checked against the formats that the code has. Without arguments a percent sign is one.
func T(format string, args ...any) Message {
	if false {
		_ = fmt.Sprintf(format, args...) // go vet checks the calls of F like those of Sprintf
	}
	return Message{words, format, args}
}

// Lookup is the Message of English words that are not known when the code is written, such as the title of a control. A
// catalogue may have them.
func Lookup(english string) Message { return Message{form: words, format: english} }

// Literal is the Message of what is the same in every language.
func Literal(text string) Message { return Message{form: data, format: text} }

// Join is the Message of several, with the separator between them. Empty ones are left out.
func Join(separator string, texts ...Message) Message {
	t := Message{form: joined, format: separator}
	for _, text := range texts {
		if !text.Empty() {
			t.args = append(t.args, text)
		}
	}
	return t
}

// Sentences is the Message of several sentences, one after the other. Empty ones are left out.
func Sentences(texts ...Message) Message { return Join(" ", texts...) }

// And is the Message of an enumeration of data: "a", "a and b", "a and b and c".
func And(names ...string) Message {
	t := Message{}
	for _, name := range names {
		if t.Empty() {
			t = Literal(name)
		} else {
			t = T("%s and %s", t, name)
		}
	}
	return t
}

// Or returns the first of the Messages that is not empty, like [cmp.Or].
func Or(texts ...Message) Message {
	for _, t := range texts {
		if !t.Empty() {
			return t
		}
	}
	return Message{}
}

// Empty reports whether the Message is empty.
func (t Message) Empty() bool {
	return t.format == "" && len(t.args) == 0 || t.form == joined && len(t.args) == 0
}

// Map returns the Message with each of its arguments replaced by what f makes of it. f is not given the Messages among
// them, but their arguments.
func (t Message) Map(f func(any) any) Message {
	args := make([]any, len(t.args))
	for i, a := range t.args {
		if inner, ok := a.(Message); ok {
			args[i] = inner.Map(f)
		} else {
			args[i] = f(a)
		}
	}
	t.args = args
	return t
}

// String is the Message in English.
func (t Message) String() string { return t.render(nil) }

// In is the Message in the language, an ISO 639-1 code, as far as its catalogues have it, and in English for the rest.
func (t Message) In(language string) string { return t.render(Catalogue(language)) }

func (t Message) render(catalogue map[string]string) string {
	if t.form == data {
		return t.format
	}
	args := make([]any, len(t.args))
	for i, a := range t.args {
		args[i] = a
		if inner, ok := a.(Message); ok {
			args[i] = inner.render(catalogue)
		}
	}
	if t.form == joined {
		var b strings.Builder
		for i, a := range args {
			if i > 0 {
				b.WriteString(t.format)
			}
			fmt.Fprint(&b, a)
		}
		return b.String()
	}
	format := t.format
	if other, ok := catalogue[format]; ok {
		format = other
	}
	if len(args) == 0 {
		return format
	}
	return fmt.Sprintf(format, args...)
}

// Fault is an error that people are notified of: what went wrong in words for them, because of an error whose words are
// those of a program, and may be nil.
type Fault struct {
	Text Message
	Err  error
}

func (f Fault) Error() string { return f.message().String() }

func (f Fault) Unwrap() error { return f.Err }

func (f Fault) message() Message {
	if f.Err == nil {
		return f.Text
	}
	return Join(": ", f.Text, Error(f.Err))
}

// Error is the Message of an error: that of its [Fault] if it has one, else what it says, as it is.
func Error(err error) Message {
	var f Fault
	if errors.As(err, &f) {
		return f.message()
	}
	return Literal(err.Error())
}

// registered are the catalogues of each language as they were handed over, read what they came to.
var (
	lock       sync.Mutex
	registered = map[string][][]byte{}
	read       = map[string]map[string]string{}
)

// Register adds the catalogue to those of the language. It is a JSON object of strings. A package calls it in an init
// function with its own. To register the same again does nothing.
func Register(language string, catalogue []byte) {
	lock.Lock()
	defer lock.Unlock()
	if slices.ContainsFunc(registered[language], func(known []byte) bool { return bytes.Equal(known, catalogue) }) {
		return
	}
	registered[language] = append(registered[language], catalogue)
	delete(read, language)
}

// Catalogue is all that the catalogues of the language have, by English format. It is not to be written to. One that
// cannot be read counts for nothing: in English it can be notified all the same.
func Catalogue(language string) map[string]string {
	lock.Lock()
	defer lock.Unlock()
	if len(registered[language]) == 0 {
		return nil
	}
	if read[language] == nil {
		all := map[string]string{}
		for _, catalogue := range registered[language] {
			var entries map[string]string
			if json.Unmarshal(catalogue, &entries) == nil {
				maps.Copy(all, entries)
			}
		}
		read[language] = all
	}
	return read[language]
}

//go:embed ko.json
var korean []byte

func init() { Register("ko", korean) }

// Day is the day of a time, in the zone of the deployment.
func Day(t time.Time) Message {
	t, _ = local(t)
	return T("%04d-%02d-%02d", t.Year(), int(t.Month()), t.Day())
}

// Date is a day that somebody wrote down, which is the same in every zone: that of the time in UTC.
func Date(t time.Time) Message {
	t = t.UTC()
	return T("%04d-%02d-%02d", t.Year(), int(t.Month()), t.Day())
}

// Minute is a time to the minute, in the zone of the deployment, with the zone.
func Minute(t time.Time) Message { return clock(t, "15:04") }

// Moment is a time to the second, as [Minute].
func Moment(t time.Time) Message { return clock(t, time.TimeOnly) }

func clock(at time.Time, layout string) Message {
	t, zone := local(at)
	return T("%s %s %s", Day(at), t.Format(layout), zone)
}

// Period is a duration of whole days, hours or minutes.
func Period(d time.Duration) Message {
	const day = 24 * time.Hour
	switch {
	case d/day == 1:
		return T("1 day")
	case d/day > 1:
		return T("%d days", int(d/day))
	case d/time.Hour == 1:
		return T("1 hour")
	case d/time.Hour > 1:
		return T("%d hours", int(d/time.Hour))
	case d/time.Minute == 1:
		return T("1 minute")
	case d/time.Minute > 1:
		return T("%d minutes", int(d/time.Minute))
	}
	return Literal(d.String())
}
