package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf16"
)

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
