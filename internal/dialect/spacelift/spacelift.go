// Package spacelift owns the tokens of Spacelift's signed runs, and the policies by
// which Spacelift's private workers check them.
//
// A token travels as a run's metadata in the header Spacelift-User-Provided-Run-Metadata.
// Its claims are those of Spacelift's signed-run reference implementation, of which
// exp, sub and spacelift_stack are required, and nbf, jti and spec beside them, which
// a policy written as there does not look at. It would refuse an aud.
//
//	{"alg":"ES256","kid":"pRq…c2w","typ":"JWT"}
//	{"exp":1795316400,"iat":1795312800,"iss":"GitHub Actions","jti":"m9B…Zw",
//	 "nbf":1795312800,"spacelift_stack":"staging-vpc",
//	 "spec":{"sha":"0123…4567","stack":"staging-vpc","version":1,…},"sub":"0123…4567"}
//
// sub is the commit. Where there is a spec, it names the same commit and stack.
package spacelift

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"
	"time"

	"github.com/gowebpki/jcs"

	"github.com/countersign-ci/countersign/internal/jose"
	"github.com/countersign-ci/countersign/internal/runspec"
)

// Issuer is the `iss` of a token. It says who made it and nothing of who may.
const Issuer = "GitHub Actions"

// Token is the form of a token for a run of Spacelift. It has to fit into a header.
var Token = jose.Form{
	Type:     "JWT",
	Claims:   []string{"exp", "sub", "spacelift_stack"},
	Optional: []string{"iss", "iat", "nbf", "jti", "spec"},
	MaxSize:  8192,
}

// An Error says why no token can be made.
type Error struct {
	Reason string // what is wrong
	Advice string // what to do
}

func (e *Error) Error() string { return e.Reason }

// Hint returns what to do about the error.
func (e *Error) Hint() string { return e.Advice }

// Claims are what a token is to say. The spec has a commit and a stack.
type Claims struct {
	ID                string
	IssuedAt, Expires time.Time
	Spec              *runspec.Spec
}

// Sign returns a token with the given claims. Errors that the caller can mend are of
// type *Error or *jose.KeyError.
func Sign(key *jose.SigningKey, c Claims) (string, error) {
	if err := CheckKey(key); err != nil {
		return "", err
	}
	switch {
	case c.Spec.SHA == "":
		return "", &Error{"the spec has no commit, and a token for Spacelift is for one", "name it with --sha"}
	case c.Spec.Stack == "":
		return "", &Error{"the spec has no stack, and a token for Spacelift is for one", "name it with --stack"}
	}
	text, err := json.Marshal(map[string]any{
		"iss": Issuer, "iat": c.IssuedAt.Unix(), "nbf": c.IssuedAt.Unix(), "exp": c.Expires.Unix(),
		"sub": c.Spec.SHA, "spacelift_stack": c.Spec.Stack, "jti": c.ID, "spec": c.Spec,
	})
	if err != nil {
		return "", err
	}
	claims, err := jcs.Transform(text)
	if err != nil {
		return "", err
	}
	return jose.SignPayload(Token, key, claims)
}

// CheckKey refuses a key that Spacelift's workers cannot check a signature of, with
// an error of type *jose.KeyError.
func CheckKey(key *jose.SigningKey) error { return checkAlgorithm(key.Algorithm()) }

// checkAlgorithm refuses EdDSA, which OPA verifies from 1.8.0 on: Spacelift's launcher
// has an older one inside. A secret is for HS256, which is what policies expect of one.
func checkAlgorithm(name string) error {
	switch name {
	case "EdDSA":
		return &jose.KeyError{
			Reason: "the key is for EdDSA, which Spacelift's workers cannot check",
			Advice: "use a key of `countersign keygen --alg ES256`, or a secret",
		}
	case "HS384", "HS512":
		return &jose.KeyError{
			Reason: "the secret is for " + name + ", and policies for Spacelift take a secret with HS256",
			Advice: "leave out --alg, or use a key of `countersign keygen --alg ES256`",
		}
	}
	return nil
}

// digestPrefix is what the ID of a token without `jti` starts with, and no `jti` may.
const digestPrefix = "sha256:"

// Open returns what a token and its spec say, if form and signature hold. Whether it
// is valid now, and for the commit and stack at hand, is not checked. A token without
// a spec is for its commit and stack alone; one without a `jti` has the digest of its
// claims as the ID. Errors are of type *jose.Error.
func Open(keys *jose.VerifyingKeys, token string) (*jose.Token, *runspec.Spec, error) {
	t, err := keys.Open(Token, token)
	if err != nil {
		return nil, nil, err
	}
	stack, _ := t.Claims.Get("spacelift_stack")
	if t.Subject == "" || stack.Kind != jose.String || stack.Text == "" {
		return nil, nil, jose.Malformed("its sub or spacelift_stack is no text, or empty")
	}
	spec := &runspec.Spec{Version: runspec.Version, SHA: t.Subject, Stack: stack.Text}
	if claim, ok := t.Claims.Get("spec"); ok {
		if spec, err = runspec.Parse(claim); err != nil {
			return nil, nil, jose.Malformed("%v", err)
		}
		if spec.SHA != t.Subject || spec.Stack != stack.Text {
			return nil, nil, jose.Malformed("its claims and its spec do not name the same commit and stack")
		}
	}
	if _, ok := t.Claims.Get("jti"); !ok {
		digest := sha256.Sum256([]byte(t.Claims.Text))
		t.ID = digestPrefix + hex.EncodeToString(digest[:])
	} else if t.ID == "" || strings.HasPrefix(t.ID, digestPrefix) {
		return nil, nil, jose.Malformed("its jti is empty, or written as a digest")
	}
	return t, spec, nil
}
