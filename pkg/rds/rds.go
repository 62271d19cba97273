// Package rds reads and changes whom snapshots of databases and of database clusters are shared with. It calls RDS by
// package awsjson, as package ec2 does EC2.
package rds

import (
	"cmp"
	"context"
	"encoding/xml"
	"fmt"
	"iter"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"

	"github.com/warder-aws/warder/pkg/awsjson"
	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/i18n"
)

// Client is RDS in every region.
type Client struct{ cfg aws.Config }

// New is a client with a configuration, whose region it does without.
func New(cfg aws.Config) Client { return Client{cfg.Copy()} }

func call[Out any](
	ctx context.Context, c Client, region, operation string, in interface{ Form() url.Values },
) (*Out, error) {
	return awsjson.Query[Out](ctx, awsjson.In(c.cfg, region, "RDS", "2014-10-31"), operation, in)
}

// Attribute is an attribute of a snapshot: that named "restore" has whom it is shared with.
type Attribute struct {
	Name   string   `xml:"AttributeName"`
	Values []string `xml:"AttributeValues>AttributeValue"`
}

// Restore is the attribute of whom a snapshot is shared with.
const Restore = "restore"

// DescribeDBSnapshotAttributesInput names a snapshot of a database.
// https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DescribeDBSnapshotAttributes.html
type DescribeDBSnapshotAttributesInput struct{ Region, Snapshot string }

// Form is the input as it is sent.
func (in *DescribeDBSnapshotAttributesInput) Form() url.Values {
	return url.Values{"DBSnapshotIdentifier": {in.Snapshot}}
}

// DescribeDBSnapshotAttributesOutput has its attributes.
type DescribeDBSnapshotAttributesOutput struct {
	//nolint:lll // a path of the answer
	Attributes []Attribute `xml:"DescribeDBSnapshotAttributesResult>DBSnapshotAttributesResult>DBSnapshotAttributes>DBSnapshotAttribute"`
}

// DescribeDBSnapshotAttributes reads the attributes of a snapshot of a database.
func (c Client) DescribeDBSnapshotAttributes(
	ctx context.Context, in *DescribeDBSnapshotAttributesInput,
) (*DescribeDBSnapshotAttributesOutput, error) {
	return call[DescribeDBSnapshotAttributesOutput](ctx, c, in.Region, "DescribeDBSnapshotAttributes", in)
}

// DescribeDBClusterSnapshotAttributesInput names a snapshot of a database cluster.
// https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DescribeDBClusterSnapshotAttributes.html
type DescribeDBClusterSnapshotAttributesInput struct{ Region, Snapshot string }

// Form is the input as it is sent.
func (in *DescribeDBClusterSnapshotAttributesInput) Form() url.Values {
	return url.Values{"DBClusterSnapshotIdentifier": {in.Snapshot}}
}

// DescribeDBClusterSnapshotAttributesOutput has its attributes.
type DescribeDBClusterSnapshotAttributesOutput struct {
	//nolint:lll // a path of the answer
	Attributes []Attribute `xml:"DescribeDBClusterSnapshotAttributesResult>DBClusterSnapshotAttributesResult>DBClusterSnapshotAttributes>DBClusterSnapshotAttribute"`
}

// DescribeDBClusterSnapshotAttributes reads the attributes of a snapshot of a database cluster.
func (c Client) DescribeDBClusterSnapshotAttributes(
	ctx context.Context, in *DescribeDBClusterSnapshotAttributesInput,
) (*DescribeDBClusterSnapshotAttributesOutput, error) {
	return call[DescribeDBClusterSnapshotAttributesOutput](ctx, c, in.Region, "DescribeDBClusterSnapshotAttributes", in)
}

// Snapshot is a snapshot of a database or of a cluster. Its name may be another's later, which was made at another
// time.
type Snapshot struct {
	ARN  string
	Made string // as AWS writes it
}

