package doubles

import (
	"cmp"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/warder-aws/warder/pkg/test/fakeaws"
)

var (
	jan = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	feb = time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC)
)

// document is a policy with what URL encoding has to encode.
const document = `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"s3:*","Resource":"arn:aws:s3:::a ` +
	`b/+~%*"}]}`

// encoding says how a document came: IAM answers with RFC 3986 encoding, of which what else than
// letters, digits and "-._~" is encoded is not said.
func encoding(got string) string {
	decoded, err := url.PathUnescape(got)
	switch {
	case got == document:
		return "as it is"
	case err == nil && decoded == document && !strings.ContainsAny(got, `{" `):
		return "URL-encoded"
	}
	return got
}

// policy is the ARN of one of the managed policies of the account, and group the name of one of its
// groups. Both are more than a user can have.
func policy(n int) string { return fmt.Sprintf("arn:aws:iam::"+number+":policy/warder/p%02d", n) }
func group(n int) string  { return fmt.Sprintf("g%02d", n) }

const (
	many     = 11 // policies, and groups
	readOnly = "arn:aws:iam::aws:policy/ReadOnlyAccess"
	gone     = "arn:aws:iam::" + number + ":policy/gone"
)

// fixtures is what all trials share.
func fixtures() fakeaws.State {
	s := fakeaws.State{
		ID: number, Users: map[string]*fakeaws.User{}, Groups: map[string]*fakeaws.Group{},
		Roles:    map[string]*fakeaws.Role{},
		Policies: map[string]fakeaws.Document{},
		Buckets:  map[string]*fakeaws.Bucket{}, Sessions: map[string]*fakeaws.Session{}, Nodes: map[string]*fakeaws.Node{},
		Summary: map[string]int32{"AccountAccessKeysPresent": 0, "AccountMFAEnabled": 0},
		Members: members(), Topics: map[string]*fakeaws.Topic{}, Queues: map[string]*fakeaws.Queue{},
		Buses:  map[string]*fakeaws.Bus{"warder": {}},
		Trails: map[string]*fakeaws.Trail{}, Recorders: map[string]*fakeaws.Recorder{},
		Shares:    map[string]*fakeaws.Share{},
		Detectors: map[string]*fakeaws.Detector{}, Hubs: map[string]*fakeaws.Hub{}, VPCs: map[string]*fakeaws.VPC{},
		FlowLogs: map[string]*fakeaws.FlowLog{}, QueryLogs: map[string]*fakeaws.QueryLog{},
	}
	s.Policies[readOnly] = document // AWS's own, which moto has
	for n := range many {
		s.Policies[policy(n)] = document
		s.Groups[group(n)] = &fakeaws.Group{}
	}
	s.Groups["full"] = &fakeaws.Group{
		Attached: []string{policy(0), policy(1), policy(2)}, Inline: map[string]fakeaws.Document{
			"a": document, "b": document, "c": document,
		},
	}
	return s
}

// who is a trial's user.
func who(user fakeaws.User) func(string) fakeaws.State {
	return func(id string) fakeaws.State {
		user.Created = jan
		return fakeaws.State{Users: map[string]*fakeaws.User{id: &user}}
	}
}

// nobody special is a user with nothing.
var plain = who(fakeaws.User{})

// up counts to n.
func up[T any](n int, of func(int) T) []T {
	var all []T
	for i := range n {
		all = append(all, of(i))
	}
	return all
}

func day(t *time.Time) string {
	if t == nil {
		return "none"
	}
	return t.UTC().Format(time.DateOnly)
}

func tags(all []types.Tag) string {
	var words []string
	for _, tag := range all {
		words = append(words, *tag.Key+"="+*tag.Value)
	}
	slices.Sort(words)
	return cmp.Or(strings.Join(words, ","), "none")
}

func boundary(b *types.AttachedPermissionsBoundary) string {
	if b == nil {
		return "none"
	}
	return string(b.PermissionsBoundaryType) + " " + *b.PermissionsBoundaryArn
}

func described(u types.User) string {
	return fmt.Sprintf("%s, created %s, password used %s, tags %s, boundary %s", *u.Arn, day(u.CreateDate),
		day(u.PasswordLastUsed), tags(u.Tags), boundary(u.PermissionsBoundary))
}

func attached(all []types.AttachedPolicy) string {
	var words []string
	for _, p := range all {
		words = append(words, aws.ToString(p.PolicyName)+" "+aws.ToString(p.PolicyArn))
	}
	return cmp.Or(strings.Join(words, ", "), "none")
}

// pages calls for pages until the last, and says how many things each has.
func pages(next func(marker *string) (n int, truncated bool, after *string, err error)) (string, error) {
	var words []string
	var marker *string
	for range 20 {
		n, truncated, after, err := next(marker)
		if err != nil {
			return "", err
		}
		words = append(words, fmt.Sprint(n))
		if truncated != (after != nil) {
			words = append(words, "truncated and marker do not agree")
		}
		if !truncated {
			return strings.Join(words, "+"), nil
		}
		marker = after
	}
	return "no end", nil
}

var two = aws.Int32(2)

func (p *place) getUser(id string) (string, error) {
	out, err := p.iam.GetUser(p.t.Context(), &iam.GetUserInput{UserName: &id})
	if err != nil {
		return "", err
	}
	return described(*out.User), nil
}

func below(path string) func(p *place, _ string) ([]types.User, error) {
	return func(p *place, _ string) (found []types.User, err error) {
		for all := iam.NewListUsersPaginator(p.iam, &iam.ListUsersInput{PathPrefix: &path}); all.HasMorePages(); {
			page, err := all.NextPage(p.t.Context())
			if err != nil {
				return nil, err
			}
			found = append(found, page.Users...)
		}
		return found, nil
	}
}

