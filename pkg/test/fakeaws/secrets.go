package fakeaws

import (
	"cmp"
	"crypto/sha256"
	"encoding/base32"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	secrets "github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
)

// Secret is a secret of Secrets Manager.
type Secret struct {
	Created     time.Time `json:"created"`
	Changed     time.Time `json:"changed"` // when it was last modified in any way
	Deleted     time.Time `json:"deleted,omitzero"`
	Description string    `json:"description,omitempty"`
	Policy      Document  `json:"policy,omitempty"`
	// Version is the id of the version that is current; empty while the secret has no value.
	Version string `json:"version,omitempty"`
	// Previous is the version that was current before; empty if there was none.
	Previous string `json:"previous,omitempty"`
	// Value is not part of the state: it is random.
	Value string `json:"-"`
}

// scramble returns n letters and digits that follow from what it is given.
func scramble(n int, parts ...any) string {
	sum := sha256.Sum256(fmt.Append(nil, parts...))
	return base32.StdEncoding.EncodeToString(sum[:])[:n]
}

// MadeKey stands, as the id of a key in what [Account.Alter] is given, for the last key that was
// created here, if the user still has it: whoever writes the state cannot know its id.
const MadeKey = "MADE"

// time is when something changes.
func (a *Account) time() time.Time {
	if a.Now == nil {
		return time.Time{}
	}
	return a.Now()
}

// keep puts the keys that were created here in the place of those that stand for them.
func (a *Account) keep(name string, user *User) {
	if user == nil {
		return
	}
	var kept []Key
	for _, key := range user.Keys {
		if key.ID != MadeKey {
			kept = append(kept, key)
		} else if before, ok := a.state.Users[name]; ok && len(a.made) > 0 {
			at := index(before.Keys, a.made[len(a.made)-1].ID)
			if at >= 0 {
				key.ID, key.Secret, key.Created = before.Keys[at].ID, before.Keys[at].Secret, before.Keys[at].Created
				kept = append(kept, key)
			}
		}
	}
	user.Keys = kept
}

// Comparable is the state with the ids of keys that were created here replaced, so that two accounts
// to which the same was done are the same, whatever their keys are called.
func (a *Account) Comparable() State {
	s := a.State()
	names := []string{}
	for _, key := range a.Made() {
		name := "a key that was made and is gone"
		for _, user := range sorted(s.Users) {
			if i := index(s.Users[user].Keys, key.ID); i >= 0 {
				name = fmt.Sprintf("key %d of %s", i+1, user)
				s.Users[user].Keys[i].ID = name
			}
		}
		names = append(names, key.ID, name)
	}
	named := strings.NewReplacer(names...)
	for _, secret := range s.Secrets {
		secret.Version, secret.Previous = named.Replace(secret.Version), named.Replace(secret.Previous)
	}
	return s
}

// Made returns every access key that was created here, with its secret, deleted ones too.
func (a *Account) Made() []Key {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.made)
}

// Stored returns the values of the secrets that are not deleted, by name.
func (a *Account) Stored() map[string]string {
	a.mu.Lock()
	defer a.mu.Unlock()
	stored := map[string]string{}
	for name, s := range a.state.Secrets {
		if s.Deleted.IsZero() && s.Value != "" {
			stored[name] = s.Value
		}
	}
	return stored
}

// anySecret is a secret by its name, one that is marked for deletion too; liveSecret is not marked.
type (
	anySecret struct {
		*Secret
		name, arn *string
	}
	liveSecret struct{ anySecret }
)

func notFound(message string) error   { return &secrets.ResourceNotFoundException{Message: &message} }
func badRequest(message string) error { return &secrets.InvalidRequestException{Message: &message} }
func invalid(message string) error    { return &secrets.InvalidParameterException{Message: &message} }
func exists(message string) error     { return &secrets.ResourceExistsException{Message: &message} }

// secret finds a secret by name or by ARN.
func (c call) secret(name string) (anySecret, error) {
	for other := range c.state.Secrets {
		if name == *c.secretARN(other) {
			name = other
		}
	}
	s, ok := c.state.Secrets[name]
	if !ok {
		return anySecret{}, notFound("Secrets Manager can't find the specified secret.")
	}
	return anySecret{s, &name, c.secretARN(name)}, nil
}

func (c call) liveSecret(name string) (liveSecret, error) {
	s, err := c.secret(name)
	if err == nil && !s.Deleted.IsZero() {
		err = badRequest("You can't perform this operation on the secret because it was marked for deletion.")
	}
	return liveSecret{s}, err
}

func (a *Account) secretARN(name string) *string {
	return new("arn:aws:secretsmanager:us-east-1:" + a.state.ID + ":secret:" + name + "-" + scramble(6, name))
}

