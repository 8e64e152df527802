package report_test

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign-ci/countersign/internal/report"
)

// hostile are texts that somebody would like to see in a log.
var hostile = []string{
	"",
	"terraform plan",
	"\x1b[31mred\x1b[0m",
	"\x1b]8;;https://evil.example\x07link",
	"a\r\nb",
	"a\n::error::x",
	"::error::x",
	"  ::error::x",
	"\t::error::x",
	"\u00a0::error::x",
	"\u3000\u2003::error::x",
	":\x00:error::x",
	"::",
	" ::",
	"##[add-mask]x",
	"x ##[add-mask]x",
	"####[[add-mask]x",
	"##\x00[add-mask]x",
	"##\\u005b[add-mask]",
	`\u003a:error::x`,
	"a\u2028b\u2029c",
	"\u202egnp.exe",
	"\u2066isolated\u2069",
	"\u009b31mC1",
	"\x00",
	"\x7f",
	"\ufeffBOM",
	"zero\u200bwidth",
	"soft\u00adhyphen",
	"\xff\xfe",
	"cut \xe2\x82",
	"\xed\xa0\x80",
	"äöü €",
	"😀 astral",
	"\U000e0001\U000e0041tags",
	"\U0010ffff",
	"\ufffd",
	"\"quoted\" \\ 'and'",
	"<script>&amp;",
}

func TestPrintable(t *testing.T) {
	for given, want := range map[string]string{
		"":                       "",
		"terraform plan":         "terraform plan",
		"äöü € 😀":                "äöü € 😀",
		"\x1b[31mred":            `\u001b[31mred`,
		"a\r\nb\tc":              `a\u000d\u000ab\u0009c`,
		"\x00\x7f":               `\u0000\u007f`,
		"a\u2028b\u2029":         `a\u2028b\u2029`,
		"\u202egnp.exe":          `\u202egnp.exe`,
		"\u009b31m":              `\u009b31m`,
		"a\u00a0b":               `a\u00a0b`,
		"\U000e0001":             `\udb40\udc01`,
		"a\xffb":                 "a\ufffdb",
		"::error::x":             `\u003a:error::x`,
		"  ::error::x":           `\u003a:error::x`,
		"a ::error::x":           "a ::error::x",
		"a\n::error::x":          `a\u000a::error::x`,
		"\u00a0::error::x":       `\u00a0::error::x`,
		": :":                    ": :",
		"##[add-mask]x":          `##\u005badd-mask]x`,
		"x##[add-mask]y##[z]":    `x##\u005badd-mask]y##\u005bz]`,
		"####[[x]":               `####\u005b[x]`,
		"# [add-mask] ## [x]":    "# [add-mask] ## [x]",
		"  indented":             "  indented",
		"::##[add-mask]x::y\xff": `\u003a:##\u005badd-mask]x::y` + "\ufffd",
	} {
		if got := report.Printable(given); got != want {
			t.Errorf("Printable(%q) = %q, want %q", given, got, want)
		}
	}
}

// command matches a line that GitHub's runner takes for a command: :: after
// white space, or ##[ anywhere (actions/runner, ActionCommand.cs).
var command = regexp.MustCompile(`(?m)^[\s\p{Z}]*::|##\[`)

// checkLine checks that s is one line that does nothing to a log.
func checkLine(t *testing.T, s string) {
	t.Helper()
	if !utf8.ValidString(s) {
		t.Errorf("%q is not UTF-8", s)
	}
	for _, r := range s {
		if !unicode.IsPrint(r) {
			t.Errorf("%q has the character %U", s, r)
		}
	}
	if command.MatchString(s) {
		t.Errorf("%q is a workflow command", s)
	}
}

// checkJSON checks that a text survives the way through a log as JSON.
func checkJSON(t *testing.T, s string) {
	t.Helper()
	line, err := report.JSON(map[string]string{"value": s, s: "name"})
	if err != nil {
		t.Fatal(err)
	}
	text, ok := strings.CutSuffix(string(line), "\n")
	if !ok {
		t.Errorf("%q does not end its line", line)
	}
	checkLine(t, text)
	var got map[string]string
	if err := json.Unmarshal(line, &got); err != nil {
		t.Fatalf("%q: %v", line, err)
	}
	// JSON is UTF-8, so what is not becomes the replacement character.
	valid := string([]rune(s))
	want := map[string]string{"value": valid, valid: "name"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("value after JSON %q (-want +got):\n%s", line, diff)
	}
}

func TestHostile(t *testing.T) {
	for _, s := range hostile {
		checkLine(t, report.Printable(s))
		checkJSON(t, s)
	}
}

