package cli

import (
	"maps"
	"net/http"
	"strings"
	"testing"
)

// What is not UTF-8 would be signed as something else.
func TestSignUTF8(t *testing.T) {
	good := map[string]string{
		"COUNTERSIGN_SECRET": strings.Repeat("s", 32), "COUNTERSIGN_ISSUER": "https://github.com/acme/orchestrator",
		"GITHUB_REPOSITORY": "acme/widgets", "GITHUB_ACTOR": "octocat", "GITHUB_RUN_ID": "7",
		"GITHUB_SHA": "0123456789abcdef0123456789abcdef01234567",
	}
	if code, _, stderr := (program{good, http.DefaultClient}).run("sign"); code != exitOK {
		t.Fatal(stderr)
	}
	for _, name := range []string{"COUNTERSIGN_ISSUER", "COUNTERSIGN_AUDIENCE", "COUNTERSIGN_STACK", "GITHUB_RUN_ID"} {
		env := maps.Clone(good)
		env[name] = "\xff"
		code, stdout, stderr := (program{env, http.DefaultClient}).run("sign")
		if code != exitUsage || stdout != "" || !strings.Contains(stderr, "UTF-8") {
			t.Errorf("%s: exit code %d, stdout %q, stderr %q", name, code, stdout, stderr)
		}
	}
}
