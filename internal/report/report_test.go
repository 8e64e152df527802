package report_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign-ci/countersign/internal/report"
)

func TestNew(t *testing.T) {
	finding := func(rule string, status report.Status, message string) report.Finding {
		return report.Finding{Rule: rule, Status: status, Message: message}
	}
	at := func(rule, file string, line, column int) report.Finding {
		return report.Finding{Rule: rule, Status: report.Fail, File: file, Line: line, Column: column}
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
			&report.Report{Failure: "b", Findings: []report.Finding{finding("a", report.Warn, "2"), finding("b", report.Fail, "1")}},
			true,
		},
		{
			"findings of one rule by file, line and column, those without a file first",
			[]report.Finding{
				at("b", "b.yml", 1, 1), at("b", "a.yml", 10, 2), at("b", "a.yml", 10, 1), at("b", "a.yml", 9, 5), at("a", "c.yml", 1, 1), finding("b", report.Fail, "1"),
			},
			&report.Report{Failure: "a", Findings: []report.Finding{
				at("a", "c.yml", 1, 1), finding("b", report.Fail, "1"), at("b", "a.yml", 9, 5), at("b", "a.yml", 10, 1), at("b", "a.yml", 10, 2), at("b", "b.yml", 1, 1),
			}},
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

func withPins(r *report.Report, pins any) *report.Report {
	r.Pins = pins
	return r
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
			`{"ok":false,"failure":"unpinned","findings":[{"rule":"expired","status":"warn","message":"n"},` +
				`{"rule":"unpinned","status":"fail","message":"m","file":"a.yml","line":3,"column":7}],"spec":null}` + "\n",
		},
		{
			"no findings",
			report.New(nil, nil),
			`{"ok":true,"failure":"","findings":[],"spec":null}` + "\n",
		},
		{
			"pins",
			withPins(report.New([]report.Finding{{Rule: "unpinned", Status: report.Fail, Message: "m", File: "a"}}, json.RawMessage(`{"version":1}`)), []string{"\x1b"}),
			`{"ok":false,"failure":"unpinned","findings":[{"rule":"unpinned","status":"fail","message":"m","file":"a"}],"spec":null,"pins":["\u001b"]}` + "\n",
		},
		{
			"no pins where they were checked",
			withPins(report.New(nil, nil), []string{}),
			`{"ok":true,"failure":"","findings":[],"spec":null,"pins":[]}` + "\n",
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
