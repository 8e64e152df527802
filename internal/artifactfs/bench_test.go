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

// BenchmarkHash hashes 8 files of 64 MiB in turns with one process of openssl, with
// one of this package on one core, and with one on two. It reports how many times
// as fast as openssl it is, by the fastest run of each, for what else the machine
// does only adds to a time; the same by the processors' time; and the peak memory
// of the process, here and with 100,000 small files.
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
	var one, two, theirs cost
	for b.Loop() {
		theirs.add(measure(b, nil, "openssl", openssl...))
		one.add(measureHash(b, dir, 1))
		two.add(measureHash(b, dir, 2))
	}
	const total = files * size / 1e6
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(total/theirs.elapsed.Seconds(), "MB/s-openssl")
	b.ReportMetric(total/one.elapsed.Seconds(), "MB/s-1")
	b.ReportMetric(total/two.elapsed.Seconds(), "MB/s-2")
	b.ReportMetric(theirs.elapsed.Seconds()/one.elapsed.Seconds(), "x-1")
	b.ReportMetric(theirs.elapsed.Seconds()/two.elapsed.Seconds(), "x-2")
	b.ReportMetric(theirs.processor.Seconds()/one.processor.Seconds(), "x-processor-1")
	b.ReportMetric(theirs.processor.Seconds()/two.processor.Seconds(), "x-processor-2")
	b.ReportMetric(float64(max(one.memory, two.memory))/(1<<20), "MiB")
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
	b.ReportMetric(two.elapsed.Seconds(), "s")
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
