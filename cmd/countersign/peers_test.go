package main

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/countersign-ci/countersign/internal/githubtest"
)

// A pinCase is something that a program which pins refs can get right or wrong.
type pinCase struct {
	name string // what is right
	repo string // acme/widgets, where it is empty
	file string // .github/workflows/ci.yml, where it is empty
	text string // {commit}, {other} and {fork} become ids of the repository's
	// The file is to be pinned, with so many commits in it, and nothing else of
	// it is to change; or there is to be this text in it.
	pins int
	has  string
	// Where there are no pins the run is to be refused, and no file changed.
	check  bool        // the files are to be looked at only
	beside bool        // beside the file are two that could be pinned
	status int         // each request about the repository is answered so
	header http.Header // of the answer
}

const stepsHead = "on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps:\n"

// pinCases are the rows of the comparison with other tools in the documents.
// Countersign does each of them.
var pinCases = []pinCase{
	{name: "a commit for a tag", text: stepsHead + "      - uses: acme/widgets@v1.2.3\n", pins: 1},
	{name: "a commit for an annotated tag", repo: "acme/annotated", text: stepsHead + "      - uses: acme/annotated@v1.2.3\n", pins: 1},
	{name: "a commit for a tag of a tag", repo: "acme/twice", text: stepsHead + "      - uses: acme/twice@v1.2.3\n", pins: 1},
	{name: "`@v1` gets the exact version as its comment", text: stepsHead + "      - uses: acme/widgets@v1\n", pins: 1, has: "v1.2.3"},
	{name: "a user's comment behind the ref stays", text: stepsHead + "      - uses: acme/widgets@v1.2.3 # keep me\n", pins: 1, has: "keep me"},
	{name: "CRLF stays", text: strings.ReplaceAll(stepsHead+"      - uses: acme/widgets@v1.2.3\n      - run: make\n", "\n", "\r\n"), pins: 1},
	{name: "quotes stay", text: stepsHead + "      - uses: \"acme/widgets@v1.2.3\"\n      - uses: 'acme/widgets@v1.2.3'\n", pins: 2},
	{name: "indentation, blank lines and comments stay", text: "# top\non:   [ push ]\njobs:\n    a:\n        runs-on:  ubuntu-latest # here\n\n\n        steps:\n        -   uses:   acme/widgets@v1.2.3\n        # last\n        -   run: \"make\"\n", pins: 1},
	{name: "later YAML documents stay", text: stepsHead + "      - uses: acme/widgets@v1.2.3\n---\nx: [1, 2]\n", pins: 1},
	{name: "a step in flow style is found", text: stepsHead + "      - { name: s, uses: acme/widgets@v1.2.3 }\n", pins: 1, has: "name: s"},
	{name: "a value on the next line is found", text: stepsHead + "      - uses:\n          acme/widgets@v1.2.3\n", pins: 1, has: "uses:"},
	{name: "`uses:` in the text of a script stays", text: stepsHead + "      - uses: acme/widgets@v1.2.3\n      - run: |\n          cat <<END\n          - uses: acme/widgets@v1.2.3\n          END\n", pins: 1},
	{name: "a line of 70 KB is read", text: stepsHead + "      # " + strings.Repeat("x", 70_000) + "\n      - uses: acme/widgets@v1.2.3\n", pins: 1},
	{name: "a reusable workflow is found", text: "on: push\njobs:\n  a:\n    uses: acme/widgets/.github/workflows/ci.yml@v1.2.3\n", pins: 1},
	{name: "a composite action is found", file: "action.yml", text: "runs:\n  using: composite\n  steps:\n    - uses: acme/widgets@v1.2.3\n", pins: 1},
	{name: "a Buildkite plugin is found", repo: "acme/gears-buildkite-plugin", file: ".buildkite/pipeline.yml", text: "steps:\n  - command: make\n    plugins:\n      - acme/gears#v1.2.3:\n          teeth: 12\n", pins: 1},
	{name: "an example in a README is found", file: "README.md", text: "# Widgets\n\n```yaml\nsteps:\n  - uses: acme/widgets@v1.2.3\n```\n", pins: 1},

	{name: "no such tag: an error, no file changed", repo: "acme/gone", text: stepsHead + "      - uses: acme/gone@v9.9.9\n", beside: true},
	{name: "no such repository: an error, no file changed", repo: "acme/none", text: stepsHead + "      - uses: acme/none@v1.2.3\n", beside: true},
	{name: "403 from the server: an error, no file changed", repo: "acme/gone", text: stepsHead + "      - uses: acme/gone@v1.2.3\n", beside: true, status: 403},
	{name: "429 from the server: an error, no file changed", repo: "acme/gone", text: stepsHead + "      - uses: acme/gone@v1.2.3\n", beside: true, status: 429, header: http.Header{"Retry-After": {"3600"}}},
	{name: "502 from the server: an error, no file changed", repo: "acme/gone", text: stepsHead + "      - uses: acme/gone@v1.2.3\n", beside: true, status: 502, header: http.Header{"Retry-After": {"3600"}}},
	{name: "a commit that is not its comment's: the check refuses it", text: stepsHead + "      - uses: acme/widgets@{other} # v1.2.3\n", check: true},
	{name: "a commit that is not its comment's: pinning refuses it", text: stepsHead + "      - uses: acme/widgets@{other} # v1.2.3\n"},
	{name: "a fork's commit: the check refuses it", text: stepsHead + "      - uses: acme/widgets@{fork}\n", check: true},
	{name: "a fork's commit with a version: the check refuses it", text: stepsHead + "      - uses: acme/widgets@{fork} # v1.2.3\n", check: true},
	{name: "a tag in place of a commit: the check refuses it", text: stepsHead + "      - uses: acme/widgets@v1.2.3\n", check: true},
}

