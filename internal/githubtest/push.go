package githubtest

import (
	"os/exec"
	"slices"
	"strings"
	"time"
)

// Push puts what is checked out in a git checkout on a branch, as `git push`
// does, and returns the commit. Of its history come those parents that are there
// already.
func (r *Repo) Push(branch, dir string) string {
	r.s.t.Helper()
	git := func(args ...string) string {
		r.s.t.Helper()
		out, err := exec.Command("git", append([]string{"-C", dir}, args...)...).Output()
		if err != nil {
			r.s.t.Errorf("git %s: %v", args[0], err)
		}
		return string(out)
	}
	head := strings.TrimSpace(git("rev-parse", "HEAD"))
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	files := map[string]entry{}
	for line := range strings.SplitSeq(git("ls-tree", "-r", "-z", "HEAD"), "\x00") {
		about, name, ok := strings.Cut(line, "\t")
		if fields := strings.Fields(about); ok && fields[1] == blobKind {
			blob := r.putBlob(git("cat-file", blobKind, fields[2]))
			files[name] = entry{mode: fields[0], kind: blobKind, oid: blob.oid}
		}
	}
	tree := r.writeTree(files)
	if want := strings.TrimSpace(git("rev-parse", "HEAD^{tree}")); tree.oid != want {
		r.s.t.Errorf("the tree is %s, and git has %s", tree.oid, want)
	}
	parents := slices.DeleteFunc(strings.Fields(git("log", "-1", "--format=%P")), func(oid string) bool { return r.objects[oid] == nil })
	r.objects[head] = &object{kind: commitKind, oid: head, message: "pushed", when: time.Unix(0, 0), tree: tree.oid, parents: parents}
	r.setRef("refs/heads/"+branch, head)
	return head
}
