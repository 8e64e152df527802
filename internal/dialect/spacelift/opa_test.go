package spacelift_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// An opa is a program of OPA and the dialect of Rego that it is told to read.
type opa struct {
	name, path string
	flags      []string
}

// newOPA returns the OPA on the PATH, as it is.
func newOPA(t *testing.T) opa {
	t.Helper()
	path, err := exec.LookPath("opa")
	switch {
	case err == nil:
		return opa{"opa", path, nil}
	case os.Getenv("COUNTERSIGN_TEST_TOOLS") != "":
		t.Fatal("opa is not on PATH")
	}
	t.Skip("opa is not on PATH; scripts/test installs it")
	return opa{}
}

// older is an OPA that reads the older dialect, as Spacelift's launcher does.
func (o opa) older() opa {
	return opa{o.name + " --v0-compatible", o.path, []string{"--v0-compatible"}}
}

// eachOPA runs a test with the OPA on the PATH in both dialects, and with each of
// COUNTERSIGN_TEST_OPAS, a list of paths, which are older ones.
func eachOPA(t *testing.T, test func(t *testing.T, o opa)) {
	t.Helper()
	o := newOPA(t)
	all := []opa{o, o.older()}
	for _, path := range filepath.SplitList(os.Getenv("COUNTERSIGN_TEST_OPAS")) {
		all = append(all, opa{path, path, nil})
	}
	for _, o := range all {
		t.Run(strings.ReplaceAll(o.name, string(filepath.Separator), "_"), func(t *testing.T) {
			t.Parallel()
			test(t, o)
		})
	}
}

// eval returns what a query over the given files is, which has one result.
func (o opa) eval(t *testing.T, value any, query string, arguments ...string) {
	t.Helper()
	arguments = append(append([]string{"eval", "-f", "json"}, o.flags...), arguments...)
	c := exec.Command(o.path, append(arguments, query)...)
	var stdout, stderr bytes.Buffer
	c.Stdout, c.Stderr = &stdout, &stderr
	if err := c.Run(); err != nil {
		t.Fatalf("%s: %v\n%s%s", o.name, err, stdout.Bytes(), stderr.Bytes())
	}
	var answer struct {
		Result []struct {
			Expressions []struct{ Value json.RawMessage }
		}
	}
	if err := json.Unmarshal(stdout.Bytes(), &answer); err != nil {
		t.Fatal(err)
	}
	if len(answer.Result) != 1 || len(answer.Result[0].Expressions) != 1 {
		t.Fatalf("%s: %s has no value: %s", o.name, query, stdout.Bytes())
	}
	if err := json.Unmarshal(answer.Result[0].Expressions[0].Value, value); err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// denials returns what a policy denies, of one input.
func (o opa) denials(t *testing.T, policy, input []byte) (messages []string) {
	t.Helper()
	o.eval(t, &messages, "data.spacelift.deny", "-d", write(t, "policy.rego", policy), "-i", write(t, "input.json", input))
	return messages
}

// denialsOf returns what a policy denies, of many inputs by their names.
func (o opa) denialsOf(t *testing.T, policy []byte, inputs map[string]any) (messages map[string][]string) {
	t.Helper()
	data, err := json.Marshal(map[string]any{"inputs": inputs})
	if err != nil {
		t.Fatal(err)
	}
	o.eval(t, &messages, "{name: deny | i := data.inputs[name]; deny := data.spacelift.deny with input as i}",
		"-d", write(t, "policy.rego", policy), "-d", write(t, "inputs.json", data))
	for _, denied := range messages {
		slices.Sort(denied)
	}
	if len(messages) != len(inputs) {
		t.Errorf("%s: %d of %d inputs have a decision", o.name, len(messages), len(inputs))
	}
	return messages
}
