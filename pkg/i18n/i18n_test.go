package i18n

import (
	"errors"
	"fmt"
	"testing"
	"time"
)

func init() {
	Register("xx", []byte(`{"%s of %s": "%[2]s: %[1]s", "key %s": "clé %s", "a user": "un usager", "100%": "cent%"}`))
	Register("xx", []byte(`this is no JSON`))
}

func TestATextIsToldInTheLanguage(t *testing.T) {
	for _, tc := range []struct {
		name        string
		text        Message
		english, xx string
	}{
		{"the arguments change places", T("%s of %s", "…MPLE", "alice"), "…MPLE of alice", "alice: …MPLE"},
		{"a Text inside a Text", T("%s of %s", T("key %s", "…MPLE"), T("a user")), "key …MPLE of a user",
			"un usager: clé …MPLE"},
		{"what the catalogue lacks is English, its arguments are not", T("nothing of %s", T("a user")), "nothing of a user",
			"nothing of un usager"},
		{"data stays, even if it reads like an entry", T("key %s", Literal("a user")), "key a user", "clé a user"},
		{"data holds no verbs", Literal("100%d"), "100%d", "100%d"},
		{"words that are only known at run time", Lookup("a user"), "a user", "un usager"},
		{"without arguments a percent sign is one", Lookup("100%"), "100%", "cent%"},
		{"quoted", T("%q", T("a user")), `"a user"`, `"un usager"`},
		{"sentences, without the empty ones", Sentences(T("a user"), Message{}, Literal("."), Sentences()),
			"a user .", "un usager ."},
		{"an enumeration", And("a", "b", "c"), "a and b and c", "a and b and c"},
		{"an enumeration of nothing", And(), "", ""},
		{"the first that is not empty", Or(Message{}, Literal(""), T("a user"), T("nobody")), "a user", "un usager"},
		{"nothing", Message{}, "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := tc.text.String(); got != tc.english {
				t.Errorf("in English %q, want %q", got, tc.english)
			}
			if got := tc.text.In("xx"); got != tc.xx {
				t.Errorf("%q, want %q", got, tc.xx)
			}
			if got := tc.text.In("no such language"); got != tc.english {
				t.Errorf("in a language without a catalogue %q, want %q", got, tc.english)
			}
			if tc.text.Empty() != (tc.english == "") {
				t.Errorf("Empty = %v", tc.text.Empty())
			}
		})
	}
}

func TestMapReachesTheArgumentsOfArguments(t *testing.T) {
	text := T("%s of %s", T("key %s", "a"), "b").Map(func(a any) any { return a.(string) + "!" })
	if got := text.In("xx"); got != "b!: clé a!" {
		t.Errorf("%q", got)
	}
}

func TestAnErrorIsToldAsFarAsItHasWords(t *testing.T) {
	cause := errors.New("Throttling: Rate exceeded")
	for _, tc := range []struct {
		err         error
		english, xx string
	}{
		{cause, "Throttling: Rate exceeded", "Throttling: Rate exceeded"},
		{Fault{Text: T("a user")}, "a user", "un usager"},
		{Fault{T("a user"), cause}, "a user: Throttling: Rate exceeded", "un usager: Throttling: Rate exceeded"},
		{fmt.Errorf("run: %w", Fault{T("a user"), Fault{T("key %s", "1"), cause}}),
			"a user: key 1: Throttling: Rate exceeded", "un usager: clé 1: Throttling: Rate exceeded"},
	} {
		if got := Error(tc.err); got.String() != tc.english || got.In("xx") != tc.xx {
			t.Errorf("%q, %q, want %q, %q", got, got.In("xx"), tc.english, tc.xx)
		}
	}
	if err := (Fault{T("a user"), cause}); !errors.Is(err, cause) || err.Error() != "a user: Throttling: Rate exceeded" {
		t.Errorf("%v", err)
	}
}

func TestTimes(t *testing.T) {
	at := time.Date(2026, 11, 1, 8, 4, 5, 0, time.FixedZone("KST", 9*60*60))
	for _, tc := range []struct {
		text            Message
		english, korean string
	}{
		{Day(at), "2026-10-31", "2026년 10월 31일"},
		{Minute(at), "2026-10-31 23:04 UTC", "2026년 10월 31일 23:04(UTC)"},
		{Moment(at), "2026-10-31 23:04:05 UTC", "2026년 10월 31일 23:04:05(UTC)"},
		{Period(24 * time.Hour), "1 day", "1일"},
		{Period(7 * 24 * time.Hour), "7 days", "7일"},
		{Period(time.Hour), "1 hour", "1시간"},
		{Period(15 * time.Minute), "15 minutes", "15분"},
		{Period(time.Second), "1s", "1s"},
	} {
		if got := tc.text.String(); got != tc.english {
			t.Errorf("%q, want %q", got, tc.english)
		}
		if got := tc.text.In("ko"); got != tc.korean {
			t.Errorf("%q, want %q", got, tc.korean)
		}
	}
}
