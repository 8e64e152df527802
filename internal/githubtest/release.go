package githubtest

import (
	"slices"
	"time"
)

// A Release is what a test says about a release. Where Published is zero a release
// that is no draft was published when its commit was made.
type Release struct {
	Draft, Prerelease bool
	Published         time.Time
}

type release struct {
	Release
	id      int64
	tag     string
	created time.Time
}

// Release makes a release of a tag. As on GitHub, publishing creates a tag that
// does not exist, at the head of the default branch; a draft does not.
func (r *Repo) Release(tag string, rel Release) {
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	ref := "refs/tags/" + tag
	if _, ok := r.refs[ref]; !ok && !rel.Draft {
		r.setRef(ref, r.refs["refs/heads/"+r.branch])
	}
	created := r.tick()
	if o := r.commitOf(r.objects[r.refs[ref]]); o != nil {
		created = o.when // GitHub's created_at is the date of the commit
	}
	switch {
	case rel.Draft:
		rel.Published = time.Time{}
	case rel.Published.IsZero():
		rel.Published = created
	}
	rel.Published = rel.Published.UTC().Truncate(time.Second) // GitHub's dates have no more
	r.releases = append(r.releases, &release{
		Release: rel, id: r.id*1000 + int64(len(r.releases)) + 1, tag: tag, created: created,
	})
}

// newestReleases returns all releases, newest first.
func (r *Repo) newestReleases() []*release {
	all := slices.Clone(r.releases)
	slices.Reverse(all)
	slices.SortStableFunc(all, func(a, b *release) int { return b.created.Compare(a.created) })
	return all
}

// latestRelease is the newest that is neither a draft nor a pre-release, or nil.
func (r *Repo) latestRelease() *release {
	for _, rel := range r.newestReleases() {
		if !rel.Draft && !rel.Prerelease {
			return rel
		}
	}
	return nil
}

// releaseOf is the published release of a tag, or nil.
func (r *Repo) releaseOf(tag string) *release {
	for _, rel := range r.newestReleases() {
		if rel.tag == tag && !rel.Draft {
			return rel
		}
	}
	return nil
}
