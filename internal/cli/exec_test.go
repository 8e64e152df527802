package cli

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// What is refused ends before a command replaces this process. One that did would
// fail: this program knows no such flag.
func TestExecRefuses(t *testing.T) {
	l := newLedgerTest(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	command := []string{"--", self, "-test.none"}
	ran, token, used := l.sign("--command", self+" -test.none"), l.sign(), l.sign()
	l.once(exitOK, used)
	l.once(exitOK, used, "--ledger", "dir:"+l.dir)
	before := l.entries()
	now, env := l.now, l.program.env
	for _, test := range []struct {
		name  string
		token string
		at    time.Time
		env   map[string]string
		args  []string
		code  int
		says  string
	}{
		{name: "expired", token: token, at: now.Add(time.Hour), args: command, code: exitRefused, says: "error: expired: "},
		{name: "not yet valid", token: token, at: now.Add(-time.Hour), args: command, code: exitRefused, says: "error: not-yet-valid: "},
		{name: "another actor", token: token, env: map[string]string{"GITHUB_ACTOR": "mallory"}, args: command, code: exitRefused, says: "error: wrong-actor: "},
		{name: "another attempt", token: token, env: map[string]string{"GITHUB_RUN_ID": "8", "GITHUB_RUN_ATTEMPT": "2"}, args: command, code: exitRefused, says: "error: rerun: "},
		{name: "missing", args: command, code: exitRefused, says: "error: missing-token: "},
		{name: "garbage", token: "hello", args: command, code: exitRefused, says: "error: malformed-token: "},
		{name: "replayed", token: used, args: append([]string{"--single-use"}, command...), code: exitRefused, says: "error: replayed: "},
		{name: "replayed in a directory", token: used, args: append([]string{"--single-use", "--ledger", "dir:" + l.dir}, command...), code: exitRefused, says: "error: replayed: "},
		{name: "ledger unavailable", token: token, args: append([]string{"--single-use", "--ledger", "dir:none", "--on-invalid", "warn"}, command...), code: exitUndecided, says: "error: ledger-unavailable: "},
		{name: "command of a spec that has none", token: token, args: []string{"--single-use", "--spec-command", "1"}, code: exitRefused, says: "error: the spec has 0 commands"},
		{name: "command of a spec out of range", token: ran, args: []string{"--single-use", "--spec-command", "2"}, code: exitRefused, says: "error: the spec has 1 command and"},
		{name: "command of a spec that expired", token: ran, at: now.Add(time.Hour), args: []string{"--on-invalid", "warn", "--spec-command", "1"}, code: exitRefused, says: "error: nothing was verified"},
		{name: "no program", token: token, args: []string{"--single-use", "--", "./none"}, code: exitUsage, says: `error: "./none" cannot be executed: `},
		{name: "outputs that cannot be written", token: token, env: map[string]string{"GITHUB_OUTPUT": t.TempDir()}, args: command, code: exitUndecided, says: "error: the outputs cannot be written"},
		{name: "mode of the Action", token: token, env: map[string]string{"INPUT_MODE": "exec"}, args: command, code: exitUsage, says: "error: there is no mode"},
		{name: "another mode of the Action", token: token, env: map[string]string{"INPUT_MODE": "verify"}, args: command, code: exitUsage, says: "error: there is no mode"},
	} {
		t.Run(test.name, func(t *testing.T) {
			l.t = t
			defer func() { l.now, l.program.env = now, env }()
			l.program.env = maps.Clone(env)
			maps.Copy(l.program.env, test.env)
			if !test.at.IsZero() {
				l.now = test.at
			}
			code, stdout, stderr := l.at(slices.Concat([]string{"exec", "--key", l.public, "--token", test.token}, test.args)...)
			if code != test.code || stdout != "" || !strings.Contains(stderr, test.says) || !strings.Contains(stderr, "hint: ") {
				t.Errorf("it ended with %d and printed %q and %q", code, stdout, stderr)
			}
			if test.env["GITHUB_OUTPUT"] == "" && l.outputs()["verified"] == "true" && !strings.Contains(test.name, "Action") {
				t.Errorf("outputs %q", l.outputs())
			}
		})
	}
	l.t = t
	if diff := cmp.Diff(before, l.entries()); diff != "" {
		t.Errorf("the ledgers (-before +after):\n%s", diff)
	}
}

// Where pins only warn nothing counts as verified, so no command of the spec is
// executed, and the token is not used up for that.
func TestExecPinsWarn(t *testing.T) {
	l := newLedgerTest(t)
	detached := l.widgets.CommitOn(l.v422, "5.0.0")
	l.widgets.Tag("v5.0.0", detached)
	l.write(map[string]string{workflow: uses("acme/widgets@" + detached + " # v5.0.0")})
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	code, stdout, stderr := l.at("exec", "--key", l.public, "--token", l.sign("--command", self+" -test.none"),
		"--check", "token,pins", "--single-use", "--spec-command", "1")
	if code != exitRefused || stdout != "" || !strings.Contains(stderr, "warning: impostor-commit: ") || !strings.Contains(stderr, "error: nothing was verified") {
		t.Errorf("it ended with %d and printed %q and %q", code, stdout, stderr)
	}
	l.unused()
}

// On a runner the log masks the token before anything else is in it.
func TestExecMasks(t *testing.T) {
	l := newLedgerTest(t)
	token := l.sign()
	l.program.env["GITHUB_ACTIONS"] = "true"
	var log strings.Builder
	environ := []string{}
	for name, value := range l.program.env {
		environ = append(environ, name+"="+value)
	}
	code := Main([]string{"exec", "--key", l.public, "--token", token, "--", "./none"}, Env{
		Stdin: strings.NewReader(""), Stdout: &log, Stderr: &log, Environ: environ, Now: func() time.Time { return l.now },
	})
	if mask := "::add-mask::" + token + "\n"; code != exitUsage || !strings.HasPrefix(log.String(), mask) || strings.Count(log.String(), token) != 1 {
		t.Errorf("it ended with %d and printed %q", code, log.String())
	}
}

func TestChildEnviron(t *testing.T) {
	const key = "-----BEGIN PUBLIC KEY-----\nMCow\n-----END PUBLIC KEY-----"
	file := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(file, []byte(key+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name          string
		token         string
		key           keyFlags
		environ, want []string
	}{
		{name: "nothing"},
		{
			name:    "as it was",
			token:   "0123456789.0123456789.0123456789",
			environ: []string{"B=2", "A=1", "A=2", "A=", "EMPTY=", "=C:=C:\\", "bare", "L=a\nb\n", "X==="},
			want:    []string{"B=2", "A=1", "A=2", "A=", "EMPTY=", "=C:=C:\\", "bare", "L=a\nb\n", "X==="},
		},
		{
			name:    "the token, with space around it",
			token:   " 0123456789.0123456789\n",
			environ: []string{"A=0123456789.0123456789", "B=x0123456789.0123456789y", "C=0123456789.012345678", "0123456789.0123456789=D", "0123456789.0123456789"},
			want:    []string{"C=0123456789.012345678"},
		},
		{
			name:    "what is too short for a token",
			token:   "true",
			environ: []string{"A=true", "COUNTERSIGN_TOKEN=true", "B=not true"},
			want:    []string{"A=true", "B=not true"},
		},
		{
			name:    "no token",
			token:   " \n",
			environ: []string{"A= \n", "B="},
			want:    []string{"A= \n", "B="},
		},
		{
			name:    "a key",
			key:     keyFlags{key: "\n" + key + "\n"},
			environ: []string{"COUNTERSIGN_KEY=\n" + key + "\n", "A=" + key, "B=export KEY='" + key + "'", "C=-----BEGIN PUBLIC KEY-----"},
			want:    []string{"C=-----BEGIN PUBLIC KEY-----"},
		},
		{
			name:    "the path of a key",
			key:     keyFlags{key: file},
			environ: []string{"COUNTERSIGN_KEY=" + file, "A=" + file, "B=" + key},
			want:    []string{"A=" + file},
		},
		{
			name:    "the path of a secret",
			key:     keyFlags{secretFile: file},
			environ: []string{"COUNTERSIGN_SECRET_FILE=" + file, "A=" + file, "B=" + key},
			want:    []string{"A=" + file},
		},
		{
			name:    "what is no token and stands in a path",
			token:   "/usr/local/sbin:/usr/local/bin",
			environ: []string{"PATH=/usr/local/sbin:/usr/local/bin:/bin"},
			want:    []string{"PATH=/usr/local/sbin:/usr/local/bin:/bin"},
		},
		{
			name:    "a secret",
			environ: []string{"COUNTERSIGN_SECRET=0123456789abcdef0123456789abcdef\r\n", "A=0123456789abcdef0123456789abcdef", "B=0123456789abcdef"},
			want:    []string{"B=0123456789abcdef"},
		},
		{
			name: "names",
			environ: []string{
				"COUNTERSIGN_TOKEN=", "COUNTERSIGN_TOKEN_FILE=a", "COUNTERSIGN_KEY=b", "COUNTERSIGN_SECRET=c", "COUNTERSIGN_SECRET_FILE=d", "COUNTERSIGN_GITHUB_TOKEN=e",
				"INPUT_TOKEN=f", "INPUT_KEY=g", "INPUT_SECRET=h", "INPUT_GITHUB_TOKEN=i", "COUNTERSIGN_TOKEN", "COUNTERSIGN_TOKEN=again",
				"COUNTERSIGN_VERIFIED_ACTOR=mallory", "COUNTERSIGN_VERIFIED_X", "COUNTERSIGN_VERIFIED_=",
				"COUNTERSIGN_VERIFIED=j", "COUNTERSIGN_TOKENS=k", "COUNTERSIGN_EXPECT=l", "INPUT_TOKENS=m", "TOKEN=n", "GITHUB_TOKEN=o", "GH_TOKEN=p",
			},
			want: []string{"COUNTERSIGN_VERIFIED=j", "COUNTERSIGN_TOKENS=k", "COUNTERSIGN_EXPECT=l", "INPUT_TOKENS=m", "TOKEN=n", "GITHUB_TOKEN=o", "GH_TOKEN=p"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			before := slices.Clone(test.environ)
			a := &app{Env: Env{Environ: test.environ}, Getenv: lookup(test.environ)}
			verified := []string{"COUNTERSIGN_VERIFIED_ACTOR=octocat"}
			if _, err := a.readToken(tokenFlags{token: test.token}, maxTokenFile); err != nil {
				t.Fatal(err)
			}
			_, _ = a.keySource(test.key) // there may be none
			got := a.childEnviron(verified)
			if diff := cmp.Diff(append(slices.Clone(test.want), verified...), got); diff != "" {
				t.Errorf("environment (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(before, test.environ); diff != "" {
				t.Errorf("the process's own has changed:\n%s", diff)
			}
		})
	}
}
