package worker_test

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/countersign-ci/countersign/internal/worker"
)

const statRest = " S 41 42 42 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 7000 1 1 1"

func TestParseStat(t *testing.T) {
	for _, name := range []string{"Runner.Worker", "a b", "(", ")", ") S 7 (", "", "a\nb", "x) S 1 1 1 (y"} {
		parent, started, got, err := worker.ParseStat([]byte("42 (" + name + ")" + statRest + "\n"))
		if parent != 41 || started != 7000 || got != name || err != nil {
			t.Errorf("%q: parent %d, started %d, name %q, error %v", name, parent, started, got, err)
		}
	}
	for _, text := range []string{
		"", "42", "42 (sh", ")(", "42 sh) S 41", "42 (sh)", "42 (sh) S", "42 (sh) S 41",
		"42 (sh)" + strings.Replace(statRest, "41", "x", 1),
		"42 (sh)" + strings.Replace(statRest, "7000", "-", 1),
		"42 (sh)" + strings.Replace(statRest, "41", "99999999999999999999", 1),
	} {
		if parent, _, name, err := worker.ParseStat([]byte(text)); err == nil {
			t.Errorf("%q: parent %d, name %q", text, parent, name)
		}
	}
}

// This process's own line is read as the system's calls say it is.
func TestParseStatSelf(t *testing.T) {
	stat, err := os.ReadFile("/proc/self/stat")
	must(t, err)
	parent, started, name, err := worker.ParseStat(stat)
	if parent != os.Getppid() || started <= 0 || name == "" || err != nil {
		t.Errorf("parent %d, want %d; started %d, name %q, error %v", parent, os.Getppid(), started, name, err)
	}
}

// In a PID namespace of its own, with the /proc of another, a process looks at
// nobody: the ids there are those of strangers.
func TestEndRunnerElsewhere(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root may make a namespace")
	}
	cmd := run(self(t), "end")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID}
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		t.Skip(err)
	}
	if !strings.Contains(string(out), "/proc does not know this process as 1") {
		t.Errorf("%v, %s", err, out)
	}
}

func FuzzParseStat(f *testing.F) {
	f.Add("42 (Runner.Worker)" + statRest)
	f.Add("1 (a) (b)) R 0")
	f.Add(")(")
	f.Fuzz(func(t *testing.T, text string) {
		parent, started, name, err := worker.ParseStat([]byte(text))
		if err != nil {
			return
		}
		// Nothing in the name changes what is read behind it.
		again := fmt.Sprintf("1 (%s)%s", name, text[strings.LastIndexByte(text, ')')+1:])
		p, s, n, err := worker.ParseStat([]byte(again))
		if p != parent || s != started || n != name || err != nil {
			t.Errorf("%q and %q differ", text, again)
		}
	})
}
