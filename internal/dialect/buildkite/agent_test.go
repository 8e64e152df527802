package buildkite_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign-ci/countersign/internal/dialect/buildkite"
)

type environment = buildkite.Environment

// write writes an environment as an agent does into BUILDKITE_ENV_FILE.
func write(e environment) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(e)) {
		fmt.Fprintf(&b, "%s=%q\n", name, e[name])
	}
	return b.String()
}

// writeJSON writes an environment as an agent does into BUILDKITE_ENV_JSON_FILE.
func writeJSON(t *testing.T, e environment) string {
	t.Helper()
	var b strings.Builder
	if err := json.NewEncoder(&b).Encode(e); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// wantError checks that an error is of the package's type and says what to do.
func wantError(t *testing.T, what string, err error, want string) {
	t.Helper()
	var e *buildkite.Error
	if !errors.As(err, &e) || e.Hint() == "" {
		t.Errorf("%.200q: %v, want an *Error with a hint", what, err)
	} else if err.Error() != want {
		t.Errorf("%.200q:\n got %q\nwant %q", what, err, want)
	}
}

// texts are values that are hard to write.
var texts = environment{
	"EMPTY": "", "PLAIN": "main", "LINES": "a\nb\r\nc\n", "QUOTES": `a "b" 'c' \"d\"`, "BACKSLASH": `\n\\`,
	"FORGED": "x\"\nBUILDKITE_COMMIT=\"y", "EQUALS": `="`, "CONTROL": "\x01\t\x7f\u0085", "UNICODE": "ä\u2028\U0001f600\ufeff",
	"HTML": "<a&b>", "lower": "a", "http_proxy": "a", "HTTP_PROXY": "b", "WITH SPACE": "a", "ÜBER": "a", "buildkite_own": "a", `QU"OTE`: "a",
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	for _, e := range []environment{{}, texts} {
		text := write(e)
		for _, text := range []string{text, strings.TrimSuffix(text, "\n")} {
			got, err := buildkite.ParseEnvironment(text)
			if diff := cmp.Diff(e, got); err != nil || diff != "" {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
		}
		got, err := buildkite.ParseEnvironmentJSON(writeJSON(t, e))
		if diff := cmp.Diff(e, got); err != nil || diff != "" {
			t.Errorf("as JSON: %v (-want +got):\n%s", err, diff)
		}
	}
	// Bytes that are no text stay what they are.
	got, err := buildkite.ParseEnvironment(write(environment{"A": "\xff"}))
	if err != nil || got["A"] != "\xff" {
		t.Errorf("a byte that is no text: %q, %v", got, err)
	}
}

const form = ` is not of the form NAME="value"`

var environmentCases = []struct{ text, want string }{
	{"A=\"a\"\n\n", "line 2" + form},
	{"\n", "line 1" + form},
	{"\nA=\"a\"\n", "line 1" + form},
	{"A=\"a\"\r\nB=\"b\"\r\n", "line 1" + form},
	{"A=\"a\" \n", "line 1" + form},
	{" A\n", "line 1" + form},
	{"# A=\n", "line 1" + form},
	{"A\n", "line 1" + form},
	{"A=\n", "line 1" + form},
	{"A=a\n", "line 1" + form},
	{"A='a'\n", "line 1" + form},
	{"A=`a`\n", "line 1" + form},
	{"A=\"a\n", "line 1" + form},
	{"A=\"a\nb\"\n", "line 1" + form},
	{"A=\"a\"b\"\n", "line 1" + form},
	{"A=\"a\"\"b\"\n", "line 1" + form},
	{"A=\"a\" # b\n", "line 1" + form},
	{"A=\"a\";B=\"b\"\n", "line 1" + form},
	{"A=\"\\y\"\n", "line 1" + form},
	{"A=\"\\'\"\n", "line 1" + form},
	{"A=\"\\\"\n", "line 1" + form},
	{"A==\"a\"\n", "line 1" + form},
	{"A=B=\"a\"\n", "line 1" + form},
	{"A=\"x=\"y\"\n", "line 1" + form},
	{"export A=\"a\"\nB\n", "line 2" + form},
	{"\ufeff\n", "line 1" + form},
	{"=\"a\"\n", "line 1: a variable has no name"},
	{"A=\"a\"\nA=\"a\"\n", `line 2: the variable "A" stands there twice`},
	{"A\x00B=\"a\"\n", `line 1: no variable can be called "A\x00B"`},
	{"A=\"a\x00\"\n", `line 1: the variable "A" has a zero byte, which ends it elsewhere`},
	{"A=\"a\\x00b\"\n", `line 1: the variable "A" has a zero byte, which ends it elsewhere`},
	{"Buildkite_Commit=\"a\"\n", `line 1: the variable "Buildkite_Commit" is BUILDKITE_COMMIT in other letters`},
	// Agents from v3.107.
	{"BUILDKITE_SHELL\nBUILDKITE_BRANCH=\"main\"\n", "line 1" + form},
}

func TestParseEnvironment(t *testing.T) {
	t.Parallel()
	for _, c := range environmentCases {
		e, err := buildkite.ParseEnvironment(c.text)
		if e != nil {
			t.Errorf("%q: %q", c.text, e)
		}
		wantError(t, c.text, err, c.want)
	}
}

// A name with a line end writes lines. What the agent writes too is found twice,
// wherever the forged line stands, and half a line is no line.
func TestForgedLines(t *testing.T) {
	t.Parallel()
	const real = "BUILDKITE_COMMIT=\"a\"\n"
	for name, want := range map[string]string{
		"X=\"\"\nBUILDKITE_COMMIT": `: the variable "BUILDKITE_COMMIT" stands there twice`,
		"X\nBUILDKITE_COMMIT":      form,
		"\nBUILDKITE_COMMIT":       form,
		"BUILDKITE_COMMIT=\"b\"\n": "",
		"BUILDKITE_COMMIT=\"b":     form,
		"BUILDKITE_COMMIT=":        form,
	} {
		forged := fmt.Sprintf("%s=%q\n", name, "b")
		for _, text := range []string{real + forged, forged + real} {
			if e, err := buildkite.ParseEnvironment(text); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%q: %q, %v, want an error with %q", text, e, err, want)
			}
		}
	}
}

var jsonCases = []struct{ text, want string }{
	{"", "JSON at byte 0: no JSON value"},
	{"null", "it is null where an object is expected"},
	{"[]", "it is an array where an object is expected"},
	{`"A"`, "it is a string where an object is expected"},
	{`{"A":"a"} {}`, "JSON at byte 10: something comes after the value"},
	{`{"A":"a","A":"a"}`, "JSON at byte 12: a name that stands twice in its object"},
	{`{"A":"a","\u0041":"a"}`, "JSON at byte 17: a name that stands twice in its object"},
	{`{"A":1}`, `the variable "A" is a number where a string is expected`},
	{`{"A":null}`, `the variable "A" is null where a string is expected`},
	{`{"A":true}`, `the variable "A" is a boolean where a string is expected`},
	{`{"A":["a"]}`, `the variable "A" is an array where a string is expected`},
	{`{"A":{"B":"a"}}`, `the variable "A" is an object where a string is expected`},
	{`{"":"a"}`, "a variable has no name"},
	{`{"BUILDKITE_COMMAND=evil #":"a"}`, `no variable can be called "BUILDKITE_COMMAND=evil #"`},
	{`{"=":"a"}`, `no variable can be called "="`},
	{`{"BUILDKITE_COMMAND\u0000":"a"}`, `no variable can be called "BUILDKITE_COMMAND\x00"`},
	{`{"BUILDKITE_COMMAND":"make\u0000 evil"}`, `the variable "BUILDKITE_COMMAND" has a zero byte, which ends it elsewhere`},
	{`{"BUILDKITE_COMMAND":"a","buildkite_command":"b"}`, `the variable "buildkite_command" is BUILDKITE_COMMAND in other letters`},
	{`{"BUILD\u212aITE_REPO":"b"}`, "the variable \"BUILD\u212aITE_REPO\" is BUILDKITE_REPO in other letters"},
	{"{\"A\":\"\xff\"}", "JSON is not UTF-8"},
	{`{"A":"\ud800"}`, "JSON at byte 12: an unpaired surrogate"},
}

func TestParseEnvironmentJSON(t *testing.T) {
	t.Parallel()
	for _, c := range jsonCases {
		e, err := buildkite.ParseEnvironmentJSON(c.text)
		if e != nil {
			t.Errorf("%q: %q", c.text, e)
		}
		wantError(t, c.text, err, c.want)
	}
}

// TestOtherLetters has every variable that is read be refused in other letters.
func TestOtherLetters(t *testing.T) {
	t.Parallel()
	for name := range full {
		text := writeJSON(t, environment{strings.ToLower(name): "a"})
		_, err := buildkite.ParseEnvironmentJSON(text)
		wantError(t, text, err, fmt.Sprintf("the variable %q is %s in other letters", strings.ToLower(name), name))
	}
}

// No error quotes a value, which may be a secret of the job.
func TestSecrets(t *testing.T) {
	t.Parallel()
	const secret = "s3cret"
	for _, text := range []string{
		"A=\"" + secret + "\n", "A=" + secret + "\n", "A=\"" + secret + "\"x\n", "A=\"" + secret + "\"\nA=\"\"\n", "A=\"" + secret + "\\x00\"\n", secret,
	} {
		if _, err := buildkite.ParseEnvironment(text); err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("%q: %v", text, err)
		}
	}
	for _, text := range []string{
		`{"A":"` + secret, `{"A":["` + secret + `"]}`, `{"A":"` + secret + `","A":""}`, `{"A":"` + secret + `\u0000"}`, `"` + secret + `"`, secret,
	} {
		if _, err := buildkite.ParseEnvironmentJSON(text); err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("%q: %v", text, err)
		}
	}
	for name := range full {
		for _, value := range []string{secret, "https://u:" + secret + "@", "https://u:" + secret + "@host/o/r/x", "u:" + secret + "@github.com:o/r"} {
			e := maps.Clone(full)
			e[name] = value
			if _, err := e.Context(); err != nil && strings.Contains(err.Error(), secret) {
				t.Errorf("%s=%s: %v", name, value, err)
			}
		}
	}
}

// An environment may be large: a job's has what people put there.
func TestLarge(t *testing.T) {
	t.Parallel()
	e := environment{}
	for i := range 2000 {
		e[fmt.Sprintf("NAME_%d", i)] = strings.Repeat("a\n\"", 200)
	}
	if got, err := buildkite.ParseEnvironment(write(e)); err != nil || len(got) != len(e) {
		t.Errorf("%d of %d variables, %v", len(got), len(e), err)
	}
	if got, err := buildkite.ParseEnvironmentJSON(writeJSON(t, e)); err != nil || len(got) != len(e) {
		t.Errorf("as JSON: %d of %d variables, %v", len(got), len(e), err)
	}
}
