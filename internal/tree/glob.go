package tree

import (
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
)

const globCharacters = "*?[{"

// A glob is a pattern in two parts: the real name of the folder that its
// beginning names, and what the names in it must match.
type glob struct {
	base string
	rest string
}

// checkPattern returns a pattern in its clean form, without ./ at the beginning.
func checkPattern(pattern string) (string, error) {
	const relative = "patterns are relative to the folder that is checked, with slashes, and do not lead out of it"
	parts := strings.FieldsFunc(pattern, func(r rune) bool { return strings.ContainsRune("/{,}", r) })
	switch {
	case pattern == "":
		return "", badPattern(`""`, "is no pattern", "leave it out")
	case strings.HasPrefix(pattern, "/"):
		return "", badPattern(pattern, "begins with a slash", relative)
	case strings.Contains(pattern, `\`):
		return "", badPattern(pattern, "has a backslash", relative+"; for a glob character as itself write it in brackets, as [*]")
	case slices.Contains(parts, ".."):
		return "", badPattern(pattern, "contains ..", relative)
	case !doublestar.ValidatePattern(pattern):
		return "", badPattern(pattern, "is malformed", "a bracket or brace is not closed, not opened, or empty")
	}
	clean := path.Clean(pattern)
	switch base, _ := split(clean); {
	case inGit(clean):
		return "", badPattern(pattern, "is git's own", "name files of the working tree")
	case !filepath.IsLocal(filepath.FromSlash(base)) || strings.Contains(clean, "\x00"):
		return "", badPattern(pattern, "cannot be the name of a file", relative)
	}
	return clean, nil
}

// split cuts a clean pattern at the last slash before its first glob character.
func split(pattern string) (base, rest string) {
	fixed := pattern
	if i := strings.IndexAny(pattern, globCharacters); i >= 0 {
		fixed = pattern[:i]
	}
	if i := strings.LastIndexByte(fixed, '/'); i >= 0 {
		return pattern[:i], pattern[i+1:]
	}
	return ".", pattern
}

// globs reads patterns. One whose folder does not exist matches nothing and is
// left out.
func (t *Tree) globs(patterns []string) ([]glob, error) {
	var globs []glob
	for _, p := range patterns {
		clean, err := checkPattern(p)
		if err != nil {
			return nil, err
		}
		base, rest := split(clean)
		real, info, err := t.stat(base)
		switch {
		case missing(err):
			if err := t.checkAbove(base); err != nil {
				return nil, err
			}
		case err != nil:
			return nil, err
		case info.IsDir():
			globs = append(globs, glob{real, rest})
		}
	}
	return globs, nil
}

// within returns the part of a name after a folder that it lies in.
func within(folder, name string) (string, bool) {
	if folder == "." {
		return name, true
	}
	rest, ok := strings.CutPrefix(name, folder)
	if !ok || rest == "" || rest[0] != '/' {
		return "", false
	}
	return rest[1:], true
}

func matches(globs []glob, name string) bool {
	for _, g := range globs {
		if rest, ok := within(g.base, name); ok && doublestar.MatchUnvalidated(g.rest, rest) {
			return !isTemporary(name)
		}
	}
	return false
}

// A walk is a folder to look through, and the globs to match with what is there.
type walk struct {
	base  string
	globs []glob
}

// walks returns as few walks as there can be. One from vendor/a is never part of
// one from the root, which does not go there.
func walks(globs []glob) []walk {
	var all []walk
	for _, g := range globs {
		top := g.base
		for _, other := range globs {
			if depth(other.base) < depth(top) && covers(other.base, g.base) {
				top = other.base
			}
		}
		i := slices.IndexFunc(all, func(w walk) bool { return w.base == top })
		if i < 0 {
			i = len(all)
			all = append(all, walk{base: top})
		}
		all[i].globs = append(all[i].globs, g)
	}
	return all
}

func depth(folder string) int {
	if folder == "." {
		return 0
	}
	return 1 + strings.Count(folder, "/")
}

// covers tells whether a walk from one folder comes to another below it.
func covers(from, to string) bool {
	rest, ok := within(from, to)
	return ok && !slices.ContainsFunc(strings.Split(rest, "/"), isExcluded)
}