var users = []trial{
	{operation: "iam:ListUsers", name: "users below a path", want: "ID-a ID-b ID-c",
		state: func(id string) fakeaws.State {
			s := fakeaws.State{Users: map[string]*fakeaws.User{}}
			for _, end := range []string{"-a", "-b", "-c"} {
				s.Users[id+end] = &fakeaws.User{Path: "/three/", Created: jan}
			}
			return s
		},
		do: func(p *place, id string) (string, error) {
			found, err := below("/three/")(p, id)
			var names []string
			for _, user := range found {
				names = append(names, *user.UserName)
			}
			slices.Sort(names)
			return strings.Join(names, " "), err
		}},
	{operation: "iam:ListUsers", name: "a path that no user has", want: "0", do: func(p *place, id string) (string,
		error) {
		found, err := below("/nobody/")(p, id)
		return fmt.Sprint(len(found)), err
	}},
	{operation: "iam:ListUsers", name: "page by page, as MaxItems says",
		moto: "3", why: "what is left out here is tried in memory, two by two, by every story",
		want: "2+1", do: func(p *place, _ string) (string, error) {
			return pages(func(marker *string) (int, bool, *string, error) {
				out, err := p.iam.ListUsers(p.t.Context(), &iam.ListUsersInput{
					PathPrefix: aws.String("/three/"), MaxItems: two, Marker: marker,
				})
				if err != nil {
					return 0, false, nil, err
				}
				return len(out.Users), out.IsTruncated, out.Marker, nil
			})
		}},
	{operation: "iam:ListUsers", name: "tags and boundary are left out", want: "arn:aws:iam::" + number +
		":user/bare/ID, created 2026-01-02, password used none, tags none, boundary none",
		state: who(fakeaws.User{Path: "/bare/", Tags: map[string]string{"owner": "kim"}, Boundary: policy(0)}),
		do: func(p *place, id string) (string, error) {
			found, err := below("/bare/")(p, id)
			if err != nil || len(found) != 1 {
				return fmt.Sprint(len(found)), err
			}
			return described(found[0]), nil
		}},
	{operation: "iam:ListUsers", name: "the last use of the password is there",
		moto: "none", why: "nobody signs in to the local account with a password",
		want:  "2026-02-03",
		state: who(fakeaws.User{Path: "/signed-in/", Password: &fakeaws.Password{Created: jan, Used: feb}}),
		do: func(p *place, id string) (string, error) {
			found, err := below("/signed-in/")(p, id)
			if err != nil || len(found) != 1 {
				return fmt.Sprint(len(found)), err
			}
			return day(found[0].PasswordLastUsed), nil
		}},

	{operation: "iam:GetUser", name: "all that a user has", want: "arn:aws:iam::" + number +
		":user/team/ID, created 2026-01-02, password used none, tags email=kim@example.com,owner=kim, boundary " +
		"PermissionsBoundaryPolicy " + policy(0),
		state: who(fakeaws.User{
			Path: "/team/", Tags: map[string]string{"owner": "kim", "email": "kim@example.com"}, Boundary: policy(0),
		}), do: (*place).getUser},
	{
		operation: "iam:GetUser", name: "a user who has nothing",
		want:  "arn:aws:iam::" + number + ":user/ID, created 2026-01-02, password used none, tags none, boundary none",
		state: plain, do: (*place).getUser,
	},
	{operation: "iam:GetUser", name: "the last use of the password is there",
		moto: "none", why: "nobody signs in to the local account with a password",
		want: "2026-02-03", state: who(fakeaws.User{
			Password: &fakeaws.Password{Created: jan, Used: feb},
		}), do: func(p *place, id string) (string, error) {
			out, err := p.iam.GetUser(p.t.Context(), &iam.GetUserInput{UserName: &id})
			if err != nil {
				return "", err
			}
			return day(out.User.PasswordLastUsed), nil
		}},
	{operation: "iam:GetUser", name: "a unique id that begins with AIDA", want: "AIDA", state: plain, do: func(p *place,
		id string) (string, error) {
		out, err := p.iam.GetUser(p.t.Context(), &iam.GetUserInput{UserName: &id})
		if err != nil {
			return "", err
		}
		return (*out.User.UserId)[:4], nil
	}},
	{operation: "iam:GetUser", name: "nobody of the name", want: "NoSuchEntity", do: (*place).getUser},

	{
		operation: "iam:GetLoginProfile", name: "a user with a password", want: "ID, created: true",
		state: who(fakeaws.User{Password: &fakeaws.Password{Created: jan}}), do: (*place).loginProfile,
	},
	{
		operation: "iam:GetLoginProfile", name: "a user without", want: "NoSuchEntity", state: plain,
		do: (*place).loginProfile,
	},
	{operation: "iam:GetLoginProfile", name: "nobody of the name", want: "NoSuchEntity", do: (*place).loginProfile},

	{
		operation: "iam:ListMFADevices", name: "a user with two devices", want: "GAHT00000001 GAHT00000002",
		state: who(fakeaws.User{MFA: []string{"GAHT00000001", "GAHT00000002"}}), do: (*place).devices,
	},
	{operation: "iam:ListMFADevices", name: "a user without", want: "none", state: plain, do: (*place).devices},
	{operation: "iam:ListMFADevices", name: "nobody of the name", want: "NoSuchEntity", do: (*place).devices},

	{operation: "iam:CreateUser", name: "path, tags and boundary", want: "arn:aws:iam::" + number +
		":user/warder-drill/ID, tags owner=warder, boundary " + policy(1),
		do: func(p *place, id string) (string, error) {
			if _, err := p.iam.CreateUser(p.t.Context(), &iam.CreateUserInput{
				UserName: &id, Path: aws.String("/warder-drill/"), Tags: []types.Tag{
					{Key: aws.String("owner"), Value: aws.String("warder")},
				}, PermissionsBoundary: aws.String(policy(1)),
			}); err != nil {
				return "", err
			}
			out, err := p.iam.GetUser(p.t.Context(), &iam.GetUserInput{UserName: &id})
			if err != nil {
				return "", err
			}
			return fmt.Sprintf("%s, tags %s, boundary %s", *out.User.Arn, tags(out.User.Tags),
				aws.ToString(out.User.PermissionsBoundary.PermissionsBoundaryArn)), nil
		}},
	{
		operation: "iam:CreateUser", name: "a name that somebody has", want: "EntityAlreadyExists", state: plain,
		do: (*place).createUser,
	},
	{operation: "iam:CreateUser", name: "a name that differs in case alone",
		moto: "created", why: "the drill's user has a name of its own, in small letters",
		want: "EntityAlreadyExists", state: plain, do: func(p *place, id string) (string, error) {
			return p.createUser(strings.ToUpper(id))
		}},
	{operation: "iam:CreateUser", name: "a boundary that is not there", want: "NoSuchEntity", do: func(p *place,
		id string) (string, error) {
		_, err := p.iam.CreateUser(p.t.Context(), &iam.CreateUserInput{UserName: &id, PermissionsBoundary: aws.String(gone)})
		return "created", err
	}},
	{operation: "iam:DeleteUser", name: "a user who has nothing", want: "NoSuchEntity", state: plain, do: func(p *place,
		id string) (string, error) {
		if out, err := p.deleteUser(id); err != nil {
			return out, err
		}
		return p.getUser(id)
	}},
	{operation: "iam:DeleteUser", name: "nobody of the name", want: "NoSuchEntity", do: (*place).deleteUser},
	{
		operation: "iam:DeleteUser", name: "a user with an attached policy", want: "DeleteConflict",
		state: who(fakeaws.User{Attached: []string{readOnly}}), do: (*place).deleteUser,
	},
	{
		operation: "iam:DeleteUser", name: "a user with an inline policy", want: "DeleteConflict",
		state: who(fakeaws.User{Inline: map[string]fakeaws.Document{"own": document}}), do: (*place).deleteUser,
	},
	{operation: "iam:DeleteUser", name: "a user with a key",
		moto: "deleted", why: "the drill takes everything off its user first; in memory its tests fail if it does not",
		want: "DeleteConflict", state: who(fakeaws.User{
			Keys: []fakeaws.Key{{ID: "AKIADELETE", Status: "Active", Created: jan}},
		}), do: (*place).deleteUser},
	{operation: "iam:DeleteUser", name: "a user in a group",
		moto: "deleted", why: "the drill takes everything off its user first; in memory its tests fail if it does not",
		want: "DeleteConflict", state: who(fakeaws.User{Groups: []string{group(0)}}), do: (*place).deleteUser},
	{operation: "iam:DeleteUser", name: "a user with a password",
		moto: "deleted", why: "the drill takes everything off its user first; in memory its tests fail if it does not",
		want: "DeleteConflict", state: who(fakeaws.User{Password: &fakeaws.Password{Created: jan}}), do: (*place).deleteUser},

	{
		operation: "iam:PutUserPermissionsBoundary", name: "a user without one",
		want: "PermissionsBoundaryPolicy " + policy(2), state: plain, do: setBoundary(policy(2)),
	},
	{
		operation: "iam:PutUserPermissionsBoundary", name: "another one takes its place",
		want: "PermissionsBoundaryPolicy " + policy(2), state: who(fakeaws.User{Boundary: policy(1)}),
		do: setBoundary(policy(2)),
	},
	{
		operation: "iam:PutUserPermissionsBoundary", name: "the same again", unsaid: true,
		want: "PermissionsBoundaryPolicy " + policy(2), state: who(fakeaws.User{Boundary: policy(2)}),
		do: setBoundary(policy(2)),
	},
	{
		operation: "iam:PutUserPermissionsBoundary", name: "a policy of AWS", want: "PermissionsBoundaryPolicy " + readOnly,
		state: plain, do: setBoundary(readOnly),
	},
	{
		operation: "iam:PutUserPermissionsBoundary", name: "a policy that is not there", want: "NoSuchEntity", state: plain,
		do: setBoundary(gone),
	},
	{
		operation: "iam:PutUserPermissionsBoundary", name: "nobody of the name", want: "NoSuchEntity",
		do: setBoundary(policy(2)),
	},
	{
		operation: "iam:DeleteUserPermissionsBoundary", name: "a user with one", want: "none",
		state: who(fakeaws.User{Boundary: policy(1)}), do: takeBoundary,
	},
	{
		operation: "iam:DeleteUserPermissionsBoundary", name: "a user without", want: "none", unsaid: true, state: plain,
		do: takeBoundary,
	},
	{operation: "iam:DeleteUserPermissionsBoundary", name: "nobody of the name", want: "NoSuchEntity", do: takeBoundary},
}

func (p *place) loginProfile(id string) (string, error) {
	out, err := p.iam.GetLoginProfile(p.t.Context(), &iam.GetLoginProfileInput{UserName: &id})
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s, created: %v", *out.LoginProfile.UserName, out.LoginProfile.CreateDate != nil), nil
}

