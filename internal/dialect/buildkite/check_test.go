package buildkite_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"maps"
	"strings"
	"testing"

	"github.com/buildkite/go-pipeline/signature"
	"github.com/google/go-cmp/cmp"

	"github.com/countersign-ci/countersign/internal/dialect/buildkite"
	"github.com/countersign-ci/countersign/internal/jose"
	"github.com/countersign-ci/countersign/internal/report"
)

// two is a pipeline with two steps that differ in their command alone.
const two = `env:
  REGION: eu
steps:
  - key: build
    command: make
  - key: test
    command: make test
`

const changed = " has another signature: it, the repository's URL or a signed variable was changed, or another key signed"

// TestTampered changes a signed pipeline in ways that leave it a pipeline.
func TestTampered(t *testing.T) {
	t.Parallel()
	signed := sign(t, two, nil)
	_, steps := commandSteps(t, signed)
	first, second := steps[0].Signature.Value, steps[1].Signature.Value
	o := options(t)
	o.StrictEnvironment = true
	header, bytes, _ := strings.Cut(first, "..")
	const fields = "      signed_fields:\n        - command\n"
	other, twoKeys := newKeys(t, "EdDSA"), newKeys(t, "ES512")
	for _, c := range []struct {
		what, text string
		want       []string
	}{
		{"nothing", signed, nil},
		{"the command", swap(t, signed, "command: make\n", "command: make all\n"), []string{`bad-step-signature 2:5 step "build"` + changed}},
		{"signatures swapped", strings.NewReplacer(first, second, second, first).Replace(signed), []string{`bad-step-signature 2:5 step "build"` + changed, `bad-step-signature 14:5 step "test"` + changed}},
		{"one signature for both", strings.Replace(signed, second, first, 1), []string{`bad-step-signature 14:5 step "test"` + changed}},
		{"no signature", signed[:strings.Index(signed, "    signature:")] + signed[strings.Index(signed, "  - key: test"):], []string{`unsigned-step 2:5 step "build" has no signature`}},
		{"an empty signature", signed[:strings.Index(signed, "    signature:")] + "    signature: {}\n" + signed[strings.Index(signed, "  - key: test"):], []string{`bad-step-signature 2:5 step "build" has a signature that does not cover command`}},
		{"a field dropped", strings.Replace(signed, fields, "      signed_fields:\n", 1), []string{`bad-step-signature 2:5 step "build" has a signature that does not cover command`}},
		{"a variable dropped", strings.Replace(signed, "        - env::REGION\n", "", 1), []string{`bad-step-signature 2:5 step "build"` + changed}},
		{"a field twice", strings.Replace(signed, fields, fields+"        - command\n", 1), []string{`bad-step-signature 2:5 step "build" has a signature with the field "command" twice`}},
		{"a field that is not known", strings.Replace(signed, fields, fields+"        - agents\n", 1), []string{`bad-step-signature 2:5 step "build" has a signature over the field "agents", which is not known here`}},
		{"a field by its other name", strings.Replace(signed, fields, "      signed_fields:\n        - commands\n", 1), []string{`bad-step-signature 2:5 step "build" has a signature over the field "commands", which is not known here`}},
		{"a variable that is not there", strings.Replace(signed, fields, fields+"        - env::OTHER\n", 1), []string{`bad-step-signature 2:5 step "build" is signed for a value of "OTHER", which is not there`}},
		{"a value of the pipeline's env", swap(t, signed, "REGION: eu", "REGION: us"), []string{`bad-step-signature 2:5 step "build"` + changed, `bad-step-signature 14:5 step "test"` + changed}},
		{"a variable more", signed + "  LD_PRELOAD: a\n", []string{
			`unsigned-environment 28:3 the signature of step "build" does not cover "LD_PRELOAD" of the pipeline's env`,
			`unsigned-environment 28:3 the signature of step "test" does not cover "LD_PRELOAD" of the pipeline's env`,
		}},
		{"secrets", swap(t, signed, "    command: make\n", "    command: make\n    secrets: [A]\n"), []string{`bad-step-signature 2:5 step "build" has a signature that does not cover secrets`}},
		{"a checkout", swap(t, signed, "    command: make\n", "    command: make\n    checkout: {skip: true}\n"), []string{`bad-step-signature 2:5 step "build" has a signature that does not cover checkout`}},
		{"a number", swap(t, signed, "    command: make\n", "    command: make\n    plugins: [{a: 9007199254740993}]\n"), []string{`unsafe-integer 4:19 step "build" has the number 9007199254740993; from 2^53 on several numbers have one signature`}},
		{"a second command", swap(t, signed, "    command: make\n", "    commands: make\n    command: make all\n"), []string{`bad-step-signature 2:5 step "build" has both command and commands, so it is not known which of them runs`}},
		{"another type", swap(t, signed, "    command: make\n", "    command: make all\n    type: wait\n"), []string{`unsigned-step 2:5 step "build" has a command or plugins, and its type is one that is not signed`}},
		{"steps in a step that is no group", swap(t, signed, "steps:\n", "steps:\n  - type: wait\n    steps: [{command: make}]\n"), []string{"unsigned-step 2:5 step 1 has steps and is not a group, so it is not known whether they run"}},
		{"an unknown step", swap(t, signed, "steps:\n", "steps:\n  - other\n"), []string{"unsigned-step 2:5 step 1 is of no known type, so it is not known what of it must be signed"}},
		{"the algorithm", strings.Replace(signed, "algorithm: EdDSA", "algorithm: ES512", 1), []string{`bad-step-signature 2:5 step "build" is signed with another algorithm than EdDSA, which is the key's`}},
		{"no signature bytes", strings.Replace(signed, bytes, "", 1), []string{`bad-step-signature 2:5 step "build"` + changed}},
		{"white space", strings.Replace(signed, "value: "+first, `value: "`+first+`\n"`, 1), []string{`bad-step-signature 2:5 step "build" has a signature that is not in the form of one`}},
		{"a payload", strings.Replace(signed, first, header+".e30."+bytes, 1), []string{`bad-step-signature 2:5 step "build" has a signature that is not in the form of one`}},
		{"other base64", strings.Replace(signed, bytes, bytes+"==", 1), []string{`bad-step-signature 2:5 step "build" has a signature that is not in the form of one`}},
		{"no JSON", strings.Replace(signed, header, "e30x", 1), []string{`bad-step-signature 2:5 step "build" has a signature that is not in the form of one`}},
		{"an empty header", strings.Replace(signed, header, "e30", 1), []string{`bad-step-signature 2:5 step "build" has a signature whose header is not made of alg and kid alone`}},
	} {
		if diff := cmp.Diff(c.want, lines(check(t, c.text, o))); diff != "" {
			t.Errorf("%s (-want +got):\n%s%s", c.what, diff, c.text)
		}
	}
	// The keys to check with.
	id := keys(t, "EdDSA").private.ID()
	for _, c := range []struct {
		what string
		keys *jose.VerifyingKeys
		want string
	}{
		{"another key", other.public, ` is signed with the key "` + id + `", which is not among those to check with`},
		{"another key of that kid", verifyingKeys(t, swap(t, other.text, other.private.ID(), id)), changed},
		{"another type of key with that kid", verifyingKeys(t, swap(t, twoKeys.text, twoKeys.private.ID(), id)), " is signed with another algorithm than ES512, which is the key's"},
		{"a key that the agent does not take", verifyingKeys(t, swap(t, keys(t, "RS256").text, keys(t, "RS256").private.ID(), id)), " is signed with a key for RS256, which Buildkite's agent does not take"},
	} {
		got := check(t, signed, buildkite.CheckOptions{Keys: c.keys, RepositoryURL: widgets})
		want := []string{`bad-step-signature 2:5 step "build"` + c.want, `bad-step-signature 14:5 step "test"` + c.want}
		if diff := cmp.Diff(want, lines(got)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.what, diff)
		}
	}
	o.RepositoryURL = "https://github.com/acme/gadgets.git"
	wantRules(t, "another repository", check(t, signed, o), report.BadStepSignature, report.BadStepSignature)
}

