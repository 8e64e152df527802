package main

import (
	"bytes"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/buildkite/go-pipeline/jwkutil"
	"github.com/lestrrat-go/jwx/v3/jwk"

	"github.com/countersign-ci/countersign/internal/cli"
	"github.com/countersign-ci/countersign/internal/dialect/buildkite"
	"github.com/countersign-ci/countersign/internal/report"
)

// runCLI runs a command in this process.
func runCLI(env map[string]string, args ...string) (code int, stdout, stderr string) {
	var out, err bytes.Buffer
	var environ []string
	for name, value := range env {
		environ = append(environ, name+"="+value)
	}
	code = cli.Main(args, cli.Env{Stdin: strings.NewReader(""), Stdout: &out, Stderr: &err, Environ: environ, Now: time.Now, HTTP: http.DefaultClient, Clearenv: func() {}})
	return code, out.String(), err.String()
}

// TestDocumentPipelines carries out the attacks of the page's table, and makes it.
func TestDocumentPipelines(t *testing.T) {
	private, public := stepKeys(t)
	keys := jwk.NewSet()
	if err := keys.AddKey(agentKey(t, public)); err != nil {
		t.Fatal(err)
	}
	var rows [][]string
	for _, a := range attacks {
		stock := "refused"
		if newAttackedJob(t, private, a).stock(t, keys) {
			stock = "accepted"
		}
		own := newAttackedJob(t, private, a).countersigns(t, public, a.args...)
		if stock == "refused" && !strings.HasPrefix(own, "refused: ") {
			t.Errorf("%s: what the agent refuses is %s", a.name, own)
		}
		rows = append(rows, []string{a.name, stock, own})
	}
	wantSection(t, "agent", "\n"+report.Table([]string{"attack or change", "stock agent", "Countersign"}, rows)+"\n")

	rows = nil
	for _, group := range buildkite.Steering {
		rows = append(rows, []string{group.What, "`" + strings.Join(group.Patterns, "`, `") + "`"})
	}
	wantSection(t, "steering", "\n"+report.Table([]string{"they steer", "variables"}, rows)+"\n")
}

// stepKeys makes a pair of keys with keygen and returns the files.
func stepKeys(t *testing.T) (private, public string) {
	t.Helper()
	folder := t.TempDir()
	private, public = filepath.Join(folder, "k.jwk"), filepath.Join(folder, "k.pub.jwk")
	if code, _, stderr := runCLI(nil, "keygen", "--private", private, "--public", public); code != 0 {
		t.Fatal(stderr)
	}
	return private, public
}

// agentKey reads a file of keygen as the agent does.
func agentKey(t *testing.T, file string) jwk.Key {
	t.Helper()
	key, err := jwkutil.LoadKey(file, "")
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// agentPipeline is a pipeline for both tools.
const agentPipeline = `env: {REGION: eu}
secrets: [API]
steps:
  - key: test
    commands: [make, make test]
    plugins: [docker#v5.11.0: {image: golang, retries: 3}]
    matrix: [linux, darwin]
  - wait
  - group: deploy
    steps: [{label: deploy, command: ./deploy, env: {LEVEL: step}, secrets: [TOKEN]}]
`

// TestBuildkiteAgent signs with the stock agent and verifies with Countersign. The
// other way round the agent, which has no command to verify, signs anew what
// Countersign signed: EdDSA has one signature for a payload, so it must be the same.
func TestBuildkiteAgent(t *testing.T) {
	agent, err := exec.LookPath("buildkite-agent")
	if err != nil {
		t.Skip("there is no buildkite-agent on PATH, so its signatures are not compared")
	}
	private, public := stepKeys(t)
	folder := t.TempDir()
	write := func(name, text string) string {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return filepath.Join(folder, name)
	}
	stock := func(file string) string {
		return command(t, folder, agent, "tool", "sign", "--jwks-file", private, "--repo", widgetsURL, file)
	}
	plain := write("plain.yml", agentPipeline)
	theirs := stock(plain)
	verify := []string{"verify", "--check", "pipeline", "--key", public, "--repository-url", widgetsURL, "--pipeline", write("theirs.yml", theirs)}
	if code, _, stderr := runCLI(nil, verify...); code != 0 {
		t.Errorf("what the agent signed is refused: %s", stderr)
	}
	code, ours, stderr := runCLI(nil, "sign", "--format", "buildkite", "--key", private, "--repository-url", widgetsURL, "--pipeline", plain)
	if code != 0 {
		t.Fatal(stderr)
	}
	signatures := func(text string) (all []string) {
		for line := range strings.Lines(text) {
			if value, ok := strings.CutPrefix(strings.TrimSpace(line), "value: "); ok {
				all = append(all, value)
			}
		}
		return all
	}
	if got := signatures(stock(write("ours.yml", ours))); len(got) != 2 || !slices.Equal(got, signatures(ours)) {
		t.Errorf("the agent signs %q, and Countersign %q", got, signatures(ours))
	}
}
