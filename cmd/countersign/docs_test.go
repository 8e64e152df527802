package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/countersign-ci/countersign/internal/config"
	"github.com/countersign-ci/countersign/internal/githubtest"
	"github.com/countersign-ci/countersign/internal/report"
)

// A codeBlock is a fenced block of a Markdown file.
type codeBlock struct {
	language, text string
}

// readREADME returns the README and its code blocks.
func readREADME(t *testing.T) (text string, blocks []codeBlock) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(projectRoot(t), "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile("(?ms)^```([a-z]+)\n(.*?)^```$").FindAllStringSubmatch(string(raw), -1) {
		blocks = append(blocks, codeBlock{m[1], m[2]})
	}
	return string(raw), blocks
}

// blocksIn returns the blocks of a language, of which there has to be one.
func blocksIn(t *testing.T, language string) (texts []string) {
	t.Helper()
	_, blocks := readREADME(t)
	for _, b := range blocks {
		if b.language == language {
			texts = append(texts, b.text)
		}
	}
	if len(texts) == 0 {
		t.Fatalf("the README has no %s", language)
	}
	return texts
}

// TestREADMEShell runs the shell examples, one after the other in a repository.
func TestREADMEShell(t *testing.T) {
	folder, _ := repositoryWith(t, "testdata/workflows/deploy.yml")
	server := githubtest.New(t)
	own := server.Repo("countersign-ci/countersign")
	own.Tag("v1", own.Head("main"))
	docker := server.Repo("buildkite-plugins/docker-buildkite-plugin")
	commit := docker.Head("main")
	docker.Tag("v3.2.0", commit)
	addFile(t, folder, ".buildkite/pipeline.yml", "steps:\n- plugins: [docker#v3.2.0]\n")

	program := buildProgram(t)
	for _, text := range blocksIn(t, "sh") {
		c := exec.Command("bash", "-euc", text)
		c.Dir = folder
		c.Env = []string{
			"PATH=" + filepath.Dir(program) + string(os.PathListSeparator) + os.Getenv("PATH"),
			"GITHUB_API_URL=" + server.URL(), "GITHUB_GRAPHQL_URL=" + server.GraphQLURL(), "GITHUB_TOKEN=api-token",
		}
		if output, err := c.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s\n%s", err, text, output)
		}
	}
	lowered, err := os.ReadFile(filepath.Join(folder, "lowered.yml"))
	if want := "steps:\n- plugins: [docker#" + commit + "] # v3.2.0\n"; err != nil || string(lowered) != want {
		t.Errorf("the examples lowered to %q %v, want %q", lowered, err, want)
	}
	token, err := os.ReadFile(filepath.Join(folder, "run.jwt"))
	if err != nil || strings.Count(string(token), ".") != 2 {
		t.Errorf("the examples did not sign a token: %q %v", token, err)
	}
}

// TestREADMECommands checks that the commands of a console are there to be run.
func TestREADMECommands(t *testing.T) {
	for _, text := range blocksIn(t, "console") {
		for line := range strings.Lines(text) {
			name, ok := strings.CutPrefix(strings.TrimSpace(line), "$ ")
			if !ok {
				t.Fatalf("no command: %q", line)
			}
			info, err := os.Stat(filepath.Join(projectRoot(t), name))
			if err != nil || info.Mode()&0o111 == 0 {
				t.Errorf("%s cannot be run: %v", name, err)
			}
		}
	}
}

