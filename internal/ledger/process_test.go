package ledger_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/countersign-ci/countersign/internal/ledger"
)

// The test's own program is run again with these set: once its standard input ends
// it uses the token in the directory and prints the outcome. It ends itself after
// the step of Create that is named, where it gets there.
const (
	useFolder = "COUNTERSIGN_TEST_LEDGER"
	useDie    = "COUNTERSIGN_TEST_LEDGER_DIE"
)

func TestMain(m *testing.M) {
	if path := os.Getenv(useFolder); path != "" {
		useAndExit(path, os.Getenv(useDie))
	}
	os.Exit(m.Run())
}

func useAndExit(path, die string) {
	d, err := ledger.OpenDir(path)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	d.SetStep(func(step string) error {
		if step == die {
			if self, err := os.FindProcess(os.Getpid()); err == nil {
				_ = self.Kill()
			}
			select {} // what comes next must not happen
		}
		return nil
	})
	fmt.Println("ready")
	_, _ = io.Copy(io.Discard, os.Stdin)
	err = ledger.New(d).Use(context.Background(), use(""))
	fmt.Println(outcome(err))
	if outcome(err) == "unknown" {
		fmt.Println(err)
	}
	os.Exit(0)
}

const processes = 50

// race lets processes use one token at once and returns what each printed, nothing
// where it was killed. die says where the i-th ends itself.
func race(t *testing.T, path string, die func(i int) string) []string {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	in, gate, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	defer gate.Close()
	type child struct {
		cmd *exec.Cmd
		out *bufio.Reader
	}
	children := make([]child, processes)
	for i := range children {
		cmd := exec.CommandContext(t.Context(), program)
		cmd.Env = append(os.Environ(), useFolder+"="+path, useDie+"="+die(i))
		cmd.Stdin, cmd.Stderr = in, os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		children[i] = child{cmd, bufio.NewReader(out)}
	}
	for i, c := range children {
		if line, err := c.out.ReadString('\n'); line != "ready\n" {
			t.Fatalf("process %d: %q, %v", i, line, err)
		}
	}
	_ = gate.Close() // all of them see the end of their input
	outcomes := make([]string, processes)
	for i, c := range children {
		text, err := io.ReadAll(c.out)
		if err != nil {
			t.Fatal(err)
		}
		outcomes[i] = strings.TrimSpace(string(text))
		_ = c.cmd.Wait() // fails for those that were killed
	}
	return outcomes
}

func tally(outcomes []string) map[string]int {
	n := map[string]int{}
	for _, o := range outcomes {
		n[o]++
	}
	return n
}

// Exactly one of fifty processes passes.
func TestProcesses(t *testing.T) {
	path := t.TempDir()
	n := tally(race(t, path, func(int) string { return "" }))
	if n["passed"] != 1 || n["used"] != processes-1 {
		t.Errorf("%v", n)
	}
	want(t, ledger.New(inDir(t, path)).Use(t.Context(), use("")), "used", "", "")
}

// Where processes are killed after they made the entry and before they pass,
// nobody passes in their place: the token counts as used from then on.
func TestProcessesKilled(t *testing.T) {
	for name, steps := range map[string][]string{
		"some": {"created", "written", "synced", "root synced", ""},
		"all":  {"created"}, // so that the one that made the entry is
	} {
		t.Run(name, func(t *testing.T) {
			path := t.TempDir()
			n := tally(race(t, path, func(i int) string { return steps[i%len(steps)] }))
			if n["passed"]+n[""] != 1 || n["used"] != processes-1 || name == "all" && n["passed"] != 0 {
				t.Errorf("%v", n)
			}
			want(t, ledger.New(inDir(t, path)).Use(t.Context(), use("")), "used", "", "")
			if name == "all" {
				want(t, ledger.New(inDir(t, path)).Use(t.Context(), attempt("", 2)), "used", "", "")
			}
		})
	}
}
