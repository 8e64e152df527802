package artifactfs_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign-ci/countersign/internal/artifact"
	"github.com/countersign-ci/countersign/internal/artifactfs"
)

func TestHash(t *testing.T) {
	part := strings.Repeat("0123456789abcde\n", artifactfs.BufferSize/16)
	files := map[string]string{
		"empty":        "",
		"byte":         "x",
		"below/one":    part[1:],
		"below/two":    part,
		"below/it/all": part + part + "x",
		"like/empty":   "",
	}
	dir := put(t, files)
	paths := []string{"like/empty", "none", "below/two", "byte", "below/it/all", "empty", "below/one", "byte/x"}
	var want []artifact.Found
	var size int64
	for _, path := range paths {
		content, ok := files[path]
		if !ok {
			want = append(want, artifact.Found{Path: path, Missing: true})
			continue
		}
		want = append(want, holds(path, content))
		size += int64(len(content))
	}
	for _, workers := range []int{0, 1, 2, 100} {
		var read atomic.Int64
		o := artifactfs.Options{Workers: workers, Progress: func(n int64) { read.Add(n) }}
		found, err := artifactfs.Hash(t.Context(), dir, paths, o)
		must(t, err)
		if diff := cmp.Diff(want, found); diff != "" {
			t.Errorf("with %d workers: %s", workers, diff)
		}
		if read.Load() != size {
			t.Errorf("with %d workers: told of %d bytes, want %d", workers, read.Load(), size)
		}
	}
}

func TestHashOfNothing(t *testing.T) {
	if found := mustHash(t, t.TempDir()); len(found) > 0 {
		t.Errorf("found %v", found)
	}
}

