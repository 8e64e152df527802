package ledger

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"runtime"
	"strings"
	"time"
)

// Dir is the store in a directory. Processes that share it must see one file
// system whose exclusive create is atomic.
type Dir struct {
	path string
	step func(string) error // for tests: called after each step of Create
}

// OpenDir returns the store in a directory, which must be there.
func OpenDir(path string) (*Dir, error) {
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, failed("it cannot be opened", err, adviceDir)
	}
	_ = root.Close() // nothing was written
	return &Dir{path, func(string) error { return nil }}, nil
}

// Create implements [Store]. What fails after the file was made refuses and leaves
// the file: from then on the token counts as used.
func (d *Dir) Create(_ context.Context, name string, r Record, _ string) error {
	root, err := os.OpenRoot(d.path)
	if err != nil {
		return failed("it cannot be opened", err, adviceDir)
	}
	defer root.Close()
	day, key, _ := strings.Cut(name, "/")
	if err := root.Mkdir(day, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return failed("the day's folder cannot be made", err, adviceDir)
	}
	folder, err := openDay(root, day)
	if err != nil {
		return err
	}
	defer folder.Close()
	file, err := folder.OpenFile(key, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	switch {
	case errors.Is(err, fs.ErrExist):
		return ErrUsed
	case err != nil:
		return failed("the token's entry cannot be made", err, adviceDir)
	}
	for _, step := range []struct {
		name string
		do   func() error
	}{
		{"created", func() error { return nil }},
		{"written", func() error { _, err := io.WriteString(file, r.text()); return err }},
		{"synced", file.Sync},
		{"closed", file.Close},
		{"folder synced", syncing(folder)},
		// Another process may have made the folder and not lived to sync the root.
		{"root synced", syncing(root)},
	} {
		if err == nil {
			err = errors.Join(step.do(), d.step(step.name))
		}
	}
	if err != nil {
		_ = file.Close() // again, where that was not reached
		return failed("the token's entry cannot be written", err, adviceLost)
	}
	return nil
}

// openDay opens a day's folder. A link is refused even where it stays inside: two
// days in one folder, or one in two places, would forget uses.
func openDay(root *os.Root, day string) (*os.Root, error) {
	there, err := root.Lstat(day)
	if err != nil {
		return nil, failed("the day's folder cannot be read", err, adviceDir)
	}
	folder, err := root.OpenRoot(day)
	if err != nil {
		return nil, failed("the day's folder cannot be opened", err, adviceDir)
	}
	opened, err := folder.Stat(".")
	if err != nil || !there.IsDir() || !os.SameFile(there, opened) {
		_ = folder.Close()
		return nil, failed("the day's folder is a link, or was replaced", err, adviceForm)
	}
	return folder, nil
}

// syncing returns what makes the names in a folder last. Windows has no such call,
// and writes names through its journal.
func syncing(folder *os.Root) func() error {
	return func() error {
		if runtime.GOOS == "windows" {
			return nil
		}
		f, err := folder.Open(".")
		if err != nil {
			return err
		}
		return errors.Join(f.Sync(), f.Close())
	}
}

// Read implements [Store].
func (d *Dir) Read(_ context.Context, name string) (Record, error) {
	root, err := os.OpenRoot(d.path)
	if err != nil {
		return Record{}, failed("it cannot be opened", err, adviceDir)
	}
	defer root.Close()
	day, key, _ := strings.Cut(name, "/")
	folder, err := openDay(root, day)
	if err != nil {
		return Record{}, err
	}
	defer folder.Close()
	// What is no file is not opened: a pipe would wait.
	there, err := folder.Lstat(key)
	if err != nil {
		return Record{}, failed("the token's entry cannot be read", err, adviceDir)
	}
	if !there.Mode().IsRegular() {
		return Record{}, foreign("something that is no file")
	}
	file, err := folder.Open(key)
	if err != nil {
		return Record{}, failed("the token's entry cannot be read", err, adviceDir)
	}
	defer file.Close()
	opened, err := file.Stat()
	if err != nil || !os.SameFile(there, opened) {
		return Record{}, failed("the token's entry was replaced", err, adviceForm)
	}
	text, err := io.ReadAll(io.LimitReader(file, maxRecord+1))
	if err != nil {
		return Record{}, failed("the token's entry cannot be read", err, adviceDir)
	}
	r, ok := parseRecord(string(text))
	if !ok {
		return Record{}, ErrUsed // half-written, by a process that ended
	}
	return r, nil
}

// Remove implements [Store].
func (d *Dir) Remove(ctx context.Context, past func(time.Time) bool) (removed int, err error) {
	root, err := os.OpenRoot(d.path)
	if err != nil {
		return 0, failed("it cannot be opened", err, adviceDir)
	}
	defer root.Close()
	days, err := list(root)
	for _, entry := range days {
		day, ok := parseDay(entry.Name())
		if err != nil || !ok || !past(day) || !entry.IsDir() {
			continue
		}
		var n int
		n, err = removeDay(ctx, root, entry.Name())
		removed += n
	}
	return removed, err
}

// removeDay removes the entries in a day's folder, and the folder where it is empty
// then.
func removeDay(ctx context.Context, root *os.Root, day string) (removed int, err error) {
	folder, err := openDay(root, day)
	if err != nil {
		return 0, err
	}
	defer folder.Close()
	entries, err := list(folder)
	if err != nil {
		return 0, err
	}
	for _, entry := range entries {
		if !isKey(entry.Name()) || !entry.Type().IsRegular() {
			continue
		}
		if err := context.Cause(ctx); err != nil {
			return removed, failed("not all entries were removed", err, adviceRemove)
		}
		if err := folder.Remove(entry.Name()); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return removed, failed("an entry cannot be removed", err, adviceRemove)
		}
		removed++
	}
	rest, err := list(folder)
	if err != nil || len(rest) > 0 {
		return removed, err
	}
	_ = folder.Close() // Windows removes no folder that is open
	if err := root.Remove(day); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return removed, failed("a day's folder cannot be removed", err, adviceRemove)
	}
	return removed, nil
}

func list(folder *os.Root) ([]fs.DirEntry, error) {
	f, err := folder.Open(".")
	if err != nil {
		return nil, failed("it cannot be listed", err, adviceDir)
	}
	defer f.Close()
	entries, err := f.ReadDir(-1)
	if err != nil {
		return nil, failed("it cannot be listed", err, adviceDir)
	}
	return entries, nil
}
