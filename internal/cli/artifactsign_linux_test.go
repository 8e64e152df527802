package cli

import (
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// TestSignManifestRefuses refuses what is no plain file, and names that are not the
// same everywhere, where a glob matches them.
func TestSignManifestRefuses(t *testing.T) {
	for _, test := range []struct {
		name string
		make func(a *artifactTest) error
		says string
		code int
	}{
		{"a symbolic link", func(a *artifactTest) error { return os.Symlink("app.tgz", a.path("root/odd")) }, `"odd" is a symbolic link`, exitUsage},
		{"a link to a folder", func(a *artifactTest) error { return os.Symlink("lib", a.path("root/odd")) }, `"odd" is a symbolic link`, exitUsage},
		{"a hard link", func(a *artifactTest) error { return os.Link(a.path("root/app.tgz"), a.path("root/odd")) }, `"app.tgz" is another name of odd`, exitUsage},
		{"a pipe", func(a *artifactTest) error { return syscall.Mkfifo(a.path("root/odd"), 0o600) }, `"odd" is a named pipe`, exitUsage},
		{"letter case", func(a *artifactTest) error { return os.WriteFile(a.path("root/APP.tgz"), nil, 0o600) }, "where letter case does not count", exitUsage},
		{"another letter case", func(a *artifactTest) error { return os.WriteFile(a.path("root/LIB"), nil, 0o600) }, "which is a file", exitUsage},
		{"not NFC", func(a *artifactTest) error { return os.WriteFile(a.path("root/u\u0308"), nil, 0o600) }, "not in Unicode's form NFC", exitUsage},
		{"not UTF-8", func(a *artifactTest) error { return os.WriteFile(a.path("root/a\xff\x1b"), nil, 0o600) }, `"a\xff\x1b" is a path that is not UTF-8`, exitUsage},
		{"a backslash", func(a *artifactTest) error { return os.WriteFile(a.path(`root/a\b`), nil, 0o600) }, "has a backslash", exitUsage},
		{"a drive", func(a *artifactTest) error { return os.WriteFile(a.path("root/c:x"), nil, 0o600) }, "begins with a drive", exitUsage},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := newArtifactTest(t)
			if err := test.make(a); err != nil {
				t.Fatal(err)
			}
			a.fails(test.code, test.says, a.signing()...)
			a.sign("--artifacts", "*.so", "--root", a.path("root/lib")) // nothing of it is below
		})
	}
}

// TestSignManifestNewline signs and verifies a file with a line end in its name, which
// is shown escaped.
func TestSignManifestNewline(t *testing.T) {
	const name = "lib/a\n::error::x"
	a := newArtifactTest(t)
	a.put("root/"+name, "odd")
	a.sign()
	a.wantCheck(nil)
	a.put("root/"+name, "ODD")
	a.onRunner("build.yml")
	r, stderr := a.wantCheck([]string{"artifact-changed " + name})
	if strings.Contains(stderr, "\n::error::x") || !strings.Contains(stderr, `a\u000a::error::x`) {
		t.Errorf("it says %q", stderr)
	}
	if r.Artifacts[1].Path != name {
		t.Errorf("the report has %q", r.Artifacts[0].Path)
	}
}

// TestSignManifestUndecided has the disk fail.
func TestSignManifestUndecided(t *testing.T) {
	a := newArtifactTest(t)
	// A file of the system that says it is empty and is not.
	a.fails(exitUndecided, `"boot_id": it changed while it was read`, a.signing("--root", "/proc/sys/kernel/random")...)
	if err := os.Chmod(a.path("root/lib"), 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Chmod(a.path("root/lib"), 0o755) })
	a.asNobody(func() {
		stderr := a.fails(exitUndecided, `"lib" cannot be read: permission denied`, a.signing("--out", a.path("m"))...)
		if !strings.Contains(stderr, "hint: let the user who runs this read the file") {
			t.Error(stderr)
		}
	})
	if _, err := os.Stat(a.path("m")); err == nil {
		t.Error("a token was written")
	}
}

// asNobody calls f with the rights on files of a user other than root, in this thread.
func (a *artifactTest) asNobody(f func()) {
	a.t.Helper()
	if os.Getuid() != 0 {
		f()
		return
	}
	for name := a.path("root"); len(name) > len(os.TempDir()); name = name[:strings.LastIndexByte(name, '/')] {
		if err := os.Chmod(name, 0o755); err != nil {
			a.t.Fatal(err)
		}
	}
	for _, name := range []string{"k.jwk", "k.pub.jwk"} {
		if err := os.Chmod(a.path(name), 0o644); err != nil {
			a.t.Fatal(err)
		}
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	set := func(uid uintptr) { syscall.RawSyscall(syscall.SYS_SETFSUID, uid, 0, 0) }
	set(65534)
	defer set(0)
	f()
}
