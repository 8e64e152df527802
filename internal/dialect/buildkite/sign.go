package buildkite

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/buildkite/go-pipeline"
	"github.com/buildkite/go-pipeline/signature"
	"github.com/buildkite/go-pipeline/warning"
	"github.com/buildkite/interpolate"
	"gopkg.in/yaml.v3"

	"github.com/countersign-ci/countersign/internal/jose"
	"github.com/countersign-ci/countersign/internal/report"
)

// Algorithms are those that Buildkite's agent takes for steps.
var Algorithms = []string{"EdDSA", "ES512", "PS512"}

// A Binding is a variable of a build that a signature can cover although it is not
// in the pipeline.
type Binding struct{ Name, Variable string }

// Bindings are all of them.
var Bindings = []Binding{
	{"commit", commit},
	{"branch", branch},
	{"build", build},
	{"pipeline", "BUILDKITE_PIPELINE_ID"},
}

// SignOptions say with what a pipeline is signed, and for what.
type SignOptions struct {
	Key           *jose.SigningKey
	RepositoryURL string // exactly as the pipeline's settings have it: the job's BUILDKITE_REPO
	// Bound are variables of the build and their values, such as BUILDKITE_COMMIT
	// with a full commit id. The steps are then for builds with these values alone.
	Bound map[string]string
}

// Sign signs each command step of a pipeline, in groups too, and returns the
// pipeline as `buildkite-agent tool sign` prints it: YAML with two spaces a level,
// without comments, anchors and merges, plugins by their full names, `commands` as
// one `command`. Errors are of type *PipelineError, or *jose.KeyError.
//
// As with the stock tool:
//   - A signature takes the place of one that is there.
//   - The pipeline's secrets are added to its steps. The stock tool leaves out those
//     in groups.
//   - A list is a pipeline of these steps, and is printed as one with `steps`.
//   - A pipeline without command steps is printed and nothing is signed.
//   - A step of unknown type is refused.
//   - $VAR, ${VAR} and $$VAR are refused wherever they stand, in a comment too: the
//     agent replaces them while it uploads, which is after the signature, so no step
//     would be what was signed. Whoever signs replaces them before.
//
// Unlike it Sign refuses an empty text with a hint, a second document, which the
// stock tool drops, a name that stands there twice, a step with both `command` and
// `commands`, steps in anything but a group, numbers of 2^53 or more in what is
// signed, and what is read otherwise once it is printed.
//
// What is bound is signed as if it were in the pipeline's `env`, and is not written
// there. The agent takes such a value from the job. It is to upload a pipeline that
// is signed with --no-interpolation.
func Sign(text []byte, o SignOptions) ([]byte, error) {
	key, err := o.check()
	if err != nil {
		return nil, err
	}
	if err := noInterpolation(string(text)); err != nil {
		return nil, err
	}
	d, err := parse(text)
	if err != nil {
		return nil, err
	}
	if err := d.signable(o.Bound); err != nil {
		return nil, err
	}
	for _, s := range d.steps {
		if s.command != nil {
			s.command.MergeSecretsFromPipeline(d.pipeline.Secrets)
		}
	}
	err = signature.SignSteps(context.Background(), d.pipeline.Steps, key, o.RepositoryURL,
		signature.WithEnv(with(d.pipeline.Env.ToMap(), o.Bound)))
	if err != nil {
		return nil, &PipelineError{Reason: fmt.Sprintf("the pipeline cannot be signed: %.300v", err), Advice: advicePipeline}
	}
	var signed bytes.Buffer
	encoder := yaml.NewEncoder(&signed)
	encoder.SetIndent(2)
	if err := encoder.Encode(d.pipeline); err != nil {
		return nil, unwritable(err)
	}
	if err := encoder.Close(); err != nil {
		return nil, unwritable(err)
	}
	// What was written as "\x24VAR" is $VAR now.
	if err := noInterpolation(signed.String()); err != nil {
		return nil, err
	}
	if err := d.sameAs(signed.Bytes()); err != nil {
		return nil, err
	}
	return signed.Bytes(), nil
}

// sameAs checks that what is printed is read as what was signed. go-pipeline reads
// some odd pipelines, such as a matrix without setup, otherwise than it printed them.
func (d *document) sameAs(text []byte) error {
	again, err := pipeline.Parse(bytes.NewReader(text))
	if err != nil && warning.As(err) == nil {
		return unwritable(err)
	}
	signed, err := json.Marshal(d.pipeline)
	if err != nil { // it cannot be uploaded either
		return unwritable(err)
	}
	if read, err := json.Marshal(again); err != nil || !bytes.Equal(signed, read) {
		return &PipelineError{Reason: "the pipeline is read as another one when it is printed", Advice: advicePipeline}
	}
	return nil
}

