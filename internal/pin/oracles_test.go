package pin_test

import (
	"strings"
	"testing"

	"github.com/countersign-ci/countersign/internal/pin"
)

// A recorder counts what is reported to it.
type recorder struct {
	testing.TB
	reported int
}

func (r *recorder) Errorf(string, ...any) { r.reported++ }

// The oracles see what other rewriters did to files.
func TestOracles(t *testing.T) {
	digest := strings.Repeat("a", 40)
	for _, c := range []struct {
		name, before, after string
		fault               bool
	}{
		{"a pin", "- uses: a/b@v1\n", "- uses: a/b@" + digest + " # v1.2.3\n", false},
		{"a pin before a comment", "- uses: a/b@v1 # keep\n", "- uses: a/b@" + digest + " # v1 # keep\n", false},
		{"a name that is no version", "- uses: a/b@stable # keep\n", "- uses: a/b@" + digest + " # stable # keep\n", false},
		{"the comment's version", "- uses: a/b@" + digest + " # tag=v4\n", "- uses: a/b@" + digest + " # tag=v4.2.2\n", false},

		{"a comment was deleted", "- uses: a/b@v1 # keep\n", "- uses: a/b@" + digest + " # v1\n", true},
		{"a word was deleted", "- uses: a/b@" + digest + " # v1 and why\n", "- uses: a/b@" + digest + " # v1.2.3\n", true},
		{"CRLF became LF", "- uses: a/b@v1\r\n", "- uses: a/b@" + digest + "\n", true},
		{"quotes went", "- uses: 'a/b@v1'\n", "- uses: a/b@" + digest + "\n", true},
		{"a flow map broke", "- {uses: a/b@v1, name: c}\n", "- {uses: a/b@" + digest + " # v1, name: c}\n", true},
		{"the next line became part of a comment", "- uses: a/b@v1\n  name: c\n", "- uses: a/b@" + digest + " # v1  name: c\n", true},
		{"the indent changed", "- uses: a/b@v1\n", "-   uses: a/b@" + digest + "\n", true},
		{"a later document vanished", "uses: a/b@v1\n---\nb: c\n", "uses: a/b@" + digest + "\n", true},
		{"the action changed", "- uses: a/b@v1\n", "- uses: a/c@" + digest + "\n", true},
		{"another value changed", "- uses: a/b@v1\n  v: 1\n", "- uses: a/b@" + digest + "\n  v: 2\n", true},
		{"the last line end was added", "- uses: a/b@v1", "- uses: a/b@" + digest + "\n", true},
		{"the mark went", "\ufeff- uses: a/b@v1\n", "- uses: a/b@" + digest + "\n", true},
		{"a plugin came", "steps: [{plugins: [a#v1]}]\n", "steps: [{plugins: [a#" + digest + ", b#v1]}]\n", true},
		{"two plugins became one", "steps:\n- plugins:\n    a#v1: x\n    a#v2: x\n", "steps:\n- plugins:\n    a#" + digest + ": x\n    a#" + digest + ": x\n", true},
	} {
		r := &recorder{TB: t}
		holdAgainstOracles(r, pin.Change{Name: "x.yml", Old: []byte(c.before), New: []byte(c.after)})
		if (r.reported > 0) != c.fault {
			t.Errorf("%s: %d faults were reported", c.name, r.reported)
		}
	}
}
