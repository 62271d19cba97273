package drill

import (
	"cmp"
	"context"
	"crypto/rand"
	_ "embed"
	"errors"
	"fmt"
	"log/slog"
	"net/mail"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/warder-aws/warder/pkg/caller"
	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/drill"
	"github.com/warder-aws/warder/pkg/iamuser"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/metric"
	"github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/settings"
)

// users is what a drill does with IAM. All but the list of users is allowed on users below [drill.Path] alone.
type users interface {
	iam.ListUsersAPIClient
	iam.GetUserAPIClient
	iam.ListAccessKeysAPIClient
	CreateUser(context.Context, *iam.CreateUserInput, ...func(*iam.Options)) (*iam.CreateUserOutput, error)
	DeleteUser(context.Context, *iam.DeleteUserInput, ...func(*iam.Options)) (*iam.DeleteUserOutput, error)
	CreateAccessKey(context.Context, *iam.CreateAccessKeyInput, ...func(*iam.Options)) (*iam.CreateAccessKeyOutput, error)
	DeleteAccessKey(context.Context, *iam.DeleteAccessKeyInput, ...func(*iam.Options)) (*iam.DeleteAccessKeyOutput, error)
	iam.ListAttachedUserPoliciesAPIClient
	AttachUserPolicy(
		context.Context, *iam.AttachUserPolicyInput, ...func(*iam.Options),
	) (*iam.AttachUserPolicyOutput, error)
	DetachUserPolicy(
		context.Context, *iam.DetachUserPolicyInput, ...func(*iam.Options),
	) (*iam.DetachUserPolicyOutput, error)
}

// events is what a drill puts made-up events on the bus with, arrivals the queue where it sees its events arrive.
type events interface {
	PutEvents(
		context.Context, *eventbridge.PutEventsInput, ...func(*eventbridge.Options),
	) (*eventbridge.PutEventsOutput, error)
}
type arrivals interface {
	ReceiveMessage(context.Context, *sqs.ReceiveMessageInput, ...func(*sqs.Options)) (*sqs.ReceiveMessageOutput, error)
	DeleteMessage(context.Context, *sqs.DeleteMessageInput, ...func(*sqs.Options)) (*sqs.DeleteMessageOutput, error)
}

// driller is where drills are played.
type driller struct {
	iam       users
	bus       events
	queue     arrivals
	ledger    *ledger.Ledger
	settings  settings.Function
	policy    string // ARN of the one policy that is attached
	partition string
	region    string
	now       func() time.Time
	sleep     func(context.Context, time.Duration)
	log       *slog.Logger
}

const (
	// lease is how long a drill that is not heard of goes on for others; it is heard of well before.
	// A drill whose function was ended by force is cleaned up by the next one no later than that.
	lease = 30 * time.Second
	// cleaning is kept of the function's time to clean up in.
	cleaning = time.Minute
	// pause lies between two inspections; the queue is waited for on top of it.
	pause = time.Second
)

// play is one drill that goes on.
type play struct {
	*driller
	drill    ledger.Drill
	made     bool      // its user may be there: that was asked for
	heard    time.Time // when it was last recorded that it goes on
	deadline time.Time // until when what is to happen is waited for
	scenes   []*scene
}

