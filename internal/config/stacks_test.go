package config_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign-ci/countersign/internal/config"
)

const (
	longID   = `a` + `123456789a123456789a123456789a123456789a123456789a123456789a123456789a123456789a123456789a123456789`
	noFile   = ", which matches no file"
	inStacks = "version: 1\nstacks:\n"
)

// stacksCases are files and what ParseStacks says about them; empty: nothing.
var stacksCases = []struct{ text, want string }{
	{inStacks + "  a: ['**']\n", accepted},
	{"stacks: {a: [b]}\nversion: 1\n", accepted},
	{`{"version": 1, "stacks": {"a": ["b"]}}`, accepted},
	{"\ufeffversion: 1\r\nstacks:\r\n  a:\r\n    - b\r\n", accepted},
	{inStacks + "  123: [a]\n  true: [a]\n  null: [a]\n  _-: [a]\n  A: [a]\n", accepted},
	{inStacks + "  " + longID + ": [a]\n", accepted},
	{inStacks + "  stacks: [.github/**, '*.{tf,tfvars}', 'a/[a-z]?/**/b', a b, 'ä/*']\n", accepted},

	// The file as a whole.
	{"", ":1:1: the file is empty, so there is no stack"},
	{"# nothing\n---\n", ":1:1: the file is empty, so there is no stack"},
	{"null", ":1:1: the file has nothing where a mapping is expected"},
	{"- a\n", ":1:1: the file has a list where a mapping is expected"},
	{"a", ":1:1: the file has a text where a mapping is expected"},
	{"version: 1\n---\nversion: 1\n", ":2:1: there is a second document"},
	{"version: 1\nstacks: [\n", ":3: this is not YAML: did not find expected node content"},
	{"version: 1\nstacks:\n\ta: [b]\n", ":3:1: there is a tab"},
	{"#" + strings.Repeat(" ", config.MaxSize), ": the file has more than 256 KiB"},
	{inStacks + "  a: &x [b]\n", ":3:6: there is an anchor"},
	{inStacks + "  a: [b]\n  c: *x\n", ":4: there is an alias"},
	{inStacks + "  a: &x [b]\n  c: *x\n", ":3:6: there is an anchor"},
	{inStacks + "  a: !!seq [b]\n", ":3:6: there is a tag"},
	{inStacks + "  <<: {a: [b]}\n", ":3:3: there is a merge key, <<"},

	// The version.
	{"{}", `:1:1: "version" is missing`},
	{"stacks: {a: [b]}\n", `:1:1: "version" is missing`},
	{"version: 2\nstacks: {a: [b]}\n", `:1:10: "version" is another one than 1`},
	{"version: 2\nrules: []\n", `:1:10: "version" is another one than 1`},
	{"version: 1.0\nstacks: {a: [b]}\n", `:1:10: "version" has a number where an integer is expected`},
	{"version: '1'\nstacks: {a: [b]}\n", `:1:10: "version" has a text where a number is expected`},
	{"version:\nstacks: {a: [b]}\n", `:1:9: "version" has nothing where a number is expected`},
	{"version: 1\nversion: 1\nstacks: {a: [b]}\n", `:2:1: there is a second "version"; the first is on line 1`},

	// Keys.
	{"version: 1\n", `:1:1: "stacks" is missing`},
	{"version: 1\nstack: {a: [b]}\n", `:2:1: there is no key "stack"; did you mean "stacks"?`},
	{inStacks + "  a: [b]\ntoken: s3cret\n", `:4:1: there is no key "token"`},
	{"version: 1\nstacks: {a: [b]}\nstacks: {c: [b]}\n", `:3:1: there is a second "stacks"; the first is on line 2`},
	{"version: 1\nstacks:\n", `:2:8: "stacks" has nothing where a mapping is expected`},
	{"version: 1\nstacks: {}\n", `:2:9: "stacks" has no stack`},
	{"version: 1\nstacks: [a]\n", `:2:9: "stacks" has a list where a mapping is expected`},
	{"version: 1\nstacks: a\n", `:2:9: "stacks" has a text where a mapping is expected`},

	// Ids.
	{inStacks + "  a: [b]\n  a: [c]\n", `:4:3: there is a second "a"; the first is on line 3`},
	{inStacks + "  a: [b]\n  'a': [c]\n", `:4:3: there is a second "a"; the first is on line 3`},
	{inStacks + "  a: [b]\n  app/prod: [c]\n", `:4:3: "stacks" has "app/prod", which is no id of a stack`},
	{inStacks + "  '': [b]\n", `:3:3: "stacks" has "", which is no id of a stack`},
	{inStacks + "  ~: [b]\n", `:3:3: "stacks" has "~", which is no id of a stack`},
	{inStacks + "  a b: [b]\n", `:3:3: "stacks" has "a b", which is no id of a stack`},
	{inStacks + "  a.b: [b]\n", `:3:3: "stacks" has "a.b", which is no id of a stack`},
	{inStacks + "  ä: [b]\n", `:3:3: "stacks" has "ä", which is no id of a stack`},
	{inStacks + `  "a\n": [b]` + "\n", `:3:3: "stacks" has "a\n", which is no id of a stack`},
	{inStacks + "  " + longID + "a: [b]\n", `:3:3: "stacks" has "` + longID[:40] + `", which is no id of a stack`},
	{inStacks + "  [a]: [b]\n", ":3:3: a key is a list and has to be a text"},

	// Globs.
	{inStacks + "  a: []\n", `:3:6: "stacks.a" is an empty list`},
	{inStacks + "  a:\n", `:3:5: "stacks.a" has nothing where a list is expected`},
	{inStacks + "  a: infra/**\n", `:3:6: "stacks.a" has a text where a list is expected`},
	{inStacks + "  a: {paths: [b]}\n", `:3:6: "stacks.a" has a mapping where a list is expected`},
	{inStacks + "  a: [1]\n", `:3:7: "stacks.a" has a number where a text is expected`},
	{inStacks + "  a: [[b]]\n", `:3:7: "stacks.a" has a list where a text is expected`},
	{inStacks + "  a:\n    - b\n    -\n", `:5:6: "stacks.a" has nothing where a text is expected`},
	{inStacks + "  a: [b, /infra/**]\n", `:3:10: "stacks.a" has "/infra/**"` + noFile},
	{inStacks + "  a: [./infra/**]\n", `:3:7: "stacks.a" has "./infra/**"` + noFile},
	{inStacks + "  a:\n    - ../infra/**\n", `:4:7: "stacks.a" has "../infra/**"` + noFile},
	{inStacks + "  a: [infra/../b]\n", `:3:7: "stacks.a" has "infra/../b"` + noFile},
	{inStacks + "  a: [infra/..]\n", `:3:7: "stacks.a" has "infra/.."` + noFile},
	{inStacks + "  a: [infra/]\n", `:3:7: "stacks.a" has "infra/"` + noFile},
	{inStacks + "  a: [infra//b]\n", `:3:7: "stacks.a" has "infra//b"` + noFile},
	{inStacks + "  a: ['infra\\*']\n", `:3:7: "stacks.a" has "infra\\*"` + noFile},
	{inStacks + "  a: ['!infra/**']\n", `:3:7: "stacks.a" has "!infra/**"` + noFile},
	{inStacks + "  a: ['']\n", `:3:7: "stacks.a" has ""` + noFile},
	{inStacks + "  a: ['[a']\n", `:3:7: "stacks.a" has a glob that is malformed`},
	{inStacks + "  a: ['{a']\n", `:3:7: "stacks.a" has a glob that is malformed`},
	{inStacks + "  a: ['" + strings.Repeat("{a,b}", 8) + "']\n", `:3:7: "stacks.a" has a glob with more than 128 alternatives`},
	{inStacks + "  a: [" + strings.Repeat("a", 257) + "]\n", `:3:7: "stacks.a" has a path of more than 256 bytes`},
	{inStacks + "  a: [" + strings.Repeat("b,", 1001) + "]\n", `:3:6: "stacks.a" has more than 1000 items`},
}

