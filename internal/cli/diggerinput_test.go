package cli

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestDiggerSources hands a signed spec over in each way. A line end behind an
// envelope or a signature means nothing, and behind a spec it is one of its bytes.
func TestDiggerSources(t *testing.T) {
	d := newDiggerTest(t)
	envelope, token := d.signed(jobSpec), d.signed(jobSpec, "--detached")
	envelopeFile, specFile, tokenFile := d.file("envelope", envelope+"\n"), d.file("spec", jobSpec), d.file("token", token+"\r\n")
	inner := strings.TrimSpace(jobSpec)
	env := func(prefix string, values ...string) map[string]string {
		all := map[string]string{}
		if prefix == "INPUT_" {
			all["INPUT_MODE"], all["INPUT_KEY"], all["INPUT_FORMAT"] = "verify", d.read(d.public), "digger"
		}
		for i := 0; i < len(values); i += 2 {
			all[prefix+values[i]] = values[i+1]
		}
		return all
	}
	for _, test := range []struct {
		name  string
		env   map[string]string
		args  []string
		stdin string
		want  string // what comes out, empty for a bad signature
	}{
		{name: "a file", args: []string{"--spec", envelopeFile}, want: inner},
		{name: "standard input", args: []string{"--spec", "-"}, stdin: envelope + "\r\n", want: inner},
		{name: "a variable", env: env("COUNTERSIGN_", "SPEC", envelope), want: inner},
		{name: "a variable with a line end", env: env("COUNTERSIGN_", "SPEC", "\n"+envelope+"\n"), want: inner},
		{name: "a variable with a path", env: env("COUNTERSIGN_", "SPEC", envelopeFile), want: inner},
		{name: "a variable with a path and a line end", env: env("COUNTERSIGN_", "SPEC", envelopeFile+"\n"), want: inner},
		{name: "as a token", args: []string{"--token", envelope}, want: inner},
		{name: "as a token with white space", args: []string{"--token", " \n" + envelope + "\n\n"}, want: inner},
		{name: "as the file of a token", args: []string{"--token-file", envelopeFile}, want: inner},
		{name: "as a token on standard input", args: []string{"--token-file", "-"}, stdin: envelope + "\n", want: inner},
		{name: "as a token in a variable", env: env("COUNTERSIGN_", "TOKEN", envelope+"\n"), want: inner},
		{name: "a blank token beside it", env: env("COUNTERSIGN_", "TOKEN", " \n"), args: []string{"--spec", envelopeFile}, want: inner},
		{name: "a blank spec beside it", env: env("COUNTERSIGN_", "SPEC", " \n"), args: []string{"--token-file", envelopeFile}, want: inner},
		{name: "an input", env: env("INPUT_", "SPEC", envelope), want: inner},
		{name: "an input for a token", env: env("INPUT_", "TOKEN", envelope), want: inner},
		{name: "an input, and other variables", env: map[string]string{
			"INPUT_MODE": "verify", "INPUT_KEY": d.read(d.public), "INPUT_FORMAT": "digger", "INPUT_SPEC": envelope,
			"COUNTERSIGN_SPEC": "{}", "COUNTERSIGN_TOKEN": "x", "COUNTERSIGN_ON_INVALID": "warn",
		}, want: inner},

		{name: "detached", args: []string{"--spec", specFile, "--token", token}, want: jobSpec},
		{name: "detached, files", args: []string{"--spec", specFile, "--token-file", tokenFile}, want: jobSpec},
		{name: "detached, the spec on standard input", args: []string{"--spec", "-", "--token-file", tokenFile}, stdin: jobSpec, want: jobSpec},
		{name: "detached, the signature on standard input", args: []string{"--spec", specFile, "--token-file", "-"}, stdin: token + "\n", want: jobSpec},
		{name: "detached, variables", env: env("COUNTERSIGN_", "SPEC", jobSpec, "TOKEN", token+"\n"), want: jobSpec},
		{name: "detached, inputs", env: env("INPUT_", "SPEC", jobSpec, "TOKEN", token), want: jobSpec},
		{name: "detached, no line end", env: env("COUNTERSIGN_", "SPEC", strings.TrimSuffix(jobSpec, "\n"), "TOKEN", token)},
		{name: "detached, one line end more", env: env("INPUT_", "SPEC", jobSpec+"\n", "TOKEN", token)},
		{name: "detached, one line end more in the file", args: []string{"--spec", d.file("more", jobSpec+"\n"), "--token", token}},
		{name: "an envelope and a signature", args: []string{"--spec", envelopeFile, "--token", token}},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := d.with(test.env)
			d.t, d.stdin = t, test.stdin
			var rules []string
			if test.want == "" {
				rules = []string{"bad-signature"}
			}
			if d.program.env["INPUT_MODE"] != "" {
				// There is no other command, and no report.
				if code, _, stderr := d.run(); (code == exitOK) != (test.want != "") || d.outputs()["spec"] != test.want {
					t.Errorf("it ended with %d and the outputs %q: %s", code, d.outputs(), stderr)
				}
				return
			}
			if c := d.want(rules, test.args...); c.outputs["spec"] != test.want {
				t.Errorf("what comes out (-want +got):\n%s", cmp.Diff(test.want, c.outputs["spec"]))
			}
		})
	}
}

