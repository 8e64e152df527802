package artifactfs

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"time"

	"github.com/countersign-ci/countersign/internal/runspec"
)

// A Quarantine is a folder that failed files are moved to. Each has the SHA-256 of
// its own bytes as its name, and a report beside it:
//
//	<64 hex>         the first file of that digest
//	<64 hex>.json    why it is here
//	<64 hex>-2       another file of the same digest
//	<64 hex>-2.json
//	path-<64 hex>    what is no regular file, or cannot be read, such as a link:
//	                 it is called after the SHA-256 of its path
//
// A report is one line of JSON. Its path is relative to the root, expected and found
// are null where there was none, found is what the check saw:
//
//	{"path":"dist/app.tgz","expected":{"size":10240,"sha256":"<64 hex>"},
//	 "found":{"size":10241,"sha256":"<64 hex>"},"token_id":"<jti>",
//	 "time":"2026-11-22T10:38:00Z","rule":"artifact-changed"}
//
// A path that is not UTF-8 stands as base64 in path_bytes too. The digest in the name
// differs from found where the file was changed after the check.
//
// While a file is on its way there are, for some 16 hex digits,
//
//	.countersign-<16 hex>.json  the report that is to be and the root
//	.countersign-<16 hex>       the file, renamed: its source is gone
//	.countersign-<16 hex>.copy  a copy from another file system, which counts once
//	                            its source is gone
//
// in this order: the pending report is written, the file is renamed (or copied, synced
// and the source removed), the report is written under its last name, the file is
// renamed to its own, the pending report is removed. So a file that has its last name
// has a whole report. [OpenQuarantine] ends what was interrupted: a pending report
// without a file is removed; a copy is removed where the source holds all of its
// bytes; everything else gets its last name. What it cannot decide it leaves. One
// process at a time changes the folder, behind a lock.
type Quarantine struct {
	dir    string
	folder *os.Root
	locked *os.File
	next   map[string]int // the number to try next, for names that were taken
}

// A Failed file is one to set aside, and why.
type Failed struct {
	Path            string            // below the root, as [List] and a manifest give it
	Expected, Found *runspec.Artifact // nil if there is none
	Rule            string
	TokenID         string
	Time            time.Time
}

// ErrLeft is wrapped by the error about what cannot be moved and stays where it is,
// such as a folder, or a device where the quarantine is on another file system.
var ErrLeft = errors.New("it was left where it is")

const temporary = ".countersign-"

// step is called before each step that changes the disk, which fails with its error.
// Tests stop there.
var step = func(name string) error { return nil }

// OpenQuarantine opens the quarantine in the folder dir, and makes that folder, but
// none above it, with mode 0700. One that is there must be a folder and no link, and
// belong to this user; it is refused where anybody else may write to it, and closed
// to those who may read it. It ends what an earlier process did not. An error is a
// [PlaceError] or an [Error]. It waits for another process to end its move.
func OpenQuarantine(dir string) (*Quarantine, error) {
	dir = filepath.Clean(dir)
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, &Error{dir, "cannot be made", err}
	}
	seen, err := os.Lstat(dir)
	if err != nil {
		return nil, unreadable(dir, err)
	}
	if !seen.IsDir() {
		return nil, &PlaceError{dir, "is " + irregularOr(seen.Mode(), "a file"), "name a folder for the quarantine, or one that is not there yet"}
	}
	folder, err := openRoot(dir)
	if err != nil {
		return nil, err
	}
	q := &Quarantine{dir: dir, folder: folder, next: map[string]int{}}
	if err := q.prepare(seen); err != nil {
		q.Close()
		return nil, err
	}
	return q, nil
}

func irregularOr(mode fs.FileMode, regular string) string {
	if problem := irregular(mode); problem != "" {
		return problem
	}
	return regular
}

// prepare makes sure that nobody else uses the folder, and recovers it.
func (q *Quarantine) prepare(seen fs.FileInfo) error {
	opened, err := q.folder.Stat(".")
	if err != nil {
		return unreadable(q.dir, err)
	}
	if !os.SameFile(seen, opened) {
		return &PlaceError{q.dir, "was replaced while it was opened", "see who writes to the folder above it"}
	}
	if err := q.protect(opened); err != nil {
		return err
	}
	if q.locked, err = openLock(q.folder); err != nil {
		return &Error{q.dir, "cannot be opened", err}
	}
	unlock, err := q.lock()
	if err != nil {
		return err
	}
	defer unlock()
	return q.recover()
}

