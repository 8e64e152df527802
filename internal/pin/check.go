package pin

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/countersign-ci/countersign/internal/config"
	"github.com/countersign-ci/countersign/internal/report"
)

// Options are what a check asks for.
type Options struct {
	Host  string // of the server, such as github.com
	Style Style  // of new pins of plugins

	// Write: the refs are to be rewritten, so what a rewrite mends is no finding.
	Write  bool
	Update Update
	MinAge time.Duration // how long ago a version must have been published
	Now    time.Time

	RequireBranch bool // a commit that only a tag holds fails

	Config *config.Config // what is allowed, excepted, and follows releases

	// Own is the repository whose tree it is, and OwnVersion the tag that is
	// being released there; both may be empty. In its Markdown it is named in
	// its newest version.
	Own        Repository
	OwnVersion string

	Lock *Lock // GitHub's lockfile, nil where there is none
}

// A Result is what a check found.
type Result struct {
	Findings []report.Finding
	Pins     []Pin
	// Changes are the files as they are to be, where Write was asked for and
	// nothing stands against it.
	Changes []Change
}

// A Pin is what the report says of a ref; what is not known is empty.
type Pin struct {
	File        string `json:"file"`
	Line        int    `json:"line"`
	Column      int    `json:"column"`
	Text        string `json:"text"`
	Kind        Kind   `json:"kind"`
	Repository  string `json:"repository"`
	Version     string `json:"version"`
	Commit      string `json:"commit"`
	Status      string `json:"status"` // pinned, local, or the rule that it breaks
	Replacement string `json:"replacement"`
}

// A Change is another text for a file.
type Change struct {
	Name     string
	Old, New []byte
}

// A verdict is what a check makes of one ref.
type verdict struct {
	*Ref
	findings []report.Finding
	asked    bool
	question Question
	answer   *Answer
	version  string  // the exact version that it names, where that is known
	commit   string  // that it leads to
	next     *pinned // what it is to become
	own      bool    // it follows the newest release of its own repository

	replacement string // for what a pattern matched
}

// A checker is one check.
type checker struct {
	Options
	server   Server
	verdicts []*verdict
	newest   *Version // of the own repository, for patterns
}

// Check checks the refs of files against the server. An error means that nothing
// was decided.
func Check(ctx context.Context, server Server, files []*File, o Options) (*Result, error) {
	c := &checker{Options: o, server: server}
	for _, f := range files {
		for _, r := range f.Refs {
			c.verdicts = append(c.verdicts, c.readText(r))
		}
	}
	if o.Lock != nil {
		for _, r := range o.Lock.refs {
			c.verdicts = append(c.verdicts, c.readText(r))
		}
	}
	for _, step := range []func(context.Context) error{c.resolve, c.update, c.share, c.reach} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	return c.result(files)
}

// fail adds a finding to a verdict, or a warning where the config excepts it.
func (c *checker) fail(v *verdict, rule, format string, args ...any) {
	c.find(v, report.Fail, rule, format, args...)
}

func (c *checker) find(v *verdict, status report.Status, rule, format string, args ...any) {
	message := clip(v.Text) + ": " + fmt.Sprintf(format, args...)
	for _, e := range c.Config.Exceptions {
		if status == report.Fail && v.repository != (Repository{}) && e.Covers(v.repository.String(), rule, c.Now) {
			status, message = report.Warn, message+"; excepted: "+e.Reason
		}
	}
	v.findings = append(v.findings, report.Finding{
		Rule: rule, Status: status, Message: message, File: v.File, Line: v.Line, Column: v.Column,
	})
}

// clip keeps a text from outside short enough for a message.
func clip(s string) string {
	const most = 200
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}

// readText judges what the text of a ref says by itself.
func (c *checker) readText(r *Ref) *verdict {
	v := &verdict{Ref: r, version: r.target.version, commit: r.target.commit}
	host := cmp.Or(r.host, c.Host)
	elsewhere := r.host != "" && !strings.EqualFold(r.host, c.Host)
	refusal := c.Config.Refusal(c.imageHost(r, host), r.repository.Owner, r.repository.Name)
	switch {
	case r.kind == Local:
		if r.vendored && c.Config.DenyVendored {
			c.fail(v, report.NotAllowed, "the config allows no plugin at a local path")
		}
	case r.rule != "":
		c.fail(v, r.rule, "%s", r.problem)
	case refusal != "":
		c.fail(v, report.NotAllowed, "%s", refusal)
	case r.kind == Image:
	case elsewhere && r.target.commit == "":
		c.fail(v, report.Unpinned, "it has no digest, and %s cannot be asked for one", r.host)
	case elsewhere:
		c.fail(v, report.UnknownRepository, "it cannot be checked, for %s is not the server %s", r.host, c.Host)
	case c.Lock.locks(r.File) && r.kind != Plugin && r.target.commit == "":
		if !c.Lock.lists(r) {
			c.fail(v, report.Unpinned, "GitHub's lockfile does not list it for this workflow")
		}
	default:
		v.asked = true
		v.question = Question{
			Repository: r.repository, Tag: r.target.version, Series: series(r.target.version),
			Commit: r.target.commit, IDs: r.kind == Locked,
		}
		if isDigest(v.question.Tag) {
			v.question.Tag = "" // the lockfile names a commit by itself
		}
	}
	return v
}

