// Package iamsim asks a simulator of IAM policies that Warder has no part in what a principal may
// do: @cloud-copilot/iam-simulate of package.json, which runs as a process of its own. It is for
// tests alone; nothing that is deployed knows of it.
package iamsim

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/warder-aws/warder/infra/local/project"
)

// Principal is an IAM user, or the session of a role, and what is asked about it.
type Principal struct {
	ARN string `json:"arn"`
	// Policies are the documents of all policies that are its own or of its groups.
	Policies []json.RawMessage `json:"policies"`
	// Boundary is the document of its permissions boundary; nil if it has none.
	Boundary json.RawMessage `json:"boundary,omitempty"`
	// SCP and RCP are the service control policy and the resource control policy of the organization, beside those that
	// allow everything; nil for none.
	SCP      json.RawMessage `json:"scp,omitempty"`
	RCP      json.RawMessage `json:"rcp,omitempty"`
	Requests []Request       `json:"requests"`
}

// Request is a call that the principal makes.
type Request struct {
	Action   string `json:"action"`   // iam:GetUser
	Resource string `json:"resource"` // ARN, or * for an action without one
	// Context are the condition keys of the call, beside those of the accounts.
	Context map[string]string `json:"context,omitempty"`
	// Policy is the document of the resource's own policy; nil if it has none.
	Policy json.RawMessage `json:"policy,omitempty"`
}

// Answer is what becomes of a request.
type Answer string

// The answers of the simulator.
const (
	Allowed          Answer = "Allowed"
	ImplicitlyDenied Answer = "ImplicitlyDenied"
	ExplicitlyDenied Answer = "ExplicitlyDenied"
)

// Ask returns the answers to the requests of each principal. A policy or a request that the
// simulator does not understand is an error: an action that does not exist, a resource of a type
// that the action does not take or none where it takes one, a condition key that AWS does not send
// with the action.
func Ask(ctx context.Context, principals []Principal) ([][]Answer, error) {
	root, err := project.Find()
	if err != nil {
		return nil, err
	}
	for i, p := range principals { // lists that are nil would be null
		principals[i].Policies = append([]json.RawMessage{}, p.Policies...)
		principals[i].Requests = append([]Request{}, p.Requests...)
	}
	input, err := json.Marshal(map[string]any{"principals": principals})
	if err != nil {
		return nil, fmt.Errorf("encode the question to the simulator: %w", err)
	}
	// The simulator knows only the pattern of this condition key, for policies and requests alike.
	input = bytes.ReplaceAll(input, []byte("kms:EncryptionContext:warder:purpose"),
		[]byte("kms:EncryptionContext:${EncryptionContextKey}"))
	command := exec.CommandContext(ctx, "node", filepath.Join(string(root), "pkg/test/iamsim/judge.mjs"))
	var stdout, stderr bytes.Buffer
	command.Stdin, command.Stdout, command.Stderr = bytes.NewReader(input), &stdout, &stderr
	if err := command.Run(); err != nil {
		return nil, fmt.Errorf("run the simulator of node_modules (make node_modules/installed): %w\n%s", err, stderr.Bytes())
	}
	var answers [][]Answer
	if err := json.Unmarshal(stdout.Bytes(), &answers); err != nil {
		return nil, fmt.Errorf("read the simulator's answers: %w", err)
	}
	if len(answers) != len(principals) {
		return nil, fmt.Errorf("the simulator answers for %d principals of %d", len(answers), len(principals))
	}
	var faults []error
	for i, principal := range principals {
		if len(answers[i]) != len(principal.Requests) {
			return nil, fmt.Errorf("the simulator answers %d requests of %d", len(answers[i]), len(principal.Requests))
		}
		for k, answer := range answers[i] {
			if fault, ok := strings.CutPrefix(string(answer), "error: "); ok {
				asked := principal.Requests[k]
				faults = append(faults, fmt.Errorf("%s of %s by %s: %s", asked.Action, asked.Resource, principal.ARN, fault))
			}
		}
	}
	return answers, errors.Join(faults...)
}
