package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	rest "github.com/google/go-github/v62/github"

	"github.com/countersign-ci/countersign/internal/pin"
)

// ErrRefExists is wrapped by the error of a ref that is not created because there
// is one of that name.
var ErrRefExists = errors.New("the ref exists already")

// What GitHub answers, with 422, to a ref that is created or deleted in vain.
const (
	messageRefExists  = "Reference already exists"
	messageRefUnknown = "Reference does not exist"
)

const (
	adviceContents = "give the token the permission contents: write for that repository"
	adviceRefs     = "see the message; the repository may be empty or archived, or its rules forbid the change"
)

// A TagObject is an annotated tag, as an object that no ref leads to yet.
type TagObject struct{ Name, Message, Commit string }

// ParseRepository parses owner/name.
func ParseRepository(text string) (pin.Repository, error) {
	owner, name, _ := strings.Cut(text, "/")
	r := pin.Repository{Owner: owner, Name: name}
	return r, checkRepository(r)
}

// CreateTagObject makes a tag object and returns its id. Where the answer was lost
// (see [ErrLost]) it may be made again: an object that no ref leads to does
// nothing.
func (c *Client) CreateTagObject(ctx context.Context, r pin.Repository, t TagObject) (string, error) {
	if err := c.mayWrite(r, checkRef(t.Name), checkCommit(t.Commit)); err != nil {
		return "", err
	}
	got, response, err := c.rest.Git.CreateTag(ctx, r.Owner, r.Name, &rest.Tag{
		Tag: &t.Name, Message: &t.Message,
		Object: &rest.GitObject{SHA: &t.Commit, Type: rest.String("commit")},
	})
	whole := isDigest(got.GetSHA()) && got.GetObject().GetSHA() == t.Commit
	return got.GetSHA(), c.written(response, err, whole)
}

// TagMessage returns the message of a tag object, or "" where the id is of none.
func (c *Client) TagMessage(ctx context.Context, r pin.Repository, id string) (string, error) {
	if err := errors.Join(checkRepository(r), checkCommit(id)); err != nil {
		return "", err
	}
	got, _, err := c.rest.Git.GetTag(ctx, r.Owner, r.Name, id)
	switch {
	case statusOf(err) == http.StatusNotFound && gone(err):
		return "", nil
	case err != nil:
		return "", c.restError(err)
	case got.GetSHA() != id || got.Message == nil:
		return "", c.restUnreadable()
	}
	return got.GetMessage(), nil
}

// CreateRef makes a ref, given by its full name, that leads to an object. The
// error wraps [ErrRefExists] where the server says so in those words, and
// [ErrLost] where no whole answer came; any other one says that nothing is known
// to have been made.
func (c *Client) CreateRef(ctx context.Context, r pin.Repository, name, object string) error {
	if err := c.mayWrite(r, checkFullRef(name), checkCommit(object)); err != nil {
		return err
	}
	got, response, err := c.rest.Git.CreateRef(ctx, r.Owner, r.Name, &rest.Reference{
		Ref: &name, Object: &rest.GitObject{SHA: &object},
	})
	if saysOf(err, messageRefExists) {
		return fmt.Errorf("%s: %w", c.rest.BaseURL.Host, ErrRefExists)
	}
	return c.written(response, err, got.GetRef() == name && got.GetObject().GetSHA() == object)
}

// Ref returns the id of the object that a ref, given by its full name, leads to,
// or "" where there is no such ref. It is asked for each time.
func (c *Client) Ref(ctx context.Context, r pin.Repository, name string) (string, error) {
	if err := errors.Join(checkRepository(r), checkFullRef(name)); err != nil {
		return "", err
	}
	got, _, err := c.rest.Git.GetRef(ctx, r.Owner, r.Name, name)
	switch {
	case statusOf(err) == http.StatusNotFound && gone(err):
		return "", nil
	case err != nil:
		return "", c.writeError(err)
	case got.GetRef() != name || !isDigest(got.GetObject().GetSHA()):
		return "", c.restUnreadable()
	}
	return got.GetObject().GetSHA(), nil
}

