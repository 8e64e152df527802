package report_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign-ci/countersign/internal/report"
)

func TestText(t *testing.T) {
	tests := []struct {
		name     string
		findings []report.Finding
		want     []string // lines; "hint:" stands for any hint
	}{
		{"all pass", []report.Finding{{Rule: report.Expired, Status: report.Pass}, {Rule: report.WrongActor, Status: report.Pass}}, []string{
			"verified: 2 rules hold",
		}},
		{"failures", []report.Finding{
			{Rule: report.WrongActor, Status: report.Fail, Message: "octocat is not mallory"},
			{Rule: report.Expired, Status: report.Fail, Message: "too late"},
			{Rule: report.Unbound, Status: report.Pass, Message: "not shown"},
		}, []string{
			"error: expired: too late", "hint:",
			"error: wrong-actor: octocat is not mallory", "hint:",
		}},
		{"one hint a rule", []report.Finding{
			{Rule: report.WrongInputs, Status: report.Fail, Message: "a"},
			{Rule: report.WrongInputs, Status: report.Fail, Message: "b"},
		}, []string{
			"error: wrong-inputs: a", "hint:",
			"error: wrong-inputs: b",
		}},
		{"warning", []report.Finding{{Rule: report.Expired, Status: report.Warn, Message: "too late"}}, []string{
			"warning: expired: too late", "hint:",
		}},
		{"rules that hold, not findings", []report.Finding{
			{Rule: report.Unpinned, Status: report.Pass, File: "a"}, {Rule: report.Unpinned, Status: report.Pass, File: "b"}, {Rule: report.Expired, Status: report.Pass},
		}, []string{
			"verified: 2 rules hold",
		}},
		{"one", []report.Finding{{Rule: report.Expired, Status: report.Pass}}, []string{"verified: 1 rule holds"}},
		{"nothing to check", nil, []string{"verified: 0 rules hold"}},
		{"files", []report.Finding{
			{Rule: report.Unpinned, Status: report.Fail, Message: "b/b@v1 is a tag", File: "b.yml", Line: 2, Column: 1},
			{Rule: report.Unpinned, Status: report.Fail, Message: "actions/checkout@v4 is a tag", File: "a.yml", Line: 120, Column: 15},
			{Rule: report.ImpostorCommit, Status: report.Fail, Message: "a fork's", File: "a.yml", Line: 14, Column: 5},
			{Rule: report.Unpinned, Status: report.Fail, Message: "c/ö@v1 is a tag", File: "a.yml", Line: 14, Column: 5},
			{Rule: report.Unpinned, Status: report.Pass, Message: "not shown", File: "a.yml", Line: 1, Column: 1},
			{Rule: report.Unpinned, Status: report.Pass, Message: "not shown", File: "c.yml", Line: 1, Column: 1},
		}, []string{
			"a.yml",
			"  14:5    fail  impostor-commit  a fork's",
			"  14:5    fail  unpinned         c/ö@v1 is a tag",
			"  120:15  fail  unpinned         actions/checkout@v4 is a tag",
			"b.yml",
			"  2:1  fail  unpinned  b/b@v1 is a tag",
			"error: impostor-commit: a.yml:14:5: a fork's", "hint:",
			"error: unpinned: 3 places", "hint:",
		}},
		{"failures and warnings of one rule", []report.Finding{
			{Rule: report.Unpinned, Status: report.Warn, Message: "m", File: "a", Line: 1, Column: 1},
			{Rule: report.Unpinned, Status: report.Fail, Message: "n", File: "a", Line: 2, Column: 1},
			{Rule: report.Unpinned, Status: report.Warn, Message: "o", File: "a", Line: 3, Column: 1},
		}, []string{
			"a",
			"  1:1  warn  unpinned  m",
			"  2:1  fail  unpinned  n",
			"  3:1  warn  unpinned  o",
			"warning: unpinned: 2 places", "hint:",
			"error: unpinned: a:2:1: n",
		}},
		{"files and none", []report.Finding{
			{Rule: report.Expired, Status: report.Fail, Message: "too late"},
			{Rule: report.Unpinned, Status: report.Fail, Message: "m", File: "a", Line: 1, Column: 1},
			{Rule: report.Unpinned, Status: report.Fail, Message: "n"},
		}, []string{
			"a",
			"  1:1  fail  unpinned  m",
			"error: expired: too late", "hint:",
			"error: unpinned: n", "hint:",
			"error: unpinned: a:1:1: m",
		}},
		{"a file as a whole, and a line", []report.Finding{
			{Rule: report.Unpinned, Status: report.Fail, Message: "m", File: "a:"},
			{Rule: report.Outdated, Status: report.Warn, Message: "n", File: "a:", Line: 3},
		}, []string{
			"a:",
			"     fail  unpinned  m",
			"  3  warn  outdated  n",
			"warning: outdated: a::3: n", "hint:",
			"error: unpinned: a:: m", "hint:",
		}},
		{"file from outside", []report.Finding{
			{Rule: report.Unpinned, Status: report.Fail, Message: "a\tb\vc\fd\xffe", File: "::error::a\nb\t\x1b[2J", Line: 1, Column: 1},
		}, []string{
			`\u003a:error::a\u000ab\u0009\u001b[2J`,
			`  1:1  fail  unpinned  a\u0009b\u000bc\u000cd` + "\ufffde",
			`error: unpinned: ::error::a\u000ab\u0009\u001b[2J:1:1: a\u0009b\u000bc\u000cd` + "\ufffde", "hint:",
		}},
		{"long message", []report.Finding{
			{Rule: report.Unpinned, Status: report.Fail, Message: strings.Repeat("x", 100_000), File: "a", Line: 1, Column: 1},
		}, []string{
			"a",
			"  1:1  fail  unpinned  " + strings.Repeat("x", 100_000),
			"error: unpinned: a:1:1: " + strings.Repeat("x", 100_000), "hint:",
		}},
		{"rule without a hint", []report.Finding{{Rule: "unheard-of", Status: report.Fail, Message: "m"}}, []string{
			"error: unheard-of: m",
		}},
		{"message from outside", []report.Finding{{Rule: report.WrongRef, Status: report.Fail, Message: "a\n::error::b\x1b[2J"}}, []string{
			`error: wrong-ref: a\u000a::error::b\u001b[2J`, "hint:",
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var b strings.Builder
			if err := report.New(test.findings, nil).Text(&b); err != nil {
				t.Fatal(err)
			}
			lines := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
			for i, line := range lines {
				if hint, ok := strings.CutPrefix(line, "hint: "); ok && hint != "" {
					lines[i] = "hint:"
				}
			}
			if diff := cmp.Diff(test.want, lines); diff != "" {
				t.Errorf("text (-want +got):\n%s", diff)
			}
		})
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errors.New("broken") }

func TestTextUnwritable(t *testing.T) {
	for _, status := range []report.Status{report.Pass, report.Fail} {
		r := report.New([]report.Finding{{Rule: report.Expired, Status: status}}, nil)
		if err := r.Text(brokenWriter{}); err == nil {
			t.Errorf("a report with the status %s counts as written", status)
		}
	}
}

// Whatever files and messages are, each line of the text is safe in a log.
func TestTextHostile(t *testing.T) {
	var findings []report.Finding
	for i, s := range hostile {
		findings = append(findings,
			report.Finding{Rule: report.Unpinned, Status: report.Fail, Message: s, File: "a"},
			report.Finding{Rule: report.Unpinned, Status: report.Warn, Message: s, File: s, Line: i, Column: i},
			report.Finding{Rule: s, Status: report.Fail, Message: s, File: s},
			report.Finding{Rule: s, Status: report.Warn, Message: s})
	}
	var b strings.Builder
	if err := report.New(findings, nil).Text(&b); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(b.String()) {
		checkLine(t, strings.TrimSuffix(line, "\n"))
	}
}
