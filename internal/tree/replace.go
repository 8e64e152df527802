package tree

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"sync"
)

// A Change replaces the content Old of a file by New.
type Change struct {
	Name     string
	Old, New []byte
}

// Replace makes changes to several files, each of them as a whole or not at all.
//
// First all are checked: each name stands for a regular file that has the content
// Old, and no two for the same. Then each New is written to a new file beside its
// target, with the target's permission bits, and synced. When all are, they are
// checked once more and renamed over their targets in the order of changes. Up to
// there an error means that nothing was changed; after it, which it can only be
// where a rename fails, the error says which files were replaced and which not.
// A process that is killed leaves each file as it was or as it is to be, and new
// files that the next Replace of the same targets removes.
//
// A link stays as it is; the file that it stands for is replaced. A file whose
// content is to stay is left alone. What is renamed is a new file: it belongs to
// who runs this, and other hard links keep the old content.
func (t *Tree) Replace(changes []Change) error {
	all, err := t.plan(changes)
	if err != nil {
		return err
	}
	for _, r := range all {
		if err := t.removeLeftOver(r); err != nil {
			return err
		}
	}
	work := all[:0:0]
	for _, r := range all {
		if !bytes.Equal(r.change.Old, r.change.New) {
			work = append(work, r)
		}
	}
	defer t.discard(work)
	if err := t.write(work); err != nil {
		return err
	}
	for _, r := range work {
		if err := t.recheck(r); err != nil {
			return err
		}
	}
	return t.rename(work)
}

// A replacement is a change on its way.
type replacement struct {
	change    Change
	real      string // the real name of the target
	mode      fs.FileMode
	temporary string      // the path of the new file
	written   fs.FileInfo // of the new file; nil where there is none, or none any more
}

// plan checks the changes.
func (t *Tree) plan(changes []Change) ([]*replacement, error) {
	var all []*replacement
	seen := map[string]string{}
	for _, c := range changes {
		real, info, err := t.regular(c.Name)
		if err != nil {
			return nil, err
		}
		other, twice := seen[real]
		switch {
		case isTemporary(real):
			return nil, &Error{Name: c.Name, Reason: "has a name that is kept for unfinished replacements", Advice: "give the file another name"}
		case twice:
			return nil, &Error{Name: c.Name, Reason: fmt.Sprintf("is the same file as %q", other), Advice: adviceAgain}
		case len(c.New) > maxSize:
			return nil, &Error{Name: c.Name, Reason: "would become larger than 16 MiB"}
		}
		seen[real] = c.Name
		r := &replacement{change: c, real: real, mode: info.Mode().Perm(), temporary: t.path(temporary(real))}
		if err := t.unchanged(r); err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, nil
}

// unchanged returns an error if the target has not the old content.
func (t *Tree) unchanged(r *replacement) error {
	content, err := t.Read(r.real)
	if err != nil {
		return err
	}
	if !bytes.Equal(content, r.change.Old) {
		return &Error{Name: r.change.Name, Reason: "has changed since it was read", Advice: adviceAgain}
	}
	return nil
}

// removeLeftOver removes what a killed run may have left. A link is removed, not
// followed; a folder is nothing that a run can have left.
func (t *Tree) removeLeftOver(r *replacement) error {
	info, err := os.Lstat(r.temporary)
	if err != nil {
		return nil // if it is there all the same, it cannot be created
	}
	if info.IsDir() {
		return &Error{Name: temporary(r.real), Reason: "is a folder, and in the way", Advice: "nothing was changed; remove it"}
	}
	if err := os.Remove(r.temporary); err != nil {
		return &Error{Name: temporary(r.real), Reason: "cannot be removed", Advice: adviceWrite, Cause: err}
	}
	t.at("left-over removed: " + r.real)
	return nil
}

// write makes the new files. Several at once, as a sync mostly waits.
func (t *Tree) write(work []*replacement) error {
	const writers = 8
	var mu sync.Mutex // a step is one after the other
	at := func(step string) {
		mu.Lock()
		defer mu.Unlock()
		t.at(step)
	}
	return parallel(writers, len(work), func() func(int) error {
		return func(i int) error {
			if err := work[i].write(at); err != nil {
				return &Error{Name: work[i].change.Name, Reason: "cannot be written anew beside itself", Advice: adviceWrite, Cause: err}
			}
			return nil
		}
	})
}

func (r *replacement) write(at func(string)) (err error) {
	at("to create: " + r.real)
	// O_EXCL follows no link.
	f, err := os.OpenFile(r.temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if r.written, err = f.Stat(); err != nil {
		return errors.Join(err, os.Remove(r.temporary))
	}
	at("created: " + r.real)
	if _, err := f.Write(r.change.New); err != nil {
		return err
	}
	at("written: " + r.real)
	// Here, for a umask takes bits from those that a file is created with.
	if err := f.Chmod(r.mode); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	at("synced: " + r.real)
	return nil
}

// recheck returns an error if somebody else has changed the target, or the new
// file, as a second run at the same time would.
func (t *Tree) recheck(r *replacement) error {
	if err := t.unchanged(r); err != nil {
		return err
	}
	info, err := os.Lstat(r.temporary)
	if err != nil || !os.SameFile(info, r.written) {
		return &Error{Name: r.change.Name, Reason: "is being replaced by somebody else", Advice: adviceAgain}
	}
	return nil
}

// rename puts the new files into place, one after the other.
func (t *Tree) rename(work []*replacement) error {
	for i, r := range work {
		t.at("to rename: " + r.real)
		if err := os.Rename(r.temporary, t.path(r.real)); err != nil {
			if i == 0 {
				return &Error{Name: r.change.Name, Reason: "cannot be replaced", Advice: adviceWrite, Cause: err}
			}
			return &Error{
				Name:   r.change.Name,
				Reason: fmt.Sprintf("cannot be replaced (replaced: %s; not replaced: %s)", names(work[:i]), names(work[i:])),
				Advice: "the files that were replaced are complete; run again for the others",
				Cause:  err,
			}
		}
		r.written = nil
		t.at("renamed: " + r.real)
	}
	return nil
}

// discard removes the new files that were not renamed.
func (t *Tree) discard(work []*replacement) {
	for _, r := range work {
		if r.written != nil {
			// There is an error already, and the next run removes what is left.
			_ = os.Remove(r.temporary)
		}
	}
}

func names(work []*replacement) string {
	var quoted []string
	for _, r := range work {
		quoted = append(quoted, fmt.Sprintf("%q", r.change.Name))
	}
	return strings.Join(quoted, ", ")
}

// at tells a test what is about to happen, or has.
func (t *Tree) at(step string) {
	if t.step != nil {
		t.step(step)
	}
}
