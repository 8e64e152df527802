//go:build unix

package cli

import (
	"encoding/pem"
	"io/fs"
	"net/http/httptest"
	"os"
	"testing"
)

// TestHookOthersWrite refuses every file that others may write or own, and every
// folder.
func TestHookOthersWrite(t *testing.T) {
	const config = "ca-file: ca.pem\nledger: {dir: used}\nrules: [{repository: acme/*, single-use: true}]\n"
	server := httptest.NewTLSServer(nil)
	defer server.Close()
	authority := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
	for _, name := range []string{"hook.yml", "owner.jwk", "ca.pem", "used", "audit.jsonl", "."} {
		for _, test := range []struct {
			name, says string
			change     func(path string) error
		}{
			{"group writes", "may be written by others", func(path string) error { return chmod(path, 0o020) }},
			{"others write", "may be written by others", func(path string) error { return chmod(path, 0o002) }},
			{"belongs to others", "belongs to", func(path string) error { return os.Chown(path, 65534, -1) }},
		} {
			t.Run(name+" "+test.name, func(t *testing.T) {
				if test.says == "belongs to" && os.Geteuid() != 0 {
					t.Skip("only root gives files away")
				}
				h := newHookTest(t)
				h.configure(config)
				h.write("ca.pem", authority)
				h.write("audit.jsonl", "")
				if err := os.Mkdir(h.path("used"), 0o700); err != nil {
					t.Fatal(err)
				}
				h.signed()
				if err := test.change(h.path(name)); err != nil {
					t.Fatal(err)
				}
				switch name {
				case "hook.yml", ".":
					h.want(exitRefused, "", "", test.says)
				case "audit.jsonl":
					h.want(exitUndecided, "", "", test.says)
				default:
					h.refused("", test.says)
				}
			})
		}
	}
}

// chmod adds to the mode of a file.
func chmod(path string, mode fs.FileMode) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	return os.Chmod(path, info.Mode().Perm()|mode)
}

// TestHookSecretAndTokenFile refuses those that others may write too.
func TestHookSecretAndTokenFile(t *testing.T) {
	h := newHookTest(t)
	h.signed()
	h.write("secret", "a secret that is long enough to be one")
	if err := chmod(h.path("secret"), 0o002); err != nil {
		t.Fatal(err)
	}
	h.write("hook.yml", "version: 1\naudit-log: audit.jsonl\nsecret-file: secret\n")
	h.refused("", "the secret file: ")
	h.configure("ledger: {repository: acme/ledger, token-file: secret}\nrules: [{repository: acme/*, single-use: true}]\n")
	h.refused("", "the ledger's token-file: ")
}
