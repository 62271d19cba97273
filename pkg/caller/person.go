package caller

import (
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws/arn"
)

// who is what an ARN says about a caller: the name of an IAM user, or the role and the name of its session.
type who struct{ user, role, session string }

func (i Identity) who() (w who) {
	parsed, err := arn.Parse(i.ARN)
	if err != nil {
		return w
	}
	kind, rest, _ := strings.Cut(parsed.Resource, "/")
	switch {
	case parsed.Service == "iam" && kind == "user":
		w.user = rest[strings.LastIndex(rest, "/")+1:]
	case parsed.Service == "sts" && kind == "assumed-role":
		w.role, w.session, _ = strings.Cut(rest, "/")
	}
	return w
}

// User is the name of the IAM user whose credentials are proven, empty for everybody else.
func (i Identity) User() string { return i.who().user }

// Personal reports whether it is proven who asks, down to one user or one session of a role. The root user is nobody's
// own, and the name of a federated user is chosen by the user who makes it
// (https://docs.aws.amazon.com/STS/latest/APIReference/API_GetFederationToken.html).
func (i Identity) Personal() bool { return i.who() != who{} }

// Named reports whether the proven caller goes by a name, or by the part of it before an @: as a user, or as a session.
// IAM tells names of users apart without case.
func (i Identity) Named(name string) bool {
	w := i.who()
	return like(w.user, name) || like(w.session, name)
}

// SamePerson reports whether two proven callers may be one person. Whoever may assume a role chooses the name of the
// session: two sessions of a role prove two persons only if IAM Identity Center names them
// (https://docs.aws.amazon.com/singlesignon/latest/userguide/referencingpermissionsets.html).
func (i Identity) SamePerson(other Identity) bool {
	a, b := i.who(), other.who()
	chosen := a.role != "" && a.role == b.role && !strings.HasPrefix(a.role, "AWSReservedSSO_")
	return chosen || i.ARN == other.ARN || i.Named(b.user) || i.Named(b.session) || !i.Personal() || !other.Personal()
}

// like reports whether two names are one, or one is the other's part before an @.
func like(a, b string) bool {
	if a == "" || b == "" {
		return false
	}
	one, _, inA := strings.Cut(a, "@")
	two, _, inB := strings.Cut(b, "@")
	return strings.EqualFold(a, b) || inA != inB && strings.EqualFold(one, two)
}
