package control

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestRules_Table reads every line of rules.tsv as strictly as the rest of a control.json.
func TestRules_Table(t *testing.T) {
	lines := strings.Split(strings.TrimSpace(ruleTable), "\n")[1:]
	if len(lines) != len(Rules()) {
		t.Errorf("%d lines, but %d rules: a line has not six cells, an unknown framework, or is there twice", len(lines),
			len(Rules()))
	}
	number := regexp.MustCompile(`^[1-9](\.[1-9][0-9]*)+$`)
	for id, r := range Rules() {
		if r.Title == "" || r.Title != strings.TrimSpace(r.Title) {
			t.Errorf("%s: title %q", id, r.Title)
		}
		if r.Sure != "confirmed" && r.Sure != "likely" {
			t.Errorf("%s: sure is %q: of what is not known no number is named", id, r.Sure)
		}
		if _, err := time.Parse(time.DateOnly, r.Checked); err != nil {
			t.Errorf("%s: checked on %q", id, r.Checked)
		}
		if r.Framework.ID != "cis" {
			if want := r.Framework.ID + "/" + strings.ReplaceAll(r.Item, " ", ""); id != want {
				t.Errorf("%s: want %s", id, want)
			}
			continue
		}
		if len(r.Items) == 0 {
			t.Errorf("%s has no number", id)
		}
		for version, item := range r.Items {
			if !strings.Contains(strings.Join(CISVersions, " "), version) || !number.MatchString(item) {
				t.Errorf("%s: %q in version %q", id, item, version)
			}
		}
	}
}

func TestRules_NumbersOfCISAreOfOneRuleEach(t *testing.T) {
	taken := map[string]string{}
	for id, r := range Rules() {
		for version, item := range r.Items {
			if other := taken[version+" "+item]; other != "" {
				t.Errorf("%s %s is %s and %s", version, item, id, other)
			}
			taken[version+" "+item] = id
		}
	}
}

func TestCited_OneLineAFramework(t *testing.T) {
	cite := func(how How, ids ...string) (all []Reference) {
		for _, id := range ids {
			all = append(all, Reference{Rule: Rules()[id], How: how, URL: Rules()[id].url()})
		}
		return all
	}
	references := slices.Concat(
		cite(Serves, "isms-p/2.10.2", "electronic-finance/제13조", "isms-p/2.5.1", "cis/keys-rotated"),
		cite(Helps, "security-hub/IAM.3", "cis/resource-policies"), cite(Needs, "security-hub/IAM.28", "cis/root-central"),
		[]Reference{{Title: "A page", URL: "https://example.com/"}})
	for cis, want := range map[string][]string{
		"":    {"CIS AWS Foundations Benchmark 5.0 1.13"},
		"7.0": {"CIS AWS Foundations Benchmark 7.0 2.12, 2.21"},
	} {
		want = slices.Concat([]string{"ISMS-P 2.10.2, 2.5.1", "전자금융감독규정 제13조"}, want,
			[]string{"AWS Security Hub IAM.3", "A page"})
		var got []string
		for _, r := range Cited(references, cis) {
			got = append(got, r.Title)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("cited in %q (-want +got):\n%s", cis, diff)
		}
	}
	if got := Cited(references, "")[3].URL; got !=
		"https://docs.aws.amazon.com/securityhub/latest/userguide/iam-controls.html#iam-3" {
		t.Errorf("the address of IAM.3 is %s", got)
	}
}

func TestRules_WhatIsAbolishedIsNotCited(t *testing.T) {
	for id := range Rules() {
		// Merged into the safety measures in 2023, retired in 2024, and not known to stand.
		for _, gone := range []string{"보호조치", "IAM.20", "제32조", "제13조제"} {
			if strings.Contains(id, gone) {
				t.Errorf("%s is cited", id)
			}
		}
	}
}
