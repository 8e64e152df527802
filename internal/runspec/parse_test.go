package runspec_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign-ci/countersign/internal/jose"
	"github.com/countersign-ci/countersign/internal/runspec"
)

func TestParseTextRefuses(t *testing.T) {
	artifact := func(members string) string { return `{"version":1,"artifacts":[{` + members + `}]}` }
	tests := []struct {
		name, text string
		want       string // in the error
	}{
		{"nothing", ``, "JSON"},
		{"null", `null`, "an object is expected"},
		{"array", `[]`, "an object is expected"},
		{"string", `"{}"`, "an object is expected"},
		{"something after it", `{"version":1}{}`, "after"},
		{"byte order mark", "\ufeff" + `{"version":1}`, "JSON"},
		{"not UTF-8", "{\"version\":1,\"actor\":\"\xff\"}", "UTF-8"},
		{"unpaired surrogate", `{"version":1,"actor":"\ud800"}`, "surrogate"},

		{"no version", `{}`, "no version"},
		{"no version but else", `{"repository":"acme/widgets"}`, "no version"},
		{"version 0", `{"version":0}`, "version"},
		{"version 2", `{"version":2}`, "version"},
		{"version as text", `{"version":"1"}`, "version"},
		{"version with a fraction", `{"version":1.0}`, "version"},
		{"version with an exponent", `{"version":1e0}`, "version"},
		{"version null", `{"version":null}`, "version"},
		{"version true", `{"version":true}`, "version"},
		{"version beyond 64 bits", `{"version":18446744073709551617}`, "version"},

		{"unknown field", `{"version":1,"branch":"main"}`, "not known here"},
		{"unknown null field", `{"version":1,"branch":null}`, "not known here"},
		{"empty name", `{"version":1,"":""}`, "not known"},
		{"field in another case", `{"version":1,"Actor":"octocat"}`, "not known here"},
		{"version in another case", `{"version":1,"VERSION":1}`, "not known here"},
		{"hyphen for underscore", `{"version":1,"actor-id":"1"}`, "not known here"},
		{"duplicate name", `{"version":1,"actor":"octocat","actor":"mallory"}`, "twice"},
		{"duplicate name, escaped", `{"version":1,"actor":"octocat","\u0061ctor":"octocat"}`, "twice"},
		{"duplicate input", `{"version":1,"inputs":{"a":"1","a":"2"}}`, "twice"},

		{"commands null", `{"version":1,"commands":null}`, "commands"},
		{"commands a string", `{"version":1,"commands":"terraform plan"}`, "commands"},
		{"commands an object", `{"version":1,"commands":{"a":"b"}}`, "commands"},
		{"command a number", `{"version":1,"commands":[1]}`, "commands"},
		{"command null", `{"version":1,"commands":["a",null]}`, "commands"},
		{"command a list", `{"version":1,"commands":[["a"]]}`, "commands"},
		{"command empty", `{"version":1,"commands":["a",""]}`, "commands"},

		{"inputs null", `{"version":1,"inputs":null}`, "inputs"},
		{"inputs an array", `{"version":1,"inputs":["a"]}`, "inputs"},
		{"input a number", `{"version":1,"inputs":{"a":1}}`, "inputs"},
		{"input a boolean", `{"version":1,"inputs":{"a":true}}`, "inputs"},
		{"input null", `{"version":1,"inputs":{"a":null}}`, "inputs"},
		{"input an object", `{"version":1,"inputs":{"a":{}}}`, "inputs"},

		{"artifacts null", `{"version":1,"artifacts":null}`, "artifacts"},
		{"artifacts an object", `{"version":1,"artifacts":{}}`, "artifacts"},
		{"artifact a string", `{"version":1,"artifacts":["dist/app.tgz"]}`, "artifacts"},
		{"artifact empty", artifact(``), "artifacts"},
		{"artifact without digest", artifact(`"path":"a","size":1`), "artifacts"},
		{"artifact without size", artifact(`"path":"a","sha256":"00"`), "artifacts"},
		{"artifact without path", artifact(`"size":1,"sha256":"00"`), "artifacts"},
		{"artifact with empty path", artifact(`"path":"","size":1,"sha256":"00"`), "artifacts"},
		{"artifact with path null", artifact(`"path":null,"size":1,"sha256":"00"`), "artifacts"},
		{"artifact with a digest as a number", artifact(`"path":"a","size":1,"sha256":0`), "artifacts"},
		{"artifact with a field more", artifact(`"path":"a","size":1,"sha256":"00","mode":"0644"`), "artifacts"},
		{"artifact with a name in another case", artifact(`"Path":"a","size":1,"sha256":"00"`), "artifacts"},
		{"artifact with a size as text", artifact(`"path":"a","size":"1","sha256":"00"`), "artifacts"},
		{"artifact with a fraction as size", artifact(`"path":"a","size":1.5,"sha256":"00"`), "artifacts"},
		{"artifact with a negative size", artifact(`"path":"a","size":-1,"sha256":"00"`), "artifacts"},
		// RFC 8785 has doubles for numbers, so that this size and the one below
		// it would have one canonical form, and one signature.
		{"artifact with a size beyond 2^53", artifact(`"path":"a","size":9007199254740993,"sha256":"00"`), "artifacts"},
		{"artifact with a size of 2^53", artifact(`"path":"a","size":9007199254740992,"sha256":"00"`), "artifacts"},

		{"signer null", `{"version":1,"signer":null}`, "signer"},
		{"signer a string", `{"version":1,"signer":"octocat"}`, "signer"},
		{"signer an array", `{"version":1,"signer":[]}`, "signer"},
		{"signer with a field more", `{"version":1,"signer":{"email":"a"}}`, "signer"},
		{"signer with a name in another case", `{"version":1,"signer":{"Run_ID":"1"}}`, "signer"},
		{"signer with a run id as a number", `{"version":1,"signer":{"run_id":42}}`, "signer"},
		{"signer with an empty run id", `{"version":1,"signer":{"run_id":""}}`, "signer"},
		{"signer with attempt 0", `{"version":1,"signer":{"run_attempt":0}}`, "signer"},
		{"signer with attempt -1", `{"version":1,"signer":{"run_attempt":-1}}`, "signer"},
		{"signer with an attempt as text", `{"version":1,"signer":{"run_attempt":"1"}}`, "signer"},
		{"signer with attempt 2^31", `{"version":1,"signer":{"run_attempt":2147483648}}`, "signer"},
	}
	for _, name := range []string{"repository", "workflow_ref", "run_id", "actor", "sha"} {
		tests = append(tests, struct{ name, text, want string }{
			"signer with null as " + name, fmt.Sprintf(`{"version":1,"signer":{%q:null}}`, name), "signer",
		})
	}
	for _, f := range runspec.Fields {
		for kind, value := range map[string]string{
			"empty": `""`, "null": `null`, "a number": `1`, "a boolean": `true`, "an array": `["a"]`, "an object": `{}`,
		} {
			tests = append(tests, struct{ name, text, want string }{
				f.Name + " " + kind, fmt.Sprintf(`{"version":1,%q:%s}`, f.Name, value), f.Name,
			})
		}
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			spec, err := runspec.ParseText(test.text)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("ParseText(%s) = %+v, %v, want an error with %q", test.text, spec, err, test.want)
			}
			if err != nil && spec != nil {
				t.Errorf("ParseText(%s) returned both a spec and an error", test.text)
			}
		})
	}
}

