// Package report owns the result of a check: findings, and how people and
// programs get to see them.
//
// As JSON a report is one object, in which spec is null unless ok is true:
//
//	{"ok": false, "failure": "wrong-actor", "spec": null, "findings": [
//	  {"rule": "wrong-actor", "status": "fail", "message": "…"},
//	  {"rule": "wrong-commit", "status": "pass", "message": "…"}]}
//
// A finding about a file also has file, the slash-separated path below the
// repository's root, and line and column, both from 1; columns count Unicode
// code points. A check of pins adds the list of what it looked at as pins, one of
// artifacts as artifacts.
//
// Messages may quote what comes from outside, so everything that is shown goes
// through [Printable] or is escaped for Markdown.
package report

import (
	"cmp"
	"encoding/json"
	"slices"
)

// A Status is what a finding comes to.
type Status string

// The statuses. A Warn is a failure that the caller chose not to be stopped by.
const (
	Pass Status = "pass"
	Fail Status = "fail"
	Warn Status = "warn"
)

// Level returns how a finding of that status is announced: as an error, as a
// warning, or not at all.
func (s Status) Level() string {
	switch s {
	case Pass:
		return ""
	case Warn:
		return "warning"
	default:
		return "error"
	}
}

// A Finding is the result of one rule.
type Finding struct {
	Rule    string `json:"rule"`
	Status  Status `json:"status"`
	Message string `json:"message"`
	File    string `json:"file,omitempty"`
	Line    int    `json:"line,omitempty"`
	Column  int    `json:"column,omitempty"`
}

// A Report is the result of a check.
type Report struct {
	OK       bool           `json:"ok"`
	Failure  string         `json:"failure"` // the first rule that blocks, or else that warns, or empty
	Findings []Finding      `json:"findings"`
	Spec     json.Marshaler `json:"spec"`           // null unless OK
	Pins     any            `json:"pins,omitempty"` // a list, where pins were checked
	// Artifacts are what became of each file, where artifacts were checked.
	Artifacts []Artifact `json:"artifacts,omitzero"`
}

// New makes a report of findings, sorted by rule, file, line and column. It is
// OK, and has the spec, only if every finding passed, whatever check it is of.
func New(findings []Finding, spec json.Marshaler) *Report {
	findings = append([]Finding{}, findings...) // no findings are [] as JSON, not null
	slices.SortStableFunc(findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.File, b.File), byPosition(a, b))
	})
	r := &Report{OK: true, Findings: findings, Spec: spec}
	blocked := false
	for _, f := range findings {
		if f.Status == Pass {
			continue
		}
		// A rule that blocks goes before one that only warns.
		if blocks := f.Status != Warn; r.OK || blocks && !blocked {
			r.Failure, blocked = f.Rule, blocks
		}
		r.OK, r.Spec = false, nil
	}
	return r
}

// byPosition compares where two findings stand in a file.
func byPosition(a, b Finding) int {
	return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
}

// Blocks tells whether a finding stops the run.
func (r *Report) Blocks() bool {
	return slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.Status != Pass && f.Status != Warn })
}
