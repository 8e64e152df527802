//go:build unix

package artifactfs_test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign-ci/countersign/internal/artifactfs"
)

// putKinds makes one thing of each kind beside a file and a folder with a file.
func putKinds(t *testing.T) (dir string) {
	t.Helper()
	dir = put(t, map[string]string{"file": "content", "folder/file": "other"})
	at := func(name string) string { return filepath.Join(dir, name) }
	must(t, os.Symlink("file", at("link")))
	must(t, os.Symlink("folder", at("link-to-folder")))
	must(t, os.Symlink("/etc", at("link-outside")))
	must(t, os.Symlink("nothing", at("link-to-nothing")))
	must(t, os.Symlink("loop", at("loop")))
	must(t, syscall.Mkfifo(at("pipe"), 0o600))
	// Bound by a short path, for a socket's has a limit, and moved.
	short, err := os.MkdirTemp("", "s")
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(short) })
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(short, "s")})
	must(t, err)
	l.SetUnlinkOnClose(false)
	t.Cleanup(func() { l.Close() })
	must(t, os.Rename(filepath.Join(short, "s"), at("socket")))
	return dir
}

func TestListOfEachKind(t *testing.T) {
	want := []artifactfs.Entry{
		{Path: "file"}, {Path: "folder/file"},
		{"link", "a symbolic link"}, {"link-outside", "a symbolic link"},
		{"link-to-folder", "a symbolic link"}, {"link-to-nothing", "a symbolic link"}, {"loop", "a symbolic link"},
		{"pipe", "a named pipe"}, {"socket", "a socket"},
	}
	if diff := cmp.Diff(want, mustList(t, putKinds(t), nil)); diff != "" {
		t.Error(diff)
	}
}

func TestListOfDevices(t *testing.T) {
	entries := mustList(t, "/dev", func(path string) bool { return path != "null" })
	if diff := cmp.Diff([]artifactfs.Entry{{"null", "a device"}}, entries); diff != "" {
		t.Error(diff)
	}
}

func TestListByWayOfALink(t *testing.T) {
	dir := putKinds(t)
	entries := mustList(t, filepath.Join(dir, "link-to-folder"), nil)
	if diff := cmp.Diff([]artifactfs.Entry{{Path: "file"}}, entries); diff != "" {
		t.Error(diff)
	}
}

func TestListOfStrangeNames(t *testing.T) {
	names := []string{"a\nb", "a\\b", "::set-env", " ", "..x", strings.Repeat("n", 255)}
	files := map[string]string{}
	var want []artifactfs.Entry
	for _, name := range names {
		files[name] = ""
	}
	for _, name := range []string{" ", "..x", "::set-env", "a\nb", "a\\b", strings.Repeat("n", 255)} {
		want = append(want, artifactfs.Entry{Path: name})
	}
	if runtime.GOOS != "darwin" { // whose file systems refuse such names
		files["\xff"], files["\xfe/file"] = "", ""
		want = append(want, artifactfs.Entry{"\xfe/file", "a path that is not UTF-8"}, artifactfs.Entry{"\xff", "a path that is not UTF-8"})
	}
	if diff := cmp.Diff(want, mustList(t, put(t, files), nil)); diff != "" {
		t.Error(diff)
	}
}

