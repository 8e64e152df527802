package githubtest

import (
	"maps"
	"net/url"
	"slices"
)

// A File is what a commit has at a path.
type File struct {
	Mode    string // as git writes it; empty is that of a plain file
	Content string // of a link its target, of a submodule the id of its commit
}

// Modes of files beside the plain one.
const (
	ModeExecutable = "100755"
	ModeLink       = "120000"
	ModeSubmodule  = "160000"
)

// CommitFiles makes a commit that has exactly those files, by path, and that no ref
// holds. Without parents it is the first of a history of its own.
func (r *Repo) CommitFiles(files map[string]File, parents ...string) string {
	r.s.t.Helper()
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	for _, p := range parents {
		if o := r.objects[p]; o == nil || o.kind != commitKind {
			r.s.errorf("%s has no commit %q", r.fullName(), p)
			return ""
		}
	}
	entries := map[string]entry{}
	for path, f := range files {
		e := entry{mode: f.Mode, kind: blobKind}
		switch f.Mode {
		case ModeSubmodule:
			e.kind, e.oid = commitKind, f.Content
		case "":
			e.mode = fileMode
			fallthrough
		default:
			e.oid = r.putBlob(f.Content).oid
		}
		if !validPath(path) || !isID(e.oid) {
			r.s.errorf("%+v at %q cannot be in a commit", f, path)
			return ""
		}
		entries[path] = e
	}
	return r.putCommit(r.writeTree(entries).oid, "Have these files", r.tick(), parents...).oid
}

// maxDiff is how many files a comparison has at most.
const maxDiff = 300

// diffShape is how the files of two commits differ. A file with another name and the
// same content counts as renamed. All count as binary: they have no patch and no
// lines.
func (c *call) diffShape(base, head *object) []any {
	before, after := c.repo.flatten(base.tree), c.repo.flatten(head.tree)
	moved := map[string]bool{}
	gone := map[string][]string{} // paths by what was there: a file or a link, and its id
	for _, path := range slices.Sorted(maps.Keys(before)) {
		if e := before[path]; after[path].oid == "" && e.kind == blobKind {
			gone[e.mode[:3]+e.oid] = append(gone[e.mode[:3]+e.oid], path)
		}
	}
	list := map[string]shapeOf{}
	put := func(path, status, oid string, at *object) {
		rev, escaped := at.oid, url.PathEscape(path)
		list[path] = shapeOf{
			"filename": path, "status": status, "sha": oid, "additions": 0, "deletions": 0, "changes": 0,
			"blob_url": c.repoHTML() + "/blob/" + rev + "/" + escaped, "raw_url": c.repoHTML() + "/raw/" + rev + "/" + escaped,
			"contents_url": c.repoURL() + "/contents/" + escaped + "?ref=" + rev,
		}
	}
	for _, path := range slices.Sorted(maps.Keys(after)) {
		was, is := before[path], after[path]
		switch {
		case was.oid == "" && len(gone[is.mode[:3]+is.oid]) > 0:
			old := gone[is.mode[:3]+is.oid]
			put(path, "renamed", is.oid, head)
			list[path]["previous_filename"], moved[old[0]] = old[0], true
			gone[is.mode[:3]+is.oid] = old[1:]
		case was.oid == "":
			put(path, "added", is.oid, head)
		case was.mode[:3] != is.mode[:3]: // a file, a link, a submodule
			put(path, "changed", is.oid, head)
		case was.oid != is.oid || was.mode != is.mode:
			put(path, "modified", is.oid, head)
		}
	}
	for path, was := range before {
		if after[path].oid == "" && !moved[path] {
			put(path, "removed", was.oid, base)
		}
	}
	files := []any{}
	for _, path := range slices.Sorted(maps.Keys(list)) {
		files = append(files, list[path])
	}
	return files[:min(len(files), maxDiff)]
}
