package report_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif"

	"github.com/countersign-ci/countersign/internal/report"
)

// checkSARIF checks a log file against the JSON schema of the standard, and
// against types made from it that know no other property.
func checkSARIF(t *testing.T, raw []byte) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&sarif.Report{}); err != nil {
		t.Errorf("%v in %s", err, raw)
	}
	log, err := sarif.FromBytes(raw)
	if err != nil {
		t.Fatal(err)
	}
	for _, run := range log.Runs {
		// The library writes these although they are absent; they get the
		// standard's defaults.
		run.Language, run.Tool.Driver.Language, run.NewlineSequences = "en-US", "en-US", []string{"\r\n", "\n"}
	}
	if err := log.Validate(); err != nil {
		t.Errorf("%v in %s", err, raw)
	}
}

// A run is what the tests read of one.
type run struct {
	Tool struct {
		Driver struct {
			Rules []struct {
				ID                                      string
				ShortDescription, FullDescription, Help struct{ Text string }
				DefaultConfiguration                    struct{ Level string }
			}
		}
	}
	Results []result
}

type result struct {
	RuleID    string
	RuleIndex *int
	Message   struct{ Text string }
	Locations []struct {
		PhysicalLocation struct{ ArtifactLocation struct{ URI string } }
	}
	PartialFingerprints map[string]string
}

func (r result) uri() string { return r.Locations[0].PhysicalLocation.ArtifactLocation.URI }

// runOf returns the one run of the log file of findings.
func runOf(t *testing.T, findings ...report.Finding) run {
	t.Helper()
	raw, err := report.New(findings, nil).SARIF("1.2.3")
	if err != nil {
		t.Fatal(err)
	}
	checkLine(t, strings.TrimSuffix(string(raw), "\n"))
	var log struct{ Runs []run }
	if err := json.Unmarshal(raw, &log); err != nil {
		t.Fatalf("%v in %s", err, raw)
	}
	if len(log.Runs) != 1 {
		t.Fatalf("%d runs, want 1", len(log.Runs))
	}
	return log.Runs[0]
}

var rulesOfDriver = regexp.MustCompile(`"rules":\[.*?\]`)

// Programs rely on every byte of it but the explanations.
func TestSARIF(t *testing.T) {
	const head = `{"$schema":"https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json","version":"2.1.0",` +
		`"runs":[{"tool":{"driver":{"name":"Countersign",%s"informationUri":"https://github.com/countersign-ci/countersign","rules":…}},` +
		`"invocations":[{"executionSuccessful":true}],"columnKind":"unicodeCodePoints","results":[`
	index := map[string]int{}
	for i, rule := range report.Rules {
		index[rule.ID] = i
	}
	tests := []struct {
		name, version string
		findings      []report.Finding
		want          []string
	}{
		{"no findings", "1.2.3", nil, nil},
		{"no version", "", nil, nil},
		{"nothing that failed in a file", "1.2.3", []report.Finding{
			{Rule: report.Unpinned, Status: report.Pass, Message: "m", File: "a.yml", Line: 1, Column: 1},
			{Rule: report.Expired, Status: report.Fail, Message: "too late"},
		}, nil},
		{"findings", "1.2.3", []report.Finding{
			{Rule: report.Unpinned, Status: report.Fail, Message: "o/r@v1 is a tag", File: "b.yml", Line: 12, Column: 15},
			{Rule: report.ImpostorCommit, Status: report.Warn, Message: "only a tag holds it", File: "a.yml", Line: 3},
			{Rule: "unheard-of", Status: "", File: "a.yml"},
		}, []string{
			`{"ruleId":"unheard-of","level":"error","message":{"text":"unheard-of"},` +
				`"locations":[{"physicalLocation":{"artifactLocation":{"uri":"a.yml","uriBaseId":"%SRCROOT%"}}}],` +
				`"partialFingerprints":{"countersign/v1":"9507b0f3dce3cab44cac674501c52fcbdcc30f0341291b8d8db456f0e4243ddd:1"}}`,
			fmt.Sprintf(`{"ruleId":"impostor-commit","ruleIndex":%d,"level":"warning","message":{"text":"only a tag holds it"},`, index["impostor-commit"]) +
				`"locations":[{"physicalLocation":{"artifactLocation":{"uri":"a.yml","uriBaseId":"%SRCROOT%"},"region":{"startLine":3}}}],` +
				`"partialFingerprints":{"countersign/v1":"f5c0773b5dbd21d74445750eeda2fcea7717df96985f719ab6b08daf542cc14a:1"}}`,
			fmt.Sprintf(`{"ruleId":"unpinned","ruleIndex":%d,"level":"error","message":{"text":"o/r@v1 is a tag"},`, index["unpinned"]) +
				`"locations":[{"physicalLocation":{"artifactLocation":{"uri":"b.yml","uriBaseId":"%SRCROOT%"},"region":{"startLine":12,"startColumn":15}}}],` +
				`"partialFingerprints":{"countersign/v1":"1e0cd2a9023f479dc28f3629936739bd182a801c2efd699aa267f3ce4ff5a071:1"}}`,
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			raw, err := report.New(test.findings, nil).SARIF(test.version)
			if err != nil {
				t.Fatal(err)
			}
			checkSARIF(t, raw)
			version := `"version":"1.2.3",`
			if test.version == "" {
				version = ""
			}
			want := fmt.Sprintf(head, version) + strings.Join(test.want, ",") + "]}]}\n"
			got := rulesOfDriver.ReplaceAllString(string(raw), `"rules":…`)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("log file (-want +got):\n%s", diff)
			}
		})
	}
}

