package rotateaccesskey

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/settings"
	"github.com/warder-aws/warder/pkg/test/fakeaws"
	"github.com/warder-aws/warder/pkg/test/scenario"
)

func TestScenarios(t *testing.T) { scenario.Run(t, Control, keysAreStored) }

func FuzzEvents(f *testing.F) { scenario.Fuzz(f, Control) }

// keysAreStored returns an error unless every key that was created, and is still there, is a key of
// the user whose secret it is in, with its own secret, in a secret that this user alone can read.
func keysAreStored(a *fakeaws.Account) error {
	state := a.State()
	// Whoever was renamed keeps what is stored for the name before.
	former := func(name string) string { return strings.TrimSuffix(name, ".renamed") }
	paths := map[string]string{}
	for name, user := range state.Users {
		paths[former(name)] = user.Path
	}
	type stored struct{ UserName, AccessKeyId, SecretAccessKey string }
	kept := map[string]stored{}
	for name, value := range a.Stored() {
		var s stored
		if err := json.Unmarshal([]byte(value), &s); err != nil {
			return fmt.Errorf("secret %s: %w", name, err)
		}
		if !strings.Contains(name, change.RotatedSecrets) ||
			former(readers(
				string(state.Secrets[name].Policy),
			)) != "arn:aws:iam::111122223333:user"+paths[former(s.UserName)]+former(s.UserName) {
			return fmt.Errorf("secret %s of %s can be read by %q", name, s.UserName, readers(string(state.Secrets[name].Policy)))
		}
		s.UserName = former(s.UserName)
		kept[s.AccessKeyId] = s
	}
	for _, key := range a.Made() {
		for name, user := range state.Users {
			there := slices.ContainsFunc(user.Keys, func(k fakeaws.Key) bool { return k.ID == key.ID })
			if want := (stored{former(name), key.ID, key.Secret}); there && kept[key.ID] != want {
				return fmt.Errorf("%s has a new access key, and what is stored for it is not its secret", name)
			}
		}
	}
	return nil
}

// readers is whom a secret's policy allows and does not deny to read it; empty if it is not of the one
// form that is understood.
func readers(policy string) string {
	var p struct {
		Statement []struct {
			Effect, Action, Resource string
			Principal                any
			Condition                map[string]map[string]string
		}
	}
	if json.Unmarshal([]byte(policy), &p) != nil || len(p.Statement) != 2 {
		return ""
	}
	allow, deny := p.Statement[0], p.Statement[1]
	user, _ := allow.Principal.(map[string]any)["AWS"].(string)
	switch {
	case allow.Effect != "Allow", deny.Effect != "Deny", deny.Principal != "*",
		allow.Action != "secretsmanager:GetSecretValue", deny.Action != allow.Action, allow.Resource != "*",
		deny.Resource != "*",
		!reflect.DeepEqual(deny.Condition, map[string]map[string]string{"StringNotEquals": {"aws:PrincipalArn": user}}):
		return ""
	}
	return user
}

func TestNewPlanner_RotateBefore(t *testing.T) {
	_, err := newPlanner(nil, nil, nil, settings.Function{
		Parameters: []byte(`{"maxAgeDays": 30, "rotateBeforeDays": 30}`), Topic: "arn:aws:sns:us-east-1:111122223333:warder",
	})
	if err == nil || !strings.Contains(err.Error(), "rotateBeforeDays is 30 and maxAgeDays 30") {
		t.Errorf("error %v", err)
	}
}
