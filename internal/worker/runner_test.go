package worker_test

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/countersign-ci/countersign/internal/worker"
)

// runnerName is what a runner's executable is called here.
func runnerName() string {
	if runtime.GOOS == "windows" {
		return "Runner.Worker.exe"
	}
	return "Runner.Worker"
}

// A table is a system whose processes are given. Each process starts when its id
// says so, but where started says something else.
type table struct {
	names   map[int]string
	parents map[int]int
	started map[int]int64
	holdErr map[int]error
	killErr map[int]error
	onLook  func(pid int) // before the look

	calls []string // hold, look, kill and release, in order
}

type tableHandle struct {
	*table
	pid int
}

func (h tableHandle) Kill() error {
	h.calls = append(h.calls, fmt.Sprint("kill ", h.pid))
	return h.killErr[h.pid]
}

func (h tableHandle) Release() error {
	h.calls = append(h.calls, fmt.Sprint("release ", h.pid))
	return nil
}

func (t *table) system() worker.System {
	return worker.System{
		Hold: func(pid int) (worker.Handle, error) {
			if err := t.holdErr[pid]; err != nil {
				return nil, err
			}
			t.calls = append(t.calls, fmt.Sprint("hold ", pid))
			return tableHandle{t, pid}, nil
		},
		Look: func(pid int) (worker.Process, error) {
			if t.onLook != nil {
				t.onLook(pid)
			}
			t.calls = append(t.calls, fmt.Sprint("look ", pid))
			name, ok := t.names[pid]
			if !ok {
				return worker.Process{}, worker.ErrGone
			}
			started, ok := t.started[pid]
			if !ok {
				started = int64(pid)
			}
			return worker.NewProcess(t.parents[pid], started, name), nil
		},
	}
}

func (t *table) killed() []string {
	return slices.DeleteFunc(slices.Clone(t.calls), func(call string) bool { return !strings.HasPrefix(call, "kill") })
}

// chain is a table in which the parent of each process is the one before, from
// process 10 on; process 10 has the parent 1.
func chain(names ...string) *table {
	t := &table{names: map[int]string{1: "init"}, parents: map[int]int{}}
	for i, name := range names {
		t.names[10+i] = name
		t.parents[10+i] = 9 + i
	}
	t.parents[10] = 1
	return t
}

func TestEndRunnerTable(t *testing.T) {
	const self = "countersign"
	r := runnerName()
	deep := append([]string{r}, slices.Repeat([]string{"sh"}, worker.MaxAncestors)...)
	tests := []struct {
		name string
		*table
		change func(t *table)
		self   int
		kills  int // 0 for none
	}{
		{"parent", chain(r, self), nil, 11, 10},
		{"behind a shell", chain(r, "bash", self), nil, 12, 10},
		{"nearest", chain("Runner.Listener", r, "sh", r, "bash", self), nil, 15, 13},
		{"no runner", chain("Runner.Listener", "bash", self), nil, 12, 0},
		{"itself is none", chain("bash", r), nil, 11, 0},
		{"below it", chain("bash", self, r), nil, 11, 0},
		{"other names", chain("Runner.Worker.sh", "xRunner.Worker", "Runner.Worker ", "Runner", "runner", "Runner.Worker.dll", "", self), nil, 17, 0},
		{"never process 1", chain("bash", self), func(t *table) { t.names[1] = r }, 11, 0},
		{"never process 0", chain("bash", self), func(t *table) { t.names[0] = r; t.parents[10] = 0 }, 11, 0},
		{"loop", chain("bash", "sh", self), func(t *table) { t.parents[10] = 11; t.started = map[int]int64{10: 0, 11: 0, 12: 0} }, 12, 0},
		{"loop to itself", chain("bash", r), func(t *table) { t.parents[10] = 11; t.started = map[int]int64{10: 0, 11: 0} }, 11, 0},
		{"deep", chain(append(deep[:len(deep)-1:len(deep)-1], self)...), nil, 10 + worker.MaxAncestors, 10},
		{"too deep", chain(append(deep, self)...), nil, 11 + worker.MaxAncestors, 0},
		{"id of an ended parent", chain(r, self), func(t *table) { t.started = map[int]int64{10: 12} }, 11, 0},
		{"parent of the same moment", chain(r, self), func(t *table) { t.started = map[int]int64{10: 11} }, 11, 10},
		{"gone for good", chain("bash", self), func(t *table) { delete(t.names, 10) }, 11, 0},
		{"shell of another user", chain(r, "sudo", self), func(t *table) { t.holdErr = map[int]error{11: os.ErrPermission} }, 12, 10},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if test.change != nil {
				test.change(test.table)
			}
			pid, err := worker.EndRunnerOf(test.system(), test.self)
			var want []string
			if test.kills != 0 {
				want = []string{fmt.Sprint("kill ", test.kills)}
			}
			if pid != test.kills || !slices.Equal(test.killed(), want) {
				t.Errorf("ended %d, error %v, and did %v; want %v", pid, err, test.calls, want)
			}
			if test.kills == 0 && !errors.Is(err, worker.ErrNoRunner) || test.kills != 0 && err != nil {
				t.Errorf("error %v", err)
			}
			checkCalls(t, test.calls)
		})
	}
}

