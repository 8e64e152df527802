package buildkite_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/buildkite/go-pipeline/signature"
	"github.com/google/go-cmp/cmp"

	"github.com/countersign-ci/countersign/internal/dialect/buildkite"
	"github.com/countersign-ci/countersign/internal/report"
)

// A recorder records what go-pipeline says of a signature: the payload.
type recorder struct{ payloads strings.Builder }

func (r *recorder) Debug(format string, values ...any) {
	if text, ok := strings.CutPrefix(fmt.Sprintf(format, values...), "Signed Step: "); ok {
		r.payloads.WriteString(text + "\n")
	}
}

// TestVectors goes through what the stock agent signed, and copies that were
// tampered with.
func TestVectors(t *testing.T) {
	t.Parallel()
	o := buildkite.CheckOptions{Keys: vectorKeys(t), RepositoryURL: widgets, StrictEnvironment: true}
	for _, c := range []struct {
		file string
		want []string
	}{
		{"signed-EdDSA.yml", nil},
		{"command.yml", []string{`bad-step-signature 2:5 step "test" has another signature: it, the repository's URL or a signed variable was changed, or another key signed`}},
		{"plugin-config.yml", []string{`bad-step-signature 54:9 step "deploy" has another signature: it, the repository's URL or a signed variable was changed, or another key signed`}},
		{"strip-env-field.yml", []string{`bad-step-signature 2:5 step "test" has another signature: it, the repository's URL or a signed variable was changed, or another key signed`}},
		{"pipeline.yml", []string{
			`unsigned-step 6:5 step "test" has no signature`,
			`unsigned-step 12:5 step "build" has no signature`,
			`unsigned-step 29:9 step "deploy" has no signature`,
		}},
	} {
		got := check(t, vector(t, c.file), o)
		if diff := cmp.Diff(c.want, lines(got)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.file, diff)
		}
	}
	got := check(t, vector(t, "signed-EdDSA.yml"), o)
	wantFindings := []report.Finding{
		{Rule: report.BadStepSignature, Status: report.Pass, Message: `step "test" is as it was signed`, File: "pipeline.yml", Line: 2, Column: 5},
		{Rule: report.BadStepSignature, Status: report.Pass, Message: `step "build" is as it was signed`, File: "pipeline.yml", Line: 19, Column: 5},
		{Rule: report.BadStepSignature, Status: report.Pass, Message: `step "deploy" is as it was signed`, File: "pipeline.yml", Line: 54, Column: 9},
	}
	if diff := cmp.Diff(wantFindings, got.Findings); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
	wantUnsigned := []buildkite.Unsigned{
		{Name: `step "test"`, Line: 2, Column: 5, Fields: []string{"key", "label"}},
		{Name: `step "build"`, Line: 19, Column: 5, Fields: []string{"key", "label"}},
		{Name: `step "deploy group"`, Line: 52, Column: 5, Fields: []string{"group"}},
		{Name: `step "deploy"`, Line: 54, Column: 9, Fields: []string{"label"}},
	}
	if diff := cmp.Diff(wantUnsigned, got.Unsigned); diff != "" {
		t.Errorf("unsigned (-want +got):\n%s", diff)
	}
}

// TestPayloads compares what is signed with what the stock agent signed.
func TestPayloads(t *testing.T) {
	t.Parallel()
	key, err := vectorKeys(t).JWKS()
	if err != nil {
		t.Fatal(err)
	}
	var verified, signed recorder
	p, steps := commandSteps(t, vector(t, "signed-EdDSA.yml"))
	for _, s := range steps {
		err := signature.VerifyStep(t.Context(), s, key, widgets, signature.WithEnv(p.Env.ToMap()),
			signature.WithLogger(&verified), signature.WithDebugSigning(true))
		if err != nil {
			t.Errorf("%s: %v", s.Label, err)
		}
	}
	want := vector(t, "payloads-EdDSA.txt")
	if diff := cmp.Diff(want, verified.payloads.String()); diff != "" {
		t.Errorf("of the stock agent's (-want +got):\n%s", diff)
	}
	// What Sign makes of the same pipeline.
	p, steps = commandSteps(t, sign(t, vector(t, "pipeline.yml"), nil))
	set, err := keys(t, "EdDSA").public.JWKS()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range steps {
		err := signature.VerifyStep(t.Context(), s, set, widgets, signature.WithEnv(p.Env.ToMap()),
			signature.WithLogger(&signed), signature.WithDebugSigning(true))
		if err != nil {
			t.Errorf("%s: %v", s.Label, err)
		}
	}
	if diff := cmp.Diff(want, signed.payloads.String()); diff != "" {
		t.Errorf("of what Sign made (-want +got):\n%s", diff)
	}
}

// TestSignedText compares what Sign prints with what the stock agent printed.
func TestSignedText(t *testing.T) {
	t.Parallel()
	values := func(text string) string {
		var kept []string
		for line := range strings.Lines(text) {
			if !strings.Contains(line, " value: eyJ") {
				kept = append(kept, line)
			}
		}
		return strings.Join(kept, "")
	}
	if diff := cmp.Diff(values(vector(t, "signed-EdDSA.yml")), values(sign(t, vector(t, "pipeline.yml"), nil))); diff != "" {
		t.Errorf("(-stock +ours):\n%s", diff)
	}
}

func TestJobVectors(t *testing.T) {
	t.Parallel()
	o := buildkite.CheckOptions{Keys: vectorKeys(t)}
	job := func(file string, o buildkite.CheckOptions) buildkite.Checked {
		t.Helper()
		c, err := buildkite.CheckJob([]byte(vector(t, file)), o)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	wantRules(t, "ok-test.json", job("ok-test.json", o))
	wantRules(t, "bad-repo.json", job("bad-repo.json", o), report.BadStepSignature)
	o.RepositoryURL = widgets
	wantRules(t, "ok-test.json, expected", job("ok-test.json", o))
	wantRules(t, "bad-repo.json, expected", job("bad-repo.json", o), report.JobMismatch, report.BadStepSignature)
}