func (p *place) devices(id string) (string, error) {
	out, err := p.iam.ListMFADevices(p.t.Context(), &iam.ListMFADevicesInput{UserName: &id})
	if err != nil {
		return "", err
	}
	var serials []string
	for _, d := range out.MFADevices {
		serials = append(serials, *d.SerialNumber)
	}
	slices.Sort(serials)
	return cmp.Or(strings.Join(serials, " "), "none"), nil
}

func (p *place) createUser(id string) (string, error) {
	_, err := p.iam.CreateUser(p.t.Context(), &iam.CreateUserInput{UserName: &id})
	return "created", err
}

func (p *place) deleteUser(id string) (string, error) {
	_, err := p.iam.DeleteUser(p.t.Context(), &iam.DeleteUserInput{UserName: &id})
	return "deleted", err
}

// boundaryOf is the boundary that a user has.
func (p *place) boundaryOf(id string) (string, error) {
	out, err := p.iam.GetUser(p.t.Context(), &iam.GetUserInput{UserName: &id})
	if err != nil {
		return "", err
	}
	return boundary(out.User.PermissionsBoundary), nil
}

func setBoundary(arn string) func(*place, string) (string, error) {
	return func(p *place, id string) (string, error) {
		if _, err := p.iam.PutUserPermissionsBoundary(p.t.Context(), &iam.PutUserPermissionsBoundaryInput{
			UserName: &id, PermissionsBoundary: &arn,
		}); err != nil {
			return "", err
		}
		return p.boundaryOf(id)
	}
}

func takeBoundary(p *place, id string) (string, error) {
	if _, err := p.iam.DeleteUserPermissionsBoundary(p.t.Context(),
		&iam.DeleteUserPermissionsBoundaryInput{UserName: &id}); err != nil {
		return "", err
	}
	return p.boundaryOf(id)
}

// withKeys is a user with two keys, the first used and active, the second neither.
func withKeys(id string) fakeaws.State {
	return fakeaws.State{Users: map[string]*fakeaws.User{id: {Created: jan, Keys: []fakeaws.Key{
		{
			ID: "AKIA" + id + "A", Status: "Active", Created: jan, Used: feb,
		}, {ID: "AKIA" + id + "B", Status: "Inactive", Created: feb},
	}}}}
}

// key is the id of the nth key of a user.
func (p *place) key(id string, n int) (string, error) {
	out, err := p.iam.ListAccessKeys(p.t.Context(), &iam.ListAccessKeysInput{UserName: &id})
	if err != nil {
		return "", err
	}
	if n >= len(out.AccessKeyMetadata) {
		return "", fmt.Errorf("%s has %d keys", id, len(out.AccessKeyMetadata))
	}
	return *out.AccessKeyMetadata[n].AccessKeyId, nil
}

func (p *place) keysOf(id string) (string, error) {
	out, err := p.iam.ListAccessKeys(p.t.Context(), &iam.ListAccessKeysInput{UserName: &id})
	if err != nil {
		return "", err
	}
	var words []string
	for _, key := range out.AccessKeyMetadata {
		words = append(words, fmt.Sprintf("%s %s %s %v", aws.ToString(key.UserName), key.Status, day(key.CreateDate),
			strings.HasPrefix(*key.AccessKeyId, "AKIA")))
	}
	if out.IsTruncated {
		words = append(words, "truncated")
	}
	return cmp.Or(strings.Join(words, ", "), "none"), nil
}

func (p *place) servicesOf(id string) (string, error) {
	out, err := p.iam.ListServiceSpecificCredentials(p.t.Context(), &iam.ListServiceSpecificCredentialsInput{
		UserName: &id, ServiceName: aws.String("bedrock.amazonaws.com"),
	})
	if err != nil {
		return "", err
	}
	var words []string
	for _, key := range out.ServiceSpecificCredentials {
		words = append(words, fmt.Sprintf("%s %s %s", *key.UserName, *key.ServiceName, key.Status))
	}
	return cmp.Or(strings.Join(words, ", "), "none"), nil
}

// withOthers is a user with credentials that are no access keys.
func withOthers(id string) fakeaws.State {
	return fakeaws.State{Users: map[string]*fakeaws.User{id: {
		Created:  jan,
		Services: []fakeaws.ServiceKey{{ID: "ACCA" + id, Service: "bedrock.amazonaws.com", Status: "Active", Created: feb}},
		SSH:      []fakeaws.Uploaded{{ID: "APKA" + id, Status: "Active", Created: feb}},
	}}}
}

func (p *place) switchService(id string) (string, error) {
	out, err := p.iam.ListServiceSpecificCredentials(p.t.Context(), &iam.ListServiceSpecificCredentialsInput{
		UserName: &id,
	})
	if err != nil {
		return "", err
	}
	_, err = p.iam.UpdateServiceSpecificCredential(p.t.Context(), &iam.UpdateServiceSpecificCredentialInput{
		UserName: &id, ServiceSpecificCredentialId: out.ServiceSpecificCredentials[0].ServiceSpecificCredentialId,
		Status: types.StatusTypeInactive,
	})
	if err != nil {
		return "", err
	}
	return p.servicesOf(id)
}

func (p *place) switchNoService(id string) (string, error) {
	_, err := p.iam.UpdateServiceSpecificCredential(p.t.Context(), &iam.UpdateServiceSpecificCredentialInput{
		UserName: &id, ServiceSpecificCredentialId: aws.String("ACCANOSUCHCREDENTIAL1"), Status: types.StatusTypeInactive,
	})
	return "updated", err
}

func (p *place) sshOf(id string) (string, error) {
	out, err := p.iam.ListSSHPublicKeys(p.t.Context(), &iam.ListSSHPublicKeysInput{UserName: &id})
	if err != nil {
		return "", err
	}
	var words []string
	for _, key := range out.SSHPublicKeys {
		words = append(words, fmt.Sprintf("%s %s %s", *key.UserName, key.Status, day(key.UploadDate)))
	}
	return cmp.Or(strings.Join(words, ", "), "none"), nil
}

func (p *place) switchSSH(id string) (string, error) {
	out, err := p.iam.ListSSHPublicKeys(p.t.Context(), &iam.ListSSHPublicKeysInput{UserName: &id})
	if err != nil {
		return "", err
	}
	_, err = p.iam.UpdateSSHPublicKey(p.t.Context(), &iam.UpdateSSHPublicKeyInput{
		UserName: &id, SSHPublicKeyId: out.SSHPublicKeys[0].SSHPublicKeyId, Status: types.StatusTypeInactive,
	})
	if err != nil {
		return "", err
	}
	return p.sshOf(id)
}

func (p *place) certificatesOf(id string) (string, error) {
	out, err := p.iam.ListSigningCertificates(p.t.Context(), &iam.ListSigningCertificatesInput{UserName: &id})
	if err != nil {
		return "", err
	}
	return cmp.Or(strings.Repeat("one ", len(out.Certificates)), "none"), nil
}

// onKey does something with the nth key of a user, as often as it says, and tells what keys there are.
func onKey(n, times int, do func(p *place, id, key string) error) func(*place, string) (string, error) {
	return func(p *place, id string) (string, error) {
		key, err := p.key(id, n)
		if err != nil {
			return "", err
		}
		for range times {
			if err := do(p, id, key); err != nil {
				return "", err
			}
		}
		return p.keysOf(id)
	}
}

func status(to types.StatusType) func(p *place, id, key string) error {
	return func(p *place, id, key string) error {
		_, err := p.iam.UpdateAccessKey(p.t.Context(), &iam.UpdateAccessKeyInput{
			UserName: &id, AccessKeyId: &key, Status: to,
		})
		return err
	}
}

func (p *place) deleteKey(id, key string) error {
	_, err := p.iam.DeleteAccessKey(p.t.Context(), &iam.DeleteAccessKeyInput{UserName: &id, AccessKeyId: &key})
	return err
}

func (p *place) lastUse(key string) (string, error) {
	out, err := p.iam.GetAccessKeyLastUsed(p.t.Context(), &iam.GetAccessKeyLastUsedInput{AccessKeyId: &key})
	if err != nil {
		return "", err
	}
	used := out.AccessKeyLastUsed
	return fmt.Sprintf("%s %s %s %s", aws.ToString(out.UserName), day(used.LastUsedDate), aws.ToString(used.ServiceName),
		aws.ToString(used.Region)), nil
}

const noKey = "AKIANOSUCHKEY0000001"

