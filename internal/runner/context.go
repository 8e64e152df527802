// Package runner owns what is particular to GitHub's Actions runtime: the
// workflow context in variables and the event payload, the inputs of an action,
// its outputs and summary, and workflow commands in the log.
package runner

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"strconv"
	"strings"

	"github.com/countersign-ci/countersign/internal/jose"
	"github.com/countersign-ci/countersign/internal/runspec"
)

// Getenv returns the value of an environment variable, empty if it is not set.
type Getenv func(name string) string

// InAction tells whether the process runs as the step of the Action, which sets
// INPUT_MODE itself.
func InAction(getenv Getenv) bool { return getenv("INPUT_MODE") != "" }

// OnRunner tells whether the log is that of a workflow run.
func OnRunner(getenv Getenv) bool { return getenv("GITHUB_ACTIONS") == "true" }

// ContextVariables are the variables that [ReadContext] reads.
var ContextVariables = []string{
	"GITHUB_ACTIONS", "GITHUB_ACTOR", "GITHUB_ACTOR_ID", "GITHUB_EVENT_NAME", "GITHUB_EVENT_PATH", "GITHUB_REF", "GITHUB_REPOSITORY",
	"GITHUB_REPOSITORY_ID", "GITHUB_REPOSITORY_OWNER_ID", "GITHUB_RUN_ATTEMPT", "GITHUB_RUN_ID", "GITHUB_SERVER_URL", "GITHUB_SHA",
	"GITHUB_TRIGGERING_ACTOR", "GITHUB_WORKFLOW_REF",
}

// ReadContext reads the workflow context. Its variables are documented under
// "Default environment variables" in GitHub's "Variables reference". What is
// not set is left empty. An error wraps [ErrUnreadable] where the event payload
// could not be read.
func ReadContext(getenv Getenv) (runspec.Context, error) {
	c := runspec.Context{
		OnRunner:          OnRunner(getenv),
		ServerURL:         strings.TrimSuffix(getenv("GITHUB_SERVER_URL"), "/"),
		Repository:        getenv("GITHUB_REPOSITORY"),
		RepositoryID:      getenv("GITHUB_REPOSITORY_ID"),
		RepositoryOwnerID: getenv("GITHUB_REPOSITORY_OWNER_ID"),
		Ref:               getenv("GITHUB_REF"),
		SHA:               getenv("GITHUB_SHA"),
		WorkflowRef:       getenv("GITHUB_WORKFLOW_REF"),
		Event:             getenv("GITHUB_EVENT_NAME"),
		Actor:             getenv("GITHUB_ACTOR"),
		ActorID:           getenv("GITHUB_ACTOR_ID"),
		TriggeringActor:   getenv("GITHUB_TRIGGERING_ACTOR"),
		RunID:             getenv("GITHUB_RUN_ID"),
	}
	if s := getenv("GITHUB_RUN_ATTEMPT"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 || n > math.MaxInt32 {
			return c, fmt.Errorf("GITHUB_RUN_ATTEMPT is %.40q and should be a number from 1", s)
		}
		c.RunAttempt = n
	}
	var err error
	c.Inputs, err = readInputs(c.Event, getenv("GITHUB_EVENT_PATH"))
	return c, err
}

// ErrUnreadable is wrapped by an error about a file that is named and cannot be
// read.
var ErrUnreadable = errors.New("cannot be read")

// inputsMember are the events that have inputs, and where their payload has
// them (GitHub's "Webhook events and payloads").
var inputsMember = map[string]string{
	"workflow_dispatch":   "inputs",
	"repository_dispatch": "client_payload",
}

// maxPayload is the size of the largest event payload, in bytes. GitHub cuts
// payloads off at 25 MB.
const maxPayload = 32 << 20

// readInputs reads the inputs of a run from its event payload. Where no payload
// is named the inputs of a dispatch are not known; other events have none. A
// payload whose event is not told may be that of a dispatch.
func readInputs(event, path string) (runspec.Inputs, error) {
	member, dispatched := inputsMember[event]
	switch {
	case event == "":
		return runspec.Inputs{Known: path == ""}, nil
	case !dispatched:
		return runspec.Inputs{Known: true}, nil
	case path == "":
		return runspec.Inputs{}, nil
	}
	payload, err := readEvent(path)
	if err != nil {
		return runspec.Inputs{}, err
	}
	in, err := parseInputs(member, payload)
	if err != nil {
		return runspec.Inputs{}, fmt.Errorf("%s: %w", thePayload, err)
	}
	return in, nil
}

const thePayload = "the event payload in GITHUB_EVENT_PATH"

// readEvent reads an event payload. The error does not say where it is.
func readEvent(path string) (string, error) {
	payload, err := readPayload(path)
	if err != nil {
		var cause *fs.PathError
		if errors.As(err, &cause) {
			err = cause.Err
		}
		return "", fmt.Errorf("%s %w: %w", thePayload, ErrUnreadable, err)
	}
	return string(payload), nil
}

func readPayload(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	payload, err := io.ReadAll(io.LimitReader(f, maxPayload+1))
	if err == nil && len(payload) > maxPayload {
		err = fmt.Errorf("it has more than %d bytes", maxPayload)
	}
	return payload, err
}

// parseInputs returns the inputs in an event payload. An absent member stands
// for no inputs.
func parseInputs(member, payload string) (runspec.Inputs, error) {
	v, err := parseEvent(payload)
	if err != nil {
		return runspec.Inputs{}, err
	}
	inputs, _ := v.Get(member)
	in, err := runspec.ParseInputs(inputs)
	if err != nil {
		return runspec.Inputs{}, fmt.Errorf("%s %w", member, err)
	}
	return in, nil
}

func parseEvent(payload string) (jose.Value, error) {
	v, err := jose.ParseJSON(payload)
	if err == nil && v.Kind != jose.Object {
		err = fmt.Errorf("it is %s where an object is expected", v.Kind)
	}
	return v, err
}
