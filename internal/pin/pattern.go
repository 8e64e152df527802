package pin

import (
	"strings"

	"github.com/Masterminds/semver/v3"

	"github.com/countersign-ci/countersign/internal/config"
	"github.com/countersign-ci/countersign/internal/report"
)

// follow takes the newest of the own repository's versions for the patterns.
func (c *checker) follow(versions []Version) {
	b, versions := c.ownBound(versions)
	c.newest = b.newest("", versions)
}

// stale returns the places in a file where patterns match and do not show the
// newest version.
func (c *checker) stale(f *File) []*verdict {
	if c.newest == nil {
		return nil
	}
	var stale []*verdict
	for _, u := range c.Config.Updates {
		if !u.Matches(f.Name) {
			continue
		}
		for _, r := range patternRefs(u, f) {
			if !comesAfter(c.newest.Name, r.Text) {
				continue
			}
			v := &verdict{Ref: r, version: c.newest.Name, commit: c.newest.Commit, replacement: inForm(r.Text, c.newest.Name)}
			if !c.Write {
				c.fail(v, report.Outdated, "the newest version is %s", c.newest.Name)
			}
			stale = append(stale, v)
		}
	}
	return stale
}

// patternRefs returns the places in a file that a pattern matches, as refs
// without a repository.
func patternRefs(u config.Update, f *File) []*Ref {
	var refs []*Ref
	for _, m := range u.Find(f.Text) {
		refs = append(refs, &Ref{
			target: target{kind: Pattern}, File: f.Name, Text: string(f.Text[m[0]:m[1]]),
			start: m[0], end: m[1], spliceable: true,
		})
	}
	(&File{Text: f.Text, Refs: refs}).locate()
	return refs
}

// inForm returns a version in the form that stood there: with a v or without.
func inForm(old, version string) string {
	bare, hasV := strings.CutPrefix(version, "v")
	if hasV && old != "" && old[0] >= '0' && old[0] <= '9' {
		return bare
	}
	return version
}

// comesAfter tells whether a version is newer than the text that stands in its
// place. Text that is no version is replaced by any.
func comesAfter(version, old string) bool {
	now, err := semver.NewVersion(old)
	if err != nil {
		return inForm(old, version) != old
	}
	v, err := semver.NewVersion(version)
	return err == nil && v.GreaterThan(now)
}
