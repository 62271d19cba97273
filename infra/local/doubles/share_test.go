package doubles

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/warder-aws/warder/pkg/awsjson"
	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/ec2"
	"github.com/warder-aws/warder/pkg/rds"
	"github.com/warder-aws/warder/pkg/test/fakeaws"
)

// form is a call of the query protocol.
type form url.Values

// Form implements the input of [awsjson.Query].
func (f form) Form() url.Values { return url.Values(f) }

// made has what EC2 calls what it makes.
type made struct {
	Volume   string `xml:"volumeId"`
	Snapshot string `xml:"snapshotId"`
	Image    string `xml:"imageId"`
}

// seedShare makes a snapshot or an image. EC2 chooses its id, so that there is one in each region.
func seedShare(ctx context.Context, cfg aws.Config, name string, share *fakeaws.Share) error {
	parts := strings.Split(name, "/") // kind, region, name
	kind, id := parts[0], parts[2]
	cfg.Region = parts[1]
	machines, databases := awsjson.New(cfg, "EC2", "2016-11-15"), awsjson.New(cfg, "RDS", "2014-10-31")
	var faults []error
	call := func(client *awsjson.Client, operation string, values ...string) *made {
		in := form{}
		for i := 0; i < len(values); i += 2 {
			in[values[i]] = values[i+1 : i+2]
		}
		out, err := awsjson.Query[made](ctx, client, operation, in)
		if faults = append(faults, err); err != nil {
			return &made{}
		}
		return out
	}
	switch kind {
	case change.SnapshotShare:
		volume := call(machines, "CreateVolume", "Size", "1", "AvailabilityZone", cfg.Region+"a").Volume
		id = call(machines, "CreateSnapshot", "VolumeId", volume).Snapshot
	case change.ImageShare:
		id = call(machines, "RegisterImage", "Name", id).Image
	case change.DBSnapshotShare:
		call(databases, "CreateDBInstance", "DBInstanceIdentifier", id, "DBInstanceClass", "db.t4g.micro", "Engine", "mysql")
		call(databases, "CreateDBSnapshot", "DBInstanceIdentifier", id, "DBSnapshotIdentifier", id)
		id = shareSubject(kind, cfg.Region, id)
	case change.ClusterSnapshotShare:
		call(databases, "CreateDBCluster", "DBClusterIdentifier", id, "Engine", "aurora-mysql",
			"MasterUsername", "admin", "MasterUserPassword", "secret-secret")
		call(databases, "CreateDBClusterSnapshot", "DBClusterIdentifier", id, "DBClusterSnapshotIdentifier", id)
		id = shareSubject(kind, cfg.Region, id)
	}
	for key, value := range share.Tags {
		if strings.HasPrefix(id, "arn:") {
			call(databases, "AddTagsToResource", "ResourceName", id, "Tags.Tag.1.Key", key, "Tags.Tag.1.Value", value)
		} else {
			call(machines, "CreateTags", "ResourceId.1", id, "Tag.1.Key", key, "Tag.1.Value", value)
		}
	}
	for _, with := range share.With {
		faults = append(faults, shareKinds(cfg)[kind].Set(ctx, change.Change{
			Kind: kind, Subject: id, Target: change.ShareTarget(cfg.Region, with, ""), After: change.Shared,
		}))
	}
	return errors.Join(faults...)
}

// shareSubject is the subject of the changes of a snapshot of a database.
func shareSubject(kind, region, id string) string {
	of := map[string]string{change.DBSnapshotShare: "snapshot:", change.ClusterSnapshotShare: "cluster-snapshot:"}[kind]
	return "arn:aws:rds:" + region + ":" + number + ":" + of + id
}

func shareKinds(cfg aws.Config) change.Registry {
	kinds := ec2.Kinds(ec2.New(cfg))
	for name, kind := range rds.Kinds(rds.New(cfg)) {
		kinds[name] = kind
	}
	return kinds
}

// of names what a trial is about in its region: the one that EC2 has there, or the one of the trial's name.
func of(p *place, kind, region, id string) (string, error) {
	if kind == change.DBSnapshotShare || kind == change.ClusterSnapshotShare {
		return shareSubject(kind, region, id), nil
	}
	for name, err := range ec2.All(p.t.Context(), ec2.New(p.cfg), kind, region) {
		return name, err
	}
	return map[string]string{
		change.SnapshotShare: "snap-0123456789abcdef0", change.ImageShare: "ami-0123456789abcdef0",
	}[kind], nil
}

// shared makes the changes and says whom it is shared with then: "+555566667777" and "-all" in an order.
func shared(kind, region string, changes ...string) func(*place, string) (string, error) {
	return func(p *place, id string) (string, error) {
		name, err := of(p, kind, region, id)
		if err != nil {
			return "", err
		}
		for _, with := range changes {
			c := change.Change{Kind: kind, Subject: name, Target: change.ShareTarget(region, with[1:], "")}
			if with[0] == '+' {
				c.After = change.Shared
			}
			if err := shareKinds(p.cfg)[kind].Set(p.t.Context(), c); err != nil {
				return "", err
			}
		}
		var with []string
		if kind == change.DBSnapshotShare || kind == change.ClusterSnapshotShare {
			with, err = rds.SharedWith(p.t.Context(), rds.New(p.cfg), kind, region, name)
		} else {
			with, err = ec2.SharedWith(p.t.Context(), ec2.New(p.cfg), kind, region, name)
		}
		slices.Sort(with)
		return cmp.Or(strings.Join(with, " "), "nobody"), err
	}
}

