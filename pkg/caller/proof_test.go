package caller

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/credentials"
)

var noon = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

const (
	account = "111122223333"
	key     = "AKIAIOSFODNN7EXAMPLE"
	secret  = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
	kim     = "arn:aws:iam::" + account + ":user/kim"
	request = `{"action":"abcdefghij-1","reason":"needed <now> & \"here\""}`
)

func config(region, token string) aws.Config {
	return aws.Config{Region: region, Credentials: credentials.NewStaticCredentialsProvider(key, secret, token)}
}

// sts answers requests that are signed as AWS wants it, as the caller with that ARN. It notes them.
type sts struct {
	arn, account string
	heard        []*http.Request
}

func (s *sts) Do(r *http.Request) (*http.Response, error) {
	s.heard = append(s.heard, r)
	answer := fmt.Sprintf(`<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">`+
		`<GetCallerIdentityResult><Arn>%s</Arn><UserId>AIDAEXAMPLE</UserId><Account>%s</Account></GetCallerIdentityResult>`+
		`<ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></GetCallerIdentityResponse>`, s.arn, s.account)
	if !signed(r) {
		return respond(r, http.StatusForbidden, `<ErrorResponse><Error><Code>SignatureDoesNotMatch</Code></Error>`), nil
	}
	return respond(r, http.StatusOK, answer), nil
}

func respond(r *http.Request, status int, body string) *http.Response {
	return &http.Response{StatusCode: status, Body: io.NopCloser(strings.NewReader(body)), Request: r}
}

// signed reports whether the SDK's signer gives the request the signature that it has.
func signed(r *http.Request) bool {
	again := r.Clone(r.Context())
	again.Header.Del("Authorization")
	at, err := time.Parse(iso8601, r.Header.Get("X-Amz-Date"))
	if err != nil {
		return false
	}
	region := strings.Split(r.Header.Get("Authorization"), "/")[2]
	err = v4.NewSigner().SignHTTP(r.Context(), aws.Credentials{
		AccessKeyID: key, SecretAccessKey: secret, SessionToken: r.Header.Get("X-Amz-Security-Token"),
	}, again, nothing, service, region, at)
	return err == nil && again.Header.Get("Authorization") == r.Header.Get("Authorization")
}

func verifier(region string, client interface {
	Do(*http.Request) (*http.Response, error)
}) Verifier {
	return Verifier{
		Config: aws.Config{Region: region}, Account: account, Function: "warder-undo",
		Now: func() time.Time { return noon.Add(time.Minute) }, HTTP: client,
	}
}

func sign(t *testing.T, region, token string) Signed {
	t.Helper()
	s, err := Sign(t.Context(), config(region, token), "warder-undo", []byte(request), noon)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestVerify_Proven(t *testing.T) {
	const session = "arn:aws:sts::" + account + ":assumed-role/AWSReservedSSO_Admin_1/kim@example.com"
	for _, tt := range []struct{ name, region, token, arn, url string }{
		{"a user", "us-east-1", "", kim, "https://sts.us-east-1.amazonaws.com/"},
		{"a session", "us-east-1", "FwoGZXIvYXdzE/+=", session, "https://sts.us-east-1.amazonaws.com/"},
		{"root", "us-east-1", "", "arn:aws:iam::" + account + ":root", "https://sts.us-east-1.amazonaws.com/"},
		{"GovCloud", "us-gov-west-1", "", "arn:aws-us-gov:iam::" + account + ":user/kim",
			"https://sts.us-gov-west-1.amazonaws.com/"},
		{"China", "cn-north-1", "", "arn:aws-cn:iam::" + account + ":user/kim",
			"https://sts.cn-north-1.amazonaws.com.cn/"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			aws := &sts{arn: tt.arn, account: account}
			// As it is sent, and read.
			data, err := json.Marshal(sign(t, tt.region, tt.token))
			if err != nil || bytes.Contains(data, []byte(secret)) {
				t.Fatalf("%v, %s", err, data)
			}
			var s Signed
			if err := json.Unmarshal(data, &s); err != nil {
				t.Fatal(err)
			}
			got, err := verifier(tt.region, aws).Verify(t.Context(), s)
			if err != nil || got != tt.arn {
				t.Errorf("%q, %v", got, err)
			}
			if r := aws.heard[0]; r.URL.String() != tt.url+"?Action=GetCallerIdentity&Version=2011-06-15" ||
				r.Method != http.MethodGet || r.Host != r.URL.Host {
				t.Errorf("%s %s", r.Method, r.URL)
			}
		})
	}
}

