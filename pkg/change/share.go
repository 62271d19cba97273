package change

import (
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws/arn"

	"github.com/warder-aws/warder/pkg/i18n"
)

// The kinds of what is shared with other accounts. A change is about one of those whom it is shared with, so that a
// hold on one share says nothing about others of the same snapshot: see [ShareTarget]. The value is [Shared], or empty.
// The subject is the id of a snapshot or image, and the ARN of a snapshot of a database. Packages ec2 and rds read and
// make such changes.
const (
	SnapshotShare        = "snapshot share"
	ImageShare           = "image share"
	DBSnapshotShare      = "database snapshot share"
	ClusterSnapshotShare = "database cluster snapshot share"
)

// Shared is the value of what is shared.
const Shared = "shared"

// Everybody is who a public snapshot or image is shared with.
const Everybody = "all"

// ShareTarget is the target of a change of a share: the region of what is shared, and with whom: an account, the ARN of
// an organization or of a unit of it, or [Everybody]. made tells a snapshot from another that gets its name later; it
// is empty where AWS does not give a name twice.
func ShareTarget(region, with, made string) string {
	return strings.TrimSuffix(region+" "+with+" "+made, " ")
}

// Share is the inverse of ShareTarget.
func (c Change) Share() (region, with, made string) {
	region, rest, _ := strings.Cut(c.Target, " ")
	with, made, _ = strings.Cut(rest, " ")
	return region, with, made
}

// Shares describes the changes of a kind of share.
type Shares struct {
	reversible
	Kind string
}

// Name implements [Kind].
func (s Shares) Name() string { return s.Kind }

// Widens implements [Kind]: a share may only be taken away.
func (Shares) Widens(c Change, _ []Change) bool { return c.After != "" }

// Describe implements [Kind].
func (s Shares) Describe(c Change, done bool) i18n.Message {
	region, with, _ := c.Share()
	what := ShareName(c.Subject)
	people := i18n.Literal(with)
	if with == Everybody {
		people = i18n.T("everybody")
	}
	return either(c.After == "", done,
		i18n.T("stopped sharing %s in %s with %s", what, region, people),
		i18n.T("stop sharing %s in %s with %s", what, region, people),
		i18n.T("shared %s in %s with %s again", what, region, people),
		i18n.T("share %s in %s with %s again", what, region, people))
}

// AnotherSnapshot says that a name is another's now.
func AnotherSnapshot(c Change) i18n.Message {
	return i18n.T("%s is another snapshot than the one that was shared: it was made later", ShareName(c.Subject))
}

// ShareName is how the subject of a share is called for people, in its region: the id as it is, and of an ARN the end.
func ShareName(subject string) string {
	if parsed, err := arn.Parse(subject); err == nil {
		return parsed.Resource
	}
	return subject
}

// ShareValue is the value of the share that c names, of something that is shared with some.
func (c Change) ShareValue(some []string) string {
	_, with, _ := c.Share()
	for _, name := range some {
		if name == with {
			return Shared
		}
	}
	return ""
}

// ShareSides are whom a change starts and stops sharing with: one of them is empty.
func (c Change) ShareSides() (add, remove []string) {
	_, with, _ := c.Share()
	if c.After == Shared {
		return []string{with}, nil
	}
	return nil, []string{with}
}