func unwritable(err error) error {
	return &PipelineError{Reason: fmt.Sprintf("the pipeline cannot be written: %.300v", err), Advice: advicePipeline}
}

// check returns the key as go-pipeline takes it.
func (o SignOptions) check() (signature.Key, error) {
	if !slices.Contains(Algorithms, o.Key.Algorithm()) {
		return nil, &jose.KeyError{
			Reason: fmt.Sprintf("the key is for %s, which Buildkite's agent does not take", o.Key.Algorithm()),
			Advice: "steps are signed with EdDSA, ES512 or PS512; `countersign keygen --alg EdDSA` makes a pair",
		}
	}
	if o.RepositoryURL == "" {
		return nil, &PipelineError{
			Reason: "the repository's URL is empty",
			Advice: "give it as the pipeline's settings have it, which jobs get as BUILDKITE_REPO",
		}
	}
	for _, variable := range slices.Sorted(maps.Keys(o.Bound)) {
		value := o.Bound[variable]
		known := slices.ContainsFunc(Bindings, func(b Binding) bool { return b.Variable == variable })
		switch {
		case !known:
			return nil, &PipelineError{Reason: fmt.Sprintf("%.60q is no variable that steps can be bound to", variable), Advice: "bind commit, branch, build or pipeline"}
		case variable == commit && !fullCommit.MatchString(value):
			return nil, &PipelineError{
				Reason: "the commit to bind the steps to is no full commit id",
				Advice: "HEAD and short ids stand for another commit later; take the one that `git rev-parse HEAD` prints",
			}
		case value == "":
			return nil, &PipelineError{Reason: variable + " is empty, so the steps cannot be bound to it", Advice: "sign in a build that has it, or bind something else"}
		}
	}
	return o.Key.JWK()
}

func noInterpolation(text string) error {
	const advice = "the agent would replace them after the signature: replace them before you sign, and upload with --no-interpolation"
	names, err := interpolate.Identifiers(text)
	switch {
	case err != nil:
		return &PipelineError{Reason: fmt.Sprintf("the pipeline has a variable to be replaced that cannot be read: %.200v", err), Advice: advice}
	case len(names) > 0:
		slices.Sort(names)
		list := strings.Join(slices.Compact(names), ", $")
		return &PipelineError{Reason: fmt.Sprintf("the pipeline has variables to be replaced: $%.200s", list), Advice: advice}
	}
	return nil
}

// signable refuses what must not be signed.
func (d *document) signable(bound map[string]string) error {
	for _, s := range d.steps {
		if reason := s.unknown(); reason != "" {
			return at(s.node, s.name+" "+reason, "remove or correct the step")
		}
		if s.command == nil {
			continue
		}
		if n := s.unsafe(); n != nil {
			return unsafeAt(n, s.name)
		}
		for variable := range s.command.Env {
			if _, ok := bound[variable]; ok {
				return at(s.node, fmt.Sprintf("%s sets %s, which it is to be bound to", s.name, variable), "remove it from the step's `env`: Buildkite sets it")
			}
		}
	}
	for _, v := range d.env {
		if _, ok := bound[v.name]; ok {
			return at(v.key, fmt.Sprintf("the pipeline sets %s, which the steps are to be bound to", v.name), "remove it from `env`: Buildkite sets it")
		}
		if n := unsafeNumber(v.value); n != nil {
			return unsafeAt(n, "the pipeline's env")
		}
	}
	return nil
}

func at(n *yaml.Node, reason, advice string) *PipelineError {
	return &PipelineError{Reason: reason, Advice: advice, Line: n.Line, Column: n.Column}
}

func unsafeAt(n *yaml.Node, where string) *PipelineError {
	e := at(n, unsafeReason(where, n.Value), "write it as a text, in quotes")
	e.Rule = report.UnsafeInteger
	return e
}

func unsafeReason(where, number string) string {
	return fmt.Sprintf("%s has the number %.40s; from 2^53 on several numbers have one signature", where, number)
}

// with returns a map with what is in both; the second one wins.
func with(a, b map[string]string) map[string]string {
	all := make(map[string]string, len(a)+len(b))
	maps.Copy(all, a)
	maps.Copy(all, b)
	return all
}
