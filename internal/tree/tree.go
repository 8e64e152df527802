// Package tree owns the files of a working tree: which there are, what is in
// them, and how several of them are replaced.
//
// A name is a path relative to the root, with slashes, such as
// .github/workflows/ci.yml, whatever bytes it is made of. A file has one real
// name, on which no link lies; links stand for it while they stay in the root
// and out of .git. Everything else that a link can lead to is an error and never
// passed over, for a file that nobody looked at would count as checked.
//
// Where the root lies in a checkout git tells which files there are, so the
// names of a root that is a subfolder of the checkout are relative to it. git
// runs read-only and without what a repository's configuration can have it run:
// monitors, hooks, filters, transports. No variable GIT_… of the environment
// counts; the user's and the system's configuration do.
//
// A replacement of docs/use.md is written to docs/.use.md.countersign and renamed.
// What is called so is nobody's file: it is listed nowhere, and removed where a
// killed run left it.
package tree

import (
	"context"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// maxSize bounds one file, in bytes. What people write by hand is far smaller.
const maxSize = 16 << 20

// A Tree is a folder and what lies in it. It holds nothing open.
type Tree struct {
	root    string       // its real path, with a separator at the end
	program string       // the path of git; empty where the root is in no checkout
	step    func(string) // nil but in tests, which look on at Replace or end there
}

// Open opens the folder dir as the root of a tree. It finds out whether dir lies
// in a git checkout; without git on PATH nothing does. A checkout that git
// refuses to read, as it does with one that belongs to another user, is an error.
func Open(ctx context.Context, dir string) (*Tree, error) {
	root, err := filepath.Abs(dir)
	if err == nil {
		root, err = filepath.EvalSymlinks(root)
	}
	var info os.FileInfo
	if err == nil {
		info, err = os.Stat(root)
	}
	const advice = "the root of a tree is a folder; check its path"
	if err != nil {
		return nil, &Error{Name: dir, Reason: "cannot be opened", Advice: advice, Cause: err}
	}
	if !info.IsDir() {
		return nil, &Error{Name: dir, Reason: "is not a folder", Advice: advice}
	}
	t := &Tree{root: strings.TrimSuffix(root, string(filepath.Separator)) + string(filepath.Separator)}
	if err := t.findGit(ctx); err != nil {
		return nil, err
	}
	return t, nil
}

// path returns where a name lies. The system calls take the path as it is.
func (t *Tree) path(name string) string {
	if name == "." {
		return t.root
	}
	return t.root + filepath.FromSlash(name)
}

// name returns the name of what lies at a clean path, if that is in the root.
func (t *Tree) name(path string) (string, bool) {
	if path+string(filepath.Separator) == t.root || path == t.root {
		return ".", true
	}
	name, ok := strings.CutPrefix(path, t.root)
	return filepath.ToSlash(name), ok
}

// valid tells whether a name can be one of this tree: clean, relative, and not
// leading up or into git's own folder.
func valid(name string) bool {
	return filepath.IsLocal(filepath.FromSlash(name)) && path.Clean(name) == name && !inGit(name)
}

// inGit tells whether a name lies in a .git folder. Some systems do not tell
// capital letters from small ones.
func inGit(name string) bool {
	for part := range strings.SplitSeq(name, "/") {
		if strings.EqualFold(part, ".git") {
			return true
		}
	}
	return false
}

// temporary returns the name of the new file beside the target.
func temporary(target string) string {
	dir, base := path.Split(target)
	return dir + "." + base + temporarySuffix
}

const temporarySuffix = ".countersign"

// isTemporary tells whether a name is one that [temporary] returns.
func isTemporary(name string) bool {
	base := path.Base(name)
	return len(base) > 1+len(temporarySuffix) && base[0] == '.' && strings.HasSuffix(base, temporarySuffix)
}
