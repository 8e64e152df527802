package tree_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/countersign-ci/countersign/internal/tree"
)

// The test's own program is run again with these set: it replaces the files in
// the folder and ends itself at the step with the number, from 1; with 0 it prints
// how many steps there are.
const (
	killFolder = "COUNTERSIGN_TEST_KILL_FOLDER"
	killStep   = "COUNTERSIGN_TEST_KILL_STEP"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(killFolder); dir != "" {
		if err := replaceAndDie(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func replaceAndDie(dir string) error {
	last, err := strconv.Atoi(os.Getenv(killStep))
	if err != nil {
		return err
	}
	self, err := os.FindProcess(os.Getpid())
	if err != nil {
		return err
	}
	tr, err := tree.Open(context.Background(), dir)
	if err != nil {
		return err
	}
	steps := 0
	tr.SetStep(func(string) {
		if steps++; steps == last {
			_ = self.Kill()
			select {} // what comes next must not happen
		}
	})
	if err := tr.Replace(killChanges); err != nil {
		return err
	}
	fmt.Println(steps)
	return nil
}

var killChanges = []tree.Change{
	change("z.yml", "old z\r\n", "new z\r\n"),
	change("README.md", "old readme", text(200_000)), // a link
	change("same.yml", "same", "same"),
	change(".github/workflows/a.yml", text(200_000), "new a"),
	change("sub/a b.yml", "old b\n", ""),
}

// realName is where the change of that name takes place.
func realName(name string) string {
	if name == "README.md" {
		return "docs/readme"
	}
	return name
}

// child runs the replacement in another process and returns what it prints, or
// false if it was killed.
func child(t *testing.T, dir string, step int) (string, bool) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), killFolder+"="+dir, killStep+"="+strconv.Itoa(step))
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return strings.TrimSpace(string(out)), true
	case errors.As(err, &exit) && stderr.String() == "":
		return "", false
	}
	t.Fatalf("step %d: %v\n%s", step, err, &stderr)
	return "", false
}

// Killed at any step, each file is all old or all new, and the next run finishes
// the work and leaves nothing behind (issue 3, acceptance 5).
func TestKilled(t *testing.T) {
	fresh := func(t *testing.T, leftOvers bool) string {
		dir := t.TempDir()
		for _, c := range killChanges {
			name := realName(c.Name)
			write(t, dir, files{name: string(c.Old)})
			if leftOvers {
				write(t, dir, files{filepath.Join(filepath.Dir(name), "."+filepath.Base(name)+".countersign"): "left"})
			}
		}
		link(t, "docs/readme", filepath.Join(dir, "README.md"))
		return dir
	}
	done := files{}
	for _, c := range killChanges {
		done[realName(c.Name)] = string(c.New)
	}
	for _, leftOvers := range []bool{false, true} {
		t.Run(fmt.Sprintf("left-overs %t", leftOvers), func(t *testing.T) {
			dir := fresh(t, leftOvers)
			out, _ := child(t, dir, 0)
			steps, err := strconv.Atoi(out)
			if least := 3 * len(killChanges); err != nil || steps < least {
				t.Fatalf("%q steps, want at least %d", out, least)
			}
			wantContents(t, dir, done)
			for step := 1; step <= steps; step++ {
				dir := fresh(t, leftOvers)
				if _, alive := child(t, dir, step); alive {
					t.Fatalf("step %d of %d: the process lived on", step, steps)
				}
				checkKilled(t, dir, step, done)
			}
		})
	}
}

// checkKilled checks what a killed run left, and finishes its work.
func checkKilled(t *testing.T, dir string, step int, done files) {
	t.Helper()
	left := contents(t, dir)
	var rest []tree.Change
	waiting := "" // a change that was not made
	for _, c := range killChanges {
		switch now := left[realName(c.Name)]; {
		case string(c.Old) == string(c.New) && now == string(c.Old):
			rest = append(rest, c)
		case now == string(c.Old):
			rest = append(rest, c)
			waiting = c.Name
		case now != string(c.New):
			t.Errorf("step %d: %q is neither old nor new: %d bytes", step, c.Name, len(now))
		case waiting != "":
			t.Errorf("step %d: %q is new and %q is not", step, c.Name, waiting)
		}
	}
	if err := open(t, dir).Replace(rest); err != nil {
		t.Errorf("step %d, the next run: %v", step, err)
	}
	wantContents(t, dir, done)
}
