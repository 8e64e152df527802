package tree

import (
	"context"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// Tracked returns the real names of the files that the patterns match, sorted and
// each once: in a git checkout of those that git tracks, elsewhere of all but
// what is in folders called .git, node_modules and vendor. A tracked file that is
// not there any more and a submodule are passed over.
//
// A pattern has slashes and the glob characters of doublestar (`*`, `**`, `?`,
// `[…]`, `{…}`). Globs do not go through links to folders, but what comes before
// the first glob character may be one, as .buildkite in .buildkite/*.yml.
func (t *Tree) Tracked(patterns []string) ([]string, error) {
	globs, err := t.globs(patterns)
	if err != nil {
		return nil, err
	}
	return t.match(globs, "--cached")
}

// Named returns the real names of the files that a user names, sorted and each
// once. A pattern without glob characters is the name of a file, which must
// exist. A glob takes what it takes in Tracked, and in a git checkout also files
// that git neither tracks nor ignores.
func (t *Tree) Named(patterns []string) ([]string, error) {
	var names, globs []string
	for _, p := range patterns {
		if strings.ContainsAny(p, globCharacters) {
			globs = append(globs, p)
			continue
		}
		name, err := t.literal(p)
		if err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	compiled, err := t.globs(globs)
	if err != nil {
		return nil, err
	}
	found, err := t.match(compiled, "--cached", "--others", "--exclude-standard")
	if err != nil {
		return nil, err
	}
	return sortedOnce(append(names, found...)), nil
}

// literal returns the real name of the file that a pattern names.
func (t *Tree) literal(pattern string) (string, error) {
	name, err := checkPattern(pattern)
	if err != nil {
		return "", err
	}
	real, info, err := t.stat(name)
	switch {
	case missing(err):
		return "", badPattern(pattern, "does not exist", "files are named relative to the folder that is checked")
	case err != nil:
		return "", err
	case info.IsDir():
		return "", badPattern(pattern, "is a folder", "for all files in it write "+path.Join(name, "**"))
	case !info.Mode().IsRegular():
		return "", irregular(name)
	}
	return real, nil
}

// An entry is what a listing has found. Its mode is known where the listing says
// what it is.
type entry struct {
	name  string
	mode  fs.FileMode
	known bool
}

// match returns the files that one of the globs matches; list are the flags with
// which git lists files.
func (t *Tree) match(globs []glob, list ...string) ([]string, error) {
	if len(globs) == 0 {
		return nil, nil
	}
	var found []entry
	var err error
	if t.program == "" {
		found, err = t.walk(globs)
	} else {
		found, err = t.list(globs, list)
	}
	if err != nil {
		return nil, err
	}
	names := make([]string, len(found))
	var dirs folders
	err = parallel(min(runtime.GOMAXPROCS(0), 8), len(found), func() func(int) error {
		return func(i int) (err error) {
			names[i], err = t.take(found[i], &dirs)
			return err
		}
	})
	if err != nil {
		return nil, err
	}
	return sortedOnce(slices.DeleteFunc(names, func(name string) bool { return name == "" })), nil
}

// take returns the real name of the file that an entry stands for, or "" where it
// is none that counts.
func (t *Tree) take(e entry, dirs *folders) (string, error) {
	if !e.known {
		real, err := dirs.isReal(t, path.Dir(e.name))
		switch {
		case missing(err):
			return "", nil
		case err != nil:
			return "", unreadable(e.name, err)
		case !real:
			// git takes a file for deleted where a link has come in the place of its
			// folder; what is there instead must not be passed over.
			return t.takeBelow(e.name)
		}
		info, err := os.Lstat(t.path(e.name))
		switch {
		case missing(err):
			return "", nil
		case err != nil:
			return "", unreadable(e.name, err)
		}
		e.mode = info.Mode()
	}
	switch {
	case e.mode.IsRegular():
		return e.name, nil
	case e.mode.IsDir():
		return "", nil
	}
	return t.takeLink(e.name)
}

// takeBelow is take for a name whose folder is a link, or a file.
func (t *Tree) takeBelow(name string) (string, error) {
	// The folder's own error comes first: the file may be missing out there.
	if err := t.checkAbove(path.Dir(name)); err != nil {
		return "", err
	}
	real, err := t.takeLink(name)
	if missing(err) {
		return "", nil
	}
	return real, err
}

// takeLink is take for a name that may be a link, or have one in it.
func (t *Tree) takeLink(name string) (string, error) {
	real, info, err := t.stat(name)
	switch {
	case err != nil:
		return "", err
	case info.IsDir():
		return "", nil // what is in it is there under its own name
	case !info.Mode().IsRegular():
		return "", irregular(name)
	}
	return real, nil
}

// list returns what git lists and a glob matches. git does not say what is there
// in the working tree.
func (t *Tree) list(globs []glob, flags []string) ([]entry, error) {
	out, err := t.git(context.Background(), append([]string{"ls-files", "-z"}, flags...)...)
	if err != nil {
		return nil, err
	}
	var found []entry
	for name := range strings.SplitSeq(string(out), "\x00") {
		// A name with a slash at its end is that of another checkout.
		if name == "" || strings.HasSuffix(name, "/") || !matches(globs, name) {
			continue
		}
		if !valid(name) {
			return nil, &Error{Name: name, Reason: "is in git's index, and cannot be the name of a file here"}
		}
		found = append(found, entry{name: name})
	}
	return found, nil
}

// walk returns what lies in the folder of a glob and the glob matches.
func (t *Tree) walk(globs []glob) ([]entry, error) {
	var found []entry
	for _, w := range walks(globs) {
		top := t.path(w.base)
		err := filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
			name, _ := t.name(path)
			switch {
			case err != nil:
				return unreadable(name, err)
			case path == top:
				return nil
			case d.IsDir() && isExcluded(d.Name()):
				return filepath.SkipDir
			case !d.IsDir() && !inGit(d.Name()) && matches(w.globs, name):
				found = append(found, entry{name, d.Type(), true})
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return found, nil
}

// isExcluded tells whether a folder holds what is not the project's own.
func isExcluded(folder string) bool {
	return strings.EqualFold(folder, ".git") || folder == "node_modules" || folder == "vendor"
}

func sortedOnce(names []string) []string {
	slices.Sort(names)
	return slices.Compact(names)
}