var keys = []trial{
	{
		operation: "iam:ListAccessKeys", name: "owner, status and age of each",
		want: "ID Active 2026-01-02 true, ID Inactive 2026-02-03 true", state: withKeys, do: (*place).keysOf,
	},
	{operation: "iam:ListAccessKeys", name: "a user who has none", want: "none", state: plain, do: (*place).keysOf},
	{operation: "iam:ListAccessKeys", name: "nobody of the name", want: "NoSuchEntity", do: (*place).keysOf},
	{operation: "iam:ListServiceSpecificCredentials", name: "a user who has none", want: "none", state: plain,
		do: (*place).servicesOf},
	{operation: "iam:ListServiceSpecificCredentials", name: "nobody of the name", want: "NoSuchEntity",
		do: (*place).servicesOf},
	{
		operation: "iam:ListServiceSpecificCredentials", name: "service and status of each",
		want: "ID bedrock.amazonaws.com Active", state: withOthers, do: (*place).servicesOf,
	},
	{
		operation: "iam:UpdateServiceSpecificCredential", name: "off", want: "ID bedrock.amazonaws.com Inactive",
		state: withOthers, do: (*place).switchService,
	},
	{
		operation: "iam:UpdateServiceSpecificCredential", name: "one that is not there", want: "NoSuchEntity", state: plain,
		do: (*place).switchNoService,
	},
	{
		operation: "iam:ListSSHPublicKeys", name: "owner, status and age of each", want: "ID Active 2026-02-03",
		state: withOthers, do: (*place).sshOf,
	},
	{operation: "iam:ListSSHPublicKeys", name: "a user who has none", want: "none", state: plain, do: (*place).sshOf},
	{operation: "iam:ListSSHPublicKeys", name: "nobody of the name", want: "NoSuchEntity", do: (*place).sshOf},
	{
		operation: "iam:UpdateSSHPublicKey", name: "off", want: "ID Inactive 2026-02-03", state: withOthers,
		do: (*place).switchSSH,
	},
	{
		operation: "iam:UpdateSSHPublicKey", name: "one that is not there", want: "NoSuchEntity", state: plain,
		do: func(p *place, id string) (string, error) {
			_, err := p.iam.UpdateSSHPublicKey(p.t.Context(), &iam.UpdateSSHPublicKeyInput{
				UserName: &id, SSHPublicKeyId: aws.String("APKANOSUCHKEY0000001"), Status: types.StatusTypeInactive,
			})
			return "updated", err
		},
	},
	{
		operation: "iam:ListSigningCertificates", name: "a user who has none", want: "none", state: plain,
		do: (*place).certificatesOf,
	},
	{
		operation: "iam:ListSigningCertificates", name: "nobody of the name", want: "NoSuchEntity",
		do: (*place).certificatesOf,
	},
	{
		operation: "iam:UpdateSigningCertificate", name: "one that is not there", want: "NoSuchEntity", state: plain,
		do: func(p *place, id string) (string, error) {
			_, err := p.iam.UpdateSigningCertificate(p.t.Context(), &iam.UpdateSigningCertificateInput{
				UserName: &id, CertificateId: aws.String("TA7SMP42TDN5Z26OBPJE7EXAMPLENONE"),
				Status: types.StatusTypeInactive,
			})
			return "updated", err
		},
	},
	{operation: "iam:GetAccessKeyLastUsed", name: "a key that was used", want: "ID 2026-02-03 s3 us-east-1",
		state: withKeys, do: func(p *place, id string) (string, error) {
			key, err := p.key(id, 0)
			if err != nil {
				return "", err
			}
			return p.lastUse(key)
		}},
	{operation: "iam:GetAccessKeyLastUsed", name: "a key that was never used has no date", want: "ID none N/A N/A",
		state: withKeys, do: func(p *place, id string) (string, error) {
			key, err := p.key(id, 1)
			if err != nil {
				return "", err
			}
			return p.lastUse(key)
		}},
	{
		operation: "iam:GetAccessKeyLastUsed", name: "a key that is not there", want: "NoSuchEntity", unsaid: true,
		do: func(p *place, _ string) (string, error) { return p.lastUse(noKey) },
	},
	{operation: "iam:CreateAccessKey", name: "a new key is active",
		want: "ID Active, id AKIA, secret of 40 characters, created: true, listed: true", state: plain, do: func(p *place,
			id string) (string, error) {
			out, err := p.iam.CreateAccessKey(p.t.Context(), &iam.CreateAccessKeyInput{UserName: &id})
			if err != nil {
				return "", err
			}
			k := out.AccessKey
			listed, err := p.key(id, 0)
			return fmt.Sprintf("%s %s, id %s, secret of %d characters, created: %v, listed: %v", *k.UserName, k.Status,
				(*k.AccessKeyId)[:4], len(*k.SecretAccessKey), k.CreateDate != nil, listed == *k.AccessKeyId), err
		}},
	{
		operation: "iam:CreateAccessKey", name: "a third key", want: "LimitExceeded", state: withKeys, do: (*place).createKey,
	},
	{operation: "iam:CreateAccessKey", name: "nobody of the name", want: "NoSuchEntity", do: (*place).createKey},
	{
		operation: "iam:UpdateAccessKey", name: "off", want: "ID Inactive 2026-01-02 true, ID Inactive 2026-02-03 true",
		state: withKeys, do: onKey(0, 1, status(types.StatusTypeInactive)),
	},
	{
		operation: "iam:UpdateAccessKey", name: "off again", unsaid: true,
		want: "ID Inactive 2026-01-02 true, ID Inactive 2026-02-03 true", state: withKeys,
		do: onKey(0, 2, status(types.StatusTypeInactive)),
	},
	{
		operation: "iam:UpdateAccessKey", name: "on", want: "ID Active 2026-01-02 true, ID Active 2026-02-03 true",
		state: withKeys, do: onKey(1, 1, status(types.StatusTypeActive)),
	},
	{operation: "iam:UpdateAccessKey", name: "a key that is not there", want: "NoSuchEntity", state: plain,
		do: func(p *place, id string) (string, error) {
			return "updated", status(types.StatusTypeInactive)(p, id, noKey)
		}},
	{operation: "iam:UpdateAccessKey", name: "a key of another user", want: "NoSuchEntity",
		state: func(id string) fakeaws.State {
			s := withKeys(id)
			s.Users[id+"-other"] = &fakeaws.User{Created: jan}
			return s
		},
		do: func(p *place, id string) (string, error) {
			key, err := p.key(id, 0)
			if err != nil {
				return "", err
			}
			return "updated", status(types.StatusTypeInactive)(p, id+"-other", key)
		}},
	{operation: "iam:UpdateAccessKey", name: "nobody of the name", want: "NoSuchEntity", do: func(p *place,
		id string) (string, error) {
		return "updated", status(types.StatusTypeInactive)(p, id, noKey)
	}},
	{
		operation: "iam:DeleteAccessKey", name: "an active key", want: "ID Inactive 2026-02-03 true", state: withKeys,
		do: onKey(0, 1, (*place).deleteKey),
	},
	{
		operation: "iam:DeleteAccessKey", name: "twice", want: "NoSuchEntity", state: withKeys,
		do: onKey(0, 2, (*place).deleteKey),
	},
	{
		operation: "iam:DeleteAccessKey", name: "nobody of the name", want: "NoSuchEntity",
		do: func(p *place, id string) (string, error) { return "deleted", p.deleteKey(id, noKey) },
	},
}

func (p *place) createKey(id string) (string, error) {
	_, err := p.iam.CreateAccessKey(p.t.Context(), &iam.CreateAccessKeyInput{UserName: &id})
	return "created", err
}

func (p *place) attachedTo(id string) (string, error) {
	out, err := p.iam.ListAttachedUserPolicies(p.t.Context(), &iam.ListAttachedUserPoliciesInput{UserName: &id})
	if err != nil {
		return "", err
	}
	return attached(out.AttachedPolicies), nil
}

func attach(times int, arn string) func(*place, string) (string, error) {
	return func(p *place, id string) (string, error) {
		for range times {
			if _, err := p.iam.AttachUserPolicy(p.t.Context(), &iam.AttachUserPolicyInput{
				UserName: &id, PolicyArn: &arn,
			}); err != nil {
				return "", err
			}
		}
		return p.attachedTo(id)
	}
}

// count is how many things an outcome lists.
func count(do func(*place, string) (string, error), between string) func(*place, string) (string, error) {
	return func(p *place, id string) (string, error) {
		all, err := do(p, id)
		return fmt.Sprintf("%d of them", len(strings.Split(all, between))), err
	}
}

