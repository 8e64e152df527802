package worker

import "time"

// A System stands in for the machine.
type System struct {
	Hold func(pid int) (Handle, error)
	Look func(pid int) (Process, error)
}

type (
	Handle  = handle
	Process = process
)

func (s System) hold(pid int) (handle, error)  { return s.Hold(pid) }
func (s System) look(pid int) (process, error) { return s.Look(pid) }

func NewProcess(parent int, started int64, name string) Process {
	return process{parent, started, name}
}

const MaxAncestors = maxAncestors

var (
	EndRunnerOf = endRunner
	ErrGone     = errGone
	IsRunner    = isRunner
)

// SetLockWait sets how long Append waits for other writers, and returns a function
// that sets it back.
func SetLockWait(d time.Duration) func() {
	old := lockWait
	lockWait = d
	return func() { lockWait = old }
}
