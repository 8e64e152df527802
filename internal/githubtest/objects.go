package githubtest

import (
	"bytes"
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Kinds of objects, as git names them.
const (
	commitKind = "commit"
	tagKind    = "tag"
	treeKind   = "tree"
	blobKind   = "blob"
)

// An object is a git object. Its id is the SHA-1 that git would give it.
type object struct {
	kind, oid string

	message string    // commit, tag
	when    time.Time // commit, tag
	parents []string  // commit
	tree    string    // commit
	depth   int       // commit: more than that of any parent

	name   string // tag
	target string // tag

	entries []entry // tree, in git's order
	content string  // blob
}

// An entry is a line of a tree.
type entry struct{ mode, name, kind, oid string }

const (
	fileMode   = "100644"
	folderMode = "40000"
)

// account who makes all commits and tags.
const (
	authorName  = "octocat"
	authorEmail = "octocat@users.noreply.github.com"
)

// put stores the object under the id of the bytes that git keeps for it.
func (r *Repo) put(o *object, data []byte) *object {
	h := sha1.New()
	fmt.Fprintf(h, "%s %d\x00", o.kind, len(data))
	h.Write(data)
	o.oid = hex.EncodeToString(h.Sum(nil))
	if old := r.objects[o.oid]; old != nil {
		return old
	}
	r.objects[o.oid] = o
	return o
}

func (r *Repo) putBlob(content string) *object {
	return r.put(&object{kind: blobKind, content: content}, []byte(content))
}

func (r *Repo) putTree(entries []entry) *object {
	// git compares the name of a folder as if it ended with a slash.
	key := func(e entry) string {
		if e.kind == treeKind {
			return e.name + "/"
		}
		return e.name
	}
	slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(key(a), key(b)) })
	var data bytes.Buffer
	for _, e := range entries {
		raw, _ := hex.DecodeString(e.oid)
		fmt.Fprintf(&data, "%s %s\x00%s", e.mode, e.name, raw)
	}
	return r.put(&object{kind: treeKind, entries: entries}, data.Bytes())
}

func (r *Repo) putCommit(tree, message string, when time.Time, parents ...string) *object {
	var data bytes.Buffer
	fmt.Fprintf(&data, "tree %s\n", tree)
	depth := 0
	for _, p := range parents {
		fmt.Fprintf(&data, "parent %s\n", p)
		depth = max(depth, r.objects[p].depth+1)
	}
	for _, role := range []string{"author", "committer"} {
		fmt.Fprintf(&data, "%s %s <%s> %d +0000\n", role, authorName, authorEmail, when.Unix())
	}
	fmt.Fprintf(&data, "\n%s", message)
	return r.put(&object{kind: commitKind, message: message, when: when, parents: parents, tree: tree, depth: depth}, data.Bytes())
}

func (r *Repo) putTag(name, target, message string, when time.Time) *object {
	data := fmt.Appendf(nil, "object %s\ntype %s\ntag %s\ntagger %s <%s> %d +0000\n\n%s",
		target, r.objects[target].kind, name, authorName, authorEmail, when.Unix(), message)
	return r.put(&object{kind: tagKind, name: name, target: target, message: message, when: when}, data)
}

// peel follows tags to what they lead to. Nil stays nil.
func (r *Repo) peel(o *object) *object {
	for o != nil && o.kind == tagKind {
		o = r.objects[o.target]
	}
	return o
}

// commitOf is the commit that an object is or leads to, or nil.
func (r *Repo) commitOf(o *object) *object {
	if o = r.peel(o); o == nil || o.kind != commitKind {
		return nil
	}
	return o
}

// flatten returns the files below a tree by path.
func (r *Repo) flatten(tree string) map[string]entry {
	files := map[string]entry{}
	var walk func(prefix, tree string)
	walk = func(prefix, tree string) {
		for _, e := range r.objects[tree].entries {
			if e.kind == treeKind {
				walk(prefix+e.name+"/", e.oid)
				continue
			}
			files[prefix+e.name] = e
		}
	}
	walk("", tree)
	return files
}

// writeTree is the opposite of flatten.
func (r *Repo) writeTree(files map[string]entry) *object {
	var entries []entry
	folders := map[string]map[string]entry{}
	for _, path := range slices.Sorted(maps.Keys(files)) {
		folder, rest, nested := strings.Cut(path, "/")
		if !nested {
			e := files[path]
			e.name = path
			entries = append(entries, e)
			continue
		}
		if folders[folder] == nil {
			folders[folder] = map[string]entry{}
		}
		folders[folder][rest] = files[path]
	}
	for folder, below := range folders {
		entries = append(entries, entry{mode: folderMode, name: folder, kind: treeKind, oid: r.writeTree(below).oid})
	}
	return r.putTree(entries)
}

// at returns the entry at a path below a tree. The empty path is the tree.
func (r *Repo) at(tree, path string) (entry, bool) {
	found := entry{mode: folderMode, kind: treeKind, oid: tree}
	if path == "" {
		return found, true
	}
	for name := range strings.SplitSeq(path, "/") {
		i := -1
		if found.kind == treeKind {
			i = slices.IndexFunc(r.objects[found.oid].entries, func(e entry) bool { return e.name == name })
		}
		if i < 0 {
			return entry{}, false
		}
		found = r.objects[found.oid].entries[i]
	}
	return found, true
}
