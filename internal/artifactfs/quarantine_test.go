package artifactfs_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/countersign-ci/countersign/internal/artifactfs"
)

func TestTake(t *testing.T) {
	dir := put(t, map[string]string{"root/dist/app.tgz": "changed", "root/dist/ok": "ok"})
	root, quarantine := filepath.Join(dir, "root"), filepath.Join(dir, "quarantine")
	expected, found := artifactOf("dist/app.tgz", "as built"), artifactOf("dist/app.tgz", "changed")
	stored, err := openQuarantine(t, quarantine).Take(root, artifactfs.Failed{
		Path: "dist/app.tgz", Expected: &expected, Found: &found, Rule: "artifact-changed", TokenID: "AAAAAAAAAAAAAAAAAAAAAA", Time: failTime,
	})
	must(t, err)
	wantSame(t, stored, sha256Of("changed"))
	report := fmt.Sprintf(`{"path":"dist/app.tgz","expected":{"size":8,"sha256":"%s"},"found":{"size":7,"sha256":"%s"},`+
		`"token_id":"AAAAAAAAAAAAAAAAAAAAAA","time":"2026-11-22T09:38:00Z","rule":"artifact-changed"}`+"\n",
		sha256Of("as built"), sha256Of("changed"))
	wantNothingOnTheWay(t, quarantine)
	got := files(t, quarantine)
	delete(got, ".countersign-lock") // Windows
	wantSame(t, got, map[string]string{stored: "changed", stored + ".json": report})
	wantSame(t, files(t, root), map[string]string{"dist/ok": "ok"})
}

// Names that a log or JSON cannot hold, and what is known of a file that was not
// measured.
func TestTakeOddName(t *testing.T) {
	for _, path := range []string{"a\nb", "::error::x", "\xff\xfe", "dist/\u202e", "a\\b"} {
		dir := t.TempDir()
		root, quarantine := filepath.Join(dir, "root"), filepath.Join(dir, "quarantine")
		must(t, os.MkdirAll(filepath.Join(root, "dist"), 0o755))
		if err := os.WriteFile(filepath.Join(root, path), []byte("x"), 0o644); err != nil || len(files(t, root)[path]) == 0 {
			continue // this disk has no such names
		}
		stored, err := openQuarantine(t, quarantine).Take(root, failed(path))
		must(t, err)
		r := readReport(t, filepath.Join(quarantine, stored))
		if string(r.PathBytes) != path && r.Path != path {
			t.Errorf("%q became %q, %q", path, r.Path, r.PathBytes)
		}
		if string(r.Expected) != "null" || string(r.Found) != "null" {
			t.Errorf("%s, %s", r.Expected, r.Found)
		}
		text := files(t, quarantine)[stored+".json"]
		if strings.ContainsFunc(strings.TrimSuffix(text, "\n"), func(r rune) bool { return r < ' ' || r == '\u202e' }) {
			t.Errorf("%q", text)
		}
	}
}

// Files of one digest stay several.
func TestTakeTwins(t *testing.T) {
	dir := t.TempDir()
	root, quarantine := filepath.Join(dir, "root"), filepath.Join(dir, "quarantine")
	for range 2 { // by two processes
		q := openQuarantine(t, quarantine)
		for i := range 3 {
			write(t, filepath.Join(root, "a", fmt.Sprint(i)), "same")
			_, err := q.Take(root, failed("a/"+fmt.Sprint(i)))
			must(t, err)
		}
	}
	wantSame(t, exist(t, root, quarantine), map[string]int{"same": 6})
	if _, err := os.Stat(filepath.Join(quarantine, sha256Of("same")+"-6.json")); err != nil {
		t.Error(err)
	}
}

