package pin

import (
	"strings"
	"time"

	"github.com/Masterminds/semver/v3"
)

// An Update says how far a pin may move to a newer version.
type Update string

// The updates. Latest also moves what names no semantic version.
const (
	UpdateNone   Update = "none"
	UpdatePatch  Update = "patch"
	UpdateMinor  Update = "minor"
	UpdateMajor  Update = "major"
	UpdateLatest Update = "latest"
)

// exact returns the newest version of a series that is the commit, or "".
func exact(tags []Tag, commit string) string {
	var name string
	var newest *semver.Version
	for _, tag := range tags {
		if tag.Commit != commit || !fullVersion.MatchString(tag.Name) {
			continue
		}
		v, err := semver.NewVersion(tag.Name)
		if err != nil || newest != nil && !newer(v, newest) {
			continue
		}
		name, newest = tag.Name, v
	}
	return name
}

// newer tells whether a comes after b. A final version comes after every
// pre-release here: for one commit that has both, it is the better name.
func newer(a, b *semver.Version) bool {
	if (a.Prerelease() == "") != (b.Prerelease() == "") {
		return a.Prerelease() == ""
	}
	return a.GreaterThan(b)
}

// A bound is which versions a pin may move to.
type bound struct {
	update Update
	// published is when a version must have been published at the latest, zero
	// where that does not matter.
	published time.Time
	released  bool // only what has a release
}

// newest returns the newest version within the bound that comes after current,
// nil if there is none. Of versions, names as current has them are preferred:
// with a v or without.
func (b bound) newest(current string, versions []Version) *Version {
	now, err := semver.NewVersion(current)
	if err != nil && b.update != UpdateLatest {
		return nil
	}
	var best *Version
	var bestVersion *semver.Version
	for i := range versions {
		candidate := &versions[i]
		v, err := semver.NewVersion(candidate.Name)
		switch {
		case err != nil || !fullVersion.MatchString(candidate.Name):
			continue
		case now != nil && !b.allows(now, v):
			continue
		case (v.Prerelease() != "" || candidate.Prerelease) && (now == nil || now.Prerelease() == ""):
			continue
		case b.released && candidate.Published.IsZero():
			continue
		case !b.published.IsZero() && (candidate.Published.IsZero() || candidate.Published.After(b.published)):
			continue
		}
		if best == nil || v.GreaterThan(bestVersion) || v.Equal(bestVersion) && sameForm(candidate.Name, current) {
			best, bestVersion = candidate, v
		}
	}
	return best
}

func (b bound) allows(now, v *semver.Version) bool {
	if !v.GreaterThan(now) {
		return false
	}
	switch b.update {
	case UpdatePatch:
		return v.Major() == now.Major() && v.Minor() == now.Minor()
	case UpdateMinor:
		return v.Major() == now.Major()
	case UpdateMajor, UpdateLatest:
		return true
	}
	return false
}

func sameForm(a, b string) bool {
	return strings.HasPrefix(a, "v") == strings.HasPrefix(b, "v")
}