// TestDiggerOwnInputs takes the spec from the run's own inputs where none is given.
func TestDiggerOwnInputs(t *testing.T) {
	d := newDiggerTest(t)
	envelope, token := d.signed(jobSpec), d.signed(jobSpec, "--detached")
	for _, test := range []struct {
		name   string
		inputs map[string]any
		args   []string
		rules  []string
		want   string
	}{
		{"an envelope", map[string]any{"spec": envelope, "run_name": "x"}, nil, nil, strings.TrimSpace(jobSpec)},
		{"detached", map[string]any{"spec": jobSpec, "signature": token}, nil, nil, jobSpec},
		{"nothing signed", map[string]any{"spec": jobSpec, "signature": ""}, nil, []string{"missing-token"}, ""},
		{"no inputs", map[string]any{}, nil, []string{"missing-token"}, ""},
		{"another signature", map[string]any{"spec": jobSpec + " ", "signature": token}, nil, []string{"bad-signature"}, ""},
		{"a line end after the signature", map[string]any{"spec": jobSpec, "signature": token + "\n"}, nil, nil, jobSpec},
		{"a signature that is given", map[string]any{"spec": jobSpec, "signature": "x"}, []string{"--token", token}, nil, jobSpec},
		{"a signature that is given and blank", map[string]any{"spec": jobSpec, "signature": token}, []string{"--token-file", d.file("blank", " \n")}, []string{"missing-token"}, ""},
		{"a spec that is given and blank", map[string]any{"spec": envelope}, []string{"--spec", " "}, []string{"missing-token"}, ""},
		{"what is given counts", map[string]any{"spec": envelope}, []string{"--spec", d.file("plain", jobSpec)}, []string{"missing-token"}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			event, err := json.Marshal(map[string]any{"inputs": test.inputs})
			if err != nil {
				t.Fatal(err)
			}
			d := d.with(map[string]string{"GITHUB_EVENT_NAME": "workflow_dispatch", "GITHUB_EVENT_PATH": d.file("event.json", string(event))})
			d.t = t
			if c := d.want(test.rules, test.args...); c.outputs["spec"] != test.want {
				t.Errorf("what comes out (-want +got):\n%s", cmp.Diff(test.want, c.outputs["spec"]))
			}
		})
	}
}

// TestDiggerSourcesUsage has what cannot be meant.
func TestDiggerSourcesUsage(t *testing.T) {
	d := newDiggerTest(t)
	envelope, token := d.signed(jobSpec), d.signed(jobSpec, "--detached")
	envelopeFile, specFile, tokenFile := d.file("envelope", envelope), d.file("spec", jobSpec), d.file("token", token)
	for _, test := range []struct {
		name string
		env  map[string]string
		args []string
		says string
	}{
		{"an envelope and a spec", nil, []string{"--spec", specFile, "--token", envelope}, "an envelope where the signature of a spec is expected"},
		{"an envelope and a spec, files", nil, []string{"--spec", specFile, "--token-file", envelopeFile}, "an envelope where the signature of a spec is expected"},
		{"two envelopes", nil, []string{"--spec", envelopeFile, "--token-file", envelopeFile}, "an envelope where the signature of a spec is expected"},
		{"a signature alone", nil, []string{"--token", token}, "give --spec, the job spec that is signed"},
		{"a signature alone, to be warned of", nil, []string{"--token", token, "--on-missing", "warn", "--on-invalid", "warn"}, "give --spec, the job spec that is signed"},
		{"a signature and a blank spec", map[string]string{"COUNTERSIGN_SPEC": " "}, []string{"--token", token}, "there is a signature and no job spec"},
		{"a signature and an empty file", nil, []string{"--token", token, "--spec", d.file("empty", "")}, "there is a signature and no job spec"},
		{"two signatures", nil, []string{"--token", token, "--token-file", tokenFile, "--spec", specFile}, "two tokens"},
		{"standard input twice", nil, []string{"--spec", "-", "--token-file", "-"}, "cannot both be standard input"},
		{"content", nil, []string{"--spec", `{"a":"leaked"}`}, "put the spec into COUNTERSIGN_SPEC"},
		{"content with white space", nil, []string{"--spec", "\r\n\t " + envelope}, "a spec on the command line"},
		{"a list", nil, []string{"--spec", `["leaked"]`}, "a spec on the command line"},
		{"no file", nil, []string{"--spec", "leaked.json"}, "the job spec cannot be read"},
		{"what is no JSON", map[string]string{"COUNTERSIGN_SPEC": `"leaked"`}, nil, "the job spec cannot be read"},
		{"no file of a token", nil, []string{"--token-file", "leaked.jwt"}, "the token file cannot be read"},
		{"no key", map[string]string{"COUNTERSIGN_KEY": ""}, []string{"--spec", envelopeFile}, "there is no key"},
		{"no such check", nil, []string{"--spec", envelopeFile, "--check", "token,spec"}, "there is no check"},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := d.with(map[string]string{"COUNTERSIGN_KEY": d.public}).with(test.env)
			d.t = t
			d.wantUsage(test.says, append([]string{"verify", "--format", "digger"}, test.args...)...)
		})
	}
}

