package artifactfs_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/countersign-ci/countersign/internal/artifactfs"
)

func TestBelow(t *testing.T) {
	dir := put(t, map[string]string{"root/sub/a": "a", "rootless/a": "a"})
	symlink(t, filepath.Join("root", "sub"), filepath.Join(dir, "way"))
	for _, test := range []struct {
		path, rel string
		ok        bool
	}{
		{"root", ".", true},
		{"root/sub/a", "sub/a", true},
		{"root/none/yet", "none/yet", true},
		{"root/../root/sub", "sub", true},
		{"way", "sub", true},
		{"way/none", "sub/none", true},
		{"rootless/a", "", false},
		{"root/../none", "", false},
		{".", "", false},
	} {
		rel, ok, err := artifactfs.Below(filepath.Join(dir, "root"), filepath.Join(dir, test.path))
		if rel != test.rel || ok != test.ok || err != nil {
			t.Errorf("%s: %q %t %v", test.path, rel, ok, err)
		}
	}
	t.Chdir(filepath.Join(dir, "root"))
	if rel, ok, err := artifactfs.Below(".", "out"); rel != "out" || !ok || err != nil {
		t.Errorf("%q %t %v", rel, ok, err)
	}
	symlink(t, "nowhere", filepath.Join(dir, "dangling"))
	if _, _, err := artifactfs.Below(filepath.Join(dir, "root"), filepath.Join(dir, "dangling", "a")); err == nil {
		t.Error("a link that leads nowhere has a place")
	}
}

func TestCheckPlaces(t *testing.T) {
	dir := t.TempDir()
	must(t, os.MkdirAll(filepath.Join(dir, "up", "root"), 0o755))
	symlink(t, "root", filepath.Join(dir, "up", "same"))
	for _, test := range []struct{ quarantine, promote, reason string }{
		{"q", "p", ""},
		{"up/root/q", "up/root/p", ""},
		{"up/q", "up/p", ""},
		{"", "", ""},
		{"up/root", "", "cannot be the quarantine"},
		{"up/same", "", "cannot be the quarantine"},
		{"up", "", "cannot be the quarantine"},
		{"", "up/root", "cannot be promoted to"},
		{"", ".", "cannot be promoted to"},
		{"q", "q", "is the quarantine"},
		{"q", "q/p", "is the quarantine"},
		{"p/q", "p", "holds the quarantine"},
	} {
		at := func(path string) string {
			if path == "" {
				return ""
			}
			return filepath.Join(dir, path)
		}
		err := artifactfs.CheckPlaces(at("up/root"), at(test.quarantine), at(test.promote))
		if test.reason == "" {
			must(t, err)
			continue
		}
		wantPlace(t, err, test.reason)
	}
}