// UnmarshalXML reads either kind of them: the name of the ARN is all that differs.
func (s *Snapshot) UnmarshalXML(d *xml.Decoder, start xml.StartElement) error {
	var either struct {
		Database string `xml:"DBSnapshotArn"`
		Cluster  string `xml:"DBClusterSnapshotArn"`
		Made     string `xml:"SnapshotCreateTime"`
	}
	err := d.DecodeElement(&either, &start)
	s.ARN, s.Made = cmp.Or(either.Database, either.Cluster), either.Made
	return err
}

// DescribeDBSnapshotsInput asks for a snapshot of a database, or for a page of all that may be shared.
// https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DescribeDBSnapshots.html
type DescribeDBSnapshotsInput struct{ Region, Snapshot, Marker string }

// Form is the input as it is sent.
func (in *DescribeDBSnapshotsInput) Form() url.Values {
	return one(url.Values{}, "DBSnapshotIdentifier", in.Snapshot, in.Marker)
}

// one asks for one snapshot, or for a page of those that people made: no others can be shared.
// https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_ShareSnapshot.html
func one(form url.Values, name, snapshot, marker string) url.Values {
	if snapshot != "" {
		form.Set(name, snapshot)
		return form
	}
	form.Set("SnapshotType", "manual")
	form.Set("MaxRecords", "100")
	if marker != "" {
		form.Set("Marker", marker)
	}
	return form
}

// DescribeDBSnapshotsOutput is a page.
type DescribeDBSnapshotsOutput struct {
	Snapshots []Snapshot `xml:"DescribeDBSnapshotsResult>DBSnapshots>DBSnapshot"`
	Marker    string     `xml:"DescribeDBSnapshotsResult>Marker"`
}

// DescribeDBSnapshots lists snapshots of databases.
func (c Client) DescribeDBSnapshots(
	ctx context.Context, in *DescribeDBSnapshotsInput,
) (*DescribeDBSnapshotsOutput, error) {
	return call[DescribeDBSnapshotsOutput](ctx, c, in.Region, "DescribeDBSnapshots", in)
}

// DescribeDBClusterSnapshotsInput asks for a snapshot of a cluster, or for a page of all that may be shared.
// https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DescribeDBClusterSnapshots.html
type DescribeDBClusterSnapshotsInput struct{ Region, Snapshot, Marker string }

// Form is the input as it is sent.
func (in *DescribeDBClusterSnapshotsInput) Form() url.Values {
	return one(url.Values{}, "DBClusterSnapshotIdentifier", in.Snapshot, in.Marker)
}

// DescribeDBClusterSnapshotsOutput is a page.
type DescribeDBClusterSnapshotsOutput struct {
	Snapshots []Snapshot `xml:"DescribeDBClusterSnapshotsResult>DBClusterSnapshots>DBClusterSnapshot"`
	Marker    string     `xml:"DescribeDBClusterSnapshotsResult>Marker"`
}

// DescribeDBClusterSnapshots lists snapshots of clusters.
func (c Client) DescribeDBClusterSnapshots(
	ctx context.Context, in *DescribeDBClusterSnapshotsInput,
) (*DescribeDBClusterSnapshotsOutput, error) {
	return call[DescribeDBClusterSnapshotsOutput](ctx, c, in.Region, "DescribeDBClusterSnapshots", in)
}

// Nothing is the answer of an operation that says nothing which Warder needs.
type Nothing struct{}

func values(form url.Values, add, remove []string) url.Values {
	form.Set("AttributeName", Restore)
	for i, value := range add {
		form.Set(fmt.Sprintf("ValuesToAdd.AttributeValue.%d", i+1), value)
	}
	for i, value := range remove {
		form.Set(fmt.Sprintf("ValuesToRemove.AttributeValue.%d", i+1), value)
	}
	return form
}

