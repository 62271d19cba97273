package policy

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/warder-aws/warder/pkg/test/iamsim"
)

func TestNarrow(t *testing.T) {
	uses := Uses{
		"s3":  {Used: true, Actions: map[string]bool{"ListAllMyBuckets": true, "DeleteBucket": false}},
		"ec2": {Used: true, Actions: map[string]bool{"DescribeInstances": true, "StopInstances": false}},
		"sns": {Used: true}, "sqs": {},
	}
	allow := func(action string) string {
		return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":` + action + `,"Resource":"*"}]}`
	}
	for _, c := range []struct{ name, before, after string }{
		{"what was used stays", allow(`"s3:ListAllMyBuckets"`), allow(`"s3:ListAllMyBuckets"`)},
		{"what was not used goes", allow(`["s3:DeleteBucket", "s3:listallmybuckets"]`), allow(`"s3:listallmybuckets"`)},
		{"what is not tracked stays", allow(`["s3:GetObject","sqs:SendMessage"]`), allow(`"s3:GetObject"`)},
		{"a service without actions stays whole", allow(`["sns:*","sqs:*"]`), allow(`"sns:*"`)},
		{"a service that is not told of stays", allow(`["kms:Decrypt","sqs:*"]`), allow(`"kms:Decrypt"`)},
		{"a wildcard that nobody knows the end of stays", allow(`["ec2:*","ec2:StopInstances"]`), allow(`"ec2:*"`)},
		{"a wildcard is replaced", allow(`"s3:Delete*"`), allow(`["s3:Delete*Object*","s3:Delete*Multipart*",` +
			`"s3:Delete*Session*","s3:Delete*Retention*","s3:Delete*Tag*"]`)},
		{"wildcards in a word stay", allow(`["s3:Delete?ucket","s*:DeleteBucket","sqs:*"]`),
			allow(`["s3:Delete?ucket","s*:DeleteBucket"]`)},
		{"a part that begins in the prefix stays", allow(`["s3:GetOb*","sqs:*"]`), ""},
		{"statements that deny stay, one that is empty goes",
			`{"Statement": [ {"Effect":"Allow","Action":"sqs:*","Resource":"*"}, {"Effect":"Deny","Action":"sqs:*","Resource":"*"} ]}`,
			`{"Statement": [ {"Effect":"Deny","Action":"sqs:*","Resource":"*"} ]}`},
		{"NotAction is left alone",
			`{"Statement":{"Effect":"Allow","NotAction":"sqs:*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":"true"}}}}`,
			`{"Statement":{"Effect":"Allow","NotAction":"sqs:*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":"true"}}}}`},
		{"nothing would be left", allow(`"sqs:*"`), allow(`"sqs:*"`)},
	} {
		t.Run(c.name, func(t *testing.T) {
			n, err := Narrow(c.before, uses)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.after, n.Document); diff != "" && c.after != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if !Narrower(c.before, n.Document) {
				t.Errorf("%s is not narrower than %s", n.Document, c.before)
			}
		})
	}
	if _, err := Narrow(`{"Statement":{"Effect":"Allow","Action":"a:b","Action":"sqs:*","Resource":"*"}}`, uses); err == nil {
		t.Error("a document with an element twice is narrowed")
	}
}

func TestNarrower_Refuses(t *testing.T) {
	before := `{"Statement":[{"Effect":"Allow","Action":"s3:Get*","Resource":"*"},` +
		`{"Effect":"Deny","Action":"s3:GetObject","Resource":"*"}]}`
	for _, after := range []string{
		"", "{", `{"Statement":[]}`,
		strings.Replace(before, "s3:Get*", "s3:*", 1), strings.Replace(before, "s3:Get*", "s3:Put*", 1),
		strings.Replace(before, `"s3:GetObject"`, `"s3:GetObjectAcl"`, 1), strings.Replace(before, "Deny", "Allow", 1),
		strings.Replace(before, `,"Resource":"*"},`, `,"Resource":"*","Condition":{}},`, 1),
		`{"Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}]}`,
		strings.Replace(before, `"Action":"s3:Get*"`, `"NotAction":"s3:Get*"`, 1),
		strings.Replace(before, `{"Statement"`, `{"Version":"2012-10-17","Statement"`, 1),
	} {
		if Narrower(before, after) {
			t.Errorf("narrower: %s", after)
		}
	}
}

// world are actions that there are, and whether IAM tells their last use.
var world = map[string]map[string]bool{
	"s3": {
		"CreateBucket": true, "DeleteBucket": true, "GetBucketPolicy": true, "PutBucketPolicy": true, "GetObject": false,
		"PutObject": false, "ListBucket": false, "PutBucketTagging": false, "DeleteObjectTagging": false,
	},
	"ec2": {
		"DescribeInstances": true, "RunInstances": true, "StopInstances": true, "TerminateInstances": true,
		"CreateTags": false,
	},
	"iam": {
		"CreateUser": true, "DeleteUser": true, "GetUser": true, "CreateRole": true, "PassRole": false, "TagUser": false,
	},
	"sqs":      {"CreateQueue": true, "DeleteQueue": true, "SendMessage": false, "ReceiveMessage": false},
	"dynamodb": {"CreateTable": true, "DeleteTable": true, "GetItem": false, "Query": false, "BatchWriteItem": false},
	"sns":      {"Publish": false, "CreateTopic": false, "DeleteTopic": false}, // no actions are told of
}

