package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A workflowRun is what act (https://github.com/nektos/act) says of a run.
type workflowRun struct {
	exitCode int
	events   []actEvent
}

// An actEvent is a line of `act --json`.
type actEvent struct {
	JobID      string   `json:"jobID"`
	JobResult  string   `json:"jobResult"`
	Stage      string   `json:"stage"`
	Step       string   `json:"step"`
	StepID     []string `json:"stepID"`
	StepResult string   `json:"stepResult"`
	Command    string   `json:"command"` // of a workflow command, such as set-output
	Name       string   `json:"name"`
	Arg        string   `json:"arg"`
	Content    string   `json:"content"` // of a summary
	Message    string   `json:"msg"`
	Printed    bool     `json:"raw_output"` // whether the step itself printed the message
}

// output returns an output of the step with that id, and whether it was set.
func (r workflowRun) output(step, name string) (value string, ok bool) {
	for _, e := range r.events {
		if e.Command == "set-output" && e.Name == name && slices.Equal(e.StepID, []string{step}) {
			value, ok = e.Arg, true
		}
	}
	return value, ok
}

// result returns the result of a step by its name, or "" if it did not run.
func (r workflowRun) result(step string) string {
	return r.resultWhere(func(name string) bool { return name == step })
}

// ownResult returns the result of the step that uses the project's Action.
func (r workflowRun) ownResult() string {
	return r.resultWhere(func(name string) bool { return strings.HasPrefix(name, ownRepository+"@") })
}

// resultWhere returns the result of the last step with such a name.
func (r workflowRun) resultWhere(named func(string) bool) (result string) {
	for _, e := range r.events {
		if e.Stage == "Main" && named(e.Step) && len(e.StepID) == 1 && e.StepResult != "" {
			result = e.StepResult
		}
	}
	return result
}

// lost returns a step whose log was lost, or "". Every step that runs a program
// in the workflows here prints something.
func (r workflowRun) lost() string {
	printed := map[string]bool{}
	for _, e := range r.events {
		if e.Printed {
			// A step inside the Action counts for the step that uses it too.
			for i := range e.StepID {
				printed[strings.Join(e.StepID[:i+1], "/")] = true
			}
		}
	}
	for _, e := range r.events {
		id := strings.Join(e.StepID, "/")
		if e.Stage == "Main" && e.StepResult != "" && !printed[id] && !strings.HasPrefix(e.Step, "actions/checkout@") {
			return e.JobID + "/" + id
		}
	}
	return ""
}

// log returns what the steps printed.
func (r workflowRun) log() string {
	var b strings.Builder
	for _, e := range r.events {
		b.WriteString(strings.TrimRight(e.Message, "\n") + "\n")
	}
	return b.String()
}

// summary returns the summaries of all steps.
func (r workflowRun) summary() string {
	var b strings.Builder
	for _, e := range r.events {
		if e.Command == "summary" && len(e.StepID) == 1 {
			b.WriteString(e.Content)
		}
	}
	return b.String()
}

// A runnerHost is a folder for act's caches and the tools that it runs with.
type runnerHost struct {
	act, cache, config, goCache string
	own                         []string // arguments: this project is its own Action
}

// tool returns the path of a program that scripts/test installs. Where that
// script runs the tests the program has to be there.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err == nil {
		return path
	}
	if os.Getenv("COUNTERSIGN_TEST_TOOLS") != "" {
		t.Fatalf("%s is not on PATH", name)
	}
	t.Skipf("%s is not on PATH; scripts/test installs it", name)
	return ""
}