// What is absent and what is empty are different limits, in lists.
func TestParseTextKeepsEmptyLists(t *testing.T) {
	got, err := runspec.ParseText(` {"inputs" : {"a":""}, "commands":[], "artifacts":[], "signer":{}, "version":1} `)
	if err != nil {
		t.Fatal(err)
	}
	want := &runspec.Spec{
		Version: 1, Commands: []string{}, Artifacts: []runspec.Artifact{},
		Inputs: map[string]string{"a": ""}, Signer: &runspec.Signer{},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("spec (-want +got):\n%s", diff)
	}
}

func TestParseCommands(t *testing.T) {
	v := parseJSON(t, `["terraform init","terraform\u0020plan"]`)
	got, err := runspec.ParseCommands(v)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"terraform init", "terraform plan"}, got); diff != "" {
		t.Errorf("commands (-want +got):\n%s", diff)
	}
}

func TestParseInputs(t *testing.T) {
	tests := []struct {
		name, text string
		want       runspec.Inputs
	}{
		{"null", `null`, runspec.Inputs{Known: true, Text: map[string]string{}}},
		{"empty", `{}`, runspec.Inputs{Known: true, Text: map[string]string{}}},
		{
			"what stands as text", `{"s":"x","e":"","t":true,"f":false,"i":-7,"z":0,"max":9223372036854775807}`,
			runspec.Inputs{Known: true, Text: map[string]string{
				"s": "x", "e": "", "t": "true", "f": "false", "i": "-7", "z": "0", "max": "9223372036854775807",
			}},
		},
		{"null for absent", `{"n":null,"s":"null"}`, runspec.Inputs{Known: true, Text: map[string]string{"s": "null"}}},
		{
			"what does not", `{"o":{"a":"b"},"l":["a"],"f":1.5,"e":1e3,"m":-0,"b":9223372036854775808,"s":"x"}`,
			runspec.Inputs{Known: true, Text: map[string]string{"s": "x"}, Other: []string{"b", "e", "f", "l", "m", "o"}},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := runspec.ParseInputs(parseJSON(t, test.text))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("inputs (-want +got):\n%s", diff)
			}
		})
	}
	for _, text := range []string{`[]`, `["a"]`, `"a"`, `1`, `true`} {
		if got, err := runspec.ParseInputs(parseJSON(t, text)); err == nil {
			t.Errorf("ParseInputs(%s) = %+v, want an error", text, got)
		}
	}
}

func parseJSON(t *testing.T, text string) jose.Value {
	t.Helper()
	v, err := jose.ParseJSON(text)
	if err != nil {
		t.Fatal(err)
	}
	return v
}
