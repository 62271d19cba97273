package lambdahost

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// initTimeout is how long a process has from its start to its first request for an event.
// https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
const initTimeout = 10 * time.Second

// maxAnswer is Lambda's limit for an answer, 6 MB, and a little for JSON around it.
const maxAnswer = 6<<20 + 4096

// A process is one running function and the Runtime API that it speaks:
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
type process struct {
	function Function
	command  *exec.Cmd
	server   *http.Server
	output   *output
	exited   chan struct{} // closed when the process is gone

	began     time.Time
	ready     chan struct{} // closed at the first request for an event
	readyOnce sync.Once
	took      time.Duration   // from the start to the first request for an event; set before ready is closed
	next      chan invocation // to the process
	answers   chan answer     // from the process
	initError chan answer
}

type invocation struct {
	id       string
	event    []byte
	deadline time.Time
}

type answer struct {
	payload  []byte
	failed   bool
	duration time.Duration
	log      []byte
}

// state is what an invocation left of a process.
type state int

const (
	alive state = iota // it answered and can be used again
	gone               // it had ended before it took the event
	spent              // it ended, or was ended, with the event in hand
)

// failed is an error as Lambda reports it when the function cannot.
func failed(id, kind, message string) answer {
	payload, _ := json.Marshal(map[string]string{ // cannot fail: strings
		"errorType":    kind,
		"errorMessage": "RequestId: " + id + " Error: " + message,
	})
	return answer{payload: payload, failed: true}
}

func start(ctx context.Context, function Function, options Options) (*process, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for %s: %w", function.Name, err)
	}
	reader, writer, err := os.Pipe()
	if err != nil {
		_ = listener.Close()
		return nil, fmt.Errorf("open the output of %s: %w", function.Name, err)
	}
	p := &process{
		function: function, exited: make(chan struct{}), ready: make(chan struct{}),
		next: make(chan invocation), answers: make(chan answer, 1), initError: make(chan answer, 1),
		output: newOutput(writer, func(lines []Line) { options.Log(function.Name, lines) }),
	}
	copied := make(chan struct{})
	go func() {
		_, _ = io.Copy(p.output, reader)
		_ = reader.Close()
		close(copied)
	}()
	p.server = &http.Server{Handler: p.routes(), ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = p.server.Serve(listener) }()

	p.command = exec.Command(function.Binary)
	p.command.Dir = filepath.Dir(function.Binary) // as /var/task
	p.command.Env = []string{"AWS_LAMBDA_RUNTIME_API=" + listener.Addr().String()}
	for name, value := range function.Env {
		p.command.Env = append(p.command.Env, name+"="+value)
	}
	p.command.Stdout, p.command.Stderr = p.output.pipe, p.output.pipe
	p.command.SysProcAttr = attributes()
	p.began = time.Now()
	if err := p.command.Start(); err != nil {
		_ = p.server.Close()
		_ = p.output.pipe.Close()
		p.output.close()
		return nil, fmt.Errorf("start %s: %w", function.Name, err)
	}
	go func() {
		_ = p.command.Wait()
		_ = p.output.pipe.Close()
		_ = reader.SetReadDeadline(time.Now().Add(time.Second)) // for output held open by a child of the function
		<-copied
		_ = p.server.Close()
		p.output.close()
		close(p.exited)
	}()
	return p, nil
}

func (p *process) routes() http.Handler {
	const base = "/2018-06-01/runtime/"
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+base+"invocation/next", func(w http.ResponseWriter, r *http.Request) {
		p.readyOnce.Do(func() {
			p.took = time.Since(p.began)
			close(p.ready)
		})
		select {
		case i := <-p.next:
			header := w.Header()
			header.Set("Content-Type", "application/json")
			header.Set("Lambda-Runtime-Aws-Request-Id", i.id)
			header.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(i.deadline.UnixMilli(), 10))
			header.Set("Lambda-Runtime-Invoked-Function-Arn", p.function.ARN)
			_, _ = w.Write(i.event)
		case <-r.Context().Done():
		}
	})
	receive := func(to chan<- answer, failed bool) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			payload, err := io.ReadAll(io.LimitReader(r.Body, maxAnswer))
			if err != nil {
				w.WriteHeader(http.StatusBadRequest)
				return
			}
			select {
			case to <- answer{payload: payload, failed: failed}:
				w.WriteHeader(http.StatusAccepted)
			default: // nobody waits for a second answer
				w.WriteHeader(http.StatusBadRequest)
			}
		}
	}
	mux.HandleFunc("POST "+base+"invocation/{id}/response", receive(p.answers, false))
	mux.HandleFunc("POST "+base+"invocation/{id}/error", receive(p.answers, true))
	mux.HandleFunc("POST "+base+"init/error", receive(p.initError, true))
	return mux
}

