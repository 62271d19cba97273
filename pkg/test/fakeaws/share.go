package fakeaws

import (
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/ec2"
	"github.com/warder-aws/warder/pkg/rds"
)

// Share is an EBS snapshot, an image, or a snapshot of a database or of a cluster of them.
type Share struct {
	With []string          `json:"with,omitempty"` // accounts, ARNs of organizations, "all"
	Tags map[string]string `json:"tags,omitempty"`
	Made string            `json:"made,omitempty"` // of a snapshot of a database: when, as AWS writes it
}

func (s Share) clone() Share {
	s.With, s.Tags = list(s.With, same), values(s.Tags, same)
	return s
}

// shareable lists the names of those of a kind in the region of the call.
func (c call) shareable(kind string) (names []string) {
	for _, key := range sorted(c.state.Shares) {
		if name, ok := strings.CutPrefix(key, kind+"/"+c.region+"/"); ok {
			names = append(names, name)
		}
	}
	return names
}

// DescribeSnapshots lists snapshots.
func (c call) DescribeSnapshots(in *ec2.DescribeSnapshotsInput) (any, error) {
	ids, next := page(c.Page, c.shareable(change.SnapshotShare), &in.NextToken, nil)
	return &ec2.DescribeSnapshotsOutput{IDs: ids, NextToken: aws.ToString(next)}, nil
}

// DescribeImages lists images.
func (c call) DescribeImages(in *ec2.DescribeImagesInput) (any, error) {
	ids, next := page(c.Page, c.shareable(change.ImageShare), &in.NextToken, nil)
	return &ec2.DescribeImagesOutput{IDs: ids, NextToken: aws.ToString(next)}, nil
}

// databases lists snapshots of databases, or the one that is named.
func (c call) databases(kind, name string, marker *string) (all []rds.Snapshot, next string, err error) {
	names, more := page(c.Page, c.shareable(kind), marker, nil)
	if name != "" {
		names, more = []string{name}, nil
	}
	of := map[string]string{change.DBSnapshotShare: ":snapshot:", change.ClusterSnapshotShare: ":cluster-snapshot:"}[kind]
	for _, name := range names {
		share, err := c.share(kind, c.region, name)
		if err != nil {
			return nil, "", err
		}
		all = append(all, rds.Snapshot{ARN: "arn:aws:rds:" + c.region + ":" + c.state.ID + of + name, Made: share.Made})
	}
	return all, aws.ToString(more), nil
}

// DescribeDBSnapshots lists snapshots of databases.
func (c call) DescribeDBSnapshots(in *rds.DescribeDBSnapshotsInput) (any, error) {
	all, next, err := c.databases(change.DBSnapshotShare, in.Snapshot, &in.Marker)
	return &rds.DescribeDBSnapshotsOutput{Snapshots: all, Marker: next}, err
}

// DescribeDBClusterSnapshots lists snapshots of clusters.
func (c call) DescribeDBClusterSnapshots(in *rds.DescribeDBClusterSnapshotsInput) (any, error) {
	all, next, err := c.databases(change.ClusterSnapshotShare, in.Snapshot, &in.Marker)
	return &rds.DescribeDBClusterSnapshotsOutput{Snapshots: all, Marker: next}, err
}

// share finds one by its kind, as a change names it.
func (c call) share(kind, region, name string) (*Share, error) {
	share, ok := c.state.Shares[kind+"/"+region+"/"+name]
	if ok {
		return share, nil
	}
	return nil, refused(map[string]string{
		change.SnapshotShare: "InvalidSnapshot.NotFound", change.ImageShare: "InvalidAMIID.NotFound",
		change.DBSnapshotShare: "DBSnapshotNotFound", change.ClusterSnapshotShare: "DBClusterSnapshotNotFoundFault",
	}[kind], name+" does not exist")
}

// modify adds and removes; what is there already stays, and what is not there is not missed.
func (c call) modify(kind, region, name string, add, remove []string) error {
	share, err := c.share(kind, region, name)
	if err != nil {
		return err
	}
	with := slices.DeleteFunc(slices.Concat(share.With, add), func(n string) bool { return slices.Contains(remove, n) })
	slices.Sort(with)
	share.With = slices.Compact(with)
	return nil
}

func permissions(names []string) (all []ec2.Permission) {
	for _, name := range names {
		all = append(all, ec2.Named(name))
	}
	return all
}

// permit changes one share of a snapshot or an image.
func (c call) permit(kind, name, operation string, p ec2.Permission) (any, error) {
	add, remove := []string{p.Name()}, []string(nil)
	if operation == ec2.Remove {
		add, remove = nil, add
	}
	return &ec2.Nothing{}, c.modify(kind, c.region, name, add, remove)
}