// Several processes at once set aside files of one digest, and recover.
func TestTakeAtOnce(t *testing.T) {
	dir := t.TempDir()
	quarantine := filepath.Join(dir, "quarantine")
	const users, each = 8, 10
	artifactfs.AtStep(t, otherDevice)
	var group sync.WaitGroup
	for u := range users {
		root := filepath.Join(dir, "root", fmt.Sprint(u))
		for i := range each {
			write(t, filepath.Join(root, fmt.Sprint(i)), "same")
		}
		group.Go(func() {
			for i := range each {
				q, err := artifactfs.OpenQuarantine(quarantine)
				if err != nil {
					t.Error(err)
					return
				}
				if _, err := q.Take(root, failed(fmt.Sprint(i))); err != nil {
					t.Error(err)
				}
				q.Close()
			}
		})
	}
	group.Wait()
	wantSame(t, exist(t, filepath.Join(dir, "root"), quarantine), map[string]int{"same": users * each})
	wantNothingOnTheWay(t, quarantine)
}

// What is no file that can be moved stays, and nothing that a link leads to moves.
func TestTakeLeft(t *testing.T) {
	dir := put(t, map[string]string{"root/folder/a": "a", "outside/secret": "s"})
	root, quarantine := filepath.Join(dir, "root"), filepath.Join(dir, "quarantine")
	symlink(t, filepath.Join(dir, "outside"), filepath.Join(root, "way"))
	symlink(t, "folder", filepath.Join(root, "inside"))
	q := openQuarantine(t, quarantine)
	before := files(t, dir)
	for path, want := range map[string]error{
		"folder":            artifactfs.ErrLeft,
		"way/secret":        artifactfs.ErrLeft,
		"inside/a":          artifactfs.ErrLeft,
		"../outside/secret": artifactfs.ErrLeft,
		"oci://acme/a":      artifactfs.ErrLeft,
		"":                  artifactfs.ErrLeft,
		".":                 artifactfs.ErrLeft,
		"..":                artifactfs.ErrLeft,
		"folder/..":         artifactfs.ErrLeft,
		"/folder/a":         artifactfs.ErrLeft,
		"gone":              fs.ErrNotExist,
		"folder/a/b":        fs.ErrNotExist,
	} {
		_, err := q.Take(root, failed(path))
		if !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v", path, err, want)
		}
	}
	wantSame(t, files(t, dir), before)
}

// A link is moved itself, on one file system and between two.
func TestTakeLink(t *testing.T) {
	for name, each := range map[string]func(string) error{"same": anyStep, "other": otherDevice} {
		t.Run(name, func(t *testing.T) {
			dir := put(t, map[string]string{"outside/secret": "s"})
			root, quarantine := filepath.Join(dir, "root"), filepath.Join(dir, "quarantine")
			must(t, os.Mkdir(root, 0o755))
			target := filepath.Join(dir, "outside", "secret")
			symlink(t, target, filepath.Join(root, "a"))
			artifactfs.AtStep(t, each)
			stored, err := openQuarantine(t, quarantine).Take(root, failed("a"))
			must(t, err)
			wantSame(t, stored, "path-"+sha256Of("a"))
			wantSame(t, exist(t, root, quarantine), map[string]int{"-> " + target: 1})
			wantSame(t, files(t, filepath.Dir(target)), map[string]string{"secret": "s"})
		})
	}
}

// The name is the digest of what was moved, whatever was there when it was checked.
func TestTakeChanged(t *testing.T) {
	for name, each := range map[string]func(string) error{"same": anyStep, "other": otherDevice} {
		t.Run(name, func(t *testing.T) {
			dir := put(t, map[string]string{"root/a": "first"})
			root, quarantine := filepath.Join(dir, "root"), filepath.Join(dir, "quarantine")
			file, err := os.OpenFile(filepath.Join(root, "a"), os.O_WRONLY, 0)
			must(t, err)
			defer file.Close()
			artifactfs.AtStep(t, func(name string) error {
				if name == "rename a" {
					_, err := file.WriteString("other")
					must(t, err)
				}
				return each(name)
			})
			stored, err := openQuarantine(t, quarantine).Take(root, failed("a"))
			must(t, err)
			wantSame(t, stored, sha256Of("other"))
			wantSame(t, exist(t, root, quarantine), map[string]int{"other": 1})
		})
	}
}

