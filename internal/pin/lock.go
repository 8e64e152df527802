package pin

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/countersign-ci/countersign/internal/report"
)

// LockName is where GitHub's lockfile for workflows stands.
const LockName = ".github/workflows/actions.lock"

// lockVersion is the only version of the lockfile's format that is known.
const lockVersion = "v0.0.2"

// A Lock is GitHub's lockfile, which `gh actions-lock` writes and the runner
// obeys (github/actions-lockfile, format v0.0.2):
//
//	version: v0.0.2
//	workflows:
//	  .github/workflows/ci.yml:
//	    - acme/widgets@v1.2.3          # each action, those that actions use too
//	dependencies:
//	  acme/widgets@v1.2.3:
//	    ref: v1.2.3
//	    commit: sha1-<40 hex digits>
//	    owner_id: 123456
//	    repo_id: 456789
//	    uses: [acme/gears@v2]          # of a composite action
type Lock struct {
	refs      []*Ref
	workflows map[string][]string // the keys that each lists, in lower case up to the @
}

// A lockedIDs are the numeric ids that an entry of the lockfile names.
type lockedIDs struct{ ownerID, repositoryID int64 }

// ParseLock reads GitHub's lockfile. Its entries become refs, and each key that
// has no entry a ref that is not pinned.
func ParseLock(text []byte) (*Lock, error) {
	var d document
	d.reset(text)
	if err := parseYAML(&d); err != nil {
		return nil, err
	}
	p := lockParser{document: &d, lock: &Lock{workflows: map[string][]string{}}, entries: map[string]bool{}}
	if len(d.roots) != 1 || d.nodes[d.roots[0]].kind != mappingNode {
		return nil, fmt.Errorf("the lockfile is not one mapping")
	}
	p.members(d.roots[0], func(key string, _, value int32) {
		switch key {
		case "version":
			if v := p.text(value); v != lockVersion {
				p.fail("its version is %.20q and should be %s", v, lockVersion)
			}
			p.versioned = true
		case "workflows":
			p.members(value, func(workflow string, _, list int32) { p.workflow(workflow, list) })
		case "dependencies":
			p.members(value, p.dependency)
		default:
			p.fail("it has an unknown key %.40q", key)
		}
	})
	if d.overrun() {
		return nil, errOverrun
	}
	if !p.versioned {
		p.fail("it names no version")
	}
	if p.err != nil {
		return nil, p.err
	}
	for _, use := range p.uses {
		if !p.entries[lockKey(use.Text)] {
			use.target = use.target.refuse(report.Unpinned, "the lockfile lists it and has no entry for it")
			p.lock.refs = append(p.lock.refs, use)
		}
	}
	f := File{Name: LockName, Text: text, Refs: p.lock.refs}
	slices.SortFunc(f.Refs, func(a, b *Ref) int { return a.start - b.start })
	f.locate()
	return p.lock, nil
}

type lockParser struct {
	*document
	lock      *Lock
	entries   map[string]bool
	uses      []*Ref
	versioned bool
	err       error
}

func (p *lockParser) fail(format string, args ...any) {
	if p.err == nil {
		p.err = fmt.Errorf("the lockfile cannot be read: "+format, args...)
	}
}

// members calls f with each member of a mapping, which may be null.
func (p *lockParser) members(mapping int32, f func(name string, key, value int32)) {
	if n := p.nodes[mapping]; n.kind == scalarNode && (p.value(mapping) == "" || p.value(mapping) == "null") {
		return
	}
	if p.nodes[mapping].kind != mappingNode {
		p.fail("a mapping is expected")
		return
	}
	seen := map[string]bool{}
	p.each(mapping, func(key, value int32) {
		name := p.text(key)
		if seen[name] {
			p.fail("%.80q stands there twice", name)
		}
		seen[name] = true
		f(name, key, value)
	})
}

// text returns the value of a scalar.
func (p *lockParser) text(i int32) string {
	if p.nodes[i].kind != scalarNode {
		p.fail("a text is expected")
		return ""
	}
	return p.value(i)
}

func (p *lockParser) workflow(name string, list int32) {
	if p.nodes[list].kind != sequenceNode {
		p.fail("the list of %.80q is none", name)
		return
	}
	keys := []string{}
	p.items(list, func(item int32) { keys = append(keys, lockKey(p.use(item).Text)) })
	p.lock.workflows[name] = keys
}

