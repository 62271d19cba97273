package quarantine_test

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/policy"
	"github.com/warder-aws/warder/pkg/quarantine"
	"github.com/warder-aws/warder/pkg/test/fakeaws"
	"github.com/warder-aws/warder/pkg/test/iamsim"
)

const (
	key     = "arn:aws:iam::111122223333:policy/warder/warder-key-quarantine"
	outside = "arn:aws:iam::111122223333:policy/warder/warder-outside-quarantine"
)

// request is what IAM knows of a request; an empty field is a key that is missing.
type request struct {
	sourceIP, vpcSourceIP, sourceVpce, vpceAccount string
	viaAWSService                                  bool
}

// denied evaluates the document as IAM does, for the operators that it uses: within a statement all
// conditions have to hold, and a negated one holds of a missing key.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
func denied(t *testing.T, document string, r request) bool {
	t.Helper()
	var d struct {
		Statement []struct {
			Effect, Action, Resource string
			Condition                map[string]map[string]any
		}
	}
	if err := json.Unmarshal([]byte(document), &d); err != nil {
		t.Fatal(err)
	}
	keys := map[string]string{
		"aws:SourceIp": r.sourceIP, "aws:VpcSourceIp": r.vpcSourceIP, "aws:SourceVpce": r.sourceVpce,
		"aws:VpceAccount":   r.vpceAccount,
		"aws:ViaAWSService": fmt.Sprint(r.viaAWSService),
	}
	for _, s := range d.Statement {
		if s.Effect != "Deny" || s.Action != "*" || s.Resource != "*" {
			t.Fatalf("statement %+v, want one that denies everything", s)
		}
		holds := true
		for operator, conditions := range s.Condition {
			for name, want := range conditions {
				value, known := keys[name]
				if !known {
					t.Fatalf("condition key %s is not known", name)
				}
				switch operator {
				case "Bool":
					holds = holds && value == want
				case "Null":
					holds = holds && fmt.Sprint(value == "") == want
				case "StringNotEquals":
					if want != "${aws:PrincipalAccount}" {
						t.Fatalf("%s of %s: %v", operator, name, want)
					}
					holds = holds && value != "111122223333"
				case "NotIpAddress":
					for _, network := range want.([]any) {
						if a, err := netip.ParseAddr(value); err == nil && netip.MustParsePrefix(network.(string)).Contains(a) {
							holds = false
						}
					}
				default:
					t.Fatalf("operator %s is not known", operator)
				}
			}
		}
		if holds {
			return true
		}
	}
	return false
}

func TestTheOutsideQuarantineLetsThroughWhatComesFromTheNetworks(t *testing.T) {
	document := quarantine.OutsideDocument([]netip.Prefix{
		netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("2001:db8::/32"), netip.MustParsePrefix("10.0.0.0/8"),
	})
	for _, tt := range []struct {
		name   string
		from   request
		denied bool
	}{
		{"from inside", request{sourceIP: "203.0.113.9"}, false},
		{"from inside, IPv6", request{sourceIP: "2001:db8::9"}, false},
		{"from outside", request{sourceIP: "198.51.100.9"}, true},
		{"from outside, IPv6", request{sourceIP: "3fff::9"}, true},
		{"from an address that only looks alike", request{sourceIP: "203.0.11.39"}, true},
		{"by AWS, for a call of the user's", request{sourceIP: "198.51.100.9", viaAWSService: true}, false},
		{"through the account's own endpoint, from a network that is listed", request{vpcSourceIP: "10.1.2.3",
			sourceVpce: "vpce-1", vpceAccount: "111122223333"}, false},
		{"through the account's own endpoint, from another network", request{vpcSourceIP: "172.16.0.1",
			sourceVpce: "vpce-1", vpceAccount: "111122223333"}, true},
		{"through somebody else's endpoint, from an address that is listed", request{vpcSourceIP: "10.1.2.3",
			sourceVpce: "vpce-2", vpceAccount: "444455556666"}, true},
		{"through an endpoint of which nobody says whose it is", request{vpcSourceIP: "10.1.2.3", sourceVpce: "vpce-3"},
			true},
		{"from nowhere that is known", request{}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := denied(t, document, tt.from); got != tt.denied {
				t.Errorf("denied %v, want %v", got, tt.denied)
			}
		})
	}
}

