package buildkite_test

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/buildkite/go-pipeline"
	"github.com/buildkite/go-pipeline/warning"
	"gopkg.in/yaml.v3"

	"github.com/countersign-ci/countersign/internal/dialect/buildkite"
	"github.com/countersign-ci/countersign/internal/jose"
	"github.com/countersign-ci/countersign/internal/report"
)

const widgets = "https://github.com/acme/widgets.git"

// vector reads a file of the test vectors, or skips where there are none at all.
func vector(t testing.TB, name string) string {
	t.Helper()
	dir := filepath.Join("..", "..", "..", "..", "shared", "vectors")
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		t.Skipf("the test vectors are absent: there is no folder %s", dir)
	}
	text, err := os.ReadFile(filepath.Join(dir, "buildkite", name))
	if err != nil {
		t.Fatal(err)
	}
	if len(text) == 0 {
		t.Fatalf("%s is empty", name)
	}
	return string(text)
}

// vectorKeys are the keys of the vectors.
func vectorKeys(t testing.TB) *jose.VerifyingKeys {
	t.Helper()
	return verifyingKeys(t, vector(t, "EdDSA-public.json"))
}

func verifyingKeys(t testing.TB, text string) *jose.VerifyingKeys {
	t.Helper()
	keys, err := jose.ParseVerifyingKeys([]byte(text), "")
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// A pairOfKeys is a key pair.
type pairOfKeys struct {
	private *jose.SigningKey
	public  *jose.VerifyingKeys
	text    string // the public key
}

var (
	keysMu  sync.Mutex
	keyPool = map[string]pairOfKeys{}
)

// keys returns the one pair for an algorithm that all tests share. That for EdDSA is
// always the same, for a fuzzer's workers each have their own memory.
func keys(t testing.TB, algorithm string) pairOfKeys {
	t.Helper()
	keysMu.Lock()
	defer keysMu.Unlock()
	if _, ok := keyPool[algorithm]; !ok && algorithm == "EdDSA" {
		keyPool[algorithm] = fixedKeys(t)
	} else if !ok {
		keyPool[algorithm] = newKeys(t, algorithm)
	}
	return keyPool[algorithm]
}

func fixedKeys(t testing.TB) pairOfKeys {
	t.Helper()
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	signing, err := jose.ParseSigningKey(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), "")
	if err != nil {
		t.Fatal(err)
	}
	text := string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}))
	return pairOfKeys{signing, verifyingKeys(t, text), text}
}

func newKeys(t testing.TB, algorithm string) pairOfKeys {
	t.Helper()
	private, public, _, err := jose.Generate(algorithm)
	if err != nil {
		t.Fatal(err)
	}
	key, err := jose.ParseSigningKey(private, "")
	if err != nil {
		t.Fatal(err)
	}
	return pairOfKeys{key, verifyingKeys(t, string(public)), string(public)}
}

// sign signs a pipeline for widgets with EdDSA.
func sign(t testing.TB, text string, bound map[string]string) string {
	t.Helper()
	signed, err := buildkite.Sign([]byte(text), buildkite.SignOptions{Key: keys(t, "EdDSA").private, RepositoryURL: widgets, Bound: bound})
	if err != nil {
		t.Fatal(err)
	}
	return string(signed)
}

// options are what pipelines from sign are checked with.
func options(t testing.TB) buildkite.CheckOptions {
	t.Helper()
	return buildkite.CheckOptions{Keys: keys(t, "EdDSA").public, RepositoryURL: widgets}
}

// check checks a pipeline that can be read.
func check(t testing.TB, text string, o buildkite.CheckOptions) buildkite.Checked {
	t.Helper()
	c, err := buildkite.CheckPipeline("pipeline.yml", []byte(text), o)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return c
}

// lines returns findings that are no pass as lines "rule line:column message", of
// a job "rule message".
func lines(c buildkite.Checked) []string {
	var all []string
	for _, f := range c.Findings {
		if f.Status == report.Pass {
			continue
		}
		place := ""
		if f.Line > 0 {
			place = fmt.Sprintf("%d:%d ", f.Line, f.Column)
		}
		all = append(all, f.Rule+" "+place+f.Message)
	}
	return all
}

// wantRules checks the rules that fail, in order; none is a check that passes.
func wantRules(t testing.TB, what string, c buildkite.Checked, rules ...string) {
	t.Helper()
	var got []string
	passed := false
	for _, f := range c.Findings {
		if f.Status == report.Pass {
			passed = true
		} else {
			got = append(got, f.Rule)
		}
	}
	if !slices.Equal(got, rules) || len(rules) == 0 && !passed {
		t.Errorf("%s: %q, want the rules %q", what, lines(c), rules)
	}
}

// wantRefused checks that a pipeline cannot be handled, and why.
func wantRefused(t testing.TB, what string, err error, want string) *buildkite.PipelineError {
	t.Helper()
	var e *buildkite.PipelineError
	if !errors.As(err, &e) || e.Hint() == "" {
		t.Errorf("%.200q: %v, want a *PipelineError with a hint", what, err)
		return &buildkite.PipelineError{}
	}
	if !strings.Contains(err.Error(), want) {
		t.Errorf("%.200q:\n got %q\nwant %q", what, err, want)
	}
	return e
}

// swap replaces the one place of a text.
func swap(t testing.TB, text, old, replacement string) string {
	t.Helper()
	if n := strings.Count(text, old); n != 1 {
		t.Fatalf("%q stands there %d times:\n%s", old, n, text)
	}
	return strings.Replace(text, old, replacement, 1)
}

// commandSteps returns the command steps of a pipeline as go-pipeline reads it.
func commandSteps(t testing.TB, text string) (*pipeline.Pipeline, []*pipeline.CommandStep) {
	t.Helper()
	p, err := pipeline.Parse(strings.NewReader(text))
	if err != nil && warning.As(err) == nil {
		t.Fatal(err)
	}
	var all []*pipeline.CommandStep
	var walk func(pipeline.Steps)
	walk = func(steps pipeline.Steps) {
		for _, s := range steps {
			switch s := s.(type) {
			case *pipeline.CommandStep:
				all = append(all, s)
			case *pipeline.GroupStep:
				walk(s.Steps)
			}
		}
	}
	walk(p.Steps)
	return p, all
}

// An object is JSON to change.
type object = map[string]any

// encode returns a value as JSON.
func encode(t testing.TB, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// tree reads YAML into plain values.
func tree(t testing.TB, text string) object {
	t.Helper()
	var o object
	if err := yaml.Unmarshal([]byte(text), &o); err != nil {
		t.Fatal(err)
	}
	return o
}