// Every way to cheat. STS would believe whoever signs rightly.
func TestVerify_Refused(t *testing.T) {
	for _, tt := range []struct {
		name  string
		alter func(*Signed)
		want  string
		asked bool // whether STS hears of it
	}{
		{"another request", func(s *Signed) { s.Request = strings.Replace(s.Request, "-1", "-2", 1) }, "signature", true},
		{"the request with a space", func(s *Signed) { s.Request += " " }, "signature", true},
		{"another function", func(s *Signed) { *s = signedFor(t, "warder-drill", "us-east-1") }, "signature", true},
		{"another region", func(s *Signed) { *s = signedFor(t, "warder-undo", "eu-west-1") }, "signature", true},
		{"another key", func(s *Signed) { s.Proof.AccessKey = "AKIAI44QH8DHBEXAMPLE" }, "signature", true},
		{"another time", func(s *Signed) { s.Proof.Time = "20261130T120001Z" }, "signature", true},
		{"a token more", func(s *Signed) { s.Proof.Token = "token" }, "signature", true},
		{"another signature", func(s *Signed) { s.Proof.Signature = strings.Repeat("0", 64) }, "signature", true},

		{"old", func(s *Signed) { *s = signedAt(t, noon.Add(-5*time.Minute)) }, "clock", false},
		{"of the future", func(s *Signed) { *s = signedAt(t, noon.Add(7*time.Minute)) }, "clock", false},
		{"no time", func(s *Signed) { s.Proof.Time = "" }, "no time", false},
		{"a time of another form", func(s *Signed) { s.Proof.Time = "2026-11-30T12:00:00Z" }, "no time", false},
		{"a time with more", func(s *Signed) { s.Proof.Time = "20261130T120000.5Z" }, "no time", false},
		{"a time with a line", func(s *Signed) { s.Proof.Time += "\r\nHost: example.com" }, "no time", false},
		{"no key", func(s *Signed) { s.Proof.AccessKey = "" }, "no access key id", false},
		{"a scope in the key", func(s *Signed) { s.Proof.AccessKey += "/20261130/us-east-1/iam" }, "no access key id", false},
		{"a header in the key", func(s *Signed) { s.Proof.AccessKey += "\r\nHost: example.com" }, "no access key id", false},
		{"an endless key", func(s *Signed) { s.Proof.AccessKey = strings.Repeat("A", 129) }, "no access key id", false},
		{"no signature", func(s *Signed) { s.Proof.Signature = "" }, "no signature", false},
		{"a signature with more", func(s *Signed) { s.Proof.Signature += ", SignedHeaders=host" }, "no signature", false},
		{"a signature in capitals", func(s *Signed) { s.Proof.Signature = strings.Repeat("A", 64) }, "no signature", false},
		{"a header in the token", func(s *Signed) { s.Proof.Token = "x\r\nHost: example.com" }, "no session token", false},
		{"an endless token", func(s *Signed) { s.Proof.Token = strings.Repeat("A", maxToken+1) }, "no session token", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			aws := &sts{arn: kim, account: account}
			s := sign(t, "us-east-1", "")
			tt.alter(&s)
			refused(t, verifier("us-east-1", aws), s, tt.want)
			if (len(aws.heard) > 0) != tt.asked {
				t.Errorf("STS has %d requests", len(aws.heard))
			}
			for _, r := range aws.heard {
				if r.URL.Host != "sts.us-east-1.amazonaws.com" || r.Host != r.URL.Host {
					t.Errorf("sent to %s", r.URL)
				}
			}
		})
	}
}

