//go:build unix

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const execSHA = "0123456789abcdef0123456789abcdef01234567"

// execSpec is a spec with all fields, of which some texts need care.
const execSpec = `{"version": 1, "repository": "acme/widgets", "repository_id": "456789", "repository_owner_id": "123456",
"ref": "refs/heads/main", "sha": "` + execSHA + `", "workflow": ".github/workflows/deploy.yml", "event": "workflow_dispatch",
"actor": "octocat", "actor_id": "583231", "environment": "pro=duction \"a\"", "stack": "eu\nCOUNTERSIGN_VERIFIED_ACTOR=mallory\n",
"commands": ["make && echo <done>", "terraform plan"], "inputs": {"reason": "weekly", "a\nb": "\u0000"},
"artifacts": [{"path": "dist/app.tgz", "size": 10240, "sha256": "` + execDigest + `"}]}`

const execDigest = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

// execVerified are the variables that a command gets of execSpec.
var execVerified = []string{
	"COUNTERSIGN_VERIFIED_ACTOR=octocat",
	"COUNTERSIGN_VERIFIED_ACTOR_ID=583231",
	`COUNTERSIGN_VERIFIED_ARTIFACTS=` + execArtifacts,
	`COUNTERSIGN_VERIFIED_COMMANDS=["make && echo <done>","terraform plan"]`,
	`COUNTERSIGN_VERIFIED_ENVIRONMENT=pro=duction "a"`,
	"COUNTERSIGN_VERIFIED_EVENT=workflow_dispatch",
	`COUNTERSIGN_VERIFIED_INPUTS={"a\nb":"\u0000","reason":"weekly"}`,
	"COUNTERSIGN_VERIFIED_REF=refs/heads/main",
	"COUNTERSIGN_VERIFIED_REPOSITORY=acme/widgets",
	"COUNTERSIGN_VERIFIED_REPOSITORY_ID=456789",
	"COUNTERSIGN_VERIFIED_REPOSITORY_OWNER_ID=123456",
	"COUNTERSIGN_VERIFIED_SHA=" + execSHA,
	`COUNTERSIGN_VERIFIED_SIGNER=` + execSigner,
	`COUNTERSIGN_VERIFIED_SPEC={"actor":"octocat","actor_id":"583231","artifacts":` + execArtifacts +
		`,"commands":["make && echo <done>","terraform plan"],"environment":"pro=duction \"a\"","event":"workflow_dispatch",` +
		`"inputs":{"a\nb":"\u0000","reason":"weekly"},"ref":"refs/heads/main","repository":"acme/widgets","repository_id":"456789",` +
		`"repository_owner_id":"123456","sha":"` + execSHA + `","signer":` + execSigner +
		`,"stack":"eu\nCOUNTERSIGN_VERIFIED_ACTOR=mallory\n","version":1,"workflow":".github/workflows/deploy.yml"}`,
	"COUNTERSIGN_VERIFIED_STACK=eu\nCOUNTERSIGN_VERIFIED_ACTOR=mallory\n",
	"COUNTERSIGN_VERIFIED_VERSION=1",
	"COUNTERSIGN_VERIFIED_WORKFLOW=.github/workflows/deploy.yml",
}

const (
	execArtifacts = `[{"path":"dist/app.tgz","sha256":"` + execDigest + `","size":10240}]`
	execSigner    = `{"actor":"octocat","repository":"acme/orchestrator","run_attempt":1,"run_id":"7"}`
	execExpect    = "repository=acme/widgets,actor=octocat,sha=" + execSHA
	execSecret    = "Zx81-secret-0123456789-abcdefghij"
)

// An execTest is a token and the keys for it.
type execTest struct {
	t               *testing.T
	program         string
	private, public string // JWKs
	token           string
	folder          string // with the files token, key, empty and secret, and the folder ledger
}

func newExecTest(t *testing.T) *execTest {
	t.Helper()
	e := &execTest{t: t, folder: t.TempDir()}
	var err error
	if e.program, err = exec.LookPath("countersign"); err != nil {
		t.Fatal(err)
	}
	e.private, e.public = newKeys(t)
	e.write("spec", execSpec)
	e.token = e.sign("COUNTERSIGN_KEY", e.private)
	e.write("token", e.token)
	e.write("key", e.public)
	e.write("empty", "")
	e.write("secret", execSecret+"\n")
	if err := os.Mkdir(e.path("ledger"), 0o700); err != nil {
		t.Fatal(err)
	}
	return e
}

func (e *execTest) path(name string) string { return filepath.Join(e.folder, name) }

func (e *execTest) write(name, text string) {
	e.t.Helper()
	if err := os.WriteFile(e.path(name), []byte(text), 0o600); err != nil {
		e.t.Fatal(err)
	}
}

