package pin

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

// A place is what matters of a ref that was found.
type place struct {
	Start, End int32
	Plugin     bool
	Job        bool
}

// bothWays finds the refs of a text as parsePlain reads it and as parseYAML does.
func bothWays(t *testing.T, text []byte) {
	t.Helper()
	var fast, full document
	var p plainParser
	fast.reset(text)
	if !p.parsePlain(&fast) {
		return
	}
	full.reset(text)
	if err := parseYAML(&full); err != nil {
		t.Fatalf("read plainly, but %v:\n%q", err, text)
	}
	for name, walk := range map[string]func(*walker){"file": (*walker).file, "fragment": (*walker).fragment} {
		var places [2][]place
		for i, d := range []*document{&fast, &full} {
			w := walker{document: d}
			walk(&w)
			if w.unread {
				places[1] = nil
				break
			}
			for _, f := range w.refs {
				n := d.nodes[f.node]
				if !n.spliceable {
					n.start, n.end = d.nodes[f.key].start, d.nodes[f.key].start
				}
				places[i] = append(places[i], place{n.start, n.end, f.plugin, f.job})
			}
		}
		if diff := cmp.Diff(places[1], places[0]); diff != "" {
			t.Errorf("%s: refs (-YAML +plain):\n%s\n%q", name, diff, text)
		}
	}
	if diff := cmp.Diff(outline(&full), outline(&fast)); diff != "" {
		t.Errorf("values (-YAML +plain):\n%s\n%q", diff, text)
	}
}

// outline returns the structure and the values of a document, one node a line:
// cmp takes very long with values that are deep in each other.
func outline(d *document) string {
	var b strings.Builder
	var add func(i int32, depth int)
	add = func(i int32, depth int) {
		n := d.nodes[i]
		value := "" // the plain way knows none that does not stand in the text
		if n.spliceable {
			value = string(d.text[n.start:n.end])
		}
		fmt.Fprintf(&b, "%*s%d %q\n", depth, "", n.kind, value)
		for c := n.first; c != 0; c = d.nodes[c].next {
			add(c, depth+1)
		}
	}
	for _, r := range d.roots {
		add(r, 0)
	}
	return b.String()
}

func FuzzPlain(f *testing.F) {
	for _, seed := range []string{
		"", "a", "a: b", "---\na: b\n", "jobs:\n  a:\n    uses: a/b/.github/workflows/c.yml@v1 # v1\n",
		"steps:\n- plugins:\n  - docker#v1.0.0:\n      image: x\n  - 'a/b#v1'\n- wait\n- - x\n",
		"runs:\n  steps:\n    - run: |\n        uses: a/b@v1\n\n      # c\n      uses: c/d@v2\n    - uses: \"e/f@v1\"\n",
		"a: >-\n  x\n   y\nb: [c, d e]\r\nc: 'x' # y\r\n",
		"a:\n- b\nc:\n  - d:\n    e: f\n  -\n    g: h\n", "a: b\n  c\n", "a: b: c", "a: |2\n   x", "\ufeffa: b", "a:\tb", "a: #b\n c: d", "a: b #c",
		"- a: |\n   x\n  b: c\n", "a: |\n\n\n  \n x\n", "\"a\": b", "'a': 'b''c'", "a: [b,c", "a: []", "a: \u2028b", "a : b", "a: b\rc: d", "# \u00fc\ra: b\n",
		"a: [ \"b\", 'c d' , e*, \"f]\" ] # g\n", "a: ['b': c]", "a: [\"b\"c]", "a: [b,]", "a: [ ]", "a: ['b''c']", "a: { } # b",
		"a: -b\nc: --d e\ne: -1\n", "a: -", "a: - b", "a: ~/b\nb: ^1\n~: c", "a: [~, ^1.x, -1]", "---", "---\n--- # a\nb", "# a\n---\n",
		"a: [b\n]", "a: [b #c]", "a: [\" ,b]", "a: [b] c", "a: [*b]", "a: [@b, - c]", "---\n---\na: b", "a: { b",
		"jobs:\n a:\n  uses:", "steps:\n- plugins:\n  -\n",
		"- - a: b\n    c: d\n  - e\n-\n  - f\n", "a:\n b:\n  c:\n d: e\n", "a:\n   b: c\n  d: e\n", "a:\n- b\n c: d\n", "- a\n b: c\n", "a:\n  - b\n  c: d\n",
		"a: &b c\nd: *b\n", "a: !!str b\n", "? a\n: b\n", "<<: {a: b}\n", "\"<<\": a\n", "a: \"b\\n\"\n", "a: 'b\n  c'\n", "a: b # c\n  d\n", "%YAML 1.1\n---\na: b\n", "a: b\n...\n", "a: b\n---\nc: d\n",
		"a: |+\n\n  b\n\nc: d\n", "a: |\n  b\n # c\nd: e\n", "a: >\n\tb\n", "- |\n a\n- >-\n b\n", "a: |\nb: c\n", "a: |", "a: | # b\n  c", "a: |#b\n  c",
		"a:b: c\n", "a::b: c\n", "a#b: c#d\n", "a: b:c\n", "http://a: b\n", "- http://a\n", "a: @b\n", "a: `b`\n", "a: %b\n", "a: , b\n", "a: \u00e9\n\u00e9: b\n", "\t\na: b\n", "a: b\t\n", "a:  b  # c  \n",
		"true: 1\n~:\nnull: 0x1\n- a\n", "a: (b)\n(c): d\n", "a: $b\n", "a: /b\n.c: d\n", "''\n", "\"\": ''\n",
		strings.Repeat("- ", 200) + "a", strings.Repeat("- ", 60) + "a", strings.Repeat("k", 2000) + ": v", "jobs:\r\n  a:\r\n    uses: |\r\n      b/c@v1\r\n",
	} {
		f.Add([]byte(seed))
	}
	names, err := filepath.Glob("testdata/rewrite/*.txtar")
	if err != nil || len(names) == 0 {
		f.Fatal("there are no golden files", err)
	}
	for _, name := range names {
		archive, err := txtar.ParseFile(name)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range archive.Files {
			f.Add(file.Data)
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) { bothWays(t, text) })
}

// What the parser for the common form does not read it leaves to the other one.
// If it gave up on what people write, that would only be slow: so this says what
// it has to read.
func TestPlainReadsWorkflows(t *testing.T) {
	names, err := filepath.Glob(filepath.Join("..", "..", ".github", "workflows", "*.yml"))
	if err != nil || len(names) == 0 {
		t.Fatal("there are no workflows", err)
	}
	texts := map[string][]byte{
		"lists":   []byte("branches: [ \"main\", 'v1]', release/* ] # all\nmatrix:\n  go: ['1.25', stable, ^1.26, \"\"]\n"),
		"options": []byte("args: -E x\nwith:\n  args: --timeout=5m\n  days: -1\n"),
		"nothing": []byte("workflow_dispatch: { } # by hand\npermissions: {}\nsteps: [ ]\n"),
		"paths":   []byte("path: ~/go/pkg/mod\ngo: ^1.25\n"),
	}
	for _, name := range names {
		if texts[name], err = os.ReadFile(name); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range texts {
		var d document
		d.reset(text)
		if !new(plainParser).parsePlain(&d) {
			t.Errorf("%s is not read plainly", name)
		}
		bothWays(t, text)
	}
}
