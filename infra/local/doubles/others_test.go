package doubles

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	ebtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	snstypes "github.com/aws/aws-sdk-go-v2/service/sns/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	ststypes "github.com/aws/aws-sdk-go-v2/service/sts/types"

	"github.com/warder-aws/warder/infra/local/endpoint"
	"github.com/warder-aws/warder/pkg/s3"
	"github.com/warder-aws/warder/pkg/test/fakeaws"
)

// members is the member account that the front has.
func members() map[string]*fakeaws.Member {
	return map[string]*fakeaws.Member{endpoint.Member: {Keys: []fakeaws.Key{
		{ID: "AKIAEXAMPLEROOT00001", Status: "Active", Created: time.Date(2015, 3, 4, 8, 0, 0, 0, time.UTC)},
	}}}
}

// The tasks that a session as root can be for.
const (
	audit  = "IAMAuditRootUserCredentials"
	remove = "IAMDeleteRootUserCredentials"
)

// asRoot begins a session as the root user of the member for a task.
func (p *place) asRoot(member, task string, seconds int32) (*iam.Client, *ststypes.Credentials, error) {
	out, err := p.sts.AssumeRoot(p.t.Context(), &sts.AssumeRootInput{
		TargetPrincipal: &member, DurationSeconds: &seconds, TaskPolicyArn: &ststypes.PolicyDescriptorType{
			Arn: aws.String("arn:aws:iam::aws:policy/root-task/" + task),
		},
	})
	if err != nil {
		return nil, nil, err
	}
	own := p.cfg.Copy()
	own.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{
			AccessKeyID: *out.Credentials.AccessKeyId, SecretAccessKey: *out.Credentials.SecretAccessKey,
			SessionToken: *out.Credentials.SessionToken,
		}, nil
	})
	return iam.NewFromConfig(own), out.Credentials, nil
}

func begin(member, task string, seconds int32) func(*place, string) (string, error) {
	return func(p *place, _ string) (string, error) {
		_, keys, err := p.asRoot(member, task, seconds)
		if err != nil {
			return "", err
		}
		return fmt.Sprintf("%s, secret: %v, token: %v, until: %v", (*keys.AccessKeyId)[:4], *keys.SecretAccessKey != "",
			*keys.SessionToken != "", keys.Expiration != nil), nil
	}
}

func rootKeys(task string) func(*place, string) (string, error) {
	return func(p *place, _ string) (string, error) {
		root, _, err := p.asRoot(endpoint.Member, task, 900)
		if err != nil {
			return "", err
		}
		out, err := root.ListAccessKeys(p.t.Context(), &iam.ListAccessKeysInput{})
		if err != nil {
			return "", err
		}
		var words []string
		for _, key := range out.AccessKeyMetadata {
			words = append(words, fmt.Sprintf("%s %s %s", *key.AccessKeyId, key.Status, day(key.CreateDate)))
		}
		return cmp.Or(strings.Join(words, ", "), "none"), nil
	}
}

func deleteRootKey(task, key string) func(*place, string) (string, error) {
	return func(p *place, id string) (string, error) {
		root, _, err := p.asRoot(endpoint.Member, task, 900)
		if err != nil {
			return "", err
		}
		if _, err := root.DeleteAccessKey(p.t.Context(), &iam.DeleteAccessKeyInput{AccessKeyId: &key}); err != nil {
			return "", err
		}
		return rootKeys(audit)(p, id)
	}
}

