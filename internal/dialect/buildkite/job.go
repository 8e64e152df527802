package buildkite

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/buildkite/go-pipeline"

	"github.com/countersign-ci/countersign/internal/jose"
	"github.com/countersign-ci/countersign/internal/report"
)

const adviceJob = "it is the JSON that the agent API answers when an agent accepts a job"

// CheckJob checks a job as the agent API gives it: the signature of its step with
// the job's repository and environment, then each signed field against what the
// job would run. Other members of the job are passed over.
//
//	{"step": {"command": "go test ./...", "signature": {…}},
//	 "matrix_permutation": {"os": "linux"},
//	 "env": {"BUILDKITE_COMMAND": "go test ./...", "BUILDKITE_REPO": "https://…"}}
//
// An error, of type *Error or *jose.KeyError, is a job that cannot be read, or keys
// that are none.
func CheckJob(job []byte, o CheckOptions) (Checked, error) {
	v, err := jose.ParseJSON(string(job))
	switch {
	case err != nil:
		return Checked{}, &Error{"the job: " + err.Error(), adviceJob}
	case v.Kind != jose.Object:
		return Checked{}, &Error{fmt.Sprintf("the job is %s where an object is expected", v.Kind), adviceJob}
	}
	const stepName, envName, matrixName = "step", "env", "matrix_permutation"
	for _, m := range v.Members {
		for _, known := range []string{stepName, envName, matrixName} {
			// The agent reads them as one.
			if m.Name != known && strings.EqualFold(m.Name, known) {
				return Checked{}, &Error{fmt.Sprintf("the job has %s in other letters", known), adviceJob}
			}
		}
	}
	envValue, _ := v.Get(envName)
	if envValue.Kind != jose.Object {
		return Checked{}, &Error{"the job has no environment", adviceJob}
	}
	env, err := ParseEnvironmentJSON(envValue.Text)
	if err != nil {
		return Checked{}, err
	}
	matrix := pipeline.MatrixPermutation{}
	if m, ok := v.Get(matrixName); ok && m.Kind != jose.Null {
		for _, d := range m.Members {
			if d.Value.Kind != jose.String {
				return Checked{}, &Error{"a value of the job's matrix_permutation is no string", adviceJob}
			}
			matrix[d.Name] = d.Value.Text
		}
		if m.Kind != jose.Object {
			return Checked{}, &Error{"the job's matrix_permutation is no object", adviceJob}
		}
	}
	stepValue, _ := v.Get(stepName)
	return checkJob(stepValue, env, matrix, o)
}

// CheckVariables checks the variables of a job against its step, as the agent API
// has it, in JSON. No variable tells which permutation of a matrix the job is: it
// must be one of them, as a whole. Errors are as of [CheckJob].
func CheckVariables(env Environment, stepText []byte, o CheckOptions) (Checked, error) {
	v, err := jose.ParseJSON(string(stepText))
	if err != nil {
		return Checked{}, &Error{"the step: " + err.Error(), adviceJob}
	}
	return checkJob(v, env, nil, o)
}

