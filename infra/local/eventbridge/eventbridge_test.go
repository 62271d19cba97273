package eventbridge_test

import (
	"encoding/json"
	"strings"
	"testing"

	ebsdk "github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/google/go-cmp/cmp"

	"github.com/warder-aws/warder/infra/local/eventbridge"
	"github.com/warder-aws/warder/infra/local/eventfile"
	"github.com/warder-aws/warder/infra/local/moto"
	"github.com/warder-aws/warder/infra/local/moto/mototest"
)

func newBus(t *testing.T, rules ...eventbridge.Rule) *eventbridge.Bus {
	t.Helper()
	cfg := mototest.Config(mototest.Start(t).URL, "any", "any")
	b, err := eventbridge.New(t.Context(), ebsdk.NewFromConfig(cfg), sqs.NewFromConfig(cfg), moto.AccountID,
		mototest.Region, []string{"warder"}, rules)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func put(t *testing.T, b *eventbridge.Bus, data string) []eventbridge.Match {
	t.Helper()
	event, err := eventfile.Parse([]byte(data))
	if err != nil {
		t.Fatal(err)
	}
	matches, err := b.Put(t.Context(), event)
	if err != nil {
		t.Fatalf("put %.200s: %v", data, err)
	}
	return matches
}

func TestPut(t *testing.T) {
	b := newBus(t,
		eventbridge.Rule{
			Name: "attach", Function: "detach",
			Pattern: `{"source":["aws.iam"],"detail":{"eventName":["AttachUserPolicy"],"errorCode":[{"exists":false}]}}`,
		},
		eventbridge.Rule{Name: "writes", Function: "alert", Pattern: `{"source":["aws.iam"],"detail":{"readOnly":[false]}}`},
		eventbridge.Rule{
			Name: "also", Function: "alert", Pattern: `{"source":["aws.iam"],"detail":{"eventName":[{"prefix":"Attach"}]}}`,
		},
		eventbridge.Rule{Name: "off", Function: "off", Pattern: `{"source":["aws.iam"]}`, Disabled: true},
		eventbridge.Rule{Name: "daily", Function: "sweep", Schedule: "rate(1 day)"},
		eventbridge.Rule{Name: "hourly", Function: "detach", Schedule: "rate(1 hour)"},
		eventbridge.Rule{Name: "never", Function: "off", Schedule: "rate(1 hour)", Disabled: true},
		eventbridge.Rule{
			Name: `any "thing"`, Function: "here",
			Pattern: `{"account":["123456789012"],"region":["us-east-1"],"source":["here"]}`,
		},
	)
	deep := strings.Repeat(`{"a":`, 9000) + "1e999" + strings.Repeat("}", 9000)
	tests := []struct {
		name, event string
		want        []string // rule>function
	}{
		{"each rule that matches is a match",
			`{"source":"aws.iam","detail-type":"t","detail":{"eventName":"AttachUserPolicy","readOnly":false}}`,
			[]string{"attach>detach", "writes>alert", "also>alert"}},
		{"a field that must not be there",
			`{"source":"aws.iam","detail-type":"t","detail":{"eventName":"AttachUserPolicy","errorCode":"AccessDenied"}}`,
			[]string{"also>alert"}},
		{"an event of another account is an event here",
			`{"account":"999999999999","region":"eu-west-1","source":"here","detail-type":"t","detail":{}}`,
			[]string{`any "thing">here`}},
		{"a schedule that names no rule of ours starts all",
			`{"source":"aws.events","detail-type":"Scheduled Event","resources":["arn:aws:events:us-east-1:1:rule/other"],` +
				`"detail":{}}`,
			[]string{"daily>sweep", "hourly>detach"}},
		{"a schedule that names a rule starts that one",
			`{"source":"aws.events","detail-type":"Scheduled Event","resources":["arn:aws:events:us-east-1:1:rule/daily"],` +
				`"detail":{}}`,
			[]string{"daily>sweep"}},
		{"no rule", `{"source":"aws.s3","detail-type":"t","detail":{}}`, nil},
		{"no source", `{"detail-type":"t","detail":{}}`, nil},
		{"a source that is a number", `{"source":5,"detail-type":"t","detail":{}}`, nil},
		{"no detail-type", `{"source":"aws.iam","detail":{}}`, nil},
		{"no detail", `{"source":"aws.iam","detail-type":"t"}`, nil},
		{"a detail that is null", `{"source":"aws.iam","detail-type":"t","detail":null}`, nil},
		{"a detail that is a list", `{"source":"aws.iam","detail-type":"t","detail":[1]}`, nil},
		{
			"lists and numbers where text belongs",
			`{"source":"aws.iam","detail-type":"t","resources":{},"detail":{"eventName":[["x"]],"readOnly":5}}`, nil,
		},
		{
			"a number of many digits",
			`{"source":"aws.iam","detail-type":"t","detail":{"n":` + strings.Repeat("9", 10000) + `}}`, nil,
		},
		{"objects 9,000 deep", `{"source":"aws.iam","detail-type":"t","detail":` + deep + `}`, nil},
		{
			"half a character", `{"source":"aws.iam","detail-type":"t","detail":{"eventName":"Attach\ud800"}}`,
			[]string{"also>alert"},
		},
		{
			"three megabytes",
			`{"source":"aws.iam","detail-type":"t","detail":{"eventName":"Attach` + strings.Repeat("x", 3<<20) + `"}}`,
			[]string{"also>alert"},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			for _, match := range put(t, b, test.event) {
				got = append(got, match.Rule+">"+match.Function)
				if string(match.Event) != test.event {
					t.Errorf("rule %s delivers %.200s, want the event as it was", match.Rule, match.Event)
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("matches (-want +got):\n%s", diff)
			}
		})
	}
}

func TestBus_EventWithoutEnvelope(t *testing.T) {
	b := newBus(t, eventbridge.Rule{Name: "all", Function: "f", Pattern: `{"source":["mine"]}`})
	results, err := b.PutEntries(t.Context(), []eventbridge.Entry{
		{
			Event: eventfile.Event{
				Source: "mine", DetailType: "t", Detail: json.RawMessage(`{"a":1}`), Time: "2026-01-02T03:04:05Z",
			},
		},
		{Event: eventfile.Event{Source: "mine", DetailType: "t", Detail: json.RawMessage(`{"a":`)}},
		{Event: eventfile.Event{Source: "mine", DetailType: "t", Detail: json.RawMessage(`{"a":NaN}`)}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(results[0].Matches) != 1 {
		t.Fatalf("matches %+v, want one", results[0].Matches)
	}
	var got map[string]any
	if err := json.Unmarshal(results[0].Matches[0].Event, &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"version": "0", "id": results[0].ID, "detail-type": "t", "source": "mine", "account": moto.AccountID,
		"time": "2026-01-02T03:04:05Z", "region": "us-east-1", "resources": []any{},
		"detail": map[string]any{"a": float64(1)},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("event (-want +got):\n%s", diff)
	}
	for i, result := range results[1:] {
		if result.ErrorCode != "MalformedDetail" || result.Matches != nil {
			t.Errorf("entry %d: %+v, want MalformedDetail", i+1, result)
		}
	}
}

func TestBus_Regions(t *testing.T) {
	const forward = "arn:aws:events:us-east-1:123456789012:event-bus/warder"
	b := newBus(t,
		eventbridge.Rule{Name: "here", Function: "local", Pattern: `{"source":["aws.iam","aws.signin","aws.ssm"]}`},
		eventbridge.Rule{Name: "arrived", Bus: "warder", Function: "afar", Pattern: `{"source":["aws.signin"]}`},
		eventbridge.Rule{
			Name: "kept", Bus: "warder", Queue: "arn:aws:sqs:us-east-1:123456789012:kept", Pattern: `{"source":["aws.signin"]}`,
		},
		eventbridge.Rule{Name: "again", Bus: "warder", Forward: forward, Pattern: `{"source":["aws.signin"]}`},
		eventbridge.Rule{Name: "drill", Bus: "warder", Function: "afar", Pattern: `{"source":["warder.drill"]}`},
		eventbridge.Rule{Name: "eu", Region: "eu-west-1", Forward: forward, Pattern: `{"source":["aws.signin"]}`},
		eventbridge.Rule{Name: "ap", Region: "ap-northeast-2", Forward: forward, Pattern: `{"source":["aws.ssm"]}`},
	)
	tests := []struct{ name, region, source, want string }{
		{"of the bus's own region", "us-east-1", "aws.signin", "here>local "},
		{
			"of a region that forwards it", "eu-west-1", "aws.signin",
			"arrived>afar eu, kept>arn:aws:sqs:us-east-1:123456789012:kept eu",
		},
		{"of a region that forwards something else", "ap-northeast-2", "aws.signin", ""},
		{"of a region that forwards what nobody here waits for", "ap-northeast-2", "aws.ssm", ""},
		{"that a drill made up", "us-east-1", "warder.drill", "drill>afar "},
		{"that a drill made up of another region", "eu-west-1", "warder.drill", "drill>afar "},
		{"of a region without rules is taken for one of here", "sa-east-1", "aws.signin", "here>local "},
	}
	for _, test := range tests {
		t.Run("an event "+test.name, func(t *testing.T) {
			var got []string
			for _, match := range put(t, b,
				`{"source":"`+test.source+`","region":"`+test.region+`","detail-type":"t","detail":{}}`) {
				got = append(got, match.Rule+">"+match.Function+match.Queue+" "+match.Through)
			}
			if got := strings.Join(got, ", "); got != test.want {
				t.Errorf("matches %q, want %q", got, test.want)
			}
		})
	}
}

func TestBus_SeveralTargets(t *testing.T) {
	b := newBus(t,
		eventbridge.Rule{Name: "two", Function: "a", Pattern: `{"source":["mine"]}`},
		eventbridge.Rule{Name: "two", Function: "b", Pattern: `{"source":["mine"]}`, Input: `{"constant":true}`},
	)
	got := put(t, b, `{"source":"mine","detail-type":"t","detail":{}}`)
	want := []eventbridge.Match{
		{Rule: "two", Function: "a", Event: json.RawMessage(`{"source":"mine","detail-type":"t","detail":{}}`)},
		{Rule: "two", Function: "b", Event: json.RawMessage(`{"constant":true}`)},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("matches (-want +got):\n%s", diff)
	}
}