// wantStacksError checks an error as wantError does.
func wantStacksError(t *testing.T, text string, s config.Stacks, err error) string {
	t.Helper()
	if s != nil {
		t.Fatalf("%.100q: %+v and %v, want an error alone", text, s, err)
	}
	return wantError(t, text, nil, err)
}

func parseStacks(t *testing.T, text string) config.Stacks {
	t.Helper()
	s, err := config.ParseStacks(name, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestParseStacks(t *testing.T) {
	t.Parallel()
	for _, c := range stacksCases {
		s, err := config.ParseStacks(name, []byte(c.text))
		if err == nil {
			if c.want != accepted {
				t.Errorf("%.100q: accepted, want %q", c.text, c.want)
			}
			continue
		}
		if said := wantStacksError(t, c.text, s, err); said != c.want {
			t.Errorf("%.100q:\n got %q\nwant %q", c.text, said, c.want)
		}
	}
}

// stacksExample returns the file in the comment of ParseStacks.
func stacksExample(t testing.TB) string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "stacks.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	for _, decl := range file.Decls {
		if f, ok := decl.(*ast.FuncDecl); ok && f.Name.Name == "ParseStacks" {
			block := regexp.MustCompile(`(?m)(?:^\t.*\n)+`).FindString(f.Doc.Text())
			return regexp.MustCompile(`(?m)^\t`).ReplaceAllString(block, "")
		}
	}
	t.Fatal("there is no ParseStacks")
	return ""
}

