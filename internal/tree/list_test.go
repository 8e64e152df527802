package tree_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"github.com/countersign-ci/countersign/internal/tree"
)

// defaults are the patterns of design.md, "Pins".
var defaults = []string{"README*.md", ".github/workflows/*.{yml,yaml}", "**/action.{yml,yaml}", ".buildkite/**/*.{yml,yaml}"}

// project has files that the default patterns match and others.
var project = files{
	"README.md":                        "",
	"README.de.md":                     "",
	"docs/README.md":                   "",
	"action.yml":                       "",
	"a/action.yaml":                    "",
	"a/b/c/action.yml":                 "",
	"a/my-action.yml":                  "",
	".github/workflows/ci.yml":         "",
	".github/workflows/ci.yaml":        "",
	".github/workflows/sub/ci.yml":     "",
	".github/workflows/notes.txt":      "",
	".buildkite/pipeline.yml":          "",
	".buildkite/a/b/pipeline.yaml":     "",
	"vendor/x/action.yml":              "",
	"a/node_modules/x/action.yml":      "",
	"a/vendor.d/action.yml":            "",
	".buildkite/vendor/pipeline.yml":   "",
	".action.yml.countersign":          "",
	".buildkite/.p.yml.countersign":    "",
	".buildkite/plugin.d/hooks/x.yaml": "",
}

// matched are the files of project that the default patterns match, without those
// of other projects.
var matched = []string{
	".buildkite/a/b/pipeline.yaml",
	".buildkite/pipeline.yml",
	".buildkite/plugin.d/hooks/x.yaml",
	".github/workflows/ci.yaml",
	".github/workflows/ci.yml",
	"README.de.md",
	"README.md",
	"a/action.yaml",
	"a/b/c/action.yml",
	"a/vendor.d/action.yml",
	"action.yml",
}

func TestTrackedElsewhere(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, project.with(files{".git/action.yml": "", "sub/.git": "", "sub/action.yml": ""}))
	tr := openElsewhere(t, dir)
	got, err := tr.Tracked(defaults)
	want := append(slices.Clone(matched), "sub/action.yml")
	wantNames(t, got, err, want...)
	got, err = tr.Tracked([]string{"**"})
	if err != nil || slices.Contains(got, "sub/.git") || slices.Contains(got, ".git/action.yml") {
		t.Errorf("Tracked(**) = %q, %v", got, err)
	}
}

func TestTrackedInCheckout(t *testing.T) {
	dir := checkout(t, project.with(files{".gitignore": "/a/node_modules\n"}))
	write(t, dir, files{"new/action.yml": ""})
	if err := os.Remove(filepath.Join(dir, "README.de.md")); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(dir, "a/b")); err != nil {
		t.Fatal(err)
	}
	// A file in the place of a tracked file's folder.
	if err := os.RemoveAll(filepath.Join(dir, ".buildkite/a")); err != nil {
		t.Fatal(err)
	}
	write(t, dir, files{".buildkite/a": ""})

	got, err := open(t, dir).Tracked(defaults)
	want := slices.DeleteFunc(slices.Clone(matched), func(name string) bool {
		return name == "README.de.md" || name == "a/b/c/action.yml" || name == ".buildkite/a/b/pipeline.yaml"
	})
	// git tracks what the project has taken in.
	want = append(want, "vendor/x/action.yml", ".buildkite/vendor/pipeline.yml")
	slices.Sort(want)
	wantNames(t, got, err, want...)
}

func TestNamedInCheckout(t *testing.T) {
	dir := checkout(t, files{"a.yml": "", "sub/b.yml": "", ".gitignore": "ignored.yml\n"})
	write(t, dir, files{"c.yml": "", "ignored.yml": "", "sub/new.yml": ""})
	tr := open(t, dir)
	got, err := tr.Named([]string{"**/*.yml"})
	wantNames(t, got, err, "a.yml", "c.yml", "sub/b.yml", "sub/new.yml")
	got, err = tr.Named([]string{"ignored.yml", "./a.yml", "sub//b.yml", "a.*", "none*"})
	wantNames(t, got, err, "a.yml", "ignored.yml", "sub/b.yml")
	got, err = tr.Named(nil)
	wantNames(t, got, err)
	got, err = tr.Tracked([]string{"no/such/folder/*.yml", "a.yml/*"})
	wantNames(t, got, err)
}

func TestNamedElsewhere(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, project)
	tr := openElsewhere(t, dir)
	// A folder that the user names is looked through, whatever it is called, and
	// other patterns do not match there.
	got, err := tr.Named([]string{"vendor/**/*.yml", "**/my-action.yml", "**/action.yaml"})
	wantNames(t, got, err, "a/action.yaml", "a/my-action.yml", "vendor/x/action.yml")
	got, err = tr.Named([]string{"vendor/x/*.yml", "a/**/*.yml", "a/b/c/*", "**/nothing", "vendor/**/nothing"})
	wantNames(t, got, err, "a/b/c/action.yml", "a/my-action.yml", "a/vendor.d/action.yml", "vendor/x/action.yml")
	got, err = tr.Named([]string{"*.m[d]", "vendor/x/action.yml", "README{,.de}.md"})
	wantNames(t, got, err, "README.de.md", "README.md", "vendor/x/action.yml")
	got, err = tr.Named([]string{".buildkite/*", ".buildkite/.*"})
	wantNames(t, got, err, ".buildkite/pipeline.yml")
}

