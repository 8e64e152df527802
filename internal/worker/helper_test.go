package worker_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/countersign-ci/countersign/internal/worker"
)

// The test's own program is run again with one of these as its task.
const taskVariable = "COUNTERSIGN_TEST_TASK"

var tasks = map[string]func(args []string) error{}

func TestMain(m *testing.M) {
	if task := tasks[os.Getenv(taskVariable)]; task != nil {
		if err := task(os.Args[1:]); err != nil {
			fmt.Println("error:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// run prepares a run of a program with a task of this one.
func run(program, task string, args ...string) *exec.Cmd {
	cmd := exec.Command(program, args...)
	// Under the race detector each process would sleep for a second at its end.
	cmd.Env = append(os.Environ(), taskVariable+"="+task, "GORACE=atexit_sleep_ms=0")
	return cmd
}

func self(t *testing.T) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	must(t, os.WriteFile(path, []byte(text), 0o600))
	must(t, os.Chmod(path, mode))
}

func folder(t *testing.T, path string, mode os.FileMode) {
	t.Helper()
	must(t, os.Mkdir(path, 0o700))
	must(t, os.Chmod(path, mode))
}

func wantText(t *testing.T, path, want string) {
	t.Helper()
	got, err := os.ReadFile(path)
	must(t, err)
	if string(got) != want {
		t.Errorf("%s holds %.200q, want %.200q", path, got, want)
	}
}

// wantTrustError wants an error about a path that says a text.
func wantTrustError(t *testing.T, err error, path, text string) *worker.TrustError {
	t.Helper()
	var e *worker.TrustError
	if !errors.As(err, &e) {
		t.Fatalf("error %v, want one about %q", err, path)
	}
	if e.Path != path || !strings.Contains(err.Error(), text) || e.Hint() == "" {
		t.Fatalf("error %v about %q with hint %q, want one about %q that says %q", err, e.Path, e.Hint(), path, text)
	}
	return e
}