// checkJob checks a job. Where the matrix is nil its permutation is not known.
func checkJob(v jose.Value, env Environment, matrix pipeline.MatrixPermutation, o CheckOptions) (Checked, error) {
	verifier, err := newVerifier(o.Keys)
	if err != nil {
		return Checked{}, err
	}
	var c Checked
	fail := func(rule, message string) { c.add(rule, report.Fail, "", nil, message) }
	if v.Kind == jose.Null { // none too
		fail(report.UnsignedStep, "the job has no step")
		return c, nil
	}
	if v.Kind != jose.Object {
		return c, &Error{fmt.Sprintf("the step is %s where an object is expected", v.Kind), adviceJob}
	}
	read := func() (*pipeline.CommandStep, error) {
		s := new(pipeline.CommandStep)
		if err := s.UnmarshalJSON([]byte(v.Text)); err != nil {
			return nil, &Error{"the step cannot be read: " + err.Error(), adviceJob}
		}
		return s, nil
	}
	s, err := read()
	if err != nil {
		return c, err
	}
	name := jobStepName(s)
	names := make([]string, len(v.Members))
	var unsigned []string
	for i, m := range v.Members {
		names[i] = m.Name
		switch {
		case signedField(m.Name) && unsafeValue(m.Value):
			fail(report.UnsafeInteger, unsafeReason(name, "of 2^53 or more in "+m.Name))
		case !signedField(m.Name) && m.Name != "signature":
			unsigned = append(unsigned, m.Name)
		}
	}
	if len(unsigned) > 0 {
		c.Unsigned = []Unsigned{{Name: name, Fields: unsigned}}
	}
	if plugins, err := jose.ParseJSON(env[pluginsVariable]); err == nil && unsafeValue(plugins) {
		fail(report.UnsafeInteger, unsafeReason(pluginsVariable, "of 2^53 or more"))
	}
	if len(c.Findings) > 0 {
		return c, nil
	}
	if s.Signature == nil {
		fail(report.UnsignedStep, name+" has no signature")
		return c, nil
	}
	if reason := ambiguous(names, true, false); reason != "" {
		fail(report.BadStepSignature, name+" "+reason)
		return c, nil
	}
	if o.RepositoryURL != "" && env[repo] != o.RepositoryURL {
		fail(report.JobMismatch, "the job is of another repository than expected: "+repo+" differs")
	}
	if reason := verifier.verify(s, env[repo], env); reason != "" {
		fail(report.BadStepSignature, name+" "+reason)
		return c, nil
	}
	if reason := unbound(s, o.Bound); reason != "" {
		fail(report.BadStepSignature, name+" "+reason)
	}
	for _, variable := range slices.Sorted(maps.Keys(o.Bound)) {
		if env[variable] != o.Bound[variable] {
			fail(report.JobMismatch, "the job has another "+variable+" than expected")
		}
	}
	matched, reason, err := match(s, read, env, matrix)
	if err != nil {
		return c, err
	}
	if reason != "" {
		fail(report.JobMismatch, "the job does not match "+name+": "+reason)
	} else if o.StrictEnvironment {
		covered, checkout := covered(matched), checkoutVariables(matched.Checkout)
		for _, variable := range slices.Sorted(maps.Keys(env)) {
			_, has := checkout[variable]
			if steers(variable) && !has && !compared(variable) && !covered[variable] {
				fail(report.UnsignedEnvironment, fmt.Sprintf("nobody signed the variable %.60q of the job", variable))
			}
		}
	}
	if len(c.Findings) == 0 {
		c.add(report.BadStepSignature, report.Pass, "", nil, name+" is as it was signed")
		c.add(report.JobMismatch, report.Pass, "", nil, "the job does what "+name+" says")
	}
	return c, nil
}

// jobStepName returns what a job's step is called in messages.
func jobStepName(s *pipeline.CommandStep) string {
	for _, n := range []string{s.Key, s.Label} {
		if n != "" {
			return fmt.Sprintf("step %.80q", n)
		}
	}
	return "the step"
}

// match tells why a job does not match its step, whose signature holds, and else
// returns the step with the values of its matrix. The step is changed.
func match(s *pipeline.CommandStep, read func() (*pipeline.CommandStep, error), env Environment, matrix pipeline.MatrixPermutation) (*pipeline.CommandStep, string, error) {
	if matrix != nil || s.Matrix.IsEmpty() {
		return s, mismatch(s, env, matrix), nil
	}
	reason := "its matrix has no permutation"
	for p := range permutations(s.Matrix) {
		one, err := read()
		if err != nil {
			return nil, "", err
		}
		if reason = mismatch(one, env, p); reason == "" {
			return one, "", nil
		}
		reason = "no permutation of its matrix is that job"
	}
	return nil, reason, nil
}

// mismatch tells in what a job differs from a step, whose signature holds: the
// comparisons of the agent, and those of secrets and checkout, which it leaves out.
func mismatch(s *pipeline.CommandStep, env Environment, matrix pipeline.MatrixPermutation) string {
	if s.Matrix != nil && slices.Contains(s.Matrix.Adjustments, nil) { // go-pipeline panics
		return "its matrix has an empty adjustment"
	}
	if err := s.InterpolateMatrixPermutation(matrix); err != nil {
		return "its matrix_permutation: " + err.Error()
	}
	if s.Command != env[command] {
		return command + " differs"
	}
	for _, name := range slices.Sorted(maps.Keys(s.Env)) {
		if value, ok := env[name]; !ok || value != s.Env[name] {
			return fmt.Sprintf("the variable %.60q differs", name)
		}
	}
	// The pipeline's own are signed with the values that the job has for them.
	switch {
	case !sameJSON(env[pluginsVariable], s.Plugins, len(s.Plugins) == 0):
		return pluginsVariable + " differs"
	// The agent makes it of the step, so it need not be there.
	case env[secretsVariable] != "" && !sameJSON(env[secretsVariable], s.Secrets, len(s.Secrets) == 0):
		return secretsVariable + " differs"
	}
	checkout := checkoutVariables(s.Checkout)
	for _, name := range slices.Sorted(maps.Keys(checkout)) {
		if got, ok := env[name]; ok && got != checkout[name] {
			return name + " differs from what its checkout says"
		}
	}
	return ""
}
