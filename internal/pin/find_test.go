package pin_test

import (
	"strings"
	"testing"

	"github.com/countersign-ci/countersign/internal/pin"
)

// What cannot be read is an error: a file with one bad place has no refs that
// could be relied on.
func TestUnreadable(t *testing.T) {
	for _, c := range []struct{ name, file, text, err string }{
		{"not UTF-8", "x.yml", "a: \xff\n", "x.yml cannot be read: it is not UTF-8"},
		{"Markdown that is not UTF-8", "README.md", "\xe9", "README.md cannot be read: it is not UTF-8"},
		{"UTF-16", "x.yml", "\xff\xfea\x00:\x00", "x.yml cannot be read: it is not UTF-8"},
		{"no YAML", "x.yml", "a: [b\n", "x.yml cannot be read: it is no YAML"},
		{"no YAML behind a good document", "x.yml", "jobs: {a: {uses: a/b/.github/workflows/c.yml@v1}}\n---\na: [b\n", "x.yml cannot be read: it is no YAML"},
		{"a control character", "x.yml", "a: \x07\n", "x.yml cannot be read: it is no YAML: it has a character"},
		{"a character that ends lines for some", "x.yml", "a: b # c\u2028jobs: {a: {uses: a/b/.github/workflows/c.yml@v1}}\n", "x.yml cannot be read: it is no YAML that is read alike everywhere"},
		{"the same, of another kind", "x.yml", "a: b # c\u0085d: e\n", "x.yml cannot be read: it is no YAML that is read alike everywhere"},
		{"an anchor that holds itself", "x.yml", "a: &a [*a]\n", "x.yml cannot be read: it is no YAML: the anchor"},
		{"text in base64", "x.yml", "steps: [{!!binary cGx1Z2lucw==: [docker#main]}]\n", "x.yml cannot be read: it is no YAML that is read alike everywhere"},
		{"an unknown anchor", "x.yml", "a: *b\n", "x.yml cannot be read: it is no YAML: unknown anchor"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, err := pin.Find(c.file, []byte(c.text))
			if err == nil || !strings.HasPrefix(err.Error(), c.err) || f != nil {
				t.Errorf("%v, error %v, want %s…", f, err, c.err)
			}
		})
	}
}

// A CR alone ends a line, so what follows is no comment.
func TestLoneCR(t *testing.T) {
	for _, text := range []string{
		"# comment\rjobs:\r  a:\r    uses: acme/widgets/.github/workflows/a.yml@v1\r",
		"# ü\rjobs:\r  a:\r    uses: acme/widgets/.github/workflows/a.yml@v1\r",
		"x: ü # comment\rjobs: {a: {uses: acme/widgets/.github/workflows/a.yml@v1}}\n",
	} {
		f, err := pin.Find("x.yml", []byte(text))
		if err != nil || len(f.Refs) != 1 {
			t.Errorf("%q: %+v, error %v", text, f, err)
		}
	}
}