// TestDiggerUnsigned never passes a spec that nobody signed.
func TestDiggerUnsigned(t *testing.T) {
	d := newDiggerTest(t)
	for _, test := range []struct{ name, text, rule, says string }{
		{"a spec", jobSpec, "missing-token", "the job spec is not signed"},
		{"an empty object", "{}", "missing-token", "the job spec is not signed"},
		{"nothing", "", "missing-token", "there is no token"},
		{"white space", " \r\n\t\n", "missing-token", "there is no token"},
		{"a list", "[]", "malformed-token", ""},
		{"a list of a spec", "[" + jobSpec + "]", "malformed-token", ""},
		{"text", `"hello"`, "malformed-token", ""},
		{"null", "null", "malformed-token", ""},
		{"no JSON", "hello", "malformed-token", ""},
		{"cut", jobSpec[:100], "malformed-token", ""},
		{"something behind it", jobSpec + "{}", "malformed-token", ""},
		{"duplicate names", `{"job":{},"job":{}}`, "malformed-token", ""},
		{"an empty signature", `{"spec":{},"signature":{}}`, "malformed-token", ""},
		{"no signature to verify", `{"spec":{"expiry":1995313400},"signature":{"signature":"","verify":false}}`, "malformed-token", ""},
		{"a signature of null", `{"spec":{"expiry":1995313400},"signature":null}`, "malformed-token", ""},
		{"a signature in capitals", `{"SIGNATURE":{}}`, "malformed-token", ""},
		{"too long", "{}" + strings.Repeat(" ", maxJob), "malformed-token", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := d.with(nil)
			d.t = t
			path := d.file("spec", test.text)
			for _, args := range [][]string{{"--spec", path}, {"--token-file", path}} {
				missing := test.rule == "missing-token"
				// A text that is no object is taken for a signature there.
				if args[0] == "--token-file" && !missing && !isJSON(test.text) {
					continue
				}
				if c := d.want([]string{test.rule}, args...); !strings.Contains(c.stderr, test.says) {
					t.Errorf("it says %q, want %q", c.stderr, test.says)
				}
				for flag, warns := range map[string]bool{"--on-missing": missing, "--on-invalid": !missing} {
					c := d.verify(append(args, flag, "warn")...)
					got, other := c.failures("warn"), c.failures("fail")
					if !warns {
						got, other = other, got
					}
					if diff := cmp.Diff([]string{test.rule}, got); diff != "" || len(other) > 0 {
						t.Errorf("%s warn (-want +got):\n%s", flag, diff)
					}
				}
			}
		})
	}
	t.Run("no flag", func(t *testing.T) {
		d.t = t
		d.want([]string{"missing-token"})
		// No key is asked for what is refused anyway.
		d.program.env["COUNTERSIGN_KEY"] = ""
		if code, _, _ := d.run("verify", "--format", "digger"); code != exitRefused {
			t.Errorf("without a key it ended with %d", code)
		}
	})
}