// current is the label of a secret's current version.
const current = "AWSCURRENT"

// DescribeSecret describes a secret, one that is marked for deletion too, without its value.
func (c call) DescribeSecret(s anySecret, in *secretsmanager.DescribeSecretInput) (any, error) {
	out := &secretsmanager.DescribeSecretOutput{
		ARN: s.arn, Name: s.name, Description: new(s.Description),
		CreatedDate: new(s.Created), LastChangedDate: new(s.Changed),
	}
	if !s.Deleted.IsZero() {
		out.DeletedDate = new(s.Deleted)
	}
	if s.Version != "" {
		out.VersionIdsToStages = map[string][]string{s.Version: {current}}
	}
	if s.Previous != "" {
		out.VersionIdsToStages[s.Previous] = []string{"AWSPREVIOUS"}
	}
	return out, nil
}

// CreateSecret creates a secret without a value.
func (c call) CreateSecret(in *secretsmanager.CreateSecretInput) (any, error) {
	switch s, ok := c.state.Secrets[*in.Name]; {
	case ok && !s.Deleted.IsZero():
		return nil, badRequest("You can't create this secret because a secret with this name is already scheduled for " +
			"deletion.")
	case ok:
		return nil, exists("The operation failed because the secret already exists.")
	}
	made := Secret{Created: c.time(), Changed: c.time(), Description: aws.ToString(in.Description)}
	put(&c.state.Secrets, *in.Name, &made)
	return &secretsmanager.CreateSecretOutput{ARN: c.secretARN(*in.Name), Name: in.Name}, nil
}

// RestoreSecret takes the mark for deletion off a secret.
func (c call) RestoreSecret(s anySecret, in *secretsmanager.RestoreSecretInput) (any, error) {
	s.Deleted, s.Changed = time.Time{}, c.time()
	return &secretsmanager.RestoreSecretOutput{ARN: s.arn, Name: s.name}, nil
}

// PutResourcePolicy gives a secret its policy.
func (c call) PutResourcePolicy(s liveSecret, in *secretsmanager.PutResourcePolicyInput) (any, error) {
	if !json.Valid([]byte(aws.ToString(in.ResourcePolicy))) {
		return nil, &secrets.MalformedPolicyDocumentException{Message: new("This resource policy contains invalid JSON.")}
	}
	s.Policy, s.Changed = Document(*in.ResourcePolicy), c.time()
	return &secretsmanager.PutResourcePolicyOutput{ARN: s.arn, Name: s.name}, nil
}

// PutSecretValue gives a secret a new current version, whose id is the request's token. Of older
// versions the last one alone is kept
// (https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_PutSecretValue.html).
func (c call) PutSecretValue(s liveSecret, in *secretsmanager.PutSecretValueInput) (any, error) {
	if n := len(aws.ToString(in.ClientRequestToken)); n < 32 || n > 64 {
		return nil, invalid("ClientRequestToken must be 32 to 64 characters long.")
	}
	out := &secretsmanager.PutSecretValueOutput{
		ARN: s.arn, Name: s.name, VersionId: in.ClientRequestToken, VersionStages: []string{current},
	}
	switch *in.ClientRequestToken {
	case s.Version:
		if s.Value != aws.ToString(in.SecretString) {
			return nil, exists("The version already exists, with another value.")
		}
		return out, nil
	case s.Previous:
		return nil, exists("The version already exists, and is not the current one.")
	}
	s.Previous, s.Version, s.Value, s.Changed = s.Version, *in.ClientRequestToken, aws.ToString(in.SecretString), c.time()
	return out, nil
}

// GetSecretValue returns the current value of a secret.
func (c call) GetSecretValue(s liveSecret, in *secretsmanager.GetSecretValueInput) (any, error) {
	if s.Value == "" {
		return nil, notFound("Secrets Manager can't find the specified secret value for staging label: " + current)
	}
	return &secretsmanager.GetSecretValueOutput{
		ARN: s.arn, Name: s.name, SecretString: new(s.Value), VersionId: new(s.Version),
		VersionStages: []string{current},
	}, nil
}

// DeleteSecret marks a secret for deletion
// (https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_DeleteSecret.html).
func (c call) DeleteSecret(s liveSecret, in *secretsmanager.DeleteSecretInput) (any, error) {
	days := cmp.Or(aws.ToInt64(in.RecoveryWindowInDays), 30)
	if days < 7 || days > 30 {
		return nil, invalid("RecoveryWindowInDays value must be between 7 and 30 days (inclusive).")
	}
	s.Deleted, s.Changed = c.time().AddDate(0, 0, int(days)), c.time()
	return &secretsmanager.DeleteSecretOutput{ARN: s.arn, Name: s.name, DeletionDate: new(s.Deleted)}, nil
}
