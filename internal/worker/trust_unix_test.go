//go:build unix

package worker_test

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/countersign-ci/countersign/internal/worker"
)

// stranger is a user that is neither root nor, most likely, who runs the tests.
const stranger = 65534

// A place is a folder for one case, with what makes things in it.
type place struct {
	*testing.T
	dir string
}

func newPlace(t *testing.T) place { return place{t, filepath.Clean(realPath(t, t.TempDir()))} }

func realPath(t *testing.T, path string) string {
	t.Helper()
	path, err := filepath.EvalSymlinks(path)
	must(t, err)
	return path
}

func (p place) path(name string) string { return p.dir + "/" + name }

func (p place) file(name string, mode os.FileMode) { write(p.T, p.path(name), "text", mode) }

func (p place) folder(name string, mode os.FileMode) { folder(p.T, p.path(name), mode) }

func (p place) link(target, name string) {
	p.Helper()
	must(p.T, os.Symlink(target, p.path(name)))
}

func (p place) pipe(name string) {
	p.Helper()
	must(p.T, syscall.Mkfifo(p.path(name), 0o600))
}

// give makes a file, a folder or a link a stranger's.
func (p place) give(name string) {
	p.Helper()
	if os.Geteuid() != 0 {
		p.Skip("only root may give a file away")
	}
	must(p.T, os.Lchown(p.path(name), stranger, stranger))
}

type trustCase struct {
	name  string
	setup func(p place)
	read  string // the path, below the folder; "f" where empty
	fault string // the path that is at fault, likewise; nothing is where text is empty
	text  string
}

const (
	writable = "may be written by others than its owner"
	foreign  = "belongs to user 65534, not to root"
)

var trustCases = []trustCase{
	{name: "own file", setup: func(p place) { p.file("f", 0o600) }},
	{name: "read by all", setup: func(p place) { p.file("f", 0o644) }},
	{name: "read only", setup: func(p place) { p.file("f", 0o400) }},
	{name: "group writes", setup: func(p place) { p.file("f", 0o620) }, fault: "f", text: writable},
	{name: "others write", setup: func(p place) { p.file("f", 0o602) }, fault: "f", text: writable},
	{name: "sticky file", setup: func(p place) { p.file("f", 0o666|fs.ModeSticky) }, fault: "f", text: writable},
	{name: "foreign file", setup: func(p place) { p.file("f", 0o600); p.give("f") }, fault: "f", text: foreign},

	{name: "group writes to folder", setup: func(p place) { p.folder("d", 0o770); p.file("d/f", 0o600) },
		read: "d/f", fault: "d", text: writable},
	{name: "others write to folder", setup: func(p place) { p.folder("d", 0o707); p.file("d/f", 0o600) },
		read: "d/f", fault: "d", text: writable},
	{name: "sticky folder", setup: func(p place) { p.folder("d", 0o777|fs.ModeSticky); p.file("d/f", 0o600) }, read: "d/f"},
	{name: "open folder above", setup: func(p place) { p.folder("d", 0o777); p.folder("d/e", 0o700); p.file("d/e/f", 0o600) },
		read: "d/e/f", fault: "d", text: writable},
	{name: "foreign folder", setup: func(p place) { p.folder("d", 0o755); p.file("d/f", 0o600); p.give("d") },
		read: "d/f", fault: "d", text: foreign},
	{name: "foreign sticky folder", setup: func(p place) { p.folder("d", 0o777|fs.ModeSticky); p.file("d/f", 0o600); p.give("d") },
		read: "d/f", fault: "d", text: foreign},
	{name: "foreign file in sticky folder", setup: func(p place) { p.folder("d", 0o777|fs.ModeSticky); p.file("d/f", 0o600); p.give("d/f") },
		read: "d/f", fault: "d/f", text: foreign},
	{name: "quotes in the name", setup: func(p place) { p.folder("it's a $(x)", 0o777); p.file("it's a $(x)/f", 0o600) },
		read: "it's a $(x)/f", fault: "it's a $(x)", text: writable},

	{name: "link", setup: func(p place) { p.file("g", 0o600); p.link("g", "f") }},
	{name: "absolute link", setup: func(p place) { p.file("g", 0o600); p.link(p.path("g"), "f") }},
	{name: "link to a folder", setup: func(p place) { p.folder("e", 0o700); p.file("e/f", 0o600); p.link("e", "d") }, read: "d/f"},
	{name: "link up", setup: func(p place) { p.folder("d", 0o700); p.file("g", 0o600); p.link("../g", "d/f") }, read: "d/f"},
	{name: "link to its folder", setup: func(p place) { p.file("f", 0o600); p.link(".", "d") }, read: "d/f"},
	{name: "parent of a link", setup: func(p place) {
		p.folder("e", 0o700)
		p.folder("e/e", 0o700)
		p.file("e/f", 0o600)
		p.link("e/e", "d")
	}, read: "d/../f"},
	{name: "link in an open folder", setup: func(p place) { p.folder("d", 0o777); p.file("g", 0o600); p.link("../g", "d/f") },
		read: "d/f", fault: "d", text: writable},
	{name: "link to an open folder", setup: func(p place) { p.folder("d", 0o777); p.file("d/f", 0o600); p.link("d/f", "f") },
		fault: "d", text: writable},
	{name: "absolute link to an open folder", setup: func(p place) { p.folder("d", 0o777); p.file("d/f", 0o600); p.link(p.path("d/f"), "f") },
		fault: "d", text: writable},
	{name: "link to an open file", setup: func(p place) { p.file("g", 0o666); p.link("g", "f") }, fault: "g", text: writable},
	{name: "link through an open folder and back", setup: func(p place) { p.folder("d", 0o777); p.file("g", 0o600); p.link("d/../g", "f") },
		fault: "d", text: writable},
	{name: "path through an open folder and back", setup: func(p place) { p.folder("d", 0o777); p.file("f", 0o600) },
		read: "d/../f", fault: "d", text: writable},
	{name: "foreign link", setup: func(p place) { p.file("g", 0o600); p.link("g", "f"); p.give("f") }, fault: "f", text: foreign},
	{name: "foreign link in a sticky folder", setup: func(p place) {
		p.folder("d", 0o777|fs.ModeSticky)
		p.file("g", 0o600)
		p.link("../g", "d/f")
		p.give("d/f")
	}, read: "d/f", fault: "d/f", text: foreign},
	{name: "foreign link to a folder", setup: func(p place) { p.folder("e", 0o700); p.file("e/f", 0o600); p.link("e", "d"); p.give("d") },
		read: "d/f", fault: "d", text: foreign},
	{name: "40 links", setup: func(p place) { p.links(40) }, read: "40"},
	{name: "41 links", setup: func(p place) { p.links(41) }, read: "41", fault: "1", text: "more than 40 links"},
	{name: "loop", setup: func(p place) { p.link("f", "f") }, fault: "f", text: "more than 40 links"},

	{name: "missing", setup: func(place) {}, fault: "f", text: "does not exist"},
	{name: "missing folder", setup: func(place) {}, read: "d/e/f", fault: "d", text: "does not exist"},
	{name: "dangling link", setup: func(p place) { p.link("g", "f") }, fault: "g", text: "does not exist"},
	{name: "folder", setup: func(p place) { p.folder("f", 0o700) }, fault: "f", text: "is not a regular file"},
	{name: "link to /", setup: func(p place) { p.link("/", "f") }, fault: "/", text: "is not a regular file"},
	{name: "below a file", setup: func(p place) { p.file("d", 0o600) }, read: "d/f", fault: "d", text: "is not a folder"},
	{name: "back from a file", setup: func(p place) { p.file("d", 0o600); p.file("f", 0o600) },
		read: "d/../f", fault: "d", text: "is not a folder"},
	{name: "pipe", setup: func(p place) { p.pipe("f") }, fault: "f", text: "is not a regular file"},
	{name: "device", setup: func(p place) { p.link("/dev/null", "f") }, fault: "/dev/null", text: "is not a regular file"},
}

