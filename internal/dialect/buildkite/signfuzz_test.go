package buildkite_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/buildkite/go-pipeline"
	"github.com/buildkite/go-pipeline/signature"

	"github.com/countersign-ci/countersign/internal/dialect/buildkite"
	"github.com/countersign-ci/countersign/internal/report"
)

// passes tells whether a check found nothing wrong.
func passes(c buildkite.Checked) bool { return len(lines(c)) == 0 }

// FuzzCheckPipeline has a text be refused, or each of its command steps be judged:
// one that passes does with go-pipeline too.
func FuzzCheckPipeline(f *testing.F) {
	for _, shape := range shapes {
		f.Add(shape.text)
		f.Add(sign(f, shape.text, nil))
	}
	f.Add(sign(f, everything, nil))
	f.Fuzz(func(t *testing.T, text string) {
		o := options(t)
		c, err := buildkite.CheckPipeline("p", []byte(text), o)
		if err != nil {
			wantRefused(t, text, err, "")
			return
		}
		if len(c.Findings) == 0 {
			t.Fatal("nothing was found, not even that it passed")
		}
		end := strings.Count(text, "\n") + strings.Count(text, "\r") + strings.Count(text, "\u2028") + strings.Count(text, "\u2029") + strings.Count(text, "\u0085") + 1
		for _, finding := range c.Findings {
			if finding.Line > end || finding.Line > 0 && finding.Column < 1 {
				t.Errorf("%+v is outside", finding)
			}
		}
		if passes(c) {
			set, err := o.Keys.JWKS()
			if err != nil {
				t.Fatal(err)
			}
			p, steps := commandSteps(t, text)
			for _, s := range steps {
				if err := signature.VerifyStep(t.Context(), s, set, widgets, signature.WithEnv(p.Env.ToMap())); err != nil {
					t.Errorf("%q passes: %v", s.Command, err)
				}
			}
		}
		if signed, err := buildkite.Sign([]byte(text), buildkite.SignOptions{Key: keys(t, "EdDSA").private, RepositoryURL: widgets}); err == nil {
			o.StrictEnvironment = true
			if c, err := buildkite.CheckPipeline("p", signed, o); err != nil || !passes(c) {
				t.Errorf("signed: %v, %q\n%s", err, lines(c), signed)
			}
		} else {
			wantRefused(t, text, err, "")
		}
	})
}

// FuzzCheckJob has a job be refused, or its step be as go-pipeline says too.
func FuzzCheckJob(f *testing.F) {
	job := everythingJob(f)
	f.Add(encode(f, job))
	plain := object{"step": object{"command": "make"}, "env": object{"BUILDKITE_COMMAND": "make"}}
	f.Add(encode(f, plain))
	_, steps := commandSteps(f, sign(f, two, nil))
	f.Add(encode(f, object{"step": steps[0], "env": object{"REGION": "eu", "BUILDKITE_COMMAND": "make", "BUILDKITE_REPO": widgets}}))
	f.Add(`{"step":{"matrix":{"setup":["a"],"adjustments":[null]}},"env":{},"matrix_permutation":{"":"a"}}`)
	f.Fuzz(func(t *testing.T, job string) {
		o := options(t)
		c, err := buildkite.CheckJob([]byte(job), o)
		if err != nil {
			var e *buildkite.Error
			if !errors.As(err, &e) || e.Hint() == "" {
				t.Errorf("%v is no *Error with a hint", err)
			}
			return
		}
		if len(c.Findings) == 0 {
			t.Fatal("nothing was found, not even that it passed")
		}
		if !passes(c) {
			return
		}
		var read struct {
			Step pipeline.CommandStep
			Env  map[string]string
		}
		if err := json.Unmarshal([]byte(job), &read); err != nil {
			t.Fatal(err)
		}
		set, err := o.Keys.JWKS()
		if err != nil {
			t.Fatal(err)
		}
		if err := signature.VerifyStep(t.Context(), &read.Step, set, read.Env["BUILDKITE_REPO"], signature.WithEnv(read.Env)); err != nil {
			t.Errorf("it passes: %v", err)
		}
		o.StrictEnvironment = true
		if c, err = buildkite.CheckJob([]byte(job), o); err != nil {
			t.Error(err)
		}
		for _, finding := range c.Findings {
			if finding.Status == report.Fail && finding.Rule != report.UnsignedEnvironment {
				t.Errorf("strict: %+v", finding)
			}
		}
	})
}
