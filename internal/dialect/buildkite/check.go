package buildkite

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/buildkite/go-pipeline"
	"github.com/buildkite/go-pipeline/signature"
	"gopkg.in/yaml.v3"

	"github.com/countersign-ci/countersign/internal/jose"
	"github.com/countersign-ci/countersign/internal/report"
)

// CheckOptions say what a pipeline or a job is checked with and against.
type CheckOptions struct {
	Keys *jose.VerifyingKeys
	// RepositoryURL is what the steps must be signed for. A job has one of its own:
	// there it is what that must be, and empty leaves it to the signature.
	RepositoryURL string
	// Bound are variables of the build that each step must be bound to, with the
	// values that they must have, such as BUILDKITE_COMMIT.
	Bound map[string]string
	// StrictEnvironment refuses variables that nobody signed: of a job those in
	// [Steering], of a pipeline all.
	StrictEnvironment bool
}

// Checked is what a check found.
type Checked struct {
	// Findings are the failures, and one that passed for each thing in order. They
	// have a place where a pipeline was checked.
	Findings []report.Finding
	// Unsigned are what no signature covers, in the order of the steps.
	Unsigned []Unsigned
}

// Unsigned are fields of a step, or of the pipeline, that no signature covers, by
// name, and variables of the pipeline's `env` as env::NAME.
type Unsigned struct {
	Name         string // such as step "test", or the pipeline
	Line, Column int    // both from 1; 0 for a job
	Fields       []string
}

// add adds a finding at a place, which may be none.
func (c *Checked) add(rule string, status report.Status, file string, n *yaml.Node, message string) {
	f := report.Finding{Rule: rule, Status: status, Message: message, File: file}
	if n != nil {
		f.Line, f.Column = n.Line, n.Column
	}
	c.Findings = append(c.Findings, f)
}

// CheckPipeline checks the signature of each command step of a pipeline, in groups
// too. The name is that of its file, for the findings. A pipeline without command
// steps passes, for this format signs nothing else. An error, of type
// *PipelineError or *jose.KeyError, is a pipeline that cannot be read, or keys that
// are none.
func CheckPipeline(name string, text []byte, o CheckOptions) (Checked, error) {
	v, err := newVerifier(o.Keys)
	if err != nil {
		return Checked{}, err
	}
	d, err := parse(text)
	if err != nil {
		return Checked{}, err
	}
	var c Checked
	if fields := unsignedFields(d.fields, "steps", fieldEnv); len(fields) > 0 {
		c.Unsigned = append(c.Unsigned, Unsigned{"the pipeline", d.fields[0].key.Line, d.fields[0].key.Column, fields})
	}
	written := d.pipeline.Env.ToMap()
	for _, variable := range d.env {
		if n := unsafeNumber(variable.value); n != nil {
			c.add(report.UnsafeInteger, report.Fail, name, n, unsafeReason("the pipeline's env", n.Value))
		}
		// The signatures are checked with the value that is expected.
		if value, ok := o.Bound[variable.name]; ok && value != written[variable.name] {
			c.add(report.BadStepSignature, report.Fail, name, variable.key, "the pipeline sets another "+variable.name+" than expected")
		}
	}
	signed := 0
	env := with(written, o.Bound)
	for _, s := range d.steps {
		if reason := s.unknown(); reason != "" {
			rule := report.UnsignedStep
			if s.command != nil && s.command.Signature != nil {
				rule = report.BadStepSignature
			}
			c.add(rule, report.Fail, name, s.node, s.name+" "+reason)
			continue
		}
		c.note(d, &s)
		if s.command == nil {
			continue
		}
		signed++
		c.checkStep(name, d, &s, v, env, o)
	}
	if signed == 0 && len(c.Findings) == 0 {
		c.add(report.UnsignedStep, report.Pass, name, nil, "no step runs a command, so there is nothing to sign")
	}
	return c, nil
}

// checkStep checks a command step.
func (c *Checked) checkStep(file string, d *document, s *step, v *verifier, env map[string]string, o CheckOptions) {
	switch {
	case s.unsafe() != nil:
		n := s.unsafe()
		c.add(report.UnsafeInteger, report.Fail, file, n, unsafeReason(s.name, n.Value))
		return
	case s.command.Signature == nil:
		c.add(report.UnsignedStep, report.Fail, file, s.node, s.name+" has no signature")
		return
	}
	reason := v.verify(s.command, o.RepositoryURL, env)
	if reason == "" {
		reason = unbound(s.command, o.Bound)
	}
	if reason != "" {
		c.add(report.BadStepSignature, report.Fail, file, s.node, s.name+" "+reason)
		return
	}
	passed, covered := true, covered(s.command)
	for _, variable := range d.env {
		if o.StrictEnvironment && !covered[variable.name] {
			passed = false
			c.add(report.UnsignedEnvironment, report.Fail, file, variable.key, fmt.Sprintf("the signature of %s does not cover %.60q of the pipeline's env", s.name, variable.name))
		}
	}
	if passed {
		c.add(report.BadStepSignature, report.Pass, file, s.node, s.name+" is as it was signed")
	}
}

// covered returns the variables that a signature covers.
func covered(s *pipeline.CommandStep) map[string]bool {
	c := make(map[string]bool, len(s.Env)+len(s.Signature.SignedFields))
	for variable := range s.Env {
		c[variable] = true
	}
	for _, f := range s.Signature.SignedFields {
		if variable, ok := strings.CutPrefix(f, signature.EnvNamespacePrefix); ok {
			c[variable] = true
		}
	}
	return c
}

// unbound tells which variable a step should be bound to and is not.
func unbound(s *pipeline.CommandStep, bound map[string]string) string {
	for _, variable := range slices.Sorted(maps.Keys(bound)) {
		if !slices.Contains(s.Signature.SignedFields, signature.EnvNamespacePrefix+variable) {
			return "is not bound to a value of " + variable
		}
	}
	return ""
}

// note notes what of a step stays unsigned.
func (c *Checked) note(d *document, s *step) {
	var fields []string
	switch {
	case s.command != nil:
		for _, f := range s.fields {
			if !signedField(f.name) && f.name != "signature" {
				fields = append(fields, f.name)
			}
		}
		if s.command.Signature == nil {
			break
		}
		covered := covered(s.command)
		for _, variable := range d.env {
			if !covered[variable.name] {
				fields = append(fields, signature.EnvNamespacePrefix+variable.name)
			}
		}
	case s.group:
		fields = unsignedFields(s.fields, "steps")
	default:
		fields = unsignedFields(s.fields, "wait", "waiter")
	}
	if len(fields) > 0 {
		c.Unsigned = append(c.Unsigned, Unsigned{s.name, s.node.Line, s.node.Column, fields})
	}
}

// unsignedFields returns the names of fields but those.
func unsignedFields(fields []pair, but ...string) []string {
	var names []string
	for _, f := range fields {
		if !slices.Contains(but, f.name) {
			names = append(names, f.name)
		}
	}
	return names
}
