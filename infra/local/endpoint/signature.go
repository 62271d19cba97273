package endpoint

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// ForeignAccessKey is the key of a user of another account, whom STS knows, and nobody else here. ForeignSecret is its
// secret.
const (
	ForeignAccessKey = "AKIAOFANOTHERACCOUNT"
	ForeignSecret    = "none of yours"
)

// foreignIdentity is what STS answers the user of another account.
func (h *Handler) foreignIdentity(req request) answer {
	if req.service != "sts" || req.action != "GetCallerIdentity" {
		return failure(req, http.StatusForbidden, "AccessDenied", "it is another account")
	}
	if !h.signedBy(req, ForeignSecret) {
		return wrongSignature(req)
	}
	return callerIdentity("arn:aws:iam::"+Member+":user/ciso", Member)
}

// missigned is the answer to a request to STS that proves to Warder who asks, if it is not signed as it must be.
func (h *Handler) missigned(ctx context.Context, req request) (answer, bool) {
	if req.service != "sts" || req.action != "GetCallerIdentity" || req.Header.Get("X-Warder-Request") == "" {
		return answer{}, false
	}
	holder, err := h.caller(ctx, req.accessKey)
	if err != nil {
		return failure(req, http.StatusInternalServerError, "InternalFailure", err.Error()), true
	}
	h.mu.Lock()
	secret := cmp.Or(h.secrets[req.accessKey], holder.Secret)
	h.mu.Unlock()
	if secret == "" || !h.signedBy(req, secret) {
		return wrongSignature(req), true
	}
	return answer{}, false
}

func wrongSignature(req request) answer {
	return failure(req, http.StatusForbidden, "SignatureDoesNotMatch",
		"The request signature we calculated does not match the signature you provided.")
}

// lifetime is how much older or newer than now AWS takes a request at most.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
const lifetime = 15 * time.Minute

// signedBy reports whether the request has the signature of the secret, over all of it that has to be signed.
func (h *Handler) signedBy(req request, secret string) bool {
	authorization := req.Header.Get("Authorization")
	_, names, _ := strings.Cut(authorization, "SignedHeaders=")
	names, _, _ = strings.Cut(names, ",")
	at, err := time.Parse("20060102T150405Z", req.Header.Get("X-Amz-Date"))
	if err != nil || time.Since(at).Abs() > lifetime {
		return false
	}
	again, err := http.NewRequestWithContext(context.Background(), req.Method,
		"http://"+req.Host+req.URL.RequestURI(), http.NoBody)
	if err != nil {
		return false
	}
	for name := range req.Header {
		// What has to be signed is the host and all of x-amz-, says the same page.
		signed := strings.Contains(";"+names+";", ";"+strings.ToLower(name)+";")
		if signed {
			again.Header[name] = req.Header[name]
		} else if strings.HasPrefix(name, "X-Amz-") {
			return false
		}
	}
	again.Header.Del("Content-Length")
	if len(req.body) > 0 {
		again.ContentLength = int64(len(req.body))
	}
	digest := sha256.Sum256(req.body)
	err = v4.NewSigner().SignHTTP(context.Background(), aws.Credentials{
		AccessKeyID: req.accessKey, SecretAccessKey: secret, SessionToken: req.Header.Get("X-Amz-Security-Token"),
	}, again, hex.EncodeToString(digest[:]), req.service, req.region, at)
	return err == nil && again.Header.Get("Authorization") == authorization
}