func detach(times int, arn string) func(*place, string) (string, error) {
	return func(p *place, id string) (string, error) {
		for range times {
			if _, err := p.iam.DetachUserPolicy(p.t.Context(), &iam.DetachUserPolicyInput{
				UserName: &id, PolicyArn: &arn,
			}); err != nil {
				return "", err
			}
		}
		return p.attachedTo(id)
	}
}

func (p *place) inlineOf(id string) (string, error) {
	out, err := p.iam.ListUserPolicies(p.t.Context(), &iam.ListUserPoliciesInput{UserName: &id})
	if err != nil {
		return "", err
	}
	return cmp.Or(strings.Join(out.PolicyNames, " "), "none"), nil
}

func (p *place) inline(id string) (string, error) {
	out, err := p.iam.GetUserPolicy(p.t.Context(), &iam.GetUserPolicyInput{UserName: &id, PolicyName: aws.String("own")})
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s %s %s", *out.UserName, *out.PolicyName, encoding(*out.PolicyDocument)), nil
}

func put(names ...string) func(text string) func(*place, string) (string, error) {
	return func(text string) func(*place, string) (string, error) {
		return func(p *place, id string) (string, error) {
			for _, name := range names {
				if _, err := p.iam.PutUserPolicy(p.t.Context(), &iam.PutUserPolicyInput{
					UserName: &id, PolicyName: &name, PolicyDocument: &text,
				}); err != nil {
					return "", err
				}
			}
			return p.inlineOf(id)
		}
	}
}

func take(times int) func(*place, string) (string, error) {
	return func(p *place, id string) (string, error) {
		for range times {
			if _, err := p.iam.DeleteUserPolicy(p.t.Context(), &iam.DeleteUserPolicyInput{
				UserName: &id, PolicyName: aws.String("own"),
			}); err != nil {
				return "", err
			}
		}
		return p.inlineOf(id)
	}
}

// long is a policy of about so many characters, white space not counted.
func long(n int) string {
	return strings.Replace(document, "a b", strings.Repeat("a", n-len(document)), 1)
}

var own = who(fakeaws.User{Inline: map[string]fakeaws.Document{"own": document}})

var policies = []trial{
	{
		operation: "iam:ListAttachedUserPolicies", name: "name and ARN of each",
		want: "p00 " + policy(0) + ", p01 " + policy(1), state: who(fakeaws.User{Attached: []string{policy(0), policy(1)}}),
		do: (*place).attachedTo,
	},
	{
		operation: "iam:ListAttachedUserPolicies", name: "a user who has none", want: "none", state: plain,
		do: (*place).attachedTo,
	},
	{operation: "iam:ListAttachedUserPolicies", name: "page by page, as MaxItems says", want: "2+2+1",
		state: who(fakeaws.User{Attached: up(5, policy)}), do: func(p *place, id string) (string, error) {
			return pages(func(marker *string) (int, bool, *string, error) {
				out, err := p.iam.ListAttachedUserPolicies(p.t.Context(), &iam.ListAttachedUserPoliciesInput{
					UserName: &id, MaxItems: two, Marker: marker,
				})
				if err != nil {
					return 0, false, nil, err
				}
				return len(out.AttachedPolicies), out.IsTruncated, out.Marker, nil
			})
		}},
	{operation: "iam:ListAttachedUserPolicies", name: "nobody of the name", want: "NoSuchEntity", do: (*place).attachedTo},
	{
		operation: "iam:AttachUserPolicy", name: "a policy of the account", want: "p00 " + policy(0), state: plain,
		do: attach(1, policy(0)),
	},
	{
		operation: "iam:AttachUserPolicy", name: "a policy of AWS", want: "ReadOnlyAccess " + readOnly, state: plain,
		do: attach(1, readOnly),
	},
	{
		operation: "iam:AttachUserPolicy", name: "twice", unsaid: true, want: "p00 " + policy(0), state: plain,
		do: attach(2, policy(0)),
	},
	{
		operation: "iam:AttachUserPolicy", name: "a policy that AWS does not have", want: "NoSuchEntity", state: plain,
		do: attach(1, "arn:aws:iam::aws:policy/NoSuchPolicy"),
	},
	{operation: "iam:AttachUserPolicy", name: "a policy that was detached", want: "p03 " +
		policy(3), state: who(fakeaws.User{Attached: []string{policy(3)}}), do: func(p *place, id string) (string, error) {
		if _, err := detach(1, policy(3))(p, id); err != nil {
			return "", err
		}
		return attach(1, policy(3))(p, id)
	}},
	{
		operation: "iam:AttachUserPolicy", name: "a policy that is not there", want: "NoSuchEntity", state: plain,
		do: attach(1, gone),
	},
	{operation: "iam:AttachUserPolicy", name: "nobody of the name", want: "NoSuchEntity", do: attach(1, policy(0))},
	{operation: "iam:AttachUserPolicy", name: "an eleventh policy",
		moto: "11 of them", why: "what comes of a full quota is tried in memory",
		want: "LimitExceeded", state: who(fakeaws.User{Attached: up(10, policy)}), do: count(attach(1, policy(10)), ", ")},
	{
		operation: "iam:DetachUserPolicy", name: "a policy that is attached", want: "p01 " + policy(1),
		state: who(fakeaws.User{Attached: []string{policy(0), policy(1)}}), do: detach(1, policy(0)),
	},
	{
		operation: "iam:DetachUserPolicy", name: "twice", want: "NoSuchEntity",
		state: who(fakeaws.User{Attached: []string{policy(0)}}), do: detach(2, policy(0)),
	},
	{operation: "iam:DetachUserPolicy", name: "nobody of the name", want: "NoSuchEntity", do: detach(1, policy(0))},

	{
		operation: "iam:ListUserPolicies", name: "names", want: "a b",
		state: who(fakeaws.User{Inline: map[string]fakeaws.Document{"a": document, "b": document}}), do: (*place).inlineOf,
	},
	{operation: "iam:ListUserPolicies", name: "a user who has none", want: "none", state: plain, do: (*place).inlineOf},
	{operation: "iam:ListUserPolicies", name: "page by page, as MaxItems says",
		moto: "3", why: "what is left out here is tried in memory, two by two, by every story",
		want: "2+1", state: who(fakeaws.User{
			Inline: map[string]fakeaws.Document{"a": document, "b": document, "c": document},
		}), do: func(p *place, id string) (string, error) {
			return pages(func(marker *string) (int, bool, *string, error) {
				out, err := p.iam.ListUserPolicies(p.t.Context(), &iam.ListUserPoliciesInput{
					UserName: &id, MaxItems: two, Marker: marker,
				})
				if err != nil {
					return 0, false, nil, err
				}
				return len(out.PolicyNames), out.IsTruncated, out.Marker, nil
			})
		}},
	{operation: "iam:ListUserPolicies", name: "nobody of the name", want: "NoSuchEntity", do: (*place).inlineOf},
	{
		operation: "iam:GetUserPolicy", name: "the document is URL-encoded", want: "ID own URL-encoded", state: own,
		do: (*place).inline,
	},
	{
		operation: "iam:GetUserPolicy", name: "a policy that is not there", want: "NoSuchEntity", state: plain,
		do: (*place).inline,
	},
	{operation: "iam:GetUserPolicy", name: "nobody of the name", want: "NoSuchEntity", do: (*place).inline},
	{operation: "iam:PutUserPolicy", name: "a new one", want: "own", state: plain, do: put("own")(document)},
	{operation: "iam:PutUserPolicy", name: "it comes back byte for byte", want: "ID own URL-encoded", state: plain,
		do: func(p *place, id string) (string, error) {
			if _, err := put("own")(document)(p, id); err != nil {
				return "", err
			}
			return p.inline(id)
		}},
	{operation: "iam:PutUserPolicy", name: "another takes its place", want: "own", state: own, do: put("own")(long(500))},
	{
		operation: "iam:PutUserPolicy", name: "what is no JSON", want: "MalformedPolicyDocument", state: plain,
		do: put("own")(`{"Version":`),
	},
	{operation: "iam:PutUserPolicy", name: "nobody of the name", want: "NoSuchEntity", do: put("own")(document)},
	{operation: "iam:PutUserPolicy", name: "more than 2,048 characters",
		moto: "own", why: "what comes of a full quota is tried in memory",
		want: "LimitExceeded", state: plain, do: put("own")(long(2100))},
	{operation: "iam:PutUserPolicy", name: "more than 2,048 characters together",
		moto: "a b c", why: "what comes of a full quota is tried in memory",
		want: "LimitExceeded", state: plain, do: put("a", "b", "c")(long(700))},
	{
		operation: "iam:PutUserPolicy", name: "white space is not counted", want: "own", state: plain,
		do: put("own")(strings.Repeat(" ", 2048) + document),
	},
	{operation: "iam:DeleteUserPolicy", name: "a policy that is there", want: "none", state: own, do: take(1)},
	{operation: "iam:DeleteUserPolicy", name: "twice", want: "NoSuchEntity", state: own, do: take(2)},
	{operation: "iam:DeleteUserPolicy", name: "nobody of the name", want: "NoSuchEntity", do: take(1)},

	{
		operation: "iam:GetPolicy", name: "name and version that is in force", want: "p00 " + policy(0) + " v1",
		do: func(p *place, _ string) (string, error) { return p.policy(policy(0)) },
	},
	{
		operation: "iam:GetPolicy", name: "a policy that is not there", want: "NoSuchEntity",
		do: func(p *place, _ string) (string, error) { return p.policy(gone) },
	},
	{operation: "iam:GetPolicyVersion", name: "the document is URL-encoded",
		moto: "v1 true as it is", why: "decoding leaves a document without percent signs as it is; stories have encoded ones",
		want: "v1 true URL-encoded", do: version(policy(0), "v1")},
	{
		operation: "iam:GetPolicyVersion", name: "a version that is not there", want: "NoSuchEntity",
		do: version(policy(0), "v9"),
	},
	{operation: "iam:GetPolicyVersion", name: "a policy that is not there", want: "NoSuchEntity", do: version(gone, "v1")},

	{operation: "iam:ListPolicyVersions", name: "one", want: "v1 in force", do: versions(policy(1), 0, "")},
	{
		operation: "iam:ListPolicyVersions",
		name:      "a policy that is not there",
		want:      "NoSuchEntity",
		do:        versions(gone, 0, ""),
	},
	{
		operation: "iam:CreatePolicyVersion",
		name:      "a second, in force",
		want:      "v1, v2 in force",
		do:        versions(policy(2), 1, ""),
	},
	{
		operation: "iam:CreatePolicyVersion", name: "a sixth", want: "LimitExceeded", do: versions(policy(3), 5, ""),
	},
	{
		operation: "iam:CreatePolicyVersion", name: "what is no JSON", want: "MalformedPolicyDocument",
		do: func(p *place, _ string) (string, error) { return "", p.newVersion(policy(1), `{"Version":`) },
	},
	{
		operation: "iam:SetDefaultPolicyVersion", name: "the one before", want: "v1 in force, v2",
		do: versions(policy(4), 1, "v1"),
	},
	{
		operation: "iam:SetDefaultPolicyVersion", name: "a version that is not there", want: "NoSuchEntity",
		do: versions(policy(1), 0, "v9"),
	},
	{
		operation: "iam:GenerateServiceLastAccessedDetails", name: "a user", want: "COMPLETED, 0 services", state: plain,
		do: (*place).accessed,
	},
	{
		operation: "iam:GenerateServiceLastAccessedDetails", name: "nobody of the name", want: "NoSuchEntity",
		moto: "COMPLETED, 0 services", why: "the local account does not look whether somebody is there",
		do: (*place).accessed,
	},
	{
		operation: "iam:GetServiceLastAccessedDetails", name: "who used nothing", want: "COMPLETED, 0 services", state: plain,
		do: (*place).accessed,
	},
}

