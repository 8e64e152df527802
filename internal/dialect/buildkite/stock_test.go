package buildkite_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/countersign-ci/countersign/internal/dialect/buildkite"
	"github.com/countersign-ci/countersign/internal/jose"
)

// TestStockAgent has the stock agent sign with keys of ours, where it is installed.
// It verifies nothing but jobs of a server, with the function of go-pipeline that
// TestSign calls.
func TestStockAgent(t *testing.T) {
	t.Parallel()
	agent, err := exec.LookPath("buildkite-agent")
	if err != nil {
		t.Skip("buildkite-agent is not on PATH")
	}
	for _, algorithm := range buildkite.Algorithms {
		private, public, _, err := jose.Generate(algorithm)
		if err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		key, file := filepath.Join(dir, "key.jwk"), filepath.Join(dir, "pipeline.yml")
		for what, shape := range shapes {
			for path, text := range map[string][]byte{key: private, file: []byte(shape.text)} {
				if err := os.WriteFile(path, text, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			command := exec.CommandContext(t.Context(), agent, "tool", "sign", "--jwks-file", key, "--repo", widgets, file)
			command.Stderr = os.Stderr
			signed, err := command.Output()
			if err != nil {
				t.Errorf("%s: %v", what, err)
				continue
			}
			wantRules(t, algorithm+", "+what, check(t, string(signed), buildkite.CheckOptions{
				Keys: verifyingKeys(t, string(public)), RepositoryURL: widgets, StrictEnvironment: true,
			}))
		}
	}
}
