package runner

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/sethvargo/go-githubactions"

	"github.com/countersign-ci/countersign/internal/report"
)

// An Output is one output of an action.
type Output struct {
	Name, Value string
}

// WriteOutputs appends outputs to the file that GITHUB_OUTPUT names, in the form
// for values of several lines (GitHub's "Workflow commands", "Multiline
// strings"):
//
//	name<<delimiter
//	value
//	delimiter
//
// The delimiter is random and not part of the value, so no value can end itself
// and begin another output. Where the variable is not set nothing is written.
func WriteOutputs(getenv Getenv, outputs []Output) error {
	var b strings.Builder
	for _, o := range outputs {
		delimiter := "countersign_" + rand.Text()
		if o.Name == "" || strings.ContainsAny(o.Name, "\r\n<=") || strings.Contains(o.Value, delimiter) {
			return fmt.Errorf("the output %.40q cannot be written", o.Name)
		}
		fmt.Fprintf(&b, "%s<<%s\n%s\n%s\n", o.Name, delimiter, o.Value, delimiter)
	}
	return appendTo(getenv("GITHUB_OUTPUT"), b.String())
}

// WriteSummary appends Markdown to the job summary, the file that
// GITHUB_STEP_SUMMARY names, if it is set.
func WriteSummary(getenv Getenv, markdown string) error {
	return appendTo(getenv("GITHUB_STEP_SUMMARY"), markdown+"\n")
}

// appendTo appends in one write, so that a file never holds half an output.
func appendTo(path, text string) (err error) {
	if path == "" {
		return nil
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	_, err = io.WriteString(f, text)
	return err
}

// Mask has the runner replace a value by *** in all that is printed after.
func Mask(w io.Writer, value string) error {
	return issue(w, &githubactions.Command{Name: "add-mask", Message: value})
}

// maxAnnotations is how many annotations of a level GitHub shows of a step (its "Usage
// limits" of annotations).
const maxAnnotations = 10

// Annotate writes an annotation for each finding that did not pass: an error
// for one that blocks, a warning for one that does not. Of more than GitHub shows of
// a level the last says how many there are.
func Annotate(w io.Writer, findings []report.Finding) error {
	count, written := map[string]int{}, map[string]int{}
	for _, f := range findings {
		count[f.Status.Level()]++
	}
	for _, f := range findings {
		name := f.Status.Level()
		if name == "" || written[name] == maxAnnotations {
			continue
		}
		if written[name]++; written[name] == maxAnnotations && count[name] > maxAnnotations {
			f = report.Finding{Rule: "and more", Message: fmt.Sprintf("%d findings more; the log lists them all", count[name]-maxAnnotations+1)}
		}
		properties := githubactions.CommandProperties{"title": "Countersign: " + f.Rule}
		if f.File != "" {
			properties["file"] = report.Printable(f.File)
		}
		if f.Line > 0 {
			properties["line"] = fmt.Sprint(f.Line)
			properties["col"] = fmt.Sprint(f.Column)
		}
		if err := issue(w, &githubactions.Command{Name: name, Message: report.Printable(f.Message), Properties: properties}); err != nil {
			return err
		}
	}
	return nil
}

// AnnotateError writes an annotation for an error that is not a finding.
func AnnotateError(w io.Writer, message string) error {
	return issue(w, &githubactions.Command{
		Name: "error", Message: report.Printable(message),
		Properties: githubactions.CommandProperties{"title": "Countersign"},
	})
}

// issue writes a workflow command. The library escapes data and properties as
// actions/toolkit does (packages/core/src/command.ts).
func issue(w io.Writer, c *githubactions.Command) error {
	_, err := fmt.Fprintln(w, c)
	return err
}
