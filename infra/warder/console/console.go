// Package console is the page of whoever is on call: what Warder is doing, what it did and why, what comes next, and
// the buttons to undo, halt and release. It serves one person on 127.0.0.1, whose credentials it uses as the command
// line does, through an [Account].
//
// It stores nothing. Pages only read; whatever does something is first shown, then confirmed, and made once. What the
// ledger's table holds is shown as it is: the console cannot prove who wrote it. The functions do before they act.
package console

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/warder-aws/warder/infra/warder/doctor"
	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/drill"
	"github.com/warder-aws/warder/pkg/explain"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/remediation"
	"github.com/warder-aws/warder/pkg/report"
	"github.com/warder-aws/warder/pkg/settings"
)

var (
	//go:embed ko.json
	korean []byte
	//go:embed pages.html console.css console.js
	files embed.FS
)

func init() { i18n.Register("ko", korean) }

// An Account is what the console reads, and acts in. Each method is what the command of the command line does.
type Account interface {
	Contents(ctx context.Context) (ledger.Contents, error) // of the ledger's table, unproven
	Halt(ctx context.Context) (ledger.Halt, error)         // likewise
	Address(ctx context.Context, address string) (ledger.Address, error)
	Queues(ctx context.Context) ([]Queue, error)
	Doctor(ctx context.Context) []doctor.Line
	Explain(ctx context.Context, q explain.Request) (explain.Answer, error)
	Undo(ctx context.Context, q remediation.UndoRequest) (remediation.UndoAnswer, error)
	SetHalt(ctx context.Context, halt bool, q remediation.HaltRequest) (remediation.HaltAnswer, error)
	Release(ctx context.Context, control string, q remediation.ReleaseRequest) (remediation.ReleaseAnswer, error)
	Exempt(ctx context.Context, q remediation.ExemptRequest) (remediation.ExemptAnswer, error)
	Redrive(ctx context.Context) (sent, left int, lines []string, err error)
	Drill(ctx context.Context, q drill.Request) (drill.Answer, error)
	Report(ctx context.Context, month, language string) (Evidence, error)
}

// Queue is one that keeps what could not be done or delivered.
type Queue struct {
	Name, Region string
	Messages     int
}

// Evidence is a report that was made.
type Evidence struct {
	Text, Month string
	Files       []File
}

// File is one to download.
type File struct {
	Name string
	Body []byte
}

// Options are what a console is made with.
type Options struct {
	Account  Account
	Controls []control.Control       // and tools
	Modes    map[string]control.Mode // of controls, as far as they are known
	Language settings.Language
	By       string // for whom is asked, as whoever asks says
	Who      string // ARN of whose the credentials are
	ID       string // of the account
	Region   string // of the hub
	Open     string // id of an action or a finding to begin with; empty: the first page
	Now      func() time.Time
}

// A Server is the console of one person.
type Server struct {
	Options
	host, base string // as browsers name it; and the beginning of every page's path, which no other server knows
	pages      map[settings.Language]*template.Template

	mu            sync.Mutex
	token         string // that the session begins with; empty once it was used
	session, csrf string // empty while there is no session
	plans         map[string]plan
	job           *job // the last act
	read          *snapshot
	examined      examination
	drilled       *drill.Answer
	evidence      Evidence
}

// New is the console at a host, such as 127.0.0.1:8080.
func New(o Options, host string) (*Server, error) {
	s := &Server{Options: o, host: host, token: secret(), base: "/" + secret() + "/", plans: map[string]plan{}}
	s.pages = map[settings.Language]*template.Template{}
	for _, l := range []settings.Language{settings.English, settings.Korean} {
		parsed, err := template.New("").Funcs(words(l)).ParseFS(files, "pages.html")
		if err != nil {
			return nil, fmt.Errorf("parse pages: %w", err)
		}
		s.pages[l] = parsed
	}
	if s.pages[s.Language] == nil {
		s.Language = settings.English
	}
	return s, nil
}