var rootSessions = []trial{
	{
		operation: "sts:AssumeRoot", name: "a session of a member's root user",
		want: "ASIA, secret: true, token: true, until: true", do: begin(endpoint.Member, audit, 900),
	},
	{
		operation: "sts:AssumeRoot", name: "an account that is no member", want: "AccessDenied",
		do: begin("999999999999", audit, 900),
	},
	{
		operation: "sts:AssumeRoot", name: "more than 15 minutes", want: "ValidationError",
		do: begin(endpoint.Member, audit, 3600),
	},
	{
		operation: "iam:ListAccessKeys", name: "of root, in a session that may look",
		want: "AKIAEXAMPLEROOT00001 Active 2015-03-04", do: rootKeys(audit),
	},
	{
		operation: "iam:DeleteAccessKey", name: "of root, in a session that may look", want: "AccessDenied",
		do: deleteRootKey(audit, "AKIAEXAMPLEROOT00001"),
	},
	{
		operation: "iam:DeleteAccessKey", name: "of root, one that is not there", want: "NoSuchEntity",
		do: deleteRootKey(remove, noKey),
	},
	{
		operation: "iam:DeleteAccessKey", name: "of root, in a session that may delete", want: "none",
		do: deleteRootKey(remove, "AKIAEXAMPLEROOT00001"),
	},
}

func session(id string) fakeaws.State {
	return fakeaws.State{
		Sessions: map[string]*fakeaws.Session{
			id: {Region: "eu-west-1", Target: "i-1", Owner: "arn:aws:iam::" + number + ":user/kim"},
		},
	}
}

func in(region string) func(*ssm.Options) { return func(o *ssm.Options) { o.Region = region } }

func (p *place) sessions(id, region string) (string, error) {
	out, err := p.ssm.DescribeSessions(p.t.Context(), &ssm.DescribeSessionsInput{
		State: ssmtypes.SessionStateActive, Filters: []ssmtypes.SessionFilter{
			{Key: ssmtypes.SessionFilterKeySessionId, Value: &id},
		},
	}, in(region))
	if err != nil {
		return "", err
	}
	var words []string
	for _, s := range out.Sessions {
		words = append(words, fmt.Sprintf("%s %s %s %s", *s.SessionId, *s.Target, *s.Owner, s.Status))
	}
	return cmp.Or(strings.Join(words, ", "), "none"), nil
}

func terminate(times int) func(*place, string) (string, error) {
	return func(p *place, id string) (string, error) {
		for range times {
			out, err := p.ssm.TerminateSession(p.t.Context(), &ssm.TerminateSessionInput{SessionId: &id}, in("eu-west-1"))
			if err != nil {
				return "", err
			}
			if *out.SessionId != id {
				return *out.SessionId, nil
			}
		}
		return p.sessions(id, "eu-west-1")
	}
}

var systems = []trial{
	{
		operation: "ssm:DescribeSessions", name: "a session in its region",
		want: "ID i-1 arn:aws:iam::" + number + ":user/kim Connected", state: session,
		do: func(p *place, id string) (string, error) { return p.sessions(id, "eu-west-1") },
	},
	{
		operation: "ssm:DescribeSessions", name: "in another region", want: "none", state: session,
		do: func(p *place, id string) (string, error) { return p.sessions(id, "us-east-1") },
	},
	{
		operation: "ssm:DescribeSessions", name: "a session that is not there", want: "none",
		do: func(p *place, id string) (string, error) { return p.sessions(id, "eu-west-1") },
	},
	{operation: "ssm:TerminateSession", name: "a session that is active", want: "none", state: session, do: terminate(1)},
	{operation: "ssm:TerminateSession", name: "twice", unsaid: true, want: "none", state: session, do: terminate(2)},
	{operation: "ssm:TerminateSession", name: "one that is not there",
		moto: "none", why: "functions take either as gone already",
		want: "DoesNotExistException", unsaid: true, do: terminate(1)},
	{operation: "ssm:DescribeInstanceInformation", name: "machines with a tag",
		moto: "none", why: "the local account has no machines; stories have",
		want: "ID",
		state: func(id string) fakeaws.State {
			return fakeaws.State{
				Nodes: map[string]*fakeaws.Node{
					id: {Region: "us-east-1", Tags: map[string]string{id: "yes"}}, id + "-other": {Region: "us-east-1"},
				},
			}
		},
		do: (*place).machines},
	{operation: "ssm:DescribeInstanceInformation", name: "a tag that no machine has", want: "none", do: (*place).machines},
}

