package report_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign-ci/countersign/internal/report"
)

func TestSummary(t *testing.T) {
	finding := func(rule string, status report.Status) report.Finding {
		return report.Finding{Rule: rule, Status: status, Message: "m|n"}
	}
	tests := []struct {
		name     string
		findings []report.Finding
		want     string
	}{
		{"verified", []report.Finding{finding("b", report.Pass), finding("a", report.Pass)}, "### Countersign: verified\n\n" +
			"| rule | status | finding |\n| --- | --- | --- |\n| `a` | pass | m&#124;n |\n| `b` | pass | m&#124;n |\n"},
		{"refused", []report.Finding{finding("b", report.Fail), finding("a", report.Pass)}, "### Countersign: refused\n\n" +
			"| rule | status | finding |\n| --- | --- | --- |\n| `a` | pass | m&#124;n |\n| `b` | fail | m&#124;n |\n"},
		{"refused and warned", []report.Finding{finding("b", report.Fail), finding("a", report.Warn)}, "### Countersign: refused\n\n" +
			"| rule | status | finding |\n| --- | --- | --- |\n| `a` | warn | m&#124;n |\n| `b` | fail | m&#124;n |\n"},
		{"files", []report.Finding{
			{Rule: report.Unpinned, Status: report.Fail, Message: "m|n", File: "b|`_.yml", Line: 12, Column: 5},
			{Rule: report.Outdated, Status: report.Warn, Message: "o", File: "a.yml"},
			{Rule: report.Unpinned, Status: report.Pass, Message: "not shown", File: "a.yml", Line: 1, Column: 1},
		}, "### Countersign: refused\n\n" +
			"| file | line | rule | status | finding |\n| --- | --- | --- | --- | --- |\n" +
			"| <code>a&#46;yml</code> |  | `outdated` | warn | o |\n" +
			"| <code>b&#124;&#96;&#95;&#46;yml</code> | 12:5 | `unpinned` | fail | m&#124;n |\n"},
		{"files and none", []report.Finding{finding("a", report.Pass), {Rule: "b", Status: report.Fail, Message: "m", File: "f", Line: 1, Column: 1}},
			"### Countersign: refused\n\n" +
				"| rule | status | finding |\n| --- | --- | --- |\n| `a` | pass | m&#124;n |\n\n" +
				"| file | line | rule | status | finding |\n| --- | --- | --- | --- | --- |\n| <code>f</code> | 1:1 | `b` | fail | m |\n"},
		{"nothing to show", []report.Finding{{Rule: "b", Status: report.Pass, Message: "m", File: "f"}}, "### Countersign: verified\n"},
		{"warned", []report.Finding{finding("a", report.Warn)}, "### Countersign: not verified, but let pass with a warning\n\n" +
			"| rule | status | finding |\n| --- | --- | --- |\n| `a` | warn | m&#124;n |\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, report.New(test.findings, nil).Summary()); diff != "" {
				t.Errorf("summary (-want +got):\n%s", diff)
			}
		})
	}
}

// GitHub refuses a summary of more than 1 MiB, so one leaves room and says what
// it leaves out.
func TestSummaryLimit(t *testing.T) {
	const file = "a row of 1 KiB with one that is too long by itself"
	findings := []report.Finding{{Rule: report.Unpinned, Status: report.Fail, Message: strings.Repeat("y", 2<<20), File: file, Line: 1}}
	for i := range 2000 {
		findings = append(findings, report.Finding{Rule: report.Unpinned, Status: report.Fail, Message: strings.Repeat("x", 1000), File: file, Line: 2 + i})
	}
	got := report.New(findings, nil).Summary()
	if len(got) > 901<<10 || len(got) < 895<<10 {
		t.Errorf("the summary has %d bytes", len(got))
	}
	rows := strings.Count(got, "| <code>")
	if want := fmt.Sprintf("\n\nFindings left out here: %d. The log has them.\n", len(findings)-rows); !strings.HasSuffix(got, want) {
		t.Errorf("the summary ends with %q, want %q", got[len(got)-100:], want)
	}
}

// A finding about a file is one row of five cells, whatever its texts are.
func TestSummaryHostile(t *testing.T) {
	for _, s := range hostile {
		if s == "" {
			continue
		}
		got := report.New([]report.Finding{{Rule: report.Unpinned, Status: report.Fail, Message: s, File: s, Line: 1}}, nil).Summary()
		rows := strings.Split(strings.TrimSuffix(got, "\n"), "\n")
		last := rows[len(rows)-1]
		checkLine(t, last)
		if len(rows) != 5 || strings.Count(last, "|") != 6 {
			t.Errorf("the file and message %q break the table:\n%s", s, got)
		}
	}
}

func TestTable(t *testing.T) {
	got := report.Table([]string{"a", "b"}, [][]string{{"1", "2"}, {"3", ""}})
	if diff := cmp.Diff("| a | b |\n| --- | --- |\n| 1 | 2 |\n| 3 |  |\n", got); diff != "" {
		t.Errorf("table (-want +got):\n%s", diff)
	}
}
