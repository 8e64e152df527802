package tree_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
)

// text returns a text of a length that tells where each part of it stood.
func text(n int) string {
	var b strings.Builder
	for b.Len() < min(n, 1<<20) {
		fmt.Fprintf(&b, "%d\r\n", b.Len())
	}
	return strings.Repeat(b.String(), 1+n/max(1, b.Len()))[:n]
}

func TestEachSizes(t *testing.T) {
	const most = 16 << 20
	all := files{}
	for _, n := range []int{0, 1, 2048, 64<<10 - 1, 64 << 10, 64<<10 + 1, 200_000, most - 1, most} {
		for i := range 3 { // so that a buffer is used again, for a smaller file too
			if n < 1<<20 || i == 1 {
				all[fmt.Sprintf("%d/%d.txt", i, n)] = text(n)
			}
		}
	}
	dir := t.TempDir()
	write(t, dir, all)
	tr := openElsewhere(t, dir)
	names, err := tr.Tracked([]string{"**"})
	if err != nil || len(names) != len(all) {
		t.Fatal(names, err)
	}
	var calls atomic.Int64
	err = tr.Each(names, func(i int, name string, content []byte) error {
		calls.Add(1)
		if names[i] != name {
			t.Errorf("file %d is %q, want %q", i, name, names[i])
		}
		if string(content) != all[name] {
			t.Errorf("%q has %d bytes, want %d, or others", name, len(content), len(all[name]))
		}
		if cap(content) != len(content) {
			t.Errorf("%q: the content can be appended to in place", name)
		}
		return nil
	})
	if err != nil || int(calls.Load()) != len(all) {
		t.Errorf("%d calls, want %d; error %v", calls.Load(), len(all), err)
	}
	for name, want := range all {
		if got, err := tr.Read(name); err != nil || string(got) != want {
			t.Errorf("Read(%q) = %d bytes, %v, want %d", name, len(got), err, len(want))
		}
	}

	if err := os.Truncate(filepath.Join(dir, "0/1.txt"), most+1); err != nil {
		t.Fatal(err)
	}
	_, err = tr.Read("0/1.txt")
	wantError(t, err, `"0/1.txt" is larger than 16 MiB`, false)
	err = tr.Each(names, func(int, string, []byte) error { return nil })
	wantError(t, err, `"0/1.txt" is larger than 16 MiB`, false)
}

// The files of /proc have content and the size 0.
func TestReadWithoutSize(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("there is no such file here")
	}
	content, err := openElsewhere(t, "/proc/self").Read("status")
	if err != nil || !bytes.Contains(content, []byte("\nVmSize:")) || !bytes.HasSuffix(content, []byte("\n")) {
		t.Errorf("Read = %q, %v", content, err)
	}
}

func TestEachErrors(t *testing.T) {
	dir := t.TempDir()
	var names []string
	for i := range 200 {
		names = append(names, fmt.Sprintf("%03d", i))
		write(t, dir, files{names[i]: names[i]})
	}
	tr := openElsewhere(t, dir)
	// The error is that of the first file, also where another one's is there later.
	for range 50 {
		seventh, eighth := make(chan struct{}), make(chan struct{})
		err := tr.Each(names, func(i int, name string, _ []byte) error {
			switch {
			case i < 7:
				return nil
			case i == 7:
				if runtime.GOMAXPROCS(0) > 1 {
					<-eighth
				}
				close(seventh)
			default:
				if i == 8 {
					close(eighth)
				}
				<-seventh
				runtime.Gosched()
			}
			return errors.New(name)
		})
		if err == nil || err.Error() != "007" {
			t.Fatalf("error %v, want 007", err)
		}
	}
	var calls atomic.Int64
	if err := tr.Each(names, func(int, string, []byte) error { calls.Add(1); return errors.New("no") }); err == nil || calls.Load() > 8 {
		t.Errorf("%d calls, error %v", calls.Load(), err)
	}
	if err := tr.Each(nil, func(int, string, []byte) error { return errors.New("called") }); err != nil {
		t.Error(err)
	}

	write(t, dir, files{"sub/file": "", ".git/config": ""})
	for name, text := range map[string]string{
		"nothing":     `"nothing" cannot be read: no such file`,
		"sub/nothing": "no such file",
		"no/nothing":  "no such file",
		"001/x":       "is a link",
		"sub":         "is not a regular file",
		"":            "is not the name",
		"../x":        "is not the name",
		"/etc/passwd": "is not the name",
		"sub/../001":  "is not the name",
		"./001":       "is not the name",
		".git/config": "is not the name",
	} {
		if runtime.GOOS == "windows" {
			text = ""
		}
		err := tr.Each(slices.Concat(names[:5], []string{name}, names[5:]), func(int, string, []byte) error { return nil })
		wantError(t, err, text, false)
		if _, err = tr.Read(name); err == nil {
			t.Errorf("Read(%q) has no error", name)
		}
	}
}
