package github

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	rest "github.com/google/go-github/v62/github"

	"github.com/countersign-ci/countersign/internal/pin"
)

// maxCompared is how many files a comparison lists at most. GitHub does not say
// whether there are more.
const maxCompared = 300

const adviceStacks = "nothing was decided; name the stacks with --stack"

// A Range is what lies between two commits.
type Range struct {
	// Base is a commit id in full. Empty, everything in Head is new. With
	// FromMergeBase it may be the full name of a branch, such as refs/heads/main.
	Base string
	// Head is a commit id in full.
	Head string
	// FromMergeBase counts from the newest commit that Base and Head have in common.
	// Where they have none everything in Head is new.
	FromMergeBase bool
}

// Changed returns the paths that differ between the ends of a range, sorted, each
// once: of files, links and submodules, as they are in the repository. A renamed
// file has both of its names there.
//
// GitHub compares Head with the merge base alone, and lists at most 300 files, all
// on the first page ("Compare two commits"). Where that does not answer what was
// asked the trees of both commits are compared.
func (c *Client) Changed(ctx context.Context, r pin.Repository, g Range) ([]string, error) {
	if err := checkRange(r, g); err != nil {
		return nil, err
	}
	if g.Base == "" {
		return c.differing(ctx, r, "", g.Head)
	}
	if strings.HasPrefix(g.Base, headPrefix) {
		o, err := c.restRef(ctx, r, g.Base)
		switch {
		case err != nil:
			return nil, err
		case o == nil:
			return nil, noSuch(r, "branch", strings.TrimPrefix(g.Base, headPrefix))
		case o.kind != "commit":
			return nil, c.restUnreadable()
		}
		g.Base = o.sha
	}
	// The answer has the commits too, of which one a page is enough.
	got, _, err := c.rest.Repositories.CompareCommits(ctx, r.Owner, r.Name, g.Base, g.Head, &rest.ListOptions{PerPage: 1})
	if gone(err) {
		return c.unrelated(ctx, r, g)
	}
	if err != nil {
		return nil, c.restError(err)
	}
	from := got.GetMergeBaseCommit().GetSHA()
	if got.GetBaseCommit().GetSHA() != g.Base || !isDigest(from) {
		return nil, c.restUnreadable()
	}
	if !g.FromMergeBase && from != g.Base {
		return c.differing(ctx, r, g.Base, g.Head)
	}
	if got.Files == nil || len(got.Files) >= maxCompared {
		return c.differing(ctx, r, from, g.Head)
	}
	changed := map[string]bool{}
	for _, f := range got.Files {
		changed[f.GetFilename()] = true
		if f.GetStatus() == "renamed" {
			changed[f.GetPreviousFilename()] = true
		}
	}
	if changed[""] {
		return nil, c.restUnreadable()
	}
	return slices.Sorted(maps.Keys(changed)), nil
}

func checkRange(r pin.Repository, g Range) error {
	if err := checkRepository(r); err != nil {
		return err
	}
	if err := checkCommit(g.Head); err != nil {
		return err
	}
	if branch, ok := strings.CutPrefix(g.Base, headPrefix); ok && g.FromMergeBase {
		return checkRef(branch)
	}
	if g.Base == "" {
		return nil
	}
	return checkCommit(g.Base)
}

// unrelated is for commits that GitHub cannot compare: they have nothing in common,
// or one of them is not there, which the trees tell.
func (c *Client) unrelated(ctx context.Context, r pin.Repository, g Range) ([]string, error) {
	if !g.FromMergeBase {
		return c.differing(ctx, r, g.Base, g.Head)
	}
	if _, err := c.restTree(ctx, r, g.Base); err != nil {
		return nil, err
	}
	return c.differing(ctx, r, "", g.Head)
}

// differing compares the trees of two commits. That of no commit is empty.
func (c *Client) differing(ctx context.Context, r pin.Repository, base, head string) ([]string, error) {
	before, after := map[string]string{}, map[string]string{}
	err := each(ctx, 2, func(ctx context.Context, i int) (err error) {
		switch {
		case i == 1:
			after, err = c.restTree(ctx, r, head)
		case base != "":
			before, err = c.restTree(ctx, r, base)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	for path, what := range before {
		if after[path] == what {
			delete(after, path)
		} else {
			after[path] = ""
		}
	}
	return slices.Sorted(maps.Keys(after)), nil
}

// restTree returns the mode and the id of everything but folders in the tree of a
// commit, by path.
func (c *Client) restTree(ctx context.Context, r pin.Repository, commit string) (map[string]string, error) {
	got, _, err := c.rest.Git.GetTree(ctx, r.Owner, r.Name, commit, true)
	switch {
	case gone(err):
		return nil, noSuch(r, "commit", commit)
	case err != nil:
		return nil, c.restError(err)
	case got.Truncated == nil:
		return nil, c.restUnreadable()
	case got.GetTruncated():
		return nil, &Error{Reason: fmt.Sprintf("%s has more files at %s than GitHub lists", r, commit), Advice: adviceStacks}
	}
	files := map[string]string{}
	for _, e := range got.Entries {
		if e.GetPath() == "" || e.GetMode() == "" || !isDigest(e.GetSHA()) {
			return nil, c.restUnreadable()
		}
		if e.GetType() != "tree" {
			files[e.GetPath()] = e.GetMode() + " " + e.GetSHA()
		}
	}
	return files, nil
}

func noSuch(r pin.Repository, what, name string) error {
	return &Error{Reason: fmt.Sprintf("%s has no %s %s, or the token may not see it", r, what, name), Advice: adviceStacks}
}
