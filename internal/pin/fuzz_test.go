package pin_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/countersign-ci/countersign/internal/config"
	"github.com/countersign-ci/countersign/internal/pin"
)

var fuzzNames = []string{"x.yml", "README.md", pin.LockName}

// addFiles adds the files of all golden cases as seeds.
func addFiles(f *testing.F, add func(name string, text []byte)) {
	f.Helper()
	names, err := filepath.Glob("testdata/rewrite/*.txtar")
	if err != nil || len(names) == 0 {
		f.Fatal("there are no seeds", err)
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range txtar.Parse(text).Files {
			if file.Name != "findings" {
				add(file.Name, withDigests(file.Data))
			}
		}
	}
}

func isMarkdown(name string) bool { return filepath.Ext(name) == ".md" }

func FuzzFind(f *testing.F) {
	addFiles(f, func(name string, text []byte) {
		if isMarkdown(name) {
			f.Add(uint8(1), text)
		} else {
			f.Add(uint8(0), text)
		}
	})
	for _, l := range locks {
		f.Add(uint8(2), []byte(l.text))
	}
	var again pin.Finder
	f.Fuzz(func(t *testing.T, kind uint8, text []byte) {
		name := fuzzNames[int(kind)%len(fuzzNames)]
		if name == pin.LockName {
			if l, err := pin.ParseLock(text); err == nil {
				for _, r := range l.Refs() {
					checkPlaces(t, text, []*pin.Ref{r})
				}
			}
		}
		file, err := pin.Find(name, text)
		second, errAgain := again.Find(name, text)
		if (err == nil) != (errAgain == nil) {
			t.Fatalf("%v, then %v", err, errAgain)
		}
		if err != nil {
			return
		}
		checkPlaces(t, text, file.Refs)
		if diff := cmp.Diff(texts(file.Refs), texts(second.Refs)); diff != "" {
			t.Errorf("with memory that was used before:\n%s", diff)
		}
		if lowered, err := pin.Lower(file); err == nil && !bytes.Contains(text, []byte("git-sha")) && !bytes.Equal(lowered, text) {
			t.Errorf("there was nothing to lower, but it became\n%q", lowered)
		}
	})
}

func texts(refs []*pin.Ref) (all []string) {
	for _, r := range refs {
		all = append(all, r.Text)
	}
	return all
}

// checkPlaces checks that refs follow each other in a text, and that they are
// where they say.
func checkPlaces(t *testing.T, text []byte, refs []*pin.Ref) {
	t.Helper()
	last := 0
	for _, r := range refs {
		start, end, asItIs := r.Place()
		if r.Kind() == pin.Locked {
			end = start // nobody rewrites it
		}
		if start < last || end < start || end > len(text) || asItIs && string(text[start:end]) != r.Text {
			t.Fatalf("%q is at %d to %d of %d, after %d", r.Text, start, end, len(text), last)
		}
		last = end
		before := string(text[:start])
		line := 1 + strings.Count(before, "\n")
		column := 1 + utf8.RuneCountInString(strings.TrimPrefix(before[strings.LastIndexByte(before, '\n')+1:], "\ufeff"))
		if r.Line != line || r.Column != column && line > 1 {
			t.Fatalf("%q is said to be at %d:%d and is at %d:%d", r.Text, r.Line, r.Column, line, column)
		}
	}
}

