package report_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign-ci/countersign/internal/report"
)

func TestNew(t *testing.T) {
	finding := func(rule string, status report.Status, message string) report.Finding {
		return report.Finding{Rule: rule, Status: status, Message: message}
	}
	spec := json.RawMessage(`{"version":1}`)
	tests := []struct {
		name     string
		findings []report.Finding
		want     *report.Report
		blocks   bool
	}{
		{
			"all pass",
			[]report.Finding{finding("b", report.Pass, "1"), finding("a", report.Pass, "2")},
			&report.Report{OK: true, Spec: spec, Findings: []report.Finding{finding("a", report.Pass, "2"), finding("b", report.Pass, "1")}},
			false,
		},
		{
			"failure is the first by rule, and findings of one rule keep their order",
			[]report.Finding{
				finding("c", report.Fail, "1"), finding("b", report.Fail, "3"), finding("b", report.Fail, "2"), finding("a", report.Pass, "4"),
			},
			&report.Report{Failure: "b", Findings: []report.Finding{
				finding("a", report.Pass, "4"), finding("b", report.Fail, "3"), finding("b", report.Fail, "2"), finding("c", report.Fail, "1"),
			}},
			true,
		},
		{
			"warning",
			[]report.Finding{finding("b", report.Warn, "1"), finding("a", report.Pass, "2")},
			&report.Report{Failure: "b", Findings: []report.Finding{finding("a", report.Pass, "2"), finding("b", report.Warn, "1")}},
			false,
		},
		{
			"warning and failure",
			[]report.Finding{finding("b", report.Fail, "1"), finding("a", report.Warn, "2")},
			&report.Report{Failure: "a", Findings: []report.Finding{finding("a", report.Warn, "2"), finding("b", report.Fail, "1")}},
			true,
		},
		{
			"unknown status",
			[]report.Finding{finding("a", "", "1")},
			&report.Report{Failure: "a", Findings: []report.Finding{finding("a", "", "1")}},
			true,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			before := append([]report.Finding{}, test.findings...)
			got := report.New(test.findings, spec)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("report (-want +got):\n%s", diff)
			}
			if got.Blocks() != test.blocks {
				t.Errorf("Blocks() = %t, want %t", got.Blocks(), test.blocks)
			}
			if diff := cmp.Diff(before, test.findings); diff != "" {
				t.Errorf("the caller's findings were changed (-before +after):\n%s", diff)
			}
		})
	}
}

// Programs rely on the names and on what is null and what is left out.
func TestReportJSON(t *testing.T) {
	tests := []struct {
		name   string
		report *report.Report
		want   string
	}{
		{
			"verified",
			report.New([]report.Finding{{Rule: "expired", Status: report.Pass, Message: "a < b & c"}}, json.RawMessage(`{"version":1}`)),
			`{"ok":true,"failure":"","findings":[{"rule":"expired","status":"pass","message":"a < b & c"}],"spec":{"version":1}}` + "\n",
		},
		{
			"refused",
			report.New([]report.Finding{
				{Rule: "unpinned", Status: report.Fail, Message: "m", File: "a.yml", Line: 3, Column: 7},
				{Rule: "expired", Status: report.Warn, Message: "n"},
			}, json.RawMessage(`{"version":1}`)),
			`{"ok":false,"failure":"expired","findings":[{"rule":"expired","status":"warn","message":"n"},` +
				`{"rule":"unpinned","status":"fail","message":"m","file":"a.yml","line":3,"column":7}],"spec":null}` + "\n",
		},
		{
			"no findings",
			report.New(nil, nil),
			`{"ok":true,"failure":"","findings":[],"spec":null}` + "\n",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := report.JSON(test.report)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, string(got)); diff != "" {
				t.Errorf("JSON (-want +got):\n%s", diff)
			}
		})
	}
}

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

func TestTable(t *testing.T) {
	got := report.Table([]string{"a", "b"}, [][]string{{"1", "2"}, {"3", ""}})
	if diff := cmp.Diff("| a | b |\n| --- | --- |\n| 1 | 2 |\n| 3 |  |\n", got); diff != "" {
		t.Errorf("table (-want +got):\n%s", diff)
	}
}