// Drill makes a user, commits violations with it, watches what comes of them, and deletes the user, whatever happens in
// between. The error is that of a drill that did not begin; what goes wrong later is in the answer.
func (s *driller) Drill(ctx context.Context, q drill.Request) (drill.Answer, error) {
	who := caller.From(ctx, q.By)
	q, err := q.Check(who)
	if err != nil {
		return drill.Answer{}, err
	}
	p := &play{driller: s}
	if err := p.begin(ctx, who); err != nil {
		return drill.Answer{}, err
	}
	p.deadline = s.now().Add(time.Duration(q.Minutes) * time.Minute)
	if end, ok := ctx.Deadline(); ok && end.Add(-cleaning).Before(p.deadline) {
		p.deadline = end.Add(-cleaning)
	}
	answer := drill.Answer{ID: p.drill.ID, Scenarios: []drill.Scenario{}, Cleaned: []string{}}
	faults := []error{p.clean(ctx, &answer)} // what drills before left
	err = p.act(ctx, q, &answer)
	faults = append(faults, err)
	if errors.Is(err, ledger.ErrNoDrill) {
		// Another drill goes on: what it made is left to it.
		faults = append(faults, p.remove(ctx, p.drill.User, &answer))
	} else {
		faults = append(faults, p.clean(ctx, &answer))
	}
	p.drill.Done = true
	faults = append(faults, p.ledger.KeepDrill(ctx, p.drill, p.now()))
	for _, sc := range p.scenes {
		answer.Scenarios = append(answer.Scenarios, sc.result(p.now()))
	}
	assess(&answer, errors.Join(faults...))
	p.measure(ctx, answer)
	return answer, nil
}

// begin records that the drill goes on. One that was cut off is waited for: it is soon known to be.
func (p *play) begin(ctx context.Context, who caller.Identity) error {
	id := strings.ToLower(rand.Text()[:10])
	patient := p.now().Add(lease + pause)
	for {
		now := p.now()
		p.heard = now
		p.drill = ledger.Drill{ID: id, User: drill.Prefix + id, By: who, At: now, Until: now.Add(lease)}
		err := p.ledger.KeepDrill(ctx, p.drill, now)
		var other *ledger.Drilling
		if !errors.As(err, &other) || !now.Before(patient) || ctx.Err() != nil {
			return err
		}
		p.sleep(ctx, 2*pause)
	}
}

// goOn records from time to time that the drill goes on.
func (p *play) goOn(ctx context.Context) error {
	now := p.now()
	if now.Sub(p.heard) < lease/3 {
		return nil
	}
	p.heard, p.drill.Until = now, now.Add(lease)
	return p.ledger.KeepDrill(ctx, p.drill, now)
}

// act makes the user, commits the violations, and watches until all has happened that is to happen, or
// the time is over.
func (p *play) act(ctx context.Context, q drill.Request, answer *drill.Answer) error {
	for _, control := range p.settings.Drilled {
		p.scenes = append(p.scenes, p.scene(control))
	}
	if err := p.goOn(ctx); err != nil {
		return err
	}
	if err := p.makeUser(ctx, q); err != nil {
		return err
	}
	answer.User = p.drill.User
	for {
		for _, sc := range p.scenes {
			if sc.ready(p) {
				sc.begin(ctx, p)
			}
		}
		if err := p.observe(ctx); err != nil {
			return err
		}
		if p.settled() || !p.now().Before(p.deadline) {
			return nil
		}
		if ctx.Err() != nil {
			return nil //nolint:nilerr // the time is over: what was seen until then counts
		}
		if err := p.goOn(ctx); err != nil {
			return err
		}
		p.sleep(ctx, pause)
	}
}

// makeUser makes the drill's user, with an access key whose secret nobody gets to know, and waits until
// IAM shows the user.
func (p *play) makeUser(ctx context.Context, q drill.Request) error {
	tags := []types.Tag{{Key: aws.String(drill.Tag), Value: &p.drill.ID}}
	// Who asks is notified of what happens to the user, if that is an address.
	if address, err := mail.ParseAddress(q.By); err == nil && len(p.settings.Owners.Tags) > 0 {
		tags = append(tags, types.Tag{Key: &p.settings.Owners.Tags[0], Value: &address.Address})
	}
	p.made = true
	out, err := p.iam.CreateUser(ctx,
		&iam.CreateUserInput{UserName: &p.drill.User, Path: aws.String(drill.Path), Tags: tags})
	if err != nil {
		return fmt.Errorf("create user %q: %w", p.drill.User, err)
	}
	p.drill.UserID = aws.ToString(out.User.UserId)
	if err := p.ledger.KeepDrill(ctx, p.drill, p.now()); err != nil {
		return err
	}
	if _, err := p.user(ctx, p.drill.User); err != nil {
		return err
	}
	// The secret is in the answer, and stays there.
	if _, err := p.iam.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: &p.drill.User}); err != nil {
		return fmt.Errorf("create access key of %q: %w", p.drill.User, err)
	}
	return nil
}