func TestTheKeyQuarantineDeniesEverything(t *testing.T) {
	for _, from := range []request{{sourceIP: "203.0.113.9"}, {sourceIP: "198.51.100.9", viaAWSService: true}, {}} {
		if !denied(t, quarantine.KeyDocument(), from) {
			t.Errorf("%+v is not denied", from)
		}
	}
}

func TestOtherControlsTakeTheDocumentsForWhatTheyAre(t *testing.T) {
	for _, document := range []string{quarantine.KeyDocument(), quarantine.MFADocument(),
		quarantine.OutsideDocument([]netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")})} {
		if denies, err := policy.Denies(document); !denies || err != nil {
			t.Errorf("Denies = %v, %v: %s", denies, err, document)
		}
		if administers, err := policy.Administers(document); administers || err != nil {
			t.Errorf("Administers = %v, %v: %s", administers, err, document)
		}
	}
}

// The simulator of IAM that is not Warder's says what a user can do under the lock.
func TestMFADocument(t *testing.T) {
	// A request that is signed with an access key does not say anything about MFA.
	byKey := map[string]string{"aws:username": "bob"}
	with := map[string]string{"aws:username": "bob", "aws:MultiFactorAuthPresent": "true"}
	without := map[string]string{"aws:username": "bob", "aws:MultiFactorAuthPresent": "false"}
	for _, user := range []string{"arn:aws:iam::111122223333:user/bob", "arn:aws:iam::111122223333:user/team/bob"} {
		cases := []struct {
			name, action, resource string
			context                map[string]string
			want                   iamsim.Answer
		}{
			{"console without MFA", "s3:ListBucket", "arn:aws:s3:::reports", without, iamsim.ExplicitlyDenied},
			{"console with MFA", "s3:ListBucket", "arn:aws:s3:::reports", with, iamsim.Allowed},
			{"a program with an access key", "s3:ListBucket", "arn:aws:s3:::reports", byKey, iamsim.Allowed},
			{"a new virtual device", "iam:CreateVirtualMFADevice", "arn:aws:iam::111122223333:mfa/bob", without, iamsim.Allowed},
			{"the device for oneself", "iam:EnableMFADevice", user, without, iamsim.Allowed},
			{"the device for another", "iam:EnableMFADevice", "arn:aws:iam::111122223333:user/eve", without,
				iamsim.ExplicitlyDenied},
			{"one's own devices", "iam:ListMFADevices", user, without, iamsim.Allowed},
			{"one's own password", "iam:ChangePassword", user, without, iamsim.Allowed},
			{"what passwords have to be", "iam:GetAccountPasswordPolicy", "*", without, iamsim.Allowed},
			{"another's password", "iam:ChangePassword", "arn:aws:iam::111122223333:user/eve", without, iamsim.ExplicitlyDenied},
			{"a key for oneself", "iam:CreateAccessKey", user, without, iamsim.ExplicitlyDenied},
			{"the policy off oneself", "iam:DetachUserPolicy", user, without, iamsim.ExplicitlyDenied},
			{"a role", "sts:AssumeRole", "arn:aws:iam::111122223333:role/admin", without, iamsim.ExplicitlyDenied},
			{"the device off oneself", "iam:DeactivateMFADevice", user, without, iamsim.ExplicitlyDenied},
		}
		p := iamsim.Principal{ARN: user, Policies: []json.RawMessage{
			json.RawMessage(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`),
			json.RawMessage(quarantine.MFADocument()),
		}}
		for _, c := range cases {
			p.Requests = append(p.Requests, iamsim.Request{Action: c.action, Resource: c.resource, Context: c.context})
		}
		answers, err := iamsim.Ask(t.Context(), []iamsim.Principal{p})
		if err != nil {
			t.Fatal(err)
		}
		for i, c := range cases {
			if answers[0][i] != c.want {
				t.Errorf("%s, %s: %s, want %s", user, c.name, answers[0][i], c.want)
			}
		}
	}
}

func policies(n int, more ...string) []string {
	for i := range n {
		more = append(more, fmt.Sprintf("arn:aws:iam::aws:policy/P%d", i))
	}
	return more
}

func TestAt(t *testing.T) {
	attach := change.Change{Kind: change.Quarantine, Subject: "bob", Target: outside, After: "attached"}
	join := change.Change{
		Kind:    change.QuarantineGroup,
		Subject: "bob",
		Target:  "warder-outside-quarantine",
		After:   "member",
	}
	full := i18n.T(
		"%s has %d policies attached, which is the limit: the quarantine policy comes with the group %s instead.", "bob", 10,
		"warder-outside-quarantine",
	)
	for _, tt := range []struct {
		name string
		user fakeaws.User
		want quarantine.Inspection
	}{
		{"a user with room", fakeaws.User{Attached: policies(9)}, quarantine.Inspection{Change: attach}},
		{"a user without room", fakeaws.User{Attached: policies(10), Groups: []string{"a", "b", "c"}},
			quarantine.Inspection{Change: join, Note: full}},
		{"a user who has it, on a later page", fakeaws.User{Attached: policies(5, outside)}, quarantine.Inspection{In: true}},
		{"a user under the stronger one", fakeaws.User{Attached: policies(5, key)}, quarantine.Inspection{In: true}},
		{"a user without room who is in the group", fakeaws.User{Attached: policies(10), Groups: []string{"a", "b",
			"warder-outside-quarantine"}}, quarantine.Inspection{In: true}},
		{"a user without room who is in the group of the stronger one", fakeaws.User{Attached: policies(10),
			Groups: []string{"warder-key-quarantine"}}, quarantine.Inspection{In: true}},
		{"a user who has it, named in another case",
			fakeaws.User{Attached: []string{"arn:aws:iam::111122223333:policy/warder/Warder-Outside-Quarantine"}},
			quarantine.Inspection{In: true}},
		{"a user without room who is in the group, named in another case", fakeaws.User{Attached: policies(10),
			Groups: []string{"Warder-Key-Quarantine"}}, quarantine.Inspection{In: true}},
		{"a user with a policy named alike",
			fakeaws.User{Attached: []string{"arn:aws:iam::111122223333:policy/warder-outside-quarantine"}},
			quarantine.Inspection{Change: attach}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := quarantine.At(
				t.Context(), fakeaws.New(fakeaws.State{Users: map[string]*fakeaws.User{"bob": &tt.user}}).IAM(), "bob", outside,
			)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got, cmp.Transformer("text", i18n.Message.String)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	t.Run("the weaker one is not enough", func(t *testing.T) {
		a := fakeaws.New(fakeaws.State{Users: map[string]*fakeaws.User{"bob": {Attached: []string{outside}}}})
		if got, err := quarantine.At(t.Context(), a.IAM(), "bob", key); got.In || err != nil {
			t.Errorf("At = %+v, %v", got, err)
		}
	})
	t.Run("a user who is gone", func(t *testing.T) {
		if _, err := quarantine.At(t.Context(), fakeaws.New(fakeaws.State{}).IAM(), "bob", key); !change.NotFound(err) {
			t.Errorf("error %v, want one that says the user is gone", err)
		}
	})
	t.Run("a policy that is no quarantine", func(t *testing.T) {
		a := fakeaws.New(fakeaws.State{Users: map[string]*fakeaws.User{"bob": {}}})
		if _, err := quarantine.At(t.Context(), a.IAM(), "bob", "arn:aws:iam::aws:policy/AdministratorAccess"); err == nil {
			t.Error("no error")
		}
	})
}
