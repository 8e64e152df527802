package artifactfs

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"
)

// A move brings one file to the quarantine; see [Quarantine] for the names.
type move struct {
	q    *Quarantine
	id   string
	note pending
}

func (m *move) noteName() string { return temporary + m.id + ".json" }
func (m *move) moved() string    { return temporary + m.id }
func (m *move) copied() string   { return temporary + m.id + ".copy" }

func newID() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// pendingID returns the id in the name of a pending note.
func pendingID(name string) (string, bool) {
	id, begins := strings.CutPrefix(name, temporary)
	id, ends := strings.CutSuffix(id, ".json")
	b, err := hex.DecodeString(id)
	return id, begins && ends && err == nil && len(b) == 8
}

// left is the error about what cannot be moved.
func left(path, problem string) error {
	return &Error{path, "is " + problem + " and cannot be moved to the quarantine", ErrLeft}
}

// take moves what info tells of, in a folder of the root, to the quarantine.
func (m *move) take(folder *os.Root, name string, info fs.FileInfo) (stored string, err error) {
	path := m.note.Note.source()
	note, err := text(m.note)
	if err == nil {
		err = m.write(m.noteName(), note)
	}
	if err != nil {
		m.drop(m.noteName())
		return "", &Error{path, "cannot be moved to the quarantine", err}
	}
	now := m.moved()
	err = step("rename " + path)
	if err == nil {
		err = renameBetween(folder, name, m.q.folder, now)
	}
	if errors.Is(err, errOtherDevice) {
		now = m.copied()
		err = m.copy(folder, name, info)
	}
	if err != nil {
		m.drop(m.noteName())
		if errors.Is(err, ErrLeft) {
			return "", err
		}
		return "", &Error{path, "cannot be moved to the quarantine", err}
	}
	return m.finish(now)
}

// write writes a note or a report into the quarantine.
func (m *move) write(name string, b []byte) error {
	if err := step("write " + name); err != nil {
		return err
	}
	f, err := m.q.folder.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	err = step("fill " + name)
	if err == nil {
		_, err = f.Write(b)
	}
	return errors.Join(err, f.Close())
}

// drop removes a name of this move from the quarantine. Where that fails there is
// an error already, or the next process does it.
func (m *move) drop(name string) { _ = m.q.folder.Remove(name) }

// copy moves a file from another file system. With an error it is where it was.
func (m *move) copy(folder *os.Root, name string, info fs.FileInfo) (err error) {
	path := m.note.Note.source()
	copied, err := m.copyTo(folder, name, info)
	if err != nil {
		m.drop(m.copied())
		return err
	}
	// What is removed must be what was copied.
	now, err := folder.Lstat(name)
	if err != nil || !os.SameFile(now, info) || info.Mode().IsRegular() && changed(copied, now) {
		m.drop(m.copied())
		if err == nil {
			err = &Error{path, "was replaced while it was copied to the quarantine", ErrLeft}
		}
		return err
	}
	err = step("remove " + path)
	if err == nil {
		err = folder.Remove(name)
	}
	if err != nil {
		if now, gone := folder.Lstat(name); gone == nil && os.SameFile(now, info) {
			m.drop(m.copied())
			return err
		}
	}
	// It is the copy that counts from here on, synced or not.
	_ = syncFolder(folder)
	return nil
}

// copyTo makes the copy, so that it lasts, and tells of what was copied.
func (m *move) copyTo(folder *os.Root, name string, info fs.FileInfo) (copied fs.FileInfo, err error) {
	path := m.note.Note.source()
	if err := step("copy " + path); err != nil {
		return nil, err
	}
	copied = info
	switch {
	case info.Mode().IsRegular():
		copied, err = m.copyFile(folder, name, info)
	case info.Mode()&fs.ModeSymlink != 0:
		var target string
		if target, err = folder.Readlink(name); err == nil {
			err = m.q.folder.Symlink(target, m.copied())
		}
	default:
		err = left(path, irregular(info.Mode())+" on another file system")
	}
	if err != nil {
		return nil, err
	}
	if err := step("sync " + path); err != nil {
		return nil, err
	}
	return copied, errors.Join(syncFile(m.q.folder, m.noteName()), syncFolder(m.q.folder))
}

func (m *move) copyFile(folder *os.Root, name string, info fs.FileInfo) (fs.FileInfo, error) {
	from, opened, problem, err := openIn(folder, name)
	if err != nil {
		return nil, err
	}
	if problem != "" {
		return nil, left(m.note.Note.source(), problem)
	}
	defer from.Close()
	if !os.SameFile(opened, info) {
		return nil, left(m.note.Note.source(), "no longer the same file")
	}
	to, err := m.q.folder.OpenFile(m.copied(), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	_, err = io.CopyBuffer(stepped{to}, struct{ io.Reader }{io.LimitReader(from, opened.Size()+1)}, make([]byte, bufferSize))
	if err == nil {
		err = to.Sync()
	}
	// A copy of what was written to meanwhile may be what never was in the file.
	if after, gone := from.Stat(); err == nil && (gone != nil || changed(opened, after)) {
		err = left(m.note.Note.source(), "being written to")
	}
	return opened, errors.Join(err, to.Close())
}

// stepped is a file whose writes are steps.
type stepped struct{ to *os.File }

func (s stepped) Write(b []byte) (int, error) {
	if err := step("write on"); err != nil {
		return 0, err
	}
	return s.to.Write(b)
}

// finish gives what is called now in the quarantine its last name. With an error it
// stays as it is, and the next process finishes it.
func (m *move) finish(now string) (stored string, err error) {
	path := m.note.Note.source()
	if err := step("hash " + path); err != nil {
		return "", unfinished(path, err)
	}
	base, err := m.q.base(now, path)
	if err != nil {
		return "", err
	}
	report, err := text(m.note.Note)
	if err != nil {
		return "", err
	}
	stored, err = m.q.free(base, report)
	if err != nil {
		return "", err
	}
	if err := m.write(stored+".json", report); err != nil {
		return "", unfinished(path, err)
	}
	if err := step("name " + path); err != nil {
		return "", unfinished(path, err)
	}
	if err := m.q.folder.Rename(now, stored); err != nil {
		return "", unfinished(path, err)
	}
	if err := step("remove " + m.noteName()); err != nil {
		return "", unfinished(path, err)
	}
	m.drop(m.noteName())
	return stored, nil
}

func unfinished(path string, cause error) error {
	return &Error{path, "is in the quarantine, under a name that begins with " + temporary + ", and gets its last one when the quarantine is used again", cause}
}

// syncFile makes a file of a folder last.
func syncFile(folder *os.Root, name string) error {
	f, err := folder.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
