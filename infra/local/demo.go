package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/warder-aws/warder/infra/local/endpoint"
	"github.com/warder-aws/warder/infra/local/project"
)

// A scene is an account and what happens in it.
type scene struct {
	mode     string                                       // of the account's controls
	synth    project.Synth                                // whose template the account has; that which is deployed when empty
	alter    func(function string, env map[string]string) // the settings of a function; nil to leave them
	chapters []chapter
}

// A chapter is one step of the story: what happens, and what must have come of it.
type chapter struct {
	title string
	shows []string // controls and tools that must have been at work in it
	play  func(context.Context, *stage) error
}

// story is what the demo plays, in order.
var story = []scene{
	{mode: "observe", chapters: []chapter{onlyObserved}},
	{mode: "enforce", chapters: slices.Concat(direct, []chapter{stale, quarantineStays, signedIn, exposed, public}, robust)},
	{mode: "enforce", chapters: safe},
}

// errStory is the error of a story of which not everything came out as told.
var errStory = errors.New("the story did not come out as told")

// demo plays the story.
func demo(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	_, err := perform(ctx, "demo", story, args, stdout, stderr)
	return err
}

// perform plays the scenes of a command and prints how they came out.
func perform(ctx context.Context, command string, scenes []scene, args []string, stdout, stderr io.Writer) ([]result, error) {
	flags := flag.NewFlagSet(command, flag.ContinueOnError)
	verbose := flags.Bool("v", false, "print every notice in full")
	out := flags.String("out", "", "keep the evidence that is written in this folder")
	calls := flags.String("calls", "", "write every AWS call that the functions made to this file, as JSON")
	rest, err := parseFlags(flags, args, stderr)
	if err != nil {
		return nil, err
	}
	if len(rest) > 0 {
		fmt.Fprintf(stderr, "local: %s takes no %q\n", command, rest[0])
		return nil, errUsage
	}

	p := printer{out: stdout, style: styleOf(stdout)}
	var results []result
	var made []endpoint.Call
	for _, scene := range scenes {
		played, called, err := p.play(ctx, scene, len(results), *verbose, *out, stderr)
		if err != nil {
			return nil, err
		}
		results, made = append(results, played...), append(made, called...)
	}
	if *calls != "" {
		if err := writeCalls(*calls, made); err != nil {
			return results, err
		}
	}
	return results, p.table(results)
}

// writeCalls writes what functions called to a file, one call a line.
func writeCalls(file string, calls []endpoint.Call) error {
	var lines bytes.Buffer
	encoder := json.NewEncoder(&lines)
	for _, call := range calls {
		if err := encoder.Encode(call); err != nil {
			return fmt.Errorf("encode a call: %w", err)
		}
	}
	if err := os.WriteFile(file, lines.Bytes(), 0o600); err != nil {
		return fmt.Errorf("write the calls: %w", err)
	}
	return nil
}

// play plays a scene after so many chapters, and returns how they came out and what functions called.
func (p printer) play(ctx context.Context, scene scene, before int, verbose bool, out string, stderr io.Writer) ([]result, []endpoint.Call, error) {
	s, err := openStage(ctx, p, scene, verbose, stderr)
	if err != nil {
		return nil, nil, err
	}
	defer s.account.Close()
	s.out = out
	var results []result
	for i, c := range scene.chapters {
		fmt.Fprintf(p.out, "\n%s\n", p.style.bold(fmt.Sprintf("%d. %s", before+i+1, c.title)))
		begin := time.Now()
		err := c.play(ctx, s)
		if ctx.Err() != nil {
			return nil, nil, ctx.Err()
		}
		worked := s.atWork()
		if err == nil {
			err = c.shown(worked)
		}
		results = append(results, result{chapter: c, took: time.Since(begin), err: err})
		if err != nil {
			fmt.Fprintf(p.out, "   %s\n", p.style.paint("31", "not as told: "+err.Error()))
		}
	}
	fmt.Fprintln(p.out)
	calls, err := s.account.Calls(ctx)
	return results, calls, err
}

// shown checks that what the chapter is about was at work in it.
func (c chapter) shown(worked map[string]bool) error {
	for _, id := range c.shows {
		if !worked[id] {
			return fmt.Errorf("%s did nothing; at work were %q", id, slices.Sorted(maps.Keys(worked)))
		}
	}
	return nil
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
