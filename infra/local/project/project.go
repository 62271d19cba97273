// Package project finds what make has built: the Python environment, the function binaries and the
// synthesized template. It never builds anything itself except by calling make.
package project

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// A Root is the folder that holds go.mod.
type Root string

// Find looks for go.mod in the working directory and above it.
func Find() (Root, error) {
	start, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find go.mod: %w", err)
	}
	for dir := start; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return Root(dir), nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("find go.mod: neither in %s nor above it", start)
		}
	}
}

// A Synth is a folder with what the CDK app was synthesized into.
type Synth string

// What make synthesizes.
const (
	Deployed Synth = "cdk.out"      // with the settings of cdk.json: what is deployed
	Tour     Synth = "cdk.out/tour" // with those of infra/local/tour.json
)

// Make brings the binaries, the template of s and the Python environment up to date; what make says
// goes to output. It does nothing when WARDER_NO_MAKE is 1.
func (r Root) Make(ctx context.Context, s Synth, output io.Writer) error {
	if os.Getenv("WARDER_NO_MAKE") == "1" {
		return nil
	}
	command := exec.CommandContext(ctx, "make", "-s", "local", string(s)+"/manifest.json")
	command.Dir = string(r)
	command.Stdout, command.Stderr = output, output
	if err := command.Run(); err != nil {
		return fmt.Errorf("%s in %s: %w", strings.Join(command.Args, " "), r, err)
	}
	return nil
}

// Python is the interpreter of the virtual environment that has moto.
func (r Root) Python() (string, error) { return r.built(".venv/bin/python", "local") }

// Launcher is the program that starts moto.
func (r Root) Launcher() string { return filepath.Join(string(r), "infra/local/moto/server.py") }

// Template is the template of the hub stack in s.
func (r Root) Template(s Synth) (string, error) {
	return r.built(filepath.Join(string(s), "warder.template.json"), string(s)+"/manifest.json")
}

// Binary is the bootstrap of the control id for this machine.
func (r Root) Binary(id string) (string, error) {
	return r.built(filepath.Join("bin/native", id, "bootstrap"), "local")
}

// built is a file that make makes as, or for, the target.
func (r Root) built(name, target string) (string, error) {
	path := filepath.Join(string(r), name)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("%s is missing: run make %s", path, target)
	} else if err != nil {
		return "", fmt.Errorf("find %s: %w", name, err)
	}
	return path, nil
}