func (p *place) machines(id string) (string, error) {
	out, err := p.ssm.DescribeInstanceInformation(p.t.Context(), &ssm.DescribeInstanceInformationInput{
		Filters: []ssmtypes.InstanceInformationStringFilter{{Key: aws.String("tag:" + id), Values: []string{"yes"}}},
	})
	if err != nil {
		return "", err
	}
	var words []string
	for _, m := range out.InstanceInformationList {
		words = append(words, *m.InstanceId)
	}
	return cmp.Or(strings.Join(words, " "), "none"), nil
}

// versions of a secret; the form of the SDK's own tokens.
const (
	first  = "11111111-1111-4111-8111-111111111111"
	second = "22222222-2222-4222-8222-222222222222"
)

func (p *place) createSecret(id string) error {
	_, err := p.secrets.CreateSecret(p.t.Context(), &secretsmanager.CreateSecretInput{
		Name: &id, Description: aws.String("of the test"),
	})
	return err
}

func (p *place) putSecret(id, version, value string) error {
	_, err := p.secrets.PutSecretValue(p.t.Context(), &secretsmanager.PutSecretValueInput{
		SecretId: &id, ClientRequestToken: &version, SecretString: &value,
	})
	return err
}

func (p *place) deleteSecret(id string, days int64) error {
	_, err := p.secrets.DeleteSecret(p.t.Context(), &secretsmanager.DeleteSecretInput{
		SecretId: &id, RecoveryWindowInDays: &days,
	})
	return err
}

func (p *place) restoreSecret(id string) error {
	_, err := p.secrets.RestoreSecret(p.t.Context(), &secretsmanager.RestoreSecretInput{SecretId: &id})
	return err
}

func (p *place) guardSecret(id, policy string) error {
	_, err := p.secrets.PutResourcePolicy(p.t.Context(), &secretsmanager.PutResourcePolicyInput{
		SecretId: &id, ResourcePolicy: &policy,
	})
	return err
}

func (p *place) describeSecret(id string) (string, error) {
	out, err := p.secrets.DescribeSecret(p.t.Context(), &secretsmanager.DescribeSecretInput{SecretId: &id})
	if err != nil {
		return "", err
	}
	var versions []string
	for version, labels := range out.VersionIdsToStages {
		versions = append(versions, version[:1]+" "+strings.Join(labels, " "))
	}
	slices.Sort(versions)
	return fmt.Sprintf("%s, %s, created: %v, marked: %v, versions %v", *out.Name, aws.ToString(out.Description),
		out.CreatedDate != nil, out.DeletedDate != nil, versions), nil
}

func (p *place) secretValue(id string) (string, error) {
	out, err := p.secrets.GetSecretValue(p.t.Context(), &secretsmanager.GetSecretValueInput{SecretId: &id})
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s %s %s %v", *out.Name, (*out.VersionId)[:1], *out.SecretString, out.VersionStages), nil
}

// steps takes one step after the other, and then looks.
func steps(look func(*place, string) (string, error), all ...func(p *place, id string) error) func(*place,
	string) (string, error) {
	return func(p *place, id string) (string, error) {
		for _, step := range all {
			if err := step(p, id); err != nil {
				return "", err
			}
		}
		return look(p, id)
	}
}

func version1(p *place, id string) error { return p.putSecret(id, first, "one") }
func version2(p *place, id string) error { return p.putSecret(id, second, "two") }
func marked(p *place, id string) error   { return p.deleteSecret(id, 7) }

const guard = `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*",` +
	`"Action":"secretsmanager:GetSecretValue","Resource":"*"}]}`

func guarded(p *place, id string) error { return p.guardSecret(id, guard) }

var (
	describe = (*place).describeSecret
	create   = (*place).createSecret
	restore  = (*place).restoreSecret
)

const fresh = "ID, of the test, created: true, marked: false, versions "