// links makes a file 0, and links 1 to n, each to the one before.
func (p place) links(n int) {
	p.file("0", 0o600)
	for i := range n {
		p.link(fmt.Sprint(i), fmt.Sprint(i+1))
	}
}

func TestReadTrusted(t *testing.T) {
	for _, test := range trustCases {
		t.Run(test.name, func(t *testing.T) {
			p := newPlace(t)
			test.setup(p)
			path, fault := p.path("f"), p.path(test.fault)
			if test.read != "" {
				path = p.path(test.read)
			}
			if filepath.IsAbs(test.fault) {
				fault = test.fault
			}
			got, err := worker.ReadTrusted(path, 100)
			if test.text == "" {
				if err != nil || string(got) != "text" {
					t.Errorf("read %q, error %v", got, err)
				}
				return
			}
			if got != nil {
				t.Errorf("read %q in spite of %v", got, err)
			}
			e := wantTrustError(t, err, fault, test.text)
			if missing := test.text == "does not exist"; errors.Is(err, fs.ErrNotExist) != missing {
				t.Errorf("%v: is fs.ErrNotExist: %v, want %v", err, !missing, missing)
			}
			if e.File != path || !strings.Contains(err.Error(), fmt.Sprintf("%q", path)) {
				t.Errorf("the error %v is about %q, want %q named", err, e.File, path)
			}
			if test.text != writable && test.text != foreign {
				return
			}
			_, command, _ := strings.Cut(e.Hint(), "`")
			command, _, _ = strings.Cut(command, "`")
			if out, err := exec.Command("sh", "-c", command).CombinedOutput(); err != nil {
				t.Fatalf("%s: %v, %s", command, err, out)
			}
			if _, err := worker.ReadTrusted(path, 100); err != nil {
				t.Errorf("after %s: %v", command, err)
			}
		})
	}
}