// at is a resource that an action takes.
func at(action string) string {
	service, name, _ := strings.Cut(action, ":")
	switch {
	case service == "s3" && strings.Contains(name, "Object"):
		return "arn:aws:s3:::bucket/key"
	case service == "s3":
		return "arn:aws:s3:::bucket"
	case name == "DescribeInstances":
		return "*"
	case service == "ec2":
		return "arn:aws:ec2:us-east-1:111122223333:instance/i-0123456789abcdef0"
	case name == "CreateRole" || name == "PassRole":
		return "arn:aws:iam::111122223333:role/r"
	case service == "iam":
		return "arn:aws:iam::111122223333:user/u"
	case service == "dynamodb":
		return "arn:aws:dynamodb:us-east-1:111122223333:table/t"
	}
	return "arn:aws:" + service + ":us-east-1:111122223333:q"
}

const alice = "arn:aws:iam::111122223333:user/alice"

// asks is a principal with a policy, and what is asked about it.
func asks(document string, requests []iamsim.Request) iamsim.Principal {
	return iamsim.Principal{ARN: alice, Policies: []json.RawMessage{json.RawMessage(document)}, Requests: requests}
}

// Of random principals with random use: nothing that was used is denied, nothing is allowed that was not.
func TestNarrow_AgreesWithTheSimulator(t *testing.T) {
	count := 1050
	if testing.Short() {
		count = 100
	}
	r := rand.New(rand.NewPCG(17, 4))
	var names []string
	for service, actions := range world {
		for action := range actions {
			names = append(names, service+":"+action)
		}
	}
	slices.Sort(names)
	pick := func(all []string) string { return all[r.IntN(len(all))] }
	pattern := func() string {
		action := pick(names)
		service, name, _ := strings.Cut(action, ":")
		switch r.IntN(8) {
		case 0:
			return "*"
		case 1, 2:
			return service + ":*"
		case 3:
			return service + ":" + name[:1+r.IntN(len(name))] + "*"
		case 4:
			return strings.ToUpper(action)
		}
		return action
	}
	document := func() string {
		var all []string
		for range 1 + r.IntN(3) {
			effect, key := "Allow", "Action"
			if r.IntN(6) == 0 {
				effect = "Deny"
			}
			if r.IntN(10) == 0 {
				key = "NotAction"
			}
			var patterns []string
			for range 1 + r.IntN(4) {
				patterns = append(patterns, pattern())
			}
			text, _ := json.Marshal(patterns)
			all = append(all, fmt.Sprintf(`{ "Effect": %q, %q: %s, "Resource": "*" }`, effect, key, text))
		}
		return `{ "Version": "2012-10-17", "Statement": [` + strings.Join(all, ", ") + `] }`
	}
	var before, after []iamsim.Principal
	var documents []string
	asked := make([][]string, count) // of each principal some, for the simulator takes its time
	for i := range count {
		text := document()
		var requests []iamsim.Request
		for _, k := range r.Perm(len(names))[:8] {
			asked[i] = append(asked[i], names[k])
			requests = append(requests, iamsim.Request{Action: names[k], Resource: at(names[k])})
		}
		documents = append(documents, text)
		before = append(before, asks(text, requests))
	}
	could, err := iamsim.Ask(t.Context(), before)
	if err != nil {
		t.Fatal(err)
	}
	used := make([]map[string]bool, count)
	for i, text := range documents {
		// It uses some of what it may, and IAM tells what it tells.
		used[i] = map[string]bool{}
		uses, share := Uses{}, r.IntN(5)
		for service, actions := range world {
			use := Use{Actions: map[string]bool{}}
			for action, tracked := range actions {
				if tracked {
					use.Actions[action] = false
				}
			}
			for k, name := range asked[i] {
				of, action, _ := strings.Cut(name, ":")
				if of != service || could[i][k] != iamsim.Allowed || r.IntN(5) >= share || r.IntN(2) == 0 {
					continue
				}
				used[i][name], use.Used = true, true
				if actions[action] {
					use.Actions[action] = true
				}
			}
			uses[service] = use
		}
		n, err := Narrow(text, uses)
		if err != nil {
			t.Fatal(err)
		}
		if !Narrower(text, n.Document) {
			t.Errorf("not narrower:\n%s\n%s", text, n.Document)
		}
		after = append(after, asks(n.Document, before[i].Requests))
	}
	can, err := iamsim.Ask(t.Context(), after)
	if err != nil {
		t.Fatal(err)
	}
	unused, gone := 0, 0
	for i := range documents {
		for k, name := range asked[i] {
			was, is := could[i][k] == iamsim.Allowed, can[i][k] == iamsim.Allowed
			switch {
			case is && !was:
				t.Errorf("%s is allowed by\n%s\nand not by\n%s", name, after[i].Policies[0], documents[i])
			case was && !is && used[i][name]:
				t.Errorf("%s was used, and is not allowed by\n%s\nany more:\n%s", name, documents[i], after[i].Policies[0])
			}
			if was && !used[i][name] {
				unused++
				if !is {
					gone++
				}
			}
		}
	}
	t.Logf("%d principals: of %d actions that were allowed and not used %d are gone (%d %%)",
		count, unused, gone, 100*gone/unused)
	if gone == 0 {
		t.Error("nothing goes")
	}
}
