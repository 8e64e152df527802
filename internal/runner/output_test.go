package runner_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign-ci/countersign/internal/runner"
)

// environment returns the reader of some variables.
func environment(variables map[string]string) runner.Getenv {
	return func(name string) string { return variables[name] }
}

// A pair is an output as the runner reads it.
type pair struct{ Name, Value string }

// readOutputs reads a file of outputs as GitHub's runner does (actions/runner,
// FileCommandManager.cs, not on Windows): line after line, each either
// name=value, or name<<delimiter, whichever sign comes first. In the second
// form the value goes up to the line that is exactly the delimiter.
func readOutputs(text string) ([]pair, error) {
	line := func() (s string, ok bool) {
		if text == "" {
			return "", false
		}
		s, text, _ = strings.Cut(text, "\n")
		return s, true
	}
	var pairs []pair
	for {
		head, ok := line()
		if !ok {
			return pairs, nil
		}
		if head == "" {
			continue
		}
		equals, heredoc := strings.Index(head, "="), strings.Index(head, "<<")
		switch {
		case equals >= 0 && (heredoc < 0 || equals < heredoc):
			pairs = append(pairs, pair{head[:equals], head[equals+1:]})
		case heredoc >= 0:
			name, delimiter := head[:heredoc], head[heredoc+2:]
			if name == "" || delimiter == "" {
				return nil, fmt.Errorf("invalid format %q", head)
			}
			var lines []string
			for {
				s, ok := line()
				if !ok {
					return nil, fmt.Errorf("matching delimiter not found %q", delimiter)
				}
				if s == delimiter {
					break
				}
				lines = append(lines, s)
			}
			pairs = append(pairs, pair{name, strings.Join(lines, "\n")})
		default:
			return nil, fmt.Errorf("invalid format %q", head)
		}
	}
}

// The reader is what the other tests rely on.
func TestReadOutputs(t *testing.T) {
	got, err := readOutputs("a=1\n\nb<<x\n1\nx \nx\nc=1<<2\nd<<e=f\n\ne=f\nempty<<x\nx\nlast=")
	if err != nil {
		t.Fatal(err)
	}
	want := []pair{{"a", "1"}, {"b", "1\nx "}, {"c", "1<<2"}, {"d", ""}, {"empty", ""}, {"last", ""}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("outputs (-want +got):\n%s", diff)
	}
	for _, text := range []string{"a", "<<x\nx\n", "a<<\n\n", "a<<x\n1\n", "a<<x\n1\nx\r\n"} {
		if got, err := readOutputs(text); err == nil {
			t.Errorf("readOutputs(%q) = %q, want an error", text, got)
		}
	}
}

// write writes outputs and returns the file's text.
func write(t *testing.T, path string, outputs ...runner.Output) string {
	t.Helper()
	if err := runner.WriteOutputs(environment(map[string]string{"GITHUB_OUTPUT": path}), outputs); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// delimiters returns what the values in a file end with.
func delimiters(text string) []string {
	var delimiters []string
	for line := range strings.Lines(text) {
		if _, delimiter, found := strings.Cut(strings.TrimSuffix(line, "\n"), "<<"); found {
			delimiters = append(delimiters, delimiter)
		}
	}
	return delimiters
}

func TestWriteOutputs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "output")
	// What others wrote before stays, and what it ended with is no secret.
	const before = "former=1\nof-others<<EOF\nx\nEOF\n"
	if err := os.WriteFile(path, []byte(before), 0o600); err != nil {
		t.Fatal(err)
	}
	first := write(t, path, runner.Output{Name: "verified", Value: "false"})
	known := delimiters(first)[1]

	values := []string{
		"", "true", " ", "\n", "\n\n", "a\nb", "a\nb\n", "a\r\nb\r\n", "\r", "a\rb",
		"EOF", "x<<EOF\ny\nEOF", "verified=true", "x\nverified=true", "x\nverified<<EOF\ntrue\nEOF\n",
		known, "x\n" + known + "\nverified<<" + known + "\ntrue",
		"ghadelimiter_00000000-0000-0000-0000-000000000000", "_GitHubActionsFileCommandDelimeter_",
		`{"a":"b"}`, "ä€😀", "\x00", "\xff",
	}
	want := []pair{{"former", "1"}, {"of-others", "x"}, {"verified", "false"}}
	var outputs []runner.Output
	for i, value := range values {
		name := fmt.Sprintf("value-%d", i)
		outputs = append(outputs, runner.Output{Name: name, Value: value})
		want = append(want, pair{name, value})
	}
	text := write(t, path, outputs...)
	if !strings.HasPrefix(text, before) {
		t.Errorf("the file begins with %.40q and did with %q", text, before)
	}
	got, err := readOutputs(text)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("outputs (-want +got):\n%s", diff)
	}
}