// protect refuses a folder that others could have put things into, and takes from
// others the right to look into it. On Windows a folder has the rights of the one
// above it.
func (q *Quarantine) protect(opened fs.FileInfo) error {
	const advice = "name a folder that is not there yet; it is made so that only its user gets in"
	switch {
	case runtime.GOOS == "windows":
		return nil
	case !ours(opened):
		return &PlaceError{q.dir, "belongs to another user", advice}
	case opened.Mode().Perm()&0o022 != 0:
		return &PlaceError{q.dir, "can be written to by others", advice}
	case opened.Mode().Perm() == 0o700:
		return nil
	}
	if err := q.folder.Chmod(".", 0o700); err != nil {
		return &Error{q.dir, "cannot be closed to others", err}
	}
	return nil
}

// Close ends the use of a quarantine.
func (q *Quarantine) Close() error {
	if q.locked != nil {
		_ = q.locked.Close() // nothing was written
	}
	return q.folder.Close()
}

// lock waits until no other process uses the folder.
func (q *Quarantine) lock() (unlock func(), err error) {
	if err := lock(q.locked); err != nil {
		return nil, &Error{q.dir, "cannot be locked", err}
	}
	return func() { unlockFile(q.locked) }, nil
}

// Take moves what lies at a path below root to the quarantine and returns its name
// there. The name is the digest of what was moved, whatever the check saw. Interrupted
// at any point, or with an error, the file is at its path or in the quarantine. Where
// there is no such file the error wraps [fs.ErrNotExist], and [ErrLeft] where it is
// none that can be moved, or is written to while it is copied; all errors are of type [Error]. One goroutine at a time may
// use it.
//
// A link, a pipe or a device is moved as what it is. To another file system go the
// bytes of a file, with mode 0600, and the target of a link.
func (q *Quarantine) Take(root string, f Failed) (stored string, err error) {
	absolute, err := filepath.Abs(root)
	if err != nil {
		return "", &Error{root, "has no absolute path", err}
	}
	r, err := openRoot(root)
	if err != nil {
		return "", err
	}
	defer r.Close()
	o := &opener{root: r}
	defer o.close()
	folder, name, problem, err := o.folder(f.Path)
	if err != nil {
		return "", err
	}
	if problem != "" {
		return "", left(f.Path, problem)
	}
	info, err := lstat(folder, name)
	if err != nil {
		return "", unreadable(f.Path, err)
	}
	if info.IsDir() {
		return "", left(f.Path, "a folder")
	}
	unlock, err := q.lock()
	if err != nil {
		return "", err
	}
	defer unlock()
	m := &move{q, newID(), pending{absolute, newNote(f)}}
	return m.take(folder, name, info)
}

// free returns a name that no file has, nor another report than this one the name of
// its report. The caller has the lock.
func (q *Quarantine) free(base string, report []byte) (string, error) {
	for n := max(q.next[base], 1); ; n++ {
		name := base
		if n > 1 {
			name += "-" + strconv.Itoa(n)
			q.next[base] = n // all that fail alike would else be counted each time
		}
		_, err := q.folder.Lstat(name)
		switch {
		case err == nil:
			continue
		case !errors.Is(err, fs.ErrNotExist):
			return "", unreadable(filepath.Join(q.dir, name), err)
		}
		begun, err := q.begins(name+".json", report)
		if err != nil || begun {
			return name, err
		}
	}
}

// begins tells whether a report can be written at a name: nothing is there, or what an
// interrupted move has written of this very one.
func (q *Quarantine) begins(name string, report []byte) (bool, error) {
	file, info, problem, err := openIn(q.folder, name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return true, nil
	case err != nil:
		return false, unreadable(filepath.Join(q.dir, name), err)
	case problem != "":
		return false, nil
	}
	defer file.Close()
	if info.Size() > int64(len(report)) {
		return false, nil
	}
	there, err := io.ReadAll(io.LimitReader(file, int64(len(report))+1))
	if err != nil {
		return false, unreadable(filepath.Join(q.dir, name), err)
	}
	return bytes.HasPrefix(report, there), nil
}

// base is the name for what lies at a name in the quarantine and came from a path.
func (q *Quarantine) base(name, path string) (string, error) {
	sum := sha256.Sum256([]byte(path))
	byPath := "path-" + hex.EncodeToString(sum[:])
	file, _, problem, err := openIn(q.folder, name)
	switch {
	case problem != "" || errors.Is(err, fs.ErrPermission):
		return byPath, nil
	case err != nil:
		return "", unreadable(path, err)
	}
	defer file.Close()
	h := sha256.New()
	if _, err := io.Copy(h, file); err != nil {
		return "", unreadable(path, err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