func (p *place) newVersion(arn, document string) error {
	_, err := p.iam.CreatePolicyVersion(p.t.Context(),
		&iam.CreatePolicyVersionInput{PolicyArn: &arn, PolicyDocument: &document, SetAsDefault: true})
	return err
}

// versions makes so many new versions of a policy, has one apply if it is named, and says which there are then.
func versions(arn string, made int, apply string) func(*place, string) (string, error) {
	return func(p *place, _ string) (string, error) {
		for range made {
			if err := p.newVersion(arn, document); err != nil {
				return "", err
			}
		}
		if apply != "" {
			in := &iam.SetDefaultPolicyVersionInput{PolicyArn: &arn, VersionId: &apply}
			if _, err := p.iam.SetDefaultPolicyVersion(p.t.Context(), in); err != nil {
				return "", err
			}
		}
		out, err := p.iam.ListPolicyVersions(p.t.Context(), &iam.ListPolicyVersionsInput{PolicyArn: &arn})
		if err != nil {
			return "", err
		}
		var all []string
		for _, v := range out.Versions {
			text := *v.VersionId
			if v.IsDefaultVersion {
				text += " in force"
			}
			all = append(all, text)
		}
		slices.Sort(all)
		return strings.Join(all, ", "), nil
	}
}

// accessed is what a user used.
func (p *place) accessed(id string) (string, error) {
	job, err := p.iam.GenerateServiceLastAccessedDetails(p.t.Context(), &iam.GenerateServiceLastAccessedDetailsInput{
		Arn: aws.String(
			"arn:aws:iam::" + number + ":user/" + id,
		), Granularity: types.AccessAdvisorUsageGranularityTypeActionLevel,
	})
	if err != nil {
		return "", err
	}
	out, err := p.iam.GetServiceLastAccessedDetails(p.t.Context(),
		&iam.GetServiceLastAccessedDetailsInput{JobId: job.JobId})
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s, %d services", out.JobStatus, len(out.ServicesLastAccessed)), nil
}

func (p *place) policy(arn string) (string, error) {
	out, err := p.iam.GetPolicy(p.t.Context(), &iam.GetPolicyInput{PolicyArn: &arn})
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s %s %s", aws.ToString(out.Policy.PolicyName), *out.Policy.Arn, *out.Policy.DefaultVersionId), nil
}

func version(arn, id string) func(*place, string) (string, error) {
	return func(p *place, _ string) (string, error) {
		out, err := p.iam.GetPolicyVersion(p.t.Context(), &iam.GetPolicyVersionInput{PolicyArn: &arn, VersionId: &id})
		if err != nil {
			return "", err
		}
		return fmt.Sprintf("%s %v %s", *out.PolicyVersion.VersionId, out.PolicyVersion.IsDefaultVersion,
			encoding(*out.PolicyVersion.Document)), nil
	}
}

func (p *place) groupsOf(id string) (string, error) {
	out, err := p.iam.ListGroupsForUser(p.t.Context(), &iam.ListGroupsForUserInput{UserName: &id})
	if err != nil {
		return "", err
	}
	var words []string
	for _, g := range out.Groups {
		words = append(words, *g.GroupName)
	}
	slices.Sort(words)
	return cmp.Or(strings.Join(words, " "), "none"), nil
}

func join(times int, group string) func(*place, string) (string, error) {
	return func(p *place, id string) (string, error) {
		for range times {
			if _, err := p.iam.AddUserToGroup(p.t.Context(), &iam.AddUserToGroupInput{
				UserName: &id, GroupName: &group,
			}); err != nil {
				return "", err
			}
		}
		return p.groupsOf(id)
	}
}

func leave(times int, group string) func(*place, string) (string, error) {
	return func(p *place, id string) (string, error) {
		for range times {
			if _, err := p.iam.RemoveUserFromGroup(p.t.Context(), &iam.RemoveUserFromGroupInput{
				UserName: &id, GroupName: &group,
			}); err != nil {
				return "", err
			}
		}
		return p.groupsOf(id)
	}
}

func groupPages(p *place, _ string) (string, error) {
	full := aws.String("full")
	return pages(func(marker *string) (int, bool, *string, error) {
		out, err := p.iam.ListGroupPolicies(p.t.Context(), &iam.ListGroupPoliciesInput{
			GroupName: full, MaxItems: two, Marker: marker,
		})
		if err != nil {
			return 0, false, nil, err
		}
		return len(out.PolicyNames), out.IsTruncated, out.Marker, nil
	})
}

func attachedToGroup(name string) func(*place, string) (string, error) {
	return func(p *place, _ string) (string, error) {
		out, err := p.iam.ListAttachedGroupPolicies(p.t.Context(), &iam.ListAttachedGroupPoliciesInput{GroupName: &name})
		if err != nil {
			return "", err
		}
		return attached(out.AttachedPolicies), nil
	}
}

