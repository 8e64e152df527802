package tree_test

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign-ci/countersign/internal/tree"
)

func change(name, from, to string) tree.Change {
	return tree.Change{Name: name, Old: []byte(from), New: []byte(to)}
}

func TestReplace(t *testing.T) {
	old := files{"a.yml": "a: 1\r\nb: 2\r\n", "sub/b.md": "\xef\xbb\xbfno newline", "ci/p.yml": "p", "same.yml": "same", "other": "other", "empty": ""}
	dir := t.TempDir()
	write(t, dir, old)
	link(t, "sub/b.md", filepath.Join(dir, "README.md"))
	link(t, "ci", filepath.Join(dir, ".buildkite"))
	modes := map[string]os.FileMode{"a.yml": 0o666, "sub/b.md": 0o750, "ci/p.yml": 0o444}
	for name, mode := range modes {
		if err := os.Chmod(filepath.Join(dir, name), mode); err != nil {
			t.Fatal(err)
		}
	}
	before, err := os.Stat(filepath.Join(dir, "same.yml"))
	if err != nil {
		t.Fatal(err)
	}
	big := text(300_000)
	err = openElsewhere(t, dir).Replace([]tree.Change{
		change("a.yml", old["a.yml"], "a: 2\r\nb: 3\r\n"),
		change("README.md", old["sub/b.md"], ""),
		change(".buildkite/p.yml", "p", big),
		change("same.yml", "same", "same"),
		change("empty", "", "full"),
	})
	if err != nil {
		t.Fatal(err)
	}
	wantContents(t, dir, old.with(files{"a.yml": "a: 2\r\nb: 3\r\n", "sub/b.md": "", "ci/p.yml": big, "empty": "full"}))
	for name, want := range map[string]string{"README.md": "sub/b.md", ".buildkite": "ci"} {
		if got, err := os.Readlink(filepath.Join(dir, name)); got != want || err != nil {
			t.Errorf("%s leads to %q, %v, want %q", name, got, err, want)
		}
	}
	for name, want := range modes {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode() != want && runtime.GOOS != "windows" {
			t.Errorf("%s: %v, %v, want %v", name, info.Mode(), err, want)
		}
	}
	if after, err := os.Stat(filepath.Join(dir, "same.yml")); err != nil || !os.SameFile(before, after) {
		t.Errorf("a file whose content stays was replaced: %v", err)
	}
}

