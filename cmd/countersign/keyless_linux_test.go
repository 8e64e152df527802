package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/countersign-ci/countersign/internal/oidctest"
)

// TestKeylessOffline verifies in a network namespace of its own, where nothing but a
// loopback interface is, and that is down: with the issuer's keys in a file it holds,
// and without them nothing is decided.
func TestKeylessOffline(t *testing.T) {
	program, err := exec.LookPath("countersign")
	if err != nil {
		t.Fatal(err)
	}
	provider := oidctest.New(t, oidctest.Options{})
	folder := t.TempDir()
	set := filepath.Join(folder, "issuer.jwks")
	if err := os.WriteFile(set, provider.JWKS(), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(t *testing.T, alone bool, variables []string, args ...string) (code int, stdout, stderr string) {
		t.Helper()
		c := exec.Command(program, args...)
		c.Dir, c.Env = folder, append([]string{"PATH=" + os.Getenv("PATH"), "SSL_CERT_FILE=" + provider.WriteCA(), "GORACE=atexit_sleep_ms=0"}, variables...)
		if alone {
			c.SysProcAttr = &syscall.SysProcAttr{
				Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET,
				UidMappings: []syscall.SysProcIDMap{{ContainerID: os.Getuid(), HostID: os.Getuid(), Size: 1}},
				GidMappings: []syscall.SysProcIDMap{{ContainerID: os.Getgid(), HostID: os.Getgid(), Size: 1}},
			}
		}
		var out, said bytes.Buffer
		c.Stdout, c.Stderr = &out, &said
		err := c.Run()
		if c.ProcessState == nil {
			if alone {
				t.Skipf("this machine gives nobody a network namespace: %v", err)
			}
			t.Fatal(err)
		}
		return c.ProcessState.ExitCode(), out.String(), said.String()
	}
	code, token, stderr := run(t, false, []string{
		"ACTIONS_ID_TOKEN_REQUEST_URL=" + provider.RequestURL(), "ACTIONS_ID_TOKEN_REQUEST_TOKEN=" + provider.RequestToken(),
		"GITHUB_REPOSITORY=acme/widgets", "GITHUB_ACTOR=octocat", "GITHUB_SHA=" + execSHA, "GITHUB_RUN_ID=7", "GITHUB_RUN_ATTEMPT=1",
	}, "sign", "--keyless", "--command", "terraform plan")
	if code != 0 {
		t.Fatal(stderr)
	}
	for _, test := range []struct {
		name  string
		alone bool
		more  []string
		code  int
	}{
		{"with a network", false, nil, 0},
		{"with a network and a file", false, []string{"--jwks", set}, 0},
		{"with a file", true, []string{"--jwks", set}, 0},
		{"with neither", true, nil, 3},
		{"with neither, and warnings", true, []string{"--on-invalid", "warn"}, 3},
	} {
		t.Run(test.name, func(t *testing.T) {
			args := append([]string{
				"verify", "--keyless", "--trusted-issuer", provider.Issuer(), "--trusted-identity", "repository=acme/widgets",
				"--token", strings.TrimSpace(token), "--expect", execExpect,
			}, test.more...)
			before := provider.Requests(oidctest.Discovery)
			code, stdout, stderr := run(t, test.alone, nil, args...)
			if code != test.code || stdout != "" {
				t.Errorf("verify ended with %d, want %d: %s%s", code, test.code, stdout, stderr)
			}
			asked := provider.Requests(oidctest.Discovery) - before
			if want := !test.alone && test.more == nil; (asked != 0) != want {
				t.Errorf("the issuer was asked %d times", asked)
			}
			// A command gets what was verified, and the token under no name.
			args[0] = "exec"
			code, stdout, stderr = run(t, test.alone, []string{"TOKEN=" + token}, append(args, "--", "env")...)
			if code != test.code || strings.Contains(stdout, "COUNTERSIGN_VERIFIED_ACTOR=octocat\n") != (code == 0) || strings.Contains(stdout, "~") || strings.Contains(stderr, "eyJ") {
				t.Errorf("exec ended with %d, want %d: %s%s", code, test.code, stdout, stderr)
			}
		})
	}
}
