package githubtest

import (
	"strings"
	"time"
)

// A Repo is a repository of a [Server]. Its methods report what a test gets wrong,
// such as an unknown commit, by t.Errorf.
type Repo struct {
	s       *Server
	id      int64
	owner   *account
	name    string
	private bool
	branch  string // the default
	objects map[string]*object
	refs    map[string]string // full names
	sorted  []string          // names of refs, or nil after a change
	ticks   int

	releases []*release
	pulls    []*pull
}

type account struct {
	id    int64
	login string
	kind  string // User, Organization or Bot
}

var wellKnown = []account{
	{id: 583231, login: "octocat", kind: "User"},
	{id: 480938, login: "hubot", kind: "User"},
	{id: 41898282, login: "github-actions[bot]", kind: "Bot"},
}

// Each commit and tag is a minute younger than the one before, so that all ids
// differ and all orders are known.
var epoch = time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)

func (r *Repo) tick() time.Time {
	r.ticks++
	return epoch.Add(time.Duration(r.ticks) * time.Minute)
}

// newRepo makes a repository. The caller holds s.mu.
func (s *Server) newRepo(owner, name string) *Repo {
	a := s.accounts[strings.ToLower(owner)]
	if a == nil {
		a = &account{id: firstOwnerID + int64(len(s.accounts)-len(wellKnown)), login: owner, kind: "Organization"}
		s.accounts[strings.ToLower(owner)] = a
	}
	r := &Repo{
		s: s, id: firstRepoID + int64(len(s.repos)), owner: a, name: name, branch: "main",
		objects: map[string]*object{}, refs: map[string]string{},
	}
	root := r.putCommit(r.putTree(nil).oid, "The beginning of "+r.fullName(), r.tick())
	r.setRef("refs/heads/main", root.oid)
	s.repos[strings.ToLower(r.fullName())] = r
	s.byID[r.id] = r
	return r
}

func (r *Repo) fullName() string { return r.owner.login + "/" + r.name }

// ID is the repository's numeric id.
func (r *Repo) ID() int64 { return r.id }

// OwnerID is the numeric id of the repository's owner.
func (r *Repo) OwnerID() int64 { return r.owner.id }

// SetDefaultBranch names the default branch. It need not exist: a repository
// without any commit has a default branch too.
func (r *Repo) SetDefaultBranch(name string) {
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	r.branch = name
}

// Head returns the commit of a branch, or "" where there is no such branch.
func (r *Repo) Head(branch string) string {
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	return r.refs["refs/heads/"+branch]
}

// Commit puts a new commit on a branch and returns its id. A branch that does not
// exist starts from the default branch.
func (r *Repo) Commit(branch, message string) string {
	r.s.t.Helper()
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	parent, ok := r.refs["refs/heads/"+branch]
	if !ok {
		parent = r.refs["refs/heads/"+r.branch]
	}
	oid := r.commitOn(parent, message)
	if oid != "" {
		r.setRef("refs/heads/"+branch, oid)
	}
	return oid
}

// CommitOn makes a commit that no ref holds.
func (r *Repo) CommitOn(parent, message string) string {
	r.s.t.Helper()
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	return r.commitOn(parent, message)
}

// ForkCommit makes a commit in a fork of the repository. GitHub keeps the objects
// of all forks together, so that the repository knows it by its id although no
// ref of the repository leads there.
func (r *Repo) ForkCommit(parent string) string {
	r.s.t.Helper()
	return r.CommitOn(parent, "in a fork")
}

func (r *Repo) commitOn(parent, message string) string {
	r.s.t.Helper()
	p := r.objects[parent]
	if p == nil || p.kind != commitKind {
		r.s.errorf("%s has no commit %q", r.fullName(), parent)
		return ""
	}
	return r.putCommit(p.tree, message, r.tick(), parent).oid
}

// Branch creates or moves a branch.
func (r *Repo) Branch(name, commit string) {
	r.s.t.Helper()
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	if o := r.objects[commit]; o == nil || o.kind != commitKind {
		r.s.errorf("%s has no commit %q", r.fullName(), commit)
		return
	}
	r.setRef("refs/heads/"+name, commit)
}

// Tag creates or moves a lightweight tag.
func (r *Repo) Tag(name, target string) {
	r.s.t.Helper()
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	if r.objects[target] == nil {
		r.s.errorf("%s has no object %q", r.fullName(), target)
		return
	}
	r.setRef("refs/tags/"+name, target)
}

// AnnotatedTag creates or moves a tag through a tag object of its own, whose id it
// returns. The target is any object, another tag's too.
func (r *Repo) AnnotatedTag(name, target string) (object string) {
	r.s.t.Helper()
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	if r.objects[target] == nil {
		r.s.errorf("%s has no object %q", r.fullName(), target)
		return ""
	}
	object = r.putTag(name, target, name+"\n", r.tick()).oid
	r.setRef("refs/tags/"+name, object)
	return object
}

// Delete removes a ref, such as refs/heads/main. Its objects stay.
func (r *Repo) Delete(ref string) {
	r.s.t.Helper()
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	if _, ok := r.refs[ref]; !ok {
		r.s.errorf("%s has no ref %q", r.fullName(), ref)
	}
	r.setRef(ref, "")
}

// File returns what a file holds on a branch.
func (r *Repo) File(branch, path string) (content string, ok bool) {
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	o := r.objects[r.refs["refs/heads/"+branch]]
	if o == nil {
		return "", false
	}
	e, ok := r.at(o.tree, path)
	if !ok || e.kind != blobKind {
		return "", false
	}
	return r.objects[e.oid].content, true
}
