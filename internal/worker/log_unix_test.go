//go:build linux || darwin

package worker_test

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/countersign-ci/countersign/internal/worker"
)

func init() {
	tasks["append"] = appendLines
	tasks["append-limited"] = appendLimited
}

func TestAppend(t *testing.T) {
	p := newPlace(t)
	path := p.path("log")
	for i, want := range []string{"one\n", "one\n\n", "one\n\n{\"x\": 3}\n"} {
		must(t, worker.Append(path, []byte([]string{"one", "", `{"x": 3}`}[i])))
		wantText(t, path, want)
	}
	info, err := os.Stat(path)
	must(t, err)
	if info.Mode() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
}

// A writer was killed: its part of a line stays, and stays alone.
func TestAppendBehindPart(t *testing.T) {
	p := newPlace(t)
	write(t, p.path("log"), "one\n{\"tw", 0o640)
	must(t, worker.Append(p.path("log"), []byte("three")))
	wantText(t, p.path("log"), "one\n{\"tw\nthree\n")
}

func TestAppendLineEnd(t *testing.T) {
	p := newPlace(t)
	for _, line := range []string{"\n", "a\n", "a\nb", "a\r", "\ra"} {
		err := worker.Append(p.path("log"), []byte(line))
		var e *worker.LogError
		if !errors.As(err, &e) || e.Hint() == "" || strings.ContainsAny(err.Error(), "\r\n") {
			t.Errorf("%q: error %v", line, err)
		}
	}
	if _, err := os.Lstat(p.path("log")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a refused line made the file: %v", err)
	}
}

func TestAppendTrust(t *testing.T) {
	tests := []struct {
		name  string
		setup func(p place)
		path  string // the log's; "f" where empty
		fault string // nothing is where text is empty
		text  string
	}{
		{"sticky folder", func(p place) { p.folder("d", 0o777|fs.ModeSticky) }, "d/f", "", ""},
		{"behind a link to a folder", func(p place) { p.folder("e", 0o700); p.link("e", "d") }, "d/f", "", ""},
		{"others write", func(p place) { p.file("f", 0o606) }, "", "f", writable},
		{"group writes", func(p place) { p.file("f", 0o660) }, "", "f", writable},
		{"foreign", func(p place) { p.file("f", 0o600); p.give("f") }, "", "f", foreign},
		{"open folder", func(p place) { p.folder("d", 0o777) }, "d/f", "d", writable},
		{"open folder behind a link", func(p place) { p.folder("e", 0o777); p.link("e", "d") }, "d/f", "e", writable},
		{"foreign folder", func(p place) { p.folder("d", 0o755); p.give("d") }, "d/f", "d", foreign},
		{"link", func(p place) { p.file("g", 0o600); p.link("g", "f") }, "", "f", "is not a regular file"},
		{"dangling link", func(p place) { p.link("g", "f") }, "", "f", "is not a regular file"},
		{"pipe", func(p place) { p.pipe("f") }, "", "f", "is not a regular file"},
		{"folder", func(p place) { p.folder("f", 0o700) }, "", "f", "is not a regular file"},
		{"folder with a slash", func(p place) { p.folder("f", 0o700) }, "f/", "f/", "is not a regular file"},
		{"no name", func(p place) { p.folder("f", 0o700) }, "f/..", "f/..", "is not a regular file"},
		{"missing folder", func(place) {}, "d/f", "d", "does not exist"},
		{"file for a folder", func(p place) { p.file("d", 0o600) }, "d/f", "d", "is not a folder"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := newPlace(t)
			test.setup(p)
			path := p.path("f")
			if test.path != "" {
				path = p.path(test.path)
			}
			err := worker.Append(path, []byte("line"))
			if test.text == "" {
				must(t, err)
				wantText(t, path, "line\n")
				return
			}
			if e := wantTrustError(t, err, p.path(test.fault), test.text); e.File != path {
				t.Errorf("the error is about %q, want %q", e.File, path)
			}
			if got, err := os.ReadFile(p.path("g")); err == nil && string(got) != "text" {
				t.Errorf("the link's target holds %q", got)
			}
		})
	}
}

