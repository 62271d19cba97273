package main

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/warder-aws/warder/functions"
	"github.com/warder-aws/warder/infra/local/emulator"
	"github.com/warder-aws/warder/infra/local/eventfile"
	"github.com/warder-aws/warder/infra/local/project"
	"github.com/warder-aws/warder/pkg/settings"
)

// in is an event as if it had happened in the region. Its account and ids stay as they are.
func in(t *testing.T, event eventfile.Event, region string) eventfile.Event {
	t.Helper()
	var fields map[string]any
	if err := json.Unmarshal(event.JSON, &fields); err != nil {
		t.Fatal(err)
	}
	fields["region"] = region
	data, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	moved, err := eventfile.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	return moved
}

// Whatever starts controls in the hub's region starts the same controls, each as often, when it
// happens in another region that is listened to: the forwarding rules carry all of it, and nothing
// twice. The matching is moto's, of the synthesized patterns of both stacks.
func TestRegions_EachEventOnce(t *testing.T) {
	t.Parallel()
	a, err := emulator.Open(t.Context(), project.Tour, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Close)
	all, err := functions.Controls()
	if err != nil {
		t.Fatal(err)
	}
	files, err := eventfile.Files([]string{"events"})
	if err != nil {
		t.Fatal(err)
	}
	forwarded := map[string]bool{} // controls that an event of another region reached
	for _, file := range files {
		event, err := readEvent(file)
		if err != nil {
			t.Fatal(err)
		}
		if event.Source == "aws.events" {
			continue // a schedule, which is the hub's
		}
		here, err := a.EventBridge.Put(t.Context(), in(t, event, emulator.Region))
		if err != nil {
			t.Fatal(err)
		}
		for _, elsewhere := range []string{"eu-west-1", "ap-northeast-2"} {
			there, err := a.EventBridge.Put(t.Context(), in(t, event, elsewhere))
			if err != nil {
				t.Fatal(err)
			}
			var want, got []string
			for _, match := range here {
				if match.Through != "" {
					t.Errorf("%s happened in the hub's region, and came through %s", file, match.Through)
				}
				if match.Function != "" { // the second way publishes by itself
					want = append(want, match.Function)
				}
			}
			for _, match := range there {
				if match.Function == "" || strings.HasPrefix(match.Through, "warder-"+elsewhere+"-Watch") {
					continue // the second way, over which what is done to Warder arrives once more
				}
				own := strings.HasSuffix(file, "person-left.json") // is put on Warder's bus itself, wherever the sender is
				if !own && !strings.HasPrefix(match.Through, "warder-"+elsewhere+"-Forward") {
					t.Errorf("%s happened in %s, and came through %q", file, elsewhere, match.Through)
				}
				got = append(got, match.Function)
				forwarded[emulator.Control(match.Function)] = true
			}
			if event.Source == "aws.iam" {
				// IAM's calls are in the hub's region. That a service's are seen wherever they are
				// made is known of root's, which any service records.
				want = slices.DeleteFunc(want, func(f string) bool { return f != settings.FunctionName("alert-root-usage") })
			}
			slices.Sort(want)
			slices.Sort(got)
			if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("%s in %s starts (-in the hub's region +there):\n%s", file, elsewhere, diff)
			}
		}
	}
	for _, c := range all {
		regional := slices.ContainsFunc(c.Rules, func(raw json.RawMessage) bool {
			return !bytes.Contains(raw, []byte(`"source":["aws.iam"]`))
		})
		if regional && !forwarded[c.ID] {
			t.Errorf("no event of another region reached %s", c.ID)
		}
	}
}

// Two regions carry the same sign-in, or the same message of AWS Health: it is handled once.
func TestRegions_SameEventTwice(t *testing.T) {
	t.Parallel()
	a, err := emulator.Start(t.Context(), emulator.Options{Synth: project.Tour, Stderr: os.Stderr})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Close)
	for _, test := range []struct{ first, second, control string }{
		{"iam-console-login-outside-network", "iam-console-login-outside-network", "alert-console-login"},
		{"access-key-leaked", "access-key-leaked-backup", "contain-exposed-key"},
	} {
		t.Run(test.second, func(t *testing.T) {
			var outcomes, through []string
			for i, name := range []string{test.first, test.second, test.second} {
				event, err := readEvent("events/" + name + ".json")
				if err != nil {
					t.Fatal(err)
				}
				deliveries, err := a.Send(t.Context(), in(t, event, []string{
					emulator.Region, "eu-west-1", "ap-northeast-2",
				}[i]).JSON)
				if err != nil {
					t.Fatal(err)
				}
				for _, delivery := range deliveries {
					if delivery.Function == settings.FunctionName(test.control) {
						outcomes = append(outcomes, string(readOutcome(delivery.Function, delivery.Payload, delivery.Failed).Outcome))
						from, _, _ := strings.Cut(delivery.Through, "-Forward")
						through = append(through, from)
					}
				}
			}
			if len(outcomes) != 3 || outcomes[0] == "skipped" || outcomes[0] == "failed" || outcomes[1] != "skipped" ||
				outcomes[2] != "skipped" {
				t.Errorf("outcomes %v, want something and then skipped twice", outcomes)
			}
			if diff := cmp.Diff([]string{"", "warder-eu-west-1", "warder-ap-northeast-2"}, through); diff != "" {
				t.Errorf("the event came through (-want +got):\n%s", diff)
			}
		})
	}
}

// The alarm of a region that could not send something is kept where on-call looks anyway.
func TestRegions_Undelivered(t *testing.T) {
	t.Parallel()
	a, err := emulator.Open(t.Context(), project.Tour, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Close)
	alarm := func(name, state string) string {
		t.Helper()
		data, err := json.Marshal(map[string]any{
			"source": "aws.cloudwatch", "detail-type": "CloudWatch Alarm State Change", "region": "eu-west-1",
			"resources": []string{"arn:aws:cloudwatch:eu-west-1:123456789012:alarm:" + name}, "detail": map[string]any{
				"alarmName": name, "state": map[string]any{"value": state},
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		event, err := eventfile.Parse(data)
		if err != nil {
			t.Fatal(err)
		}
		matches, err := a.EventBridge.Put(t.Context(), event)
		if err != nil {
			t.Fatal(err)
		}
		var queues []string
		for _, match := range matches {
			queues = append(queues, match.Queue)
		}
		return strings.Join(queues, ", ")
	}
	own := "warder-eu-west-1-undelivered"
	if got := alarm(own, "ALARM"); !strings.HasPrefix(got, "arn:aws:sqs:us-east-1:123456789012:warder-Undelivered") {
		t.Errorf("the alarm of the region goes to %q, want the hub's queue", got)
	}
	for name, got := range map[string]string{
		"that it is over": alarm(own, "OK"), "another alarm": alarm("somebody's", "ALARM"),
	} {
		if got != "" {
			t.Errorf("%s goes to %q", name, got)
		}
	}
	if len(a.Stack.Regions) != 3 { // two, and the stack of AWS Config's rules
		t.Errorf("%d stacks beside the hub's", len(a.Stack.Regions))
	}
}
