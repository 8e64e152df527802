package github

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/countersign-ci/countersign/internal/pin"
)

const adviceRef = "give a branch or a tag that exists, such as main or refs/tags/v1"

// fullRefs returns the full names that a name may stand for: both that of a branch and
// that of a tag where it does not say which it is.
func fullRefs(name string) ([]string, error) {
	short, full := name, []string{name}
	switch {
	case strings.HasPrefix(name, headPrefix):
		short = name[len(headPrefix):]
	case strings.HasPrefix(name, tagPrefix):
		short = name[len(tagPrefix):]
	case strings.HasPrefix(name, "refs/"):
		return nil, &DispatchError{fmt.Sprintf("%.120q is neither a branch nor a tag, and nothing else can be dispatched", name), adviceRef}
	default:
		full = []string{headPrefix + name, tagPrefix + name}
	}
	if checkRef(short) != nil {
		return nil, &DispatchError{fmt.Sprintf("%.120q cannot be the name of a tag or a branch", name), adviceName}
	}
	return full, nil
}

// A Head is where a ref of a repository leads.
type Head struct {
	RepositoryID, OwnerID int64
	Ref                   string // in full
	SHA                   string // of the commit
}

// Head looks up a branch or a tag, by its full name or by its short one where only one
// of them has it. An empty name is the default branch.
func (c *Client) Head(ctx context.Context, r pin.Repository, ref string) (Head, error) {
	if err := checkRepository(r); err != nil {
		return Head{}, err
	}
	got, _, err := c.rest.Repositories.Get(ctx, r.Owner, r.Name)
	switch {
	case gone(err):
		return Head{}, &DispatchError{fmt.Sprintf("there is no repository %s, or the token may not see it", r), adviceDispatch}
	case err != nil:
		return Head{}, c.restError(err)
	case got.GetID() <= 0 || got.GetOwner().GetID() <= 0 || got.GetFullName() == "":
		return Head{}, c.restUnreadable()
	case !strings.EqualFold(got.GetFullName(), r.String()):
		// The run would know itself by its new name, and nothing else.
		return Head{}, &DispatchError{
			fmt.Sprintf("the repository %s has another name now: %.120q", r, got.GetFullName()), "sign for the name that it has now",
		}
	}
	if ref == "" {
		if got.GetDefaultBranch() == "" {
			return Head{}, c.restUnreadable()
		}
		ref = headPrefix + got.GetDefaultBranch()
	}
	h := Head{RepositoryID: got.GetID(), OwnerID: got.GetOwner().GetID()}
	h.Ref, h.SHA, err = c.findRef(ctx, r, ref)
	return h, err
}

// findRef returns the full name of a ref and the commit that it leads to.
func (c *Client) findRef(ctx context.Context, r pin.Repository, name string) (full, sha string, err error) {
	candidates, err := fullRefs(name)
	if err != nil {
		return "", "", err
	}
	commits := make([]string, len(candidates))
	err = each(ctx, len(candidates), func(ctx context.Context, i int) (err error) {
		commits[i], err = c.commitAt(ctx, r, candidates[i])
		return err
	})
	if err != nil {
		return "", "", err
	}
	for i, commit := range commits {
		switch {
		case commit == "":
		case sha != "":
			return "", "", &DispatchError{
				fmt.Sprintf("%.120q is a branch of %s and a tag too", name, r),
				fmt.Sprintf("write it in full: %s or %s", candidates[0], candidates[1]),
			}
		default:
			full, sha = candidates[i], commit
		}
	}
	if sha == "" {
		return "", "", &DispatchError{fmt.Sprintf("%s has no branch or tag %.120q, or the token may not see it", r, name), adviceRef}
	}
	return full, sha, nil
}

// commitAt returns the commit that a ref leads to, empty where there is no such ref.
func (c *Client) commitAt(ctx context.Context, r pin.Repository, full string) (string, error) {
	o, err := c.restRef(ctx, r, full)
	if err != nil || o == nil {
		return "", err
	}
	t, err := c.restTag(ctx, r, full, *o)
	switch {
	case errors.Is(err, errDeep):
		return "", deep(full)
	case errors.Is(err, errNoCommit):
		return "", &DispatchError{fmt.Sprintf("%.120q of %s leads to no commit", full, r), adviceRef}
	case err != nil:
		return "", err
	}
	return t.Commit, nil
}

// HasMoved asks again for a ref that was looked up, and tells whether it leads to
// another commit now.
func (c *Client) HasMoved(ctx context.Context, r pin.Repository, h Head) (bool, error) {
	c.remembered.Delete(h.Ref + " " + r.Key())
	sha, err := c.commitAt(ctx, r, h.Ref)
	return sha != h.SHA, err
}
