package cli

import (
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// complete returns what a script is answered about the words of a line, less the
// descriptions.
func complete(t *testing.T, env map[string]string, words ...string) []string {
	t.Helper()
	code, stdout, stderr := (program{env, http.DefaultClient}).run(append([]string{"__completeNoDesc"}, words...)...)
	if code != exitOK {
		t.Fatalf("%q ended with %d: %s", words, code, stderr)
	}
	return strings.Fields(stdout)
}

// The directives of a script, at the end of an answer.
const (
	orFiles   = ":0"
	alone     = ":4" // no files
	orFolders = ":16"
)

func TestComplete(t *testing.T) {
	for _, test := range []struct {
		line string // its last word is empty where a blank ends it
		want string
	}{
		{"verif", "verify :4"},
		{"verify --on-missing ", "block warn :4"},
		{"verify --on-missing=w", "warn :4"},
		{"verify --format ", "token spacelift digger :4"},
		{"sign --format=b", "buildkite :4"},
		{"verify --update m", "minor major :4"},
		{"verify --check ", "token pins artifacts pipeline :4"},
		{"verify --check token,pi", "token,pins token,pipeline :4"},
		{"verify --check=token,pins,", "token,pins,artifacts token,pins,pipeline :4"},
		{"verify --check tok,", "tok,token tok,pins tok,artifacts tok,pipeline :4"},
		{"verify --require repository,actor", "repository,actor repository,actor_id :4"},
		{"verify --expect repository=a/b,re", "repository=a/b,repository_id= repository=a/b,repository_owner_id= repository=a/b,ref= :6"},
		{"verify --expect=c", "commands= commit= :6"},
		{"sign --bind commit,b", "commit,branch commit,build :4"},
		{"verify --ledger ", "github: dir: :6"},
		{"ledger prune --ledger d", "dir: :6"},
		{"verify --trusted-identity repo", "repository= repository_owner= :6"},
		{"sign --run-type ", "TRACKED PROPOSED :4"},
		{"keygen --alg ES", "ES256 ES384 ES512 :4"},
		{"keygen --alg HS", ":4"},
		{"sign --alg HS", "HS256 HS384 HS512 :4"},
		{"verify --key ", orFiles},
		{"exec --token-file ru", orFiles},
		{"hook --config ", orFiles},
		{"verify --root ", orFolders},
		{"verify --issuer ", alone},
		{"verify --token ", alone},
		{"verify ", alone},
		{"verify --allow-r", "--allow-rerun :4"},
		{"verify --allow-rerun --allow-r", alone},
		{"verify --expect actor=octocat --exp", "--expect :4"},
		{"exec ", orFiles},
		{"exec -- ", orFiles},
		{"exec -- terraform -", orFiles},
		{"completion ", "bash zsh fish :4"},
		{"help p", "policy :4"},
		{"help policy ", "spacelift spacelift-push :4"},
		{"policy ", "spacelift spacelift-push :4"},
		{"version ", alone},
	} {
		if got := strings.Join(complete(t, nil, strings.Split(test.line, " ")...), " "); got != test.want {
			t.Errorf("%q is completed with %q, want %q", test.line, got, test.want)
		}
	}
}

// TestCompleteFlags has the lists of flags name flags, and a flag that takes a file
// be in them.
func TestCompleteFlags(t *testing.T) {
	taken := map[string]bool{}
	for c := range everyCommand((&app{}).root()) {
		c.Flags().VisitAll(func(flag *pflag.Flag) {
			taken[flag.Name] = true
			answer := complete(t, nil, append(strings.Fields(c.CommandPath())[1:], "--"+flag.Name+"=")...)
			file := slices.Contains([]string{orFiles, orFolders}, answer[0])
			for _, word := range []string{"file with", "file for", "file that", "file to", "file with", "folder to", "a path", "this file"} {
				if strings.Contains(flag.Usage, word) && !file {
					t.Errorf("%s --%s is completed with %q", c.CommandPath(), flag.Name, answer)
				}
			}
		})
	}
	for _, name := range slices.Concat(fileFlags, folderFlags) {
		if !taken[name] {
			t.Errorf("there is no flag %s to complete", name)
		}
	}
}

// TestCompleteReadsNothing completes lines whose flags and variables would fail if
// anything looked at them.
func TestCompleteReadsNothing(t *testing.T) {
	env := map[string]string{
		"COUNTERSIGN_ON_MISSING": "never", "COUNTERSIGN_KEY": "/nonexistent", "COUNTERSIGN_CHECK": "nothing", "COUNTERSIGN_TOKEN": "x",
		"COUNTERSIGN_CONFIG": "/nonexistent", "GITHUB_API_URL": "ftp://x", "GITHUB_EVENT_PATH": "/nonexistent",
	}
	var environ []string
	for name, value := range env {
		environ = append(environ, name+"="+value)
	}
	for line, want := range map[string]string{
		"verify --key /nonexistent --token-file - --on-missing ":                         "block warn :4",
		"exec --key https://127.0.0.1:1/x --jwks /nonexistent --on-missing ":             "block warn :4",
		"sign --key /nonexistent --spec - --dispatch deploy.yml --trigger --format bui":  "buildkite :4",
		"verify --check pins --write --publish commit --lower - --single-use --style co": "commit :4",
		"hook --config /nonexistent --conf":                                              ":4",
	} {
		var out strings.Builder
		code := Main(append([]string{"__complete"}, strings.Split(line, " ")...), Env{
			Stdin: iotest.ErrReader(errors.New("it was read")), Stdout: &out, Stderr: io.Discard, Environ: environ,
			HTTP: &http.Client{Transport: noTransport{t}},
		})
		if got := strings.Join(strings.Fields(out.String()), " "); code != exitOK || got != want {
			t.Errorf("%q ended with %d and %q, want %q", line, code, got, want)
		}
	}
}

type noTransport struct{ t *testing.T }

func (n noTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	n.t.Errorf("%s was asked for", r.URL)
	return nil, errors.New("no connection")
}

// TestActionOnlyRunsModes has the Action refuse what signs and verifies nothing.
func TestActionOnlyRunsModes(t *testing.T) {
	for _, mode := range modes {
		for _, word := range []string{"__complete", "__completeNoDesc", "completion", "man", "help", "version", "--help"} {
			code, stdout, _ := (program{map[string]string{"INPUT_MODE": mode}, http.DefaultClient}).run(word, "verify", "")
			if code != exitUsage || stdout != "" {
				t.Errorf("in mode %s, %s ended with %d and printed %q", mode, word, code, stdout)
			}
		}
	}
}

// TestCompletionScripts looks for what a script must not do: to have the shell
// evaluate words of the line.
func TestCompletionScripts(t *testing.T) {
	for _, shell := range shells {
		code, stdout, stderr := (program{nil, http.DefaultClient}).run("completion", shell)
		if code != exitOK || !strings.Contains(stdout, "_countersign") || stderr != "" {
			t.Errorf("%s: %d %s", shell, code, stderr)
		}
		if strings.Contains(stdout, "eval ") {
			t.Errorf("the script for %s evaluates", shell)
		}
	}
	for _, args := range [][]string{{}, {"powershell"}, {"bash", "zsh"}} {
		code, stdout, stderr := (program{nil, http.DefaultClient}).run(append([]string{"completion"}, args...)...)
		if code != exitUsage || stdout != "" || !strings.Contains(stderr, "hint: there are: bash, zsh, fish\n") {
			t.Errorf("%q: %d %s", args, code, stderr)
		}
	}
}

// everyCommand returns the commands that can be run, and the root.
func everyCommand(root *cobra.Command) func(func(*cobra.Command) bool) {
	root.InitDefaultHelpCmd()
	return func(yield func(*cobra.Command) bool) {
		var visit func(c *cobra.Command) bool
		visit = func(c *cobra.Command) bool {
			return yield(c) && !slices.ContainsFunc(c.Commands(), func(below *cobra.Command) bool { return !visit(below) })
		}
		visit(root)
	}
}
