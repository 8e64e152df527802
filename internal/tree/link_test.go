package tree_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/countersign-ci/countersign/internal/tree"
)

// eachWay runs a test with a folder in no checkout, and with the same folder where
// all is tracked.
func eachWay(t *testing.T, fill func(t *testing.T, dir string), test func(t *testing.T, tr *tree.Tree)) {
	t.Run("elsewhere", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "root")
		write(t, dir, files{"README.md": "read me"})
		fill(t, dir)
		test(t, openElsewhere(t, dir))
	})
	t.Run("checkout", func(t *testing.T) {
		top := checkout(t, nil)
		dir := filepath.Join(top, "root")
		write(t, dir, files{"README.md": "read me"})
		fill(t, dir)
		commit(t, top)
		test(t, open(t, dir))
	})
}

func TestLinksInside(t *testing.T) {
	fill := func(t *testing.T, dir string) {
		write(t, dir, files{"docs/use.md": "use", "ci/p.yml": "p", "ci/deep/q.yml": "q", "out/of/sight.md": "s"})
		link(t, "docs/use.md", filepath.Join(dir, "README.use.md"))
		link(t, "../README.use.md", filepath.Join(dir, "docs/README.again.md"))
		link(t, filepath.Join(dir, "README.md"), filepath.Join(dir, "absolute.md"))
		link(t, "ci", filepath.Join(dir, ".buildkite"))
		link(t, ".", filepath.Join(dir, "self"))
	}
	eachWay(t, fill, func(t *testing.T, tr *tree.Tree) {
		got, err := tr.Tracked([]string{"README*.md", "docs/*.md", "absolute.md", ".buildkite/**/*.yml"})
		wantNames(t, got, err, "README.md", "ci/deep/q.yml", "ci/p.yml", "docs/use.md")
		got, err = tr.Named([]string{"README.use.md", "docs/README*", "self/absolute.md", ".buildkite/deep/q.yml"})
		wantNames(t, got, err, "README.md", "ci/deep/q.yml", "docs/use.md")
		got, err = tr.Named([]string{"self/self/*.md"})
		wantNames(t, got, err, "README.md", "docs/use.md")
		// A link to a folder is no file, and its files are there by their own names.
		got, err = tr.Named([]string{"{.buildkite,self}"})
		wantNames(t, got, err)
		_, err = tr.Named([]string{".buildkite"})
		wantError(t, err, "is a folder", true)
		content, err := tr.Read("docs/README.again.md")
		if string(content) != "use" || err != nil {
			t.Errorf("Read = %q, %v", content, err)
		}
	})
}

func TestLinksOutside(t *testing.T) {
	const out, nowhere, own = "leads out of the folder", "leads to no file", "leads into .git"
	for _, c := range []struct{ target, at, named, glob, text string }{
		{"../secret/file.yml", "x.yml", "x.yml", "*.yml", out},
		{"../secret", "x.yml", "x.yml", "*.yml", out},
		{"../secret", "ci", "ci/file.yml", "ci/*.yml", out},
		{"../secret", "ci", "ci/file.yml", "ci/**/file.*", out},
		{"../../secret", "a/ci", "a/ci/deep/file.yml", "a/ci/deep/*.yml", out},
		{"../secret", "ci", "ci", "c*", out},
		{"..", "x", "x/secret/file.yml", "x/secret/*.yml", out},
		{"..", "x", "x", "?", out},
		{"../root-too/file.yml", "x.yml", "x.yml", "*.yml", out},
		{"/", "x", "x/etc/passwd", "x/etc/*", out},
		{"nothing", "x.yml", "x.yml", "*.yml", nowhere},
		{"x.yml", "x.yml", "x.yml", "*.yml", nowhere},
		{"README.md/x", "x.yml", "x.yml", "*.yml", nowhere},
		{"nothing", "ci", "", "ci/*.yml", nowhere},
		{"nothing", "ci", "", "ci/deep/*.yml", nowhere},
		{".git/config", "x.yml", "x.yml", "*.yml", own},
		{".git", "ci", "ci/config", "ci/*", own},
	} {
		t.Run(c.target+" at "+c.at, func(t *testing.T) {
			fill := func(t *testing.T, dir string) {
				write(t, dir, files{"../secret/file.yml": "s", "../secret/deep/file.yml": "s", "../root-too/file.yml": "s"})
				link(t, c.target, filepath.Join(dir, c.at))
				if c.text == own {
					write(t, dir, files{".git/config": ""})
				}
			}
			check := func(t *testing.T, tr *tree.Tree) {
				_, err := tr.Tracked([]string{"README.md", c.glob})
				wantError(t, err, c.text, false)
				_, err = tr.Named([]string{"README.md", c.glob})
				wantError(t, err, c.text, false)
				if c.named != "" {
					_, err = tr.Named([]string{c.named})
					wantError(t, err, c.text, false)
					_, err = tr.Read(c.named)
					wantError(t, err, c.text, false)
					err = tr.Replace([]tree.Change{{Name: c.named, Old: []byte("s"), New: []byte("t")}})
					wantError(t, err, c.text, false)
				}
				err = tr.Each([]string{c.at}, func(int, string, []byte) error {
					t.Error("a link was read")
					return nil
				})
				wantError(t, err, "", false)
				// What is not asked for does not matter.
				got, err := tr.Tracked([]string{"README.md"})
				wantNames(t, got, err, "README.md")
			}
			if c.text == own {
				// git does not track a link into .git where it is its own.
				dir := filepath.Join(t.TempDir(), "root")
				write(t, dir, files{"README.md": ""})
				fill(t, dir)
				check(t, openElsewhere(t, dir))
				return
			}
			eachWay(t, fill, check)
		})
	}
}