// Known from FIPS 180-4, so that the helper of the other tests is right too.
func TestHashIsSHA256(t *testing.T) {
	want := []artifact.Found{{Path: "f", Size: 3, SHA256: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"}}
	if diff := cmp.Diff(want, mustHash(t, put(t, map[string]string{"f": "abc"}), "f")); diff != "" {
		t.Error(diff)
	}
}

func TestManyFiles(t *testing.T) {
	dir := t.TempDir()
	var entries []artifactfs.Entry
	var want []artifact.Found
	for i := range 10_000 {
		// More in one folder than are listed at once.
		path := fmt.Sprintf("%d/%04d", max(0, i-8999), i)
		file := filepath.Join(dir, path)
		if i == 0 || i > 8999 {
			must(t, os.Mkdir(filepath.Dir(file), 0o755))
		}
		must(t, os.WriteFile(file, []byte(path), 0o644))
		entries = append(entries, artifactfs.Entry{Path: path})
		want = append(want, holds(path, path))
	}
	slices.SortFunc(entries, func(a, b artifactfs.Entry) int { return strings.Compare(a.Path, b.Path) })
	if listed := mustList(t, dir, nil); !slices.Equal(entries, listed) {
		t.Error(cmp.Diff(entries, listed))
	}
	// In no order: the folders that are open are seldom those of the next file.
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(want), func(i, j int) { want[i], want[j] = want[j], want[i] })
	var paths []string
	for _, f := range want {
		paths = append(paths, f.Path)
	}
	if found := mustHash(t, dir, paths...); !slices.Equal(want, found) {
		t.Error(cmp.Diff(want, found))
	}
}

// The folders that are kept open are those of the last path, in whatever order.
func TestHashGoesFromFolderToFolder(t *testing.T) {
	files := map[string]string{}
	for _, path := range []string{"f", "a/f", "a/x/f", "a/y/f", "a/x/y/f", "x/f", "x/y/f", "y/f"} {
		files[path] = path
	}
	dir := put(t, files)
	all := slices.Sorted(maps.Keys(files))
	var paths []string
	var want []artifact.Found
	for _, a := range all {
		for _, b := range all {
			for _, c := range all {
				paths = append(paths, a, b, c)
			}
		}
	}
	for _, path := range paths {
		want = append(want, holds(path, path))
	}
	found, err := artifactfs.Hash(t.Context(), dir, paths, artifactfs.Options{Workers: 1})
	must(t, err)
	for i := range found {
		found[i].Problem = "" // each path is there many times
	}
	if !slices.Equal(want, found) {
		t.Error(cmp.Diff(want, found))
	}
}

func TestHashOfOneFileByTwoNames(t *testing.T) {
	dir := put(t, map[string]string{"a": "same", "c": "same", "d/e": "more"})
	for from, to := range map[string]string{"a": "z", "d/e": "b"} {
		must(t, os.Link(filepath.Join(dir, from), filepath.Join(dir, to)))
	}
	must(t, os.Link(filepath.Join(dir, "d/e"), filepath.Join(dir, "d/f")))
	other := func(path, content, name string) artifact.Found {
		f := holds(path, content)
		f.Problem = "another name of " + name
		return f
	}
	want := []artifact.Found{
		other("a", "same", "z"), other("b", "more", "d/e"), holds("c", "same"),
		other("d/e", "more", "b"), other("d/f", "more", "d/e"), other("z", "same", "a"),
	}
	if diff := cmp.Diff(want, mustHash(t, dir, "a", "b", "c", "d/e", "d/f", "z")); diff != "" {
		t.Error(diff)
	}
	// A name outside of the set does not count.
	want = []artifact.Found{holds("a", "same"), holds("d/e", "more")}
	if diff := cmp.Diff(want, mustHash(t, dir, "a", "d/e")); diff != "" {
		t.Error(diff)
	}
}

func TestHashOfAChangingFile(t *testing.T) {
	long := strings.Repeat("x", 3*artifactfs.BufferSize)
	// Long ago, so that every change gives another time.
	then := time.Date(2020, 2, 2, 2, 2, 2, 0, time.UTC)
	appended := func(file string, content string) error {
		f, err := os.OpenFile(file, os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		_, err = f.WriteString(content)
		return errors.Join(err, f.Close())
	}
	overwritten := func(file string, at int64) error {
		f, err := os.OpenFile(file, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		_, err = f.WriteAt([]byte("y"), at)
		return errors.Join(err, f.Close())
	}
	// The times are set back where sizes alone are to tell.
	back := func(file string) error { return os.Chtimes(file, then, then) }
	for name, change := range map[string]func(file string, read int64) error{
		"grows":             func(file string, _ int64) error { return errors.Join(appended(file, "x"), back(file)) },
		"grows at its end":  func(file string, read int64) error { return onlyAt(read, int64(len(long)), appended, file) },
		"grows without end": func(file string, read int64) error { return appended(file, long) },
		"shrinks": func(file string, _ int64) error {
			return errors.Join(os.Truncate(file, artifactfs.BufferSize+1), back(file))
		},
		"becomes empty":       func(file string, _ int64) error { return os.Truncate(file, 0) },
		"changes what is due": func(file string, _ int64) error { return overwritten(file, int64(len(long)-1)) },
		"changes what is read": func(file string, read int64) error {
			return overwritten(file, 0)
		},
		"is written again": func(file string, _ int64) error { return os.WriteFile(file, []byte(long), 0o644) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := put(t, map[string]string{"file": long})
			file := filepath.Join(dir, "file")
			must(t, back(file))
			calls := 0
			artifactfs.AtRead(t, func(read int64) {
				if calls++; calls > 20 {
					t.Error("the file is read without end")
					return
				}
				if err := change(file, read); err != nil {
					t.Error(err)
				}
			})
			found := mustHash(t, dir, "file")
			if diff := cmp.Diff([]artifact.Found{{Path: "file", Problem: "it changed while it was read"}}, found); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func onlyAt(read, at int64, f func(string, string) error, file string) error {
	if read != at {
		return nil
	}
	return f(file, "x")
}

func TestHashIsCancelled(t *testing.T) {
	dir := put(t, map[string]string{"a": strings.Repeat("x", 4*artifactfs.BufferSize), "b": "x"})
	for _, workers := range []int{1, 2} {
		ctx, cancel := context.WithCancelCause(t.Context())
		cause := errors.New("the user has had enough")
		var calls atomic.Int64
		artifactfs.AtRead(t, func(int64) {
			calls.Add(1)
			cancel(cause)
		})
		found, err := artifactfs.Hash(ctx, dir, slices.Repeat([]string{"a"}, 50), artifactfs.Options{Workers: workers})
		if !errors.Is(err, cause) || found != nil {
			t.Errorf("found %v, error %v", found, err)
		}
		if n := int(calls.Load()); n > workers {
			t.Errorf("with %d workers %d parts were read", workers, n)
		}
	}
}

func TestHashInWhatIsNoFolder(t *testing.T) {
	_, err := artifactfs.Hash(t.Context(), filepath.Join(t.TempDir(), "none"), []string{"a"}, artifactfs.Options{})
	if !errors.As(err, new(*artifactfs.Error)) {
		t.Errorf("error %v", err)
	}
}