// imageHost returns the registry of an image, and the host of anything else.
func (c *checker) imageHost(r *Ref, host string) string {
	if r.kind != Image {
		return host
	}
	name, _, found := strings.Cut(strings.TrimPrefix(r.base, "docker://"), "/")
	if found && strings.ContainsAny(name, ".:") {
		return name
	}
	return "docker.io"
}

// resolve asks the server, each question once, and judges its answers.
func (c *checker) resolve(ctx context.Context) error {
	var questions []Question
	index := map[Question]int{}
	for _, v := range c.verdicts {
		if !v.asked {
			continue
		}
		key := normal(v.question)
		if _, ok := index[key]; !ok {
			index[key] = len(questions)
			questions = append(questions, v.question)
		}
	}
	if len(questions) == 0 {
		return nil
	}
	answers, err := c.server.Resolve(ctx, questions)
	if err != nil {
		return err
	}
	for _, v := range c.verdicts {
		if v.asked {
			v.answer = &answers[index[normal(v.question)]]
			c.judge(v)
		}
	}
	return nil
}

// normal returns a question as the key under which it is asked once.
func normal(q Question) Question {
	q.Repository = Repository{strings.ToLower(q.Repository.Owner), strings.ToLower(q.Repository.Name)}
	return q
}

// judge judges a ref by what the server says of its version.
func (c *checker) judge(v *verdict) {
	a, version := v.answer, v.question.Tag
	switch {
	case a.NoRepository:
		c.fail(v, report.UnknownRepository, "there is no repository %s, or the API token may not see it", v.repository)
		return
	case v.kind == Locked && (a.RepositoryID != v.locked.repositoryID || a.OwnerID != v.locked.ownerID):
		c.fail(v, report.UnknownRepository, "another repository has taken over the name %s since it was locked", v.repository)
		return
	case version == "":
		return
	case a.Tag == nil && a.Branch && v.target.commit == "":
		c.fail(v, report.Unpinned, "%s is a branch, which moves with each commit", version)
		return
	case a.Tag == nil && a.Branch:
		return // whether a branch holds the commit is asked in any case
	case a.Tag == nil && (v.target.commit == "" || len(a.Series) == 0):
		c.fail(v, report.UnknownRef, "%s has no tag %s", v.repository, version)
		return
	}
	if v.target.commit == "" {
		v.commit = a.Tag.Commit
		v.version = cmp.Or(exact(a.Series, v.commit), version)
		c.pin(v)
		return
	}
	if known := exact(a.Series, v.commit); known != "" {
		v.version = known
	} else if a.Tag == nil || a.Tag.Commit != v.commit {
		c.fail(v, report.DigestMismatch, "%s", mismatch(v, version))
		return
	}
	if v.version != version && !c.leavesAlone(v) {
		next := &pinned{v.version, v.commit, v.style}
		if _, ok := v.hasRoom(next); ok {
			v.next = next
		}
	}
}

// mismatch says how a digest is not that of its version.
func mismatch(v *verdict, version string) string {
	switch tag := v.answer.Tag; {
	case tag == nil:
		return fmt.Sprintf("no version %s* is the commit %s", v.question.Series, v.commit)
	case tag.Object == v.commit:
		return fmt.Sprintf("the digest is that of the tag %s itself; the commit that it leads to is %s", version, tag.Commit)
	default:
		return fmt.Sprintf("the tag %s leads to the commit %s; it was moved, or the digest is wrong", version, tag.Commit)
	}
}

// pin has a ref without a digest become a pin.
func (c *checker) pin(v *verdict) {
	style := StyleCommit
	if v.kind == Plugin {
		style = c.Style
	}
	v.next = &pinned{v.version, v.commit, style}
	if problem, ok := v.hasRoom(v.next); !ok {
		v.next = nil
		if c.Write || !c.Config.AllowTags {
			c.fail(v, report.Unpinned, "%s", problem)
		}
	}
}

// leavesAlone tells whether a ref is `gh actions-lock`'s to change: it stands in
// the lockfile, or in a workflow that it pins.
func (c *checker) leavesAlone(v *verdict) bool {
	return v.kind == Locked || c.Lock.locks(v.File)
}

// fails tells whether something stands against a ref already.
func (v *verdict) fails() bool {
	return slices.ContainsFunc(v.findings, func(f report.Finding) bool { return f.Status == report.Fail })
}
