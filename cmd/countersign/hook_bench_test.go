//go:build unix

package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// BenchmarkHookProcess runs `countersign hook` for a job that it lets start and
// `openssl dgst -verify` over the same token in turns, and reports the medians.
// The audit log is on, and there is no single use.
func BenchmarkHookProcess(b *testing.B) {
	if _, err := exec.LookPath("openssl"); err != nil {
		b.Skip("openssl is not on PATH")
	}
	folder := b.TempDir()
	file := func(name string) string { return filepath.Join(folder, name) }
	write := func(name, text string) {
		if err := os.WriteFile(file(name), []byte(text), 0o600); err != nil {
			b.Fatal(err)
		}
	}
	program := file("countersign")
	run(b, "../../scripts/build", program)
	run(b, "openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", file("key.pem"))
	run(b, "openssl", "ec", "-in", file("key.pem"), "-pubout", "-out", file("key.pub.pem"))
	if err := os.Chmod(file("key.pub.pem"), 0o600); err != nil {
		b.Fatal(err)
	}
	const sha = "0123456789abcdef0123456789abcdef01234567"
	token := run(b, program, "sign", "--key", file("key.pem"), "--issuer", "https://github.com/acme/orchestrator",
		"--repository", "acme/widgets", "--sha", sha, "--actor", "octocat", "--inputs", `{"reason":"weekly"}`)
	token = strings.TrimSpace(token)
	event, err := json.Marshal(map[string]any{"inputs": map[string]string{"reason": "weekly", "token": token}})
	if err != nil {
		b.Fatal(err)
	}
	write("event.json", string(event))
	write("hook.yml", "version: 1\nkeys: [key.pub.pem]\naudit-log: audit.jsonl\nrules:\n  - repository: acme/*\n")
	write("input", token[:strings.LastIndexByte(token, '.')])
	run(b, "openssl", "dgst", "-sha256", "-sign", file("key.pem"), "-out", file("signature"), file("input"))
	for name, value := range map[string]string{
		"ACTIONS": "true", "ACTOR": "octocat", "EVENT_NAME": "workflow_dispatch", "EVENT_PATH": file("event.json"),
		"REF": "refs/heads/main", "REPOSITORY": "acme/widgets", "RUN_ATTEMPT": "1", "RUN_ID": "42", "SHA": sha,
		"SERVER_URL": "https://github.com", "TRIGGERING_ACTOR": "octocat",
		"WORKFLOW_REF": "acme/widgets/.github/workflows/deploy.yml@refs/heads/main",
	} {
		b.Setenv("GITHUB_"+name, value)
	}
	var ours, theirs []time.Duration
	for b.Loop() {
		elapsed, _ := measure(b, program, "hook", "--config", file("hook.yml"))
		ours = append(ours, elapsed)
		elapsed, _ = measure(b, "openssl", "dgst", "-sha256", "-verify", file("key.pub.pem"), "-signature", file("signature"), file("input"))
		theirs = append(theirs, elapsed)
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(median(ours).Seconds()*1e3, "ms")
	b.ReportMetric(median(theirs).Seconds()*1e3, "openssl-ms")
}