func newRunnerHost(t *testing.T) runnerHost {
	t.Helper()
	h := runnerHost{act: tool(t, "act"), cache: t.TempDir(), config: t.TempDir()}
	if err := os.MkdirAll(filepath.Join(h.config, "act"), 0o755); err != nil {
		t.Fatal(err)
	}
	// Without its own settings act would ask for some.
	if err := os.WriteFile(filepath.Join(h.config, "act", "actrc"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	h.goCache = strings.TrimSpace(command(t, ".", "go", "env", "GOCACHE"))
	own := ownFiles(t)
	for _, ref := range ownRefs(t) {
		h.own = append(h.own, "--local-repository", ownRepository+"@"+ref+"="+own)
	}
	return h
}

// ownFiles copies what the Action and the reusable workflows consist of. act copies the
// folder of an action for each step that uses it, history and all.
func ownFiles(t *testing.T) (folder string) {
	t.Helper()
	root, folder := projectRoot(t), t.TempDir()
	for _, name := range []string{"action.yml", "go.mod", "go.sum", "cmd", "internal", "scripts", ".github/workflows"} {
		err := filepath.WalkDir(filepath.Join(root, name), func(path string, d fs.DirEntry, err error) error {
			to := folder + strings.TrimPrefix(path, root)
			switch {
			case err != nil:
				return err
			case d.Name() == "testdata":
				return fs.SkipDir
			case d.IsDir():
				return os.MkdirAll(to, 0o755)
			case strings.HasSuffix(path, "_test.go"):
				return nil
			case d.Name() == "checksums.txt":
				// What is tested are these sources, in the commit of a release too.
				return os.WriteFile(to, nil, 0o644)
			}
			info, err := d.Info()
			if err != nil {
				return err
			}
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
				return err
			}
			return os.WriteFile(to, text, info.Mode())
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

// ownRepository is where the project's Action and reusable workflows are.
const ownRepository = "countersign-ci/countersign"

var ownRef = regexp.MustCompile(regexp.QuoteMeta(ownRepository) + `(?:/[\w./-]+)?@([\w./-]+)`)

// ownRefs returns the refs at which the project's workflows and Markdown files name
// its Action and its reusable workflows: whatever they name is what is checked out.
func ownRefs(t *testing.T) []string {
	t.Helper()
	refs := []string{"v1"}
	err := filepath.WalkDir(projectRoot(t), func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && d.Name() == ".git":
			return fs.SkipDir
		case d.IsDir() || !slices.Contains([]string{".md", ".yml"}, filepath.Ext(path)):
			return nil
		}
		text, err := os.ReadFile(path)
		for _, m := range ownRef.FindAllStringSubmatch(string(text), -1) {
			refs = append(refs, m[1])
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(refs)
	return slices.Compact(refs)
}

// runLogged is run for a test that reads the log. Under load act can lose what a
// step that ends at once has printed; then the workflow runs again.
func (h runnerHost) runLogged(t *testing.T, repository, event string, args ...string) workflowRun {
	t.Helper()
	const attempts = 5
	lost := ""
	for range attempts {
		r := h.run(t, repository, event, args...)
		if lost = r.lost(); lost == "" {
			return r
		}
	}
	t.Fatalf("act lost the log of the step %s, %d times", lost, attempts)
	return workflowRun{}
}

// run runs the workflows of a repository for an event, on this machine.
func (h runnerHost) run(t *testing.T, repository, event string, args ...string) workflowRun {
	t.Helper()
	args = append([]string{
		event, "-P", "ubuntu-latest=-self-hosted", "--no-cache-server", "--json",
		"--env", "GOCACHE=" + h.goCache, "--env", "GITHUB_REPOSITORY=acme/widgets",
	}, append(slices.Clone(h.own), args...)...)
	c := exec.Command(h.act, args...)
	c.Dir = repository
	c.Env = append(ownEnvironment(), "XDG_CACHE_HOME="+h.cache, "XDG_CONFIG_HOME="+h.config)
	output, err := c.CombinedOutput()
	r := workflowRun{}
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		r.exitCode = exit.ExitCode()
	} else if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(bytes.NewReader(output))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var e actEvent
		if json.Unmarshal(lines.Bytes(), &e) == nil {
			r.events = append(r.events, e)
		}
	}
	if len(r.events) == 0 {
		t.Fatalf("act said nothing that is JSON: %s", output)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("act %s ended with %d:\n%s", strings.Join(args, " "), r.exitCode, r.log())
		}
	})
	return r
}

// projectRoot returns the root of this project.
func projectRoot(t *testing.T) string {
	t.Helper()
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// repositoryWith makes a git repository with one workflow in it, a file of this
// project or an absolute path, and returns its folder and its commit.
func repositoryWith(t *testing.T, workflow string) (folder, sha string) {
	t.Helper()
	if !filepath.IsAbs(workflow) {
		workflow = filepath.Join(projectRoot(t), workflow)
	}
	text, err := os.ReadFile(workflow)
	if err != nil {
		t.Fatal(err)
	}
	folder = t.TempDir()
	workflows := filepath.Join(folder, ".github", "workflows")
	if err := os.MkdirAll(workflows, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(workflows, filepath.Base(workflow)), text, 0o644); err != nil {
		t.Fatal(err)
	}
	command(t, folder, "git", "init", "-q", "-b", "main")
	command(t, folder, "git", "add", ".")
	command(t, folder, "git", "-c", "user.name=test", "-c", "user.email=test@example.com", "commit", "-q", "-m", "a workflow")
	return folder, strings.TrimSpace(command(t, folder, "git", "rev-parse", "HEAD"))
}

// eventFile writes the payload of an event and returns its path.
func eventFile(t *testing.T, payload map[string]any) string {
	t.Helper()
	text, err := json.Marshal(payload)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "event.json")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// ownEnvironment returns the environment without what a workflow or a git hook
// that runs these tests has set: a run and a repository of theirs, not of ours.
func ownEnvironment() []string {
	env := slices.DeleteFunc(os.Environ(), func(s string) bool {
		return strings.HasPrefix(s, "GITHUB_") || strings.HasPrefix(s, "GIT_") && !strings.HasPrefix(s, "GIT_SSL_")
	})
	return append(env, "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_NOSYSTEM=1")
}

// command runs a program and returns its standard output.
func command(t *testing.T, folder, name string, args ...string) string {
	t.Helper()
	c := exec.Command(name, args...)
	c.Dir, c.Env = folder, ownEnvironment()
	var stderr bytes.Buffer
	c.Stderr = &stderr
	output, err := c.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, stderr.String())
	}
	return string(output)
}

// buildProgram builds countersign and returns its path.
func buildProgram(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "countersign")
	command(t, ".", "go", "build", "-o", program, ".")
	return program
}
