package settings

import (
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws/arn"

	"github.com/warder-aws/warder/pkg/lazyregexp"
	"github.com/warder-aws/warder/pkg/strictjson"
)

// regionsOf is how the regions of a partition are named, by its hub region.
// https://docs.aws.amazon.com/global-infrastructure/latest/regions/aws-regions.html
var regionsOf = map[string]func() *regexp.Regexp{
	"us-east-1":     lazyregexp.New(`^(af|ap|ca|eu|il|me|mx|sa|us)-[a-z]{4,}-[1-9]$`),
	"us-gov-west-1": lazyregexp.New(`^us-gov-[a-z]+-[1-9]$`),
	"cn-north-1":    lazyregexp.New(`^cn-[a-z]+-[1-9]$`),
}

// bucket is what S3 takes as the name of a bucket, with ${AWS::AccountId} and ${AWS::Region} in it.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
var bucket = lazyregexp.New(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)

// parseRegions reads the regions beside the hub's. The hub's own may be listed as well: it is listened to anyway.
func parseRegions(n *strictjson.Node, hub string) []string {
	var regions []string
	for _, item := range n.Items() {
		region := item.Text()
		switch named, known := regionsOf[hub]; {
		case !item.Is(strictjson.String) || !known:
		case !named().MatchString(region):
			item.Faultf("%q is not a region of the partition of %s", region, hub)
		case slices.Contains(regions, region):
			item.Faultf("%q is listed twice", region)
		}
		if region != hub {
			regions = append(regions, region)
		}
	}
	slices.Sort(regions)
	return regions
}

// parseConfigRules reads the names that AWS's managed rules have in the account.
func parseConfigRules(n *strictjson.Node) map[string][]string {
	if n == nil {
		return nil
	}
	rules := map[string][]string{}
	n.Members(func(rule string, names *strictjson.Node) {
		rules[rule] = names.Texts()
		for _, item := range names.Items() {
			// https://docs.aws.amazon.com/config/latest/APIReference/API_ConfigRule.html
			name := item.Text()
			wrong := name == "" || len(name) > 128 || strings.ContainsAny(name, " *?")
			item.Refuse(strictjson.String, wrong, "%q is not the name of a Config rule", name)
		}
	})
	return rules
}

// principal is the end of the ARN of a role or user of IAM, with wildcards in it: at least three other characters in a
// row.
var principal = lazyregexp.New(`^(role|user)/[A-Za-z0-9_+=,.@*?/-]*[A-Za-z0-9_+=,.@-]{3}[A-Za-z0-9_+=,.@*?/-]*$`)

// parseAdministrators reads who may manage what the ledger rests on.
func parseAdministrators(r reader) []string {
	for _, item := range r.node("administrators").Items() {
		item.Refuse(strictjson.String, !principal().MatchString(item.Text()),
			"%q is no role or user such as \"role/deploy-*\"", item.Text())
	}
	return read[[]string](r, "administrators")
}

// trusted is the number of an account or the id of an organization.
// https://docs.aws.amazon.com/organizations/latest/APIReference/API_Organization.html
var trusted = lazyregexp.New(`^([0-9]{12}|o-[a-z0-9]{10,32})$`)

func parseTrusted(n *strictjson.Node) []string {
	var accounts []string
	for _, item := range n.Items() {
		account := item.Text()
		item.Refuse(strictjson.String, !trusted().MatchString(account),
			"%q is neither the 12 digits of an account nor the id of an organization, as in o-exampleorgid", account)
		accounts = append(accounts, account)
	}
	return accounts
}

func parseBucket(n *strictjson.Node) string {
	name := n.Text()
	plain := strings.NewReplacer("${AWS::AccountId}", "000000000000", "${AWS::Region}", "us-gov-west-1").Replace(name)
	n.Refuse(strictjson.String, name != "" && !bucket().MatchString(plain),
		"%q is not the name of a bucket; ${AWS::AccountId} and ${AWS::Region} may be part of it", name)
	return name
}

// tagValue is what IAM takes as the value of a tag; other services take more.
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_Tag.html
var tagValue = lazyregexp.New(`^[\p{L}\p{Z}\p{N}_.:/=+\-@]{0,256}$`)

// maxTags is how many tags a resource can have, without Warder's own.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
const maxTags = 50 - 1

