// Package oidctest is an OpenID provider on loopback that gives identity tokens as
// GitHub does for the jobs of its workflows. Only tests import it.
//
// It speaks TLS with an authority of its own and serves three addresses:
//
//	GET <issuer>/.well-known/openid-configuration   the discovery document
//	GET <issuer>/.well-known/jwks                   the public keys
//	GET /request/idtoken?api-version=2.0&audience=… an identity token for a job
//
// A test asks it through a job's two variables, or mints what it needs:
//
//	provider := oidctest.New(t, oidctest.Options{})
//	provider.SetClaims(map[string]any{"ref": "refs/heads/main"})
//	token := provider.Token("countersign:sha256:…", nil)
//
// The document and the keys follow OpenID Connect Discovery 1.0 (sections 3 and 4)
// and RFC 7517; the claims and the last address GitHub's "OpenID Connect reference".
// Tokens are signed by golang-jwt and nothing of this project, so that they are an
// oracle for it.
package oidctest

import (
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// The paths of the provider, without that of its issuer.
const (
	Discovery = "/.well-known/openid-configuration"
	KeySet    = "/.well-known/jwks"
	Request   = "/request/idtoken"
)

// Options are what a provider is from its start.
type Options struct {
	Alg  string           // RS256 where it is empty, ES256 or EdDSA
	Path string           // of the issuer: empty, or such as /_services/token
	KID  string           // of the first key, for two issuers with the same; random where it is empty
	Now  func() time.Time // nil is the clock's own
}

// A Provider is an OpenID provider. All methods may be called by several goroutines
// at once.
type Provider struct {
	t       testing.TB
	options Options
	server  *httptest.Server
	other   *httptest.Server // another host
	ca      authority
	request string // the token to ask with
	over    chan struct{}

	mu           sync.Mutex
	keys         []key // the first signs
	claims       map[string]any
	cacheControl string
	faults       map[string]Fault
	counts       map[string]int
	strangers    int // requests to the other host
}

// New starts a provider that is closed when the test ends.
func New(t testing.TB, options Options) *Provider {
	t.Helper()
	if options.Alg == "" {
		options.Alg = "RS256"
	}
	if options.Now == nil {
		options.Now = time.Now
	}
	p := &Provider{
		t: t, options: options, ca: newAuthority(t), request: "request-" + rand.Text(), over: make(chan struct{}),
		faults: map[string]Fault{}, counts: map[string]int{},
	}
	first, err := newKey(options.Alg, options.KID)
	if err != nil {
		t.Fatal(err)
	}
	p.keys = []key{first}
	p.server = p.ca.serve(t, http.HandlerFunc(p.serve))
	p.other = p.ca.serve(t, http.HandlerFunc(p.serveOther))
	t.Cleanup(func() { close(p.over) }) // runs first: the servers wait for their handlers
	return p
}

// Issuer is the provider's name and address, without a final slash.
func (p *Provider) Issuer() string { return p.server.URL + p.options.Path }

// RequestURL is the value of ACTIONS_ID_TOKEN_REQUEST_URL. Its query has to be sent.
func (p *Provider) RequestURL() string { return p.server.URL + Request + "?" + requestQuery }

// RequestToken is the value of ACTIONS_ID_TOKEN_REQUEST_TOKEN.
func (p *Provider) RequestToken() string { return p.request }

// CA is the authority's certificate as PEM.
func (p *Provider) CA() []byte { return p.ca.pem }

// Pool has the authority alone.
func (p *Provider) Pool() *x509.CertPool { return p.ca.pool() }

// Client trusts the authority alone.
func (p *Provider) Client() *http.Client { return p.ca.client(p.t) }

// WriteCA writes the authority's certificate to a file, for SSL_CERT_FILE of another
// process, and returns its path.
func (p *Provider) WriteCA() string {
	p.t.Helper()
	path := filepath.Join(p.t.TempDir(), "ca.pem")
	if err := os.WriteFile(path, p.ca.pem, 0o600); err != nil {
		p.t.Fatal(err)
	}
	return path
}

// SetClaims has all tokens from now on differ from the standard ones (see [Claims])
// in these claims. A nil value takes a claim away.
func (p *Provider) SetClaims(claims map[string]any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.claims = maps.Clone(claims)
}

// SetCacheControl sets the header Cache-Control of the document and the keys. An
// empty one is not sent.
func (p *Provider) SetCacheControl(value string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cacheControl = value
}

// SetFault has the provider misbehave at a path, [Discovery], [KeySet] or [Request].
func (p *Provider) SetFault(path string, f Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults[path] = f
}

// Requests counts the requests for a path so far.
func (p *Provider) Requests(path string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.counts[path]
}

// OtherRequests counts the requests to the other host, which nobody should ask.
func (p *Provider) OtherRequests() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.strangers
}