func inlineOfGroup(name string) func(*place, string) (string, error) {
	return func(p *place, _ string) (string, error) {
		out, err := p.iam.ListGroupPolicies(p.t.Context(), &iam.ListGroupPoliciesInput{GroupName: &name})
		if err != nil {
			return "", err
		}
		return cmp.Or(strings.Join(out.PolicyNames, " "), "none"), nil
	}
}

func groupPolicy(group, name string) func(*place, string) (string, error) {
	return func(p *place, _ string) (string, error) {
		out, err := p.iam.GetGroupPolicy(p.t.Context(), &iam.GetGroupPolicyInput{GroupName: &group, PolicyName: &name})
		if err != nil {
			return "", err
		}
		return fmt.Sprintf("%s %s %s", *out.GroupName, *out.PolicyName, encoding(*out.PolicyDocument)), nil
	}
}

const noGroup = "no-such-group"

var groups = []trial{
	{
		operation: "iam:ListGroupsForUser", name: "names", want: "g00 g01",
		state: who(fakeaws.User{Groups: []string{group(0), group(1)}}), do: (*place).groupsOf,
	},
	{operation: "iam:ListGroupsForUser", name: "a user who is in none", want: "none", state: plain, do: (*place).groupsOf},
	{operation: "iam:ListGroupsForUser", name: "page by page, as MaxItems says",
		moto: "3", why: "what is left out here is tried in memory, two by two, by every story",
		want: "2+1", state: who(fakeaws.User{Groups: up(3, group)}), do: func(p *place, id string) (string, error) {
			return pages(func(marker *string) (int, bool, *string, error) {
				out, err := p.iam.ListGroupsForUser(p.t.Context(), &iam.ListGroupsForUserInput{
					UserName: &id, MaxItems: two, Marker: marker,
				})
				if err != nil {
					return 0, false, nil, err
				}
				return len(out.Groups), out.IsTruncated, out.Marker, nil
			})
		}},
	{operation: "iam:ListGroupsForUser", name: "nobody of the name", want: "NoSuchEntity", do: (*place).groupsOf},
	{operation: "iam:AddUserToGroup", name: "a user who is in none", want: "g00", state: plain, do: join(1, group(0))},
	{operation: "iam:AddUserToGroup", name: "twice", unsaid: true, want: "g00", state: plain, do: join(2, group(0))},
	{
		operation: "iam:AddUserToGroup", name: "a group that is not there", want: "NoSuchEntity", state: plain,
		do: join(1, noGroup),
	},
	{operation: "iam:AddUserToGroup", name: "nobody of the name", want: "NoSuchEntity", do: join(1, group(0))},
	{operation: "iam:AddUserToGroup", name: "an eleventh group",
		moto: "11 of them", why: "what comes of a full quota is tried in memory",
		want: "LimitExceeded", state: who(fakeaws.User{Groups: up(10, group)}), do: count(join(1, group(10)), " ")},
	{
		operation: "iam:RemoveUserFromGroup", name: "a member", want: "g01",
		state: who(fakeaws.User{Groups: []string{group(0), group(1)}}), do: leave(1, group(0)),
	},
	{operation: "iam:RemoveUserFromGroup", name: "who is no member any more",
		moto: "NoSuchEntity", why: "functions take either as gone already",
		want: "none", unsaid: true, state: who(fakeaws.User{Groups: []string{group(0)}}), do: leave(2, group(0))},
	{
		operation: "iam:RemoveUserFromGroup", name: "a group that is not there", want: "NoSuchEntity", state: plain,
		do: leave(1, noGroup),
	},
	{operation: "iam:RemoveUserFromGroup", name: "nobody of the name", want: "NoSuchEntity", do: leave(1, group(0))},
	{
		operation: "iam:ListAttachedGroupPolicies", name: "name and ARN of each",
		want: "p00 " + policy(0) + ", p01 " + policy(1) + ", p02 " + policy(2), do: attachedToGroup("full"),
	},
	{
		operation: "iam:ListAttachedGroupPolicies", name: "a group that has none", want: "none",
		do: attachedToGroup(group(0)),
	},
	{operation: "iam:ListAttachedGroupPolicies", name: "page by page, as MaxItems says", want: "2+1", do: func(p *place,
		_ string) (string, error) {
		return pages(func(marker *string) (int, bool, *string, error) {
			out, err := p.iam.ListAttachedGroupPolicies(p.t.Context(), &iam.ListAttachedGroupPoliciesInput{
				GroupName: aws.String("full"), MaxItems: two, Marker: marker,
			})
			if err != nil {
				return 0, false, nil, err
			}
			return len(out.AttachedPolicies), out.IsTruncated, out.Marker, nil
		})
	}},
	{
		operation: "iam:ListAttachedGroupPolicies", name: "a group that is not there", want: "NoSuchEntity",
		do: attachedToGroup(noGroup),
	},
	{operation: "iam:ListGroupPolicies", name: "names", want: "a b c", do: inlineOfGroup("full")},
	{operation: "iam:ListGroupPolicies", name: "a group that has none", want: "none", do: inlineOfGroup(group(0))},
	{operation: "iam:ListGroupPolicies", name: "page by page, as MaxItems says",
		moto: "3", why: "what is left out here is tried in memory, two by two, by every story",
		want: "2+1", do: groupPages},
	{
		operation: "iam:ListGroupPolicies", name: "a group that is not there", want: "NoSuchEntity",
		do: inlineOfGroup(noGroup),
	},
	{
		operation: "iam:GetGroupPolicy", name: "the document is URL-encoded", want: "full a URL-encoded",
		do: groupPolicy("full", "a"),
	},
	{
		operation: "iam:GetGroupPolicy", name: "a policy that is not there", want: "NoSuchEntity",
		do: groupPolicy("full", "z"),
	},
	{
		operation: "iam:GetGroupPolicy", name: "a group that is not there", want: "NoSuchEntity",
		do: groupPolicy(noGroup, "a"),
	},
}

func (p *place) reportState() (string, error) {
	out, err := p.iam.GenerateCredentialReport(p.t.Context(), &iam.GenerateCredentialReportInput{})
	if err != nil {
		return "", err
	}
	return string(out.State), nil
}

// report returns the columns of the report, and its line of a user.
func (p *place) report(user string) (columns, line []string, err error) {
	out, err := p.iam.GetCredentialReport(p.t.Context(), &iam.GetCredentialReportInput{})
	if err != nil {
		return nil, nil, err
	}
	for n, text := range strings.Split(strings.TrimSpace(string(out.Content)), "\n") {
		fields := strings.Split(strings.TrimSpace(text), ",")
		if n == 0 {
			columns = fields
		}
		if fields[0] == user {
			line = fields
		}
	}
	return columns, line, nil
}

// reported says what the report has of a user in the columns.
func reported(of string, want ...string) func(*place, string) (string, error) {
	return func(p *place, id string) (string, error) {
		columns, line, err := p.report(cmp.Or(of, id))
		if err != nil {
			return "", err
		}
		var words []string
		for _, column := range want {
			at := slices.Index(columns, column)
			if at < 0 || at >= len(line) {
				return "no " + column, nil
			}
			words = append(words, line[at])
		}
		return strings.Join(words, " "), nil
	}
}

// details are what GetAccountAuthorizationDetails has of a user.
func details(p *place, id string) (string, error) {
	for all := iam.NewGetAccountAuthorizationDetailsPaginator(p.iam, &iam.GetAccountAuthorizationDetailsInput{
		Filter: []types.EntityType{types.EntityTypeUser},
	}); all.HasMorePages(); {
		page, err := all.NextPage(p.t.Context())
		if err != nil {
			return "", err
		}
		if len(page.RoleDetailList)+len(page.GroupDetailList)+len(page.Policies) > 0 {
			return "more than users", nil
		}
		for _, user := range page.UserDetailList {
			if *user.UserName != id {
				continue
			}
			inline := map[string]string{}
			for _, p := range user.UserPolicyList {
				inline[*p.PolicyName] = encoding(*p.PolicyDocument)
			}
			return fmt.Sprintf("%s, created %s, tags %s, boundary %s, groups %v, attached %s, inline %v",
				*user.Arn, day(user.CreateDate), tags(user.Tags), boundary(user.PermissionsBoundary), slices.Sorted(
					slices.Values(user.GroupList),
				), attached(user.AttachedManagedPolicies), inline), nil
		}
	}
	return "not there", nil
}

