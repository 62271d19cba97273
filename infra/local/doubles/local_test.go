package doubles

import (
	"bytes"
	"cmp"
	"encoding/xml"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	ebsdk "github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/warder-aws/warder/infra/local/endpoint"
	"github.com/warder-aws/warder/infra/local/eventbridge"
	"github.com/warder-aws/warder/infra/local/lambdahost"
	"github.com/warder-aws/warder/infra/local/moto"
	"github.com/warder-aws/warder/infra/local/moto/mototest"
	"github.com/warder-aws/warder/pkg/test/fakeaws"
)

// functionKey is the access key of the function that makes the calls.
const functionKey = "ASIATHEFUNCTION"

// local is the local account, moto behind the front, with the state in it. Calls are made as a function.
func local(t *testing.T, s fakeaws.State) *place {
	server := mototest.Start(t)
	direct := mototest.Config(server.URL, "any", "any")
	rules, err := eventbridge.New(t.Context(), ebsdk.NewFromConfig(direct), sqs.NewFromConfig(direct), number,
		mototest.Region, slices.Collect(maps.Keys(s.Buses)), nil)
	if err != nil {
		t.Fatal(err)
	}
	functions := lambdahost.New(nil, lambdahost.Options{})
	t.Cleanup(functions.Close)
	endpoint := httptest.NewServer(endpoint.New(endpoint.Config{
		Moto: server, EventBridge: rules, Lambda: functions, Account: number, Region: mototest.Region,
		Functions: map[string]string{functionKey: "warder-doubles"},
	}))
	t.Cleanup(endpoint.Close)
	seed(t, server, direct, s)
	cfg := mototest.Config(endpoint.URL, functionKey, "any")
	cfg.Retryer = func() aws.Retryer { return aws.NopRetryer{} }
	return newPlace(cfg)
}

// seed puts into moto what the state says, except for members, which are the front's, and for machines,
// which moto has none of.
func seed(t *testing.T, server *moto.Server, cfg aws.Config, s fakeaws.State) {
	t.Helper()
	must := func(what string, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("seed %s: %v", what, err)
		}
	}
	users := iam.NewFromConfig(cfg)
	for _, arn := range slices.Sorted(maps.Keys(s.Policies)) {
		if strings.HasPrefix(arn, "arn:aws:iam::aws:") {
			continue // moto has AWS's own
		}
		path, name := split(strings.TrimPrefix(arn, "arn:aws:iam::"+number+":policy"))
		_, err := users.CreatePolicy(t.Context(), &iam.CreatePolicyInput{
			Path: &path, PolicyName: &name, PolicyDocument: aws.String(string(s.Policies[arn])),
		})
		must(arn, err)
	}
	for name, group := range s.Groups {
		_, err := users.CreateGroup(t.Context(), &iam.CreateGroupInput{GroupName: &name})
		must(name, err)
		for _, policy := range group.Attached {
			_, err := users.AttachGroupPolicy(t.Context(), &iam.AttachGroupPolicyInput{GroupName: &name, PolicyArn: &policy})
			must(name, err)
		}
		for _, inline := range slices.Sorted(maps.Keys(group.Inline)) {
			_, err := users.PutGroupPolicy(t.Context(), &iam.PutGroupPolicyInput{
				GroupName: &name, PolicyName: &inline, PolicyDocument: aws.String(string(group.Inline[inline])),
			})
			must(name, err)
		}
	}
	for name, role := range s.Roles {
		_, err := users.CreateRole(t.Context(), &iam.CreateRoleInput{
			RoleName: &name, Path: aws.String(cmp.Or(role.Path, "/")), AssumeRolePolicyDocument: aws.String(string(document)),
		})
		must(name, err)
		for inline, text := range role.Inline {
			_, err := users.PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{
				RoleName: &name, PolicyName: &inline, PolicyDocument: aws.String(string(text)),
			})
			must(name, err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.Users)) {
		must(name, seedUser(t, server, users, name, s.Users[name]))
	}
	for name, bucket := range s.Buckets {
		seedBucket(t, server.URL+"/"+name, bucket)
	}
	for id, session := range s.Sessions {
		must(id, server.StartSession(t.Context(), moto.Session{
			Region: session.Region, ID: id, Target: session.Target, Owner: session.Owner,
		}))
	}
	for name, trail := range s.Trails {
		must(name, seedTrail(t.Context(), cfg, name, trail))
	}
	for name, recorder := range s.Recorders {
		must(name, seedRecorder(t.Context(), cfg, name, recorder))
	}
	for name, share := range s.Shares {
		must(name, seedShare(t.Context(), cfg, name, share))
	}
	must("what detects", seedDetection(t.Context(), cfg, s))
	for arn := range s.Topics {
		_, err := sns.NewFromConfig(cfg).CreateTopic(t.Context(), &sns.CreateTopicInput{
			Name: aws.String(arn[strings.LastIndex(arn, ":")+1:]),
		})
		must(arn, err)
	}
	queues := sqs.NewFromConfig(cfg)
	for url, queue := range s.Queues {
		made, err := queues.CreateQueue(t.Context(), &sqs.CreateQueueInput{
			QueueName: aws.String(url[strings.LastIndex(url, "/")+1:]),
		})
		must(url, err)
		for _, message := range queue.Messages {
			_, err := queues.SendMessage(t.Context(), &sqs.SendMessageInput{
				QueueUrl: made.QueueUrl, MessageBody: aws.String(message.Body),
			})
			must(url, err)
		}
	}
}