// sign signs execSpec with the key in a variable.
func (e *execTest) sign(variable, key string) string {
	e.t.Helper()
	return countersign(e.t, map[string]string{
		variable: key, "GITHUB_ACTOR": "octocat", "GITHUB_REPOSITORY": "acme/orchestrator", "GITHUB_RUN_ID": "7", "GITHUB_RUN_ATTEMPT": "1",
	}, "sign", "--spec", e.path("spec"))
}

// command returns `countersign exec` with arguments, and the variables that every
// program here needs.
func (e *execTest) command(args ...string) *exec.Cmd {
	c := exec.Command(e.program, append([]string{"exec"}, args...)...)
	c.Dir, c.Env = e.folder, []string{"PATH=" + os.Getenv("PATH")}
	return c
}

// good returns `countersign exec` of a token that holds.
func (e *execTest) good(args ...string) *exec.Cmd {
	return e.command(append([]string{"--key", "key", "--token-file", "token", "--expect", execExpect}, args...)...)
}

// run runs a command, which ends with that code.
func (e *execTest) run(c *exec.Cmd, code int) (stdout, stderr string) {
	e.t.Helper()
	var out, err bytes.Buffer
	c.Stdout, c.Stderr = &out, &err
	_ = c.Run() // the state says more
	if c.ProcessState == nil || c.ProcessState.ExitCode() != code {
		e.t.Fatalf("%q: %v, want exit code %d\n%s", c.Args[1:], c.ProcessState, code, err.String())
	}
	return out.String(), err.String()
}

// proc returns a file of zero-terminated texts that the system has of a process.
func proc(t *testing.T, pid int, name string) []string {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, name))
	if errors.Is(err, os.ErrNotExist) {
		t.Skip("this system has no such files")
	}
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(string(text), "\x00"), "\x00")
}

// started runs countersign with exactly these variables, which os/exec would
// clear of doubles. Once the command that it becomes has printed a line, look is
// called with its process id; then its input ends.
func (e *execTest) started(environ, args []string, look func(pid int)) {
	e.t.Helper()
	var files [4]*os.File // the ends of two pipes
	for i := 0; i < len(files); i += 2 {
		var err error
		if files[i], files[i+1], err = os.Pipe(); err != nil {
			e.t.Fatal(err)
		}
		defer files[i].Close()
		defer files[i+1].Close()
	}
	stderr, err := os.Create(e.path("stderr"))
	if err != nil {
		e.t.Fatal(err)
	}
	defer stderr.Close()
	p, err := os.StartProcess(e.program, append([]string{"countersign", "exec"}, args...), &os.ProcAttr{
		Dir: e.folder, Env: environ, Files: []*os.File{files[0], files[3], stderr},
	})
	if err != nil {
		e.t.Fatal(err)
	}
	_ = files[3].Close() // so that the reader sees an end
	line, _ := bufio.NewReader(files[2]).ReadString('\n')
	if line == "ready\n" {
		look(p.Pid)
	}
	_ = files[1].Close()
	state, err := p.Wait()
	if err != nil || !state.Success() || line != "ready\n" {
		text, _ := os.ReadFile(e.path("stderr"))
		e.t.Fatalf("%q: %v, %v: %q\n%s", args, err, state, line, text)
	}
}

// waiting is a command that says that it runs and waits for its input's end.
var waiting = []string{"sh", "-c", "echo ready; cat >/dev/null; exit 0", "name", "argument"}

