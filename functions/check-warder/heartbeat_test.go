package checkwarder

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/event"
	"github.com/warder-aws/warder/pkg/ledger"
)

// about are the critical differences whose subject is the region.
func about(differences []found, region string) (texts []string) {
	for _, d := range differences {
		if d.Subject == region && d.Severity == control.Critical {
			texts = append(texts, d.Text)
		}
	}
	return texts
}

func TestHeartbeat(t *testing.T) {
	for _, tc := range []struct {
		name    string
		regions []string
		broken  []string
		silent  string // the value of the metric
	}{
		{"the hub's alone", nil, nil, "0"},
		{"every region", []string{"eu-west-1", "ap-northeast-2"}, nil, "0"},
		{"one does not arrive", []string{"eu-west-1", "ap-northeast-2"}, []string{"eu-west-1"}, "1"},
		{"the hub's does not arrive", []string{"eu-west-1"}, []string{"us-east-1"}, "1"},
		{"none arrives", []string{"eu-west-1"}, []string{"us-east-1", "eu-west-1"}, "2"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a := read(t)
			a.regions, a.broken = tc.regions, map[string]bool{}
			for _, region := range tc.broken {
				a.broken[region] = true
			}
			got, err := a.check(t, new(ledger.Memory))
			if err != nil {
				t.Fatal(err)
			}
			for _, region := range append([]string{"us-east-1"}, tc.regions...) {
				texts := about(got.Differences, region)
				if want := slices.Contains(tc.broken, region); want != (len(texts) == 1) {
					t.Errorf("of %s it says %q", region, texts)
				} else if want && !strings.Contains(texts[0], "The heartbeat of the region "+region+" has not arrived") {
					t.Errorf("of %s it says %q", region, texts)
				}
			}
			if !strings.Contains(a.log.String(), `"SilentRegions":`+tc.silent+`,`) {
				t.Errorf("log %s, want %s silent regions", a.log.String(), tc.silent)
			}
		})
	}
}

// What arrived yesterday says nothing about today, and the message says when it was.
func TestHeartbeat_Before(t *testing.T) {
	a, store := read(t), new(ledger.Memory)
	a.now = now.Add(-24 * time.Hour)
	if got, err := a.check(t, store); err != nil || len(about(got.Differences, "us-east-1")) > 0 {
		t.Fatalf("%v, %v", got, err)
	}
	a.now, a.broken = now, map[string]bool{"us-east-1": true}
	got, err := a.check(t, store)
	if texts := about(got.Differences, "us-east-1"); err != nil || len(texts) != 1 ||
		!strings.Contains(texts[0], "The last one arrived on 2026-11-29 03:40 UTC") {
		t.Errorf("%q, %v", texts, err)
	}
	// The road is mended: the next day is quiet.
	a.now, a.broken = now.Add(24*time.Hour), nil
	if got, err := a.check(t, store); err != nil || len(about(got.Differences, "us-east-1")) > 0 {
		t.Errorf("%v, %v", got, err)
	}
}

func TestHeartbeat_Refused(t *testing.T) {
	a := read(t)
	a.failing["PutEvents"] = "AccessDenied"
	got, err := a.check(t, new(ledger.Memory))
	if texts := about(got.Differences, "us-east-1"); err != nil || len(texts) != 1 ||
		!strings.Contains(texts[0], "Nothing can be put on the event bus of the region us-east-1") {
		t.Errorf("%q, %v", texts, err)
	}
}

// What others send to the function proves nothing: no time, one to come, a region that is none of Warder's. What they
// sent before the check does not count for it.
func TestHeartbeat_Forged(t *testing.T) {
	for name, r := range map[string]request{
		"no time":        {Source: event.Heartbeat, Region: "us-east-1", Detail: json.RawMessage(`{}`)},
		"no JSON object": {Source: event.Heartbeat, Region: "us-east-1", Detail: json.RawMessage(`[1]`)},
		"in ten years": {
			Source: event.Heartbeat, Region: "us-east-1", Detail: json.RawMessage(`{"sent":"2036-01-01T00:00:00Z"}`),
		},
		"another region": {
			Source: event.Heartbeat, Region: "seal#", Detail: json.RawMessage(`{"sent":"2026-11-30T03:40:00Z"}`),
		},
		"before the check": {
			Source: event.Heartbeat, Region: "us-east-1", Detail: json.RawMessage(`{"sent":"2026-11-30T03:39:59Z"}`),
		},
	} {
		t.Run(name, func(t *testing.T) {
			a, store := read(t), new(ledger.Memory)
			a.broken = map[string]bool{"us-east-1": true}
			if _, err := a.check(t, store); err != nil {
				t.Fatal(err)
			}
			if err := a.hears(t.Context(), r); err != nil {
				t.Fatal(err)
			}
			if got, err := a.check(t, store); err != nil || len(about(got.Differences, "us-east-1")) != 1 {
				t.Errorf("%v, %v", got, err)
			}
			h, err := ledger.New(store).Heartbeat(t.Context(), r.Region)
			if err != nil || name != "before the check" && h != (ledger.Heartbeat{}) {
				t.Errorf("it is kept: %+v, %v", h, err)
			}
		})
	}
}
