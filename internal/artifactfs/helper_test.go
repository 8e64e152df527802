package artifactfs_test

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"testing"

	"github.com/countersign-ci/countersign/internal/artifact"
	"github.com/countersign-ci/countersign/internal/artifactfs"
)

// put writes files into a new folder: contents by path.
func put(t testing.TB, files map[string]string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for path, content := range files {
		write(t, filepath.Join(dir, filepath.FromSlash(path)), content)
	}
	return dir
}

func write(t testing.TB, file, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func mustList(t testing.TB, dir string, skip func(string) bool) []artifactfs.Entry {
	t.Helper()
	entries, err := artifactfs.List(dir, skip)
	must(t, err)
	return entries
}

func mustHash(t testing.TB, dir string, paths ...string) []artifact.Found {
	t.Helper()
	found, err := artifactfs.Hash(t.Context(), dir, paths, artifactfs.Options{})
	must(t, err)
	return found
}

// holds is what is found of a file that holds a content.
func holds(path, content string) artifact.Found {
	digest := sha256.Sum256([]byte(content))
	return artifact.Found{Path: path, Size: int64(len(content)), SHA256: hex.EncodeToString(digest[:])}
}