func TestPatterns(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, project.with(files{".git/config": "", "a]": ""}))
	tr := openElsewhere(t, dir)
	for pattern, text := range map[string]string{
		"":                  "no pattern",
		"/etc/passwd":       "begins with a slash",
		"/*":                "begins with a slash",
		"..":                "contains ..",
		"../x":              "contains ..",
		"a/../../x":         "contains ..",
		"a/..":              "contains ..",
		"../*":              "contains ..",
		"{..,a}/*":          "contains ..",
		"{a,..}/*":          "contains ..",
		"*/../*":            "contains ..",
		`a\b`:               "backslash",
		`..\a`:              "backslash",
		`\*`:                "backslash",
		"[":                 "malformed",
		"a[]":               "malformed",
		"{a":                "malformed",
		"a}":                "malformed",
		"*\x00":             "cannot be the name",
		"a\x00":             "cannot be the name",
		".git/config":       "git's own",
		".GIT/config":       "git's own",
		"a/.git/*":          "git's own",
		"nothing.yml":       "does not exist",
		"README.md/x":       "does not exist",
		"nothing/README.md": "does not exist",
		"a":                 "is a folder",
		"a/b/":              "is a folder",
		".":                 "is a folder",
	} {
		_, err := tr.Named([]string{"README.md", pattern})
		wantError(t, err, text, true)
		if text == "does not exist" || text == "is a folder" {
			continue
		}
		_, err = tr.Tracked([]string{"README.md", pattern})
		wantError(t, err, text, true)
	}
	got, err := tr.Named([]string{"a]", "..README*", "{a..b,c}"})
	wantNames(t, got, err, "a]")
}

// Whatever the patterns, what is found is a file of the tree.
func FuzzNamed(f *testing.F) {
	for _, p := range append([]string{"a.yml", "../*", "{a,b}*", "[!a]*", "a//../b", "link/*", "./.", "**/{,*}", "\x00", "a\\b"}, defaults...) {
		f.Add(p)
	}
	all := files{"a.yml": "", "sub/a.yml": "", "sub/deep/b": "", ".git/config": "", "vendor/x": ""}
	dir := f.TempDir()
	write(f, dir, all)
	link(f, "sub", filepath.Join(dir, "link"))
	f.Setenv("PATH", "")
	tr := open(f, dir)
	f.Fuzz(func(t *testing.T, pattern string) {
		got, err := tr.Named([]string{pattern})
		var e *tree.Error
		if err != nil && (!errors.As(err, &e) || len(got) > 0) {
			t.Errorf("Named(%q) = %q, %v", pattern, got, err)
		}
		for _, name := range got {
			if _, ok := all[name]; !ok || name == ".git/config" {
				t.Errorf("Named(%q) has %q", pattern, name)
			}
		}
	})
}

// Names that a program that puts them on command lines or reads them line by
// line gets wrong.
func TestHostileNames(t *testing.T) {
	hostile := []string{
		"new\nline.yml", "spa ce.yml", " .yml", "quo\"te'.yml", "-rf.yml", "--.yml", "tab\t.yml", "$(id).yml", "ä.yml",
		"[x].yml", "{a,b}.yml", "*.yml", ":(exclude)x.yml", "a..b.yml", "...yml", "~.yml", "%00.yml", "\x1b[31m.yml",
	}
	if runtime.GOOS == "windows" {
		t.Skip("most of these names cannot be there")
	}
	if runtime.GOOS == "linux" {
		hostile = append(hostile, "not-utf8-\xff\xfe.yml", `back\slash.yml`)
	}
	all := files{}
	for _, name := range hostile {
		all[name] = "old of " + name
		all["-d\n/"+name] = "old of " + name
	}
	dir := checkout(t, all)
	check := func(t *testing.T, tr *tree.Tree) {
		var want []string
		for name := range all {
			want = append(want, name)
		}
		slices.Sort(want)
		got, err := tr.Tracked([]string{"**/*.yml"})
		wantNames(t, got, err, want...)
		got, err = tr.Named([]string{"**/*.yml"})
		wantNames(t, got, err, want...)

		read := make([]string, len(got))
		err = tr.Each(got, func(i int, name string, content []byte) error {
			read[i] = string(content)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		var forth, back []tree.Change
		for i, name := range got {
			if read[i] != all[name] {
				t.Errorf("content of %q is %q", name, read[i])
			}
			forth = append(forth, tree.Change{Name: name, Old: []byte(read[i]), New: []byte("new\r\n")})
			back = append(back, tree.Change{Name: name, Old: []byte("new\r\n"), New: []byte(read[i])})
		}
		for _, changes := range [][]tree.Change{forth, back} {
			if err := tr.Replace(changes); err != nil {
				t.Fatal(err)
			}
			for _, c := range changes {
				if got, err := tr.Read(c.Name); err != nil || string(got) != string(c.New) {
					t.Errorf("Read(%q) = %q, %v, want %q", c.Name, got, err, c.New)
				}
			}
		}
	}
	t.Run("checkout", func(t *testing.T) {
		tr := open(t, dir)
		check(t, tr)
		if err := tr.Clean(context.Background(), hostile); err != nil {
			t.Error(err)
		}
	})
	t.Run("elsewhere", func(t *testing.T) { check(t, openElsewhere(t, dir)) })
	got, err := openElsewhere(t, dir).Named([]string{"-rf.yml", " .yml", "new\nline.yml", "[[]x].yml"})
	wantNames(t, got, err, " .yml", "-rf.yml", "[x].yml", "new\nline.yml")
}

func TestOpen(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, files{"file": ""})
	ctx := context.Background()
	_, err := tree.Open(ctx, filepath.Join(dir, "nothing"))
	wantError(t, err, "cannot be opened", false)
	_, err = tree.Open(ctx, filepath.Join(dir, "file"))
	wantError(t, err, "is not a folder", false)

	link(t, dir, filepath.Join(t.TempDir(), "link"))
	t.Chdir(dir)
	got, err := openElsewhere(t, ".").Tracked([]string{"*"})
	wantNames(t, got, err, "file")
}