// use reads a key where it is listed.
func (p *lockParser) use(i int32) *Ref {
	r := &Ref{File: LockName, Text: p.text(i), start: int(p.nodes[i].start)}
	r.target = parseUses(r.Text)
	r.kind = Locked
	p.uses = append(p.uses, r)
	return r
}

// dependency reads an entry.
func (p *lockParser) dependency(name string, key, entry int32) {
	if p.entries[lockKey(name)] {
		p.fail("%.80q stands there twice", name)
	}
	p.entries[lockKey(name)] = true
	r := &Ref{File: LockName, Text: name, start: int(p.nodes[key].start)}
	r.target = parseUses(name)
	if r.rule == report.Unpinned || strings.Count(r.base, "/") != 1 {
		p.fail("%.80q is no owner/name@ref", name)
	}
	commit, ref := "", ""
	p.members(entry, func(field string, _, value int32) {
		switch field {
		case "ref":
			ref = p.text(value)
		case "commit":
			commit = p.text(value)
		case "owner_id":
			r.locked.ownerID = p.id(value)
		case "repo_id":
			r.locked.repositoryID = p.id(value)
		case "uses":
			if p.nodes[value].kind != sequenceNode {
				p.fail("what %.80q uses is no list", name)
			}
			p.items(value, func(item int32) { p.use(item) })
		default:
			p.fail("the entry %.80q has an unknown key %.40q", name, field)
		}
	})
	used := cmp.Or(r.commit, r.version)
	r.kind, r.rule, r.problem, r.version, r.commit = Locked, "", "", ref, ""
	hex, isSHA1 := strings.CutPrefix(commit, "sha1-")
	switch {
	case ref == "" || !isDigest(ref) && !isRefName(ref):
		p.fail("the entry %.80q has no ref", name)
	case r.locked.ownerID == 0 || r.locked.repositoryID == 0:
		p.fail("the entry %.80q lacks the id of the owner or the repository", name)
	case isSHA1 && len(hex) < sha1Length && len(hex) >= minShort && isHex(hex, "0123456789abcdef"):
		r.target = r.target.refuse(report.ShortDigest, "its commit is cut")
	case !isSHA1 || len(hex) != sha1Length || !isDigest(hex):
		r.target = r.target.refuse(report.MalformedDigest, "its commit is not sha1- and 40 hex digits")
	case isDigest(ref) && ref != hex:
		r.target = r.target.refuse(report.DigestMismatch, "its ref is another commit than it says")
	case isDigest(used) && used != hex:
		r.target = r.target.refuse(report.DigestMismatch, "workflows name another commit than it says")
	default:
		r.commit = hex
		if saysMore(used, ref) {
			named := *r
			named.version = used
			p.lock.refs = append(p.lock.refs, &named)
		}
	}
	p.lock.refs = append(p.lock.refs, r)
}

// saysMore tells whether an entry has to be asked for by the version that
// workflows name too, and not by its ref alone. `gh actions-lock` writes the most
// exact ref of a commit, so that v4 has the ref v4.2.2; a branch may have any.
func saysMore(used, ref string) bool {
	return used != ref && anyVersion.MatchString(used) && (series(used) == "" || !strings.HasPrefix(ref, series(used)))
}

func (p *lockParser) id(i int32) int64 {
	n, err := strconv.ParseInt(p.text(i), 10, 64)
	if err != nil || n < 1 {
		p.fail("an id is no number from 1")
	}
	return n
}

// lockKey returns the key under which a ref is locked: its repository without
// regard to case and its ref, but no path.
func lockKey(text string) string {
	base, ref, _ := strings.Cut(text, "@")
	parts := strings.SplitN(base, "/", 3)
	return strings.ToLower(strings.Join(parts[:min(2, len(parts))], "/")) + "@" + ref
}

// locks tells whether the lockfile pins what a workflow uses.
func (l *Lock) locks(workflow string) bool {
	if l == nil {
		return false
	}
	_, ok := l.workflows[workflow]
	return ok
}

// lists tells whether the lockfile lists a ref for its workflow.
func (l *Lock) lists(r *Ref) bool {
	return slices.Contains(l.workflows[r.File], lockKey(r.Text))
}
