package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path"
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
	"github.com/countersign-ci/countersign/internal/runspec"
)

var update = flag.Bool("update", false, "write the tables of the documents anew")

// A document is a text for users.
type document struct {
	name   string // its path from the root of the project
	text   string
	blocks []codeBlock
}

// A codeBlock is a fenced block of a Markdown file.
type codeBlock struct {
	language, text string
}

var fence = regexp.MustCompile("(?ms)^```([a-z]*)\n(.*?)^```$")

// documents returns the README and the pages beside it.
func documents(t *testing.T) (all []document) {
	t.Helper()
	root := projectRoot(t)
	names, err := filepath.Glob(filepath.Join(root, ".github", "docs", "*.md"))
	if err != nil || len(names) == 0 {
		t.Fatalf("there are no pages: %v", err)
	}
	for _, name := range append([]string{filepath.Join(root, "README.md")}, names...) {
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		name, err = filepath.Rel(root, name)
		if err != nil {
			t.Fatal(err)
		}
		d := document{name: filepath.ToSlash(name), text: string(raw)}
		for _, m := range fence.FindAllStringSubmatch(d.text, -1) {
			d.blocks = append(d.blocks, codeBlock{m[1], m[2]})
		}
		all = append(all, d)
	}
	return all
}

// blocksIn returns the blocks of a language in all documents, of which there has
// to be one.
func blocksIn(t *testing.T, language string) (texts []string) {
	t.Helper()
	for _, d := range documents(t) {
		for _, b := range d.blocks {
			if b.language == language {
				texts = append(texts, b.text)
			}
		}
	}
	if len(texts) == 0 {
		t.Fatalf("no document has any %s", language)
	}
	return texts
}

// section returns what stands between the two markers of a name, and of which
// document.
func section(t *testing.T, name string) (in document, text string) {
	t.Helper()
	for _, d := range documents(t) {
		_, rest, begins := strings.Cut(d.text, "<!-- "+name+" -->\n")
		text, _, ends := strings.Cut(rest, "<!-- /"+name+" -->\n")
		if begins && ends {
			return d, text
		}
	}
	t.Fatalf("no document has <!-- %s --> and <!-- /%[1]s -->", name)
	return document{}, ""
}

