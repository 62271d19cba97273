package fakeaws

import (
	"maps"
	"slices"
	"time"
)

// Rename gives a user another name, as UpdateUser does: all that it has goes with it, and so does its unique id
// (https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateUser.html). It reports whether there is such a user,
// and nobody of the new name.
func (s *State) Rename(from, to string) bool {
	user, found := s.Users[from]
	if _, taken := s.Users[to]; !found || taken {
		return false
	}
	delete(s.Users, from)
	s.Users[to] = user
	return true
}

// Recreate deletes a user and creates another under its name, which gets the same policies, groups, tags and boundary.
// Its unique id is another; keys and password are nobody's any more. It reports whether there is such a user.
func (s *State) Recreate(name string, at time.Time) bool {
	user, found := s.Users[name]
	if !found {
		return false
	}
	s.Users[name] = &User{
		ID: UniqueID(user.ID), Path: user.Path, Created: at, Tags: maps.Clone(user.Tags),
		Attached: slices.Clone(user.Attached), Inline: maps.Clone(user.Inline), Groups: slices.Clone(user.Groups),
		Boundary: user.Boundary,
	}
	return true
}