// TestDiggerContent signs specs that can be signed in one form only, or in none.
func TestDiggerContent(t *testing.T) {
	d := newDiggerTest(t).away()
	nested := func(depth int) string { return strings.Repeat(`{"a":`, depth) + "1" + strings.Repeat("}", depth) }
	for _, test := range []struct{ name, spec, envelope, detached string }{
		{"the least", "{}", "", ""},
		{"a large integer", `{"n":9007199254740993}`, "--detached", ""},
		{"a large number", `{"n":[1e300]}`, "--detached", ""},
		{"the largest integer", `{"n":-9007199254740991}`, "", ""},
		{"an expiry", `{"expiry":1595313400}`, "--ttl", ""},
		{"an expiry of text", `{"Expiry":"1"}`, "--ttl", ""},
		{"an expiry further in", `{"job":{"expiry":1}}`, "", ""},
		{"deep", nested(63), "", ""},
		{"too deep for an envelope", nested(64), "nested more than 64 deep", ""},
		{"too deep", nested(65), "nested more than 64 deep", "nested more than 64 deep"},
		{"a list", "[]", "one JSON object", "one JSON object"},
		{"nothing", "", "cannot be read", "cannot be read"},
		{"text", `"leaked"`, "one JSON object", "one JSON object"},
		{"no JSON", "{leaked}", "one JSON object", "one JSON object"},
		{"duplicate names", `{"leaked":1,"leaked":2}`, "one JSON object", "one JSON object"},
		{"duplicate names, written otherwise", `{"job":{"a":"leaked","\u0061":2}}`, "one JSON object", "one JSON object"},
		{"capitals", `{"VCS":{}}`, "differs from vcs in letter case", "differs from vcs in letter case"},
		{"a half name of a repository", `{"vcs":{"repo_owner":"acme"}}`, "repo_owner and repo_name", "repo_owner and repo_name"},
		{"two repositories", `{"vcs":{"repo_owner":"a","repo_name":"b","repo_full_name":"a/leaked"}}`, "repo_full_name", "repo_full_name"},
		{"another type", `{"job":{"commit":7}}`, "commit", "commit"},
		{"an envelope", d.signed(jobSpec), "signed already", "signed already"},
		{"too long", `{"a":"` + strings.Repeat("a", maxJob) + `"}`, "too large", "too large"},
		{"too long for an envelope", `{"a":"` + strings.Repeat("a", maxJob-8) + `"}`, "the signed spec has more than", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := d.with(nil)
			d.t = t
			path := d.file("spec.json", test.spec)
			for form, says := range map[string]string{"": test.envelope, "--detached": test.detached} {
				args := []string{"sign", "--format", "digger", "--key", d.key, "--spec", path}
				verify := []string{"--spec", d.file("envelope", "")}
				if form != "" {
					args = append(args, form)
					verify = []string{"--token-file", d.file("token", ""), "--spec", path}
				}
				if says != "" {
					d.wantUsage(says, args...)
					continue
				}
				code, stdout, stderr := d.run(args...)
				if code != exitOK {
					t.Errorf("%q ended with %d: %s", args, code, stderr)
					continue
				}
				d.file("envelope", stdout)
				d.file("token", stdout)
				if c := d.want(nil, verify...); c.outputs["spec"] != test.spec {
					t.Errorf("what comes out (-want +got):\n%s", cmp.Diff(test.spec, c.outputs["spec"]))
				}
			}
		})
	}
	// One that is as long as an envelope may be has a line end behind it all the same.
	spec := func(n int) string { return `{"a":"` + strings.Repeat("a", n) + `"}` }
	rest := maxJob - len(d.signed(spec(1))) + 1
	envelope := d.signed(spec(rest))
	if len(envelope) != maxJob {
		t.Fatalf("the envelope has %d bytes", len(envelope))
	}
	for _, test := range []struct {
		flag, end string
		rules     []string
	}{
		{"--spec", "\n", nil},
		{"--token-file", "\r\n", nil},
		{"--spec", "\n\n", []string{"malformed-token"}},
		{"--token-file", "\n{}\n", []string{"malformed-token"}},
	} {
		d.want(test.rules, test.flag, d.file("envelope", envelope+test.end))
	}
}

// TestDiggerForged has envelopes with a spec that nobody can sign here.
func TestDiggerForged(t *testing.T) {
	d := newDiggerTest(t).away()
	var e struct{ Signature struct{ Signature string } }
	if err := json.Unmarshal([]byte(d.signed("{}")), &e); err != nil {
		t.Fatal(err)
	}
	for spec, rule := range map[string]string{
		`{"n":9007199254740993,"expiry":1}`: "unsafe-integer",
		`{"n":-1e300,"expiry":1}`:           "unsafe-integer",
		`{"expiry":1,"expiry":2}`:           "malformed-token",
		`{"expiry":1}`:                      "bad-signature",
		`{"expiry":"1"}`:                    "bad-signature",
		`{}`:                                "bad-signature",
		`[]`:                                "malformed-token",
	} {
		text := fmt.Sprintf(`{"spec":%s,"signature":{"signature":%q,"verify":false}}`, spec, e.Signature.Signature)
		d.want([]string{rule}, "--spec", d.file("forged", text))
	}
}