var storedSecrets = []trial{
	{
		operation: "secretsmanager:CreateSecret", name: "without a value it has no version", want: fresh + "[]",
		do: steps(describe, create),
	},
	{
		operation: "secretsmanager:CreateSecret", name: "one that is there", want: "ResourceExistsException",
		do: steps(describe, create, create),
	},
	{operation: "secretsmanager:CreateSecret", name: "one that is marked for deletion",
		moto: "ResourceExistsException", why: "functions look whether a secret is marked before they write, which is " +
			"tried in memory",
		want: "InvalidRequestException", do: steps(describe, create, marked, create)},
	{
		operation: "secretsmanager:DescribeSecret", name: "one that is not there", want: "ResourceNotFoundException",
		do: describe,
	},
	{
		operation: "secretsmanager:DescribeSecret", name: "one that is marked for deletion",
		want: "ID, of the test, created: true, marked: true, versions [1 AWSCURRENT]",
		do:   steps(describe, create, version1, marked),
	},
	{operation: "secretsmanager:DescribeSecret", name: "by its ARN", want: fresh +
		"[]", do: func(p *place, id string) (string, error) {
		made, err := p.secrets.CreateSecret(p.t.Context(), &secretsmanager.CreateSecretInput{
			Name: &id, Description: aws.String("of the test"),
		})
		if err != nil {
			return "", err
		}
		return p.describeSecret(*made.ARN)
	}},
	{
		operation: "secretsmanager:PutSecretValue", name: "the first version is current", want: fresh + "[1 AWSCURRENT]",
		do: steps(describe, create, version1),
	},
	{
		operation: "secretsmanager:PutSecretValue", name: "the one before is kept",
		want: fresh + "[1 AWSPREVIOUS 2 AWSCURRENT]", do: steps(describe, create, version1, version2),
	},
	{
		operation: "secretsmanager:PutSecretValue", name: "the same again", want: fresh + "[1 AWSCURRENT]",
		do: steps(describe, create, version1, version1),
	},
	{
		operation: "secretsmanager:PutSecretValue", name: "another value for the same version",
		want: "ResourceExistsException",
		do:   steps(describe, create, version1, func(p *place, id string) error { return p.putSecret(id, first, "other") }),
	},
	{
		operation: "secretsmanager:PutSecretValue", name: "a token of less than 32 characters",
		want: "InvalidParameterException",
		do:   steps(describe, create, func(p *place, id string) error { return p.putSecret(id, "short", "one") }),
	},
	{
		operation: "secretsmanager:PutSecretValue", name: "one that is not there", want: "ResourceNotFoundException",
		do: steps(describe, version1),
	},
	{operation: "secretsmanager:PutSecretValue", name: "one that is marked for deletion",
		moto: "ID, of the test, created: true, marked: true, versions [1 AWSCURRENT]", why: "functions look whether a " +
			"secret is marked before they write, which is tried in memory",
		want: "InvalidRequestException", do: steps(describe, create, marked, version1)},
	{
		operation: "secretsmanager:GetSecretValue", name: "the current value", want: "ID 2 two [AWSCURRENT]",
		do: steps((*place).secretValue, create, version1, version2),
	},
	{
		operation: "secretsmanager:GetSecretValue", name: "one without a value", want: "ResourceNotFoundException",
		do: steps((*place).secretValue, create),
	},
	{
		operation: "secretsmanager:GetSecretValue", name: "one that is not there", want: "ResourceNotFoundException",
		do: (*place).secretValue,
	},
	{
		operation: "secretsmanager:GetSecretValue", name: "one that is marked for deletion", want: "InvalidRequestException",
		do: steps((*place).secretValue, create, version1, marked),
	},
	{
		operation: "secretsmanager:PutResourcePolicy", name: "a policy, twice", unsaid: true, want: fresh + "[]",
		do: steps(describe, create, guarded, guarded),
	},
	{operation: "secretsmanager:PutResourcePolicy", name: "what is no JSON",
		moto: fresh + "[]", why: "the policy is marshaled JSON",
		want: "MalformedPolicyDocumentException", do: steps(describe, create, func(p *place, id string) error {
			return p.guardSecret(id, `{"Version":`)
		})},
	{
		operation: "secretsmanager:PutResourcePolicy", name: "one that is not there", want: "ResourceNotFoundException",
		do: steps(describe, guarded),
	},
	{operation: "secretsmanager:PutResourcePolicy", name: "one that is marked for deletion",
		moto: "ID, of the test, created: true, marked: true, versions []", why: "functions look whether a secret is " +
			"marked before they write, which is tried in memory",
		want: "InvalidRequestException", do: steps(describe, create, marked, guarded)},
	{
		operation: "secretsmanager:RestoreSecret", name: "with its value", want: "ID 1 one [AWSCURRENT]",
		do: steps((*place).secretValue, create, version1, marked, restore),
	},
	{
		operation: "secretsmanager:RestoreSecret", name: "one that is not marked", want: "ID 1 one [AWSCURRENT]",
		unsaid: true, do: steps((*place).secretValue, create, version1, restore),
	},
	{
		operation: "secretsmanager:RestoreSecret", name: "one that is not there", want: "ResourceNotFoundException",
		do: steps(describe, restore),
	},
	{operation: "secretsmanager:DeleteSecret", name: "it is marked with a date at the end of the recovery window",
		want: "ID true", do: func(p *place, id string) (string, error) {
			if err := p.createSecret(id); err != nil {
				return "", err
			}
			out, err := p.secrets.DeleteSecret(p.t.Context(), &secretsmanager.DeleteSecretInput{
				SecretId: &id, RecoveryWindowInDays: aws.Int64(7),
			})
			if err != nil {
				return "", err
			}
			known, err := p.secrets.DescribeSecret(p.t.Context(), &secretsmanager.DescribeSecretInput{SecretId: &id})
			if err != nil {
				return "", err
			}
			return fmt.Sprintf("%s %v", *out.Name,
				out.DeletionDate.Sub(*known.CreatedDate).Round(time.Hour) == 7*24*time.Hour), nil
		}},
	{
		operation: "secretsmanager:DeleteSecret", name: "a recovery window of less than seven days",
		want: "InvalidParameterException",
		do:   steps(describe, create, func(p *place, id string) error { return p.deleteSecret(id, 6) }),
	},
	{
		operation: "secretsmanager:DeleteSecret", name: "twice", want: "InvalidRequestException",
		do: steps(describe, create, marked, marked),
	},
	{
		operation: "secretsmanager:DeleteSecret", name: "one that is not there", want: "ResourceNotFoundException",
		do: steps(describe, marked),
	},
}