// URL is where the session begins, once.
func (s *Server) URL() string { return "http://" + s.host + "/" + s.token }

// Serve serves the console on 127.0.0.1 until the context ends. Port 0 is any that is free.
func Serve(ctx context.Context, o Options, port int, started func(url string)) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return fmt.Errorf("listen on 127.0.0.1: %w", err)
	}
	s, err := New(o, listener.Addr().String())
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	server := &http.Server{
		Handler: s, ReadHeaderTimeout: 10 * time.Second, MaxHeaderBytes: 1 << 16,
		BaseContext: func(net.Listener) context.Context { return ctx },
	}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	started(s.URL())
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve the console: %w", err)
	}
	return nil
}

// policy lets a page use the console's own style and script alone: nothing in a page is run, and no other page frames
// it. https://www.w3.org/TR/CSP3/
const policy = "default-src 'none'; style-src 'self'; script-src 'self'; form-action 'self'; base-uri 'none'; " +
	"frame-ancestors 'none'"

const cookie = "warder-console"

// maxForm is more than a form of the console has, in bytes.
const maxForm = 1 << 16

// ServeHTTP implements [http.Handler]. Other pages in the browser reach nothing: by Host those that make a name of
// theirs lead here, by Origin and Sec-Fetch-Site those that send requests here. A cookie goes to every port of
// 127.0.0.1; the path that it is limited to is one that no other server knows.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	for name, value := range map[string]string{
		"Content-Security-Policy": policy, "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff",
		"X-Frame-Options": "DENY", "Referrer-Policy": "same-origin", "Cross-Origin-Opener-Policy": "same-origin",
		"Cross-Origin-Resource-Policy": "same-origin",
	} {
		w.Header().Set(name, value)
	}
	own := "http://" + s.host
	site := r.Header.Get("Sec-Fetch-Site")
	from := r.Header.Values("Origin")
	token, known := strings.TrimPrefix(r.URL.Path, "/"), false
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost:
		known = true
	}
	switch name, inside := strings.CutPrefix(r.URL.Path, s.base); {
	case r.Host != s.host:
		http.Error(w, "this console has another name", http.StatusMisdirectedRequest)
	case !known:
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
	case len(from) > 1, len(from) == 1 && from[0] != own, r.Method == http.MethodPost && len(from) == 0:
		http.Error(w, "the request comes from another page", http.StatusForbidden)
	case !inside:
		s.enter(w, r, token)
	case !s.admits(r):
		http.Error(w, "no session: run warder console again", http.StatusForbidden)
	case site != "" && site != "same-origin" && site != "none":
		http.Error(w, "the request comes from another page", http.StatusForbidden)
	case r.Method == http.MethodPost:
		s.post(w, r, name)
	default:
		s.get(w, r, name)
	}
}

func same(a, b string) bool { return a != "" && subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// admits reports whether the request is one of the session.
func (s *Server) admits(r *http.Request) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := r.Cookie(cookie)
	return err == nil && same(s.session, c.Value)
}

