package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
)

// TestReaderGone runs commands whose standard output nobody reads any more. They
// end with 3 and take back what a later step could read as a success.
func TestReaderGone(t *testing.T) {
	folder := t.TempDir()
	file := func(name string) string { return filepath.Join(folder, name) }
	program := buildProgram(t)
	private, public := newKeys(t)
	env := append(ownEnvironment(), "GITHUB_REPOSITORY=acme/widgets", "GITHUB_ACTOR=octocat", "GITHUB_RUN_ATTEMPT=1",
		"GITHUB_SHA=0123456789abcdef0123456789abcdef01234567")
	sign := exec.Command(program, "sign")
	sign.Env = append(env, "COUNTERSIGN_KEY="+private)
	token, err := sign.Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name, output string
		args         []string
		key          string
	}{
		{"verify", "verified", []string{"verify", "--json", "--token", string(token)}, public},
		{"sign", "token", []string{"sign"}, private},
	} {
		t.Run(test.name, func(t *testing.T) {
			reader, writer, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer writer.Close()
			if err := reader.Close(); err != nil {
				t.Fatal(err)
			}
			c := exec.Command(program, test.args...)
			c.Stdout = writer
			c.Env = append(env, "COUNTERSIGN_KEY="+test.key, "GITHUB_OUTPUT="+file(test.name))
			var exit *exec.ExitError
			if err := c.Run(); !errors.As(err, &exit) || exit.ExitCode() != 3 {
				t.Errorf("it ended with %v, want 3", err)
			}
			outputs, err := os.ReadFile(file(test.name))
			if err != nil {
				t.Fatal(err)
			}
			// The runner takes the last value of a name.
			values := regexp.MustCompile(`(?m)^`+test.output+`<<\S+\n(.*)$`).FindAllStringSubmatch(string(outputs), -1)
			if len(values) == 0 {
				t.Fatalf("no output %s in %q", test.output, outputs)
			}
			if last := values[len(values)-1][1]; last != "" && last != "false" {
				t.Errorf("the output %s is %q in the end", test.output, last)
			}
		})
	}
}
