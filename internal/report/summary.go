package report

import (
	"fmt"
	"slices"
	"strings"
)

// summaryLimit is how many bytes of rows a summary has. GitHub refuses one of
// more than 1 MiB a step (GitHub's "Workflow commands", "Adding a job summary"),
// and other commands of the step write theirs too.
const summaryLimit = 900 << 10

// Summary returns the report as Markdown: a table of the rules, and one of the
// findings about files that did not pass. What is too much for a job summary is
// left out, and it says how much.
func (r *Report) Summary() string {
	var b strings.Builder
	verdict := "verified"
	switch {
	case r.Blocks():
		verdict = "refused"
	case !r.OK:
		verdict = "not verified, but let pass with a warning"
	}
	fmt.Fprintf(&b, "### Countersign: %s\n", verdict)
	room, left := summaryLimit, 0
	table := func(head []string, rows [][]string) {
		rows = slices.DeleteFunc(rows, func(row []string) bool {
			n := len(tableLine(row))
			if n > room {
				left++
				return true
			}
			room -= n
			return false
		})
		if len(rows) > 0 {
			b.WriteString("\n" + Table(head, rows))
		}
	}
	var rules, files [][]string
	for _, f := range r.Findings {
		if f.File == "" {
			rules = append(rules, []string{"`" + f.Rule + "`", string(f.Status), Markdown(f.Message)})
		}
	}
	for _, f := range r.inFiles() {
		files = append(files, []string{"<code>" + Markdown(f.File) + "</code>", f.position(), "`" + f.Rule + "`", string(f.Status), Markdown(f.Message)})
	}
	table([]string{"rule", "status", "finding"}, rules)
	table([]string{"file", "line", "rule", "status", "finding"}, files)
	if left > 0 {
		fmt.Fprintf(&b, "\nFindings left out here: %d. The log has them.\n", left)
	}
	return b.String()
}

// Table returns a Markdown table. Its cells are Markdown already.
func Table(head []string, rows [][]string) string {
	var b strings.Builder
	b.WriteString(tableLine(head))
	b.WriteString(tableLine(slices.Repeat([]string{"---"}, len(head))))
	for _, cells := range rows {
		b.WriteString(tableLine(cells))
	}
	return b.String()
}

func tableLine(cells []string) string { return "| " + strings.Join(cells, " | ") + " |\n" }
