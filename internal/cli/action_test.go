package cli

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"
)

// An actionFile is action.yml.
type actionFile struct {
	Name, Description, Author string
	Branding                  struct{ Icon, Color string }
	Inputs                    map[string]struct {
		Description string
		Required    bool
		Default     string
	}
	Outputs map[string]struct{ Description, Value string }
	Runs    struct {
		Using string
		Steps []struct {
			ID, Shell, Run string
			Env            map[string]string
		}
	}
}

func readAction(t *testing.T) actionFile {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "action.yml"))
	if err != nil {
		t.Fatal(err)
	}
	var a actionFile
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(&a); err != nil {
		t.Fatal(err)
	}
	return a
}

// TestActionInputs has every input be a flag and every flag be an input, and
// every input mapped to its variable.
func TestActionInputs(t *testing.T) {
	a := readAction(t)
	want := []string{"mode", "secret", "github-token"}
	for _, c := range (&app{}).root().Commands() {
		if slices.Contains(modes, c.Name()) {
			c.Flags().VisitAll(func(f *pflag.Flag) {
				if f.Name != "help" && !slices.Contains(notInputs, f.Name) {
					want = append(want, f.Name)
				}
			})
		}
	}
	slices.Sort(want)
	want = slices.Compact(want)
	var got []string
	for name, input := range a.Inputs {
		got = append(got, name)
		if input.Description == "" {
			t.Errorf("the input %s has no description", name)
		}
		// GitHub passes a default on as if it had been given.
		if input.Default != "" && name != "github-token" {
			t.Errorf("the input %s has a default", name)
		}
	}
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("flags (-) and inputs (+) differ:\n%s", diff)
	}

	wantEnv := map[string]string{"COUNTERSIGN": "${{ steps.install.outputs.path }}"}
	for _, name := range want {
		wantEnv["INPUT_"+strings.ReplaceAll(strings.ToUpper(name), "-", "_")] = "${{ inputs." + name + " }}"
	}
	if diff := cmp.Diff(wantEnv, a.Runs.Steps[len(a.Runs.Steps)-1].Env); diff != "" {
		t.Errorf("the variables of the last step differ (-want +got):\n%s", diff)
	}
	if a.Branding.Icon == "" || a.Branding.Color == "" || a.Author == "" {
		t.Error("the Action has no branding or author")
	}
}

// TestActionOutputs has every output that a mode writes be declared and mapped,
// and none beside them.
func TestActionOutputs(t *testing.T) {
	folder := t.TempDir()
	file := func(name string) string { return filepath.Join(folder, name) }
	run := func(env map[string]string, args ...string) {
		t.Helper()
		if code, _, stderr := (program{env, http.DefaultClient}).run(args...); code != exitOK {
			t.Fatalf("%v ended with %d: %s", args, code, stderr)
		}
	}
	run(nil, "keygen", "--private", file("key"), "--public", file("pub"))
	env := map[string]string{
		"GITHUB_OUTPUT": file("outputs"), "GITHUB_REPOSITORY": "acme/widgets", "GITHUB_RUN_ATTEMPT": "1",
		"GITHUB_ACTOR": "octocat", "GITHUB_SHA": "0123456789abcdef0123456789abcdef01234567",
	}
	run(env, "sign", "--key", file("key"))
	outputs, err := os.ReadFile(file("outputs"))
	if err != nil {
		t.Fatal(err)
	}
	token := regexp.MustCompile(`(?m)^eyJ\S+$`).FindString(string(outputs))
	run(env, "verify", "--key", file("pub"), "--token", token)
	if outputs, err = os.ReadFile(file("outputs")); err != nil {
		t.Fatal(err)
	}

	want := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^([a-z-]+)<<countersign_`).FindAllStringSubmatch(string(outputs), -1) {
		want[m[1]] = "${{ steps.run.outputs." + m[1] + " }}"
	}
	got := map[string]string{}
	for name, output := range readAction(t).Outputs {
		got[name] = output.Value
		if output.Description == "" {
			t.Errorf("the output %s has no description", name)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("what is written (-) and what is declared (+) differ:\n%s", diff)
	}
	if len(got) == 0 {
		t.Error("no outputs")
	}
}
