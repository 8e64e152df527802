package pin

import (
	"context"
	"slices"

	"github.com/countersign-ci/countersign/internal/report"
)

// update has refs move to newer versions.
func (c *checker) update(ctx context.Context) error {
	var candidates []*verdict
	var repositories []Repository
	index := map[string]int{}
	for _, v := range c.verdicts {
		if v.kind == Plugin || v.kind == Action || v.kind == Workflow {
			v.own = isMarkdown(v.File) && c.Own != (Repository{}) && v.repository.Key() == c.Own.Key()
		}
		if v.commit == "" || c.leavesAlone(v) || v.fails() || !v.spliceable || !c.updates(v) {
			continue
		}
		candidates = append(candidates, v)
		if _, ok := index[v.repository.Key()]; !ok {
			index[v.repository.Key()] = len(repositories)
			repositories = append(repositories, v.repository)
		}
	}
	patterns := len(c.Config.Updates) > 0 && c.rewrites()
	if _, ok := index[c.Own.Key()]; patterns && !ok {
		index[c.Own.Key()] = len(repositories)
		repositories = append(repositories, c.Own)
	}
	if len(repositories) == 0 {
		return nil
	}
	versions, err := c.server.Versions(ctx, repositories)
	if err != nil {
		return err
	}
	for _, v := range candidates {
		c.move(v, versions[index[v.repository.Key()]])
	}
	if patterns {
		c.follow(versions[index[c.Own.Key()]])
	}
	return nil
}

// rewrites tells whether newer versions are looked for.
func (c *checker) rewrites() bool {
	return c.Write || c.Update != UpdateNone && c.Update != ""
}

// updates tells whether a ref may move. Its own repository's newest release is
// what a README is to show, whatever else is asked for.
func (c *checker) updates(v *verdict) bool {
	if v.kind == Image || v.answer == nil {
		return false
	}
	return c.rewrites() && (v.own || c.Update != UpdateNone && c.Update != "")
}

// move has a ref become a pin of the newest version that it may have.
func (c *checker) move(v *verdict, versions []Version) {
	b := bound{update: c.Update}
	if c.MinAge > 0 {
		b.published = c.Now.Add(-c.MinAge)
	}
	if v.own {
		b, versions = c.ownBound(versions)
	}
	newest := b.newest(v.version, versions)
	if newest == nil {
		return
	}
	style := v.style
	if v.target.commit == "" && v.kind == Plugin {
		style = c.Style
	}
	next := &pinned{newest.Name, newest.Commit, style}
	if problem, ok := v.hasRoom(next); !ok {
		c.fail(v, report.Outdated, "the newest version is %s, but %s", newest.Name, problem)
		return
	}
	if !c.Write {
		c.fail(v, report.Outdated, "the newest version is %s", newest.Name)
	}
	v.next = next
}

// ownBound returns the bound for what follows the own repository, and its
// versions: the tag that is being released, or else the releases. A repository
// that makes none has its versions as tags.
func (c *checker) ownBound(versions []Version) (bound, []Version) {
	b := bound{update: UpdateLatest}
	if c.OwnVersion != "" {
		return b, slices.DeleteFunc(slices.Clone(versions), func(v Version) bool { return v.Name != c.OwnVersion })
	}
	b.released = slices.ContainsFunc(versions, func(v Version) bool { return !v.Published.IsZero() })
	return b, versions
}