// A file that appears, or is replaced, between the look and the opening.
func TestAppendReplaced(t *testing.T) {
	const flags = os.O_RDWR | os.O_APPEND | os.O_CREATE
	p := newPlace(t)
	p.file("g", 0o600)
	p.link("g", "link")
	p.link("h", "dangling")
	p.pipe("pipe")
	p.file("open", 0o606)
	for name, text := range map[string]string{
		"link": "cannot be opened", "dangling": "cannot be opened", "pipe": "is not a regular file", "open": writable,
	} {
		f, err := worker.Open(p.path(name), p.path(name), nil, flags)
		if f != nil {
			t.Errorf("%s is opened", name)
		}
		wantTrustError(t, err, p.path(name), text)
	}
	if _, err := os.Lstat(p.path("h")); err == nil {
		t.Error("a link's target was made")
	}
}

const writers, linesEach = 50, 20

// line is the line of a writer; they are of many lengths, up to several pages.
func line(writer, i int) string {
	return fmt.Sprintf("%d %d %s", writer, i, strings.Repeat(string(rune('a'+writer%26)), (writer*linesEach+i)*7919%9000))
}

// appendLines waits for the end of its input, so that all writers start at once.
func appendLines(args []string) error {
	writer, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		return err
	}
	for i := range linesEach {
		if err := worker.Append(args[0], []byte(line(writer, i))); err != nil {
			return err
		}
	}
	return nil
}

func TestAppendConcurrent(t *testing.T) {
	p := newPlace(t)
	path := p.path("log")
	write(t, path, "part", 0o600)
	r, w, err := os.Pipe()
	must(t, err)
	defer r.Close()
	var children []*exec.Cmd
	var want []string
	for writer := range writers {
		cmd := run(self(t), "append", path, fmt.Sprint(writer))
		cmd.Stdin, cmd.Stdout, cmd.Stderr = r, os.Stdout, os.Stderr
		must(t, cmd.Start())
		children = append(children, cmd)
		for i := range linesEach {
			want = append(want, line(writer, i))
		}
	}
	must(t, w.Close())
	for _, cmd := range children {
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	}
	text, err := os.ReadFile(path)
	must(t, err)
	got, whole := strings.CutPrefix(string(text), "part\n")
	got, ended := strings.CutSuffix(got, "\n")
	lines := strings.Split(got, "\n")
	slices.Sort(lines)
	slices.Sort(want)
	if !whole || !ended || !slices.Equal(lines, want) {
		t.Errorf("%d lines, want %d; the first part is whole: %v, the last line: %v", len(lines), len(want), whole, ended)
	}
}

// appendLimited appends to a file that the system lets grow to so many bytes.
func appendLimited(args []string) error {
	limit, err := strconv.ParseUint(args[1], 10, 64)
	if err != nil {
		return err
	}
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: limit, Max: limit}); err != nil {
		return err
	}
	err = worker.Append(args[0], []byte("a line that is longer"))
	var e *worker.LogError
	if !errors.As(err, &e) || !errors.Is(err, syscall.EFBIG) || e.Hint() == "" {
		return fmt.Errorf("the error is %v, not that the file is too large", err)
	}
	return nil
}

// A line for which there is room in part, or none, leaves nothing behind.
func TestAppendFullDisk(t *testing.T) {
	for _, before := range []string{"one\n", "one\ntw", ""} {
		for room := range 3 {
			p := newPlace(t)
			write(t, p.path("log"), before, 0o600)
			out, err := run(self(t), "append-limited", p.path("log"), fmt.Sprint(len(before)+room*7)).CombinedOutput()
			if err != nil {
				t.Errorf("%q with room for %d bytes: %v, %s", before, room*7, err, out)
			}
			wantText(t, p.path("log"), before)
		}
	}
}

func TestAppendLocked(t *testing.T) {
	p := newPlace(t)
	p.file("log", 0o600)
	f, err := os.Open(p.path("log"))
	must(t, err)
	must(t, unix.Flock(int(f.Fd()), unix.LOCK_EX))
	restore := worker.SetLockWait(0)
	err = worker.Append(p.path("log"), []byte("line"))
	restore()
	var e *worker.LogError
	if !errors.As(err, &e) || !strings.Contains(err.Error(), "is locked by another process") || e.Hint() == "" {
		t.Errorf("error %v", err)
	}
	wantText(t, p.path("log"), "text")
	must(t, f.Close())
	must(t, worker.Append(p.path("log"), []byte("line")))
	wantText(t, p.path("log"), "text\nline\n")
}