// TestDocumentPeers compares the cases with the rows of the page, in which this
// program has to do each.
func TestDocumentPeers(t *testing.T) {
	_, table := section(t, "peers")
	var got, want []string
	for line := range strings.Lines(table) {
		if cells := strings.Split(line, " | "); len(cells) > 2 && !strings.HasPrefix(line, "| --- ") {
			got = append(got, strings.TrimPrefix(cells[0], "| ")+": "+cells[1])
		}
	}
	want = append(want, "|: countersign")
	for _, c := range pinCases {
		want = append(want, c.name+": yes")
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the rows of the page (-want +got):\n%s", diff)
	}
}

// TestPeers has this program, and those of others that are on PATH, go through the
// cases, and logs the table.
func TestPeers(t *testing.T) {
	program := buildProgram(t)
	server := githubtest.New(t)
	others := githubtest.New(lenient{t})
	pinners := append([]pinner{ownPinner(program, server)}, otherPinners(t, others)...)
	table := "\n| |"
	for _, p := range pinners {
		table += " " + p.name + " |"
	}
	table += "\n|---" + strings.Repeat("|---", len(pinners)) + "|\n"
	commits := newPinWorld(server)
	newPinWorld(others)
	for _, c := range pinCases {
		table += "| " + c.name + " |"
		for i, p := range pinners {
			s := others
			if i == 0 {
				s = server
			}
			result, output := c.run(t, p, s, commits)
			if i == 0 && result != "yes" {
				t.Errorf("%s: %s\n%s", c.name, result, output)
			}
			if i > 0 {
				t.Logf("%s, %s: %s\n%.600s", p.name, c.name, result, output)
			}
			table += " " + result + " |"
		}
		table += "\n"
	}
	t.Log(table)
}

// lenient takes it when a stand-in is asked what GitHub would not take.
type lenient struct{ testing.TB }

func (l lenient) Errorf(format string, args ...any) { l.Logf(format, args...) }

// newPinWorld makes the repositories of the cases, and returns the ids of each.
func newPinWorld(server *githubtest.Server) map[string]map[string]string {
	ids := map[string]map[string]string{}
	for name, tags := range map[string]int{
		"acme/widgets": 0, "acme/annotated": 1, "acme/twice": 2, "acme/gone": 0, "acme/gears-buildkite-plugin": 0,
	} {
		r := server.Repo(name)
		commit := r.Commit("main", "one")
		target := commit
		for range tags {
			target = r.AnnotatedTag("v1.2.3", target)
		}
		r.Tag("v1.2.3", target)
		r.Tag("v1", target)
		ids[name] = map[string]string{"{commit}": commit, "{other}": r.Commit("main", "two"), "{fork}": r.ForkCommit(commit)}
	}
	return ids
}

