package pin_test

import (
	"strings"
	"testing"

	"github.com/countersign-ci/countersign/internal/pin"
)

// The last thing before a rewrite is written: its refs are found again. Whatever
// the rewriter got wrong, a ref that came, went or changed stops it.
func TestCompare(t *testing.T) {
	const before = "steps: [{plugins: [a/b#v1, a/c#v2]}]\n"
	f, err := pin.Find("x.yml", []byte(before))
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		before:                           "",
		"steps: [{plugins: [a/b#v1]}]\n": "2 refs became 1",
		"steps: [{plugins: [a/b#v1, a/c#v2, a/d#v3]}]\n": "2 refs became 3",
		"steps: [{plugins: [a/b#v1, a/c#v3]}]\n":         `"a/c#v2" became "a/c#v3"`,
		"steps: [{plugins: [a/c#v2, a/b#v1]}]\n":         `"a/b#v1" became "a/c#v2"`,
		"steps: [{plugins: [a/b#v1, a/c#v2]}":            "it is no YAML",
	} {
		err := f.Compare([]byte(text))
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want %q", text, err, want)
		}
	}
	pinned := "steps: [{plugins: [a/b#" + sha1Digest + "]}]"
	if f, err = pin.Find("x.yml", []byte(pinned+" # v1\n")); err != nil {
		t.Fatal(err)
	}
	if err := f.Compare([]byte(pinned + " # v2\n")); err == nil || !strings.Contains(err.Error(), "given up") {
		t.Errorf("another version in the comment: error %v", err)
	}
}
