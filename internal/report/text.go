package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
)

// Text writes the findings that did not pass, for people, and what to do about
// them; where all passed, it says so. Findings about files come first, in a
// table for each file, and then count as one:
//
//	.github/workflows/ci.yml
//	  12:15  fail  unpinned  actions/checkout@v4 is a tag
//	  14:15  fail  unpinned  actions/cache@v4 is a tag
//	error: unpinned: 2 places
//	hint: …
func (r *Report) Text(w io.Writer) error {
	var b strings.Builder
	if r.OK {
		rules := map[string]bool{}
		for _, f := range r.Findings {
			rules[f.Rule] = true
		}
		fmt.Fprintf(&b, "verified: %s\n", Count(len(rules), "rule holds", "rules hold"))
	} else {
		r.files(&b)
		r.rules(&b)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// Count writes a number with the word for one or for several.
func Count(n int, one, several string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprint(n, " ", several)
}

// files writes a table for each file of the findings about it.
func (r *Report) files(b *strings.Builder) {
	t := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	file := ""
	for _, f := range r.inFiles() {
		if f.File != file {
			file = f.File
			fmt.Fprintf(t, "%s\n", Printable(file))
		}
		fmt.Fprintf(t, "  %s\t%s\t%s\t%s\n", f.position(), f.Status, Printable(f.Rule), Printable(f.Message))
	}
	t.Flush() // a strings.Builder takes all
}

// rules writes what failed, rule by rule, each with its hint.
func (r *Report) rules(b *strings.Builder) {
	hinted := ""
	say := func(f Finding, what string) {
		fmt.Fprintf(b, "%s: %s\n", f.Status.Level(), Printable(f.Rule+": "+what))
		if hint := hintFor(f.Rule); f.Rule != hinted && hint != "" {
			fmt.Fprintf(b, "hint: %s\n", hint)
		}
		hinted = f.Rule
	}
	// How many findings about files a rule has at a level.
	type group struct{ rule, level string }
	groupOf := func(f Finding) group { return group{f.Rule, f.Status.Level()} }
	places := map[group]int{}
	for _, f := range r.inFiles() {
		places[groupOf(f)]++
	}
	for _, f := range r.Findings {
		switch n := places[groupOf(f)]; {
		case f.Status == Pass:
		case f.File == "":
			say(f, f.Message)
		case n == 1:
			say(f, strings.TrimSuffix(f.File+":"+f.position(), ":")+": "+f.Message)
		case n > 1:
			say(f, fmt.Sprintf("%d places", n))
			delete(places, groupOf(f)) // said
		}
	}
}

// inFiles returns the findings about files that did not pass, file by file.
func (r *Report) inFiles() []Finding {
	findings := slices.DeleteFunc(slices.Clone(r.Findings), func(f Finding) bool { return f.File == "" || f.Status == Pass })
	slices.SortStableFunc(findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.File, b.File), byPosition(a, b), cmp.Compare(a.Rule, b.Rule))
	})
	return findings
}

// position returns line and column as line:column, or as much as there is.
func (f Finding) position() string {
	switch {
	case f.Line < 1:
		return ""
	case f.Column < 1:
		return fmt.Sprint(f.Line)
	}
	return fmt.Sprintf("%d:%d", f.Line, f.Column)
}
