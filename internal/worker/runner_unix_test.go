//go:build linux || darwin

package worker_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/countersign-ci/countersign/internal/worker"
)

func init() {
	tasks["start"] = start
	tasks["end"] = end
}

// start starts the programs one below the other: each waits for the next and says
// how it ended. "bash" starts a shell that runs the rest; "remove" first removes
// this program's file, as an update does; "stranger" has the rest run as another
// user. The last one ends the nearest runner.
func start(args []string) error {
	fmt.Println(filepath.Base(os.Args[0]), "is", os.Getpid())
	program, rest := args[0], args[1:]
	var credential *syscall.Credential
	for {
		if program == "remove" {
			if err := os.Remove(os.Args[0]); err != nil {
				return err
			}
		} else if program == "stranger" {
			credential = &syscall.Credential{Uid: stranger, Gid: stranger}
		} else {
			break
		}
		program, rest = rest[0], rest[1:]
	}
	task := "start"
	if program == "bash" {
		// Two commands, for a shell replaces itself by a last one.
		rest = []string{"-c", `"$0"; exit $?`, rest[0]}
		task = "end"
	}
	cmd := run(program, task, rest...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: credential}
	err := cmd.Run()
	fmt.Printf("%s: %v\n", filepath.Base(program), cmd.ProcessState)
	if cmd.ProcessState == nil {
		return err
	}
	return nil
}

func end([]string) error {
	pid, err := worker.EndRunner("the reason")
	if err != nil {
		return err
	}
	fmt.Println("ended", pid)
	return nil
}

// programs puts this program under names that runners have, each in a folder of
// its own, where another user too can start it. It returns their paths.
func programs(t *testing.T, names ...string) []string {
	t.Helper()
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip(err)
	}
	text, err := os.ReadFile(self(t))
	must(t, err)
	dir, err := os.MkdirTemp("", "countersign")
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	must(t, os.Chmod(dir, 0o755))
	var paths []string
	for i, name := range names {
		at := filepath.Join(dir, fmt.Sprint(i))
		folder(t, at, 0o755)
		paths = append(paths, filepath.Join(at, name))
		must(t, os.WriteFile(paths[i], text, 0o755))
	}
	return paths
}

// output runs the first of the programs, waits until all of them have ended, and
// returns what they said.
func output(t *testing.T, args []string) string {
	t.Helper()
	cmd := run(args[0], "start", args[1:]...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	// Whoever is left keeps the pipe open, and Run waits for its end.
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	return out.String()
}

// The job's runner dies and nobody else: not the shell below it, nor the listener
// above it, nor another runner further up.
func TestEndRunner(t *testing.T) {
	const update = "after an update"
	for _, name := range []string{"as started", update} {
		t.Run(name, func(t *testing.T) {
			p := programs(t, "Runner.Worker", "Runner.Listener", "Runner.Worker", "countersign")
			args := append(p[:3:3], "bash", p[3])
			if name == update {
				if runtime.GOOS != "linux" {
					t.Skip("the name comes from the kernel here")
				}
				args = append(p[:3:3], "remove", "bash", p[3])
			}
			out := output(t, args)
			var first, listener, second, ended int
			for _, line := range strings.SplitAfter(out, "\n") {
				var pid int
				if n, _ := fmt.Sscanf(line, "Runner.Worker is %d", &pid); n == 1 && first == 0 {
					first = pid
				} else if n == 1 {
					second = pid
				}
				_, _ = fmt.Sscanf(line, "Runner.Listener is %d", &listener)
				_, _ = fmt.Sscanf(line, "ended %d", &ended)
			}
			if second == 0 || ended != second {
				t.Errorf("ended %d, want %d, below %d and %d", ended, second, listener, first)
			}
			for _, want := range []string{"Runner.Worker: signal: killed\n", "Runner.Listener: exit status 0\n"} {
				if !strings.Contains(out, want) {
					t.Errorf("nobody says %q", want)
				}
			}
			if strings.Contains(out, "bash: ") || strings.Count(out, "signal") != 1 {
				t.Errorf("not the second runner alone was killed")
			}
			// It is told why, and nobody else: the listener above it would repeat that.
			if runtime.GOOS == "linux" && strings.Count(out, "the reason\n") != 1 {
				t.Error("the runner was not told why")
			}
			if t.Failed() {
				t.Log(out)
			}
		})
	}
}

// A runner of another user is found by the name that the kernel keeps, and cannot
// be ended.
func TestEndRunnerOfAnother(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root may start a program as another user")
	}
	p := programs(t, "Runner.Worker", "Runner.Worker", "countersign")
	out := output(t, append(p[:2:2], "stranger", "bash", p[2]))
	want := "error: " + (&worker.RunnerError{PID: pidOf(t, out), Cause: errors.New("operation not permitted")}).Error()
	if !strings.Contains(out, want) || !strings.Contains(out, "bash: exit status 1\n") || strings.Contains(out, "signal") {
		t.Errorf("got %s, want %s", out, want)
	}
}

// pidOf returns the id of the last runner.
func pidOf(t *testing.T, out string) int {
	t.Helper()
	const says = "Runner.Worker is "
	at := strings.LastIndex(out, says)
	var pid int
	if at < 0 {
		t.Fatal(out)
	}
	if _, err := fmt.Sscan(out[at+len(says):], &pid); err != nil {
		t.Fatal(err)
	}
	return pid
}