// Token mints an identity token. An empty audience is the default one. The claims of
// override come last, those that the provider sets itself too; a nil value takes a
// claim away.
func (p *Provider) Token(audience string, override map[string]any) string {
	p.t.Helper()
	token, err := p.token(audience, override)
	if err != nil {
		p.t.Fatal(err)
	}
	return token
}

func (p *Provider) token(audience string, override map[string]any) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.options.Now()
	claims := Claims()
	maps.Copy(claims, map[string]any{
		"iss": p.Issuer(), "aud": audience, "jti": uuid(),
		"iat": now.Unix(), "nbf": now.Add(-10 * time.Minute).Unix(), "exp": now.Add(5 * time.Minute).Unix(),
	})
	maps.Copy(claims, p.claims)
	maps.Copy(claims, override)
	_, named := claims["sub"]
	maps.DeleteFunc(claims, func(_ string, v any) bool { return v == nil })
	if !named {
		claims["sub"] = subject(claims)
	}
	if audience == "" && claims["aud"] == "" {
		claims["aud"] = fmt.Sprintf("https://github.com/%v", claims["repository_owner"])
	}
	k := p.keys[0]
	token := jwt.NewWithClaims(jwt.GetSigningMethod(k.alg), jwt.MapClaims(claims))
	token.Header["x5t"], token.Header["kid"] = k.thumbprint, k.id
	return token.SignedString(k.private)
}

// Claims are the claims that tokens have beside iss, sub, aud, jti and the times: of a
// push to the default branch of acme/widgets. All are strings.
func Claims() map[string]any {
	const workflow = "acme/widgets/.github/workflows/deploy.yml@refs/heads/main"
	const sha = "0123456789abcdef0123456789abcdef01234567"
	return map[string]any{
		"actor": "octocat", "actor_id": "583231", "base_ref": "", "check_run_id": "33000000001", "event_name": "push",
		"head_ref": "", "job_workflow_ref": workflow, "job_workflow_sha": sha, "ref": "refs/heads/main", "ref_protected": "true",
		"ref_type": "branch", "repository": "acme/widgets", "repository_id": "456789", "repository_owner": "acme",
		"repository_owner_id": "123456", "repository_visibility": "private", "run_attempt": "1", "run_id": "15000000001",
		"run_number": "42", "runner_environment": "github-hosted", "sha": sha, "workflow": "Deploy", "workflow_ref": workflow,
		"workflow_sha": sha,
	}
}

// subject is the claim sub where a repository has not chosen another form.
func subject(claims map[string]any) string {
	context := fmt.Sprintf("ref:%v", claims["ref"])
	if environment, ok := claims["environment"]; ok {
		// What separates the parts is escaped in a name.
		context = "environment:" + strings.ReplaceAll(fmt.Sprint(environment), ":", "%3A")
	} else if claims["event_name"] == "pull_request" {
		context = "pull_request"
	}
	return fmt.Sprintf("repo:%v:%s", claims["repository"], context)
}

// uuid returns a random UUID (RFC 9562, section 5.4).
func uuid() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
