package githubtest

import (
	"errors"
	"maps"
	"slices"
	"strings"
)

// setRef creates, moves or, with an empty id, deletes a ref.
func (r *Repo) setRef(name, oid string) {
	old, known := r.refs[name]
	switch {
	case oid == "":
		delete(r.refs, name)
		if known {
			r.sorted = nil
		}
		return
	case !known:
		r.sorted = nil
	case old == oid:
		return
	}
	r.refs[name] = oid
}

// What GitHub says of a change to a ref that it refuses.
var (
	errRefExists   = errors.New("Reference already exists")
	errRefUnknown  = errors.New("Reference does not exist")
	errRefName     = errors.New("Reference name is not valid")
	errNoObject    = errors.New("Object does not exist")
	errNotCommit   = errors.New("Reference update failed: a branch leads to a commit")
	errFastForward = errors.New("Update is not a fast forward")
)

// create makes a ref that does not exist.
func (r *Repo) create(name, oid string) error {
	_, known := r.refs[name]
	switch {
	case !validRef(name):
		return errRefName
	case known:
		return errRefExists
	}
	return r.point(name, oid)
}

// update moves a ref that exists, a branch forwards only unless it is forced.
func (r *Repo) update(name, oid string, force bool) error {
	old, known := r.refs[name]
	if !known {
		return errRefUnknown
	}
	from, to := r.commitOf(r.objects[old]), r.commitOf(r.objects[oid])
	if !force && from != nil && to != nil && r.compare(from, to).behind > 0 {
		return errFastForward
	}
	return r.point(name, oid)
}

func (r *Repo) point(name, oid string) error {
	o := r.objects[oid]
	switch {
	case o == nil:
		return errNoObject
	case strings.HasPrefix(name, "refs/heads/") && o.kind != commitKind:
		return errNotCommit
	}
	r.setRef(name, oid)
	return nil
}

// refsBelow returns the full names of the refs that begin with a prefix, sorted.
func (r *Repo) refsBelow(prefix string) []string {
	if r.sorted == nil {
		r.sorted = slices.Sorted(maps.Keys(r.refs))
	}
	from, _ := slices.BinarySearch(r.sorted, prefix)
	to := from
	for to < len(r.sorted) && strings.HasPrefix(r.sorted[to], prefix) {
		to++
	}
	return r.sorted[from:to]
}

// fullRef finds the ref that a name stands for by the rules of gitrevisions(7), of
// which a full name is the first, or "".
func (r *Repo) fullRef(name string) string {
	if name == "HEAD" {
		name = "refs/heads/" + r.branch
	}
	for _, prefix := range []string{"", "refs/", "refs/tags/", "refs/heads/"} {
		full := prefix + name
		if _, ok := r.refs[full]; ok && strings.HasPrefix(full, "refs/") {
			return full
		}
	}
	return ""
}

// revision finds the object that a revision names: an id, or a ref's name, with
// ^{commit}, ^{} or ^0 behind it or not.
func (r *Repo) revision(rev string) *object {
	name, suffix, peeled := strings.Cut(rev, "^")
	var o *object
	if isID(name) {
		o = r.objects[name]
	} else if full := r.fullRef(name); full != "" {
		o = r.objects[r.refs[full]]
	} else if isShortID(name) {
		o = r.abbreviated(name)
	}
	switch {
	case !peeled:
		return o
	case suffix == "{}":
		return r.peel(o)
	case suffix == "{commit}" || suffix == "0":
		return r.commitOf(o)
	}
	return nil
}

// abbreviated finds the one object whose id begins so.
func (r *Repo) abbreviated(prefix string) (found *object) {
	for oid, o := range r.objects {
		if strings.HasPrefix(oid, prefix) {
			if found != nil {
				return nil
			}
			found = o
		}
	}
	return found
}

func isID(s string) bool { return len(s) == 40 && isHex(s) }

func isShortID(s string) bool { return len(s) >= 7 && len(s) < 40 && isHex(s) }

func isHex(s string) bool { return strings.Trim(s, "0123456789abcdef") == "" }

// validRef tells whether git takes a full name for a ref (git-check-ref-format(1)).
func validRef(name string) bool {
	if !strings.HasPrefix(name, "refs/") || strings.Count(name, "/") < 2 ||
		strings.Contains(name, "..") || strings.Contains(name, "@{") ||
		strings.HasSuffix(name, ".") || strings.ContainsAny(name, " ~^:?*[\\\x7f") {
		return false
	}
	for part := range strings.SplitSeq(name, "/") {
		if part == "" || part[0] == '.' || strings.HasSuffix(part, ".lock") {
			return false
		}
	}
	return strings.IndexFunc(name, func(c rune) bool { return c < ' ' }) < 0
}
