package cli

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"unicode/utf8"
)

// TestVerifyNoFile has what is no plain file lie where one is listed, and elsewhere. It
// is set aside as what it is, and nothing that it leads to is touched.
func TestVerifyNoFile(t *testing.T) {
	for _, test := range []struct {
		name string
		make func(a *artifactTest, path string) error
		want []string // without the path itself
	}{
		{"a link to the same bytes", func(a *artifactTest, path string) error { return os.Symlink(a.path("outside"), path) }, nil},
		{"a link that leads nowhere", func(_ *artifactTest, path string) error { return os.Symlink("none", path) }, nil},
		{"a link to a folder", func(_ *artifactTest, path string) error { return os.Symlink(filepath.Dir(path), path) }, nil},
		{"a pipe", func(_ *artifactTest, path string) error { return syscall.Mkfifo(path, 0o600) }, nil},
		{"another name", func(a *artifactTest, path string) error { return os.Link(a.path("root/lib/a.so"), path) }, []string{"unsafe-path lib/a.so"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := newArtifactTest(t)
			a.put("outside", "app")
			a.sign()
			a.remove("root/app.tgz")
			if err := test.make(a, a.path("root/app.tgz")); err != nil {
				t.Fatal(err)
			}
			before := a.tree("root")
			want := append([]string{"unsafe-path app.tgz"}, test.want...)
			a.wantCheck(want, "--promote", a.path("verified"))
			a.wantTree("root", before)
			a.wantTree("verified", map[string]string{})
			a.wantCheck(want, "--quarantine", a.path("quarantine"))
			if _, err := os.Lstat(a.path("root/app.tgz")); err == nil || a.read("outside") != "app" {
				t.Errorf("it is there still, or outside is %q", a.read("outside"))
			}
			if moved := a.tree("quarantine"); len(moved) != 2*len(want) {
				t.Errorf("in quarantine are %q", moved)
			}
			if test.want != nil {
				return
			}
			if err := test.make(a, a.path("root/odd")); err != nil {
				t.Fatal(err)
			}
			a.put("root/app.tgz", "app")
			a.wantCheck([]string{"unsafe-path odd"}, "--quarantine", a.path("quarantine"))
			a.wantTree("root", built)
		})
	}
}

// TestVerifyNames sets aside unlisted files whose names no manifest may have.
func TestVerifyNames(t *testing.T) {
	a := newArtifactTest(t)
	a.sign()
	for _, name := range []string{"a\xff\x1b", "a\n::error::x", `a\b`, "u\u0308", "c:x"} {
		a.put("root/"+name, "odd")
	}
	a.onRunner("build.yml")
	r, stderr := a.check(a.verifying("--quarantine", a.path("quarantine"))...)
	if r.Failure != "artifact-unlisted" || len(r.Artifacts) != 8 {
		t.Errorf("the report is %+v", r)
	}
	if strings.ContainsRune(stderr, 0x1b) || !utf8.ValidString(stderr) || strings.Contains(stderr, "\n::error::x") {
		t.Errorf("it says %q", stderr)
	}
	a.wantTree("root", built)
}

// TestVerifyUndecided has the disk fail: nothing is moved or promoted.
func TestVerifyUndecided(t *testing.T) {
	a := newArtifactTest(t)
	a.sign()
	a.put("root/app.tgz", "APP")
	a.put("root/shut/x", "x")
	if err := os.Chmod(a.path("root/shut"), 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Chmod(a.path("root/shut"), 0o755) })
	args := a.verifying("--quarantine", a.path("quarantine"), "--promote", a.path("verified"))
	a.asNobody(func() {
		for _, warn := range [][]string{nil, {"--on-invalid", "warn", "--on-missing", "warn"}} {
			a.fails(exitUndecided, `"shut" cannot be read: permission denied`, slices.Concat(args, warn)...)
		}
	})
	a.wantTree("root", with(built, "app.tgz", "APP", "shut/x", "x"))
	a.wantTree("quarantine", map[string]string{})
	a.wantTree("verified", map[string]string{})
}