// ModifyDBSnapshotAttributeInput adds or removes some of whom a snapshot of a database is shared with.
// https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_ModifyDBSnapshotAttribute.html
type ModifyDBSnapshotAttributeInput struct {
	Region, Snapshot string
	Add, Remove      []string
}

// Form is the input as it is sent.
func (in *ModifyDBSnapshotAttributeInput) Form() url.Values {
	return values(url.Values{"DBSnapshotIdentifier": {in.Snapshot}}, in.Add, in.Remove)
}

// ModifyDBSnapshotAttribute changes whom a snapshot of a database is shared with.
func (c Client) ModifyDBSnapshotAttribute(ctx context.Context, in *ModifyDBSnapshotAttributeInput) (*Nothing, error) {
	return call[Nothing](ctx, c, in.Region, "ModifyDBSnapshotAttribute", in)
}

// ModifyDBClusterSnapshotAttributeInput adds or removes some of whom a snapshot of a database cluster is shared with.
// https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_ModifyDBClusterSnapshotAttribute.html
type ModifyDBClusterSnapshotAttributeInput struct {
	Region, Snapshot string
	Add, Remove      []string
}

// Form is the input as it is sent.
func (in *ModifyDBClusterSnapshotAttributeInput) Form() url.Values {
	return values(url.Values{"DBClusterSnapshotIdentifier": {in.Snapshot}}, in.Add, in.Remove)
}

// ModifyDBClusterSnapshotAttribute changes whom a snapshot of a database cluster is shared with.
func (c Client) ModifyDBClusterSnapshotAttribute(
	ctx context.Context, in *ModifyDBClusterSnapshotAttributeInput,
) (*Nothing, error) {
	return call[Nothing](ctx, c, in.Region, "ModifyDBClusterSnapshotAttribute", in)
}

// ListTagsForResourceInput names a snapshot by its ARN.
// https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_ListTagsForResource.html
type ListTagsForResourceInput struct{ Region, ResourceName string }

// Form is the input as it is sent.
func (in *ListTagsForResourceInput) Form() url.Values {
	return url.Values{"ResourceName": {in.ResourceName}}
}

// ListTagsForResourceOutput has the tags.
type ListTagsForResourceOutput struct {
	Tags []Tag `xml:"ListTagsForResourceResult>TagList>Tag"`
}

// Tag is a tag.
type Tag struct{ Key, Value string }

// ListTagsForResource reads the tags of a snapshot.
func (c Client) ListTagsForResource(
	ctx context.Context,
	in *ListTagsForResourceInput,
) (*ListTagsForResourceOutput, error) {
	return call[ListTagsForResourceOutput](ctx, c, in.Region, "ListTagsForResource", in)
}

// Kinds returns a registry of the changes to shares of snapshots.
func Kinds(c Client) change.Registry {
	return change.NewRegistry(kind{change.Shares{Kind: change.DBSnapshotShare}, c},
		kind{change.Shares{Kind: change.ClusterSnapshotShare}, c})
}

// Reads lists the operations that read whom something is shared with, and what there is.
type Reads interface {
	DescribeDBSnapshots(context.Context, *DescribeDBSnapshotsInput) (*DescribeDBSnapshotsOutput, error)
	DescribeDBClusterSnapshots(
		context.Context, *DescribeDBClusterSnapshotsInput,
	) (*DescribeDBClusterSnapshotsOutput, error)
	DescribeDBSnapshotAttributes(
		context.Context, *DescribeDBSnapshotAttributesInput,
	) (*DescribeDBSnapshotAttributesOutput, error)
	DescribeDBClusterSnapshotAttributes(
		context.Context, *DescribeDBClusterSnapshotAttributesInput,
	) (*DescribeDBClusterSnapshotAttributesOutput, error)
}

// Name is the name of a snapshot in its ARN.
func Name(snapshot string) string {
	parsed, _ := arn.Parse(snapshot)
	_, name, _ := strings.Cut(parsed.Resource, ":")
	return name
}