// bucket is a trial's bucket, with tags.
func bucket(id string) fakeaws.State {
	return fakeaws.State{
		Buckets: map[string]*fakeaws.Bucket{
			id: {Region: "eu-west-1", Tags: map[string]string{"owner": "kim", "team": "data & 데이터"}},
		},
	}
}

// bare is one without tags, and in the region of the client.
func bare(id string) fakeaws.State {
	return fakeaws.State{Buckets: map[string]*fakeaws.Bucket{id: {Region: "us-east-1"}}}
}

func block(id, region string) func(p *place) (string, error) {
	return func(p *place) (string, error) {
		out, err := p.s3.GetBucketPublicAccessBlock(p.t.Context(), &s3.Bucket{Name: id, Region: region})
		if err != nil {
			return "", err
		}
		return fmt.Sprintf("%+v", *out), nil
	}
}

func setBlock(blocks ...*s3.PublicAccessBlock) func(*place, string) (string, error) {
	return func(p *place, id string) (string, error) {
		for _, b := range blocks {
			if err := p.s3.PutBucketPublicAccessBlock(p.t.Context(), &s3.Bucket{Name: id, Region: "eu-west-1"}, b); err != nil {
				return "", err
			}
		}
		return block(id, "eu-west-1")(p)
	}
}

func bucketTags(p *place, id string) (string, error) {
	tags, err := p.s3.GetBucketTagging(p.t.Context(), &s3.Bucket{Name: id, Region: "eu-west-1"})
	return fmt.Sprint(tags), err
}

func upload(owner string, times int) func(*place, string) (string, error) {
	return func(p *place, id string) (string, error) {
		for range times {
			if err := p.s3.PutObject(p.t.Context(), &s3.Bucket{Name: id, Region: "us-east-1"}, owner, s3.Object{
				Key: "a/b.csv", Type: "text/csv", Body: []byte("x,y\n"),
			}); err != nil {
				return "", err
			}
		}
		return "put", nil
	}
}

