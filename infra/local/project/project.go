// Package project finds what make has built: the Python environment, the function binaries and the
// synthesized templates. It never builds anything itself except by calling make.
package project

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/settings"
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
	Deployed Synth = "cdk.out/local" // with the settings of cdk.json: what is deployed, but for the code
	Tour     Synth = "cdk.out/tour"  // with those of infra/local/tour.json
)

// Functions is how the functions are built for this machine.
type Functions string

// How they are.
const (
	Apart    Functions = "local"    // a program for each, as they are deployed
	Together Functions = "together" // one program for all, which is built in a fraction of the time
)

// Make brings the binaries, the template of s and the Python environment up to date; what make says
// goes to output. It does nothing when WARDER_NO_MAKE is 1.
func (r Root) Make(ctx context.Context, s Synth, f Functions, output io.Writer) error {
	if os.Getenv("WARDER_NO_MAKE") == "1" {
		return nil
	}
	command := exec.CommandContext(ctx, "make", "-s", string(f), string(s)+"/manifest.json")
	command.Dir = string(r)
	// Where make has started this, its jobs are not for another.
	command.Env = slices.DeleteFunc(os.Environ(), func(v string) bool {
		return strings.HasPrefix(v, "MAKEFLAGS=") || strings.HasPrefix(v, "MFLAGS=")
	})
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

// A Template is that of one stack.
type Template struct {
	Stack  string // its name
	Region string
	Path   string
}

// Templates are the templates in s, the hub's first: its stack has the product's name, which begins
// the names of the others.
func (r Root) Templates(s Synth) ([]Template, error) {
	path, err := r.built(filepath.Join(string(s), "manifest.json"), string(s)+"/manifest.json")
	if err != nil {
		return nil, err
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read manifest: %w", err)
	}
	// https://docs.aws.amazon.com/cdk/api/v2/docs/@aws-cdk_cloud-assembly-schema.AssemblyManifest.html
	var manifest struct {
		Artifacts map[string]struct {
			Type        string
			Environment string // aws://account/region
			Properties  struct{ TemplateFile string }
		}
	}
	if err := json.Unmarshal(data, &manifest); err != nil {
		return nil, fmt.Errorf("decode %s: %w", path, err)
	}
	var templates []Template
	for _, stack := range slices.Sorted(maps.Keys(manifest.Artifacts)) {
		artifact := manifest.Artifacts[stack]
		if artifact.Type == "aws:cloudformation:stack" {
			templates = append(templates, Template{
				Stack: stack, Region: artifact.Environment[strings.LastIndex(artifact.Environment, "/")+1:],
				Path: filepath.Join(filepath.Dir(path), artifact.Properties.TemplateFile),
			})
		}
	}
	if len(templates) == 0 {
		return nil, fmt.Errorf("%s names no stack", path)
	}
	return templates, nil
}

// TourSettings are the settings of infra/local/tour.json, with which every control has something to do.
func (r Root) TourSettings(all []control.Control) (settings.Settings, error) {
	file, err := os.ReadFile(filepath.Join(string(r), "infra/local/tour.json"))
	if err != nil {
		return settings.Settings{}, fmt.Errorf("read settings: %w", err)
	}
	var context struct{ Warder json.RawMessage }
	if err := json.Unmarshal(file, &context); err != nil {
		return settings.Settings{}, fmt.Errorf("read settings: %w", err)
	}
	return settings.Parse(context.Warder, all)
}

// Binary is the program of the function id for this machine.
func (r Root) Binary(id string, f Functions) (string, error) {
	if f == Together {
		return r.built("bin/native/functions", string(f))
	}
	return r.built(filepath.Join("bin/native", id, "bootstrap"), "local")
}

// Deployed is the bootstrap of the control id that is deployed to Lambda.
func (r Root) Deployed(id string) (string, error) {
	return r.built(filepath.Join("bin/arm64", id, "bootstrap"), "build")
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