// tagsOf are the tags of what a trial is about.
func tagsOf(kind, region string) func(*place, string) (string, error) {
	return func(p *place, id string) (string, error) {
		name, err := of(p, kind, region, id)
		if err != nil {
			return "", err
		}
		tags, err := shareKinds(p.cfg)[kind].(change.Tagged).Tags(p.t.Context(), change.Change{
			Kind: kind, Subject: name, Target: change.ShareTarget(region, "all", ""),
		})
		return fmt.Sprint(tags), err
	}
}

// listed is how many there are in a region, and whether each says when it was made.
func listed(kind, region, name string) func(*place, string) (string, error) {
	return func(p *place, id string) (string, error) {
		var all []string
		if kind == change.SnapshotShare || kind == change.ImageShare {
			for _, err := range ec2.All(p.t.Context(), ec2.New(p.cfg), kind, region) {
				if err != nil {
					return "", err
				}
				all = append(all, "own")
			}
			return strings.Join(all, " "), nil
		}
		for s, err := range rds.All(p.t.Context(), rds.New(p.cfg), kind, region, strings.ReplaceAll(name, "ID", id)) {
			if err != nil {
				return "", err
			}
			all = append(all, fmt.Sprint(rds.Name(s.ARN), " ", s.Made != ""))
		}
		return strings.Join(all, " "), nil
	}
}

// aShare is one in a region, shared with some.
func aShare(kind, region string, with ...string) func(string) fakeaws.State {
	return func(id string) fakeaws.State {
		return fakeaws.State{Shares: map[string]*fakeaws.Share{
			kind + "/" + region + "/" + id: {With: with, Tags: map[string]string{"owner": "kim"}, Made: "2026-11-01T03:00:00Z"},
		}}
	}
}

const (
	stranger     = "555566667777"
	another      = "666677778888"
	organization = "arn:aws:organizations::444455556666:organization/o-exampleorgid"
)

var shares = slices.Concat(
	sharesOf(change.SnapshotShare, "ec2:DescribeSnapshots", "ec2:DescribeSnapshotAttribute", "ec2:ModifySnapshotAttribute",
		"InvalidSnapshot.NotFound"),
	sharesOf(change.ImageShare, "ec2:DescribeImages", "ec2:DescribeImageAttribute", "ec2:ModifyImageAttribute",
		"InvalidAMIID.NotFound"),
	sharesOf(change.DBSnapshotShare, "rds:DescribeDBSnapshots", "rds:DescribeDBSnapshotAttributes",
		"rds:ModifyDBSnapshotAttribute", "DBSnapshotNotFound"),
	sharesOf(change.ClusterSnapshotShare, "rds:DescribeDBClusterSnapshots", "rds:DescribeDBClusterSnapshotAttributes",
		"rds:ModifyDBClusterSnapshotAttribute", "DBClusterSnapshotNotFoundFault"),
	[]trial{
		{operation: "ec2:ModifyImageAttribute", name: "with an organization", want: organization,
			state: aShare(change.ImageShare, "us-east-2"), do: shared(change.ImageShare, "us-east-2", "+"+organization)},
		{operation: "ec2:DescribeTags", name: "of a snapshot", want: "map[owner:kim]",
			state: aShare(change.SnapshotShare, "ap-south-1"), do: tagsOf(change.SnapshotShare, "ap-south-1")},
		{operation: "ec2:DescribeTags", name: "of what is not there", want: "map[]",
			do: tagsOf(change.SnapshotShare, "ap-southeast-1")},
		{operation: "rds:ListTagsForResource", name: "of a snapshot of a database", want: "map[owner:kim]",
			state: aShare(change.DBSnapshotShare, "ap-south-1"), do: tagsOf(change.DBSnapshotShare, "ap-south-1")},
		{operation: "rds:ListTagsForResource", name: "of a snapshot of a cluster", want: "map[owner:kim]",
			state: aShare(change.ClusterSnapshotShare, "ap-south-1"), do: tagsOf(change.ClusterSnapshotShare, "ap-south-1")},
	},
)

// sharesOf are the trials of one kind. Those of images are in regions of their own: an image has a snapshot.
func sharesOf(kind, list, read, modify, gone string) []trial {
	all, named, moto, why := "own", "", "", ""
	regions := []string{"eu-west-1", "eu-west-2", "eu-west-3", "us-west-1", "us-west-2"}
	if strings.HasPrefix(list, "rds:") {
		all, named = "ID true", "ID"
	}
	if kind == change.ImageShare {
		regions = []string{"ap-northeast-1", "ap-northeast-2", "eu-central-1", "ca-central-1", "eu-north-1"}
	}
	return []trial{
		{operation: list, name: "the account's own", want: all, state: aShare(kind, regions[0]),
			do: listed(kind, regions[0], named)},
		{operation: read, name: "with an account and everybody", want: stranger + " all",
			state: aShare(kind, regions[1], "all", stranger), do: shared(kind, regions[1])},
		{operation: read, name: "with nobody", want: "nobody", state: aShare(kind, regions[2]), do: shared(kind, regions[2])},
		{operation: read, name: "of what is not there", want: gone, moto: moto, why: why, do: shared(kind, "sa-east-1")},
		{operation: modify, name: "take one away", want: another,
			state: aShare(kind, regions[3], "all", stranger, another), do: shared(kind, regions[3], "-all", "-"+stranger)},
		{operation: modify, name: "share again", want: stranger + " all", state: aShare(kind, regions[4], stranger),
			do: shared(kind, regions[4], "-"+stranger, "+"+stranger, "+all")},
	}
}