// enter begins the session for whoever has the token, the first time. It answers with a page, not with a redirection:
// a browser that came from another site would not send the cookie along with that.
func (s *Server) enter(w http.ResponseWriter, r *http.Request, token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	early := cmp.Or(r.Header.Get("Sec-Purpose"), r.Header.Get("Purpose")) // a browser that looks ahead
	if r.Method != http.MethodGet || early != "" || !same(s.token, token) {
		http.Error(w, "this address is not, or no longer, one of the console: it counts once; run warder console again",
			http.StatusForbidden)
		return
	}
	s.token, s.session, s.csrf = "", secret(), secret()
	http.SetCookie(w, &http.Cookie{Name: cookie, Value: s.session, Path: s.base, HttpOnly: true,
		SameSite: http.SameSiteStrictMode})
	first := s.base + "now"
	if notice.ID(s.Open) {
		first = s.base + "incident?id=" + s.Open
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_ = s.pages[s.Language].ExecuteTemplate(w, "enter", first) // whoever left sees no error
}

// A request is one of the session, and what its page is made of.
type request struct {
	*http.Request
	s *Server
	w http.ResponseWriter
}

// A view is a page.
type view struct {
	Page, Title        string
	Language           settings.Language
	Who, Account, CSRF string
	Query              string // that the page was asked for with
	Refresh            int    // seconds; 0: never
	Read               time.Time
	Halted, Unread     bool // or not known
	Data               any
}

// files are what pages load.
var types = map[string]string{"console.css": "text/css", "console.js": "text/javascript"}

func (s *Server) get(w http.ResponseWriter, r *http.Request, name string) {
	q := &request{r, s, w}
	if kind := types[name]; kind != "" {
		body, _ := files.ReadFile(name) // it is there
		if name == "console.css" {
			body = append([]byte(report.Style()), body...)
		}
		w.Header().Set("Content-Type", kind+"; charset=utf-8")
		_, _ = w.Write(body)
		return
	}
	page, ok := map[string]func(*request){
		"now": (*request).now, "timeline": (*request).timeline, "incident": (*request).incident, "due": (*request).due,
		"subject": (*request).subject, "health": (*request).health, "evidence": (*request).evidence,
		"download": (*request).download, "confirm": (*request).confirm, "result": (*request).result,
	}[name]
	if !ok {
		http.Error(w, "no such page", http.StatusNotFound)
		return
	}
	page(q)
}

// post does what a form asks for.
func (s *Server) post(w http.ResponseWriter, r *http.Request, name string) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		http.Error(w, "the form is not understood", http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	right := same(s.csrf, r.PostForm.Get("csrf"))
	s.mu.Unlock()
	if !right {
		http.Error(w, "the form is not one of this session", http.StatusForbidden)
		return
	}
	q := &request{r, s, w}
	switch name {
	case "act":
		q.act()
	case "refresh":
		s.forget()
		q.back()
	case "language":
		s.mu.Lock()
		if l := settings.Language(r.PostForm.Get("to")); s.pages[l] != nil {
			s.Language = l
		}
		s.mu.Unlock()
		q.back()
	default:
		http.Error(w, "no such act", http.StatusNotFound)
	}
}

// back leads to the page that the form stood on.
func (q *request) back() {
	to := q.PostForm.Get("page")
	if name, _, _ := strings.Cut(to, "?"); strings.Trim(name, "abcdefghijklmnopqrstuvwxyz") != "" || name == "" {
		to = "now"
	}
	http.Redirect(q.w, q.Request, q.s.base+to, http.StatusSeeOther)
}

func (q *request) language() settings.Language {
	q.s.mu.Lock()
	defer q.s.mu.Unlock()
	return q.s.Language
}

func (q *request) say(m i18n.Message) string { return m.In(string(q.language())) }

// show shows a page. No character of it steers the browser, and no whole access key id is in it.
func (q *request) show(page string, title i18n.Message, data any) {
	q.showSoon(page, title, data, 0)
}

func (q *request) showSoon(page string, title i18n.Message, data any, refresh int) {
	v := view{Page: page, Title: q.say(title), Language: q.language(), Who: q.s.Who, Refresh: refresh,
		Account: q.s.ID + " · " + q.s.Region, Data: data, Query: q.URL.RawQuery}
	q.s.mu.Lock()
	v.CSRF = q.s.csrf
	if read := q.s.read; read != nil {
		v.Read, v.Halted, v.Unread = read.at, read.halt.Halted, read.haltErr != nil
	}
	q.s.mu.Unlock()
	var body bytes.Buffer
	if err := q.s.pages[v.Language].ExecuteTemplate(&body, page, v); err != nil {
		http.Error(q.w, "the page could not be made", http.StatusInternalServerError)
		return
	}
	q.w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = q.w.Write([]byte(notice.Redact(i18n.Paragraph(body.String()))))
}

// secret is one that nobody guesses. In small letters it cannot look like an access key id, which no page shows.
func secret() string { return strings.ToLower(rand.Text()) }