// TestHeader has a signature that holds have a header of each kind.
func TestHeader(t *testing.T) {
	t.Parallel()
	pair := keys(t, "EdDSA")
	set, err := pair.public.JWKS()
	if err != nil {
		t.Fatal(err)
	}
	signed := sign(t, "steps: [{command: make}]", nil)
	_, steps := commandSteps(t, signed)
	var r recorder
	err = signature.VerifyStep(t.Context(), steps[0], set, widgets, signature.WithLogger(&r), signature.WithDebugSigning(true))
	if err != nil {
		t.Fatal(err)
	}
	payload, _, _ := strings.Cut(r.payloads.String(), " checksum: ")
	id := pair.private.ID()
	const open = " has a signature whose header is not made of alg and kid alone"
	const form = " has a signature that is not in the form of one"
	for _, c := range []struct{ header, want string }{
		{`{"alg":"EdDSA","kid":"` + id + `"}`, ""},
		{`{"kid": "` + id + `", "alg": "EdDSA"}`, ""},
		{`{"alg":"ES512","kid":"` + id + `"}`, " is signed with another algorithm than EdDSA, which is the key's"},
		{`{"alg":"none","kid":"` + id + `"}`, " is signed with another algorithm than EdDSA, which is the key's"},
		{`{"alg":"EdDSA","kid":"` + id + `","jku":"https://example.com"}`, open},
		{`{"alg":"EdDSA","kid":"` + id + `","crit":[]}`, open},
		{`{"alg":"EdDSA","kid":["` + id + `"]}`, open},
		{`{"alg":"EdDSA","KID":"` + id + `"}`, open},
		{`{"alg":"EdDSA"}`, open},
		{`{"alg":"EdDSA","kid":"` + id + `","kid":"` + id + `"}`, form},
		{`[]`, form},
		{`{"alg":"EdDSA","kid":"other"}`, ` is signed with the key "other", which is not among those to check with`},
	} {
		encode := base64.RawURLEncoding.EncodeToString
		input := encode([]byte(c.header)) + "." + encode([]byte(payload))
		value := encode([]byte(c.header)) + ".." + encode(ed25519.Sign(ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)), []byte(input)))
		var want []string
		if c.want != "" {
			want = []string{"bad-step-signature 2:5 step 1" + c.want}
		}
		got := check(t, strings.Replace(signed, steps[0].Signature.Value, value, 1), options(t))
		if diff := cmp.Diff(want, lines(got)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.header, diff)
		}
	}
}