func TestStacksExample(t *testing.T) {
	t.Parallel()
	want := config.Stacks{
		{ID: "network", Paths: []string{"infra/network/**", "modules/**"}},
		{ID: "app-prod", Paths: []string{"infra/app/**"}},
	}
	if diff := cmp.Diff(want, parseStacks(t, stacksExample(t))); diff != "" {
		t.Errorf("the example of the comment (-want +got):\n%s", diff)
	}
}

func TestTouched(t *testing.T) {
	t.Parallel()
	s := parseStacks(t, inStacks+`
  z-network: [infra/network/**, modules/**]
  app-prod: [infra/app/**]
  app-dev: [infra/app/*.tf, "infra/app/{dev,test}/**"]
  docs: ["**/*.md"]
  one: [infra/one.tf]
  Case: [Infra/**]
  hidden: [".*/**", "[a-c]?/x"]
`)
	for _, test := range []struct {
		paths string
		want  []string
	}{
		{"", nil},
		{"main.tf other/infra/network/main.tf infranetwork/x infra/networks/x", nil},
		{"infra/network/main.tf", []string{"z-network"}},
		{"infra/network/a/b/c.tf", []string{"z-network"}},
		{"infra/network", []string{"z-network"}}, // a submodule or a link
		{"modules/vpc", []string{"z-network"}},
		{"infra/app/main.tf", []string{"app-prod", "app-dev"}},
		{"infra/app/prod/main.tf", []string{"app-prod"}},
		{"infra/app/dev/main.tf", []string{"app-prod", "app-dev"}},
		{"infra/app/.hidden", []string{"app-prod"}},
		{"README.md", []string{"docs"}},
		{"infra/network/README.md", []string{"z-network", "docs"}},
		{"infra/one.tf", []string{"one"}},
		{"infra/one.tf/x", []string{"one"}}, // a folder by its name
		{"infra/one.tfx Infra/one_tf", []string{"Case"}},
		{"infra/ONE.tf INFRA/network/x infra/App/x readme.MD", nil},
		{".github/workflows/x.yml", []string{"hidden"}},
		{"bb/x", []string{"hidden"}},
		{"dd/x b//x b/x", nil},
		{"infra/one.tf modules/x infra/app/x docs/x.md infra/app/y modules/x", []string{"z-network", "app-prod", "docs", "one"}},
		{`infra\network\main.tf /infra/network/x`, nil},
	} {
		if diff := cmp.Diff(test.want, s.Touched(strings.Fields(test.paths))); diff != "" {
			t.Errorf("%s touches (-want +got):\n%s", test.paths, diff)
		}
	}
	if got := parseStacks(t, inStacks+"  all: ['**']\n").Touched([]string{"ä b/€\n.tf"}); len(got) != 1 {
		t.Errorf("** touches %q", got)
	}
}

