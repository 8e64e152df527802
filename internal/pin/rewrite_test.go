package pin_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/countersign-ci/countersign/internal/config"
	"github.com/countersign-ci/countersign/internal/pin"
	"github.com/countersign-ci/countersign/internal/report"
)

var update = flag.Bool("update", false, "write the golden files anew")

// A golden is a case of testdata/rewrite: files, what they become as want/…, and
// the findings. Its comment has options, one on a line that begins with a dash.
type golden struct {
	files    []txtar.File
	want     map[string]string
	findings string
	options  pin.Options
	world    world
}

func readGolden(t *testing.T, text []byte) *golden {
	t.Helper()
	archive := txtar.Parse(text)
	g := &golden{
		want: map[string]string{},
		options: pin.Options{
			Host: "github.com", Style: pin.StyleCommit, Write: true, Update: pin.UpdateNone, Now: now, Config: &config.Config{},
		},
	}
	for _, f := range archive.Files {
		f.Data = withDigests(f.Data)
		if name, ok := strings.CutPrefix(f.Name, "want/"); ok {
			g.want[name] = string(f.Data)
		} else if f.Name == "findings" {
			g.findings = string(f.Data)
		} else if f.Name == "config" {
			var err error
			if g.options.Config, err = config.Parse("config", f.Data); err != nil {
				t.Fatal(err)
			}
		} else {
			g.files = append(g.files, f)
		}
	}
	for line := range strings.Lines(string(archive.Comment)) {
		key, ok := strings.CutPrefix(strings.TrimSpace(line), "- ")
		if !ok {
			continue
		}
		key, value, _ := strings.Cut(key, ": ")
		switch key {
		case "style":
			g.options.Style = pin.Style(value)
		case "update":
			g.options.Update = pin.Update(value)
		case "check":
			g.options.Write = false
		case "require-branch":
			g.options.RequireBranch = true
		case "host":
			g.options.Host = value
		case "own":
			owner, name, _ := strings.Cut(value, "/")
			g.options.Own = pin.Repository{Owner: owner, Name: name}
		case "released":
			g.options.OwnVersion = value
		case "versions":
			g.world.versions = strings.Fields(value)
		default:
			t.Fatalf("unknown option %q", key)
		}
	}
	return g
}

// find finds the refs of texts.
func find(t testing.TB, files []txtar.File) []*pin.File {
	t.Helper()
	var found []*pin.File
	for _, f := range files {
		file, err := pin.Find(f.Name, f.Data)
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, file)
	}
	return found
}

// faults returns the findings that did not pass, one a line.
func faults(r *pin.Result) string {
	var lines []string
	for _, f := range report.New(r.Findings, nil).Findings {
		if f.Status != report.Pass {
			lines = append(lines, fmt.Sprintf("%s:%d:%d: %s %s: %s\n", f.File, f.Line, f.Column, f.Status, f.Rule, f.Message))
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "")
}

// run checks files and holds each change against the oracles.
func (g *golden) run(t *testing.T, files []txtar.File) (changed map[string]string, findings string) {
	t.Helper()
	result, err := pin.Check(context.Background(), &g.world, find(t, files), g.options)
	if err != nil {
		t.Fatal(err)
	}
	changed = map[string]string{}
	for _, c := range result.Changes {
		changed[c.Name] = string(c.New)
		holdAgainstOracles(t, c)
	}
	return changed, faults(result)
}

func holdAgainstOracles(t testing.TB, c pin.Change) {
	t.Helper()
	sameBytes(t, c.Name, c.Old, c.New)
	if path.Ext(c.Name) == ".md" {
		return
	}
	sameYAML(t, c.Name, c.Old, c.New)
	samePipeline(t, c.Name, c.Old, c.New)
}

// Each case is also run with other line ends, with a byte order mark, and without
// the last line end: the outcome is the same but for these.
var variants = []struct {
	name string
	vary func([]byte) []byte
}{
	{"as it is", bytes.Clone},
	{"CRLF", func(b []byte) []byte { return bytes.ReplaceAll(b, []byte("\n"), []byte("\r\n")) }},
	{"BOM", func(b []byte) []byte { return append([]byte("\ufeff"), b...) }},
	{"no last line end", func(b []byte) []byte { return bytes.TrimSuffix(b, []byte("\n")) }},
	{"long lines before", func(b []byte) []byte {
		if bytes.HasPrefix(b, []byte("%")) || bytes.HasPrefix(b, []byte("---")) {
			return b
		}
		return append([]byte("# "+strings.Repeat("x", 100_000)+"\n"), b...)
	}},
}

func TestRewrite(t *testing.T) {
	names, err := filepath.Glob("testdata/rewrite/*.txtar")
	if err != nil || len(names) == 0 {
		t.Fatal("there are no cases", err)
	}
	for _, name := range names {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			g := readGolden(t, text)
			if *update {
				g = readGolden(t, g.write(t, name, text))
			}
			for _, v := range variants {
				t.Run(v.name, func(t *testing.T) { g.test(t, v.vary) })
			}
		})
	}
}