func TestListOfDeepFolders(t *testing.T) {
	deep := strings.Repeat("d/", 300) + "file"
	dir := t.TempDir()
	below(t, dir, strings.Split(deep, "/"))
	if diff := cmp.Diff([]artifactfs.Entry{{Path: deep}}, mustList(t, dir, nil)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(holds(deep, "content"), mustHash(t, dir, deep)[0]); diff != "" {
		t.Error(diff)
	}
}

func TestListOfFoldersThatNoManifestReaches(t *testing.T) {
	part := strings.Repeat("d", 240)
	parts := make([]string, 20)
	for i := range parts {
		parts[i] = part
	}
	dir := t.TempDir()
	below(t, dir, append(parts, "file"))
	entries := mustList(t, dir, nil)
	want := []artifactfs.Entry{{strings.Join(parts[:18], "/"), "a path of more than 4096 bytes"}}
	if diff := cmp.Diff(want, entries); diff != "" {
		t.Error(diff)
	}
}

// below writes a file in a folder in a folder and so on, each opened in the one
// above, for the system takes no path that is so long.
func below(t *testing.T, dir string, parts []string) {
	t.Helper()
	folder, err := os.OpenRoot(dir)
	must(t, err)
	for _, part := range parts[:len(parts)-1] {
		must(t, folder.Mkdir(part, 0o755))
		next, err := folder.OpenRoot(part)
		must(t, err)
		folder.Close()
		folder = next
	}
	must(t, folder.WriteFile(parts[len(parts)-1], []byte("content"), 0o644))
	folder.Close()
}

// A folder that was one when it was listed is another thing when it is opened.
func TestListWhileAFolderIsReplaced(t *testing.T) {
	for name, replace := range map[string]func(t *testing.T, folder string){
		"by a link inside":  func(t *testing.T, f string) { must(t, os.Symlink("other", f)) },
		"by a link outside": func(t *testing.T, f string) { must(t, os.Symlink("/etc", f)) },
		"by a file":         func(t *testing.T, f string) { write(t, f, "") },
		"by a pipe":         func(t *testing.T, f string) { must(t, syscall.Mkfifo(f, 0o600)) },
		"by a folder":       func(t *testing.T, f string) { must(t, os.Mkdir(f, 0o755)) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := put(t, map[string]string{"folder/file": "", "other/file": "", "other/more": ""})
			artifactfs.AtOpen(t, func(name string) {
				if name != "folder" {
					return
				}
				must(t, os.Rename(filepath.Join(dir, "folder"), filepath.Join(t.TempDir(), "away")))
				replace(t, filepath.Join(dir, "folder"))
			})
			want := []artifactfs.Entry{{"folder", "it was replaced while it was opened"}, {Path: "other/file"}, {Path: "other/more"}}
			if diff := cmp.Diff(want, mustList(t, dir, nil)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// What was a folder when its name was read is a link when it is looked at.
func TestListAfterAFolderIsReplaced(t *testing.T) {
	for name, replace := range map[string]func(t *testing.T, folder string){
		"by a link": func(t *testing.T, f string) { must(t, os.Symlink("other", f)) },
		"by a file": func(t *testing.T, f string) { write(t, f, "") },
		"by a pipe": func(t *testing.T, f string) { must(t, syscall.Mkfifo(f, 0o600)) },
		"not":       func(t *testing.T, f string) {},
	} {
		t.Run(name, func(t *testing.T) {
			dir := put(t, map[string]string{"folder/file": "", "other/file": ""})
			folder := filepath.Join(dir, "folder")
			entries := mustList(t, dir, func(path string) bool {
				if path == "folder" {
					must(t, os.RemoveAll(folder))
					replace(t, folder)
				}
				return false
			})
			want := []artifactfs.Entry{{"folder", "it was replaced while it was opened"}, {Path: "other/file"}}
			if name == "not" {
				want = want[1:]
			}
			if diff := cmp.Diff(want, entries); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestListWhileAFolderVanishes(t *testing.T) {
	dir := put(t, map[string]string{"folder/file": "", "other/file": ""})
	artifactfs.AtOpen(t, func(name string) {
		if name == "folder" {
			must(t, os.RemoveAll(filepath.Join(dir, "folder")))
		}
	})
	if diff := cmp.Diff([]artifactfs.Entry{{Path: "other/file"}}, mustList(t, dir, nil)); diff != "" {
		t.Error(diff)
	}
}

func ExampleError() {
	_, err := artifactfs.List("/nowhere\n/at/all", nil)
	fmt.Println(err)
	// Output: "/nowhere\n/at/all" cannot be opened as a folder: no such file or directory
}