var someSwitches = &s3.PublicAccessBlock{BlockPublicAcls: true, RestrictPublicBuckets: true}

var buckets = []trial{
	{
		operation: "s3:GetBucketPublicAccessBlock", name: "a bucket that has none",
		want: "NoSuchPublicAccessBlockConfiguration", state: bucket, do: setBlock(),
	},
	{operation: "s3:GetBucketPublicAccessBlock", name: "a bucket that is not there", want: "NoSuchBucket", do: setBlock()},
	{operation: "s3:GetBucketPublicAccessBlock", name: "at the endpoint of another region",
		moto: "NoSuchPublicAccessBlockConfiguration", why: "where requests go is tested in pkg/s3",
		want: "PermanentRedirect", state: bucket, do: func(p *place, id string) (string, error) {
			return block(id, "us-west-2")(p)
		}},
	{
		operation: "s3:PutBucketPublicAccessBlock", name: "each switch",
		want:  "{BlockPublicAcls:true IgnorePublicAcls:false BlockPublicPolicy:false RestrictPublicBuckets:true}",
		state: bucket, do: setBlock(someSwitches),
	},
	{
		operation: "s3:PutBucketPublicAccessBlock", name: "others take their place",
		want:  "{BlockPublicAcls:false IgnorePublicAcls:true BlockPublicPolicy:false RestrictPublicBuckets:false}",
		state: bucket, do: setBlock(someSwitches, &s3.PublicAccessBlock{IgnorePublicAcls: true}),
	},
	{
		operation: "s3:PutBucketPublicAccessBlock", name: "taken away", want: "NoSuchPublicAccessBlockConfiguration",
		state: bucket, do: setBlock(someSwitches, nil),
	},
	{
		operation: "s3:PutBucketPublicAccessBlock", name: "taken away twice", unsaid: true,
		want: "NoSuchPublicAccessBlockConfiguration", state: bucket, do: setBlock(someSwitches, nil, nil),
	},
	{
		operation: "s3:PutBucketPublicAccessBlock", name: "a bucket that is not there", want: "NoSuchBucket",
		do: setBlock(someSwitches),
	},
	{
		operation: "s3:GetBucketTagging", name: "tags", want: "map[owner:kim team:data & 데이터]", state: bucket, do: bucketTags,
	},
	{operation: "s3:GetBucketTagging", name: "a bucket without tags", want: "map[]",
		state: func(id string) fakeaws.State {
			return fakeaws.State{Buckets: map[string]*fakeaws.Bucket{id: {Region: "eu-west-1"}}}
		}, do: bucketTags},
	{operation: "s3:GetBucketTagging", name: "a bucket that is not there", want: "NoSuchBucket", do: bucketTags},
	{operation: "s3:PutObject", name: "into a bucket of the account", want: "put", state: bare, do: upload(number, 1)},
	{operation: "s3:PutObject", name: "twice", want: "put", state: bare, do: upload(number, 2)},
	{operation: "s3:PutObject", name: "into a bucket of another account",
		moto: "put", why: "the header that says whose the bucket must be is tested in pkg/s3",
		want: "AccessDenied", state: bare, do: upload("999999999999", 1)},
	{operation: "s3:PutObject", name: "a bucket that is not there", want: "NoSuchBucket", do: upload(number, 1)},
}

func topicARN(id string) string { return "arn:aws:sns:us-east-1:" + number + ":" + id }

func topic(id string) fakeaws.State {
	return fakeaws.State{Topics: map[string]*fakeaws.Topic{topicARN(id): {}}}
}

func publish(in sns.PublishInput) func(*place, string) (string, error) {
	return func(p *place, id string) (string, error) {
		in := in
		in.TopicArn = aws.String(topicARN(id))
		out, err := p.sns.Publish(p.t.Context(), &in)
		if err != nil {
			return "", err
		}
		return fmt.Sprintf("an id: %v", aws.ToString(out.MessageId) != ""), nil
	}
}