// noteText is what is written behind a pin.
var noteText = regexp.MustCompile(` # (v1\.2\.3|ratchet:\S+)`)

// run has a program go through the case, and returns "yes" or what it did instead,
// and what it said.
func (c pinCase) run(t *testing.T, p pinner, server *githubtest.Server, all map[string]map[string]string) (result, output string) {
	t.Helper()
	repo, file := c.repo, c.file
	if repo == "" {
		repo = "acme/widgets"
	}
	if file == "" {
		file = ".github/workflows/ci.yml"
	}
	text, commit := c.text, all[repo]["{commit}"]
	for name, id := range all[repo] {
		text = strings.ReplaceAll(text, name, id)
	}
	files := map[string]string{file: text}
	if c.beside {
		files[".github/workflows/a.yml"] = stepsHead + "      - uses: acme/widgets@v1.2.3\n"
		files[".github/workflows/z.yml"] = stepsHead + "      - uses: acme/annotated@v1.2.3\n"
	}
	folder := t.TempDir()
	for name, text := range files {
		path := filepath.Join(folder, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	command(t, folder, "git", "init", "-q")
	command(t, folder, "git", "add", ".")
	server.Fault(func(_ int, r *http.Request, body []byte) *githubtest.Fault {
		if c.status == 0 || !strings.Contains(r.URL.Path+string(body), "gone") {
			return nil
		}
		return &githubtest.Fault{Status: c.status, Header: c.header, Body: `{"message":"no"}`}
	})
	args := slices.Clone(p.write)
	if c.check {
		args = slices.Clone(p.check)
	}
	switch {
	case p.files:
		args = append(args, slices.Sorted(maps.Keys(files))...)
	case p.folder:
		args = append(args, filepath.Dir(file))
	}
	exit, output := runPinner(t, p, folder, args)

	after, changed := map[string]string{}, false
	for name, before := range files {
		text, err := os.ReadFile(filepath.Join(folder, filepath.FromSlash(name)))
		if err != nil {
			t.Fatal(err)
		}
		after[name] = string(text)
		changed = changed || after[name] != before
	}
	output = fmt.Sprintf("%s\nexit %d\n%.1500s", output, exit, after[file])
	if c.pins == 0 {
		switch {
		case exit == 0 && changed:
			return "exit 0, files changed", output
		case exit == 0:
			return "exit 0", output
		case changed:
			return "an error, files changed", output
		}
		return "yes", output
	}
	restored := noteText.ReplaceAllString(strings.ReplaceAll(after[file], commit, "v1.2.3"), "")
	got := strings.Count(after[file], commit)
	if filepath.Ext(file) == ".yml" { // comments aside
		var value any
		if err := yaml.Unmarshal([]byte(after[file]), &value); err != nil {
			return "no longer YAML", output
		}
		got = strings.Count(fmt.Sprint(value), commit)
	}
	switch {
	case exit != 0:
		return "an error", output
	case got == 0 && changed:
		return "not pinned right", output
	case got == 0:
		return "not pinned, exit 0", output
	case got != c.pins:
		return fmt.Sprintf("%d pinned, not %d", got, c.pins), output
	case c.has != "" && !strings.Contains(after[file], c.has):
		return "pinned without it", output
	case c.has == "" && restored != text:
		return "pinned, other text changed", output
	}
	return "yes", output
}

// runPinner runs a program, and returns its exit code and what it said. Where it
// takes longer than half a minute the code is -1.
func runPinner(t *testing.T, p pinner, folder string, args []string) (exit int, output string) {
	t.Helper()
	c := exec.CommandContext(t.Context(), p.program, args...)
	c.Dir, c.Env = folder, append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}, p.env...)
	timer := time.AfterFunc(30*time.Second, func() { _ = c.Process.Kill() })
	defer timer.Stop()
	text, err := c.CombinedOutput()
	if failed := (*exec.ExitError)(nil); err != nil && !errors.As(err, &failed) {
		t.Fatal(err)
	}
	return c.ProcessState.ExitCode(), string(text)
}
