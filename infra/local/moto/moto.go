// Package moto runs the moto server that holds the state of the local account.
//
// It starts the Python launcher beside it (server.py) on a free loopback port and speaks the
// routes which that launcher adds to moto. It never listens beyond loopback, and the server never
// outlives the process that started it: it ends when its standard input does.
package moto

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/warder-aws/warder/pkg/account"
)

// AccountID is the account that moto keeps everything in.
const AccountID = "123456789012"

// startTimeout bounds the time from start to the first accepted connection; it is about a second.
const startTimeout = 60 * time.Second

// A Server is a running moto.
type Server struct {
	// URL is where it answers, such as http://127.0.0.1:41234.
	URL string

	command *exec.Cmd
	stdin   io.Closer
	done    chan struct{}
	stderr  *tail
}

// Start runs script, the launcher, with the interpreter python and waits until it answers.
func Start(ctx context.Context, python, script string) (*Server, error) {
	command := exec.Command(python, script)
	command.Env = []string{"PYTHONUNBUFFERED=1", "PYTHONDONTWRITEBYTECODE=1", "PYTHONWARNINGS=ignore", "HOME=/nonexistent"}
	// A Ctrl-C on the terminal reaches only the local account, which ends the server when it has
	// put its own things away.
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	stdin, err := command.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("start moto: %w", err)
	}
	stdout, err := command.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start moto: %w", err)
	}
	server := &Server{command: command, stdin: stdin, done: make(chan struct{}), stderr: &tail{limit: 16 << 10}}
	command.Stderr = server.stderr
	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("start moto with %s: %w", python, err)
	}

	port := make(chan string, 1)
	go func() {
		defer close(server.done)
		lines := bufio.NewScanner(stdout)
		for lines.Scan() {
			if rest, ok := strings.CutPrefix(lines.Text(), "port "); ok {
				port <- rest
			}
		}
		_ = command.Wait()
	}()

	timeout := time.NewTimer(startTimeout)
	defer timeout.Stop()
	select {
	case number := <-port:
		server.URL = "http://127.0.0.1:" + number
		return server, nil
	case <-server.done:
		return nil, fmt.Errorf("start moto with %s: it ended: %s", python, server.stderr)
	case <-timeout.C:
		err = fmt.Errorf("start moto: no answer within %v", startTimeout)
	case <-ctx.Done():
		err = fmt.Errorf("start moto: %w", ctx.Err())
	}
	server.Close()
	return nil, err
}

// Done is closed when the server has ended, whoever ended it.
func (s *Server) Done() <-chan struct{} { return s.done }

// Stderr is the end of what the server wrote on standard error.
func (s *Server) Stderr() string { return s.stderr.String() }

// Close ends the server and waits until it is gone.
func (s *Server) Close() {
	_ = s.stdin.Close()
	select {
	case <-s.done:
	case <-time.After(2 * time.Second):
		_ = s.command.Process.Kill()
		<-s.done
	}
}

// Age sets back the creation of a user or of an access key, or the last use of an access key.
// Exactly one of User and AccessKey is set; a zero time leaves what it would set as it is.
type Age struct {
	User      string    `json:"user,omitempty"`
	AccessKey string    `json:"accessKey,omitempty"`
	Created   time.Time `json:"created,omitzero"`
	LastUsed  time.Time `json:"lastUsed,omitzero"`
}

// Age makes a user or an access key look older than it is.
func (s *Server) Age(ctx context.Context, age Age) error {
	return s.post(ctx, "/_warder/age", age, nil)
}

// AddUsers makes users as they would be after years: with keys that have the ids they are given. Of
// each it knows when it was created, its tags, keys, managed policies and boundary.
func (s *Server) AddUsers(ctx context.Context, users map[string]*account.User) error {
	return s.post(ctx, "/_warder/users", users, nil)
}

// Session is a session of Session Manager.
type Session struct {
	Region string `json:"region"`
	ID     string `json:"id"`
	Target string `json:"target"` // id of the machine, of which there is nothing else
	Owner  string `json:"owner"`  // ARN
}

// StartSession starts a session, which moto knows nothing of. It records no event.
func (s *Server) StartSession(ctx context.Context, session Session) error {
	return s.post(ctx, "/_warder/session", session, nil)
}

// Caller is who holds an access key. Type is empty when nobody does.
type Caller struct {
	Type    string `json:"type"`    // IAMUser or AssumedRole, as in CloudTrail's userIdentity
	ID      string `json:"id"`      // AIDA… of the user, or AROA…:session
	ARN     string `json:"arn"`     // of the user or of the session
	Name    string `json:"name"`    // of the user or of the role
	Role    string `json:"role"`    // ARN of the role, for a session
	Active  bool   `json:"active"`  // false for a deactivated key
	Allowed bool   `json:"allowed"` // by the user's policies; always true for a session
}

// Caller finds out who holds the access key and whether they may do action on resource. Only the
// policies of IAM users are judged, by moto, which knows actions and resources and nothing more.
func (s *Server) Caller(ctx context.Context, accessKey, action, resource string) (Caller, error) {
	request := map[string]string{"accessKey": accessKey, "action": action, "resource": resource}
	var caller Caller
	err := s.post(ctx, "/_warder/caller", request, &caller)
	return caller, err
}

func (s *Server) post(ctx context.Context, route string, request, answer any) error {
	body, err := json.Marshal(request)
	if err != nil {
		return fmt.Errorf("post %s: %w", route, err)
	}
	post, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL+route, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("post %s: %w", route, err)
	}
	response, err := http.DefaultClient.Do(post)
	if err != nil {
		return fmt.Errorf("post %s: %w", route, err)
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		return fmt.Errorf("post %s: %w", route, err)
	}
	if response.StatusCode != http.StatusOK {
		var problem struct{ Error string }
		_ = json.Unmarshal(data, &problem)
		return errors.New(problem.Error)
	}
	if answer == nil {
		return nil
	}
	if err := json.Unmarshal(data, answer); err != nil {
		return fmt.Errorf("post %s: decode answer: %w", route, err)
	}
	return nil
}

// tail keeps the last limit bytes that were written to it.
type tail struct {
	mu    sync.Mutex
	limit int
	data  []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.data = append(t.data, p...)
	if over := len(t.data) - t.limit; over > 0 {
		t.data = append(t.data[:0], t.data[over:]...)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.data)
}
