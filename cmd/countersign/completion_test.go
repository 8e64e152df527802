package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// typed are lines as somebody types them, with the tab that asks for completions, and
// the words that the program is then called with.
var typed = []struct{ line, words string }{
	{"countersign verif\t --on-missing w\t", "<verify> <--on-missing> <warn>"},
	{"countersign verify --on-missing=w\t", "<verify> <--on-missing=warn>"},
	{"countersign verify --allow-r\t--check=token,pip\t", "<verify> <--allow-rerun> <--check=token,pipeline>"},
	{"countersign verify --expect=repository=a/b,envi\tx", "<verify> <--expect=repository=a/b,environment=x>"},
	{"countersign verify --ledger gi\ta/b", "<verify> <--ledger> <github:a/b>"},
	{"countersign verify --ledger=gi\ta/b", "<verify> <--ledger=github:a/b>"},
	{"countersign verify --key ke\t", "<verify> <--key> <key.jwk>"},
	{"countersign verify --key=ke\t", "<verify> <--key=key.jwk>"},
	{"countersign verify --key 'ke\t", "<verify> <--key> <key.jwk>"},
	{"./bin/countersign policy spacelift-p\t", "<policy> <spacelift-push>"},
	{"countersign exec --key key.jwk -- ./ke\t", "<exec> <--key> <key.jwk> <--> <./key.jwk>"},
	{"countersign completion f\t", "<completion> <fish>"},
	// What stands on the line is not run before the line is: else the files that it
	// looks for would be there, and their names in the words.
	{`countersign verify --issuer "$(ls ran; touch ran)" --on-inval` + "\tw\t", "<verify> <--issuer> <> <--on-invalid> <warn>"},
	{`countersign verify --check="$(ls ran2; touch ran2)",zz` + "\t", "<verify> <--check=,zz>"},
	{"countersign verify --issuer a >ou\t", ""}, // to the file
}

// completionFolder returns a folder with files to complete, and a program that is
// ours where completions are asked for and otherwise shows its words.
func completionFolder(t *testing.T, shell string) (folder string, env []string) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("there is no script for its shells")
	}
	if _, err := exec.LookPath(shell); err != nil {
		t.Skip(err)
	}
	folder = t.TempDir()
	write := func(name, text string, mode os.FileMode) {
		path := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	program := buildProgram(t)
	write("bin/countersign", "#!/bin/sh\ncase $1 in __complete*) exec "+program+" \"$@\" ;; esac\n"+
		"printf 'words:'; printf ' <%s>' \"$@\"; echo\n", 0o755)
	write("key.jwk", "", 0o600)
	write("output", "", 0o600)
	write("completions", command(t, ".", program, "completion", shell), 0o600)
	write(".zshrc", "autoload -Uz compinit; compinit -u -D; source ./completions; PS1='ready> '; unsetopt beep; bindkey '^I' complete-word\n", 0o600)
	env = append(ownEnvironment(), "PATH="+filepath.Join(folder, "bin")+string(os.PathListSeparator)+os.Getenv("PATH"),
		"HOME="+folder, "ZDOTDIR="+folder, "TERM=dumb", "INPUTRC=/dev/null", "HISTFILE=", "LC_ALL=C",
		"COUNTERSIGN_ON_MISSING=never", "COUNTERSIGN_KEY=/nonexistent", "COUNTERSIGN_CHECK=nothing")
	return folder, env
}

// interact runs a shell and returns what the program showed.
func interact(t *testing.T, folder string, env []string, input, name string, args ...string) (words []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, name, args...)
	c.Dir, c.Env, c.Stdin = folder, env, strings.NewReader(input)
	c.WaitDelay = time.Second
	output, err := c.CombinedOutput()
	for line := range strings.Lines(strings.ReplaceAll(string(output), "\r", "")) {
		if rest, ok := strings.CutPrefix(strings.TrimSpace(line), "words: "); ok {
			words = append(words, rest)
		}
	}
	if len(words) == 0 {
		t.Fatalf("%v: %s", err, output)
	}
	return words
}

