package fakeaws

import (
	"fmt"
	"time"
)

// Large is an account of so many users, 5,000 being what IAM allows
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html), with two access keys
// each, as it is at now. Keys are replaced after ten weeks, so a seventieth of them is new on a day, and
// used every day, but for every tenth user, who uses none. Of a hundred users one matters, see
// [Matters]: it has a key that was created, and used for the last time, 77 days before begin, and a
// direct policy. begin is the day of the first sweep.
func Large(users int, begin, now time.Time) State {
	const day = 24 * time.Hour
	state := State{
		Users: map[string]*User{},
		Policies: map[string]Document{
			"arn:aws:iam::aws:policy/ReadOnlyAccess": `{
				"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:Get*", "Resource": "*"}]
			}`,
		},
	}
	today := int(now.Sub(begin) / day)
	for i := range users {
		user := &User{Created: begin.AddDate(-2, 0, 0), Tags: map[string]string{"owner": "owner@example.com"}}
		for k := range 2 {
			age := (today + 13*i + 31*k) % 70
			key := Key{
				ID: fmt.Sprintf("AKIA%04d%d%011d", i, k, today-age+1000), Status: "Active",
				Created: now.Add(-time.Duration(age) * day), Used: now.Add(-day),
			}
			if i%10 == 3 {
				key.Used = time.Time{}
			}
			user.Keys = append(user.Keys, key)
		}
		if Matters(i) {
			user.Keys[0] = Key{
				ID: fmt.Sprintf("AKIAOLD%013d", i), Status: "Active", Created: begin.Add(-77 * day), Used: begin.Add(-77 * day),
			}
			user.Attached = []string{"arn:aws:iam::aws:policy/ReadOnlyAccess"}
		}
		state.Users[fmt.Sprintf("user-%04d", i)] = user
	}
	return state
}

// Matters reports whether the user of that number matters in [Large].
func Matters(user int) bool { return user%100 == 50 }