// reportColumns are those of the credential report
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_getting-report.html).
const reportColumns = "user,arn,user_creation_time,password_enabled,password_last_used,password_last_changed," +
	"password_next_rotation,mfa_active," +
	"access_key_1_active,access_key_1_last_rotated,access_key_1_last_used_date,access_key_1_last_used_region," +
	"access_key_1_last_used_service," +
	"access_key_2_active,access_key_2_last_rotated,access_key_2_last_used_date,access_key_2_last_used_region," +
	"access_key_2_last_used_service," +
	"cert_1_active,cert_1_last_rotated,cert_2_active,cert_2_last_rotated,additional_credentials_info"

var reports = []trial{
	{operation: "iam:GetAccountSummary", name: "whether root has keys and a second factor",
		want: "map[AccountAccessKeysPresent:0 AccountMFAEnabled:0]", do: func(p *place, _ string) (string, error) {
			out, err := p.iam.GetAccountSummary(p.t.Context(), &iam.GetAccountSummaryInput{})
			if err != nil {
				return "", err
			}
			maps.DeleteFunc(out.SummaryMap, func(name string, _ int32) bool {
				return name != "AccountAccessKeysPresent" && name != "AccountMFAEnabled"
			})
			return fmt.Sprint(out.SummaryMap), nil
		}},
	{operation: "iam:GetAccountAuthorizationDetails", name: "all that a user has", state: who(fakeaws.User{
		Path: "/team/", Tags: map[string]string{"owner": "kim"}, Boundary: policy(0), Groups: []string{group(0),
			group(1)}, Attached: []string{policy(1), readOnly}, Inline: map[string]fakeaws.Document{"own": document},
	}), do: details, want: "arn:aws:iam::" + number +
		":user/team/ID, created 2026-01-02, tags owner=kim, boundary PermissionsBoundaryPolicy " + policy(0) +
		", groups [g00 g01], attached p01 " + policy(1) + ", ReadOnlyAccess " + readOnly + ", inline map[own:URL-encoded]"},
	{operation: "iam:GetAccountAuthorizationDetails", name: "a user who has nothing", state: plain, do: details,
		want: "arn:aws:iam::" + number +
			":user/ID, created 2026-01-02, tags none, boundary none, groups [], attached none, inline map[]"},
	{operation: "iam:GetAccountAuthorizationDetails", name: "page by page, as MaxItems says",
		moto: "two: false, truncated: false, another page begins with another user: false", why: "what is left out here " +
			"is tried in memory, two by two, by every story",
		want: "two: true, truncated: true, another page begins with another user: true", do: func(p *place, _ string) (string,
			error) {
			in := &iam.GetAccountAuthorizationDetailsInput{Filter: []types.EntityType{types.EntityTypeUser}, MaxItems: two}
			first, err := p.iam.GetAccountAuthorizationDetails(p.t.Context(), in)
			if err != nil {
				return "", err
			}
			in.Marker = first.Marker
			second, err := p.iam.GetAccountAuthorizationDetails(p.t.Context(), in)
			if err != nil {
				return "", err
			}
			return fmt.Sprintf("two: %v, truncated: %v, another page begins with another user: %v",
				len(
					first.UserDetailList,
				) == 2, first.IsTruncated, *first.UserDetailList[0].UserName != *second.UserDetailList[0].UserName), nil
		}},

	{
		operation: "iam:GetCredentialReport", name: "before it was asked for", want: "ReportNotPresent",
		do: reported("", "user"),
	},
	{operation: "iam:GenerateCredentialReport", name: "it is begun, and then there", want: "STARTED COMPLETE",
		do: func(p *place, _ string) (string, error) {
			first, err := p.reportState()
			if err != nil {
				return "", err
			}
			second, err := p.reportState()
			return first + " " + second, err
		}},
	{operation: "iam:GetCredentialReport", name: "its columns",
		moto: "all without additional_credentials_info", why: "columns are found by their names",
		do: func(p *place, _ string) (string, error) {
			columns, _, err := p.report("")
			if err != nil {
				return "", err
			}
			var without []string
			for _, column := range strings.Split(reportColumns, ",") {
				if !slices.Contains(columns, column) {
					without = append(without, column)
				}
			}
			if len(columns)+len(without) != strings.Count(reportColumns, ",")+1 {
				return strings.Join(columns, ","), nil
			}
			return strings.TrimSuffix("all without "+strings.Join(without, " "), " without "), nil
		}, want: "all"},
	{operation: "iam:GetCredentialReport", name: "root is in it",
		moto: "no arn", why: "root's line is left out; the report in memory has one",
		want: "arn:aws:iam::" + number +
			":root not_supported not_supported false", do: reported("<root_account>", "arn", "password_enabled",
			"password_last_changed", "access_key_1_active")},
	{operation: "iam:GetCredentialReport", name: "a user who has nothing",
		moto: "arn:aws:iam::" + number +
			":user/ID 2026-01-02T03:04:05+00:00 false not_supported 2026-01-02T03:04:05+00:00 false N/A N/A false N/A N/A",
		why: "a password that is off is passed over, whatever else the report has of it",
		want: "arn:aws:iam::" + number +
			":user/ID 2026-01-02T03:04:05+00:00 false N/A N/A false N/A N/A false N/A N/A", state: plain,
		do: reported("", "arn", "user_creation_time", "password_enabled", "password_last_used", "password_last_changed",
			"access_key_1_active", "access_key_1_last_rotated", "access_key_1_last_used_date", "access_key_2_active",
			"access_key_2_last_rotated", "access_key_2_last_used_date")},
	{operation: "iam:GetCredentialReport", name: "keys of a user",
		moto: "true 2026-02-03T04:05:06+00:00 not_supported not_supported false N/A not_supported not_supported",
		why:  "the columns of region and service are not read",
		want: "true 2026-02-03T04:05:06+00:00 us-east-1 s3 false N/A N/A N/A", state: withKeys,
		do: reported("", "access_key_1_active", "access_key_1_last_used_date", "access_key_1_last_used_region",
			"access_key_1_last_used_service", "access_key_2_active", "access_key_2_last_used_date",
			"access_key_2_last_used_region", "access_key_2_last_used_service")},
	{
		operation: "iam:GetCredentialReport", name: "a key that was not switched was changed when it was made",
		want: "2026-01-02T03:04:05+00:00", state: withKeys, do: reported("", "access_key_1_last_rotated"),
	},
	{
		operation: "iam:GetCredentialReport", name: "a password that nobody signed in with", want: "true no_information",
		state: who(fakeaws.User{Password: &fakeaws.Password{Created: jan}}),
		do:    reported("", "password_enabled", "password_last_used"),
	},
	{operation: "iam:GetCredentialReport", name: "what changed since is not in it",
		moto: "false", why: "planners read a key again before they plan to change it",
		want: "true", state: withKeys, do: func(p *place, id string) (string, error) {
			if _, err := onKey(0, 1, status(types.StatusTypeInactive))(p, id); err != nil {
				return "", err
			}
			return reported("", "access_key_1_active")(p, id)
		}},
	{operation: "iam:GetCredentialReport", name: "after four hours",
		moto: "the old one", why: "the local account is always at the present",
		want: "ReportExpired", do: func(p *place, id string) (string, error) {
			p.pass(4 * time.Hour)
			if _, _, err := p.report(""); err != nil {
				return "", err
			}
			return "the old one", nil
		}},
	{operation: "iam:GenerateCredentialReport", name: "after four hours a new one is begun",
		moto: "COMPLETE COMPLETE", why: "the local account is always at the present",
		want: "STARTED COMPLETE", do: func(p *place, _ string) (string, error) {
			p.pass(4 * time.Hour)
			first, err := p.reportState()
			if err != nil {
				return "", err
			}
			second, err := p.reportState()
			return first + " " + second, err
		}},
	{operation: "iam:GetCredentialReport", name: "a switched key was changed when it was switched",
		moto: "after it was made: false", why: "keys that are switched to look young are tried in memory",
		want: "after it was made: true", state: withKeys, do: func(p *place, id string) (string, error) {
			if _, err := onKey(0, 1, status(types.StatusTypeInactive))(p, id); err != nil {
				return "", err
			}
			p.pass(4 * time.Hour)
			if _, err := p.reportState(); err != nil {
				return "", err
			}
			at, err := reported("", "access_key_1_last_rotated")(p, id)
			return fmt.Sprintf("after it was made: %v", at > jan.AddDate(0, 1, 0).Format(time.RFC3339)), err
		}},
}