// Whatever is wrong with one change, nothing is changed.
func TestReplaceRefuses(t *testing.T) {
	old := files{
		"a.yml": "a", "b.yml": "b", "sub/c.yml": "c", ".git/config": "g", ".x.yml.countersign": "x", "z.yml": "z",
		"in-the-way.yml": "i", ".in-the-way.yml.countersign/file": "f", "empty-folder.yml": "e", "../out.yml": "o",
	}
	dir := filepath.Join(t.TempDir(), "root")
	write(t, dir, old)
	delete(old, ".git/config") // not listed by wantContents
	delete(old, "../out.yml")
	if err := os.Mkdir(filepath.Join(dir, ".empty-folder.yml.countersign"), 0o755); err != nil {
		t.Fatal(err)
	}
	link(t, "a.yml", filepath.Join(dir, "link.yml"))
	link(t, "../out.yml", filepath.Join(dir, "out.yml"))
	long := strings.Repeat("n", 250)
	write(t, dir, files{long: "l"})
	old[long] = "l"
	tr := openElsewhere(t, dir)
	for name, c := range map[string]struct {
		bad  tree.Change
		text string
	}{
		"changed since":        {change("sub/c.yml", "C", "new"), `"sub/c.yml" has changed`},
		"shorter":              {change("sub/c.yml", "", "new"), "has changed"},
		"longer":               {change("sub/c.yml", "cc", "new"), "has changed"},
		"changed, to stay":     {change("sub/c.yml", "C", "C"), "has changed"},
		"twice":                {change("a.yml", "a", "new too"), `is the same file as "a.yml"`},
		"twice by a link":      {change("link.yml", "a", "new too"), `is the same file as "a.yml"`},
		"missing":              {change("nothing", "", "new"), "cannot be read"},
		"folder":               {change("sub", "", "new"), "is not a regular file"},
		"root":                 {change(".", "", "new"), "is not a regular file"},
		"link out":             {change("out.yml", "o", "new"), "leads out"},
		"name out":             {change("../out.yml", "o", "new"), "is not the name"},
		"absolute":             {change(filepath.Join(dir, "a.yml"), "a", "new"), "is not the name"},
		"not clean":            {change("./a.yml", "a", "new"), "is not the name"},
		"git's own":            {change(".git/config", "g", "new"), "is not the name"},
		"too large":            {tree.Change{Name: "b.yml", Old: []byte("b"), New: make([]byte, 16<<20+1)}, "would become larger"},
		"left-over":            {change(".x.yml.countersign", "x", "new"), "kept for unfinished"},
		"folder in the way":    {change("in-the-way.yml", "i", "new"), "is a folder, and in the way"},
		"empty folder, too":    {change("empty-folder.yml", "e", "new"), "is a folder, and in the way"},
		"no room for the name": {change(long, "l", "new"), "cannot be written anew"},
	} {
		t.Run(name, func(t *testing.T) {
			changes := []tree.Change{change("a.yml", "a", "new"), c.bad, change("z.yml", "z", "new")}
			wantError(t, tr.Replace(changes), c.text, false)
			wantContents(t, dir, old)
		})
	}
	if err := tr.Replace(nil); err != nil {
		t.Error(err)
	}
}