func TestSocket(t *testing.T) {
	p := place{t, "/tmp"} // a socket's path has room for about 100 bytes
	dir, err := os.MkdirTemp(p.dir, "")
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	path := filepath.Join(realPath(t, dir), "s")
	l, err := net.Listen("unix", path)
	must(t, err)
	defer l.Close()
	_, err = worker.ReadTrusted(path, 1)
	wantTrustError(t, err, path, "is not a regular file")
}

func TestReadTrustedSize(t *testing.T) {
	p := newPlace(t)
	write(t, p.path("f"), "12345", 0o600)
	if got, err := worker.ReadTrusted(p.path("f"), 5); err != nil || string(got) != "12345" {
		t.Errorf("a file as large as it may be: %q, %v", got, err)
	}
	_, err := worker.ReadTrusted(p.path("f"), 4)
	wantTrustError(t, err, p.path("f"), "is larger than 4 bytes")
	write(t, p.path("f"), "", 0o600)
	if got, err := worker.ReadTrusted(p.path("f"), 0); err != nil || len(got) != 0 {
		t.Errorf("an empty file: %q, %v", got, err)
	}
}

func TestRelative(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "f", "", 0o600)
	for _, path := range []string{"f", "./f", "", "../f"} {
		_, err := worker.ReadTrusted(path, 1)
		wantTrustError(t, err, path, "is not an absolute path")
		wantTrustError(t, worker.CheckTrustedDir(path), path, "is not an absolute path")
		if path != "" && path != "../f" {
			wantTrustError(t, worker.Append(path, []byte("x")), path, "is not an absolute path")
		}
	}
	wantText(t, "f", "")
}

// What belongs to root is trusted whoever runs this.
func TestRoot(t *testing.T) {
	if _, err := worker.ReadTrusted("/etc/passwd", 1<<20); err != nil {
		t.Error(err)
	}
	if err := worker.CheckTrustedDir("/"); err != nil {
		t.Error(err)
	}
}

func TestUnreadable(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may read everything")
	}
	p := newPlace(t)
	p.folder("d", 0o700)
	p.file("d/f", 0)
	_, err := worker.ReadTrusted(p.path("d/f"), 1)
	wantTrustError(t, err, p.path("d/f"), "cannot be opened: permission denied")
	must(t, os.Chmod(p.path("d"), 0))
	_, err = worker.ReadTrusted(p.path("d/f"), 1)
	wantTrustError(t, err, p.path("d/f"), "cannot be opened: permission denied")
	must(t, os.Chmod(p.path("d"), 0o700))
}

// What is opened is what was looked at, or it is refused.
func TestReplaced(t *testing.T) {
	tests := []struct {
		name    string
		replace func(p place)
		text    string
	}{
		{"by a file", func(p place) { p.file("g", 0o600); must(p.T, os.Rename(p.path("g"), p.path("f"))) }, "was replaced"},
		{"by a link", func(p place) {
			must(p.T, os.Rename(p.path("f"), p.path("g")))
			p.link("g", "f")
		}, "cannot be opened"},
		{"by a pipe", func(p place) { must(p.T, os.Rename(p.path("f"), p.path("g"))); p.pipe("f") }, "was replaced"},
		{"mode", func(p place) { must(p.T, os.Chmod(p.path("f"), 0o666)) }, writable},
		{"owner", func(p place) { p.give("f") }, foreign},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := newPlace(t)
			p.file("f", 0o600)
			before, err := os.Lstat(p.path("f"))
			must(t, err)
			test.replace(p)
			f, err := worker.Open(p.path("f"), p.path("f"), before, os.O_RDONLY)
			if f != nil {
				t.Error("a file is returned")
			}
			wantTrustError(t, err, p.path("f"), test.text)
		})
	}
}

func TestCheckTrustedDir(t *testing.T) {
	tests := []struct {
		name  string
		setup func(p place)
		fault string
		text  string
	}{
		{"own", func(p place) { p.folder("d", 0o700) }, "", ""},
		{"read by all", func(p place) { p.folder("d", 0o755) }, "", ""},
		{"link", func(p place) { p.folder("e", 0o700); p.link("e", "d") }, "", ""},
		{"group writes", func(p place) { p.folder("d", 0o770) }, "d", writable},
		{"sticky", func(p place) { p.folder("d", 0o777|fs.ModeSticky) }, "d", writable},
		{"link to sticky", func(p place) { p.folder("e", 0o777|fs.ModeSticky); p.link("e", "d") }, "e", writable},
		{"in an open folder", func(p place) { p.folder("e", 0o777); p.folder("e/e", 0o700); p.link("e/e", "d") }, "e", writable},
		{"foreign", func(p place) { p.folder("d", 0o700); p.give("d") }, "d", foreign},
		{"missing", func(place) {}, "d", "does not exist"},
		{"file", func(p place) { p.file("d", 0o600) }, "d", "is not a folder"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := newPlace(t)
			test.setup(p)
			err := worker.CheckTrustedDir(p.path("d"))
			if test.text != "" {
				wantTrustError(t, err, p.path(test.fault), test.text)
			} else if err != nil {
				t.Error(err)
			}
		})
	}
}
