package github

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/Masterminds/semver/v3"

	"github.com/countersign-ci/countersign/internal/pin"
)

// A released is a release.
type released struct {
	TagName      string
	IsDraft      bool
	IsPrerelease bool
	PublishedAt  *time.Time
}

// A shelf is what is known of a repository's tags and releases.
type shelf struct {
	repository   pin.Repository
	tags         []pin.Tag
	releases     []released
	tagPages     pages
	releasePages pages
}

func (s *shelf) open() bool { return !s.tagPages.end || !s.releasePages.end }

// Versions implements [pin.Server]. A version is a tag of three numbers, with a v
// or not, that semver takes (semver.org); the newest 500 tags and releases count.
// Newer versions come first. Where a release is a draft, its tag is left out. A
// repository that does not exist has no versions.
func (c *Client) Versions(ctx context.Context, repositories []pin.Repository) ([][]pin.Version, error) {
	for _, r := range repositories {
		if err := checkRepository(r); err != nil {
			return nil, err
		}
	}
	different, index := distinct(repositories, pin.Repository.Key)
	all, err := either(c,
		func() ([]*shelf, error) { return c.shelves(ctx, newShelves(different)) },
		func() ([]*shelf, error) { return c.restShelves(ctx, newShelves(different)) })
	if err != nil {
		return nil, err
	}
	versions := make([][]pin.Version, len(repositories))
	for i, at := range index {
		versions[i] = all[at].versions()
	}
	return versions, nil
}

func newShelves(repositories []pin.Repository) []*shelf {
	all := make([]*shelf, len(repositories))
	for i, r := range repositories {
		all[i] = &shelf{repository: r}
	}
	return all
}

// shelves asks through GraphQL, a page of several repositories in one request.
func (c *Client) shelves(ctx context.Context, all []*shelf) ([]*shelf, error) {
	for {
		open := slices.DeleteFunc(slices.Clone(all), func(s *shelf) bool { return !s.open() })
		if len(open) == 0 {
			return all, nil
		}
		if err := batches(ctx, open, listBudget, func(*shelf) int { return 1 }, c.askShelves); err != nil {
			return nil, err
		}
	}
}

func (c *Client) askShelves(ctx context.Context, batch []*shelf) error {
	q := newQuery("query")
	for i, s := range batch {
		q.open(fmt.Sprintf("r%d", i), s.repository)
		if !s.tagPages.end {
			q.tags("t", "", s.tagPages.next, page)
		}
		if !s.releasePages.end {
			q.releases("l", s.releasePages.next)
		}
		q.add("}")
	}
	root, err := c.ask(ctx, q, len(batch) > 1)
	if err != nil {
		return err
	}
	for i, s := range batch {
		f, err := root.repository(fmt.Sprintf("r%d", i))
		if err != nil {
			return err
		}
		if err := s.read(f); err != nil {
			return err
		}
	}
	return nil
}

func (q *query) releases(alias, after string) {
	q.add("%s:releases(first:%d,orderBy:{field:CREATED_AT,direction:DESC}", alias, page)
	if after != "" {
		q.add(",after:%s", q.value("String!", after))
	}
	q.add("){nodes{tagName isDraft isPrerelease publishedAt}pageInfo{hasNextPage endCursor}}")
}

// read reads the part of a repository, which is nil where there is none.
func (s *shelf) read(f *field) error {
	if f == nil {
		s.tagPages.end, s.releasePages.end = true, true
		return nil
	}
	if !s.tagPages.end {
		tags, seen, next, err := f.tags("t")
		if err != nil {
			return err
		}
		s.tags = append(s.tags, tags...)
		s.tagPages.read(seen, next)
	}
	if s.releasePages.end {
		return nil
	}
	nodes, next, err := f.nodes("l")
	if err != nil {
		return err
	}
	for _, n := range nodes {
		var r released
		if _, err := n.get("tagName", &r.TagName); err != nil {
			return err
		}
		if _, err := n.get("isDraft", &r.IsDraft); err != nil {
			return err
		}
		if _, err := n.get("isPrerelease", &r.IsPrerelease); err != nil {
			return err
		}
		if _, err := n.get("publishedAt", &r.PublishedAt); err != nil {
			return err
		}
		s.releases = append(s.releases, r)
	}
	s.releasePages.read(len(nodes), next)
	return nil
}

// versions puts tags and releases together.
func (s *shelf) versions() []pin.Version {
	type numbered struct {
		pin.Version
		number *semver.Version
	}
	releases := map[string]released{}
	for _, r := range s.releases {
		// A tag may have a published release and drafts beside it.
		if old, ok := releases[r.TagName]; !ok || old.IsDraft {
			releases[r.TagName] = r
		}
	}
	var all []numbered
	for _, t := range s.tags {
		number, err := semver.StrictNewVersion(strings.TrimPrefix(t.Name, "v"))
		r := releases[t.Name]
		if err != nil || r.IsDraft {
			continue
		}
		v := pin.Version{Tag: t, Prerelease: r.IsPrerelease}
		if r.PublishedAt != nil {
			v.Published = *r.PublishedAt
		}
		all = append(all, numbered{v, number})
	}
	slices.SortFunc(all, func(a, b numbered) int {
		return cmp.Or(b.number.Compare(a.number), strings.Compare(a.Name, b.Name))
	})
	versions := make([]pin.Version, len(all))
	for i, v := range all {
		versions[i] = v.Version
	}
	return versions
}
