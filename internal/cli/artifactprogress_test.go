package cli

import (
	"bytes"
	"io"
	"io/fs"
	"testing"
	"testing/synctest"
	"time"
)

// A stubFile is what standard error may be.
type stubFile struct {
	bytes.Buffer
	mode fs.FileMode
}

func (f *stubFile) Stat() (fs.FileInfo, error) { return stubInfo{mode: f.mode}, nil }

type stubInfo struct {
	fs.FileInfo
	mode fs.FileMode
}

func (i stubInfo) Mode() fs.FileMode { return i.mode }

// TestProgress shows on a terminal what takes over a second, and clears it.
func TestProgress(t *testing.T) {
	const device = fs.ModeDevice | fs.ModeCharDevice
	for _, test := range []struct {
		name string
		to   interface {
			io.Writer
			String() string
		}
		takes time.Duration
		want  string
	}{
		{"a terminal", &stubFile{mode: device}, 2500 * time.Millisecond, "\rreading: 3 MB\rreading: 3 MB\r\x1b[K"},
		{"a terminal, and quick", &stubFile{mode: device}, 900 * time.Millisecond, ""},
		{"a file", &stubFile{}, 2500 * time.Millisecond, ""},
		{"no file", &bytes.Buffer{}, 2500 * time.Millisecond, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := (&app{Env: Env{Stderr: test.to}}).byteProgress()
				p.add(1_500_000)
				p.add(1_500_000)
				time.Sleep(test.takes)
				p.end()
				if got := test.to.String(); got != test.want {
					t.Errorf("shown is %q, want %q", got, test.want)
				}
			})
		})
	}
}