// parseTags reads tags for every resource. IAM refuses what other services take, in the middle of a deployment: it
// compares keys without case, and neither keys nor values begin with aws:.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_tags.html#id_tags_rules
func parseTags(n *strictjson.Node) map[string]string {
	if n == nil {
		return nil
	}
	tags := map[string]string{}
	seen := map[string]string{strings.ToLower(Product): Product}
	n.Members(func(key string, value *strictjson.Node) {
		tags[key] = value.Text()
		lower := strings.ToLower(key)
		switch same, twice := seen[lower]; {
		case !tagKey().MatchString(key) || reserved(key):
			value.Faultf("%q is not a tag key that AWS takes", key)
		case twice && same == Product:
			value.Faultf("the tag %q is Warder's own", key)
		case twice:
			value.Faultf("the same key as %q: IAM compares keys without case", same)
		case len([]rune(value.Text())) > 256:
			value.Faultf("longer than 256 characters")
		case !tagValue().MatchString(value.Text()) || reserved(value.Text()):
			value.Faultf("%q is not a tag value that IAM takes: letters, digits, spaces and _ . : / = + - @, and not aws: "+
				"at the beginning", value.Text())
		}
		seen[lower] = key
	})
	n.Refuse(strictjson.Object, len(tags) > maxTags, "%d tags: with Warder's own a resource has 50 at most", len(tags))
	return tags
}

// reserved reports whether a key or value of a tag is one that only AWS sets.
func reserved(text string) bool { return strings.HasPrefix(strings.ToLower(text), "aws:") }

// channel is a Slack channel or conversation id; names can change, ids do not.
var channel = lazyregexp.New(`^[CDG][A-Z0-9]{7,}$`)

// secretName is what both Secrets Manager and Parameter Store take as a name.
var secretName = lazyregexp.New(`^[A-Za-z0-9/_.-]{1,512}$`)

func parseSlack(r reader) Slack {
	r.fields("notify.slack")
	n := r.node("notify.slack")
	slack := Slack{
		Channel:   read[string](r, "notify.slack.channel"),
		Secret:    read[string](r, "notify.slack.secret"),
		Parameter: read[string](r, "notify.slack.parameter"),
	}
	n.Field("channel").Refuse(strictjson.String, slack.Channel != "" && !channel().MatchString(slack.Channel),
		"%q is not the id of a channel, as in C024BE91L: Slack shows it at the end of the channel's details", slack.Channel)
	for i, name := range []string{"secret", "parameter"} {
		// What is no name may be the secret itself: it is not repeated.
		text := []string{slack.Secret, slack.Parameter}[i]
		wrong := text != "" && (!secretName().MatchString(text) || strings.HasPrefix(text, "xox"))
		n.Field(name).Refuse(strictjson.String, wrong,
			"not the name of a %s: put the token or the webhook's address into it, and its name here", name)
	}
	switch {
	case n == nil || !n.Is(strictjson.Object):
	case slack.Secret != "" && slack.Parameter != "":
		n.Faultf("both secret and parameter: name the one that holds the bot token or the address of the webhook")
	case slack.Channel != "" && !slack.On():
		n.Faultf("neither secret nor parameter: name the one that holds the bot token or the address of the webhook")
	}
	return slack
}

// configurationSet is what SES takes as the name of a configuration set.
// https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_CreateConfigurationSet.html
var configurationSet = lazyregexp.New(`^[A-Za-z0-9_-]{1,64}$`)

func parseSES(r reader, hub string) SES {
	r.fields("notify.ses")
	ses := SES{
		Sender:           read[string](r, "notify.ses.sender"),
		ConfigurationSet: read[string](r, "notify.ses.configurationSet"),
	}
	if ses.Sender != "" {
		checkEmail(r.node("notify.ses.sender"))
		r.node("notify.ses.sender").Refuse(strictjson.String, strings.HasPrefix(hub, "cn-"),
			"Amazon SES is not in %s", hub) // https://docs.aws.amazon.com/general/latest/gr/ses.html
	}
	r.node("notify.ses.configurationSet").Refuse(strictjson.String,
		ses.ConfigurationSet != "" && !configurationSet().MatchString(ses.ConfigurationSet),
		"%q is not the name of a configuration set", ses.ConfigurationSet)
	if n := r.node("notify.ses"); n.Is(strictjson.Object) && !ses.On() && ses.ConfigurationSet != "" {
		n.Faultf("a configuration set without a sender: set sender to an address that is verified in SES, or leave both out")
	}
	return ses
}

func parseARN(n *strictjson.Node, service string) string {
	text := n.Text()
	parsed, err := arn.Parse(text)
	wrong := err != nil || parsed.Service != service || parsed.Resource == "" || parsed.AccountID == ""
	n.Refuse(strictjson.String, text != "" && wrong, "%q is not an ARN of %s", text, service)
	return text
}