func signedFor(t *testing.T, function, region string) Signed {
	t.Helper()
	s, err := Sign(t.Context(), config(region, ""), function, []byte(request), noon)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func signedAt(t *testing.T, at time.Time) Signed {
	t.Helper()
	s, err := Sign(t.Context(), config("us-east-1", ""), "warder-undo", []byte(request), at)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// refused asserts that nothing is proven, and that the error says why and gives nothing of the proof away.
func refused(t *testing.T, v Verifier, s Signed, want string) {
	t.Helper()
	who, err := v.Verify(t.Context(), s)
	if who != "" || err == nil || !strings.Contains(err.Error(), want) {
		t.Fatalf("%q, error %v, want one with %q", who, err, want)
	}
	for _, part := range []string{s.Proof.AccessKey, s.Proof.Signature, s.Proof.Token} {
		if part != "" && strings.Contains(err.Error(), part) {
			t.Errorf("the error has %q: %v", part, err)
		}
	}
}

// doer answers as it does.
type doer func(*http.Request) (*http.Response, error)

func (d doer) Do(r *http.Request) (*http.Response, error) { return d(r) }

// Whatever STS, or who stands in its place, answers.
func TestVerify_Answers(t *testing.T) {
	answer := func(arn, account string) string {
		return `<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>` + arn + `</Arn><Account>` + account +
			`</Account></GetCallerIdentityResult></GetCallerIdentityResponse>`
	}
	const other = "444455556666"
	for _, tt := range []struct {
		name   string
		status int
		body   string
		want   string
	}{
		{"another account", 200, answer("arn:aws:iam::"+other+":user/kim", other), "of account " + other},
		{"an ARN of another account", 200, answer("arn:aws:iam::"+other+":user/kim", account), "of account " + other},
		{"an account that is not the ARN's", 200, answer(kim, other), "of account"},
		{"nobody", 200, answer("", ""), "names nobody"},
		{"a text", 200, answer("kim", account), "names nobody"},
		{"a function", 200, answer("arn:aws:lambda:us-east-1:"+account+":function:x", account), "names nobody"},
		{"another response", 200, strings.ReplaceAll(answer(kim, account), "GetCallerIdentity", "GetUser"), "not understood"},
		{"no XML", 200, "kim", "not understood"},
		{"half of it", 200, answer(kim, account)[:100], "not understood"},
		{"nothing", 200, "", "not understood"},
		{"too much", 200, answer(kim, account) + strings.Repeat(" ", maxAnswer), "status 200"},
		{"a redirect", 302, "", "status 302"},
		{"a redirect that keeps the method", 307, answer(kim, account), "status 307"},
		{"a refusal", 403, answer(kim, account), "does not accept the signature"},
		{"throttled", 400, answer(kim, account), "status 400"},
		{"a failure", 503, answer(kim, account), "status 503"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v := verifier("us-east-1", doer(func(r *http.Request) (*http.Response, error) {
				return respond(r, tt.status, tt.body), nil
			}))
			refused(t, v, sign(t, "us-east-1", ""), tt.want)
		})
	}
	t.Run("no answer", func(t *testing.T) {
		v := verifier("us-east-1", doer(func(*http.Request) (*http.Response, error) {
			return nil, errors.New("dial tcp: " + key)
		}))
		refused(t, v, sign(t, "us-east-1", ""), "STS does not answer")
	})
	t.Run("a function that does not know its account", func(t *testing.T) {
		v := verifier("us-east-1", &sts{arn: "arn:aws:iam:::user/kim"})
		v.Account = ""
		refused(t, v, sign(t, "us-east-1", ""), "account")
	})
}

// The client that functions have goes nowhere else.
func TestNewClient_Redirect(t *testing.T) {
	visited := 0
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { visited++ }))
	defer elsewhere.Close()
	server := httptest.NewServer(http.RedirectHandler(elsewhere.URL, http.StatusTemporaryRedirect))
	defer server.Close()
	s := sign(t, "us-east-1", "")
	v := verifier("us-east-1", NewClient())
	v.Config.BaseEndpoint = aws.String(server.URL)
	refused(t, v, s, "status 307")
	if visited > 0 {
		t.Error("it followed the redirect")
	}
}

// An account on this machine is reached where the configuration says, and nowhere else.
func TestVerify_Endpoint(t *testing.T) {
	cfg := config("us-east-1", "")
	cfg.BaseEndpoint = aws.String("http://127.0.0.1:4566/")
	s, err := Sign(t.Context(), cfg, "warder-undo", []byte(request), noon)
	if err != nil {
		t.Fatal(err)
	}
	aws := &sts{arn: kim, account: account}
	v := verifier("us-east-1", aws)
	v.Config.BaseEndpoint = cfg.BaseEndpoint
	if got, err := v.Verify(t.Context(), s); err != nil || got != kim || aws.heard[0].URL.Host != "127.0.0.1:4566" {
		t.Errorf("%q, %v", got, err)
	}
	// What was signed for the local account proves nothing elsewhere.
	refused(t, verifier("us-east-1", aws), s, "signature")
}

// Whatever a proof is made of: it is refused, or STS gets the one request.
func FuzzVerify(f *testing.F) {
	s, err := Sign(f.Context(), config("us-east-1", "dG9rZW4="), "warder-undo", []byte(request), noon)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(s.Request, s.Proof.AccessKey, s.Proof.Time, s.Proof.Token, s.Proof.Signature)
	f.Add("", "AKIA\r\nHost: example.com", "20261130T120000Z", "\x00", strings.Repeat("f", 64))
	f.Add(`{"by":"x"}`, key+"/x", "20261130T120000.1Z", "a b", "é")
	f.Fuzz(func(t *testing.T, request, accessKey, at, token, signature string) {
		aws := &sts{arn: kim, account: account}
		forged := Signed{request, Proof{accessKey, at, token, signature}}
		who, err := verifier("us-east-1", aws).Verify(t.Context(), forged)
		if (err == nil) != (forged == s) || (who == kim) != (err == nil) {
			t.Fatalf("%+v proves %q, error %v", forged, who, err)
		}
		for _, r := range aws.heard {
			authorization := r.Header.Get("Authorization")
			if r.Method != http.MethodGet || r.URL.String() !=
				"https://sts.us-east-1.amazonaws.com/?Action=GetCallerIdentity&Version=2011-06-15" ||
				strings.Count(authorization, "SignedHeaders=") != 1 || strings.Count(authorization, "/") != 4 ||
				len(r.Header) > 4 {
				t.Fatalf("%s %s %v", r.Method, r.URL, r.Header)
			}
		}
	})
}
