package config

import (
	"regexp"

	"github.com/bmatcuk/doublestar/v4"
)

// An Update is about versions in some files that follow the newest release.
type Update struct {
	Path    string         // glob
	Pattern *regexp.Regexp // has one capturing group and matches no empty text
}

// Matches tells whether the update is about a file, by its path from the root of
// the repository, with slashes.
func (u Update) Matches(path string) bool { return doublestar.MatchUnvalidated(u.Path, path) }

// Find returns where versions stand in a text: the first byte of each, and the
// byte after it, in order. Where the group of the pattern matched nothing there
// is none. The CR of a line end is never part of a version, although a dot
// matches it.
func (u Update) Find(text []byte) (versions [][2]int) {
	for _, m := range u.Pattern.FindAllSubmatchIndex(text, -1) {
		start, end := m[2], m[3]
		if start < end && end < len(text) && text[end-1] == '\r' && text[end] == '\n' {
			end--
		}
		if start < end {
			versions = append(versions, [2]int{start, end})
		}
	}
	return versions
}

const maxUpdates = 100

var updateKeys = []key[Update]{
	{name: "path", required: true, read: func(v value, u *Update) (err error) {
		u.Path, err = v.glob()
		return err
	}},
	{name: "pattern", required: true, read: func(v value, u *Update) (err error) {
		u.Pattern, err = v.pattern()
		return err
	}},
}

func (v value) updates(keys []key[Update]) ([]Update, error) {
	if err := v.atMost(maxUpdates, "one path can be a glob such as docs/**/*.md"); err != nil {
		return nil, err
	}
	return items(v, func(v value) (u Update, err error) {
		err = mapping(v, keys, &u)
		return u, err
	})
}
