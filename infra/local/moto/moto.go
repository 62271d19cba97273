// Package moto runs the moto servers that hold the state of local accounts.
//
// It starts the Python launcher beside it (server.py) once for each process of its own. The launcher
// loads moto and forks a server on a free loopback port for each that is asked for, so that the second
// is there at once. Beside AWS's APIs a server speaks the routes which the launcher adds. Nothing
// listens beyond loopback, and nothing outlives the process that started it: the launcher ends when
// its standard input does, and its servers with it.
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
	"sync"
	"syscall"
	"time"

	"github.com/warder-aws/warder/pkg/test/fakeaws"
)

// AccountID is the account that moto keeps everything in.
const AccountID = "123456789012"

// startTimeout bounds the time from start to the first accepted connection; it is a few seconds for
// the first server.
const startTimeout = 5 * time.Minute

// A Server is a running moto.
type Server struct {
	// URL is where it answers, such as http://127.0.0.1:41234.
	URL string

	launcher *launcher
	process  int
	done     chan struct{}
}

// A launcher is the process that forks servers.
type launcher struct {
	stdin  io.Writer
	stderr *tail
	ended  chan struct{} // closed when it has ended

	mu      sync.Mutex
	waiting []chan *Server  // who asked for a server, in their order
	servers map[int]*Server // by process
}

// launchers are those of this process, by interpreter and script.
var (
	launchersMu sync.Mutex
	launchers   = map[[2]string]*launcher{}
)

// launch is the launcher of script, the first time started with the interpreter python.
func launch(python, script string) (*launcher, error) {
	launchersMu.Lock()
	defer launchersMu.Unlock()
	key := [2]string{python, script}
	if l := launchers[key]; l != nil {
		select {
		case <-l.ended:
		default:
			return l, nil
		}
	}
	command := exec.Command(python, script)
	command.Env = []string{
		"PYTHONUNBUFFERED=1", "PYTHONDONTWRITEBYTECODE=1", "PYTHONWARNINGS=ignore", "HOME=/nonexistent",
		"MOTO_EC2_LOAD_DEFAULT_AMIS=false", // their snapshots would be the account's own
	}
	// A Ctrl-C on the terminal reaches only the local account, which ends the servers when it has
	// put its own things away.
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	stdin, err := command.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	l := &launcher{stdin: stdin, stderr: &tail{limit: 16 << 10}, ended: make(chan struct{}), servers: map[int]*Server{}}
	command.Stderr = l.stderr
	if err := command.Start(); err != nil {
		return nil, err
	}
	launchers[key] = l
	go func() {
		l.listen(stdout)
		_ = command.Wait()
		close(l.ended)
		l.mu.Lock()
		defer l.mu.Unlock()
		for _, server := range l.servers {
			close(server.done)
		}
		l.servers = nil
	}()
	return l, nil
}

// listen reads what the launcher prints about its servers, until it ends.
func (l *launcher) listen(stdout io.Reader) {
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		var port, process int
		if n, _ := fmt.Sscanf(lines.Text(), "port %d %d", &port, &process); n == 2 {
			server := &Server{
				URL: fmt.Sprintf("http://127.0.0.1:%d", port), launcher: l, process: process, done: make(chan struct{}),
			}
			l.mu.Lock()
			l.servers[process] = server
			l.waiting[0] <- server
			l.waiting = l.waiting[1:]
			l.mu.Unlock()
		} else if n, _ := fmt.Sscanf(lines.Text(), "ended %d", &process); n == 1 {
			l.mu.Lock()
			if server := l.servers[process]; server != nil {
				close(server.done)
				delete(l.servers, process)
			}
			l.mu.Unlock()
		}
	}
}

// ask writes a request to the launcher.
func (l *launcher) ask(format string, args ...any) {
	// An error means that it has ended, which ended reports.
	_, _ = fmt.Fprintf(l.stdin, format+"\n", args...)
}

// Start starts a server with script, the launcher, and the interpreter python, and waits until it
// answers.
func Start(ctx context.Context, python, script string) (*Server, error) {
	l, err := launch(python, script)
	if err != nil {
		return nil, fmt.Errorf("start moto with %s: %w", python, err)
	}
	next := make(chan *Server, 1)
	l.mu.Lock()
	l.waiting = append(l.waiting, next)
	l.ask("start")
	l.mu.Unlock()
	timeout := time.NewTimer(startTimeout)
	defer timeout.Stop()
	select {
	case server := <-next:
		return server, nil
	case <-l.ended:
		return nil, fmt.Errorf("start moto with %s: it ended: %s", python, l.stderr)
	case <-timeout.C:
		err = fmt.Errorf("start moto: no answer within %v", startTimeout)
	case <-ctx.Done():
		err = fmt.Errorf("start moto: %w", ctx.Err())
	}
	go func() { // it is nobody's when it comes
		select {
		case server := <-next:
			server.Close()
		case <-l.ended:
		}
	}()
	return nil, err
}

// Done is closed when the server has ended, whoever ended it.
func (s *Server) Done() <-chan struct{} { return s.done }

// Stderr is the end of what the servers of this process wrote on standard error.
func (s *Server) Stderr() string { return s.launcher.stderr.String() }

// Close ends the server and waits until it has ended.
func (s *Server) Close() {
	s.launcher.ask("end %d", s.process)
	<-s.done
}

// Age sets back the creation of a user, of an access key or of another credential, or the last use of an access key.
// Exactly one of User, AccessKey and Credential is set; a zero time leaves what it would set as it is.
type Age struct {
	User      string `json:"user,omitempty"`
	AccessKey string `json:"accessKey,omitempty"`
	// Credential is the id of a service-specific credential, an SSH public key or a signing certificate.
	Credential string    `json:"credential,omitempty"`
	Created    time.Time `json:"created,omitzero"`
	LastUsed   time.Time `json:"lastUsed,omitzero"`
}

// Age makes a user or an access key look older than it is.
func (s *Server) Age(ctx context.Context, age Age) error {
	return s.post(ctx, "/_warder/age", age, nil)
}

// Unused is a role as it would be after months: what it last accessed, and a finding that nobody uses it, or not all
// that it may do.
type Unused struct {
	Role     string           `json:"role,omitempty"`
	User     string           `json:"user,omitempty"` // instead of a role
	Type     string           `json:"type,omitempty"` // of the finding; UnusedIAMRole if it is empty
	Created  time.Time        `json:"created"`
	Accessed fakeaws.Accessed `json:"accessed,omitempty"`
}

// Unused makes a role or a user look unused.
func (s *Server) Unused(ctx context.Context, u Unused) error {
	return s.post(ctx, "/_warder/unused", u, nil)
}

// AddUsers makes users as they would be after years: with keys that have the ids they are given. Of
// each it knows when it was created, its tags, keys, managed policies and boundary.
func (s *Server) AddUsers(ctx context.Context, users map[string]*fakeaws.User) error {
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
	Secret  string `json:"secret"`  // of the access key
}

// Caller finds out who holds the access key and whether they may do action on resource. Only the
// policies of IAM users are evaluated, by moto, which knows actions and resources and nothing more.
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