// wantSection compares what stands between the two markers of a name; with
// -update it writes it.
func wantSection(t *testing.T, name, want string) {
	t.Helper()
	d, got := section(t, name)
	if got == want {
		return
	}
	if !*update {
		t.Errorf("%s is not up to date, which go test -update ./cmd/countersign brings it; %s (-want +got):\n%s", d.name, name, cmp.Diff(want, got))
		return
	}
	text := strings.Replace(d.text, "<!-- "+name+" -->\n"+got, "<!-- "+name+" -->\n"+want, 1)
	if err := os.WriteFile(filepath.Join(projectRoot(t), filepath.FromSlash(d.name)), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestDocumentLanguages knows what is done with each kind of block, so that none
// stands there unchecked.
func TestDocumentLanguages(t *testing.T) {
	checked := map[string]string{
		"console":    "TestDocumentCommands",
		"sh":         "TestDocumentShell",
		"yaml":       "TestDocumentWorkflows",
		"yml":        "TestDocumentConfig",
		"json":       "TestDocumentSpec",
		"shell":      "TestImageExampleBuild",
		"dockerfile": "TestImageExampleBuild",
		"mermaid":    "TestDocumentPicture",
		"text":       "TestDocumentText, TestDocumentTables",
	}
	for _, d := range documents(t) {
		if n := strings.Count("\n"+d.text, "\n```"); n != 2*len(d.blocks) {
			t.Errorf("%s has %d fences and %d blocks", d.name, n, len(d.blocks))
		}
		for _, b := range d.blocks {
			if checked[b.language] == "" {
				t.Errorf("%s has a block of %q, which no test looks at:\n%s", d.name, b.language, b.text)
			}
		}
	}
}

// TestDocumentShell runs the shell examples of each document, one after the other
// in a repository.
func TestDocumentShell(t *testing.T) {
	program := buildProgram(t)
	ran := 0
	for _, d := range documents(t) {
		t.Run(filepath.Base(d.name), func(t *testing.T) {
			folder, _ := repositoryWith(t, "testdata/workflows/deploy.yml")
			server := githubtest.New(t)
			own := server.Repo("countersign-ci/countersign")
			own.Tag("v1", own.Head("main"))
			docker := server.Repo("buildkite-plugins/docker-buildkite-plugin")
			commit := docker.Head("main")
			docker.Tag("v3.2.0", commit)
			addFile(t, folder, ".buildkite/pipeline.yml", "steps:\n- plugins: [docker#v3.2.0]\n")
			for _, b := range d.blocks {
				if b.language != "sh" {
					continue
				}
				ran++
				c := exec.Command("bash", "-euc", b.text)
				c.Dir = folder
				c.Env = []string{
					"PATH=" + filepath.Dir(program) + string(os.PathListSeparator) + os.Getenv("PATH"), "HOME=" + t.TempDir(),
					"GITHUB_API_URL=" + server.URL(), "GITHUB_GRAPHQL_URL=" + server.GraphQLURL(), "GITHUB_TOKEN=api-token",
				}
				if output, err := c.CombinedOutput(); err != nil {
					t.Fatalf("%v\n%s\n%s", err, b.text, output)
				}
			}
			made := map[string]string{
				"pins.md":   "lowered.yml steps:\n- plugins: [docker#" + commit + "] # v3.2.0\n",
				"README.md": "run.jwt eyJ",
			}
			if file, start, ok := strings.Cut(made[filepath.Base(d.name)], " "); ok {
				text, err := os.ReadFile(filepath.Join(folder, file))
				if err != nil || !strings.HasPrefix(string(text), start) {
					t.Errorf("the examples made %q %v, want %q", text, err, start)
				}
			}
		})
	}
	if ran == 0 {
		t.Error("no example was run")
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

// TestDocumentTables compares the tables of inputs, outputs and rules, and the help
// of each command, with what they are about.
func TestDocumentTables(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join(projectRoot(t), "action.yml"))
	if err != nil {
		t.Fatal(err)
	}
	var action struct{ Inputs, Outputs yaml.Node }
	if err := yaml.Unmarshal(raw, &action); err != nil {
		t.Fatal(err)
	}
	wantSection(t, "inputs", describe(t, "input", action.Inputs))
	wantSection(t, "outputs", describe(t, "output", action.Outputs))
	wantSection(t, "rules", explain())
	var help strings.Builder
	for _, name := range commandNames(t) {
		fmt.Fprintf(&help, "\n### countersign %s\n\n```text\n%s```\n", name, helpOf(t, name))
	}
	wantSection(t, "help", help.String()+"\n")
}

// helpOf returns what --help says of a command.
func helpOf(t *testing.T, command string) string {
	t.Helper()
	code, stdout, stderr := runCLI(nil, append(strings.Fields(command), "--help")...)
	if code != 0 || stdout == "" {
		t.Fatalf("%s --help ended with %d: %s", command, code, stderr)
	}
	return stdout
}

// commandNames returns the commands that are there to be used, such as `sign` and
// `ledger prune`, in the order of the help.
func commandNames(t *testing.T) (names []string) {
	t.Helper()
	var visit func(name string)
	visit = func(name string) {
		_, list, group := strings.Cut(helpOf(t, name), "\nAvailable Commands:\n")
		if !group {
			names = append(names, name)
			return
		}
		list, _, _ = strings.Cut(list, "\n\n")
		for line := range strings.Lines(list) {
			if sub := strings.Fields(line)[0]; sub != "help" {
				visit(strings.TrimSpace(name + " " + sub))
			}
		}
	}
	visit("")
	if len(names) < 9 {
		t.Fatalf("the help lists only %q", names)
	}
	return names
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

// foreignFlags are flags of other programs that the documents speak of.
var foreignFlags = []string{"--no-interpolation"}

// TestDocumentFlags checks that every flag and command of which the documents
// speak is there.
func TestDocumentFlags(t *testing.T) {
	flags, commands := map[string]bool{}, map[string]bool{}
	for _, name := range foreignFlags {
		flags[name] = true
	}
	form := regexp.MustCompile(`--[a-z][a-z0-9-]*`)
	for _, name := range commandNames(t) {
		first, _, _ := strings.Cut(name, " ")
		commands[first] = true
		for line := range strings.Lines(helpOf(t, name)) {
			if line = strings.TrimSpace(line); strings.HasPrefix(line, "-") {
				flags[form.FindString(line)] = true
			}
		}
	}
	spoken := 0
	for _, d := range documents(t) {
		for _, flag := range form.FindAllString(fence.ReplaceAllString(d.text, ""), -1) {
			spoken++
			if !flags[flag] && strings.Trim(flag, "-") != "" {
				t.Errorf("%s speaks of %s, which is no flag", d.name, flag)
			}
		}
		for _, m := range regexp.MustCompile("`countersign ([a-z]+)").FindAllStringSubmatch(d.text, -1) {
			if !commands[m[1]] {
				t.Errorf("%s speaks of %s, which is no command", d.name, m[0])
			}
		}
	}
	if spoken == 0 {
		t.Error("no document speaks of a flag")
	}
}

// TestDocumentLinks checks that every link inside the project leads to a file, and
// to a heading of it where it names one.
func TestDocumentLinks(t *testing.T) {
	texts := map[string]string{}
	for _, d := range documents(t) {
		texts[d.name] = d.text
	}
	for _, name := range []string{"CHANGELOG.md", ".github/SECURITY.md", ".github/CONTRIBUTING.md"} {
		text, err := os.ReadFile(filepath.Join(projectRoot(t), name))
		if err != nil {
			t.Fatal(err)
		}
		texts[name] = string(text)
	}
	links, linked := 0, map[string]bool{"README.md": true}
	for name, text := range texts {
		for _, m := range regexp.MustCompile(`\]\(([^)#]*)(#[^)]*)?\)`).FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
			if strings.HasPrefix(m[1], "https://") {
				continue
			}
			links++
			target := name
			if m[1] != "" {
				target = path.Join(path.Dir(name), m[1])
			}
			linked[target] = true
			if _, err := os.Stat(filepath.Join(projectRoot(t), target)); err != nil {
				t.Errorf("%s links to %s: %v", name, m[1], err)
			}
			if m[2] != "" && !slices.Contains(anchors(texts[target]), m[2]) {
				t.Errorf("%s links to %s%s, where there is no such heading", name, m[1], m[2])
			}
		}
	}
	if links == 0 {
		t.Error("no links were found")
	}
	for _, d := range documents(t) {
		if !linked[d.name] {
			t.Errorf("nothing links to %s", d.name)
		}
	}
}

// anchors returns the fragments of the headings of a text, as GitHub makes them.
func anchors(text string) (fragments []string) {
	for _, m := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
		words := regexp.MustCompile(`[^\w -]`).ReplaceAllString(strings.ToLower(m[1]), "")
		fragments = append(fragments, "#"+strings.ReplaceAll(words, " ", "-"))
	}
	return fragments
}
