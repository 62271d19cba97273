package rush

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/test/fakeaws"
)

const (
	// Boundary is the name of the policy that the settings want as the permissions boundary of users.
	Boundary = "limit"
	// Document is what every policy of the company says.
	Document = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}]}`
	group    = "developers"
	buckets  = 20
	networks = "203.0.113."  // is the company's
	outside  = "198.51.100." // is not
)

// policies are managed policies that every account has.
var policies = []string{
	"AmazonS3FullAccess", "ReadOnlyAccess", "AmazonEC2FullAccess", "AmazonDynamoDBFullAccess", "PowerUserAccess", "AmazonSQSFullAccess",
	"AmazonSNSFullAccess", "AmazonRDSFullAccess", "IAMReadOnlyAccess", "CloudWatchReadOnlyAccess",
}

func managed(policy string) string { return "arn:aws:iam::aws:policy/" + policy }

func bucket(i int) string { return fmt.Sprintf("acme-data-%02d", i) }

// Company is the account before the traffic, as it is on a day: so many users, who have what users
// have after some years.
func Company(id string, users int, seed uint64, day time.Time) fakeaws.State {
	random := rand.New(rand.NewPCG(seed, 1))
	state := fakeaws.State{
		ID: id, Halt: "no", Users: map[string]*fakeaws.User{}, Policies: map[string]fakeaws.Document{}, Buckets: map[string]*fakeaws.Bucket{},
		Groups:   map[string]*fakeaws.Group{group: {Attached: []string{managed("ReadOnlyAccess")}}},
		Members:  map[string]*fakeaws.Member{},
		Sessions: map[string]*fakeaws.Session{},
		Summary:  map[string]int32{"AccountAccessKeysPresent": 0, "AccountMFAEnabled": 1},
	}
	boundary := "arn:aws:iam::" + id + ":policy/" + Boundary
	state.Policies[boundary] = Document
	for _, name := range []string{change.OutsideQuarantine, change.KeyQuarantine} {
		state.Policies["arn:aws:iam::"+id+":policy"+change.QuarantinePath+name] = `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}`
	}
	for _, name := range policies {
		state.Policies[managed(name)] = Document
	}
	for i := range buckets {
		state.Buckets[bucket(i)] = &fakeaws.Bucket{Region: "us-east-1"}
	}
	for i := range users {
		name := fmt.Sprintf("%s-%03d", []string{"dev", "ops", "ci", "etl", "bi"}[i%5], i)
		user := &fakeaws.User{
			Created: day.AddDate(0, 0, -500), Tags: map[string]string{"owner": name + "@example.com"}, Boundary: boundary,
		}
		chance := func(share float64) bool { return random.Float64() < share }
		if chance(0.1) {
			user.Boundary = ""
		}
		for range 1 + random.IntN(2) {
			age := random.IntN(120)
			key := fakeaws.Key{ID: fmt.Sprintf("AKIA%016X", random.Uint64())[:20], Status: change.Active, Created: day.AddDate(0, 0, -age)}
			if !chance(0.15) {
				key.Used = day.AddDate(0, 0, -random.IntN(age+1))
			}
			user.Keys = append(user.Keys, key)
		}
		if chance(0.1) {
			user.Attached = []string{managed(policies[random.IntN(len(policies))])}
		}
		if chance(0.05) {
			user.Inline = map[string]fakeaws.Document{"old-inline": Document}
		}
		if chance(0.3) {
			user.Groups = []string{group}
		}
		switch {
		case chance(0.03):
			user.Tags["warder:exempt"] = "all until " + day.AddDate(0, 0, 60).Format(time.DateOnly) + " by kim@example.com for the migration"
		case chance(0.02):
			user.Tags["warder:exempt"] = "please do not touch"
		case chance(0.03):
			user.Tags["warder:rotate"] = "yes"
		}
		state.Users[name] = user
	}
	return state
}
