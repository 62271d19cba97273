package sendemail

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/smithy-go"

	"github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/settings"
)

// The mails about one event have one subject and refer to one id, whatever number of controls answer it. Another event,
// another recipient and what is more severe have their own.
func TestOneEventIsOneConversation(t *testing.T) {
	w := newWorld(t, nil)
	mail := func(control, severity, thread, owner string) sent {
		t.Helper()
		w.notify(notice.Message{Control: control, Severity: severity, Title: "By " + control, Subject: "ulla",
			Owner: owner, Thread: thread})
		w.now = w.now.Add(time.Hour)
		w.settle()
		return w.sent[len(w.sent)-1]
	}
	refers := func(s sent) string {
		var ids []string
		for _, h := range s.Content.Simple.Headers {
			if ids = append(ids, h.Value); h.Name != "References" && h.Name != "In-Reply-To" {
				t.Errorf("header %+v", h)
			}
		}
		if ids = slices.Compact(ids); len(ids) != 1 || !strings.HasSuffix(ids[0], "@example.com>") {
			t.Errorf("%s refers to %q", s.subject(), ids)
			return ""
		}
		return ids[0]
	}
	first, second := mail("a", "high", "e1", alice), mail("b", "medium", "e1", alice)
	if second.subject() != "Re: "+first.subject() || refers(second) != refers(first) {
		t.Errorf("%q refers to %s, and %q to %s", first.subject(), refers(first), second.subject(), refers(second))
	}
	if !strings.Contains(second.body(), "By b") {
		t.Errorf("what is in it is not said:\n%s", second.body())
	}
	if other := mail("c", "high", "e2", alice); strings.HasPrefix(other.subject(), "Re: ") ||
		refers(other) == refers(first) {
		t.Errorf("another event: %q", other.subject())
	}
	if other := mail("d", "high", "e1", soc); strings.HasPrefix(other.subject(), "Re: ") {
		t.Errorf("another recipient: %q", other.subject())
	}
	worse := mail("e", "critical", "e1", alice)
	if !strings.HasPrefix(worse.subject(), "[CRITICAL] By e") {
		t.Errorf("what is more severe: %q", worse.subject())
	}
	if last := mail("f", "high", "e1", alice); last.subject() != "Re: "+worse.subject() {
		t.Errorf("after it: %q", last.subject())
	}
}

// A mail that was not sent does not begin a conversation, and a mail about several events is none.
func TestWhatIsNoConversation(t *testing.T) {
	w := newWorld(t, nil)
	refused := false
	w.refuse = func(*email) error {
		if refused {
			return nil
		}
		refused = true
		return &smithy.GenericAPIError{Code: "ThrottlingException"}
	}
	w.notify(notice.Message{Control: "a", Severity: "high", Title: "T", Subject: "ulla", Owner: alice, Thread: "e1"})
	w.settle()
	if len(w.sent) != 1 || strings.HasPrefix(w.sent[0].subject(), "Re: ") {
		t.Fatalf("sent %+v", w.sent)
	}
	w.now = w.now.Add(time.Hour)
	for _, thread := range []string{"e1", "e3"} {
		w.notify(notice.Message{Control: "b", Severity: "low", Title: thread, Subject: "ulla", Owner: alice, Thread: thread})
	}
	w.settle()
	if last := w.sent[len(w.sent)-1]; len(w.sent) != 2 || len(last.Content.Simple.Headers) > 0 ||
		!strings.Contains(last.subject(), "and 1 more") {
		t.Errorf("%d mails, the last is %+v", len(w.sent), last.Content.Simple)
	}
}

// Mails by SNS have no headers; their subject is one as well.
func TestOneSubjectBySNS(t *testing.T) {
	w := newWorld(t, func(f *settings.Function) {
		f.Mail = settings.Mail{All: allTopic}
	})
	for _, control := range []string{"a", "b"} {
		w.notify(notice.Message{Control: control, Severity: "high", Title: "By " + control, Subject: "ulla", Thread: "e1"})
		w.now = w.now.Add(time.Hour)
		w.settle()
	}
	if got := w.published.sent; len(got) != 2 || got[1].subject != "Re: "+got[0].subject {
		t.Errorf("sent %+v", got)
	}
}