// invoke hands the event to the process and waits for its answer, its end or its time to be up.
func (p *process) invoke(ctx context.Context, id string, event []byte) (answer, state) {
	if !p.waitReady(ctx) {
		p.stop()
		select {
		case a := <-p.initError:
			return a, spent
		default:
			message := "the function did not ask for an event: " + p.command.ProcessState.String()
			return failed(id, "Runtime.ExitError", message), spent
		}
	}
	begin := time.Now()
	p.output.begin()
	i := invocation{id: id, event: event, deadline: begin.Add(p.function.Timeout)}
	timeout := time.NewTimer(p.function.Timeout)
	defer timeout.Stop()
	select {
	case p.next <- i:
	case <-p.exited:
		return answer{}, gone
	case <-timeout.C:
		p.stop()
		return failed(id, "Sandbox.Timedout", p.timedOut()), spent
	case <-ctx.Done():
		p.stop()
		return answer{}, spent
	}

	var result answer
	end := alive
	select {
	case result = <-p.answers:
	case <-p.exited:
		select {
		case result = <-p.answers: // answered, then ended at once
		default:
			result = failed(id, "Runtime.ExitError", "Runtime exited with error: "+p.command.ProcessState.String())
		}
		end = spent
	case <-timeout.C:
		p.stop()
		result, end = failed(id, "Sandbox.Timedout", p.timedOut()), spent
	case <-ctx.Done():
		p.stop()
		end = spent
	}
	result.duration = time.Since(begin)
	result.log = p.output.end(p.exited)
	return result, end
}

func (p *process) timedOut() string {
	return fmt.Sprintf("Task timed out after %.2f seconds", p.function.Timeout.Seconds())
}

func (p *process) waitReady(ctx context.Context) bool {
	timeout := time.NewTimer(initTimeout)
	defer timeout.Stop()
	select {
	case <-p.ready:
		return true
	case <-p.exited:
	case <-timeout.C:
	case <-ctx.Done():
	}
	return false
}

// stop kills the process with all that it started and waits until it has ended.
func (p *process) stop() {
	_ = syscall.Kill(-p.command.Process.Pid, syscall.SIGKILL)
	<-p.exited
}

// logTail is how much of its output an invocation can return: 4 KB.
// https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
const logTail = 4096

// flushAfter is how long lines are collected before they are handed on together.
const flushAfter = 20 * time.Millisecond

// output splits what a function writes into lines and hands them on, in batches.
type output struct {
	pipe    *os.File      // the function writes to it
	marked  chan struct{} // the mark came through the pipe
	mu      sync.Mutex
	part    []byte // of a line without its end
	lines   []Line
	tail    []byte // since begin
	closed  bool
	wake    chan struct{}
	flushed chan struct{}
}

func newOutput(pipe *os.File, hand func([]Line)) *output {
	o := &output{pipe: pipe, marked: make(chan struct{}, 1), wake: make(chan struct{}, 1), flushed: make(chan struct{})}
	go func() {
		defer close(o.flushed)
		for range o.wake {
			time.Sleep(flushAfter)
			o.mu.Lock()
			lines, closed := o.lines, o.closed
			o.lines = nil
			o.mu.Unlock()
			if len(lines) > 0 {
				hand(lines)
			}
			if closed {
				return
			}
		}
	}()
	return o
}

func (o *output) Write(data []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	n := len(data)
	if data = bytes.ReplaceAll(data, mark, nil); len(data) < n {
		select {
		case o.marked <- struct{}{}:
		default:
		}
	}
	o.part = append(o.part, data...)
	for {
		line, rest, ok := bytes.Cut(o.part, []byte("\n"))
		if !ok {
			break
		}
		o.lines = append(o.lines, Line{At: time.Now(), Text: string(line)})
		o.part = rest
	}
	o.tail = append(o.tail, data...)
	if over := len(o.tail) - logTail; over > 0 {
		o.tail = append([]byte(nil), o.tail[over:]...)
	}
	o.signal()
	return n, nil
}

// begin forgets what earlier invocations wrote.
func (o *output) begin() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.tail = nil
}

// mark is what end writes behind the output of a function.
var mark = []byte{0}

// end is what was written since begin. What the function wrote before its answer is in the pipe by
// now, and has come through it when the mark has.
func (o *output) end(exited <-chan struct{}) []byte {
	if _, err := o.pipe.Write(mark); err == nil {
		select {
		case <-o.marked:
		case <-exited:
		}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	return bytes.Clone(o.tail)
}

// close hands on what is left and waits until that is done.
func (o *output) close() {
	o.mu.Lock()
	if len(o.part) > 0 {
		o.lines = append(o.lines, Line{At: time.Now(), Text: string(o.part)})
		o.part = nil
	}
	o.closed = true
	o.signal()
	o.mu.Unlock()
	<-o.flushed
}

func (o *output) signal() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}
