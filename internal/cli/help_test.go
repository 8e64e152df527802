package cli

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/countersign-ci/countersign/internal/shellwords"
)

// An example is one command of the examples of help.
type example struct {
	args []string
	to   string // the file that its output goes to
}

// examplesOf returns the examples of a command, without what comes after a pipe.
func examplesOf(t *testing.T, c *cobra.Command) (all []example) {
	t.Helper()
	for line := range strings.Lines(strings.ReplaceAll(c.Example, "\\\n", "")) {
		line, _, _ = strings.Cut(strings.TrimSpace(line), " | ")
		line, to, _ := strings.Cut(line, " >")
		for name, value := range map[string]string{`"$SHA"`: strings.Repeat("a", 40), `"$TOKEN"`: "a.b.c"} {
			line = strings.ReplaceAll(line, name, value)
		}
		words, err := shellwords.Split(line)
		if err != nil || words[0] != "countersign" {
			t.Errorf("%s has no example %q: %v", c.CommandPath(), line, err)
			continue
		}
		all = append(all, example{words[1:], to})
	}
	return all
}

// TestExamples has each command show at least one call of it, whose flags and values
// are there.
func TestExamples(t *testing.T) {
	for c := range everyCommand((&app{}).root()) {
		all := examplesOf(t, c)
		if len(all) == 0 || c.Long == "" || c.Short == "" {
			t.Errorf("%s has no example or no text", c.CommandPath())
		}
		for _, e := range all {
			root := (&app{}).root() // flags keep what they were given
			root.InitDefaultHelpCmd()
			called, rest, err := root.Find(e.args)
			if err == nil {
				err = called.ParseFlags(rest)
			}
			if err == nil {
				err = called.ValidateArgs(called.Flags().Args())
			}
			if err != nil || !strings.HasPrefix(called.CommandPath()+" ", c.CommandPath()+" ") {
				t.Errorf("%s, %q: %v", c.CommandPath(), e.args, err)
			}
		}
	}
}

// TestExamplesRun runs the examples that ask nothing of a network, with keys for them.
func TestExamplesRun(t *testing.T) {
	t.Chdir(t.TempDir())
	run := func(args ...string) (stdout string) {
		t.Helper()
		code, stdout, stderr := (program{nil, http.DefaultClient}).run(args...)
		if code != exitOK {
			t.Errorf("%q ended with %d: %s", args, code, stderr)
		}
		return stdout
	}
	run("keygen", "--alg", "ES256", "--private", "runs.jwk", "--public", "runs.pub.jwk")
	if err := os.Mkdir("ledger", 0o700); err != nil {
		t.Fatal(err)
	}
	root := (&app{}).root()
	root.InitDefaultHelpCmd()
	ran := 0
	for _, name := range []string{"", "inspect", "policy", "policy spacelift", "policy spacelift-push", "ledger", "completion", "man", "help", "version"} {
		c, _, err := root.Find(strings.Fields(name))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range examplesOf(t, c) {
			if i := slices.Index(e.args, "dir:/var/lib/countersign"); i >= 0 {
				e.args[i] = "dir:ledger"
			}
			stdout := run(e.args...)
			ran++
			if e.to == "" {
				continue
			}
			if err := os.WriteFile(filepath.Base(e.to), []byte(stdout), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	if ran < 15 {
		t.Errorf("only %d examples were run", ran)
	}
}

// TestHelp looks at the form of help, and that there are three ways to it.
func TestHelp(t *testing.T) {
	for c := range everyCommand((&app{}).root()) {
		words := strings.Fields(c.CommandPath())[1:]
		code, stdout, stderr := (program{nil, http.DefaultClient}).run(append(slices.Clone(words), "--help")...)
		if code != exitOK || stderr != "" {
			t.Errorf("%s --help ended with %d: %s", c.CommandPath(), code, stderr)
		}
		if _, other, _ := (program{nil, http.DefaultClient}).run(append([]string{"help"}, words...)...); other != stdout {
			t.Errorf("help %s says %q, want %q", c.CommandPath(), other, stdout)
		}
		for line := range strings.Lines(stdout) {
			if line = strings.TrimSuffix(line, "\n"); len([]rune(line)) > 100 || strings.TrimRight(line, " ") != line {
				t.Errorf("%s: too long, or ends with a blank: %q", c.CommandPath(), line)
			}
		}
		for _, want := range []string{"\nUsage:\n  " + c.CommandPath(), "\nExamples:\n  countersign ", "\nFlags:\n", "--help"} {
			if !strings.Contains(stdout, want) {
				t.Errorf("%s has no %q", c.CommandPath(), want)
			}
		}
	}
}

func TestNoCommand(t *testing.T) {
	token := "eyJhbGciOiJFZERTQSJ9.eyJhIjoiYiJ9.c2lnbmF0dXJl"
	for line, want := range map[string]string{
		"verfy":           "hint: countersign verify may be meant; countersign --help lists the commands",
		"sgin":            "hint: countersign sign may be meant; ",
		"ver":             "hint: countersign verify or version may be meant; ",
		"prove":           "hint: countersign --help lists the commands",
		token:             "error: there is no such command",
		"help verfy":      "hint: countersign verify may be meant; ",
		"help version x":  `error: there is no command "x"`,
		"help " + token:   "error: there is no such command",
		"policy spacelit": "hint: countersign policy spacelift may be meant; ",
		"ledger prun":     "hint: countersign ledger prune may be meant; countersign ledger prune",
		"policy digger":   "hint: there are: spacelift, spacelift-push",
		"ledger":          "hint: countersign ledger prune",
	} {
		code, stdout, stderr := (program{nil, http.DefaultClient}).run(strings.Fields(line)...)
		if code != exitUsage || stdout != "" || !regexp.MustCompile(`(?m)^`+regexp.QuoteMeta(want)).MatchString(stderr) || strings.Contains(stderr, "eyJ") {
			t.Errorf("%q ended with %d: %s\nwant %s", line, code, stderr, want)
		}
	}
}