// assess says what came of the whole drill.
func assess(answer *drill.Answer, fault error) {
	rank := func(o drill.Outcome) int {
		return slices.Index([]drill.Outcome{drill.Skipped, drill.Passed, drill.Held, drill.Failed}, o)
	}
	answer.Outcome = drill.Skipped
	var reasons []string
	for _, sc := range answer.Scenarios {
		if rank(sc.Outcome) > rank(answer.Outcome) {
			answer.Outcome, reasons = sc.Outcome, nil
		}
		if sc.Outcome == answer.Outcome && sc.Outcome != drill.Passed {
			reasons = append(reasons, sc.Name+": "+sc.Reason)
		}
	}
	if fault != nil {
		if answer.Outcome != drill.Failed {
			reasons = nil
		}
		answer.Outcome, reasons = drill.Failed, append([]string{inOneLine(fault)}, reasons...)
	}
	answer.Reason = cmp.Or(strings.Join(reasons, "; "), answer.Reason)
}

// measure writes a line of the log for each hop, with the seconds that it took.
func (p *play) measure(ctx context.Context, answer drill.Answer) {
	for _, name := range drill.Hops {
		var seconds metric.Sheet
		for _, sc := range answer.Scenarios {
			for _, hop := range sc.Hops {
				if hop.Name == name && hop.Seen {
					seconds.Raise(metric.DrillSeconds, hop.Seconds)
				}
			}
		}
		if attrs := seconds.Attrs(p.now()); attrs != nil {
			attrs = append([]slog.Attr{slog.String("drill", answer.ID), slog.String("hop", name)}, attrs...)
			p.log.LogAttrs(ctx, slog.LevelInfo, "hop", attrs...)
		}
	}
	p.log.InfoContext(ctx, "drill", "drill", answer.ID, "outcome", answer.Outcome, "reason", answer.Reason,
		"cleaned", answer.Cleaned, "left", len(answer.Leftovers))
}

