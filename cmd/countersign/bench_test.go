//go:build unix

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// BenchmarkVerifyProcess runs `countersign verify` and `openssl dgst -sha256
// -verify` in turns, each checking an ES256 signature over the same text, and
// reports the medians, their ratio, and the peak memory and size of countersign.
func BenchmarkVerifyProcess(b *testing.B) {
	if _, err := exec.LookPath("openssl"); err != nil {
		b.Skip("openssl is not on PATH")
	}
	folder := b.TempDir()
	file := func(name string) string { return filepath.Join(folder, name) }
	program := file("countersign")
	run(b, "../../scripts/build", program)
	run(b, "openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", file("key.pem"))
	run(b, "openssl", "ec", "-in", file("key.pem"), "-pubout", "-out", file("key.pub.pem"))
	const sha = "0123456789abcdef0123456789abcdef01234567"
	token := run(b, program, "sign", "--key", file("key.pem"), "--issuer", "https://github.com/acme/orchestrator",
		"--repository", "acme/widgets", "--repository-id", "456789", "--ref", "refs/heads/main", "--sha", sha,
		"--workflow", ".github/workflows/deploy.yml", "--event", "workflow_dispatch", "--actor", "octocat",
		"--command", "terraform plan", "--inputs", `{"reason":"weekly"}`)
	input := token[:strings.LastIndexByte(token, '.')]
	for name, text := range map[string]string{"token": token, "input": input} {
		if err := os.WriteFile(file(name), []byte(text), 0o600); err != nil {
			b.Fatal(err)
		}
	}
	run(b, "openssl", "dgst", "-sha256", "-sign", file("key.pem"), "-out", file("signature"), file("input"))

	// Where the benchmark itself runs on GitHub, its context is not the token's.
	for _, name := range os.Environ() {
		if name, _, _ = strings.Cut(name, "="); strings.HasPrefix(name, "GITHUB_") {
			b.Setenv(name, "")
		}
	}
	var ours, theirs []time.Duration
	var memory int64
	for b.Loop() {
		elapsed, peak := measure(b, program, "verify", "--key", file("key.pub.pem"), "--token-file", file("token"),
			"--expect", "repository=acme/widgets,actor=octocat,sha="+sha)
		ours, memory = append(ours, elapsed), max(memory, peak)
		elapsed, _ = measure(b, "openssl", "dgst", "-sha256", "-verify", file("key.pub.pem"), "-signature", file("signature"), file("input"))
		theirs = append(theirs, elapsed)
	}
	info, err := os.Stat(program)
	if err != nil {
		b.Fatal(err)
	}
	mine, other := median(ours), median(theirs)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(mine.Seconds()*1e3, "countersign-ms")
	b.ReportMetric(other.Seconds()*1e3, "openssl-ms")
	b.ReportMetric(mine.Seconds()/other.Seconds(), "ratio")
	b.ReportMetric(float64(memory)/(1<<20), "MiB")
	b.ReportMetric(float64(info.Size())/1e6, "MB-binary")
}

func run(b *testing.B, name string, args ...string) string {
	b.Helper()
	output, err := exec.Command(name, args...).Output()
	if err != nil {
		b.Fatalf("%s %s: %v", name, strings.Join(args, " "), err)
	}
	return string(output)
}

// measure returns how long a program takes and its peak resident memory in bytes.
func measure(b *testing.B, name string, args ...string) (time.Duration, int64) {
	b.Helper()
	c := exec.Command(name, args...)
	start := time.Now()
	err := c.Run()
	elapsed := time.Since(start)
	if err != nil {
		b.Fatalf("%s %s: %v", name, strings.Join(args, " "), err)
	}
	peak := c.ProcessState.SysUsage().(*syscall.Rusage).Maxrss
	if runtime.GOOS != "darwin" { // which alone counts in bytes, not in KiB
		peak <<= 10
	}
	return elapsed, peak
}

func median(d []time.Duration) time.Duration {
	slices.Sort(d)
	return d[len(d)/2]
}
