package main

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/countersign-ci/countersign/internal/cli"
	"github.com/countersign-ci/countersign/internal/config"
	"github.com/countersign-ci/countersign/internal/githubtest"
	"github.com/countersign-ci/countersign/internal/runspec"
)

// TestDocumentShell runs the shell examples of each document, one after the other
// in a repository. What they download comes from a release that is here.
func TestDocumentShell(t *testing.T) {
	program := buildProgram(t)
	release := releaseOf(t, program)
	ran := 0
	for _, d := range documents(t) {
		t.Run(filepath.Base(d.name), func(t *testing.T) {
			folder, _ := repositoryWith(t, "testdata/workflows/deploy.yml")
			server := githubtest.New(t)
			own := server.Repo(ownRepository)
			own.Tag("v1", own.Head("main"))
			docker := server.Repo("buildkite-plugins/docker-buildkite-plugin")
			commit := docker.Head("main")
			docker.Tag("v3.2.0", commit)
			addFile(t, folder, ".buildkite/pipeline.yml", "steps:\n- plugins: [docker#v3.2.0]\n")
			home := t.TempDir()
			for _, b := range d.blocks {
				if b.language != "sh" {
					continue
				}
				ran++
				c := exec.Command("bash", "-euc", strings.ReplaceAll(b.text, "https://github.com/countersign-ci/countersign/releases/download/v"+cli.Version, release))
				c.Dir = folder
				c.Env = []string{
					"PATH=" + filepath.Dir(program) + string(os.PathListSeparator) + os.Getenv("PATH"),
					"HOME=" + home, "RUNNER_TOOL_CACHE=" + filepath.Join(home, "tools"),
					"GITHUB_API_URL=" + server.URL(), "GITHUB_GRAPHQL_URL=" + server.GraphQLURL(), "GITHUB_TOKEN=api-token",
				}
				if output, err := c.CombinedOutput(); err != nil {
					t.Fatalf("%v\n%s\n%s", err, b.text, output)
				}
			}
			switch made := func(pattern string) string {
				names, _ := filepath.Glob(pattern)
				if len(names) != 1 {
					t.Fatalf("the examples made %q, want one %s", names, pattern)
				}
				text, err := os.ReadFile(names[0])
				if err != nil {
					t.Fatal(err)
				}
				return string(text)
			}; filepath.Base(d.name) {
			case "README.md":
				if text := made(filepath.Join(folder, "run.jwt")); !strings.HasPrefix(text, "eyJ") {
					t.Errorf("the examples signed %q", text)
				}
			case "pins.md":
				if text, want := made(filepath.Join(folder, "lowered.yml")), "steps:\n- plugins: [docker#"+commit+"] # v3.2.0\n"; text != want {
					t.Errorf("the examples lowered to %q, want %q", text, want)
				}
			case "installing.md":
				kept := made(filepath.Join(home, "tools", "countersign", cli.Version+"-*", "countersign"))
				if kept == "" || kept != made(filepath.Join(home, ".local", "bin", "countersign")) {
					t.Error("the examples put other files in place than the release has")
				}
			}
		})
	}
	if ran == 0 {
		t.Error("no example was run")
	}
}