// unplaced returns findings without their lines, which a line in front of all moves.
func unplaced(findings string) []string {
	lines := strings.SplitAfter(place.ReplaceAllString(findings, "$1"), "\n")
	slices.Sort(lines)
	return lines
}

var place = regexp.MustCompile(`(?m)^([^:\n]*):[0-9]+:`)

func (g *golden) test(t *testing.T, vary func([]byte) []byte) {
	var files []txtar.File
	for _, f := range g.files {
		files = append(files, txtar.File{Name: f.Name, Data: vary(f.Data)})
	}
	want := map[string]string{}
	for name, text := range g.want {
		want[name] = string(vary([]byte(text)))
	}
	changed, findings := g.run(t, files)
	if diff := cmp.Diff(want, changed); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if diff := cmp.Diff(unplaced(g.findings), unplaced(findings)); diff != "" {
		t.Errorf("findings (-want +got)\n%s", diff)
	}
	if !g.options.Write {
		return
	}
	for i, f := range files {
		if text, ok := changed[f.Name]; ok {
			files[i].Data = []byte(text)
		}
	}
	again, second := g.run(t, files)
	if len(again) > 0 {
		t.Errorf("the second run changed files again: %q", again)
	}
	if strings.Count(second, "\n") > strings.Count(findings, "\n") {
		t.Errorf("the second run has findings %s, the first %s", second, findings)
	}
}

// write writes what comes out into a golden file, for a person to look at.
func (g *golden) write(t *testing.T, name string, text []byte) []byte {
	changed, findings := g.run(t, g.files)
	archive := txtar.Parse(text)
	var files []txtar.File
	var names []string
	for _, f := range archive.Files {
		if strings.HasPrefix(f.Name, "want/") || f.Name == "findings" {
			continue
		}
		files = append(files, f)
		names = append(names, namesIn(string(f.Data))...)
	}
	for _, f := range g.files {
		if text, ok := changed[f.Name]; ok {
			names = append(names, namesIn(text)...)
			files = append(files, txtar.File{Name: "want/" + f.Name, Data: []byte(withoutDigests(text, names))})
		}
	}
	if findings != "" {
		files = append(files, txtar.File{Name: "findings", Data: []byte(withoutDigests(findings, names))})
	}
	archive.Files = files
	text = txtar.Format(archive)
	if err := os.WriteFile(name, text, 0o644); err != nil {
		t.Fatal(err)
	}
	return text
}

var aRepository = regexp.MustCompile(`[A-Za-z0-9_-]+/[A-Za-z0-9_-]+|[a-z0-9-]+[#@]`)
var aTag = regexp.MustCompile(`[A-Za-z]*[-/]?v?[0-9]+(\.[0-9]+)*[A-Za-z0-9.-]*|stable`)

// namesIn returns what may be repositories and tags in a text, in all pairs.
func namesIn(text string) (names []string) {
	tags := append(aTag.FindAllString(text, -1), "v4.2.2", "v1.2.2", "v2.2.2", "v3.2.2")
	for _, r := range aRepository.FindAllString(text, -1) {
		for _, repository := range []string{r, r + "-buildkite-plugin", "buildkite-plugins/" + strings.TrimRight(r, "#@") + "-buildkite-plugin"} {
			if strings.Count(repository, "/") != 1 || strings.ContainsAny(repository, "#@") {
				continue
			}
			for _, tag := range tags {
				names = append(names, repository+"@"+tag)
			}
		}
	}
	return names
}

// Refs stand on lines of 100 KB and behind them.
func TestLongLines(t *testing.T) {
	long := strings.Repeat("é#", 50_000)
	g := readGolden(t, nil)
	files := []txtar.File{
		{Name: workflowName, Data: []byte("# " + long + "\njobs:\n  a:\n    steps:\n      - {name: '" + long + "', uses: acme/widgets@v1, env: {a: \"" + long + " # \"}} # " + long + "\n      - uses: acme/widgets@v1\n")},
		{Name: ".buildkite/pipeline.yml", Data: []byte("steps: [{command: " + long + ", plugins: [docker#v3.2.0]}]\n")},
		{Name: "README.md", Data: []byte(long + " `docker#v3.2.0` " + long + "\n")},
	}
	widgets, docker := digestOf("acme/widgets", "v1.2.2"), digestOf("buildkite-plugins/docker-buildkite-plugin", "v3.2.0")
	want := map[string]string{
		workflowName: "# " + long + "\njobs:\n  a:\n    steps:\n      - {name: '" + long + "', uses: acme/widgets@" + widgets + ", env: {a: \"" + long + " # \"}} # v1.2.2 # " + long + "\n      - uses: acme/widgets@" + widgets + " # v1.2.2\n",

		".buildkite/pipeline.yml": "steps: [{command: " + long + ", plugins: [docker#" + docker + "]}] # v3.2.0\n",
		"README.md":               long + " `docker#" + docker + " # v3.2.0` " + long + "\n",
	}
	changed, findings := g.run(t, files)
	if findings != "" {
		t.Error(findings)
	}
	for name, text := range want {
		if changed[name] != text {
			t.Errorf("%s is not what it should be", name)
		}
	}
}