// Keys that are secrets cannot be handed over.
func TestSecretKey(t *testing.T) {
	t.Parallel()
	secret, err := jose.SecretVerifyingKey([]byte(strings.Repeat("s", 64)), "HS512")
	if err != nil {
		t.Fatal(err)
	}
	var e *jose.KeyError
	if _, err := buildkite.CheckPipeline("a", []byte(two), buildkite.CheckOptions{Keys: secret}); !errors.As(err, &e) {
		t.Errorf("a pipeline: %v", err)
	}
	if _, err := buildkite.CheckJob([]byte(`{"env":{},"step":{}}`), buildkite.CheckOptions{Keys: secret}); !errors.As(err, &e) {
		t.Errorf("a job: %v", err)
	}
}

func TestCheckRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ text, want string }{
		{"", "the pipeline is empty"},
		{"make", "the pipeline cannot be read"},
		{"steps: [a", "the pipeline is not YAML"},
		{"steps: []\n---\nsteps: [{command: make}]", "line 2, column 1: the text goes on after the pipeline"},
		{"steps: [{command: make, command: other}]", "stands there twice"},
	} {
		got, err := buildkite.CheckPipeline("a", []byte(c.text), options(t))
		wantRefused(t, c.text, err, c.want)
		if len(got.Findings) > 0 {
			t.Errorf("%q: findings with an error: %v", c.text, got.Findings)
		}
	}
}

