// Package report owns the result of a check: findings, and how people and
// programs get to see them.
//
// As JSON a report is one object, in which spec is null unless ok is true:
//
//	{"ok": false, "failure": "wrong-actor", "spec": null, "findings": [
//	  {"rule": "wrong-actor", "status": "fail", "message": "…"},
//	  {"rule": "wrong-commit", "status": "pass", "message": "…"}]}
//
// A finding about a file also has file, line and column, both from 1.
//
// Messages may quote what comes from outside, so everything that is shown goes
// through [Printable] or is escaped for Markdown.
package report

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf16"
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
	Failure  string         `json:"failure"` // the first failing rule, or empty
	Findings []Finding      `json:"findings"`
	Spec     json.Marshaler `json:"spec"` // null unless OK
}

// New makes a report of findings, sorted by rule. It is OK, and has the spec,
// only if every finding passed.
func New(findings []Finding, spec json.Marshaler) *Report {
	findings = append([]Finding{}, findings...) // no findings are [] as JSON, not null
	slices.SortStableFunc(findings, func(a, b Finding) int { return cmp.Compare(a.Rule, b.Rule) })
	r := &Report{OK: true, Findings: findings, Spec: spec}
	for _, f := range findings {
		if f.Status != Pass && r.OK {
			r.OK, r.Failure, r.Spec = false, f.Rule, nil
		}
	}
	return r
}

// Blocks tells whether a finding stops the run.
func (r *Report) Blocks() bool {
	return slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.Status != Pass && f.Status != Warn })
}

// JSON returns a value as one line of JSON that is safe in a log: nothing in it
// is a control character or a workflow command.
func JSON(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	// Both can stand only inside a string, where the escape means the same.
	var out bytes.Buffer
	for _, r := range commandMark.Replace(b.String()) {
		if r == '\n' || unicode.IsPrint(r) {
			out.WriteRune(r)
			continue
		}
		escape(&out, r)
	}
	return out.Bytes(), nil
}

// escape writes a character as JSON can: its UTF-16 units in four digits each.
func escape(w io.Writer, r rune) {
	for _, unit := range utf16.AppendRune(nil, r) {
		fmt.Fprintf(w, `\u%04x`, unit)
	}
}

// commandMark breaks the older form of a workflow command, which the runner
// finds anywhere in a line.
var commandMark = strings.NewReplacer("##[", `##\u005b`)

// Printable returns s as one line that is safe in a log: what is not a printable
// character is shown as an escape, and no workflow command is left in it.
func Printable(s string) string {
	var b strings.Builder
	for _, r := range commandMark.Replace(s) {
		if unicode.IsPrint(r) {
			b.WriteRune(r)
			continue
		}
		escape(&b, r)
	}
	out := b.String()
	// The newer form counts only at the start of a line.
	if strings.HasPrefix(strings.TrimSpace(out), "::") {
		out = `\u003a` + strings.TrimSpace(out)[1:]
	}
	return out
}

// Text writes the findings that did not pass, for people, and what to do about
// them; where all passed, it says so.
func (r *Report) Text(w io.Writer) error {
	if r.OK {
		_, err := fmt.Fprintf(w, "verified: %d rules hold\n", len(r.Findings))
		return err
	}
	var b strings.Builder
	hinted := ""
	for _, f := range r.Findings {
		if f.Status == Pass {
			continue
		}
		fmt.Fprintf(&b, "%s: %s\n", f.Status.Level(), Printable(f.Rule+": "+f.Message))
		if hint := hintFor(f.Rule); f.Rule != hinted && hint != "" {
			fmt.Fprintf(&b, "hint: %s\n", hint)
		}
		hinted = f.Rule
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// Summary returns the report as Markdown, with a table of the rules.
func (r *Report) Summary() string {
	var b strings.Builder
	verdict := "verified"
	switch {
	case r.Blocks():
		verdict = "refused"
	case !r.OK:
		verdict = "not verified, but let pass with a warning"
	}
	fmt.Fprintf(&b, "### Countersign: %s\n\n", verdict)
	var rows [][]string
	for _, f := range r.Findings {
		rows = append(rows, []string{"`" + f.Rule + "`", string(f.Status), Markdown(f.Message)})
	}
	b.WriteString(Table([]string{"rule", "status", "finding"}, rows))
	return b.String()
}

// Table returns a Markdown table. Its cells are Markdown already.
func Table(head []string, rows [][]string) string {
	var b strings.Builder
	line := func(cells []string) { fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | ")) }
	line(head)
	line(slices.Repeat([]string{"---"}, len(head)))
	for _, cells := range rows {
		line(cells)
	}
	return b.String()
}

// Markdown returns s as text that Markdown and HTML leave alone, on one line.
func Markdown(s string) string {
	var b strings.Builder
	for _, r := range Printable(s) {
		// Character references stand for the character itself and never for
		// markup (CommonMark, section 2.5). GitHub makes links of www. and ://.
		if strings.ContainsRune("\\`*_{}[]()<>#+-.!|&~@:$", r) {
			fmt.Fprintf(&b, "&#%d;", r)
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}
