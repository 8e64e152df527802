package main

import (
	"errors"
	"os/exec"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// exits runs countersign and checks its exit code, and that a run that ends with
// 1, 2 or 3 says `error:` and `hint:` and prints nothing to standard output:
//
//	exits CODE ARG...
//
// A first argument `--json` makes it `exits --json CODE ARG...`, for a report on
// standard output.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	report := len(args) > 0 && args[0] == "--json"
	if report {
		args = args[1:]
	}
	if neg || len(args) < 1 {
		ts.Fatalf("usage: exits [--json] CODE ARG...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec("countersign", args[1:]...)
	got := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("countersign did not run: %v", err)
	}
	stdout, stderr := ts.ReadFile("stdout"), ts.ReadFile("stderr")
	if got != want {
		ts.Fatalf("exit code %d, want %d\nstderr: %s", got, want, stderr)
	}
	if strings.Contains(stderr, "panic:") || strings.Contains(stderr, "goroutine ") {
		ts.Fatalf("it panicked: %s", stderr)
	}
	if want == 0 {
		return
	}
	if !strings.Contains(stderr, "error: ") || !strings.Contains(stderr, "hint: ") {
		ts.Fatalf("no `error:` or `hint:` in: %s", stderr)
	}
	if !report && stdout != "" {
		ts.Fatalf("standard output has: %s", stdout)
	}
}

// lines checks how many lines a file has: lines FILE COUNT.
func lines(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: lines FILE COUNT")
	}
	if got := strconv.Itoa(strings.Count(ts.ReadFile(args[0]), "\n")); got != args[1] {
		ts.Fatalf("%s has %s lines, want %s", args[0], got, args[1])
	}
}
