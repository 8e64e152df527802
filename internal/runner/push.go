package runner

import (
	"errors"
	"fmt"
	"strings"

	"github.com/countersign-ci/countersign/internal/jose"
	"github.com/countersign-ci/countersign/internal/runspec"
)

// A Push is what the event payload of a push says about the ref that was pushed
// (GitHub's "Webhook events and payloads", push).
type Push struct {
	// Before and After are what the ref led to: the ids of commits or, for a tag, of
	// tag objects too, in full. Before is empty if the ref was created, After if it
	// was deleted.
	Before, After    string
	DefaultBranch    string // of the repository, such as main
	Created, Deleted bool
}

// ReadPush reads the event payload of a push. Where the event is another one ok is
// false. An error wraps [ErrUnreadable] where the payload could not be read.
func ReadPush(getenv Getenv) (p Push, ok bool, err error) {
	if getenv("GITHUB_EVENT_NAME") != "push" {
		return Push{}, false, nil
	}
	path := getenv("GITHUB_EVENT_PATH")
	if path == "" {
		return Push{}, false, errors.New("the event is a push and GITHUB_EVENT_PATH, which says what was pushed, is not set")
	}
	payload, err := readEvent(path)
	if err != nil {
		return Push{}, false, err
	}
	if p, err = parsePush(payload); err != nil {
		return Push{}, false, fmt.Errorf("%s: %w", thePayload, err)
	}
	return p, true, nil
}

func parsePush(payload string) (p Push, err error) {
	v, err := parseEvent(payload)
	if err != nil {
		return p, err
	}
	if p.Before, p.Created, err = pushEnd(v, "before", "created"); err != nil {
		return p, err
	}
	if p.After, p.Deleted, err = pushEnd(v, "after", "deleted"); err != nil {
		return p, err
	}
	if p.Created && p.Deleted {
		return p, errors.New("before and after are both zero")
	}
	repository, _ := v.Get("repository")
	branch, ok := repository.Get("default_branch")
	if !ok || branch.Kind != jose.String || branch.Text == "" {
		return p, errors.New("repository.default_branch is not the name of a branch")
	}
	p.DefaultBranch = branch.Text
	return p, nil
}

// pushEnd returns what a ref led to at one end of a push. An id of zeros is none,
// whether or not the flag says so too; a flag that is set beside another id makes no
// sense.
func pushEnd(v jose.Value, name, flag string) (id string, none bool, err error) {
	end, _ := v.Get(name)
	if end.Kind != jose.String || !runspec.IsCommitID(end.Text) {
		return "", false, fmt.Errorf("%s is not the id of a commit", name)
	}
	set, ok := v.Get(flag)
	if ok && set.Kind != jose.Bool {
		return "", false, fmt.Errorf("%s is %s where a boolean is expected", flag, set.Kind)
	}
	if strings.Trim(end.Text, "0") == "" {
		return "", true, nil
	}
	if set.Text == "true" {
		return "", false, fmt.Errorf("%s is true, and %s is a commit", flag, name)
	}
	return end.Text, false, nil
}