// What a killed run left is removed and not followed, and what others own is not.
func TestLeftOver(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, files{
		"a.yml": "a", ".a.yml.countersign": "half of someth", "victim": "victim",
		"b.yml": "b", "same.yml": "same", ".same.yml.countersign": "rest", ".else.countersign": "else",
	})
	if err := os.Chmod(filepath.Join(dir, ".a.yml.countersign"), 0o400); err != nil {
		t.Fatal(err)
	}
	link(t, "victim", filepath.Join(dir, ".b.yml.countersign"))
	link(t, "nothing", filepath.Join(dir, ".c.yml.countersign"))
	write(t, dir, files{"c.yml": "c"})
	err := openElsewhere(t, dir).Replace([]tree.Change{change("a.yml", "a", "A"), change("b.yml", "b", "B"), change("c.yml", "c", "C"), change("same.yml", "same", "same")})
	if err != nil {
		t.Fatal(err)
	}
	wantContents(t, dir, files{"a.yml": "A", "b.yml": "B", "c.yml": "C", "victim": "victim", "same.yml": "same", ".else.countersign": "else"})
	for _, name := range []string{"a.yml", "b.yml", "c.yml"} {
		if info, err := os.Lstat(filepath.Join(dir, name)); err != nil || info.Mode() != 0o644 && runtime.GOOS != "windows" {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
}

// Something goes wrong, or somebody else is at work, at a certain step.
func TestReplaceFailsAt(t *testing.T) {
	old := files{"a.yml": "a", "b.yml": "b", "sub/c.yml": "c", "d.yml": "d"}
	changes := []tree.Change{change("a.yml", "a", "A"), change("b.yml", "b", "B"), change("sub/c.yml", "c", "C"), change("d.yml", "d", "D")}
	const temporary = "sub/.c.yml.countersign"
	mustRemove := func(t *testing.T, path string) {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	intoFolder := func(t *testing.T, dir, name string) {
		mustRemove(t, filepath.Join(dir, name))
		write(t, dir, files{name + "/x": "x"})
	}
	for name, c := range map[string]struct {
		step string
		do   func(t *testing.T, dir string)
		text []string
		want files // in place of old
		gone string
	}{
		"a rename": {
			step: "to rename: sub/c.yml",
			do:   func(t *testing.T, dir string) { intoFolder(t, dir, "sub/c.yml") },
			text: []string{`"sub/c.yml" cannot be replaced (replaced: "a.yml", "b.yml"; not replaced: "sub/c.yml", "d.yml")`},
			want: files{"a.yml": "A", "b.yml": "B", "sub/c.yml/x": "x"}, gone: "sub/c.yml",
		},
		"the last rename": {
			step: "to rename: d.yml",
			do:   func(t *testing.T, dir string) { intoFolder(t, dir, "d.yml") },
			text: []string{`(replaced: "a.yml", "b.yml", "sub/c.yml"; not replaced: "d.yml")`},
			want: files{"a.yml": "A", "b.yml": "B", "sub/c.yml": "C", "d.yml/x": "x"}, gone: "d.yml",
		},
		"the first rename": {
			step: "to rename: a.yml",
			do:   func(t *testing.T, dir string) { intoFolder(t, dir, "a.yml") },
			text: []string{`"a.yml" cannot be replaced: `},
			want: files{"a.yml/x": "x"}, gone: "a.yml",
		},
		"a new file": {
			step: "to create: sub/c.yml",
			do:   func(t *testing.T, dir string) { write(t, dir, files{temporary: "another run's"}) },
			text: []string{`"sub/c.yml" cannot be written anew beside itself`, "exists"},
			want: files{temporary: "another run's"},
		},
		"a link for a new file": {
			step: "to create: sub/c.yml",
			do:   func(t *testing.T, dir string) { link(t, "../victim", filepath.Join(dir, temporary)) },
			text: []string{`"sub/c.yml" cannot be written anew beside itself`, "exists"},
		},
		"an editor": {
			step: "synced: d.yml",
			do:   func(t *testing.T, dir string) { write(t, dir, files{"a.yml": "edited"}) },
			text: []string{`"a.yml" has changed since it was read`},
			want: files{"a.yml": "edited"},
		},
		"another run": {
			step: "synced: sub/c.yml",
			do: func(t *testing.T, dir string) {
				write(t, dir, files{"sub/other": "another run's"})
				if err := os.Rename(filepath.Join(dir, "sub/other"), filepath.Join(dir, temporary)); err != nil {
					t.Fatal(err)
				}
			},
			text: []string{`"sub/c.yml" is being replaced by somebody else`},
			want: files{},
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, old)
			tr := openElsewhere(t, dir)
			done := 0
			tr.SetStep(func(step string) {
				if step == c.step {
					done++
					c.do(t, dir)
				}
			})
			err := tr.Replace(changes)
			for _, text := range c.text {
				wantError(t, err, text, false)
			}
			if done != 1 {
				t.Errorf("the step was there %d times", done)
			}
			want := old.with(c.want)
			delete(want, c.gone)
			wantContents(t, dir, want)
		})
	}
}

// All new files are complete before the first is renamed, and the renames are in
// the order of the changes.
func TestReplaceOrder(t *testing.T) {
	dir := t.TempDir()
	var changes []tree.Change
	var want []string
	for _, name := range []string{"z", "m", "a", "q"} {
		write(t, dir, files{name: "old"})
		changes = append(changes, tree.Change{Name: name, Old: []byte("old"), New: bytes.Repeat([]byte(name), 70_000)})
		want = append(want, "renamed: "+name)
	}
	tr := openElsewhere(t, dir)
	var got []string
	tr.SetStep(func(step string) {
		if strings.HasPrefix(step, "renamed: ") {
			got = append(got, step)
		}
		if step != "to rename: z" {
			return
		}
		for _, c := range changes {
			content, err := os.ReadFile(filepath.Join(dir, "."+c.Name+".countersign"))
			if err != nil || !bytes.Equal(content, c.New) {
				t.Errorf("the new %s has %d bytes before the first rename, %v", c.Name, len(content), err)
			}
		}
	})
	if err := tr.Replace(changes); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("renames (-want +got):\n%s", diff)
	}
}
