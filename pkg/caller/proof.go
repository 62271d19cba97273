package caller

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// A Signed request is what a function is asked for, and a proof of who asks. An invocation is {"signed": …}.
type Signed struct {
	Request string `json:"request"` // the JSON of the request, byte for byte
	Proof   Proof  `json:"proof"`
}

// Proof is what differs between the requests to STS of two callers, or of one at two times.
type Proof struct {
	AccessKey string `json:"accessKey"` // the id
	Time      string `json:"time"`      // as in X-Amz-Date: 20261130T090000Z
	Token     string `json:"token,omitempty"`
	Signature string `json:"signature"` // 64 hexadecimal digits
}

// lifetime is how much older or newer than now a proof may be. STS itself takes 5 to 15 minutes.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
const lifetime = 5 * time.Minute

const (
	header  = "X-Warder-Request"
	service = "sts"
	iso8601 = "20060102T150405Z"
	// nothing is the digest of an empty body.
	nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

	maxToken  = 16 << 10
	maxAnswer = 64 << 10
	timeout   = 5 * time.Second
)

// newRequest is the request to STS, without a signature.
// https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
func newRequest(ctx context.Context, cfg aws.Config, function, request string) (*http.Request, error) {
	endpoint := "https://sts." + cfg.Region + "." + suffix(cfg.Region)
	if cfg.BaseEndpoint != nil { // an account on this machine
		endpoint = strings.TrimSuffix(*cfg.BaseEndpoint, "/")
	}
	query := url.Values{"Action": {"GetCallerIdentity"}, "Version": {"2011-06-15"}}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, endpoint+"/?"+query.Encode(), nil)
	if err != nil {
		return nil, fmt.Errorf("make request to STS: %w", err)
	}
	digest := sha256.Sum256([]byte(function + "\n" + request)) // a function's name has no line break
	r.Header.Set(header, hex.EncodeToString(digest[:]))
	return r, nil
}

// suffix is the end of the names of AWS's endpoints in a region.
// https://docs.aws.amazon.com/general/latest/gr/sts.html
func suffix(region string) string {
	if strings.HasPrefix(region, "cn-") {
		return "amazonaws.com.cn"
	}
	return "amazonaws.com"
}

// Sign proves to the function, in the region of the configuration, that whoever has its credentials makes the request.
func Sign(ctx context.Context, cfg aws.Config, function string, request []byte, now time.Time) (Signed, error) {
	r, err := newRequest(ctx, cfg, function, string(request))
	if err != nil {
		return Signed{}, err
	}
	credentials, err := cfg.Credentials.Retrieve(ctx)
	if err != nil {
		return Signed{}, fmt.Errorf("find credentials: %w", err)
	}
	now = now.UTC()
	if err := v4.NewSigner().SignHTTP(ctx, credentials, r, nothing, service, cfg.Region, now); err != nil {
		return Signed{}, fmt.Errorf("sign request to STS: %w", err)
	}
	_, signature, _ := strings.Cut(r.Header.Get("Authorization"), "Signature=")
	return Signed{string(request), Proof{
		AccessKey: credentials.AccessKeyID, Time: now.Format(iso8601), Token: credentials.SessionToken, Signature: signature,
	}}, nil
}

// A Verifier is what a function proves callers with.
type Verifier struct {
	Config   aws.Config // its region, and its endpoint if that is not AWS's
	Account  string     // whose users and roles are believed
	Function string     // name
	Now      func() time.Time
	HTTP     interface {
		Do(*http.Request) (*http.Response, error)
	}
}

// NewClient is an HTTP client for a [Verifier]. It follows no redirects.
func NewClient() *http.Client {
	return &http.Client{
		Timeout: timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		},
	}
}

// Verify returns the ARN of whoever made the request. An error means that nothing is proven.
func (v Verifier) Verify(ctx context.Context, s Signed) (string, error) {
	who, err := v.verify(ctx, s)
	if err != nil {
		return "", fmt.Errorf("it is not proven who asks: %w", err)
	}
	return who, nil
}

func (v Verifier) verify(ctx context.Context, s Signed) (string, error) {
	p := s.Proof
	at, err := time.Parse(iso8601, p.Time)
	switch {
	case err != nil || at.Format(iso8601) != p.Time:
		return "", errors.New("the proof has no time")
	case v.Now().Sub(at).Abs() > lifetime:
		return "", fmt.Errorf("the proof is of %s, and counts for %d minutes; is the clock right?",
			at.Format(time.RFC3339), int(lifetime.Minutes()))
	case !made(p.AccessKey, 16, 128, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"):
		return "", errors.New("the proof has no access key id")
	case !made(p.Signature, 64, 64, "0123456789abcdef"):
		return "", errors.New("the proof has no signature")
	case !made(p.Token, 0, maxToken, base64):
		return "", errors.New("the proof has no session token")
	}
	r, err := newRequest(ctx, v.Config, v.Function, s.Request)
	if err != nil {
		return "", err
	}
	signed := "host;x-amz-date;" + strings.ToLower(header)
	r.Header.Set("X-Amz-Date", p.Time)
	if p.Token != "" {
		r.Header.Set("X-Amz-Security-Token", p.Token)
		signed = "host;x-amz-date;x-amz-security-token;" + strings.ToLower(header)
	}
	r.Header.Set("Authorization", fmt.Sprintf("AWS4-HMAC-SHA256 Credential=%s/%s/%s/%s/aws4_request, SignedHeaders=%s, "+
		"Signature=%s", p.AccessKey, p.Time[:8], v.Config.Region, service, signed, p.Signature))
	response, err := v.HTTP.Do(r)
	if err != nil {
		return "", errors.New("STS does not answer") // the error of net/http has the address, and may have more
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	switch {
	case err != nil:
		return "", errors.New("STS does not answer to the end")
	case response.StatusCode == http.StatusForbidden:
		return "", errors.New("STS does not accept the signature: it is of other credentials, or for another request")
	case response.StatusCode != http.StatusOK || len(body) > maxAnswer:
		return "", fmt.Errorf("STS answers with status %d and %d bytes", response.StatusCode, len(body))
	}
	return v.believed(body)
}

// believed is the ARN in an answer of STS, if it is of the account.
func (v Verifier) believed(body []byte) (string, error) {
	var answer struct {
		XMLName xml.Name `xml:"GetCallerIdentityResponse"`
		ARN     string   `xml:"GetCallerIdentityResult>Arn"`
		Account string   `xml:"GetCallerIdentityResult>Account"`
	}
	if err := xml.Unmarshal(body, &answer); err != nil {
		return "", errors.New("the answer of STS is not understood")
	}
	who, err := arn.Parse(answer.ARN)
	switch {
	case err != nil || (who.Service != "iam" && who.Service != service) || who.Resource == "":
		return "", errors.New("the answer of STS names nobody")
	case who.AccountID != answer.Account || who.AccountID != v.Account || v.Account == "":
		return "", fmt.Errorf("the credentials are of account %s, and this is %s", cmp.Or(who.AccountID, "?"), v.Account)
	}
	return answer.ARN, nil
}

const base64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=-_"

// made reports whether a text has so many characters, each of them one of those.
func made(text string, least, most int, of string) bool {
	return len(text) >= least && len(text) <= most && strings.Trim(text, of) == ""
}
