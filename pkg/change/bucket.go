package change

import (
	"encoding/json"
	"fmt"

	"github.com/warder-aws/warder/pkg/i18n"
)

// BucketPublicAccess sets the public access block of a bucket: the value is its JSON, see [Block].
// The subject is the bucket, the target the region it is in. Package s3 reads and makes such changes.
const BucketPublicAccess = "bucket public access"

// Closed is the value of a bucket that nothing can make public.
const Closed = `{"blockPublicAcls":true,"ignorePublicAcls":true,"blockPublicPolicy":true,"restrictPublicBuckets":true}`

// PublicAccessBlock is the four switches of a bucket that each make less of it public.
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_PublicAccessBlockConfiguration.html
type PublicAccessBlock struct {
	BlockPublicAcls       bool `xml:"BlockPublicAcls" json:"blockPublicAcls"`
	IgnorePublicAcls      bool `xml:"IgnorePublicAcls" json:"ignorePublicAcls"`
	BlockPublicPolicy     bool `xml:"BlockPublicPolicy" json:"blockPublicPolicy"`
	RestrictPublicBuckets bool `xml:"RestrictPublicBuckets" json:"restrictPublicBuckets"`
}

// Block is a public access block as a value: one text for the same switches, empty for a bucket that has none.
func Block(b *PublicAccessBlock) string {
	if b == nil {
		return ""
	}
	text, err := json.Marshal(b)
	if err != nil {
		panic(err) // four bools
	}
	return string(text)
}

// ParseBlock is the inverse of Block.
func ParseBlock(value string) (*PublicAccessBlock, error) {
	if value == "" {
		return nil, nil
	}
	var b PublicAccessBlock
	if err := json.Unmarshal([]byte(value), &b); err != nil {
		return nil, fmt.Errorf("decode public access block: %w", err)
	}
	return &b, nil
}

// PublicAccessBlocks describes changes of [BucketPublicAccess].
type PublicAccessBlocks struct{ reversible }

// Name implements [Kind].
func (PublicAccessBlocks) Name() string { return BucketPublicAccess }

// Widens implements [Kind]: a switch that is on stays on.
func (PublicAccessBlocks) Widens(c Change, _ []Change) bool {
	before, err := ParseBlock(c.Before)
	if err != nil {
		return true
	}
	after, err := ParseBlock(c.After)
	if err != nil || after == nil {
		return true
	}
	return before != nil && (before.BlockPublicAcls && !after.BlockPublicAcls ||
		before.IgnorePublicAcls && !after.IgnorePublicAcls ||
		before.BlockPublicPolicy && !after.BlockPublicPolicy ||
		before.RestrictPublicBuckets && !after.RestrictPublicBuckets)
}

// Describe implements [Kind].
func (PublicAccessBlocks) Describe(c Change, done bool) i18n.Message {
	if c.After == Closed {
		return pick(done, i18n.T("turned on the public access block of bucket %s", c.Subject),
			i18n.T("turn on the public access block of bucket %s", c.Subject))
	}
	return i18n.T("restore the public access block of bucket %s", c.Subject)
}