// Every rule is explained, and one sentence says what it is about.
func TestSARIFRules(t *testing.T) {
	rules := runOf(t).Tool.Driver.Rules
	if len(rules) != len(report.Rules) {
		t.Fatalf("%d rules, want %d", len(rules), len(report.Rules))
	}
	for i, want := range report.Rules {
		got := rules[i]
		if got.ID != want.ID || got.FullDescription.Text != want.Means || got.Help.Text != want.Hint || got.DefaultConfiguration.Level != "error" {
			t.Errorf("rule %d is %+v, want %+v", i, got, want)
		}
		if short := got.ShortDescription.Text; !strings.HasPrefix(want.Means, short) || strings.Count(short, ". ") > 0 || !strings.HasSuffix(short, ".") {
			t.Errorf("%s in short is %q", want.ID, short)
		}
	}
}

// GitHub refuses a log file with a result that has no location.
func TestSARIFLocations(t *testing.T) {
	findings := []report.Finding{
		{Rule: report.Unpinned, Status: report.Fail, Message: "m", File: "a.yml", Line: 1},
		{Rule: report.Unpinned, Status: report.Fail, Message: "m"},
	}
	results := runOf(t, findings...).Results
	if len(results) != 1 || len(results[0].Locations) != 1 {
		t.Errorf("results are %+v, want the one with a file", results)
	}
}

// A result is known again after lines moved, and told apart from all others.
func TestSARIFFingerprints(t *testing.T) {
	at := func(rule, file, message string, line, column int) report.Finding {
		return report.Finding{Rule: rule, Status: report.Fail, Message: message, File: file, Line: line, Column: column}
	}
	prints := func(findings ...report.Finding) (all []string) {
		for _, r := range runOf(t, findings...).Results {
			all = append(all, r.PartialFingerprints["countersign/v1"])
		}
		return all
	}
	before := prints(at("a", "f", "m", 1, 1), at("a", "f", "m", 2, 1), at("a", "f", "n", 3, 1), at("a", "g", "m", 1, 1), at("b", "g", "m", 2, 1))
	after := prints(at("a", "f", "m", 8, 3), at("a", "f", "m", 9, 2), at("a", "f", "n", 12, 1), at("a", "g", "m", 6, 1), at("b", "g", "m", 7, 9))
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("fingerprints after lines moved (-before +after):\n%s", diff)
	}
	seen := map[string]bool{}
	for _, p := range before {
		if seen[p] || p == "" {
			t.Errorf("the fingerprint %q stands there twice: %q", p, before)
		}
		seen[p] = true
	}
}

