package artifactfs

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// recover ends what processes that were killed did not.
func (q *Quarantine) recover() error {
	f, err := q.folder.Open(".")
	if err != nil {
		return unreadable(q.dir, err)
	}
	defer f.Close()
	var ids []string
	for {
		entries, err := f.ReadDir(chunk)
		for _, e := range entries {
			if id, ok := pendingID(e.Name()); ok && e.Type().IsRegular() {
				ids = append(ids, id)
			}
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return unreadable(q.dir, err)
		}
	}
	for _, id := range ids {
		if err := q.end(id); err != nil {
			return err
		}
	}
	return nil
}

// end ends a move that was interrupted. What it cannot decide it leaves as it is.
func (q *Quarantine) end(id string) error {
	m := &move{q: q, id: id}
	b, err := readNote(q.folder, m.noteName())
	if err == nil {
		m.note, err = parsePending(b)
	}
	unread := err != nil
	for _, name := range []string{m.moved(), m.copied()} {
		_, err := q.folder.Lstat(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil || unread {
			return nil
		}
		if name == m.copied() {
			held, err := m.held()
			if err != nil {
				return nil
			}
			if held {
				if err := step("remove the copy"); err != nil {
					return unfinished(q.dir, err)
				}
				m.drop(name)
				continue
			}
		}
		_, err = m.finish(name)
		return err
	}
	if err := step("remove the note"); err != nil {
		return unfinished(q.dir, err)
	}
	m.drop(m.noteName())
	return nil
}

// readNote returns what is in a note.
func readNote(folder *os.Root, name string) ([]byte, error) {
	f, _, problem, err := openIn(folder, name)
	if err != nil {
		return nil, err
	}
	if problem != "" {
		return nil, errNote
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxNote+1))
}

// held tells whether the source of the copy is there and has all that the copy has.
// An error says that it is not known.
func (m *move) held() (bool, error) {
	// The dot has the system open a folder or nothing, as in enter.
	root, err := os.OpenRoot(m.note.Root + string(filepath.Separator) + ".")
	if err != nil {
		return false, unlessMissing(err)
	}
	defer root.Close()
	o := &opener{root: root}
	defer o.close()
	folder, name, problem, err := o.folder(m.note.Note.source())
	if err != nil || problem != "" {
		return false, unlessMissing(err)
	}
	if target, err := m.q.folder.Readlink(m.copied()); err == nil {
		source, err := folder.Readlink(name)
		return err == nil && source == target, nil
	}
	source, _, problem, err := openIn(folder, name)
	if err != nil || problem != "" {
		return false, unlessMissing(err)
	}
	defer source.Close()
	held, _, problem, err := openIn(m.q.folder, m.copied())
	if err != nil || problem != "" {
		return false, err
	}
	defer held.Close()
	return begins(source, held)
}

func unlessMissing(err error) error {
	if isMissing(err) {
		return nil
	}
	return err
}

// begins tells whether what is read from whole begins with all of part.
func begins(whole, part io.Reader) (bool, error) {
	a, b := make([]byte, bufferSize), make([]byte, bufferSize)
	for {
		n, err := io.ReadFull(part, b)
		if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
			return false, err
		}
		end := err != nil
		if k, err := io.ReadFull(whole, a[:n]); k < n || string(a[:n]) != string(b[:n]) {
			if err == io.EOF || err == io.ErrUnexpectedEOF {
				err = nil
			}
			return false, err
		}
		if end {
			return true, nil
		}
	}
}
