package cli

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestKeySetURL verifies with keys that an https URL gives, and accepts nothing
// where it does not give them.
func TestKeySetURL(t *testing.T) {
	folder := t.TempDir()
	private, public := filepath.Join(folder, "key"), filepath.Join(folder, "key.pub")
	offline := program{client: http.DefaultClient}
	if code, _, stderr := offline.run("keygen", "--private", private, "--public", public); code != exitOK {
		t.Fatal(stderr)
	}
	const sha = "0123456789abcdef0123456789abcdef01234567"
	code, token, stderr := offline.run("sign", "--key", private, "--issuer", "https://github.com/acme/orchestrator",
		"--repository", "acme/widgets", "--actor", "octocat", "--sha", sha)
	if code != exitOK {
		t.Fatal(stderr)
	}
	read := func(path string) string {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return `{"keys":[` + string(text) + `]}`
	}
	for _, test := range []struct {
		name   string
		status int
		body   string
		code   int
		stderr string
	}{
		{"the keys", http.StatusOK, read(public), exitOK, "verified"},
		{"no keys", http.StatusOK, `{"keys":[]}`, exitUsage, "the JWKS is empty"},
		{"a private key", http.StatusOK, read(private), exitUsage, "a private key where a public key is needed"},
		{"a page", http.StatusOK, "<html>log in</html>", exitUndecided, "did not answer with JSON"},
		{"not there", http.StatusNotFound, read(public), exitUndecided, "answered 404"},
		{"broken", http.StatusBadGateway, read(public), exitUndecided, "answered 502"},
	} {
		t.Run(test.name, func(t *testing.T) {
			requests := 0
			server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				requests++
				w.WriteHeader(test.status)
				_, _ = w.Write([]byte(test.body))
			}))
			defer server.Close()
			code, stdout, stderr := program{client: server.Client()}.run("verify", "--key", server.URL+"/jwks", "--token", token,
				"--expect", "repository=acme/widgets,actor=octocat,sha="+sha)
			if code != test.code || !strings.Contains(stderr, test.stderr) || stdout != "" {
				t.Errorf("exit code %d, want %d; stdout %q; stderr %q, want %q", code, test.code, stdout, stderr, test.stderr)
			}
			if requests != 1 {
				t.Errorf("%d requests, want 1", requests)
			}
		})
	}
}
