// Package buildkite owns what Countersign knows of Buildkite: the signatures of
// pipelines' steps, and what an agent tells its `pre-bootstrap` hook about the job
// that it is about to start.
//
// # Signatures
//
// A command step of a pipeline has its signature beside its other fields, in the
// format of Buildkite's agent, so either side can be the agent's own:
//
//	command: go test ./...
//	signature:
//	  algorithm: EdDSA
//	  signed_fields: [command, env, env::REGION, matrix, plugins, repository_url]
//	  value: eyJhbGciOiJFZERTQSIsImtpZCI6ImNzIn0..c2lnbmF0dXJl
//
// The value is a JWS in compact form (RFC 7515) without its payload, which is the
// canonical JSON (RFC 8785) of the algorithm and the fields' values:
//
//	{"alg":"EdDSA","values":{"command":"go test ./...","env":null,…}}
//
// The first four fields and repository_url are always signed, secrets and checkout
// where the step has them. env is the step's own environment; env::NAME is a
// variable of the pipeline's that the step does not set, or of the build that the
// step is bound to. Nothing else of a step is signed. The payload is made by
// go-pipeline.
//
// # The hook
//
// The agent writes the job's environment, as Buildkite sent it, to two files and
// names them in variables. BUILDKITE_ENV_JSON_FILE (agents from v3.82) is one
// JSON object of texts:
//
//	{"BUILDKITE_BRANCH":"main","BUILDKITE_COMMAND":"make\nmake test"}
//
// BUILDKITE_ENV_FILE has a line for each variable. Its value is written as Go
// writes a text with %q, its name as it is:
//
//	BUILDKITE_BRANCH="main"
//	BUILDKITE_COMMAND="make\nmake test"
//
// A name with a line end in it can forge a line there. Where the agent writes
// that variable too the name stands twice and is refused; where it does not, the
// forged line is all there is. So the JSON file is to be read where there is one.
// Agents from v3.107 can put bare names at the top of the other, which are
// refused; they write the JSON file.
//
// What is in the environment was chosen by whoever made the build, but for the
// variables that Buildkite sets itself ("Environment variables" in its
// documentation). No value is quoted in an error.
package buildkite

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/countersign-ci/countersign/internal/jose"
)

// An Environment is that of a job.
type Environment map[string]string

// The variables that are read here.
const (
	repo        = "BUILDKITE_REPO"
	commit      = "BUILDKITE_COMMIT"
	branch      = "BUILDKITE_BRANCH"
	tag         = "BUILDKITE_TAG"
	pullRequest = "BUILDKITE_PULL_REQUEST"
	creator     = "BUILDKITE_BUILD_CREATOR"
	build       = "BUILDKITE_BUILD_ID"
	retryCount  = "BUILDKITE_RETRY_COUNT"
	rebuiltFrom = "BUILDKITE_REBUILT_FROM_BUILD_ID"
	command     = "BUILDKITE_COMMAND"
)

// read are the variables that are read here.
var read = []string{repo, commit, branch, tag, pullRequest, creator, build, retryCount, rebuiltFrom, command, pluginsVariable, secretsVariable}

// An Error says what is wrong with a job's environment, which it does not name.
type Error struct {
	Reason string // what is wrong
	Advice string // what to do
}

func (e *Error) Error() string { return e.Reason }

// Hint returns what to do about the error.
func (e *Error) Hint() string { return e.Advice }

// ParseEnvironmentJSON reads the file in BUILDKITE_ENV_JSON_FILE. Errors are of
// type *Error.
func ParseEnvironmentJSON(text string) (Environment, error) {
	const advice = "refused; is it the file that the agent names in BUILDKITE_ENV_JSON_FILE?"
	v, err := jose.ParseJSON(text)
	switch {
	case err != nil:
		return nil, &Error{err.Error(), advice}
	case v.Kind != jose.Object:
		return nil, &Error{fmt.Sprintf("it is %s where an object is expected", v.Kind), advice}
	}
	e := make(Environment, len(v.Members))
	for _, m := range v.Members {
		if m.Value.Kind != jose.String {
			return nil, &Error{fmt.Sprintf("the variable %.60q is %s where a string is expected", m.Name, m.Value.Kind), advice}
		}
		if err := e.add(m.Name, m.Value.Text); err != nil {
			return nil, &Error{err.Error(), adviceName}
		}
	}
	return e, nil
}

// ParseEnvironment reads the file in BUILDKITE_ENV_FILE. The last line may have
// no line end. Errors are of type *Error.
func ParseEnvironment(text string) (Environment, error) {
	e := Environment{}
	number := 0
	for line := range strings.Lines(text) {
		number++
		// No value has =" in it without a backslash, so what is behind the first =
		// is the value or the line is forged.
		name, quoted, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		value, err := strconv.Unquote(quoted)
		if err != nil || quoted[0] != '"' {
			return nil, &Error{
				fmt.Sprintf(`line %d is not of the form NAME="value"`, number),
				"refused: a line end in the name of a variable forges lines; newer agents write BUILDKITE_ENV_JSON_FILE, which has no such doubt",
			}
		}
		if err := e.add(name, value); err != nil {
			return nil, &Error{fmt.Sprintf("line %d: %v", number, err), adviceName}
		}
	}
	return e, nil
}

const adviceName = "refused: the job could run with another value than the one that is checked; remove that variable from the build and its pipeline"

// add adds a variable, unless its job may not get the value that is read here.
func (e Environment) add(name, value string) error {
	_, twice := e[name]
	switch {
	case name == "":
		return errors.New("a variable has no name")
	case twice:
		return fmt.Errorf("the variable %.60q stands there twice", name)
	case strings.ContainsAny(name, "=\x00"):
		// A process gets name=value as one text, and takes the first = for the end
		// of the name: BUILDKITE_COMMAND=x would be the variable BUILDKITE_COMMAND.
		return fmt.Errorf("no variable can be called %.60q", name)
	case strings.Contains(value, "\x00"):
		return fmt.Errorf("the variable %.60q has a zero byte, which ends it elsewhere", name)
	}
	for _, known := range read {
		// To Windows they are one.
		if name != known && strings.EqualFold(name, known) {
			return fmt.Errorf("the variable %.60q is %s in other letters", name, known)
		}
	}
	e[name] = value
	return nil
}

// Command returns what the job is about to execute.
func (e Environment) Command() string { return e[command] }
