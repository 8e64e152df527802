package policy_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign-ci/countersign/internal/jose"
	"github.com/countersign-ci/countersign/internal/policy"
	"github.com/countersign-ci/countersign/internal/report"
	"github.com/countersign-ci/countersign/internal/runspec"
)

const (
	commit      = "0123456789abcdef0123456789abcdef01234567"
	otherCommit = "89abcdef0123456789abcdef0123456789abcdef"
)

var start = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// A pair is a key and what verifies with it.
type pair struct {
	id      string
	private []byte // JWK
	sign    *jose.SigningKey
	verify  *jose.VerifyingKeys
}

func makePair(algorithm string) pair {
	private, public, id, err := jose.Generate(algorithm)
	if err != nil {
		panic(err)
	}
	sign, err := jose.ParseSigningKey(private, "")
	if err != nil {
		panic(err)
	}
	verify, err := jose.ParseVerifyingKeys(public, "")
	if err != nil {
		panic(err)
	}
	return pair{id, private, sign, verify}
}

var (
	trusted  = sync.OnceValue(func() pair { return makePair("EdDSA") })
	stranger = sync.OnceValue(func() pair { return makePair("EdDSA") })
)

// A scene is a token, the run that shows it, and what its verifier asks for.
type scene struct {
	spec   runspec.Spec
	claims jose.Claims
	sub    string // empty: that of the spec
	key    pair
	form   jose.Form
	token  func(*testing.T) string // nil: sign what stands above
	trust  policy.Trust            // nil: in the trusted key

	run    runspec.Context
	policy policy.Policy
	now    time.Time
}

// good returns a scene in which every rule that can be asked about holds.
func good() *scene {
	return &scene{
		spec: runspec.Spec{
			Version:    1,
			Repository: "acme/widgets", RepositoryID: "456789", RepositoryOwnerID: "123456",
			Ref: "refs/heads/main", SHA: commit,
			Workflow: ".github/workflows/deploy.yml", Event: "workflow_dispatch",
			Actor: "octocat", ActorID: "583231",
			Environment: "production", Stack: "staging-vpc",
			Commands: []string{"terraform init", "terraform plan"},
			Inputs:   map[string]string{"reason": "weekly", "dry": ""},
			Signer: &runspec.Signer{
				Repository: "acme/orchestrator", WorkflowRef: "acme/orchestrator/.github/workflows/sign.yml@refs/heads/main",
				RunID: "7", RunAttempt: 1, Actor: "octocat", SHA: otherCommit,
			},
		},
		claims: jose.Claims{
			Issuer: "https://github.com/acme/orchestrator", Audience: "https://github.com/acme/widgets", ID: "m9BnEr4qTTqoxd0WyHh8Zw",
			IssuedAt: start, NotBefore: start, Expires: start.Add(10 * time.Minute),
		},
		key:  trusted(),
		form: runspec.Token,
		run: runspec.Context{
			ServerURL:  "https://github.com",
			Repository: "acme/widgets", RepositoryID: "456789", RepositoryOwnerID: "123456",
			Ref: "refs/heads/main", SHA: commit,
			WorkflowRef: "acme/widgets/.github/workflows/deploy.yml@refs/heads/main", Event: "workflow_dispatch",
			Actor: "octocat", ActorID: "583231", TriggeringActor: "octocat", RunID: "42", RunAttempt: 1,
			Inputs: runspec.Inputs{Known: true, Text: map[string]string{"reason": "weekly", "token": "a.b.c"}},
		},
		policy: policy.Policy{
			Issuers: []string{"https://github.com/acme/orchestrator"}, Require: policy.DefaultRequire, TokenInput: "token",
			Expect: expectation(slices.Collect(maps.Values(expected))...),
		},
		now: start.Add(time.Minute),
	}
}

// signed returns the scene's token.
func (s *scene) signed(t *testing.T) string {
	t.Helper()
	if s.token != nil {
		return s.token(t)
	}
	token, err := jose.Sign(s.form, s.key.sign, s.filled())
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// filled returns the claims with what the scene's spec decides.
func (s *scene) filled() jose.Claims {
	claims := s.claims
	claims.Private = map[string]any{"spec": s.spec}
	if claims.Subject = s.sub; s.sub == "" {
		claims.Subject = s.spec.Subject()
	}
	return claims
}

// verify decides about the scene and checks what holds of any decision.
func (s *scene) verify(t *testing.T) (*report.Report, *policy.Verified) {
	t.Helper()
	var trust policy.Trust = trusted().verify
	if s.trust != nil {
		trust = s.trust
	}
	r, verified := policy.Verify(s.signed(t), trust, s.run, s.policy, s.now)
	if r.OK != (verified != nil) || r.OK != (r.Spec != nil) || r.OK != (r.Failure == "") {
		t.Errorf("ok is %t, failure %q, verified is %v and in the report %q", r.OK, r.Failure, verified, r.Spec)
	}
	if failed := failing(r); r.OK != (len(failed) == 0) || !r.OK && r.Failure != failed[0] {
		t.Errorf("ok is %t and failure %q, and %q fail", r.OK, r.Failure, failed)
	}
	if rules := rules(r, report.Pass, report.Fail, report.Warn); !slices.IsSorted(rules) {
		t.Errorf("the findings are not sorted by rule: %q", rules)
	}
	for _, f := range r.Findings {
		if f.Rule == "" || f.Message == "" {
			t.Errorf("a finding says nothing: %+v", f)
		}
	}
	return r, verified
}

// rules returns the rules of the findings that have one of the statuses.
func rules(r *report.Report, statuses ...report.Status) []string {
	rules := []string{}
	for _, f := range r.Findings {
		if slices.Contains(statuses, f.Status) {
			rules = append(rules, f.Rule)
		}
	}
	return rules
}

// failing returns the rules that do not hold, each once.
func failing(r *report.Report) []string {
	return slices.Compact(rules(r, report.Fail, report.Warn))
}

// wantFailing checks which rules do not hold.
func wantFailing(t *testing.T, r *report.Report, want ...string) {
	t.Helper()
	if diff := cmp.Diff(append([]string{}, want...), failing(r)); diff != "" {
		t.Errorf("failing rules (-want +got):\n%s\nfindings: %+v", diff, r.Findings)
	}
}

// raw signs header and claims as they are, with the trusted key.
func raw(t *testing.T, header, claims string) string {
	t.Helper()
	var jwk struct{ D string }
	if err := json.Unmarshal(trusted().private, &jwk); err != nil {
		t.Fatal(err)
	}
	seed, err := base64.RawURLEncoding.DecodeString(jwk.D)
	if err != nil {
		t.Fatal(err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	input := encode([]byte(header)) + "." + encode([]byte(claims))
	return input + "." + encode(ed25519.Sign(ed25519.NewKeyFromSeed(seed), []byte(input)))
}

// forged replaces a token's signature by one that nobody made.
func forged(token string) string {
	for i := len(token) - 1; ; i-- {
		if token[i] == '.' {
			return token[:i+1] + base64.RawURLEncoding.EncodeToString(make([]byte, ed25519.SignatureSize))
		}
	}
}