// RefsBelow returns the sorted full names of the refs whose name begins so, such as
// refs/countersign/ or refs/countersign/2026-1. The error wraps [ErrSize] where there
// are more than an answer holds.
func (c *Client) RefsBelow(ctx context.Context, r pin.Repository, prefix string) ([]string, error) {
	if err := errors.Join(checkRepository(r), checkFullRef(strings.TrimRight(prefix, "/-"))); err != nil {
		return nil, err
	}
	found := map[string]bool{}
	options := &rest.ReferenceListOptions{Ref: strings.TrimSuffix(prefix, "/")}
	for { // GitHub has it all on one page
		refs, response, err := c.rest.Git.ListMatchingRefs(ctx, r.Owner, r.Name, options)
		if err != nil {
			return nil, c.writeError(err)
		}
		for _, ref := range refs {
			if name := ref.GetRef(); strings.HasPrefix(name, prefix) && checkRef(name) == nil {
				found[name] = true
			}
		}
		last := options.Page
		if options.Page = response.NextPage; options.Page <= last || last > maxMatching {
			break
		}
	}
	names := make([]string, 0, len(found))
	for name := range found {
		names = append(names, name)
	}
	slices.Sort(names)
	return names, nil
}

// DeleteRef deletes a ref, given by its full name. That there is none is no error.
func (c *Client) DeleteRef(ctx context.Context, r pin.Repository, name string) error {
	if err := c.mayWrite(r, checkFullRef(name)); err != nil {
		return err
	}
	response, err := c.rest.Git.DeleteRef(ctx, r.Owner, r.Name, name)
	switch {
	case err == nil && response.StatusCode == http.StatusNoContent || saysOf(err, messageRefUnknown):
		return nil
	case err == nil:
		return c.restUnreadable()
	}
	return c.written(response, err, false)
}

// Pause waits for d; it counts among all that the client waits, which is bounded.
func (c *Client) Pause(ctx context.Context, d time.Duration) error {
	err := c.sender.waits.wait(ctx, d, time.Duration(c.sender.waits.total.Load()))
	if err == errWait {
		return &Error{
			Reason: fmt.Sprintf("%s: one run waits %v in all, which are used up", c.rest.BaseURL.Host, maxWait),
			Advice: adviceLater,
		}
	}
	return err
}

// written returns nil where the answer to a POST is 201 and whole, and else what
// is wrong. A 201 that is not whole was cut by somebody on the way.
func (c *Client) written(response *rest.Response, err error, whole bool) error {
	status := 0
	if response != nil {
		status = response.StatusCode
	}
	switch {
	case status == http.StatusCreated && err == nil && whole:
		return nil
	case status == http.StatusCreated:
		return lost(c.rest.BaseURL.Host, errors.New("the answer is not whole"), false)
	case status >= http.StatusInternalServerError:
		return lost(c.rest.BaseURL.Host, fmt.Errorf("it answered %d", status), false)
	case err == nil:
		return c.restUnreadable()
	}
	return c.writeError(err)
}

// writeError is restError with the advice for who wants to write.
func (c *Client) writeError(err error) error {
	made := c.restError(err)
	var ours *Error
	if !errors.As(made, &ours) {
		return made
	}
	switch status := statusOf(err); {
	case status == http.StatusForbidden && ours.Advice == adviceRead, status == http.StatusNotFound:
		ours.Advice = adviceContents
	case status == http.StatusConflict, status == http.StatusUnprocessableEntity:
		ours.Advice = adviceRefs
	}
	return made
}

// mayWrite returns an error where a name is bad, or where there is no token.
func (c *Client) mayWrite(r pin.Repository, names ...error) error {
	err := errors.Join(checkRepository(r), errors.Join(names...))
	if err == nil && c.sender.token == "" {
		return &Error{Reason: "writing to a repository needs a token", Advice: adviceContents}
	}
	return err
}

// checkFullRef refuses what is no full name of a ref.
func checkFullRef(name string) error {
	if !strings.HasPrefix(name, "refs/") {
		return badName("a ref", name)
	}
	return checkRef(name)
}

// statusOf is the status of the answer that an error is, or 0.
func statusOf(err error) int {
	var e *rest.ErrorResponse
	if !errors.As(err, &e) {
		return 0
	}
	return e.Response.StatusCode
}

// saysOf tells whether an error is a 422 with exactly that message.
func saysOf(err error, message string) bool {
	var e *rest.ErrorResponse
	return errors.As(err, &e) && e.Response.StatusCode == http.StatusUnprocessableEntity && e.Message == message
}