func ExampleParseStacks() {
	stacks, err := config.ParseStacks("stacks.yml", []byte(`
version: 1
stacks:
  network: [infra/network/**, modules/**]
  app-prod: [infra/app/**]
`))
	fmt.Println(stacks.Touched([]string{"infra/app/main.tf", "README.md"}), err)

	_, err = config.ParseStacks("stacks.yml", []byte("version: 1\nstacks:\n  network: [./infra/**]\n"))
	var e *config.Error
	if errors.As(err, &e) {
		fmt.Println("error:", e)
		fmt.Println("hint:", e.Hint())
	}
	// Output:
	// [app-prod] <nil>
	// error: stacks.yml:3:13: "stacks.network" has "./infra/**", which matches no file
	// hint: write a path from the root of the repository, such as docs/*.md; there is no . or .. in it, no \ and no ! that negates
}

// FuzzParseStacks has any text be refused with a place and a hint, or be stacks that
// are the same when they are written and read again.
func FuzzParseStacks(f *testing.F) {
	for _, c := range stacksCases {
		if len(c.text) < 1<<12 {
			f.Add([]byte(c.text), "infra/app/main.tf")
		}
	}
	f.Add([]byte(stacksExample(f)), "modules/x")
	id := regexp.MustCompile(`^[A-Za-z0-9_-]{1,100}$`)
	f.Fuzz(func(t *testing.T, text []byte, path string) {
		s, err := config.ParseStacks(name, text)
		if err != nil {
			wantStacksError(t, string(text), s, err)
			return
		}
		var again strings.Builder
		var ids []string
		again.WriteString(inStacks)
		for _, stack := range s {
			if !id.MatchString(stack.ID) || slices.Contains(ids, stack.ID) || len(stack.Paths) == 0 {
				t.Errorf("the stack %+v", stack)
			}
			ids = append(ids, stack.ID)
			fmt.Fprintf(&again, "  %s:\n", stack.ID)
			for _, glob := range stack.Paths {
				if slices.Contains(strings.Split(glob, "/"), "..") || strings.HasPrefix(glob, "/") || strings.HasPrefix(glob, "./") {
					t.Errorf("the glob %q", glob)
				}
				if !strings.ContainsAny(glob, `*?[]{}`) && !slices.Contains(s.Touched([]string{path, glob}), stack.ID) {
					t.Errorf("%q does not match itself", glob)
				}
				quoted, err := json.Marshal(glob)
				if err != nil {
					t.Fatal(err)
				}
				fmt.Fprintf(&again, "  - %s\n", strings.ReplaceAll(string(quoted), "\u007f", `\u007f`))
			}
		}
		if len(ids) == 0 || s.Touched(nil) != nil {
			t.Errorf("%q are touched by nothing, of %q", s.Touched(nil), ids)
		}
		at := 0
		for _, id := range s.Touched([]string{path}) {
			i := slices.Index(ids[at:], id)
			if i < 0 {
				t.Fatalf("%q in another order than %q", s.Touched([]string{path}), ids)
			}
			at += i + 1
		}
		second, err := config.ParseStacks(name, []byte(again.String()))
		if len(again.String()) > config.MaxSize {
			return
		}
		if diff := cmp.Diff(s, second); err != nil || diff != "" {
			t.Errorf("written and read again: %v (-first +second):\n%s", err, diff)
		}
	})
}