// checkCalls wants each process held before it is looked at, and let go at last.
func checkCalls(t *testing.T, calls []string) {
	t.Helper()
	held := map[string]bool{}
	for _, call := range calls {
		do, pid, _ := strings.Cut(call, " ")
		switch do {
		case "hold":
			held[pid] = true
		case "kill":
			if !held[pid] {
				t.Errorf("%s is killed and not held: %v", pid, calls)
			}
		case "release":
			delete(held, pid)
		}
	}
	if len(held) > 0 {
		t.Errorf("%v are held still: %v", held, calls)
	}
	for i, call := range calls[1:] {
		if pid, ok := strings.CutPrefix(call, "look "); ok && slices.Contains(calls, "hold "+pid) && calls[i] != "hold "+pid {
			t.Errorf("%s is looked at before it is held: %v", pid, calls)
		}
	}
}

// A shell between ends while it is looked for: its child has another parent then.
func TestEndRunnerMoves(t *testing.T) {
	tab := chain(runnerName(), "bash", "countersign")
	tab.onLook = func(pid int) {
		if pid == 11 {
			delete(tab.names, 11)
			tab.parents[12] = 10
		}
	}
	pid, err := worker.EndRunnerOf(tab.system(), 12)
	if pid != 10 || err != nil {
		t.Errorf("ended %d, error %v, did %v", pid, err, tab.calls)
	}
	checkCalls(t, tab.calls)
}

func TestEndRunnerFails(t *testing.T) {
	t.Run("permission", func(t *testing.T) {
		tab := chain(runnerName(), "countersign")
		tab.killErr = map[int]error{10: os.ErrPermission}
		wantRunnerError(t, tab, 11, 10)
	})
	t.Run("permission to hold", func(t *testing.T) {
		tab := chain(runnerName(), "countersign")
		tab.holdErr = map[int]error{10: os.ErrPermission}
		wantRunnerError(t, tab, 11, 10)
	})
	t.Run("ended", func(t *testing.T) {
		tab := chain(runnerName(), "countersign")
		tab.killErr = map[int]error{10: os.ErrProcessDone}
		if pid, err := worker.EndRunnerOf(tab.system(), 11); pid != 0 || !errors.Is(err, worker.ErrNoRunner) {
			t.Errorf("ended %d, error %v", pid, err)
		}
	})
}

func wantRunnerError(t *testing.T, tab *table, self, about int) {
	t.Helper()
	pid, err := worker.EndRunnerOf(tab.system(), self)
	var e *worker.RunnerError
	if pid != 0 || !errors.As(err, &e) || e.PID != about || e.Hint() == "" || !errors.Is(err, os.ErrPermission) ||
		!strings.Contains(err.Error(), fmt.Sprint(about)) {
		t.Errorf("ended %d, error %v, want one about %d", pid, err, about)
	}
}

func TestIsRunner(t *testing.T) {
	for name, windows := range map[string]bool{
		"Runner.Worker": false, "Runner.Worker.exe": true, "runner.worker.EXE": true,
		"runner.worker": false, "Runner.Listener": false, "Runner.Worker.dll": false,
	} {
		want := windows
		if runtime.GOOS != "windows" {
			want = name == "Runner.Worker"
		}
		if worker.IsRunner(name) != want {
			t.Errorf("%s: %v, want %v", name, !want, want)
		}
	}
}