// bodies is a message with one body for each protocol.
func bodies(of map[string]string) *string {
	text, err := json.Marshal(of)
	if err != nil {
		panic(err) // strings
	}
	return aws.String(string(text))
}

func queueURL(id string) string { return "https://sqs.us-east-1.amazonaws.com/" + number + "/" + id }

// queue is a queue with so many messages.
func queue(n int) func(string) fakeaws.State {
	return func(id string) fakeaws.State {
		return fakeaws.State{Queues: map[string]*fakeaws.Queue{queueURL(id): {Messages: up(n, func(i int) fakeaws.Queued {
			return fakeaws.Queued{Body: fmt.Sprintf("body %d", i), Sent: noon}
		})}}}
	}
}

func (p *place) receive(id string, most int32) ([]sqstypes.Message, error) {
	out, err := p.sqs.ReceiveMessage(p.t.Context(), &sqs.ReceiveMessageInput{
		QueueUrl: aws.String(queueURL(id)), MaxNumberOfMessages: most,
		MessageSystemAttributeNames: []sqstypes.MessageSystemAttributeName{sqstypes.MessageSystemAttributeNameSentTimestamp},
	})
	if err != nil {
		return nil, err
	}
	return out.Messages, nil
}

// received receives again and again, and says what came each time.
func received(most ...int32) func(*place, string) (string, error) {
	return func(p *place, id string) (string, error) {
		var words []string
		for _, n := range most {
			messages, err := p.receive(id, n)
			if err != nil {
				return "", err
			}
			words = append(words, fmt.Sprint(len(messages)))
		}
		return strings.Join(words, " "), nil
	}
}

func (p *place) deleteMessage(id, receipt string) error {
	_, err := p.sqs.DeleteMessage(p.t.Context(), &sqs.DeleteMessageInput{
		QueueUrl: aws.String(queueURL(id)), ReceiptHandle: &receipt,
	})
	return err
}

func putEvents(bus string, details ...string) func(*place, string) (string, error) {
	return func(p *place, _ string) (string, error) {
		in := &eventbridge.PutEventsInput{}
		for _, detail := range details {
			in.Entries = append(in.Entries, ebtypes.PutEventsRequestEntry{
				EventBusName: &bus, Source: aws.String("warder.drill"), DetailType: aws.String("Test"), Detail: aws.String(detail),
				Time: aws.Time(noon),
			})
		}
		out, err := p.events.PutEvents(p.t.Context(), in)
		if err != nil {
			return "", err
		}
		var words []string
		for _, entry := range out.Entries {
			words = append(words, cmp.Or(aws.ToString(entry.ErrorCode), fmt.Sprintf("an id: %v",
				aws.ToString(entry.EventId) != "")))
		}
		return fmt.Sprintf("%d failed: %s", out.FailedEntryCount, strings.Join(words, ", ")), nil
	}
}

