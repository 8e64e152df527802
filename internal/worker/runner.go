package worker

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
)

// ErrNoRunner says that no runner stands above this process.
var ErrNoRunner = errors.New("no process above this one is a GitHub runner's Runner.Worker")

// A RunnerError says why the runner above this process cannot be found or ended.
type RunnerError struct {
	PID   int // of the runner, or of the process whose parent is not known
	Cause error
}

func (e *RunnerError) Error() string {
	return fmt.Sprintf("the runner cannot be ended, by process %d: %v", e.PID, e.Cause)
}

// Hint returns what to do about the error.
func (e *RunnerError) Hint() string { return "let the hook run as the user that the runner runs as" }

func (e *RunnerError) Unwrap() error { return e.Cause }

// EndRunner kills the nearest process above this one whose executable is called
// Runner.Worker, on Windows Runner.Worker.exe, and returns its id. That process
// runs one job, and the listener that started it reports the job as failed. On
// Linux the reason, one line, is written to that process's own standard error
// before, which the listener shows as the job's annotation: the log of the job may
// be lost with the process. An error is ErrNoRunner or a *RunnerError.
func EndRunner(reason string) (pid int, err error) { return endRunner(machine{reason}, os.Getpid()) }

// A process is what the system says of one: its parent, when it started, in any
// unit, and the name of its executable.
type process struct {
	parent  int
	started int64
	name    string
}

// A system knows processes by their ids. An id may come to mean another process
// at any time, but a handle means one for good, where the system has such.
type system interface {
	hold(pid int) (handle, error)
	look(pid int) (process, error) // errGone where there is none
}

// A handle is an *os.Process.
type handle interface {
	Kill() error
	Release() error
}

var errGone = errors.New("the process has ended")

const (
	maxAncestors = 64
	maxAttempts  = 4
)

func endRunner(s system, self int) (int, error) {
	// Where a process on the way ends, its children get another parent: look again.
	for range maxAttempts {
		if pid, err := climb(s, self); !errors.Is(err, errGone) {
			return pid, err
		}
	}
	return 0, ErrNoRunner
}

// climb goes from parent to parent and kills the first runner.
func climb(s system, self int) (int, error) {
	child, err := s.look(self)
	if err != nil {
		return 0, &RunnerError{self, err}
	}
	seen := map[int]bool{self: true}
	for range maxAncestors {
		pid := child.parent
		// 0 is the system itself, or a parent out of this container's sight.
		if pid <= 1 || seen[pid] {
			return 0, ErrNoRunner
		}
		seen[pid] = true
		parent, killed, err := visit(s, pid, child)
		if err != nil {
			return 0, &RunnerError{pid, err}
		}
		if killed {
			return pid, nil
		}
		child = parent
	}
	return 0, ErrNoRunner
}

// visit looks at the parent of a process, and kills it if it is a runner. It is
// held before it is looked at, so that what is killed is what was looked at, or
// nothing if that has ended.
func visit(s system, pid int, child process) (process, bool, error) {
	held, holdErr := s.hold(pid)
	if holdErr == nil {
		defer held.Release()
	}
	parent, err := s.look(pid)
	if err != nil {
		return process{}, false, err
	}
	if parent.started > child.started {
		// The parent has ended and its id is another process's.
		return process{}, false, errGone
	}
	if !isRunner(parent.name) {
		return parent, false, nil
	}
	if holdErr != nil {
		return process{}, false, holdErr
	}
	if err := held.Kill(); err != nil {
		if errors.Is(err, os.ErrProcessDone) {
			err = errGone
		}
		return process{}, false, err
	}
	return parent, true, nil
}

func isRunner(name string) bool {
	if runtime.GOOS == "windows" {
		return strings.EqualFold(name, "Runner.Worker.exe")
	}
	return name == "Runner.Worker"
}

// A machine is the system that this process runs on.
type machine struct{ reason string }

func (m machine) hold(pid int) (handle, error) {
	p, err := os.FindProcess(pid)
	if err != nil {
		return nil, err
	}
	return told{p, m.reason}, nil
}

// A told process hears why it is killed.
type told struct {
	*os.Process
	reason string
}

func (t told) Kill() error {
	tell(t.Pid, t.reason)
	return t.Process.Kill()
}