// clean deletes every user that a drill made: while one goes on there is no other, so that all of them are its own or
// were left. The error says that some could not be looked for; those that could not be deleted are in the answer.
func (p *play) clean(ctx context.Context, answer *drill.Answer) error {
	var faults []error
	var names []string
	if p.made {
		names = append(names, p.drill.User) // the list may not show it yet
	}
	pages := iam.NewListUsersPaginator(p.iam, &iam.ListUsersInput{PathPrefix: aws.String(drill.Path)})
	for page, err := range iamuser.Pages(ctx, pages, "list users below %s", drill.Path) {
		if err != nil {
			faults = append(faults, err)
			break
		}
		for _, user := range page.Users {
			if name := aws.ToString(user.UserName); !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	for _, name := range names {
		// Where another drill took this one's place, the others are not left over.
		if err := p.goOn(ctx); err != nil && name != p.drill.User {
			return errors.Join(append(faults, err)...)
		}
		faults = append(faults, p.remove(ctx, name, answer))
	}
	return errors.Join(faults...)
}

// remove deletes a user, if a drill made it. What cannot be deleted is named in the answer.
func (p *play) remove(ctx context.Context, name string, answer *drill.Answer) error {
	answer.Leftovers = slices.DeleteFunc(answer.Leftovers, func(l drill.Leftover) bool { return l.User == name })
	var found bool
	var err error
	for _, wait := range []time.Duration{0, pause, 4 * pause} {
		if wait > 0 {
			p.sleep(ctx, wait)
		}
		if found, err = p.try(ctx, name); err == nil {
			if found && !slices.Contains(answer.Cleaned, name) {
				answer.Cleaned = append(answer.Cleaned, name)
			}
			return nil
		}
	}
	answer.Leftovers = append(answer.Leftovers, drill.Leftover{User: name, Why: inOneLine(err), Remove: []string{
		"aws iam list-attached-user-policies --user-name " + name + " --query 'AttachedPolicies[].PolicyArn' --output " +
			"text | xargs -rn1 aws iam detach-user-policy --user-name " + name + " --policy-arn",
		"aws iam list-access-keys --user-name " + name + " --query 'AccessKeyMetadata[].AccessKeyId' --output text | " +
			"xargs -rn1 aws iam delete-access-key --user-name " + name + " --access-key-id",
		"aws iam delete-user --user-name " + name,
	}})
	return fmt.Errorf("user %s of a drill is left", name)
}

// inOneLine is the text of an error for the answer.
func inOneLine(err error) string { return notice.Redact(strings.ReplaceAll(err.Error(), "\n", "; ")) }

// try deletes a user with what belongs to it; found is false when there was none that a drill made. Of
// the policies on it those are detached that a drill, or Warder because of one, attached: a user on
// which somebody put something else is left to them.
func (p *play) try(ctx context.Context, name string) (found bool, err error) {
	user, err := p.user(ctx, name)
	if change.NotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	tags := map[string]string{}
	for _, tag := range user.Tags {
		tags[strings.ToLower(aws.ToString(tag.Key))] = aws.ToString(tag.Value)
	}
	if _, ours := drill.Made(name, aws.ToString(user.Path), tags); !ours {
		return false, nil
	}
	var faults []error
	policies := iam.NewListAttachedUserPoliciesPaginator(p.iam, &iam.ListAttachedUserPoliciesInput{UserName: &name})
	for page, err := range iamuser.Pages(ctx, policies, "list attached policies of %q", name) {
		if err != nil {
			faults = append(faults, unlessGone(err))
			break
		}
		for _, policy := range page.AttachedPolicies {
			if arn := aws.ToString(policy.PolicyArn); arn == p.policy || arn == p.settings.Quarantine.Outside {
				_, err := p.iam.DetachUserPolicy(ctx, &iam.DetachUserPolicyInput{UserName: &name, PolicyArn: &arn})
				faults = append(faults, unlessGone(wrap(err, "detach policy %s from %q", arn, name)))
			}
		}
	}
	keys := iam.NewListAccessKeysPaginator(p.iam, &iam.ListAccessKeysInput{UserName: &name})
	for page, err := range iamuser.Pages(ctx, keys, "list access keys of %q", name) {
		if err != nil {
			faults = append(faults, unlessGone(err))
			break
		}
		for _, key := range page.AccessKeyMetadata {
			_, err := p.iam.DeleteAccessKey(ctx, &iam.DeleteAccessKeyInput{UserName: &name, AccessKeyId: key.AccessKeyId})
			hint := change.KeyHint(aws.ToString(key.AccessKeyId))
			faults = append(faults, unlessGone(wrap(err, "delete access key %s of %q", hint, name)))
		}
	}
	if err := errors.Join(faults...); err != nil {
		return true, err
	}
	_, err = p.iam.DeleteUser(ctx, &iam.DeleteUserInput{UserName: &name})
	return true, unlessGone(wrap(err, "delete user %q", name))
}

// user reads a user, and waits for one that the drill has just made.
func (p *play) user(ctx context.Context, name string) (*types.User, error) {
	var user *types.User
	read := func() error {
		out, err := p.iam.GetUser(ctx, &iam.GetUserInput{UserName: &name})
		if err == nil {
			user = out.User
		}
		return wrap(err, "get user %q", name)
	}
	if name != p.drill.User {
		err := read()
		return user, err
	}
	err := iamuser.RetryUntilVisible(ctx, p.sleep, read)
	return user, err
}

func wrap(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf(format+": %w", append(args, err)...)
}

// unlessGone returns the error, or nil if it says that the target no longer exists.
func unlessGone(err error) error {
	if change.NotFound(err) {
		return nil
	}
	return err
}
