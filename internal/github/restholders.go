package github

import (
	"context"
	"maps"
	"slices"
	"strings"

	rest "github.com/google/go-github/v62/github"

	"github.com/countersign-ci/countersign/internal/pin"
)

// maxRestCompares is how many branches of any name are compared with a commit: here
// each is a request.
const maxRestCompares = 50

// restHolders asks through REST.
func (c *Client) restHolders(ctx context.Context, all []*wanted) ([]*wanted, error) {
	return all, each(ctx, len(all), func(ctx context.Context, i int) error { return c.restHolder(ctx, all[i]) })
}

func (c *Client) restHolder(ctx context.Context, w *wanted) error {
	info, err := c.restRepository(ctx, w.Repository)
	if err != nil || info == nil {
		return err
	}
	commit, err := c.restKind(ctx, w)
	if err != nil || !commit {
		return err
	}
	tried := map[string]bool{}
	head, err := c.restHead(ctx, w.Repository, info)
	if err != nil {
		return err
	}
	if head != "" {
		err := c.restCompare(ctx, w, tried, []restBranch{{info.branch, head}})
		if err != nil || w.holder.Branch != "" {
			return err
		}
	}
	if w.Near != "" {
		near, err := c.restMatching(ctx, w.Repository, headPrefix+w.Near)
		if err != nil {
			return err
		}
		var branches []restBranch
		for _, full := range slices.Sorted(maps.Keys(near)) {
			if name, ok := strings.CutPrefix(full, headPrefix); ok && checkRef(name) == nil {
				branches = append(branches, restBranch{name, near[full].sha})
			}
		}
		err = c.restCompare(ctx, w, tried, branches[:min(len(branches), nearBy)])
		if err != nil || w.holder.Branch != "" {
			return err
		}
	}
	if err := c.restAnyBranch(ctx, w, tried); err != nil || w.holder.Branch != "" {
		return err
	}
	tags, err := c.restTags(ctx, w.Repository)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(tags.items, func(t pin.Tag) bool { return t.Commit == w.SHA })
	if i >= 0 {
		w.holder.Tag = tags.items[i].Name
	} else if tags.partial {
		w.holder.Partial = true
	}
	return nil
}

// restKind tells whether the digest is that of a commit, and notes whether it is
// that of a tag object.
func (c *Client) restKind(ctx context.Context, w *wanted) (bool, error) {
	commit, err := remember(c, w.Repository, "commit "+w.SHA, func() (bool, error) {
		got, _, err := c.rest.Git.GetCommit(ctx, w.Repository.Owner, w.Repository.Name, w.SHA)
		switch {
		case gone(err):
			return false, nil
		case err != nil:
			return false, c.restError(err)
		case got.SHA == nil:
			return false, c.restUnreadable()
		}
		return got.GetSHA() == w.SHA, nil
	})
	if err != nil || commit {
		return commit, err
	}
	o, err := c.restTagObject(ctx, w.Repository, w.SHA)
	w.holder.TagObject = o != nil
	return false, err
}

type restBranch struct{ name, head string }

// restCompare compares a commit with heads, at once, that were not tried before.
// The first of the branches that hold it is its holder.
func (c *Client) restCompare(ctx context.Context, w *wanted, tried map[string]bool, branches []restBranch) error {
	branches = slices.DeleteFunc(branches, func(b restBranch) bool {
		known := tried[b.head]
		tried[b.head] = true
		return known
	})
	held := make([]bool, len(branches))
	err := each(ctx, len(branches), func(ctx context.Context, i int) (err error) {
		held[i], err = c.restHolds(ctx, w.Repository, branches[i].head, w.SHA)
		return err
	})
	if i := slices.Index(held, true); err == nil && i >= 0 {
		w.holder.Branch = branches[i].name
	}
	return err
}

// restAnyBranch looks for the commit on all branches, some at a time.
func (c *Client) restAnyBranch(ctx context.Context, w *wanted, tried map[string]bool) error {
	list, err := c.restBranches(ctx, w.Repository)
	if err != nil {
		return err
	}
	w.holder.Partial = list.partial
	var branches []restBranch
	for _, b := range list.items {
		if b.GetCommit().GetSHA() == w.SHA {
			w.holder = pin.Holder{Branch: b.GetName()}
			return nil
		}
		if !tried[b.GetCommit().GetSHA()] {
			branches = append(branches, restBranch{b.GetName(), b.GetCommit().GetSHA()})
		}
	}
	compared := 0
	for some := range slices.Chunk(branches, restAtOnce) {
		if compared += len(some); compared > maxRestCompares {
			w.holder.Partial = true
			return nil
		}
		if err := c.restCompare(ctx, w, tried, some); err != nil {
			return err
		}
		if w.holder.Branch != "" {
			w.holder.Partial = false
			return nil
		}
	}
	return nil
}

// restShelf asks for the tags and releases of one repository.
func (c *Client) restShelf(ctx context.Context, s *shelf) error {
	info, err := c.restRepository(ctx, s.repository)
	if err != nil || info == nil {
		return err
	}
	tags, err := c.restTags(ctx, s.repository)
	if err != nil {
		return err
	}
	refs, err := c.restMatching(ctx, s.repository, "refs/tags")
	if err != nil {
		return err
	}
	for _, t := range tags.items {
		if o := refs[tagPrefix+t.Name]; o.kind == "tag" {
			t.Object = o.sha
		}
		s.tags = append(s.tags, t)
	}
	releases, _, err := restPages(c, func(o rest.ListOptions) ([]*rest.RepositoryRelease, *rest.Response, error) {
		return c.rest.Repositories.ListReleases(ctx, s.repository.Owner, s.repository.Name, &o)
	})
	for _, r := range releases {
		s.releases = append(s.releases, released{
			TagName: r.GetTagName(), IsDraft: r.GetDraft(), IsPrerelease: r.GetPrerelease(),
			PublishedAt: r.PublishedAt.GetTime(),
		})
	}
	return err
}
