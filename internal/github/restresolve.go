package github

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/Masterminds/semver/v3"

	"github.com/countersign-ci/countersign/internal/pin"
)

// restResolve asks through REST.
func (c *Client) restResolve(ctx context.Context, all []*asked) ([]*asked, error) {
	return all, each(ctx, len(all), func(ctx context.Context, i int) error { return c.restQuestion(ctx, all[i]) })
}

func (c *Client) restQuestion(ctx context.Context, a *asked) error {
	// An exact tag that is there needs no other request.
	if a.Tag != "" {
		o, err := c.restRef(ctx, a.Repository, tagPrefix+a.Tag)
		if err == nil && o != nil {
			a.answer.Tag, err = c.restTag(ctx, a.Repository, a.Tag, *o)
		}
		switch {
		case errors.Is(err, errDeep):
			return deep(a.Tag)
		case errors.Is(err, errNoCommit):
		case err != nil:
			return err
		}
		if a.answer.Tag != nil && a.Series == "" && a.Commit == "" && !a.IDs {
			return nil
		}
	}
	info, err := c.restRepository(ctx, a.Repository)
	if err != nil {
		return err
	}
	if info == nil {
		a.answer = pin.Answer{NoRepository: true}
		return nil
	}
	if a.IDs {
		a.answer.RepositoryID, a.answer.OwnerID = info.id, info.owner
	}
	if a.noTag() {
		o, err := c.restRef(ctx, a.Repository, headPrefix+a.Tag)
		if err != nil {
			return err
		}
		a.answer.Branch = o != nil
	}
	if a.Commit != "" {
		head, err := c.restHead(ctx, a.Repository, info)
		if err == nil && head != "" {
			a.answer.OnDefault, err = c.restHolds(ctx, a.Repository, head, a.Commit)
		}
		if err != nil {
			return err
		}
	}
	if a.Series != "" {
		return c.restSeries(ctx, a)
	}
	return nil
}

// restSeries answers with the newest of a series, or with all of it where Commit
// is not among them. REST does not know how old a tag's commit is, so that the
// versions count.
func (c *Client) restSeries(ctx context.Context, a *asked) error {
	refs, err := c.restMatching(ctx, a.Repository, tagPrefix+a.Series)
	if err != nil {
		return err
	}
	var names []string
	for full := range maps.Keys(refs) {
		name, ok := strings.CutPrefix(full, tagPrefix)
		if ok && strings.HasPrefix(name, a.Series) && checkRef(name) == nil {
			names = append(names, name)
		}
	}
	newestFirst(names)
	names = names[:min(len(names), maxRefs)]
	// One list has the commits of all tags, which are else asked for one by one.
	commits := map[string]string{}
	if slices.ContainsFunc(names, func(name string) bool { return refs[tagPrefix+name].kind == "tag" }) {
		list, err := c.restTags(ctx, a.Repository)
		if err != nil {
			return err
		}
		for _, t := range list.items {
			commits[t.Name] = t.Commit
		}
	}
	for i, name := range names {
		if i >= firstSeries && (a.Commit == "" || a.known()) {
			break
		}
		o := refs[tagPrefix+name]
		switch commit := commits[name]; {
		case o.kind == "commit":
			a.answer.Series = append(a.answer.Series, pin.Tag{Name: name, Commit: o.sha})
		case o.kind == "tag" && commit != "":
			a.answer.Series = append(a.answer.Series, pin.Tag{Name: name, Commit: commit, Object: o.sha})
		case o.kind == "tag" && i < firstSeries:
			t, err := c.restTag(ctx, a.Repository, name, o)
			if err == nil {
				a.answer.Series = append(a.answer.Series, *t)
			} else if err != errDeep && err != errNoCommit {
				return err
			}
		}
	}
	return nil
}

// newestFirst sorts names by the versions that they are; what is none comes last.
func newestFirst(names []string) {
	versions := map[string]*semver.Version{}
	for _, name := range names {
		versions[name], _ = semver.NewVersion(name)
	}
	slices.SortFunc(names, func(a, b string) int {
		x, y := versions[a], versions[b]
		switch {
		case x != nil && y != nil:
			return cmp.Or(y.Compare(x), strings.Compare(a, b))
		case x != nil:
			return -1
		case y != nil:
			return 1
		}
		return strings.Compare(a, b)
	})
}

// restShelves asks for tags and releases through REST.
func (c *Client) restShelves(ctx context.Context, all []*shelf) ([]*shelf, error) {
	return all, each(ctx, len(all), func(ctx context.Context, i int) error { return c.restShelf(ctx, all[i]) })
}