// A link has come in the place of a tracked file, or of its folder, since.
func TestLinkInPlace(t *testing.T) {
	for name, c := range map[string]struct{ remove, target, text string }{
		"file":             {"ci/deep/a.yml", "../../../secret.yml", "leads out"},
		"folder":           {"ci/deep", "../../secret", "leads out"},
		"folder above":     {"ci", "../secret", "leads out"},
		"empty folder":     {"ci/deep", "../../empty", "leads out"},
		"broken":           {"ci", "nothing", "leads to no file"},
		"folder inside":    {"ci/deep", "../other", ""},
		"folder without":   {"ci/deep", "../none", ""},
		"file inside":      {"ci/deep/a.yml", "../../other/a.yml", ""},
		"a file as folder": {"ci/deep", "../other/a.yml", ""},
	} {
		t.Run(name, func(t *testing.T) {
			top := checkout(t, files{"secret.yml": "", "secret/a.yml": "", "root/ci/deep/a.yml": "", "root/other/a.yml": "", "root/none/b": "", "empty/b": ""})
			dir := filepath.Join(top, "root")
			if err := os.RemoveAll(filepath.Join(dir, c.remove)); err != nil {
				t.Fatal(err)
			}
			link(t, c.target, filepath.Join(dir, c.remove))
			tr := open(t, dir)
			for _, pattern := range []string{"**/a.yml", "{ci,other}/**"} {
				got, err := tr.Tracked([]string{pattern})
				if c.text != "" {
					wantError(t, err, c.text, false)
					continue
				}
				wantNames(t, got, err, "other/a.yml")
			}
			err := tr.Each([]string{"other/a.yml", "ci/deep/a.yml"}, func(int, string, []byte) error { return nil })
			wantError(t, err, "ci/deep/a.yml", false)
		})
	}
}

func TestNestedCheckout(t *testing.T) {
	dir := checkout(t, files{"a.yml": ""})
	write(t, dir, files{"nested/a.yml": ""})
	nested := filepath.Join(dir, "nested")
	git(t, nested, "init", "--quiet")
	commit(t, nested)
	tr := open(t, dir)
	// Another checkout is not part of this one, unless somebody says so.
	got, err := tr.Named([]string{"**"})
	wantNames(t, got, err, "a.yml")
	got, err = tr.Named([]string{"nested/a.yml"})
	wantNames(t, got, err, "nested/a.yml")
	got, err = open(t, nested).Tracked([]string{"**"})
	wantNames(t, got, err, "a.yml")

	git(t, dir, "-c", "advice.addEmbeddedRepo=false", "add", "nested") // a submodule: mode 160000
	got, err = tr.Tracked([]string{"**"})
	wantNames(t, got, err, "a.yml")
}

func TestSubfolderAndWorktree(t *testing.T) {
	dir := checkout(t, files{"a.yml": "", "sub/a.yml": "", "sub/.github/workflows/b.yml": ""})
	other := filepath.Join(t.TempDir(), "other")
	git(t, dir, "worktree", "add", "--quiet", "-b", "side", other)
	for _, top := range []string{dir, other} {
		write(t, top, files{"sub/new.yml": ""})
		tr := open(t, filepath.Join(top, "sub"))
		got, err := tr.Tracked([]string{"**/*.yml"})
		wantNames(t, got, err, ".github/workflows/b.yml", "a.yml")
		got, err = tr.Named([]string{"*.yml"})
		wantNames(t, got, err, "a.yml", "new.yml")
		if err := tr.Clean(t.Context(), []string{"a.yml", ".github/workflows/b.yml"}); err != nil {
			t.Error(err)
		}
	}
	// In git's own folder, and in a bare repository, there is nothing checked out.
	for _, dir := range []string{filepath.Join(dir, ".git", "info"), bare(t)} {
		write(t, dir, files{"x.yml": ""})
		got, err := open(t, dir).Tracked([]string{"*.yml"})
		wantNames(t, got, err, "x.yml")
	}
}

func bare(t *testing.T) string {
	dir := t.TempDir()
	git(t, dir, "init", "--quiet", "--bare")
	return dir
}
