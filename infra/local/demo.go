package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"time"
)

// A scene is an account and what happens in it.
type scene struct {
	mode     string // of the account's controls
	chapters []chapter
}

// A chapter is one step of the story: what happens, and what must have come of it.
type chapter struct {
	title string
	play  func(context.Context, *stage) error
}

// story is what the demo plays, in order.
var story = []scene{
	{"observe", []chapter{
		{"Only observed: a direct policy stays, and its owner is told what would be done", observed},
	}},
	{"enforce", []chapter{
		{"A new direct policy is detached, and its owner is told", directPolicy},
		{"An inline policy is removed, and its document is kept byte for byte", inlinePolicy},
		{"A key of 91 days is deactivated, the young one stays; AWS Config names the user by its unique id alone", staleKey},
		{"The policy by which AWS quarantines a user is left alone", quarantined},
		{"Sign-ins are told as what they are: root, IAM Identity Center, an IAM user without MFA", signIns},
		{"The same event twice is acted on once, and told once", twice},
		{"What a function cannot handle is tried three times and then kept in its failure queue", failure},
	}},
	{"enforce", []chapter{
		{"Too many changes in an hour: stop, tell, and wait for a person", blastRadius},
		{"Told before acted on: 14 days, 3 days and 1 day before a key gets stale", toldBefore},
		{"An exemption holds until its last day, then there is notice and grace again", exempted},
		{"Halted, nothing is changed; resumed, the next sweep does what waited", halted},
		{"Undone exactly, and left alone for as long as the hold lasts", undone},
		{"Why is this key dead?", explained},
	}},
}

// errStory is the error of a demo of which not everything came out as told.
var errStory = errors.New("the story did not come out as told")

// demo plays the story.
func demo(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("demo", flag.ContinueOnError)
	verbose := flags.Bool("v", false, "print every notice in full")
	rest, err := parseFlags(flags, args, stderr)
	if err != nil {
		return err
	}
	if len(rest) > 0 {
		fmt.Fprintf(stderr, "local: demo takes no %q\n", rest[0])
		return errUsage
	}

	p := printer{out: stdout, style: styleOf(stdout)}
	var results []result
	for _, scene := range story {
		played, err := p.play(ctx, scene, len(results), *verbose, stderr)
		if err != nil {
			return err
		}
		results = append(results, played...)
	}
	return p.table(results)
}

// play plays a scene after so many chapters.
func (p printer) play(ctx context.Context, scene scene, before int, verbose bool, stderr io.Writer) ([]result, error) {
	s, err := openStage(ctx, p, scene.mode, verbose, stderr)
	if err != nil {
		return nil, err
	}
	defer s.account.Close()
	var results []result
	for i, c := range scene.chapters {
		fmt.Fprintf(p.out, "\n%s\n", p.style.bold(fmt.Sprintf("%d. %s", before+i+1, c.title)))
		begin := time.Now()
		err := c.play(ctx, s)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		results = append(results, result{chapter: c, took: time.Since(begin), err: err})
		if err != nil {
			fmt.Fprintf(p.out, "   %s\n", p.style.paint("31", "not as told: "+err.Error()))
		}
	}
	fmt.Fprintln(p.out)
	return results, nil
}

type result struct {
	chapter
	took time.Duration
	err  error
}

// table prints how each chapter came out.
func (p printer) table(results []result) error {
	fmt.Fprintln(p.out, p.style.bold("The story"))
	var failed error
	for i, r := range results {
		word := p.style.paint("32", "as told    ")
		if r.err != nil {
			word, failed = p.style.paint("31", "not as told"), errStory
		}
		fmt.Fprintf(p.out, "%2d  %s  %6d ms  %s\n", i+1, word, r.took.Milliseconds(), r.title)
	}
	return failed
}
