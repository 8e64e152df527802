//go:build unix

package artifactfs_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/countersign-ci/countersign/internal/artifact"
	"github.com/countersign-ci/countersign/internal/artifactfs"
)

// BenchmarkHash hashes 8 files of 64 MiB with one process of openssl and in turns
// with one of this package, on one core and on two. It reports how fast each is by
// its fastest run, for what else the machine does only adds to a time; the same by
// the processors' time; and the peak memory of the process.
func BenchmarkHash(b *testing.B) {
	if _, err := exec.LookPath("openssl"); err != nil {
		b.Skip("openssl is not on PATH")
	}
	const files, size = 8, 64 << 20
	dir := b.TempDir()
	openssl := []string{"dgst", "-sha256"}
	part := make([]byte, 1<<20)
	random := rand.NewChaCha8([32]byte{})
	for i := range files {
		name := filepath.Join(dir, strconv.Itoa(i))
		openssl = append(openssl, name)
		f, err := os.Create(name)
		must(b, err)
		for range size / len(part) {
			random.Read(part)
			_, err := f.Write(part)
			must(b, err)
		}
		must(b, f.Close())
	}
	const total = files * size / 1e6
	for _, cores := range []int{1, 2} {
		b.Run(fmt.Sprintf("%d-core", cores), func(b *testing.B) {
			var ours, theirs cost
			for b.Loop() {
				theirs.add(measure(b, nil, "openssl", openssl...))
				ours.add(measureHash(b, dir, cores))
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(total/ours.elapsed.Seconds(), "MB/s")
			b.ReportMetric(total/theirs.elapsed.Seconds(), "openssl-MB/s")
			b.ReportMetric(total/ours.processor.Seconds(), "MB/cpu-s")
			b.ReportMetric(total/theirs.processor.Seconds(), "openssl-MB/cpu-s")
			b.ReportMetric(float64(ours.memory)/(1<<20), "MiB")
		})
	}
}

// BenchmarkHashMany lists and hashes 100,000 files of 100 bytes in 100 folders.
func BenchmarkHashMany(b *testing.B) {
	dir := b.TempDir()
	for i := range 100_000 {
		path := filepath.Join(dir, "dist/packages", strconv.Itoa(i%100), fmt.Sprintf("component-%d.min.js", i))
		if i < 100 {
			must(b, os.MkdirAll(filepath.Dir(path), 0o755))
		}
		must(b, os.WriteFile(path, fmt.Appendf(nil, "%100d", i), 0o644))
	}
	var two cost
	for b.Loop() {
		two.add(measureHash(b, dir, 2))
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(two.memory)/(1<<20), "MiB")
}

// childFolder names the variable that makes a process of the test program one that
// lists and hashes a folder, and nothing else.
const childFolder = "COUNTERSIGN_TEST_HASH"

func TestHashChild(t *testing.T) {
	dir := os.Getenv(childFolder)
	if dir == "" {
		t.Skip("for benchmarks alone")
	}
	entries := mustList(t, dir, nil)
	paths := make([]string, len(entries))
	for i, e := range entries {
		paths[i] = e.Path
	}
	found, err := artifactfs.Hash(t.Context(), dir, paths, artifactfs.Options{})
	must(t, err)
	for _, f := range found {
		if f != (artifact.Found{Path: f.Path, Size: f.Size, SHA256: f.SHA256}) {
			t.Errorf("found %+v", f)
		}
	}
}

// measureHash hashes a folder in a process of its own, on so many cores.
func measureHash(b *testing.B, dir string, cores int) cost {
	b.Helper()
	environ := append(os.Environ(), childFolder+"="+dir, fmt.Sprintf("GOMAXPROCS=%d", cores))
	program, err := os.Executable()
	must(b, err)
	return measure(b, environ, program, "-test.run=^TestHashChild$")
}

// A cost is what a process took, or the least that several took of each but the
// most memory.
type cost struct {
	elapsed, processor time.Duration
	memory             int64 // the peak, in bytes
}

func (c *cost) add(other cost) {
	if c.elapsed == 0 {
		*c = other
	}
	c.elapsed, c.processor = min(c.elapsed, other.elapsed), min(c.processor, other.processor)
	c.memory = max(c.memory, other.memory)
}

func measure(b *testing.B, environ []string, name string, args ...string) cost {
	b.Helper()
	c := exec.Command(name, args...)
	c.Env = environ
	start := time.Now()
	out, err := c.CombinedOutput()
	elapsed := time.Since(start)
	if err != nil {
		b.Fatalf("%s %s: %v: %s", name, strings.Join(args, " "), err, out)
	}
	peak := c.ProcessState.SysUsage().(*syscall.Rusage).Maxrss
	if runtime.GOOS != "darwin" { // which alone counts in bytes, not in KiB
		peak <<= 10
	}
	return cost{elapsed, c.ProcessState.UserTime() + c.ProcessState.SystemTime(), peak}
}
