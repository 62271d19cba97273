package event

import (
	"cmp"
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Threat is one finding of Amazon GuardDuty. The first is sent within five minutes, and again as long as it goes on,
// every six hours unless the account chose otherwise, with the same ID and a higher Count; best effort. A delegated
// administrator gets those of its members as well: Account is whose it is.
//
// https://docs.aws.amazon.com/guardduty/latest/ug/guardduty_findings_eventbridge.html
type Threat struct {
	ID       string
	Type     string  // such as "UnauthorizedAccess:IAMUser/TorIPCaller"
	Severity float64 // 1 to 10; 7 and above is high, 9 and above critical
	Title    string  // AWS's words; they may hold names that the attacker chose
	Account  string
	Region   string

	Sample   bool // made on request, to try things out: nothing happened
	Archived bool

	Resource    string // resource.resourceType: "AccessKey", "S3Bucket", "AttackSequence" for several steps, and others
	Credentials []Credential

	Count       int // how often it was seen, 1 or more
	First, Last time.Time
	API         string // the last call, empty if it was none
	Remote      string // the address it came from; empty if the finding has none
	Country     string
}

// Credential is whose credentials a threat is about.
//
// https://docs.aws.amazon.com/guardduty/latest/APIReference/API_AccessKeyDetails.html
type Credential struct {
	AccessKeyID string // AKIA… of a user or the root user, ASIA… of a session; of a sample "GeneratedFinding…"
	PrincipalID string // AIDA… of an IAM user, AROA…:NAME of a role's session
	UserName    string // of an IAM user or, with another UserType, of the role or session
	UserType    string // "IAMUser", "Root", "AssumedRole", "Role", "FederatedUser" and others
}

func (*Threat) detail() {}

// key names the finding in its account and whose credentials it is about, the same for each time that it is sent: an
// update may add actors.
func (t *Threat) key() string {
	return "guardduty:" + t.Account + ":" + t.ID + ":" + said(t.Credentials)
}

// threat reads a GuardDuty finding. It wants the id, the type and a severity that is a number.
func threat(detail Fields, e Event) (Detail, time.Time, error) {
	if err := detail.require("a finding", "id", "type"); err != nil {
		return nil, time.Time{}, err
	}
	severity, err := strconv.ParseFloat(detail.text("severity"), 64)
	if err != nil || math.IsNaN(severity) || math.IsInf(severity, 0) {
		return nil, time.Time{}, &Error{"detail.severity", "missing or not a number"}
	}
	service := detail.Object("service")
	call := service.Object("action", "awsApiCallAction")
	remote := call.Object("remoteIpDetails")
	return &Threat{
		ID:          detail.text("id"),
		Type:        detail.text("type"),
		Severity:    severity,
		Title:       detail.text("title"),
		Account:     cmp.Or(detail.text("accountId"), e.Account),
		Region:      cmp.Or(detail.text("region"), e.Region),
		Archived:    service.bool("archived"),
		Sample:      sample(service.Object("additionalInfo")),
		Resource:    detail.text("resource", "resourceType"),
		Credentials: credentials(detail, service),
		Count:       service.count("count"),
		First:       service.time("eventFirstSeen"),
		Last:        service.time("eventLastSeen"),
		API:         call.text("api"),
		Remote:      cmp.Or(remote.text("ipAddressV4"), remote.text("ipAddressV6")),
		Country:     remote.text("country", "countryName"),
	}, detail.time("updatedAt"), nil
}

// credentials is those of the resource, and of an attack sequence those of its actors and of the access keys among its
// resources. An actor or a resource that is something else has none.
//
// https://docs.aws.amazon.com/guardduty/latest/APIReference/API_Sequence.html
// https://docs.aws.amazon.com/guardduty/latest/APIReference/API_ResourceV2.html
func credentials(detail, service Fields) []Credential {
	var all []Credential
	for _, details := range each(detail.Object("resource"), "accessKeyDetails") {
		all = append(all, keyDetails(details))
	}
	sequence := service.Object("detection", "sequence")
	for _, actor := range each(sequence, "actors") {
		user := actor.Object("user")
		all = append(all, Credential{
			AccessKeyID: user.text("credentialUid"), PrincipalID: user.text("uid"),
			UserName: user.text("name"), UserType: user.text("type"),
		})
	}
	for _, resource := range each(sequence, "resources") {
		kind := strings.ReplaceAll(resource.text("resourceType"), "_", "")
		details := resource.Object("data", "accessKey")
		if !strings.EqualFold(kind, "AccessKey") && details == nil {
			continue
		}
		c := keyDetails(details)
		c.AccessKeyID = cmp.Or(c.AccessKeyID, resource.text("uid"), resource.text("name"))
		all = append(all, c)
	}
	var distinct []Credential
	for _, c := range all {
		if c != (Credential{}) && !slices.Contains(distinct, c) {
			distinct = append(distinct, c)
		}
	}
	return distinct
}

// each is the objects by a name: those of a list, or the one that is there without a list.
func each(f Fields, name string) []Fields {
	if one := f.Object(name); one != nil {
		return []Fields{one}
	}
	return f.Objects(name)
}

func keyDetails(f Fields) Credential {
	return Credential{
		AccessKeyID: f.text("accessKeyId"), PrincipalID: f.text("principalId"),
		UserName: f.text("userName"), UserType: f.text("userType"),
	}
}

// sample reports whether the finding was made on request. GuardDuty says so in a field of its own, or in an
// object that is written as text in "value".
//
// https://docs.aws.amazon.com/guardduty/latest/ug/sample_findings.html
func sample(info Fields) bool {
	if info.bool("sample") {
		return true
	}
	var inner Fields
	d := json.NewDecoder(strings.NewReader(info.text("value")))
	return d.Decode(&inner) == nil && inner.bool("sample")
}
