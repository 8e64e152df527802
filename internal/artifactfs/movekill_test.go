package artifactfs_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/countersign-ci/countersign/internal/artifactfs"
	"github.com/countersign-ci/countersign/internal/runspec"
)

// The test's own program is run again with these set: it does a task in a folder and
// ends itself before the step with the number, from 1; with 0 it prints how many
// steps there are.
const (
	killTask   = "COUNTERSIGN_TEST_KILL_TASK"
	killFolder = "COUNTERSIGN_TEST_KILL_FOLDER"
	killStep   = "COUNTERSIGN_TEST_KILL_STEP"
)

func init() {
	task, ok := killTasks[os.Getenv(killTask)]
	if !ok {
		return
	}
	last, err := strconv.Atoi(os.Getenv(killStep))
	if err != nil {
		panic(err)
	}
	self, err := os.FindProcess(os.Getpid())
	if err != nil {
		panic(err)
	}
	steps := 0
	artifactfs.SetStep(func(name string) error {
		if steps++; steps == last {
			_ = self.Kill()
			select {} // what comes next must not happen
		}
		return task.step(name)
	})
	if err := task.run(os.Getenv(killFolder)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(steps)
	os.Exit(0)
}

// A killable is what is done in a folder, and what becomes of each step.
type killable struct {
	run  func(dir string) error
	step func(name string) error
}

func anyStep(string) error { return nil }

var killTasks = map[string]killable{
	"same file system":  {takeAll, anyStep},
	"other file system": {takeAll, otherDevice},
	"promote":           {promoteAll, anyStep},
}

// killChild does a task in another process and returns the number of its steps, or
// false if it was killed.
func killChild(t *testing.T, task, dir string, step int) (steps int, alive bool) {
	t.Helper()
	program, err := os.Executable()
	must(t, err)
	cmd := exec.CommandContext(t.Context(), program)
	cmd.Env = append(os.Environ(), killTask+"="+task, killFolder+"="+dir, killStep+"="+strconv.Itoa(step))
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	var exit *exec.ExitError
	switch {
	case err == nil:
		steps, err := strconv.Atoi(strings.TrimSpace(string(out)))
		must(t, err)
		return steps, true
	case errors.As(err, &exit) && stderr.String() == "":
		return 0, false
	}
	t.Fatalf("step %d: %v\n%s", step, err, &stderr)
	return 0, false
}

// failing are the paths in a root that fail.
var failing = []string{"dist/a.tgz", "empty", "link"}

func takeAll(dir string) error { return take(dir, failing...) }

// take moves what is left of the paths in a root to the quarantine.
func take(dir string, paths ...string) error {
	q, err := artifactfs.OpenQuarantine(filepath.Join(dir, "quarantine"))
	if err != nil {
		return err
	}
	for _, path := range paths {
		_, err := q.Take(filepath.Join(dir, "root"), failed(path))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return q.Close()
}

// killWorld makes a root with files that fail and one that does not.
func killWorld(t *testing.T) (dir string) {
	dir = put(t, map[string]string{
		"root/dist/a.tgz": large("a"),
		"root/empty":      "",
		"root/ok":         "ok",
	})
	symlink(t, "dist/a.tgz", filepath.Join(dir, "root", "link"))
	return dir
}

func symlink(t testing.TB, target, name string) {
	t.Helper()
	if err := os.Symlink(target, name); err != nil {
		t.Skip("links cannot be made here: ", err)
	}
}

var killContents = map[string]int{large("a"): 1, "": 1, "ok": 1, "-> dist/a.tgz": 1}

// Killed at any step, each byte of each file exists exactly once, and the next run
// ends the work and leaves nothing behind (issue 8, acceptance 3).
func TestTakeKilled(t *testing.T) {
	for _, task := range []string{"same file system", "other file system"} {
		t.Run(task, func(t *testing.T) {
			dir := killWorld(t)
			steps, _ := killChild(t, task, dir, 0)
			if least := 5 * len(failing); steps < least {
				t.Fatalf("%d steps, want at least %d", steps, least)
			}
			checkTaken(t, dir)
			atEachStep(t, steps, func(t *testing.T, step int) {
				dir := killWorld(t)
				if _, alive := killChild(t, task, dir, step); alive {
					t.Fatal("the process lived on")
				}
				wantSame(t, exist(t, filepath.Join(dir, "root"), filepath.Join(dir, "quarantine")), killContents)
				must(t, takeAll(dir))
				checkTaken(t, dir)
			})
		})
	}
}

// atEachStep runs f for the steps from 1, several at once: syncing mostly waits.
func atEachStep(t *testing.T, steps int, f func(t *testing.T, step int)) {
	for step := 1; step <= steps; step++ {
		t.Run(fmt.Sprintf("step %d of %d", step, steps), func(t *testing.T) {
			t.Parallel()
			f(t, step)
		})
	}
}

// checkTaken checks that all that fails is in the quarantine.
func checkTaken(t *testing.T, dir string) {
	t.Helper()
	root, quarantine := filepath.Join(dir, "root"), filepath.Join(dir, "quarantine")
	wantSame(t, exist(t, root, quarantine), killContents)
	wantSame(t, files(t, root), map[string]string{"ok": "ok"})
	wantNothingOnTheWay(t, quarantine)
	if n := len(files(t, quarantine)); n != 2*len(failing) {
		t.Errorf("%d names are in the quarantine, want %d", n, 2*len(failing))
	}
}

// dead is thrown in place of a kill, which takes a process.
type dead struct{}

// dieAt does f and stops it before the step with the number. It tells whether f came
// to its end.
func dieAt(t *testing.T, n int, each func(string) error, f func() error) (done bool) {
	t.Helper()
	steps := 0
	artifactfs.AtStep(t, func(name string) error {
		if steps++; steps == n {
			panic(dead{})
		}
		return each(name)
	})
	defer func() {
		artifactfs.SetStep(anyStep)
		switch r := recover().(type) {
		case nil, dead:
		default:
			panic(r)
		}
	}()
	must(t, f())
	return true
}

// The recovery of what was interrupted can be interrupted too.
func TestRecoveryKilled(t *testing.T) {
	for name, each := range map[string]func(string) error{"same": anyStep, "other": otherDevice} {
		t.Run(name, func(t *testing.T) {
			for first := 1; ; first++ {
				for second := 1; ; second++ {
					dir := put(t, map[string]string{"root/a": "same", "root/b": "same"})
					root, quarantine := filepath.Join(dir, "root"), filepath.Join(dir, "quarantine")
					done := dieAt(t, first, each, func() error { return take(dir, "a", "b") })
					if done {
						return
					}
					done = dieAt(t, second, each, func() error { recovered(t, quarantine); return nil })
					want := map[string]int{"same": 2}
					wantSame(t, exist(t, root, quarantine), want)
					must(t, take(dir, "a", "b"))
					wantSame(t, exist(t, root, quarantine), want)
					wantSame(t, files(t, root), map[string]string{})
					wantNothingOnTheWay(t, quarantine)
					if t.Failed() {
						t.Fatalf("at step %d, and %d of the recovery", first, second)
					}
					if done {
						break
					}
				}
			}
		})
	}
}

// promoted is what killWorld's root promotes.
var promoted = []runspec.Artifact{
	artifactOf("dist/a.tgz", large("a")), artifactOf("empty", ""), artifactOf("ok", "ok"),
}

func promoteAll(dir string) error {
	changed, err := artifactfs.Promote(context.Background(), filepath.Join(dir, "root"), filepath.Join(dir, "out"), promoted, artifactfs.Options{Workers: 1})
	if err == nil && len(changed) > 0 {
		err = fmt.Errorf("%+v", changed)
	}
	return err
}

// Killed at any step, the folder is as it was or complete, and the next run does the
// work. Nothing is removed that somebody else may have made.
func TestPromoteKilled(t *testing.T) {
	world := func(t *testing.T, there bool) (dir string) {
		dir = killWorld(t)
		if there {
			must(t, os.Mkdir(filepath.Join(dir, "out"), 0o755))
		}
		// An earlier run left this.
		write(t, filepath.Join(dir, ".countersign-out-0123456789abcdef", "dist", "old"), "old")
		return dir
	}
	dir := world(t, false)
	steps, _ := killChild(t, "promote", dir, 0)
	if steps < 15 {
		t.Fatalf("%d steps", steps)
	}
	checkPromoted(t, dir)
	atEachStep(t, steps, func(t *testing.T, step int) {
		dir := world(t, step%2 == 0)
		if _, alive := killChild(t, "promote", dir, step); alive {
			t.Fatal("the process lived on")
		}
		wantSame(t, exist(t, filepath.Join(dir, "root"), filepath.Join(dir, "quarantine")), killContents)
		for name := range files(t, dir) {
			if top, _, _ := strings.Cut(name, "/"); top != "root" && top != "out" && !strings.HasPrefix(top, ".countersign-out-") {
				t.Errorf("%q is left", name)
			}
		}
		out, err := os.ReadDir(filepath.Join(dir, "out"))
		if err != nil || len(out) == 0 {
			must(t, promoteAll(dir))
		} else {
			wantPlace(t, promoteAll(dir), "is not empty")
		}
		checkPromoted(t, dir)
	})
}

// checkPromoted checks that the folder is complete, and what an earlier run left is there.
func checkPromoted(t *testing.T, dir string) {
	t.Helper()
	wantSame(t, files(t, filepath.Join(dir, "out")), map[string]string{"dist/a.tgz": large("a"), "empty": "", "ok": "ok"})
	wantSame(t, files(t, filepath.Join(dir, ".countersign-out-0123456789abcdef")), map[string]string{"dist/old": "old"})
}