// Without strict environment a variable that nobody signed is noted.
func TestUnsigned(t *testing.T) {
	t.Parallel()
	signed := sign(t, shapes["all other"].text, nil) + "  LD_PRELOAD: a\n"
	signed = swap(t, signed, "agents:\n  queue: deploy\n", "")
	signed = "agents: {queue: deploy}\n" + signed
	signed = strings.Replace(signed, "env:\n  REGION: eu", "env:\n  LD_PRELOAD: a\n  REGION: eu", 1)
	signed = strings.TrimSuffix(signed, "  LD_PRELOAD: a\n")
	got := check(t, signed, options(t))
	wantRules(t, "not strict", got)
	fields := map[string][]string{}
	for _, u := range got.Unsigned {
		fields[u.Name] = u.Fields
		if u.Line == 0 || u.Column == 0 {
			t.Errorf("%s has no place", u.Name)
		}
	}
	want := map[string][]string{
		"the pipeline": {"agents"},
		`step "build"`: {"key", "label", "cache", "agents", "artifact_paths", "depends_on", "if", "soft_fail", "timeout_in_minutes", "env::LD_PRELOAD"},
		"step 3":       {"continue_on_failure"},
		`step "gate"`:  {"block", "key"},
		"step 5":       {"build", "trigger"},
		"step 7":       {"type", "env::LD_PRELOAD"},
	}
	if diff := cmp.Diff(want, fields); diff != "" {
		t.Errorf("unsigned (-want +got):\n%s", diff)
	}
	if got := check(t, sign(t, "steps: [{command: make}, wait]", nil), options(t)); len(got.Unsigned) > 0 {
		t.Errorf("unsigned in a step with nothing but a command: %v", got.Unsigned)
	}
}

// What is merged into a step is of the step.
func TestUnsignedMerged(t *testing.T) {
	t.Parallel()
	got := check(t, "steps:\n- <<: {label: a, if: b}\n  command: make\n  key: c\n", options(t))
	want := []buildkite.Unsigned{{Name: `step "c"`, Line: 2, Column: 3, Fields: []string{"key", "label", "if"}}}
	if diff := cmp.Diff(want, got.Unsigned); diff != "" {
		t.Errorf("unsigned (-want +got):\n%s", diff)
	}
}

// TestBound has a pipeline be for one commit and branch.
func TestBound(t *testing.T) {
	t.Parallel()
	commit, other := strings.Repeat("a", 40), strings.Repeat("b", 40)
	bound := map[string]string{"BUILDKITE_COMMIT": commit, "BUILDKITE_BRANCH": "main"}
	signed, unbound := sign(t, two, bound), sign(t, two, nil)
	bad := []string{report.BadStepSignature, report.BadStepSignature}
	for _, c := range []struct {
		what, text       string
		variable, value  string
		want             []string
		withoutTheOthers bool
	}{
		{what: "the same", text: signed},
		{what: "another commit", text: signed, variable: "BUILDKITE_COMMIT", value: other, want: bad},
		{what: "HEAD", text: signed, variable: "BUILDKITE_COMMIT", value: "HEAD", want: bad},
		{what: "another branch", text: signed, variable: "BUILDKITE_BRANCH", value: "other", want: bad},
		{what: "a build too", text: signed, variable: "BUILDKITE_BUILD_ID", value: "1", want: bad},
		{what: "not expected", text: signed, withoutTheOthers: true, want: bad},
		{what: "not bound", text: unbound, want: bad},
		{what: "written into the pipeline", text: swap(t, unbound, "REGION: eu", "REGION: eu\n  BUILDKITE_BRANCH: main\n  BUILDKITE_COMMIT: "+commit), want: bad},
		{what: "another one written into the pipeline", text: swap(t, signed, "REGION: eu", "REGION: eu\n  BUILDKITE_COMMIT: "+commit), variable: "BUILDKITE_COMMIT", value: other, want: append(bad, bad[0])},
		{what: "another one written into the pipeline than expected", text: swap(t, signed, "REGION: eu", "REGION: eu\n  BUILDKITE_COMMIT: "+other), want: bad[:1]},
		{what: "the same one written into the pipeline", text: swap(t, signed, "REGION: eu", "REGION: eu\n  BUILDKITE_COMMIT: "+commit)},
	} {
		o := options(t)
		if !c.withoutTheOthers {
			o.Bound = maps.Clone(bound)
			if c.variable != "" {
				o.Bound[c.variable] = c.value
			}
		}
		wantRules(t, c.what, check(t, c.text, o), c.want...)
	}
}
