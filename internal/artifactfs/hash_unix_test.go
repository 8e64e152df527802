//go:build unix

package artifactfs_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign-ci/countersign/internal/artifact"
	"github.com/countersign-ci/countersign/internal/artifactfs"
)

func TestHashOfEachKind(t *testing.T) {
	dir := putKinds(t)
	want := []artifact.Found{
		holds("file", "content"),
		{Path: "folder", Problem: "a folder"},
		holds("folder/file", "other"),
		{Path: "link", Problem: "a symbolic link"},
		{Path: "link-to-folder/file", Problem: "below a symbolic link"},
		{Path: "link-to-nothing", Problem: "a symbolic link"},
		{Path: "pipe", Problem: "a named pipe"},
		{Path: "socket", Problem: "a socket"},
		{Path: "../file", Problem: "a path that does not lead below the root"},
		{Path: "\xff", Problem: "a path that is not UTF-8"},
	}
	var paths []string
	for _, f := range want {
		paths = append(paths, f.Path)
	}
	if diff := cmp.Diff(want, mustHash(t, dir, paths...)); diff != "" {
		t.Error(diff)
	}
}

func TestHashOfNamesThatAreNotUTF8(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "\xff"), nil, 0o644); err != nil {
		t.Skip(err)
	}
	want := []artifact.Found{{Path: "\xff", Problem: "a path that is not UTF-8"}}
	if diff := cmp.Diff(want, mustHash(t, dir, "\xff")); diff != "" {
		t.Error(diff)
	}
}

// Neither the size nor the time of the last writing tells of the change.
func TestHashOfAFileThatIsSetBack(t *testing.T) {
	for name, change := range map[string]func(file string, info fs.FileInfo) error{
		"written to": func(file string, info fs.FileInfo) error {
			if err := os.WriteFile(file, []byte(strings.Repeat("y", int(info.Size()))), 0o644); err != nil {
				return err
			}
			return os.Chtimes(file, info.ModTime(), info.ModTime())
		},
		"removed":  func(file string, _ fs.FileInfo) error { return os.Remove(file) },
		"replaced": func(file string, _ fs.FileInfo) error { return os.Rename(file+".new", file) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := put(t, map[string]string{"file": strings.Repeat("x", 2*artifactfs.BufferSize), "file.new": "x"})
			file := filepath.Join(dir, "file")
			info, err := os.Stat(file)
			must(t, err)
			// The system's clock for files may go in steps of some milliseconds.
			for after := info; !after.ModTime().After(info.ModTime()); {
				write(t, filepath.Join(dir, "clock"), "")
				after, err = os.Stat(filepath.Join(dir, "clock"))
				must(t, err)
			}
			artifactfs.AtRead(t, func(read int64) {
				if read != artifactfs.BufferSize {
					return
				}
				if err := change(file, info); err != nil {
					t.Error(err)
				}
			})
			want := []artifact.Found{{Path: "file", Problem: "it changed while it was read"}}
			if diff := cmp.Diff(want, mustHash(t, dir, "file")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestHashOfAFileThatVanishesBeforeItIsRead(t *testing.T) {
	dir := put(t, map[string]string{"file": "x"})
	artifactfs.AtOpen(t, func(string) { os.Remove(filepath.Join(dir, "file")) })
	want := []artifact.Found{{Path: "file", Missing: true}}
	if diff := cmp.Diff(want, mustHash(t, dir, "file")); diff != "" {
		t.Error(diff)
	}
}