// releaseOf serves a program as the binary of a release, with its sum, and returns
// the URL.
func releaseOf(t *testing.T, program string) string {
	t.Helper()
	binary, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	asset := "countersign_" + cli.Version + "_linux_amd64"
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/" + asset:
			_, _ = w.Write(binary)
		case "/checksums.txt":
			fmt.Fprintf(w, "# sums\n%x  %s\n", sha256.Sum256(binary), asset)
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// TestDocumentLint has bash read the commands that cannot be run here, and looks for
// the flags of those that are ours. The images have a test of their own beside it.
func TestDocumentLint(t *testing.T) {
	for _, text := range blocksIn(t, "shell") {
		if output, err := exec.Command("bash", "-nc", text).CombinedOutput(); err != nil {
			t.Errorf("%v: %s\n%s", err, output, text)
		}
		for line := range strings.Lines(strings.ReplaceAll(text, "\\\n", " ")) {
			name, arguments, _ := strings.Cut(strings.TrimPrefix(line, "countersign "), " ")
			if !strings.HasPrefix(line, "countersign ") {
				continue
			}
			help := helpOf(t, name)
			for _, flag := range flagForm.FindAllString(arguments, -1) {
				if !strings.Contains(help, " "+flag+" ") && !strings.Contains(help, " "+flag+"\n") {
					t.Errorf("countersign %s has no %s", name, flag)
				}
			}
		}
	}
}

// TestDocumentCommands checks that the commands of a console are there to be run.
func TestDocumentCommands(t *testing.T) {
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

// TestDocumentConfig reads the files that the documents show.
func TestDocumentConfig(t *testing.T) {
	read := map[string]int{}
	for _, text := range blocksIn(t, "yml") {
		kind, _, _ := strings.Cut(strings.TrimPrefix(text, "version: 1\n"), ":")
		read[kind]++
		switch kind {
		case "files":
			c, err := config.Parse("x.yml", []byte(text))
			if err != nil {
				t.Fatal(err)
			}
			if len(c.Updates) != 1 || len(c.Exceptions) != 1 || len(c.Files) != 2 {
				t.Errorf("the config is %+v", c)
			}
		case "stacks":
			stacks, err := config.ParseStacks("x.yml", []byte(text))
			if touched := stacks.Touched([]string{"modules/vpc/main.tf"}); err != nil || !slices.Equal(touched, []string{"network"}) {
				t.Errorf("the stacks are %+v %v", stacks, err)
			}
		case "keys":
			h, err := config.ParseHook("x.yml", []byte(text))
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
		case "apiVersion", "spec": // for TestImageExampleKubernetes and TestImageExampleGitLab
		default:
			t.Errorf("it is not known what begins with %q", kind)
		}
	}
	if diff := cmp.Diff(map[string]int{"apiVersion": 1, "files": 1, "keys": 1, "spec": 1, "stacks": 1, "template": 1}, read); diff != "" {
		t.Errorf("the files (-want +got):\n%s", diff)
	}
}

// TestDocumentSpec reads the spec that the pages show.
func TestDocumentSpec(t *testing.T) {
	for _, text := range blocksIn(t, "json") {
		spec, err := runspec.ParseText(text)
		if err != nil || spec.Repository != "acme/widgets" {
			t.Errorf("%v:\n%s", err, text)
		}
	}
}

// TestDocumentPicture looks whether the picture's arrows lead from and to what it
// declares.
func TestDocumentPicture(t *testing.T) {
	for _, text := range blocksIn(t, "mermaid") {
		declared := map[string]bool{}
		for _, m := range regexp.MustCompile(`(?m)^ +participant (\w+)`).FindAllStringSubmatch(text, -1) {
			declared[m[1]] = true
		}
		arrows := regexp.MustCompile(`(?m)^ +(\w+)-+>>(\w+): `).FindAllStringSubmatch(text, -1)
		if !strings.HasPrefix(text, "sequenceDiagram\n") || len(arrows) == 0 {
			t.Errorf("no diagram:\n%s", text)
		}
		for _, m := range arrows {
			if !declared[m[1]] || !declared[m[2]] {
				t.Errorf("%s is between what is not declared", m[0])
			}
		}
	}
}

// TestDocumentText knows the texts that are no code: help, which is compared by
// another test, and a setting of the runner that names a script of this project.
func TestDocumentText(t *testing.T) {
	for _, text := range blocksIn(t, "text") {
		if strings.Contains(text, "Usage:\n  countersign ") {
			continue
		}
		setting, script, _ := strings.Cut(strings.TrimSpace(text), "=")
		if _, err := os.Stat(filepath.Join(projectRoot(t), "scripts", filepath.Base(script))); setting != "ACTIONS_RUNNER_HOOK_JOB_STARTED" || err != nil {
			t.Errorf("it is not known what this is (%v):\n%s", err, text)
		}
	}
}
