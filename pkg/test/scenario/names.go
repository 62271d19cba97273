package scenario

import (
	"cmp"
	"encoding/json"
	"strings"

	"github.com/warder-aws/warder/pkg/test/fakeaws"
)

// identify gives the users of the account the unique ids that the events have of them, unless the account says them.
func (s *scenario) identify() {
	ids := map[string]string{}
	for _, e := range s.events {
		var tree any
		if json.Unmarshal(e.data, &tree) == nil {
			collectIDs(tree, ids)
		}
	}
	states := []*fakeaws.State{&s.account}
	for _, e := range s.events {
		if e.before != nil {
			states = append(states, &e.before.State)
		}
	}
	for _, state := range states {
		for name, user := range state.Users {
			if user != nil && user.ID == "" {
				user.ID = cmp.Or(ids[name], fakeaws.UniqueID(name))
			}
		}
	}
}

// collectIDs collects the unique ids of users by their names: as records have who called and whom an answer is about.
func collectIDs(tree any, ids map[string]string) {
	switch value := tree.(type) {
	case []any:
		for _, v := range value {
			collectIDs(v, ids)
		}
	case map[string]any:
		name, _ := value["userName"].(string)
		for _, field := range []string{"principalId", "userId"} {
			if id, _ := value[field].(string); strings.HasPrefix(id, "AIDA") && ids[name] == "" {
				ids[name] = id
			}
		}
		for _, v := range value {
			collectIDs(v, ids)
		}
	}
}
