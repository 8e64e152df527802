package main

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/countersign-ci/countersign/internal/report"
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
		"shell":      "TestDocumentLint, TestImageExampleBuild",
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
	wantSection(t, "calls", describeCalls(t))
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
		fmt.Fprintf(&b, "| `%s` | %s |\n", mapping.Content[i].Value, noTags(entry.Description))
	}
	return b.String() + "\n"
}

// noTags returns a text of which GitHub takes nothing but what stands in backquotes
// for more than text: it would leave out <hex> as a tag.
func noTags(text string) string {
	parts := strings.Split(text, "`")
	for i := 0; i < len(parts); i += 2 {
		parts[i] = strings.ReplaceAll(parts[i], "<", "&lt;")
	}
	return strings.Join(parts, "`")
}

// describeCalls returns what the reusable workflows take and give.
func describeCalls(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	for _, file := range workflowFiles(t) {
		call := get(file.root, "on", "workflow_call")
		if call.Kind == 0 {
			continue
		}
		var rows [][]string
		for _, kind := range []string{"inputs", "secrets", "outputs"} {
			mapping := get(call, kind)
			for i := 0; i+1 < len(mapping.Content); i += 2 {
				name, entry := mapping.Content[i].Value, mapping.Content[i+1]
				text := get(entry, "description").Value
				if preset := get(entry, "default").Value; preset != "" && preset != "false" {
					text += " (default: " + preset + ")"
				}
				if get(entry, "required").Value == "true" {
					name += "*"
				}
				rows = append(rows, []string{strings.TrimSuffix(kind, "s"), "`" + name + "`", noTags(text)})
			}
		}
		needs := map[string]bool{}
		for _, m := range mappings(get(file.root, "jobs")) {
			permissions := get(m, "permissions")
			for i := 0; i+1 < len(permissions.Content); i += 2 {
				needs["`"+permissions.Content[i].Value+": "+permissions.Content[i+1].Value+"`"] = true
			}
		}
		permissions := strings.Join(slices.Sorted(maps.Keys(needs)), ", ")
		if permissions == "" {
			permissions = "none"
		}
		fmt.Fprintf(&b, "\n### %s\n\nPermissions: %s.\n\n%s", path.Base(file.name), permissions, report.Table([]string{"", "", ""}, rows))
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

var flagForm = regexp.MustCompile(`--[a-z][a-z0-9-]*`)

// foreignFlags are flags of other programs that the documents speak of.
var foreignFlags = []string{"--env", "--error", "--insecure-ignore-tlog", "--offline", "--signature", "--from", "--ignore-missing", "--no-interpolation", "--platform", "--target"}

// TestDocumentFlags checks that every flag and command of which the documents
// speak is there.
func TestDocumentFlags(t *testing.T) {
	flags, commands := map[string]bool{}, map[string]bool{}
	for _, name := range foreignFlags {
		flags[name] = true
	}
	for _, name := range commandNames(t) {
		first, _, _ := strings.Cut(name, " ")
		commands[first] = true
		for line := range strings.Lines(helpOf(t, name)) {
			if line = strings.TrimSpace(line); strings.HasPrefix(line, "-") {
				flags[flagForm.FindString(line)] = true
			}
		}
	}
	spoken := 0
	for _, d := range documents(t) {
		for _, flag := range flagForm.FindAllString(fence.ReplaceAllString(d.text, ""), -1) {
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

// TestDocumentTags checks that no placeholder is lost as a tag.
func TestDocumentTags(t *testing.T) {
	known := regexp.MustCompile(`^(!--|/?(details|summary)>)`)
	for _, d := range documents(t) {
		for line := range strings.Lines(fence.ReplaceAllString(d.text, "")) {
			for _, m := range regexp.MustCompile("`[^`]*`|<([a-zA-Z!/][^>]*>)").FindAllStringSubmatch(line, -1) {
				if m[1] != "" && !known.MatchString(m[1]) {
					t.Errorf("%s has the tag %s", d.name, m[0])
				}
			}
		}
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