func TestJSONKeepsRaw(t *testing.T) {
	got, err := report.JSON(map[string]any{"spec": json.RawMessage("{\"a\":\"\u202e<&>\U000e0001\x7f##[x]\"}")})
	if err != nil {
		t.Fatal(err)
	}
	want := `{"spec":{"a":"\u202e<&>\udb40\udc01\u007f##\u005bx]"}}` + "\n"
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("JSON (-want +got):\n%s", diff)
	}
}

func TestJSONRefuses(t *testing.T) {
	if got, err := report.JSON(map[string]any{"f": func() {}}); err == nil {
		t.Errorf("JSON of a function = %q, want an error", got)
	}
}

func TestMarkdown(t *testing.T) {
	for given, want := range map[string]string{
		"":                         "",
		"the commit is signed":     "the commit is signed",
		"äöü € 😀":                  "äöü € 😀",
		"a|b":                      "a&#124;b",
		"`code`":                   "&#96;code&#96;",
		"<img src=x>":              "&#60;img src=x&#62;",
		"a\nb\r":                   "a&#92;u000ab&#92;u000d",
		"[x](y)":                   "&#91;x&#93;&#40;y&#41;",
		"![x](y)":                  "&#33;&#91;x&#93;&#40;y&#41;",
		"@octocat":                 "&#64;octocat",
		"#1":                       "&#35;1",
		"&lt;":                     "&#38;lt;",
		"*a* _b_ ~c~":              "&#42;a&#42; &#95;b&#95; &#126;c&#126;",
		`a\|b`:                     "a&#92;&#124;b",
		"$x$":                      "&#36;x&#36;",
		":rocket:":                 "&#58;rocket&#58;",
		"https://evil.example":     "https&#58;//evil&#46;example",
		"see www.evil.example":     "see www&#46;evil&#46;example",
		"GH-1":                     "GH&#45;1",
		"- a":                      "&#45; a",
		"1. a":                     "1&#46; a",
		"::error::x":               "&#92;u003a&#58;error&#58;&#58;x",
		"\x1b\u202e":               "&#92;u001b&#92;u202e",
		`{"a":"b"}`:                "&#123;\"a\"&#58;\"b\"&#125;",
		"<!-- x --> <details open": "&#60;&#33;&#45;&#45; x &#45;&#45;&#62; &#60;details open",
	} {
		if got := report.Markdown(given); got != want {
			t.Errorf("Markdown(%q) = %q, want %q", given, got, want)
		}
	}
}

// reference matches a character reference (CommonMark, section 2.5), whose
// character is never markup.
var reference = regexp.MustCompile(`&#[0-9]+;`)

// checkCell checks that s stays text in a cell of a table.
func checkCell(t *testing.T, s string) {
	t.Helper()
	checkLine(t, s)
	if left := reference.ReplaceAllString(s, ""); strings.ContainsAny(left, "|`<>[]()*_~@#&\\!$") {
		t.Errorf("%q has markup: %q", s, left)
	}
}

func TestMarkdownCell(t *testing.T) {
	for _, s := range append([]string{"|", "a|b|", "`|`", "<img src=x onerror=y>", "[x](javascript:y)", "@acme/team", "#1", "\\|"}, hostile...) {
		checkCell(t, report.Markdown(s))
		r := report.New([]report.Finding{{Rule: "expired", Status: report.Fail, Message: s}}, nil)
		rows := strings.Split(strings.TrimSuffix(r.Summary(), "\n"), "\n")
		last := rows[len(rows)-1]
		if len(rows) != 5 || strings.Count(last, "|") != 4 {
			t.Errorf("the message %q breaks the table:\n%s", s, r.Summary())
		}
	}
}

// A summary has one row a finding, whatever the messages are.
func TestSummaryRows(t *testing.T) {
	var findings []report.Finding
	for _, s := range hostile {
		findings = append(findings, report.Finding{Rule: "expired", Status: report.Warn, Message: s})
	}
	if got, want := strings.Count(report.New(findings, nil).Summary(), "\n| `expired` | warn | "), len(hostile); got != want {
		t.Errorf("the summary has %d rows, want %d", got, want)
	}
}

func FuzzPrintable(f *testing.F) {
	for _, s := range hostile {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		line := report.Printable(s)
		checkLine(t, line)
		if again := report.Printable(line); again != line {
			t.Errorf("Printable(%q) = %q, which is not left alone but becomes %q", s, line, again)
		}
		checkCell(t, report.Markdown(s))
	})
}

func FuzzJSON(f *testing.F) {
	for _, s := range hostile {
		f.Add(s)
	}
	f.Fuzz(checkJSON)
}
