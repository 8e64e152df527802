package artifactfs_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign-ci/countersign/internal/artifactfs"
)

func TestList(t *testing.T) {
	dir := put(t, map[string]string{
		"app.tgz": "", "app/b": "", "app/a/z": "", "app-2": "", "Ärger": "", ".hidden/file": "", "zz": "",
	})
	must(t, os.MkdirAll(filepath.Join(dir, "empty", "too"), 0o755))
	want := []artifactfs.Entry{
		{Path: ".hidden/file"}, {Path: "app-2"}, {Path: "app.tgz"}, {Path: "app/a/z"}, {Path: "app/b"}, {Path: "zz"}, {Path: "Ärger"},
	}
	if diff := cmp.Diff(want, mustList(t, dir, nil)); diff != "" {
		t.Error(diff)
	}
}

func TestListOfNothing(t *testing.T) {
	if entries := mustList(t, t.TempDir(), nil); len(entries) > 0 {
		t.Errorf("listed %v", entries)
	}
}

func TestListSkips(t *testing.T) {
	dir := put(t, map[string]string{"a/quarantine/x/y": "", "a/b": "", "quarantine": "", "a/quarantine.json": ""})
	var asked []string
	entries := mustList(t, dir, func(path string) bool {
		asked = append(asked, path)
		return path == "a/quarantine" || path == "a/b"
	})
	want := []artifactfs.Entry{{Path: "a/quarantine.json"}, {Path: "quarantine"}}
	if diff := cmp.Diff(want, entries); diff != "" {
		t.Error(diff)
	}
	if all := strings.Join(asked, " "); !strings.Contains(all, "a/quarantine") || strings.Contains(all, "quarantine/x") {
		t.Errorf("asked about %s", all)
	}
}

func TestListOfWhatIsNoFolder(t *testing.T) {
	dir := put(t, map[string]string{"file": ""})
	for name, cause := range map[string]error{"file": nil, "none": fs.ErrNotExist} {
		_, err := artifactfs.List(filepath.Join(dir, name), nil)
		var e *artifactfs.Error
		if !errors.As(err, &e) || cause != nil && !errors.Is(err, cause) {
			t.Fatalf("%s: %v", name, err)
		}
		if e.Path != filepath.Join(dir, name) || e.Hint() == "" {
			t.Errorf("%s: %+v, hint %q", name, e, e.Hint())
		}
	}
}
