//go:build unix

package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign-ci/countersign/internal/githubtest"
)

// The command is the process that was started, and gets the signals sent to it.
func TestExecProcess(t *testing.T) {
	e := newExecTest(t)
	for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGUSR1, syscall.SIGPIPE} {
		t.Run(s.String(), func(t *testing.T) {
			if signal.Ignored(s) {
				t.Skip("this process was started to ignore it, and so is every other")
			}
			c := e.good("--", "sh", "-c", fmt.Sprintf(`trap 'echo got; exit 42' %d; echo $$; while read line; do :; done; exit 1`, s))
			stdin, err := c.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			stdout, err := c.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
			lines := bufio.NewReader(stdout)
			line, _ := lines.ReadString('\n')
			if line != strconv.Itoa(c.Process.Pid)+"\n" {
				t.Errorf("the command is %q, and %d was started", line, c.Process.Pid)
			}
			if err := c.Process.Signal(s); err != nil {
				t.Error(err)
			}
			// A shell that goes on reading sees the signal then.
			_ = stdin.Close()
			if line, _ = lines.ReadString('\n'); line != "got\n" {
				t.Errorf("after the signal: %q", line)
			}
			_ = c.Wait()
			if code := c.ProcessState.ExitCode(); code != 42 {
				t.Errorf("it ended with %v, want 42", c.ProcessState)
			}
		})
	}
}

// The end of the command is the end that its caller sees.
func TestExecEnds(t *testing.T) {
	e := newExecTest(t)
	for _, code := range []int{0, 1, 2, 3, 7, 255} {
		stdout, _ := e.run(e.good("--", "sh", "-c", "exit "+strconv.Itoa(code)), code)
		if stdout != "" {
			t.Errorf("it printed %q", stdout)
		}
	}
	// Nothing of countersign keeps a signal from the command.
	for _, s := range []syscall.Signal{syscall.SIGKILL, syscall.SIGTERM, syscall.SIGINT, syscall.SIGPIPE, syscall.SIGUSR1, syscall.SIGURG} {
		want := syscall.WaitStatus(s)
		switch {
		case signal.Ignored(s):
			continue
		case s == syscall.SIGURG: // it does nothing
			want = syscall.WaitStatus(0)
		}
		c := e.good("--", "sh", "-c", fmt.Sprintf("kill -%d $$", s))
		_ = c.Run()
		if got := c.ProcessState.Sys().(syscall.WaitStatus); got != want {
			t.Errorf("%v: it ended with %v, want %v", s, c.ProcessState, want)
		}
	}
}

// A command finds the dispositions, descriptors and limits that it would have
// had without countersign.
func TestExecInherits(t *testing.T) {
	e := newExecTest(t)
	server := githubtest.New(t)
	server.Repo("acme/ledger")
	for _, test := range []struct{ name, script string }{
		{"signals", `grep -E '^Sig(Blk|Ign|Cgt)|^ShdPnd|^NoNewPrivs' /proc/self/status`},
		{"descriptors", `exec ls /proc/self/fd`},
		{"limits", `ulimit -a; umask; pwd`},
		{"input", `cat`},
		{"streams", `echo out; echo err >&2`},
	} {
		t.Run(test.name, func(t *testing.T) {
			if _, err := os.Stat("/proc/self/status"); err != nil && strings.Contains(test.script, "/proc") {
				t.Skip("this system has no such files")
			}
			e.t = t
			direct := exec.Command("sh", "-c", test.script)
			direct.Dir, direct.Stdin = e.folder, strings.NewReader("some\ninput")
			want, wantErr := e.run(direct, 0)
			// Files and connections are open before: keys, the ledger, outputs.
			for _, ledger := range []string{"dir:ledger", "github:acme/ledger"} {
				e.write("token", e.sign("COUNTERSIGN_KEY", e.private))
				c := e.good("--single-use", "--ledger", ledger, "--", "sh", "-c", test.script)
				c.Env = append(c.Env, "GITHUB_OUTPUT="+e.path("output"), "GITHUB_STEP_SUMMARY="+e.path("summary"),
					"GITHUB_API_URL="+server.URL(), "GITHUB_GRAPHQL_URL="+server.GraphQLURL(), "COUNTERSIGN_GITHUB_TOKEN=api-token")
				c.Stdin = strings.NewReader("some\ninput")
				got, gotErr := e.run(c, 0)
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("standard output with %s (-want +got):\n%s", ledger, diff)
				}
				if !strings.HasSuffix(gotErr, wantErr) || !strings.HasPrefix(gotErr, "verified: ") {
					t.Errorf("standard error with %s: %q", ledger, gotErr)
				}
			}
		})
	}
}