// A file that is written to while it is copied to another file system stays: what was
// copied may never have been in it.
func TestTakeWritten(t *testing.T) {
	for _, at := range []string{"write on", "sync a"} {
		t.Run(at, func(t *testing.T) {
			dir := put(t, map[string]string{"root/a": "first"})
			root, quarantine := filepath.Join(dir, "root"), filepath.Join(dir, "quarantine")
			written := false
			artifactfs.AtStep(t, func(name string) error {
				if name == at && !written {
					written = true
					file, err := os.OpenFile(filepath.Join(root, "a"), os.O_WRONLY|os.O_APPEND, 0)
					must(t, err)
					_, err = file.WriteString(", and more")
					must(t, err)
					must(t, file.Close())
				}
				return otherDevice(name)
			})
			if stored, err := openQuarantine(t, quarantine).Take(root, failed("a")); !errors.Is(err, artifactfs.ErrLeft) {
				t.Errorf("it is %q, and the error %v", stored, err)
			}
			wantSame(t, exist(t, root, quarantine), map[string]int{"first, and more": 1})
		})
	}
}

// What lies in the quarantine already is not overwritten, nor waited for.
func TestTakeBesideOthers(t *testing.T) {
	dir := put(t, map[string]string{"root/a": "a"})
	root, quarantine := filepath.Join(dir, "root"), filepath.Join(dir, "quarantine")
	q := openQuarantine(t, quarantine)
	digest := sha256Of("a")
	write(t, filepath.Join(quarantine, digest+".json"), "evidence")
	write(t, filepath.Join(quarantine, "victim"), "evidence")
	must(t, os.Symlink("victim", filepath.Join(quarantine, digest+"-2.json")))
	must(t, os.Mkdir(filepath.Join(quarantine, digest+"-3.json"), 0o755))
	stored, err := q.Take(root, failed("a"))
	must(t, err)
	wantSame(t, stored, digest+"-4")
	for _, name := range []string{digest + ".json", "victim"} {
		text, err := os.ReadFile(filepath.Join(quarantine, name))
		must(t, err)
		wantSame(t, string(text), "evidence")
	}
}

// A file that takes the place of one that is being copied is not removed in its
// stead.
func TestTakeReplaced(t *testing.T) {
	for _, at := range []string{"copy a", "sync a"} {
		dir := put(t, map[string]string{"root/a": "first"})
		root, quarantine := filepath.Join(dir, "root"), filepath.Join(dir, "quarantine")
		artifactfs.AtStep(t, func(name string) error {
			if name == at {
				write(t, filepath.Join(dir, "new"), "new")
				must(t, os.Rename(filepath.Join(dir, "new"), filepath.Join(root, "a")))
			}
			return otherDevice(name)
		})
		_, err := openQuarantine(t, quarantine).Take(root, failed("a"))
		if !errors.Is(err, artifactfs.ErrLeft) {
			t.Errorf("%s: %v", at, err)
		}
		wantSame(t, exist(t, root, quarantine), map[string]int{"new": 1})
		wantNothingOnTheWay(t, quarantine)
	}
}

// Nor where the first one is back by then.
func TestTakeReplacedAndBack(t *testing.T) {
	dir := put(t, map[string]string{"root/a": "first", "aside": "other"})
	root, quarantine := filepath.Join(dir, "root"), filepath.Join(dir, "quarantine")
	swap := func() {
		must(t, os.Rename(filepath.Join(root, "a"), filepath.Join(dir, "swap")))
		must(t, os.Rename(filepath.Join(dir, "aside"), filepath.Join(root, "a")))
		must(t, os.Rename(filepath.Join(dir, "swap"), filepath.Join(dir, "aside")))
	}
	swaps := 0
	artifactfs.AtStep(t, func(name string) error {
		if name == "copy a" || name == "sync a" {
			swaps++
			swap()
		}
		return otherDevice(name)
	})
	_, err := openQuarantine(t, quarantine).Take(root, failed("a"))
	if !errors.Is(err, artifactfs.ErrLeft) {
		t.Error(err)
	}
	if swaps%2 == 1 {
		swap()
	}
	wantSame(t, exist(t, root, quarantine), map[string]int{"first": 1})
	wantNothingOnTheWay(t, quarantine)
}