// Who knows a delimiter can end a value with it and begin another output, so no
// two are the same.
func TestWriteOutputsDelimiters(t *testing.T) {
	dir := t.TempDir()
	outputs := []runner.Output{{Name: "a", Value: "1"}, {Name: "b", Value: "1"}}
	all := append(delimiters(write(t, filepath.Join(dir, "1"), outputs...)), delimiters(write(t, filepath.Join(dir, "2"), outputs...))...)
	if len(all) != 4 {
		t.Fatalf("there are the delimiters %q, want 4", all)
	}
	seen := map[string]bool{}
	for _, delimiter := range all {
		if seen[delimiter] {
			t.Errorf("the delimiter %q ends two values", delimiter)
		}
		seen[delimiter] = true
		// 128 bits take at least 22 letters.
		if random := strings.TrimPrefix(delimiter, "countersign_"); len(random) < 22 {
			t.Errorf("the delimiter %q can be guessed", delimiter)
		}
	}
}

func TestWriteOutputsRefuses(t *testing.T) {
	for _, name := range []string{"", "a\nb", "a\rb", "a=b", "a<<b", "a<"} {
		path := filepath.Join(t.TempDir(), "output")
		err := runner.WriteOutputs(environment(map[string]string{"GITHUB_OUTPUT": path}), []runner.Output{
			{Name: "verified", Value: "true"}, {Name: name, Value: "x"},
		})
		if err == nil {
			t.Errorf("an output with the name %q was written", name)
		}
		if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("with the name %q something was written: %v", name, err)
		}
	}
}

func TestWriteSummary(t *testing.T) {
	path := filepath.Join(t.TempDir(), "summary")
	getenv := environment(map[string]string{"GITHUB_STEP_SUMMARY": path})
	for _, markdown := range []string{"### A\n", "### B"} {
		if err := runner.WriteSummary(getenv, markdown); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("### A\n\n### B\n", string(text)); diff != "" {
		t.Errorf("summary (-want +got):\n%s", diff)
	}
}

// Each of the two files has its own variable, and without it nothing is written.
func TestWriteNothing(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	outputs := []runner.Output{{Name: "verified", Value: "true"}}
	path := filepath.Join(dir, "file")
	if err := runner.WriteOutputs(environment(map[string]string{"GITHUB_STEP_SUMMARY": path}), outputs); err != nil {
		t.Error(err)
	}
	if err := runner.WriteSummary(environment(map[string]string{"GITHUB_OUTPUT": path}), "x"); err != nil {
		t.Error(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 0 {
		t.Errorf("%v was written, %v", entries, err)
	}
}

func TestWriteUnwritable(t *testing.T) {
	dir := t.TempDir()
	for name, path := range map[string]string{
		"folder":                dir,
		"folder not there":      filepath.Join(dir, "none", "file"),
		"name that is too long": filepath.Join(dir, strings.Repeat("x", 300)),
	} {
		getenv := environment(map[string]string{"GITHUB_OUTPUT": path, "GITHUB_STEP_SUMMARY": path})
		if err := runner.WriteOutputs(getenv, []runner.Output{{Name: "a", Value: "b"}}); err == nil {
			t.Errorf("%s: outputs count as written", name)
		}
		if err := runner.WriteSummary(getenv, "x"); err == nil {
			t.Errorf("%s: the summary counts as written", name)
		}
	}
}

func FuzzOutputs(f *testing.F) {
	f.Add("verified", "true")
	f.Add("a", "x<<EOF\n\nEOF\n")
	f.Add("a=b", "c")
	f.Add("", "\r\n")
	f.Add("a", "countersign_\nb=c")
	path := filepath.Join(f.TempDir(), "output")
	getenv := environment(map[string]string{"GITHUB_OUTPUT": path})
	f.Fuzz(func(t *testing.T, name, value string) {
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		outputs := []runner.Output{{Name: "before", Value: value}, {Name: name, Value: value}, {Name: "after", Value: name}}
		if err := runner.WriteOutputs(getenv, outputs); err != nil {
			// Only a name that the form has no room for is refused.
			if name != "" && !strings.ContainsAny(name, "\r\n<=") {
				t.Fatal(err)
			}
			return
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		got, err := readOutputs(string(text))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]pair{{"before", value}, {name, value}, {"after", name}}, got); diff != "" {
			t.Errorf("outputs (-want +got):\n%s", diff)
		}
	})
}