// split takes the name off a path.
func split(text string) (path, name string) {
	at := strings.LastIndex(text, "/") + 1
	return text[:at], text[at:]
}

func seedUser(t *testing.T, server *moto.Server, users *iam.Client, name string, user *fakeaws.User) error {
	ctx, path := t.Context(), user.Path
	if path == "" {
		path = "/"
	}
	in := &iam.CreateUserInput{UserName: &name, Path: &path}
	for key, value := range user.Tags {
		in.Tags = append(in.Tags, iamtypes.Tag{Key: aws.String(key), Value: aws.String(value)})
	}
	if user.Boundary != "" {
		in.PermissionsBoundary = &user.Boundary
	}
	if _, err := users.CreateUser(ctx, in); err != nil {
		return err
	}
	if err := server.Age(ctx, moto.Age{User: name, Created: user.Created}); err != nil {
		return err
	}
	for _, policy := range user.Attached {
		if _, err := users.AttachUserPolicy(ctx, &iam.AttachUserPolicyInput{
			UserName: &name, PolicyArn: aws.String(policy),
		}); err != nil {
			return err
		}
	}
	for _, inline := range slices.Sorted(maps.Keys(user.Inline)) {
		if _, err := users.PutUserPolicy(ctx, &iam.PutUserPolicyInput{
			UserName: &name, PolicyName: aws.String(inline), PolicyDocument: aws.String(string(user.Inline[inline])),
		}); err != nil {
			return err
		}
	}
	for _, group := range user.Groups {
		if _, err := users.AddUserToGroup(ctx, &iam.AddUserToGroupInput{
			UserName: &name, GroupName: aws.String(group),
		}); err != nil {
			return err
		}
	}
	if user.Password != nil {
		if _, err := users.CreateLoginProfile(ctx, &iam.CreateLoginProfileInput{
			UserName: &name, Password: aws.String("Only-for-the-test-1"),
		}); err != nil {
			return err
		}
	}
	for _, serial := range user.MFA {
		if _, err := users.EnableMFADevice(ctx, &iam.EnableMFADeviceInput{
			UserName: &name, SerialNumber: aws.String(serial),
			AuthenticationCode1: aws.String("123456"), AuthenticationCode2: aws.String("654321"),
		}); err != nil {
			return err
		}
	}
	for _, key := range user.Services {
		if _, err := users.CreateServiceSpecificCredential(ctx, &iam.CreateServiceSpecificCredentialInput{
			UserName: &name, ServiceName: aws.String(key.Service),
		}); err != nil {
			return err
		}
	}
	for _, key := range user.SSH {
		made, err := users.UploadSSHPublicKey(ctx, &iam.UploadSSHPublicKeyInput{
			UserName: &name, SSHPublicKeyBody: aws.String("ssh-rsa " + key.ID),
		})
		if err != nil {
			return err
		}
		age := moto.Age{Credential: *made.SSHPublicKey.SSHPublicKeyId, Created: key.Created}
		if err := server.Age(ctx, age); err != nil {
			return err
		}
	}
	for _, key := range user.Keys {
		made, err := users.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: &name})
		if err != nil {
			return err
		}
		id := *made.AccessKey.AccessKeyId
		if err := server.Age(ctx, moto.Age{AccessKey: id, Created: key.Created, LastUsed: key.Used}); err != nil {
			return err
		}
		if key.Status == string(iamtypes.StatusTypeInactive) {
			if _, err := users.UpdateAccessKey(ctx, &iam.UpdateAccessKeyInput{
				UserName: &name, AccessKeyId: &id, Status: iamtypes.StatusTypeInactive,
			}); err != nil {
				return err
			}
		}
	}
	return nil
}

func seedBucket(t *testing.T, url string, bucket *fakeaws.Bucket) {
	t.Helper()
	put := func(url string, body any) {
		t.Helper()
		var data []byte
		if body != nil {
			var err error
			if data, err = xml.Marshal(body); err != nil {
				t.Fatal(err)
			}
		}
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPut, url, bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		// moto knows by the credential's scope which service is meant.
		request.Header.Set("Authorization",
			fmt.Sprintf("AWS4-HMAC-SHA256 Credential=any/%s/%s/s3/aws4_request, SignedHeaders=host, Signature=none",
				time.Now().Format("20060102"), bucket.Region))
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		if said, _ := io.ReadAll(answer.Body); answer.StatusCode >= http.StatusMultipleChoices {
			t.Fatalf("seed %s: %s %s", url, answer.Status, said)
		}
	}
	var where any
	if bucket.Region != mototest.Region {
		where = struct {
			XMLName            xml.Name `xml:"CreateBucketConfiguration"`
			LocationConstraint string
		}{LocationConstraint: bucket.Region}
	}
	put(url, where)
	type tag struct{ Key, Value string }
	var tags []tag
	for key, value := range bucket.Tags {
		tags = append(tags, tag{key, value})
	}
	if len(tags) > 0 {
		put(url+"?tagging", struct {
			XMLName xml.Name `xml:"Tagging"`
			Tags    []tag    `xml:"TagSet>Tag"`
		}{Tags: tags})
	}
	if bucket.Block != nil {
		t.Fatal("a bucket gets its block in the trial")
	}
}