// All yields the snapshots of a region that may be shared; with the name of one that one alone.
func All(ctx context.Context, api Reads, kind, region, name string) iter.Seq2[Snapshot, error] {
	return awsjson.Pages(func(marker string) ([]Snapshot, string, error) {
		if kind == change.DBSnapshotShare {
			out, err := api.DescribeDBSnapshots(ctx, &DescribeDBSnapshotsInput{region, name, marker})
			if err != nil {
				return nil, "", change.Wrap(err, "list snapshots of databases in %s", region)
			}
			return out.Snapshots, out.Marker, nil
		}
		out, err := api.DescribeDBClusterSnapshots(ctx, &DescribeDBClusterSnapshotsInput{region, name, marker})
		if err != nil {
			return nil, "", change.Wrap(err, "list snapshots of databases in %s", region)
		}
		return out.Snapshots, out.Marker, nil
	})
}

type kind struct {
	change.Shares
	client Client
}

func (k kind) Read(ctx context.Context, c change.Change) (string, error) {
	region, _, _ := c.Share()
	with, err := SharedWith(ctx, k.client, k.Kind, region, c.Subject)
	return c.ShareValue(with), err
}

// SharedWith reads whom a snapshot is shared with, by its ARN.
func SharedWith(ctx context.Context, api Reads, kind, region, snapshot string) (with []string, err error) {
	var attributes []Attribute
	if kind == change.ClusterSnapshotShare {
		out, err := api.DescribeDBClusterSnapshotAttributes(ctx,
			&DescribeDBClusterSnapshotAttributesInput{region, Name(snapshot)})
		if err != nil {
			return nil, change.Wrap(err, "describe attributes of %q", snapshot)
		}
		attributes = out.Attributes
	} else {
		out, err := api.DescribeDBSnapshotAttributes(ctx, &DescribeDBSnapshotAttributesInput{region, Name(snapshot)})
		if err != nil {
			return nil, change.Wrap(err, "describe attributes of %q", snapshot)
		}
		attributes = out.Attributes
	}
	for _, attribute := range attributes {
		if attribute.Name == Restore {
			with = append(with, attribute.Values...)
		}
	}
	return with, nil
}

func (k kind) Set(ctx context.Context, c change.Change) (err error) {
	region, _, _ := c.Share()
	add, remove := c.ShareSides()
	if k.Kind == change.ClusterSnapshotShare {
		_, err = k.client.ModifyDBClusterSnapshotAttribute(ctx,
			&ModifyDBClusterSnapshotAttributeInput{region, Name(c.Subject), add, remove})
	} else {
		_, err = k.client.ModifyDBSnapshotAttribute(ctx,
			&ModifyDBSnapshotAttributeInput{region, Name(c.Subject), add, remove})
	}
	return change.Wrap(err, "change whom %q is shared with", c.Subject)
}

// Refuses implements [change.Conditional]: a snapshot that was made later under the same name is another one, which
// nobody has shared.
func (k kind) Refuses(ctx context.Context, c change.Change) (i18n.Message, error) {
	region, _, made := c.Share()
	for s, err := range All(ctx, k.client, k.Kind, region, Name(c.Subject)) {
		if err != nil {
			return i18n.Message{}, err
		}
		if s.Made == made {
			return i18n.Message{}, nil
		}
	}
	return change.AnotherSnapshot(c), nil
}

// Tags implements [change.Tagged].
func (k kind) Tags(ctx context.Context, c change.Change) (map[string]string, error) {
	region, _, _ := c.Share()
	out, err := k.client.ListTagsForResource(ctx, &ListTagsForResourceInput{region, c.Subject})
	if change.NotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, change.Wrap(err, "list tags of %q", c.Subject)
	}
	tags := map[string]string{}
	for _, tag := range out.Tags {
		tags[tag.Key] = tag.Value
	}
	return tags, nil
}