// A token that is used up in the repository's refs runs one command, which gets
// nothing of the API's token.
func TestExecOnce(t *testing.T) {
	e := newExecTest(t)
	server := githubtest.New(t)
	const api = "ghs_0123456789abcdefghijABCDEFGHIJ012345"
	server.SetToken(api)
	server.Repo("acme/ledger")
	again := func(code int, args ...string) (stdout, stderr string) {
		t.Helper()
		c := e.good(append(args, "--single-use", "--ledger", "github:acme/ledger", "--", "sh", "-c", "echo ran; env")...)
		c.Env = append(c.Env, "GITHUB_API_URL="+server.URL(), "COUNTERSIGN_GITHUB_TOKEN="+api)
		stdout, stderr = e.run(c, code)
		if strings.Contains(stdout+stderr, api) {
			t.Errorf("it shows the API's token: %q and %q", stdout, stderr)
		}
		return stdout, stderr
	}
	if stdout, _ := again(0); !strings.HasPrefix(stdout, "ran\n") || !strings.Contains(stdout, "COUNTERSIGN_VERIFIED_ACTOR=octocat\n") {
		t.Errorf("it printed %q", stdout)
	}
	if stdout, stderr := again(1); stdout != "" || !strings.Contains(stderr, "error: replayed: ") {
		t.Errorf("it printed %q and %q", stdout, stderr)
	}
	stdout, stderr := again(0, "--on-invalid", "warn")
	if !strings.HasPrefix(stdout, "ran\n") || strings.Contains(stdout, "VERIFIED") || !strings.Contains(stderr, "warning: replayed: ") {
		t.Errorf("it printed %q and %q", stdout, stderr)
	}
}

// What a step reads as verified is so only where the command runs with it.
func TestExecOutputs(t *testing.T) {
	e := newExecTest(t)
	value := func(code int, c *exec.Cmd) string {
		t.Helper()
		e.write("output", "")
		c.Env = append(c.Env, "GITHUB_OUTPUT="+e.path("output"))
		e.run(c, code)
		text, err := os.ReadFile(e.path("output"))
		if err != nil {
			t.Fatal(err)
		}
		// The runner takes the last value of a name.
		_, after, _ := strings.Cut(string(text)[max(0, strings.LastIndex(string(text), "verified<<")):], "\n")
		last, _, _ := strings.Cut(after, "\n")
		return last
	}
	e.write("no-program", "\x7fELF of no machine")
	if err := os.Chmod(e.path("no-program"), 0o700); err != nil {
		t.Fatal(err)
	}
	hubot := strings.Replace(execExpect, "octocat", "hubot", 1)
	once := []string{"--single-use", "--ledger", "dir:ledger", "--on-invalid", "warn", "--", "true"}
	for _, test := range []struct {
		name, want string
		code       int
		command    *exec.Cmd
	}{
		{"it holds", "true", 0, e.good("--", "true")},
		{"the command fails", "true", 1, e.good("--", "false")},
		{"refused", "false", 1, e.command("--key", "key", "--token-file", "token", "--expect", hubot, "--", "true")},
		{"warned of", "false", 0, e.command("--key", "key", "--token-file", "token", "--on-invalid", "warn", "--expect", hubot, "--", "true")},
		{"no such command", "false", 2, e.good("--", "./none")},
		{"no such command of the spec", "false", 1, e.good("--spec-command", "3")},
		{"no program", "false", 3, e.good("--", "./no-program")},
		{"first use", "true", 0, e.good(once...)},
		{"second use", "false", 0, e.good(once...)},
	} {
		if got := value(test.code, test.command); got != test.want {
			t.Errorf("%s: the output verified is %q, want %q", test.name, got, test.want)
		}
	}
}
