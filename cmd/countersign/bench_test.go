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

// BenchmarkVerifyProcess runs `countersign verify`, `openssl dgst -sha256 -verify`
// and, in one round of ten and where it is on PATH, `cosign verify-blob` in turns,
// each checking an ES256 signature over the same text. It reports the medians, the
// peak memory and the size of countersign.
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
	run(b, "openssl", "base64", "-A", "-in", file("signature"), "-out", file("signature.b64"))

	// Where the benchmark itself runs on GitHub, its context is not the token's.
	for _, name := range os.Environ() {
		if name, _, _ = strings.Cut(name, "="); strings.HasPrefix(name, "GITHUB_") {
			b.Setenv(name, "")
		}
	}
	_, noCosign := exec.LookPath("cosign")
	var ours, theirs, cosigns []time.Duration
	var memory, cosignMemory int64
	for b.Loop() {
		elapsed, peak := measure(b, program, "verify", "--key", file("key.pub.pem"), "--token-file", file("token"),
			"--expect", "repository=acme/widgets,actor=octocat,sha="+sha)
		ours, memory = append(ours, elapsed), max(memory, peak)
		elapsed, _ = measure(b, "openssl", "dgst", "-sha256", "-verify", file("key.pub.pem"), "-signature", file("signature"), file("input"))
		theirs = append(theirs, elapsed)
		if noCosign == nil && len(ours)%10 == 1 {
			elapsed, peak = measure(b, "cosign", "verify-blob", "--insecure-ignore-tlog=true", "--key", file("key.pub.pem"),
				"--signature", file("signature.b64"), file("input"))
			cosigns, cosignMemory = append(cosigns, elapsed), max(cosignMemory, peak)
		}
	}
	info, err := os.Stat(program)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(median(ours).Seconds()*1e3, "ms")
	b.ReportMetric(median(theirs).Seconds()*1e3, "openssl-ms")
	b.ReportMetric(float64(memory)/(1<<20), "MiB")
	b.ReportMetric(float64(info.Size())/1e3, "kB")
	if noCosign == nil {
		b.ReportMetric(median(cosigns).Seconds()*1e3, "cosign-ms")
		b.ReportMetric(float64(cosignMemory)/(1<<20), "cosign-MiB")
	}
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