var messages = []trial{
	{operation: "sns:Publish", name: "a body for each protocol, subject and attributes", want: "an id: true", state: topic,
		do: publish(sns.PublishInput{
			Subject: aws.String("경고 — warder"), Message: bodies(map[string]string{
				"default": "a", "email": "b",
			}), MessageStructure: aws.String("json"),
			MessageAttributes: map[string]snstypes.MessageAttributeValue{
				"control": {DataType: aws.String("String"), StringValue: aws.String("drill")},
			},
		})},
	{
		operation: "sns:Publish", name: "a topic that is not there", want: "NotFound",
		do: publish(sns.PublishInput{Message: aws.String("a")}),
	},
	{operation: "sns:Publish", name: "an empty message",
		moto: "an id: true", why: "every body of a notice, and its subject, are kept within these limits (pkg/notice)",
		want: "InvalidParameter", state: topic, do: publish(sns.PublishInput{Message: aws.String("")})},
	{operation: "sns:Publish", name: "bodies without a default",
		moto: "an id: true", why: "every body of a notice, and its subject, are kept within these limits (pkg/notice)",
		want: "InvalidParameter", state: topic, do: publish(sns.PublishInput{
			Message: bodies(map[string]string{"email": "b"}), MessageStructure: aws.String("json"),
		})},
	{
		operation: "sns:Publish", name: "a subject of more than 100 characters", want: "InvalidParameter", state: topic,
		do: publish(sns.PublishInput{Message: aws.String("a"), Subject: aws.String(strings.Repeat("a", 101))}),
	},
	{operation: "sns:Publish", name: "a subject of two lines",
		moto: "an id: true", why: "every body of a notice, and its subject, are kept within these limits (pkg/notice)",
		want: "InvalidParameter", state: topic, do: publish(sns.PublishInput{
			Message: aws.String("a"), Subject: aws.String("a\nb"),
		})},
	{
		operation: "sns:Publish", name: "more than 262,144 bytes", want: "InvalidParameter", state: topic,
		do: publish(sns.PublishInput{Message: aws.String(strings.Repeat("a", 262_145))}),
	},

	{operation: "sqs:ReceiveMessage", name: "body, receipt and when it was sent",
		want: "body 0, receipt: true, sent: true", state: queue(1), do: func(p *place, id string) (string, error) {
			all, err := p.receive(id, 10)
			if err != nil || len(all) != 1 {
				return fmt.Sprint(len(all)), err
			}
			return fmt.Sprintf("%s, receipt: %v, sent: %v", *all[0].Body, aws.ToString(all[0].ReceiptHandle) != "",
				all[0].Attributes["SentTimestamp"] != ""), nil
		}},
	{
		operation: "sqs:ReceiveMessage", name: "what is received is hidden for a while", want: "2 1 0", state: queue(3),
		do: received(2, 2, 2),
	},
	{operation: "sqs:ReceiveMessage", name: "a queue that is empty", want: "0", state: queue(0), do: received(10)},
	{
		operation: "sqs:ReceiveMessage", name: "more than ten at once", want: "InvalidParameterValue", state: queue(1),
		do: received(11),
	},
	{
		operation: "sqs:ReceiveMessage", name: "a queue that is not there", want: "AWS.SimpleQueueService.NonExistentQueue",
		do: received(1),
	},
	{operation: "sqs:DeleteMessage", name: "a message, twice", unsaid: true, want: "deleted", state: queue(1),
		do: func(p *place, id string) (string, error) {
			all, err := p.receive(id, 1)
			if err != nil || len(all) != 1 {
				return fmt.Sprint(len(all)), err
			}
			for range 2 {
				if err := p.deleteMessage(id, *all[0].ReceiptHandle); err != nil {
					return "", err
				}
			}
			return "deleted", nil
		}},
	{operation: "sqs:DeleteMessage", name: "a queue that is not there", want: "AWS.SimpleQueueService.NonExistentQueue",
		do: func(p *place, id string) (string, error) {
			return "deleted", p.deleteMessage(id, "receipt")
		}},

	{
		operation: "events:PutEvents", name: "several at once", want: "0 failed: an id: true, an id: true",
		do: putEvents("warder", `{"a":1}`, `{}`),
	},
	{
		operation: "events:PutEvents", name: "one that is no JSON does not keep the others",
		want: "1 failed: an id: true, MalformedDetail, an id: true", do: putEvents("warder", `{"a":1}`, `{"a":`, `{}`),
	},
	{operation: "events:PutEvents", name: "a bus that is not there",
		moto: "ValidationException", why: "the bus is deployed with the function that puts events on it",
		want: "ResourceNotFoundException", unsaid: true, do: putEvents("no-such-bus", `{}`)},
	{
		operation: "events:PutEvents", name: "more than ten at once", want: "ValidationException",
		do: putEvents("warder", slices.Repeat([]string{`{}`}, 11)...),
	},
}

var stacks = []trial{{
	operation: "cloudformation:DescribeStacks", name: "a stack that is not there", want: "ValidationError",
	do: func(p *place, id string) (string, error) {
		_, err := cloudformation.NewFromConfig(p.cfg).DescribeStacks(p.t.Context(),
			&cloudformation.DescribeStacksInput{StackName: &id})
		return "", err
	},
}}