func TestSARIFURI(t *testing.T) {
	for file, want := range map[string]string{
		".github/workflows/ci-1_a~b.yml": ".github/workflows/ci-1_a~b.yml",
		"a b.yml":                        "a%20b.yml",
		"100%.md":                        "100%25.md",
		"%2e%2e/a":                       "%252e%252e/a",
		"a#b?c":                          "a%23b%3Fc",
		"c:d/e:f":                        "c%3Ad/e%3Af",
		"javascript:x":                   "javascript%3Ax",
		"ä/😀.md":                         "%C3%A4/%F0%9F%98%80.md",
		"a\x00\r\n\x7f":                  "a%00%0D%0A%7F",
		"\xff\xfe":                       "%FF%FE",
		`a\b`:                            "a%5Cb",
		"a//b":                           "a//b",
		"/etc/passwd":                    "%2Fetc/passwd",
		"//evil.example/a":               "%2F/evil.example/a",
		"[a](b)+(c)@d&e=f;g,h!$'*":       "%5Ba%5D%28b%29%2B%28c%29%40d%26e%3Df%3Bg%2Ch%21%24%27%2A",
		"\u202egnp.md":                   "%E2%80%AEgnp.md",
	} {
		results := runOf(t, report.Finding{Rule: report.Unpinned, Status: report.Fail, Message: "m", File: file, Line: 1}).Results
		if got := results[0].uri(); got != want {
			t.Errorf("the URI of %q is %q, want %q", file, got, want)
		}
	}
}

func TestSARIFMessage(t *testing.T) {
	for message, want := range map[string]string{
		"o/r@v1 is a tag":            "o/r@v1 is a tag",
		"${{ matrix.v }} {0}":        "${{{{ matrix.v }}}} {{0}}",
		"[click](https://evil)":      `[click]\u0028https://evil)`,
		"[a\\](b)](c)":               `[a\]\u0028b)]\u0028c)`,
		"[] (x)":                     "[] (x)",
		"a\n::error::b\x1b[2J\u202e": `a\u000a::error::b\u001b[2J\u202e`,
		"##[add-mask]x":              `##\u005badd-mask]x`,
		"":                           "unpinned",
	} {
		results := runOf(t, report.Finding{Rule: report.Unpinned, Status: report.Fail, Message: message, File: "a"}).Results
		if got := results[0].Message.Text; got != want {
			t.Errorf("the message %q becomes %q, want %q", message, got, want)
		}
	}
}

// Whatever files and messages are, the log file keeps to the schema.
func TestSARIFHostile(t *testing.T) {
	var findings []report.Finding
	for i, s := range hostile {
		findings = append(findings,
			report.Finding{Rule: report.Unpinned, Status: report.Fail, Message: s, File: "README.md", Line: i, Column: i - 5},
			report.Finding{Rule: report.Unpinned, Status: report.Warn, Message: "m", File: s, Line: -i, Column: i})
	}
	raw, err := report.New(findings, nil).SARIF("1.2.3\x1b##[x]")
	if err != nil {
		t.Fatal(err)
	}
	checkLine(t, strings.TrimSuffix(string(raw), "\n"))
	checkSARIF(t, raw)
}

// link is an embedded link of a message (SARIF, section 3.11.6).
var link = regexp.MustCompile(`\]\(`)

func FuzzSARIF(f *testing.F) {
	for i, s := range hostile {
		f.Add(s, s, i, i-5)
		f.Add("a/"+s, "${{ "+s+" }}]("+s, -i, i)
	}
	f.Fuzz(func(t *testing.T, file, message string, line, column int) {
		results := runOf(t, report.Finding{Rule: report.Unpinned, Status: report.Fail, Message: message, File: file, Line: line, Column: column}).Results
		if file == "" {
			if len(results) > 0 {
				t.Errorf("results without a file: %+v", results)
			}
			return
		}
		uri := results[0].uri()
		u, err := url.Parse(uri)
		if err != nil {
			t.Fatal(err)
		}
		if u.Path != file || u.IsAbs() || u.Host != "" || u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.HasPrefix(uri, "/") {
			t.Errorf("the file %q becomes %q, which is %+v", file, uri, u)
		}
		text := results[0].Message.Text
		if text == "" || link.MatchString(text) {
			t.Errorf("the message %q becomes %q", message, text)
		}
		if rest := strings.NewReplacer("{{", "", "}}", "").Replace(text); strings.ContainsAny(rest, "{}") {
			t.Errorf("the message %q becomes %q, with a placeholder", message, text)
		}
	})
}
