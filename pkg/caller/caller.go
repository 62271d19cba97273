// Package caller says who asks a function for something, and proves it: Lambda does not say who invokes a function.
//
// The operator's command signs a request to AWS STS, GetCallerIdentity, with the caller's credentials, and sends the
// signature along. The function puts the same request together itself, adds the signature, and sends it to STS,
// which answers whose it is. The request has one header more than STS knows, the digest of what the function is
// asked for: a signature proves who asked for exactly that. The secret never leaves the caller, and the signature
// opens nothing else. HashiCorp Vault and aws-iam-authenticator prove callers the same way; they send the request,
// this package only the parts that differ, so that there is no address, method or header of the caller's to check.
//
// It never sends anything to an address that a caller has given.
package caller

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"strconv"
	"strings"
	"unicode"

	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/notice"
)

//go:embed ko.json
var korean []byte

func init() { i18n.Register("ko", korean) }

// Identity is who asks for something. The zero Identity is nobody.
type Identity struct {
	// ARN is the proven caller: a user, a session of a role, or the root user of the account. Empty if nothing is proven.
	ARN string `json:"arn,omitempty"`
	// Claimed is a name that was typed. Anybody can type any.
	Claimed string `json:"claimed,omitempty"`
}

// UnmarshalJSON implements [json.Unmarshaler]. A string is a name that was typed.
func (i *Identity) UnmarshalJSON(data []byte) error {
	type plain Identity
	*i = Identity{}
	if bytes.HasPrefix(data, []byte(`"`)) {
		return json.Unmarshal(data, &i.Claimed)
	}
	return json.Unmarshal(data, (*plain)(i))
}

// Describe names the caller, and says so if nothing proves the name.
func (i Identity) Describe() i18n.Message {
	switch {
	case i.Claimed == "":
		return i18n.Literal(i.ARN)
	case i.ARN == "":
		return i18n.T("%s (claimed)", quoted(i.Claimed))
	}
	return i18n.T("%s, for %s (claimed)", i.ARN, quoted(i.Claimed))
}

// quoted puts a name into quotation marks that could pass for more than a name, such as for an ARN.
func quoted(name string) string {
	if strings.ContainsFunc(name, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune(" @._+-", r)
	}) {
		return strconv.Quote(name)
	}
	return name
}

// String is the description in English.
func (i Identity) String() string { return i.Describe().String() }

// IsZero reports whether it is nobody.
func (i Identity) IsZero() bool { return i == Identity{} }

// proven is the key of the ARN in a context.
type proven struct{}

const maxName = 256 // bytes

// NewContext returns a context that has the ARN of the proven caller.
func NewContext(ctx context.Context, arn string) context.Context {
	return context.WithValue(ctx, proven{}, arn)
}

// From is who asks: the proven caller of the context, if there is one, and the name that was typed.
func From(ctx context.Context, claimed string) Identity {
	arn, _ := ctx.Value(proven{}).(string)
	claimed = strings.TrimSpace(notice.Plain(claimed, maxName))
	visible := func(r rune) bool { return unicode.IsGraphic(r) && !unicode.IsSpace(r) && r != unicode.ReplacementChar }
	if claimed == arn || !strings.ContainsFunc(claimed, visible) {
		claimed = ""
	}
	return Identity{ARN: arn, Claimed: claimed}
}