func FuzzRewrite(f *testing.F) {
	addFiles(f, func(name string, text []byte) {
		for how := range uint8(4) {
			f.Add(isMarkdown(name), how, text)
		}
	})
	f.Fuzz(func(t *testing.T, markdown bool, how uint8, text []byte) {
		files := []txtar.File{{Name: "x.yml", Data: text}}
		if markdown {
			files[0].Name = "README.md"
		}
		if _, err := pin.Find(files[0].Name, text); err != nil {
			return
		}
		w := &world{versions: []string{"v9.0.0", "v4.9.0", "1.5.0"}}
		o := pin.Options{
			Host: "github.com", Style: pin.StyleCommit, Write: true, Update: pin.UpdateNone, Now: now, Config: &config.Config{},
			Own: pin.Repository{Owner: "buildkite-plugins", Name: "docker-buildkite-plugin"},
		}
		if how&1 != 0 {
			o.Style = pin.StyleGitSHA1
		}
		if how&2 != 0 {
			o.Update = pin.UpdateLatest
		}
		result, err := pin.Check(context.Background(), w, find(t, files), o)
		if err != nil {
			t.Fatalf("%v\n%q", err, text)
		}
		for _, c := range result.Changes {
			if bytes.Equal(c.Old, c.New) {
				t.Errorf("a change changes nothing")
			}
			holdAgainstOracles(t, c)
			files[0].Data = c.New
			again, err := pin.Check(context.Background(), w, find(t, files), o)
			if err != nil {
				t.Fatalf("the second time: %v\n%q", err, c.New)
			}
			for _, second := range again.Changes {
				t.Errorf("changed a second time:\n%q\n%q\n%q", c.Old, c.New, second.New)
			}
		}
	})
}

var (
	// What git-check-ref-format(1) refuses, and a dash in front, which would be an option.
	noRefName   = regexp.MustCompile(`[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|(^|/)\.|\.lock(/|$)|\.$|/$|^/|^@$|^-`)
	aGitHubName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_-]*/[A-Za-z0-9._-]+$`)
)

func FuzzParseUses(f *testing.F) {
	for _, c := range usesCases {
		f.Add(c.text)
	}
	f.Fuzz(func(t *testing.T, text string) { checkSaid(t, text, pin.ParseUses(text), "@") })
}

func FuzzParsePlugin(f *testing.F) {
	for _, c := range pluginCases {
		f.Add(c.text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		said := pin.ParsePlugin(text)
		checkSaid(t, text, said, "#")
		checkSource(t, text, said)
	})
}

// checkSaid checks what holds for the text of any ref: it says either what to ask
// for or what is wrong, and a digest is one.
func checkSaid(t *testing.T, text string, s pin.Said, separator string) {
	t.Helper()
	remote := s.Kind == pin.Action || s.Kind == pin.Workflow || s.Kind == pin.Plugin
	switch {
	case remote && s.Rule == "" && (s.Repository == "" || s.Version == "" && s.Commit == ""):
		t.Errorf("%q says nothing to ask for, and nothing is wrong with it: %+v", text, s)
	case s.Kind == pin.Local && s.Rule != "":
		t.Errorf("%q is in the same tree, and something is wrong with it: %+v", text, s)
	case s.Commit != "" && s.Rule == "" && !fullDigest.MatchString(s.Commit):
		t.Errorf("%q has the digest %q", text, s.Commit)
	case s.Rule == "" && noRefName.MatchString(s.Version):
		t.Errorf("%q has the version %q, which git does not allow", text, s.Version)
	case s.Rule == "" && remote && !aGitHubName.MatchString(s.Repository):
		t.Errorf("%q has the repository %q", text, s.Repository)
	case !strings.HasPrefix(text, s.Base):
		t.Errorf("%q begins with %q", text, s.Base)
	}
	// What is asked for is what stands there: put together it is the text.
	if !remote || s.Rule != "" {
		return
	}
	whole := s.Base
	switch {
	case s.Style == pin.StyleCommit && s.Commit != "":
		whole += separator + s.Commit
	case s.Style == pin.StyleCommit:
		whole += separator + s.Version
	default:
		if s.Version != "" {
			whole += "#" + s.Version
		}
		whole += map[int]string{40: "@git-sha1:", 64: "@git-sha256:"}[len(s.Commit)] + s.Commit
	}
	if whole != text {
		t.Errorf("%q says %+v, which is %q", text, s, whole)
	}
}

func FuzzParseLock(f *testing.F) {
	for _, l := range locks {
		f.Add([]byte(l.text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		l, err := pin.ParseLock(text)
		if err != nil {
			return
		}
		for _, r := range l.Refs() {
			if s := r.Says(); s.Rule == "" && (s.Repository == "" || !fullDigest.MatchString(s.Commit) || s.Version == "") {
				t.Errorf("the entry %q has no pin, and nothing is wrong with it: %+v", r.Text, s)
			}
		}
	})
}