// What the system has of the command holds neither token nor key, under whatever
// name they were there, and the rest of the environment as it was.
func TestExecEnvironment(t *testing.T) {
	e := newExecTest(t)
	signedBySecret := e.sign("COUNTERSIGN_SECRET", execSecret)
	forged := []string{
		"COUNTERSIGN_VERIFIED_ACTOR=mallory", "COUNTERSIGN_VERIFIED_SPEC={}", "COUNTERSIGN_VERIFIED_NEW=1", "COUNTERSIGN_VERIFIED_=", "COUNTERSIGN_VERIFIED_REF",
	}
	kept := []string{
		"PATH=" + os.Getenv("PATH"), "EMPTY=", "LINES=a\nb=c\n\n", "bare", "=odd", "B=1", "A=2", "UTF=\xff\xfeü", "_=x",
		"COUNTERSIGN_VERIFIED=kept", "XCOUNTERSIGN_VERIFIED_ACTOR=kept", "INPUT_REASON=kept", "COUNTERSIGN_AUDIENCE=https://github.com/acme/widgets",
		"TOKEN=kept", "DEPLOY_TOKEN=another", "GITHUB_TOKEN=ghs_of_the_command", "TOKEN_PREFIX=" + e.token[:40],
	}
	var doc struct{ X string }
	if err := json.Unmarshal([]byte(e.public), &doc); err != nil || doc.X == "" {
		t.Fatalf("no key in %s: %v", e.public, err)
	}
	copies := func(text string) []string {
		quoted, err := json.Marshal(map[string]string{"token": text})
		if err != nil {
			t.Fatal(err)
		}
		return []string{"DEPLOY_TOKEN_2=" + text, "INPUTS=" + string(quoted), "HEADER=Bearer " + text + "\n", "inputs_token=" + text, "BARE_" + text, text}
	}
	for _, test := range []struct {
		name     string
		dropped  []string
		args     []string
		warn     bool // and so nothing is verified
		secrets  []string
		mentions string
	}{
		{
			name:    "token and key in variables",
			dropped: slices.Concat([]string{"COUNTERSIGN_TOKEN=" + e.token, "COUNTERSIGN_KEY=" + e.public, "MY_KEY=" + e.public}, copies(e.token)),
			secrets: []string{e.token, doc.X},
		},
		{
			name:    "token in a file, and its variable empty",
			dropped: slices.Concat([]string{"COUNTERSIGN_TOKEN=", "COUNTERSIGN_KEY=key", "COUNTERSIGN_TOKEN_FILE=token"}, copies(e.token)),
			secrets: []string{e.token},
		},
		{
			name:    "token on the command line",
			args:    []string{"--token", e.token, "--key", "key"},
			dropped: slices.Concat([]string{"COUNTERSIGN_TOKEN=older-0123456789abcdef"}, copies(e.token)),
			secrets: []string{e.token, "older-0123456789abcdef"},
		},
		{
			name: "secret",
			args: []string{"--token", signedBySecret},
			dropped: slices.Concat([]string{"COUNTERSIGN_SECRET=" + execSecret + "\n"},
				copies(execSecret), []string{"SIGNED=" + signedBySecret}),
			secrets: []string{execSecret, signedBySecret},
		},
		{
			name:    "names of the Action and of the API",
			args:    []string{"--token-file", "token", "--key", "key"},
			dropped: []string{"INPUT_TOKEN=abc-token", "INPUT_KEY=abc-key", "INPUT_SECRET=abc-secret", "INPUT_GITHUB_TOKEN=abc-api", "COUNTERSIGN_GITHUB_TOKEN=abc-api"},
			secrets: []string{"abc-"},
		},
		{
			name: "a token that fails, with warn", warn: true, mentions: "warning: wrong-actor",
			args:    []string{"--key", "key", "--token-file", "token", "--on-invalid", "warn", "--expect", strings.Replace(execExpect, "octocat", "hubot", 1)},
			dropped: copies(e.token),
			secrets: []string{e.token},
		},
		{
			name: "no token, with warn", warn: true, mentions: "warning: missing-token",
			args:    []string{"--token-file", "empty", "--on-missing", "warn"},
			dropped: []string{"COUNTERSIGN_KEY=" + e.public, "COUNTERSIGN_TOKEN="},
			secrets: []string{doc.X},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			e.t = t
			args := slices.Concat([]string{"--expect", execExpect}, test.args, []string{"--"}, waiting)
			if slices.Contains(test.args, "--expect") {
				args = args[2:]
			}
			// The others stand before, between and after.
			environ := slices.Concat(kept[:3], test.dropped, kept[3:6], forged, kept[6:])
			want := slices.Clone(kept)
			if !test.warn {
				want = append(want, execVerified...)
			}
			e.started(environ, args, func(pid int) {
				got := proc(t, pid, "environ")
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("environment (-want +got):\n%s", diff)
				}
				line := proc(t, pid, "cmdline")
				if diff := cmp.Diff(waiting, line); diff != "" {
					t.Errorf("arguments (-want +got):\n%s", diff)
				}
				for _, secret := range test.secrets {
					if all := strings.Join(slices.Concat(got, line), "\x00"); strings.Contains(all, secret) {
						t.Errorf("the command has %q", secret)
					}
				}
			})
			text, err := os.ReadFile(e.path("stderr"))
			if err != nil || !strings.Contains(string(text), test.mentions) {
				t.Errorf("%v, it says %q", err, text)
			}
		})
	}
}

// Of a variable that is there twice the first counts, for countersign and for the
// command.
func TestExecDoubles(t *testing.T) {
	e := newExecTest(t)
	environ := []string{
		"PATH=" + os.Getenv("PATH"), "A=first", "COUNTERSIGN_TOKEN=" + e.token, "COUNTERSIGN_KEY=key", "COUNTERSIGN_VERIFIED_ACTOR=mallory",
		"A=second", "COUNTERSIGN_TOKEN=the-second-0123456789", "COUNTERSIGN_KEY=" + e.private, "COUNTERSIGN_VERIFIED_ACTOR=hubot",
	}
	e.started(environ, slices.Concat([]string{"--expect", execExpect, "--"}, waiting), func(pid int) {
		want := slices.Concat(environ[:2], execVerified)
		if diff := cmp.Diff(want, proc(t, pid, "environ")); diff != "" {
			t.Errorf("environment (-want +got):\n%s", diff)
		}
	})
}