// DescribeSnapshotAttribute says whom a snapshot is shared with.
func (c call) DescribeSnapshotAttribute(in *ec2.DescribeSnapshotAttributeInput) (any, error) {
	share, err := c.share(change.SnapshotShare, c.region, in.SnapshotID)
	if err != nil {
		return nil, err
	}
	return &ec2.DescribeSnapshotAttributeOutput{Permissions: permissions(share.With)}, nil
}

// DescribeImageAttribute says whom an image is shared with.
func (c call) DescribeImageAttribute(in *ec2.DescribeImageAttributeInput) (any, error) {
	share, err := c.share(change.ImageShare, c.region, in.ImageID)
	if err != nil {
		return nil, err
	}
	return &ec2.DescribeImageAttributeOutput{Permissions: permissions(share.With)}, nil
}

// ModifySnapshotAttribute changes whom a snapshot is shared with.
func (c call) ModifySnapshotAttribute(in *ec2.ModifySnapshotAttributeInput) (any, error) {
	return c.permit(change.SnapshotShare, in.SnapshotID, in.Operation, in.Permission)
}

// ModifyImageAttribute changes whom an image is shared with.
func (c call) ModifyImageAttribute(in *ec2.ModifyImageAttributeInput) (any, error) {
	return c.permit(change.ImageShare, in.ImageID, in.Operation, in.Permission)
}

// DescribeTags returns the tags of a snapshot, an image or a VPC.
func (c call) DescribeTags(in *ec2.DescribeTagsInput) (any, error) {
	var tags map[string]string
	for _, kind := range []string{change.SnapshotShare, change.ImageShare} {
		if share, err := c.share(kind, c.region, in.ResourceID); err == nil {
			tags = share.Tags
		}
	}
	if vpc := c.state.VPCs[c.region+"/"+in.ResourceID]; vpc != nil {
		tags = vpc.Tags
	}
	out := &ec2.DescribeTagsOutput{}
	for _, key := range sorted(tags) {
		out.Tags = append(out.Tags, ec2.Tag{Key: key, Value: tags[key]})
	}
	return out, nil
}

func (c call) attributes(kind, name string) ([]rds.Attribute, error) {
	share, err := c.share(kind, c.region, name)
	if err != nil {
		return nil, err
	}
	return []rds.Attribute{{Name: rds.Restore, Values: slices.Clone(share.With)}}, nil
}

// DescribeDBSnapshotAttributes says whom a snapshot of a database is shared with.
func (c call) DescribeDBSnapshotAttributes(in *rds.DescribeDBSnapshotAttributesInput) (any, error) {
	attributes, err := c.attributes(change.DBSnapshotShare, in.Snapshot)
	return &rds.DescribeDBSnapshotAttributesOutput{Attributes: attributes}, err
}

// DescribeDBClusterSnapshotAttributes says whom a snapshot of a cluster is shared with.
func (c call) DescribeDBClusterSnapshotAttributes(in *rds.DescribeDBClusterSnapshotAttributesInput) (any, error) {
	attributes, err := c.attributes(change.ClusterSnapshotShare, in.Snapshot)
	return &rds.DescribeDBClusterSnapshotAttributesOutput{Attributes: attributes}, err
}

// ModifyDBSnapshotAttribute changes whom a snapshot of a database is shared with.
func (c call) ModifyDBSnapshotAttribute(in *rds.ModifyDBSnapshotAttributeInput) (any, error) {
	return &rds.Nothing{}, c.modify(change.DBSnapshotShare, c.region, in.Snapshot, in.Add, in.Remove)
}

// ModifyDBClusterSnapshotAttribute changes whom a snapshot of a cluster is shared with.
func (c call) ModifyDBClusterSnapshotAttribute(in *rds.ModifyDBClusterSnapshotAttributeInput) (any, error) {
	return &rds.Nothing{}, c.modify(change.ClusterSnapshotShare, c.region, in.Snapshot, in.Add, in.Remove)
}

// ListTagsForResource returns the tags of a snapshot of a database or a cluster.
func (c call) ListTagsForResource(in *rds.ListTagsForResourceInput) (any, error) {
	parts := strings.SplitN(in.ResourceName, ":", 7) // arn:aws:rds:REGION:ACCOUNT:TYPE:NAME
	kind := change.DBSnapshotShare
	if len(parts) == 7 && parts[5] == "cluster-snapshot" {
		kind = change.ClusterSnapshotShare
	}
	share, err := c.share(kind, c.region, parts[len(parts)-1])
	if err != nil {
		return nil, err
	}
	out := &rds.ListTagsForResourceOutput{}
	for _, key := range sorted(share.Tags) {
		out.Tags = append(out.Tags, rds.Tag{Key: key, Value: share.Tags[key]})
	}
	return out, nil
}
