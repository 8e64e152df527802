package pin

import (
	"fmt"
	"slices"

	"github.com/countersign-ci/countersign/internal/report"
)

// rules are the rules for pins, in the order in which they are explained.
var rules = []string{
	report.Unpinned, report.DigestMismatch, report.MalformedDigest, report.ShortDigest, report.ImpostorCommit,
	report.UnknownRef, report.UnknownRepository, report.NotAllowed, report.Outdated,
}

// result decides what is rewritten and puts the findings together.
//
// A text that is malformed, and an answer of the server that a ref fails by,
// stand against every rewrite: with one in doubt no other deserves trust. What is
// only no pin, such as a branch or a plugin on another server, is left alone while
// the rest is written.
func (c *checker) result(files []*File) (*Result, error) {
	result := &Result{}
	next := map[*Ref]*pinned{}
	blocked := false
	for _, v := range c.verdicts {
		if v.next != nil {
			next[v.Ref] = v.next
		}
		for _, f := range v.findings {
			if f.Status == report.Fail && f.Rule != report.Unpinned && f.Rule != report.Outdated {
				blocked = blocked || v.asked || v.rule != ""
			}
		}
	}
	for _, f := range files {
		stale := c.stale(f)
		c.verdicts = append(c.verdicts, stale...)
		if !c.Write || blocked {
			continue
		}
		edits := f.edits(next)
		for _, v := range stale {
			edits = append(edits, edit{v.start, v.end, v.replacement})
		}
		if len(edits) == 0 {
			continue
		}
		text, err := splice(f, edits)
		if err != nil {
			return nil, err
		}
		if err := f.compare(text, next, stale); err != nil {
			return nil, err
		}
		result.Changes = append(result.Changes, Change{f.Name, f.Text, text})
	}
	failed := map[string]bool{}
	result.Pins = slices.Grow(result.Pins, len(c.verdicts))
	for _, v := range c.verdicts {
		if written := c.Write && !blocked; v.isTag() && v.next != nil && !written && !c.Config.AllowTags {
			c.fail(v, report.Unpinned, "%s", v.unpinned(c.Write))
		}
		result.Findings = append(result.Findings, v.findings...)
		for _, f := range v.findings {
			failed[f.Rule] = true
		}
		result.Pins = append(result.Pins, v.pin())
	}
	for _, rule := range rules {
		if !failed[rule] {
			result.Findings = append(result.Findings, report.Finding{
				Rule: rule, Status: report.Pass, Message: fmt.Sprintf("none of %d refs in %d files", len(c.verdicts), len(files)),
			})
		}
	}
	return result, nil
}

// isTag tells whether a ref names a tag and no digest.
func (v *verdict) isTag() bool { return v.target.commit == "" && v.kind != Pattern }

// unpinned says what a tag without a digest stands for.
func (v *verdict) unpinned(write bool) string {
	message := fmt.Sprintf("%s is a tag, which can be moved; it leads to %s", v.question.Tag, v.commit)
	if write {
		message += "; nothing was written, for other findings stand against it"
	}
	return message
}

// pin returns what the report says of a ref.
func (v *verdict) pin() Pin {
	p := Pin{
		File: v.File, Line: v.Line, Column: v.Column, Text: v.Text, Kind: v.kind,
		Version: v.version, Commit: v.commit, Status: "pinned",
	}
	if v.repository != (Repository{}) {
		p.Repository = v.repository.String()
	}
	if v.kind == Local {
		p.Status = "local"
	}
	for _, f := range v.findings {
		if p.Status == "pinned" || p.Status == "local" || f.Status == report.Fail {
			p.Status = f.Rule
		}
	}
	p.Replacement = v.replacement
	if v.next != nil {
		p.Replacement = v.pinnedText(v.next)
	}
	if p.Replacement == v.Text {
		p.Replacement = ""
	}
	return p
}

// compare finds the refs of a file again in its new text: each has to be what it
// was to become, and no other may have come, gone or changed. What patterns
// match may be anything, so that is only counted.
func (f *File) compare(text []byte, next map[*Ref]*pinned, stale []*verdict) error {
	if len(f.Refs) == 0 {
		return nil
	}
	again, err := Find(f.Name, text)
	if err == nil && len(again.Refs) != len(f.Refs) {
		err = fmt.Errorf("%d refs became %d", len(f.Refs), len(again.Refs))
	}
	if err != nil {
		return fmt.Errorf("%s: the rewrite was given up: %w", f.Name, err)
	}
	for i, r := range f.Refs {
		want, version := r.Text, r.version
		if p := next[r]; p != nil {
			want, version = r.pinnedText(p), p.version
			if readable, _ := reads(version); p.style == StyleCommit && !readable {
				version = ""
			}
		}
		if got := again.Refs[i]; len(stale) == 0 && (got.Text != want || version != "" && got.version != version) {
			return fmt.Errorf("%s:%d: the rewrite was given up: %.200q became %.200q with the version %.40q", f.Name, r.Line, r.Text, got.Text, got.version)
		}
	}
	return nil
}