// Whatever the disk fails at, nothing is lost, and what was begun ends later.
func TestTakeFails(t *testing.T) {
	full := errors.New("no space left on device")
	for name, each := range map[string]func(string) error{"same": anyStep, "other": otherDevice} {
		t.Run(name, func(t *testing.T) {
			for n := 1; ; n++ {
				dir := put(t, map[string]string{"root/a": large("a")})
				root, quarantine := filepath.Join(dir, "root"), filepath.Join(dir, "quarantine")
				steps := 0
				artifactfs.AtStep(t, func(name string) error {
					if steps++; steps == n {
						return full
					}
					return each(name)
				})
				_, err := openQuarantine(t, quarantine).Take(root, failed("a"))
				if n > steps {
					must(t, err)
					return
				}
				var disk *artifactfs.Error
				if !errors.As(err, &disk) || !errors.Is(err, full) {
					t.Errorf("step %d: %v", n, err)
				}
				want := map[string]int{large("a"): 1}
				wantSame(t, exist(t, root, quarantine), want)
				if len(files(t, root)) == 1 {
					wantNothingOnTheWay(t, quarantine) // the partial copy is removed
				}
				artifactfs.SetStep(anyStep)
				recovered(t, quarantine)
				wantSame(t, exist(t, root, quarantine), want)
				wantNothingOnTheWay(t, quarantine)
			}
		})
	}
}

// A quarantine inside the root is no root of its own.
func TestTakeInside(t *testing.T) {
	root := put(t, map[string]string{"a": "a"})
	quarantine := filepath.Join(root, "set", "aside")
	must(t, os.Mkdir(filepath.Dir(quarantine), 0o755))
	stored, err := openQuarantine(t, quarantine).Take(root, failed("a"))
	must(t, err)
	wantSame(t, files(t, root)["set/aside/"+stored], "a")
	rel, ok, err := artifactfs.Below(root, quarantine)
	if rel != "set/aside" || !ok || err != nil {
		t.Error(rel, ok, err)
	}
}

func TestOpenQuarantineRefused(t *testing.T) {
	dir := put(t, map[string]string{"file": "x"})
	must(t, os.Mkdir(filepath.Join(dir, "real"), 0o700))
	_, err := artifactfs.OpenQuarantine(filepath.Join(dir, "file"))
	wantPlace(t, err, "is a file")
	_, err = artifactfs.OpenQuarantine(filepath.Join(dir, "none", "quarantine"))
	if !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	symlink(t, "real", filepath.Join(dir, "link"))
	for _, suffix := range []string{"", "/", "/."} {
		_, err = artifactfs.OpenQuarantine(filepath.Join(dir, "link") + suffix)
		wantPlace(t, err, "is a symbolic link")
	}
	symlink(t, "nowhere", filepath.Join(dir, "dangling"))
	_, err = artifactfs.OpenQuarantine(filepath.Join(dir, "dangling"))
	wantPlace(t, err, "is a symbolic link")
}

func FuzzPending(f *testing.F) {
	for _, path := range []string{"a", "dist/app.tgz", "a\nb", "\xff"} {
		b, err := artifactfs.PendingText("/work", failed(path))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, path)
	}
	f.Add([]byte(`{"root":"/","report":{"path":"../a","path_bytes":""}}`+"\n"), "")
	f.Add([]byte("null\n"), "\x00")
	f.Fuzz(func(t *testing.T, b []byte, path string) {
		if root, path, err := artifactfs.PendingSource(b); err == nil && (!filepath.IsAbs(root) || path == "" && !strings.Contains(string(b), "path_bytes")) {
			t.Errorf("%q, %q", root, path)
		}
		if path == "" || len(path) > 4096 {
			return
		}
		root, err := filepath.Abs("root")
		must(t, err)
		b, err = artifactfs.PendingText(root, failed(path))
		must(t, err)
		if _, got, err := artifactfs.PendingSource(b); err != nil || got != path {
			t.Errorf("%q became %q, %v", path, got, err)
		}
		if _, _, err := artifactfs.PendingSource(b[:len(b)-1]); err == nil {
			t.Errorf("%q was taken cut off", b)
		}
	})
}
