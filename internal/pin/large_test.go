package pin_test

import (
	"context"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/countersign-ci/countersign/internal/config"
	"github.com/countersign-ci/countersign/internal/pin"
)

// size is that of a large file here, in bytes.
const size = 1 << 17

// fill repeats a text up to that size.
func fill(text string) string { return strings.Repeat(text, size/len(text)) }

// large are files that take long if anything is done for each of many things
// that takes as long as the file. None is refused but where it says so.
var large = []struct {
	name, file, text string
	refs             int // at least
	fails            bool
}{
	{name: "steps", file: "x.yml", text: "jobs:\n  a:\n    steps:\n" + fill("      - uses: acme/widgets@v1 # keep\n"), refs: 2_500},
	{name: "flow steps", file: "x.yml", text: "jobs:\n  a:\n    steps:\n" + fill("      - {uses: acme/widgets@v1, name: b}\n"), refs: 2_500},
	{name: "flow steps with comments", file: "x.yml", text: "jobs:\n  a:\n    steps:\n" + fill("      - {uses: acme/widgets@v1, name: 'b # c'} # d # e # f\n"), refs: 1_250},
	{name: "one flow line", file: "x.yml", text: "jobs: {a: {steps: [" + fill("{uses: acme/widgets@v1}, ") + "]}}\n", refs: 2_500},
	{name: "one flow line of plugins", file: "x.yml", text: "steps: [{plugins: [" + fill("a/b#v1.0.0, ") + "]}]\n", refs: 6_250},
	{name: "one flow line of pins", file: "x.yml", text: "steps: [{plugins: [" + fill("a/b#"+sha1Digest+", ") + "]}] # v1\n", refs: 2_500},
	{name: "many #", file: "x.yml", text: "steps: [{plugins: [a/b#v1, c], x: '" + fill(" #") + "'}]\n", refs: 2},
	{name: "many # in a comment", file: "x.yml", text: "steps: [{plugins: [a/b#v1, c]}] x" + fill(" #") + "\n", fails: true},
	{name: "many versions in a comment", file: "x.yml", text: "steps: [{plugins: [a/b#" + sha1Digest + "]}] # " + fill("v1.0.0, ") + "\n", refs: 1},
	{name: "documents", file: "x.yml", text: fill("---\nsteps: [{plugins: [a/b#v1]}]\n"), refs: 2_500},
	{name: "empty documents", file: "x.yml", text: fill("---\n")},
	{name: "jobs", file: "x.yml", text: "jobs:\n" + fill("  a: {uses: acme/widgets@v1}\n"), refs: 2_500},
	{name: "deep flow", file: "x.yml", text: fill("["), fails: true},
	{name: "deep flow maps", file: "x.yml", text: fill("{a: "), fails: true},
	{name: "deep dashes", file: "x.yml", text: fill("- "), fails: true},
	{name: "deep keys", file: "x.yml", text: deep(1000, "a:\n")},
	{name: "deep groups", file: "x.yml", text: strings.Repeat("{steps: [", 2000) + "{plugins: [a/b#v1]}" + strings.Repeat("]}", 2000), refs: 1},
	{name: "keys", file: "x.yml", text: fill("? a\n")},
	{name: "colons", file: "x.yml", text: fill("a:"), fails: true},
	{name: "a long key", file: "x.yml", text: fill("a") + ": b\n", fails: true},
	{name: "quotes", file: "x.yml", text: "a: " + fill("''") + "\n"},
	{name: "anchors", file: "x.yml", text: fill("- &a b\n- *a\n")},
	{name: "steps that stand for many", file: "x.yml", text: "jobs:\n  a: {steps: &s [" + strings.Repeat("{uses: a/b@v1}, ", size/32) + "]}\n" + strings.Repeat("  b: {steps: *s}\n", size/32), fails: true},
	{name: "jobs that stand for many", file: "x.yml", text: "jobs:\n  a: &j {steps: [" + strings.Repeat("{uses: a/b@v1}, ", size/32) + "]}\n" + strings.Repeat("  b: *j\n", size/32), fails: true},
	{name: "merges that stand for many", file: "x.yml", text: "jobs:\n  a: &j {" + strings.Repeat("a: b, ", size/16) + "}\n" + strings.Repeat("  b: {<<: *j}\n", size/32), fails: true},
	{name: "merges of merges", file: "x.yml", text: "x: [" + bomb(100, "{uses: a/b@v1}", "{<<: [*%[1]s, *%[1]s, *%[1]s]}") + "]\njobs: {a: *a99}\n", fails: true},
	{name: "a chain of merges", file: "x.yml", text: "x: [" + bomb(4_000, "{uses: a/b@v1}", "{<<: *%[1]s}") + "]\njobs: {a: *a3999}\n", refs: 1},
	{name: "groups of groups", file: "x.yml", text: "x: [" + bomb(100, "{plugins: [a/b#v1]}", "{steps: [*%[1]s, *%[1]s, *%[1]s]}") + "]\nsteps: *a99\n"},
	{name: "groups of groups of steps", file: "x.yml", text: "x: [" + bomb(100, "[{plugins: [a/b#v1]}]", "[{steps: *%[1]s}, {steps: *%[1]s}]") + "]\nsteps: *a99\n", fails: true},
	{name: "a fragment of aliases", file: "README.md", text: "```yaml\n[" + bomb(100, "[docker#v1.0.0]", "[*%[1]s, *%[1]s, *%[1]s]") + "]\n```\n"},

	{name: "text", file: "README.md", text: fill("acme/docker#v1.0.0 uses: acme/widgets@v1\n")},
	{name: "inline code", file: "README.md", text: fill("`acme/docker#v1.0.0` "), refs: 2_500},
	{name: "inline code that is no YAML", file: "README.md", text: fill("`{@` ")},
	{name: "inline code on lines", file: "README.md", text: fill("- `{a: @}`\n")},
	{name: "backticks", file: "README.md", text: fill("`` ` ")},
	{name: "more and more backticks", file: "README.md", text: growing("`", " ")},
	{name: "brackets", file: "README.md", text: fill("[")},
	{name: "links", file: "README.md", text: fill("[a](")},
	{name: "images", file: "README.md", text: fill("![[]()")},
	{name: "asterisks", file: "README.md", text: fill("*a **b _c __d ")},
	{name: "one run of asterisks", file: "README.md", text: fill("*") + "a"},
	{name: "quotes in quotes", file: "README.md", text: fill("> "), fails: true},
	{name: "lists in lists", file: "README.md", text: fill("- ") + "a", fails: true},
	{name: "numbered lists", file: "README.md", text: fill("1. ") + "a", fails: true},
	{name: "lists in quotes", file: "README.md", text: fill("> - ") + "a", fails: true},
	{name: "lines of quotes", file: "README.md", text: fill(strings.Repeat("> ", 300) + "a\n")},
	{name: "deep lists", file: "README.md", text: deep(1000, "- a\n")},
	{name: "lists", file: "README.md", text: fill("- a\n")},
	{name: "angle brackets", file: "README.md", text: fill("<")},
	{name: "comments", file: "README.md", text: fill("<!-- ")},
	{name: "declarations", file: "README.md", text: fill("a <!A ")},
	{name: "instructions", file: "README.md", text: fill("a <? ")},
	{name: "CDATA", file: "README.md", text: fill("a <![CDATA[ ")},
	{name: "references", file: "README.md", text: fill("[a]: b\n")},
	{name: "uses of references", file: "README.md", text: "[a]: b\n\n" + fill("[a] ")},
	{name: "fences", file: "README.md", text: fill("```yaml\nuses: acme/widgets@v1\n```\n"), refs: 2_500},
	{name: "an open fence", file: "README.md", text: "```yaml\n" + fill("- uses: acme/widgets@v1\n"), refs: 2_500},
	{name: "a fence that is no YAML", file: "README.md", text: "```yaml\n{\n" + fill("- uses: acme/widgets@v1\n"), refs: 2_500},
	{name: "a fence of dashes", file: "README.md", text: "```yaml\n{\n" + fill("- ") + "docker#v1.0.0\n", fails: true},
	{name: "a fence in a quote", file: "README.md", text: "> ```yaml\n" + fill("> - uses: acme/widgets@v1\n"), refs: 2_500},
	{name: "indented code", file: "README.md", text: fill("    - uses: acme/widgets@v1\n"), refs: 2_500},
	{name: "tables", file: "README.md", text: fill("| `docker#v1.0.0` | b |\n"), refs: 2_500},
	{name: "empty lines", file: "README.md", text: fill("\n")},
	{name: "tabs", file: "README.md", text: fill("\t")},
	{name: "escapes", file: "README.md", text: fill(`\`)},
	{name: "entities", file: "README.md", text: fill("&")},
}

func deep(levels int, line string) string {
	var b strings.Builder
	for i := range levels {
		b.WriteString(strings.Repeat(" ", i) + line)
	}
	return b.String()
}

func growing(mark, between string) string {
	var b strings.Builder
	for i := 1; b.Len() < size; i++ {
		b.WriteString(strings.Repeat(mark, i) + between)
	}
	return b.String()
}

// Large files are read and rewritten. There is no clock here: what took
// as long as the square of the length would run into the time limit of the tests.
func TestLarge(t *testing.T) {
	for _, c := range large {
		t.Run(c.name, func(t *testing.T) {
			f, err := pin.Find(c.file, []byte(c.text))
			if (err != nil) != c.fails {
				t.Fatalf("error %v, want one: %v", err, c.fails)
			}
			if err != nil || len(f.Refs) < c.refs {
				if err == nil {
					t.Errorf("%d refs, want %d", len(f.Refs), c.refs)
				}
				return
			}
			result, err := pin.Check(context.Background(), &world{}, []*pin.File{f}, pin.Options{
				Host: "github.com", Style: pin.StyleCommit, Write: true, Now: now, Config: &config.Config{},
			})
			if err != nil {
				t.Fatal(err)
			}
			for _, change := range result.Changes {
				find(t, []txtar.File{{Name: c.file, Data: change.New}})
			}
		})
	}
}