// readmeWorkflow writes the workflow of that name to a file, after it was linted.
func readmeWorkflow(t *testing.T, name string) (file string) {
	t.Helper()
	actionlint := tool(t, "actionlint")
	for _, text := range blocksIn(t, "yaml") {
		if !strings.HasPrefix(text, "name: "+name+"\n") {
			continue
		}
		file := filepath.Join(t.TempDir(), name+".yml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		command(t, ".", actionlint, "-shellcheck=", "-pyflakes=", file)
		return file
	}
	t.Fatalf("the README has no workflow %s", name)
	return ""
}

// TestREADMEWorkflows knows all workflows of the README: each is run by a test,
// `start`, `keyless`, `artifacts` and `release` by those of the Action.
func TestREADMEWorkflows(t *testing.T) {
	var names []string
	for _, text := range blocksIn(t, "yaml") {
		name, _, _ := strings.Cut(strings.TrimPrefix(text, "name: "), "\n")
		names = append(names, name)
	}
	if diff := cmp.Diff([]string{"deploy", "start", "keyless", "artifacts", "pins", "release"}, names); diff != "" {
		t.Errorf("workflows (-want +got):\n%s", diff)
	}
}

// TestREADMEDeploy runs the workflow to copy: with a token it runs the signed
// command, and without one nothing.
func TestREADMEDeploy(t *testing.T) {
	host := newRunnerHost(t)
	private, public := newKeys(t)
	repository, sha := repositoryWith(t, readmeWorkflow(t, "deploy"))
	token := countersign(t, map[string]string{"COUNTERSIGN_KEY": private}, "sign",
		"--issuer", "https://github.com/acme/orchestrator", "--repository", "acme/widgets", "--sha", sha,
		"--actor", "octocat", "--inputs", `{"reason":"weekly"}`, "--command", "echo deploying now")
	args := []string{"--actor", "octocat", "--input", "reason=weekly", "--var", "COUNTERSIGN_PUBLIC_KEY=" + public}
	r := host.runLogged(t, repository, "workflow_dispatch", append(args, "--input", "token="+token)...)
	if r.exitCode != 0 || !strings.Contains(r.log(), "\ndeploying now\n") {
		t.Errorf("with a token the workflow ended with %d", r.exitCode)
	}
	r = host.runLogged(t, repository, "workflow_dispatch", args...)
	if r.exitCode != 1 || !strings.Contains(r.log(), "missing-token") || strings.Contains(r.log(), "Main actions/checkout") {
		t.Errorf("without a token the workflow ended with %d, want 1", r.exitCode)
	}
}

// TestREADMEPins runs the check of pins. It refuses its own workflow, whose
// Countersign is a tag, until it is pinned.
func TestREADMEPins(t *testing.T) {
	host := newRunnerHost(t)
	server := githubtest.New(t)
	own := server.Repo("countersign-ci/countersign")
	commit := own.Head("main")
	own.Tag("v1", commit)
	checkout := server.Repo("actions/checkout")
	checkout.Tag("v4.2.2", checkout.Head("main"))
	repository, _ := repositoryWith(t, readmeWorkflow(t, "pins"))
	r := host.runLogged(t, repository, "pull_request", against(server)...)
	if r.exitCode != 1 || !strings.Contains(r.log(), "countersign-ci/countersign@v1: v1 is a tag") || !strings.Contains(r.log(), "digest-mismatch") {
		t.Errorf("the workflow ended with %d, want 1 for a tag and for what is no commit of the tag", r.exitCode)
	}
}

// TestREADMEConfig reads the files that the README shows.
func TestREADMEConfig(t *testing.T) {
	read := map[string]int{}
	for _, text := range blocksIn(t, "yml") {
		kind, _, _ := strings.Cut(strings.TrimPrefix(text, "version: 1\n"), ":")
		read[kind]++
		switch kind {
		case "files":
			c, err := config.Parse("README.md", []byte(text))
			if err != nil {
				t.Fatal(err)
			}
			if len(c.Updates) != 1 || len(c.Exceptions) != 1 || len(c.Files) != 2 {
				t.Errorf("the config is %+v", c)
			}
		case "stacks":
			stacks, err := config.ParseStacks("README.md", []byte(text))
			if touched := stacks.Touched([]string{"modules/vpc/main.tf"}); err != nil || !slices.Equal(touched, []string{"network"}) {
				t.Errorf("the stacks are %+v %v", stacks, err)
			}
		case "keys":
			h, err := config.ParseHook("README.md", []byte(text))
			if err != nil {
				t.Fatal(err)
			}
			if len(h.Rules) != 2 || len(h.Keys) != 1 || len(h.Keyless) != 1 || !h.EndWorker {
				t.Errorf("the worker's config is %+v", h)
			}
		case "template":
			var values map[string]any
			if err := yaml.Unmarshal([]byte(text), &values); err != nil {
				t.Fatal(err)
			}
			for _, path := range []string{"/etc/countersign/job-started.sh", "/etc/countersign/hook.yml"} {
				if !strings.Contains(text, path) {
					t.Errorf("the values do not mount %s", path)
				}
			}
		default:
			t.Errorf("it is not known what begins with %q", kind)
		}
	}
	if diff := cmp.Diff(map[string]int{"files": 1, "keys": 1, "stacks": 1, "template": 1}, read); diff != "" {
		t.Errorf("the files (-want +got):\n%s", diff)
	}
}

// TestREADMETables compares the tables of inputs, outputs and rules with what
// they are about.
func TestREADMETables(t *testing.T) {
	text, _ := readREADME(t)
	root := projectRoot(t)
	raw, err := os.ReadFile(filepath.Join(root, "action.yml"))
	if err != nil {
		t.Fatal(err)
	}
	var action struct{ Inputs, Outputs yaml.Node }
	if err := yaml.Unmarshal(raw, &action); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"inputs":  describe(t, "input", action.Inputs),
		"outputs": describe(t, "output", action.Outputs),
		"rules":   explain(),
	} {
		_, rest, _ := strings.Cut(text, "<!-- "+name+" -->\n")
		got, _, _ := strings.Cut(rest, "<!-- /"+name+" -->\n")
		if got != want {
			t.Errorf("the README's table of %s should be:\n%s", name, want)
		}
	}
}

// describe returns a table of names and descriptions in the order of the file.
func describe(t *testing.T, what string, mapping yaml.Node) string {
	t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "\n| %s | |\n| --- | --- |\n", what)
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		var entry struct{ Description string }
		if err := mapping.Content[i+1].Decode(&entry); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "| `%s` | %s |\n", mapping.Content[i].Value, entry.Description)
	}
	return b.String() + "\n"
}

// explain returns a table of all rules.
func explain() string {
	var rows [][]string
	for _, r := range report.Rules {
		rows = append(rows, []string{"`" + r.ID + "`", r.Means, r.Hint})
	}
	return "\n" + report.Table([]string{"rule", "what it means", "what to do"}, rows) + "\n"
}

// TestREADMELinks checks that every link inside the project leads to a file.
func TestREADMELinks(t *testing.T) {
	root := projectRoot(t)
	links := 0
	for _, name := range []string{"README.md", "CHANGELOG.md", ".github/SECURITY.md", ".github/CONTRIBUTING.md"} {
		text, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`\]\(([^)#]+)\)`).FindAllStringSubmatch(string(text), -1) {
			if strings.HasPrefix(m[1], "https://") {
				continue
			}
			links++
			if _, err := os.Stat(filepath.Join(root, filepath.Dir(name), m[1])); err != nil {
				t.Errorf("%s links to %s: %v", name, m[1], err)
			}
		}
	}
	if links == 0 {
		t.Error("no links were found")
	}
}