func wantTyped(t *testing.T, folder string, words []string) {
	t.Helper()
	var want []string
	for _, line := range typed {
		if line.words != "" {
			want = append(want, line.words)
		}
	}
	if diff := cmp.Diff(want, words); diff != "" {
		t.Errorf("completed (-want +got):\n%s", diff)
	}
	output := filepath.Join(folder, "output")
	if text, err := os.ReadFile(output); err != nil || !strings.HasPrefix(string(text), "words: <verify>") {
		t.Errorf("a redirection did not go to the file that was completed: %q %v", text, err)
	}
	if err := os.WriteFile(output, nil, 0o600); err != nil {
		t.Fatal(err)
	}
}

func typedLines() string {
	var b strings.Builder
	for _, line := range typed {
		b.WriteString(line.line + "\n")
	}
	return b.String()
}

// TestCompletionBash has bash's own line editor read the lines, with and without the
// functions of bash-completion.
func TestCompletionBash(t *testing.T) {
	folder, env := completionFolder(t, "bash")
	for _, library := range []string{"", "/usr/share/bash-completion/bash_completion"} {
		t.Run(filepath.Base(library), func(t *testing.T) {
			start := "source ./completions\n"
			if library != "" {
				if _, err := os.Stat(library); err != nil {
					t.Skip(err)
				}
				start = "source " + library + "\n" + start
			}
			for _, name := range []string{"ran", "ran2"} {
				if err := os.RemoveAll(filepath.Join(folder, name)); err != nil {
					t.Fatal(err)
				}
			}
			wantTyped(t, folder, interact(t, folder, env, start+typedLines()+"exit\n", "bash", "--noprofile", "--norc", "-i"))
		})
	}
}

// TestCompletionZsh types into a terminal of zsh's own, for its line editor reads
// nothing else. What is bound to Tab there completes, and does not expand by itself.
func TestCompletionZsh(t *testing.T) {
	folder, env := completionFolder(t, "zsh")
	wantTyped(t, folder, interact(t, folder, env, typedLines(), "zsh", "-f", "-c", `
		zmodload zsh/zpty || exit 1
		zpty shell zsh -i
		zpty -r shell seen '*ready> *'
		while IFS= read -r line; do
			zpty -w shell "$line"
			zpty -r shell seen '*ready> *'
			print -r -- "$seen"
		done
		zpty -w shell exit
		while zpty -r shell seen; do print -r -- "$seen"; done`))
}

// TestCompletionFish has fish say what it would offer.
func TestCompletionFish(t *testing.T) {
	folder, env := completionFolder(t, "fish")
	home := t.TempDir()
	offers := func(line string) string {
		t.Helper()
		c := exec.CommandContext(t.Context(), "fish", "--no-config", "-c", "source ./completions; complete -C $argv[1]", line)
		c.Dir, c.Env = folder, append(env, "XDG_CONFIG_HOME="+home, "XDG_DATA_HOME="+home)
		output, err := c.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, output)
		}
		var names []string
		for line := range strings.Lines(string(output)) {
			name, _, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
			names = append(names, name)
		}
		return strings.Join(names, " ")
	}
	for line, want := range map[string]string{
		"countersign verif":                                          "verify",
		"countersign verify --on-missing ":                           "block warn",
		"countersign verify --on-missing=":                           "--on-missing=block --on-missing=warn",
		"countersign verify --check=token,pi":                        "--check=token,pins --check=token,pipeline",
		"countersign verify --expect=repository=a/b,env":             "--expect=repository=a/b,environment=",
		"countersign verify --key ke":                                "key.jwk",
		"countersign verify --key=ke":                                "--key=key.jwk",
		"countersign verify --root ":                                 "bin/",
		"countersign verify --issuer ":                               "",
		"./bin/countersign completion ":                              "bash fish zsh",
		"countersign exec -- ke":                                     "key.jwk",
		"countersign verify --issuer (touch ran) --on-inv":           "--on-invalid",
		"countersign verify --issuer $HOME(touch ran) --on-invalid ": "block warn",
		"countersign verify --check=(touch ran),pin":                 "--check=(touch ran),pins",
	} {
		if got := offers(line); got != want {
			t.Errorf("%q is completed with %q, want %q", line, got, want)
		}
	}
	if _, err := os.Stat(filepath.Join(folder, "ran")); err == nil {
		t.Error("a completion ran a command of the line")
	}
}
