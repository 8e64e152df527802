package tree_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/countersign-ci/countersign/internal/tree"
)

// BenchmarkEach lists and reads 10,000 files of 2 KB, and reports how many times
// as long as grep over the same files that takes, process and all.
func BenchmarkEach(b *testing.B) {
	grep, err := exec.LookPath("grep")
	if err != nil {
		b.Skip("there is no grep to compare with")
	}
	const files = 10_000
	dir := b.TempDir()
	content := []byte("on: push\njobs: {}\n" + strings.Repeat("# nothing to see\n", 118))
	for i := range files {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%d.yml", i)), content, 0o644); err != nil {
			b.Fatal(err)
		}
	}
	// Without git on PATH, so that a checkout around the temporary folder is none.
	b.Setenv("PATH", "")
	t, err := tree.Open(context.Background(), dir)
	if err != nil {
		b.Fatal(err)
	}
	var ours, theirs time.Duration
	for b.Loop() {
		start := time.Now()
		cmd := exec.Command(grep, "-r", "uses:", dir)
		cmd.Stdout = io.Discard
		_ = cmd.Run() // 1: nothing found
		theirs += time.Since(start)

		start = time.Now()
		names, err := t.Tracked([]string{"README*.md", ".github/workflows/*.{yml,yaml}", "**/action.{yml,yaml}", "**/*.yml"})
		if err != nil {
			b.Fatal(err)
		}
		var bytes atomic.Int64
		err = t.Each(names, func(_ int, _ string, content []byte) error {
			bytes.Add(int64(len(content)))
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
		ours += time.Since(start)
		if got, want := bytes.Load(), int64(files*len(content)); got != want {
			b.Fatalf("read %d bytes, want %d", got, want)
		}
	}
	b.ReportMetric(ours.Seconds()*1e3/float64(b.N), "ms/run")
	b.ReportMetric(ours.Seconds()/theirs.Seconds(), "×grep")
}
