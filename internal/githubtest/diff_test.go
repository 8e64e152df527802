package githubtest_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/countersign-ci/countersign/internal/githubtest"
)

type file = githubtest.File

func TestCompareFiles(t *testing.T) {
	s := githubtest.New(t)
	r := s.Repo("acme/widgets")
	one, two := strings.Repeat("1", 40), strings.Repeat("2", 40)
	base := r.CommitFiles(map[string]file{
		"kept": {Content: "0"}, "changed": {Content: "1"}, "gone": {Content: "2"}, "old/name": {Content: "3"}, "mode": {Content: "4"},
		"link": {Mode: githubtest.ModeLink, Content: "a"}, "sub": {Mode: githubtest.ModeSubmodule, Content: one}, "type": {Content: "5"},
	}, r.Head("main"))
	middle := r.CommitFiles(nil, base)
	head := r.CommitFiles(map[string]file{
		"kept": {Content: "0"}, "changed": {Content: "1b"}, "added file": {Content: "2b"}, "new/name": {Content: "3"},
		"mode": {Mode: githubtest.ModeExecutable, Content: "4"}, "link": {Mode: githubtest.ModeLink, Content: "b"},
		"sub": {Mode: githubtest.ModeSubmodule, Content: two}, "type": {Mode: githubtest.ModeLink, Content: "5"},
	}, middle)
	files := func(query string) (list []string, commits int) {
		got := rest(t, s, "GET", widgets+"/compare/"+base+"..."+head+query, "", 200)
		for _, f := range pick(got, "files").([]any) {
			line := fmt.Sprint(pick(f, "status"), " ", pick(f, "filename"))
			if old := pick(f, "previous_filename"); old != nil {
				line += fmt.Sprint(" from ", old)
			}
			list = append(list, line)
		}
		same(t, "total", pick(got, "total_commits"), 2)
		return list, len(pick(got, "commits").([]any))
	}
	want := []string{
		"added added file", "modified changed", "removed gone", "modified link", "modified mode",
		"renamed new/name from old/name", "modified sub", "changed type",
	}
	for query, commits := range map[string]int{"": 2, "?per_page=1": 1, "?per_page=1&page=1": 1, "?per_page=100": 2} {
		list, n := files(query)
		same(t, "files"+query, list, want)
		same(t, "commits"+query, n, commits)
	}
	list, n := files("?per_page=1&page=2")
	same(t, "second page", []int{len(list), n}, []int{0, 1})

	// The other way round there is nothing since the merge base.
	got := rest(t, s, "GET", widgets+"/compare/"+head+"..."+base, "", 200)
	same(t, "behind", []any{pick(got, "status"), pick(got, "files"), pick(got, "merge_base_commit", "sha")}, []any{"behind", []any{}, base})

	tree := pick(rest(t, s, "GET", widgets+"/git/trees/"+head+"?recursive=1", "", 200), "tree")
	entries := map[string]string{}
	for _, e := range tree.([]any) {
		entries[pick(e, "path").(string)] = fmt.Sprint(pick(e, "mode"), " ", pick(e, "type"))
	}
	same(t, "tree", entries, map[string]string{
		"kept": "100644 blob", "changed": "100644 blob", "added file": "100644 blob", "new": "040000 tree", "new/name": "100644 blob",
		"mode": "100755 blob", "link": "120000 blob", "sub": "160000 commit", "type": "120000 blob",
	})
}

func TestCompareManyFiles(t *testing.T) {
	s := githubtest.New(t)
	r := s.Repo("acme/widgets")
	all := map[string]file{}
	for i := range 301 {
		all[fmt.Sprintf("f%03d", i)] = file{Content: "x"}
	}
	head := r.CommitFiles(all, r.Head("main"))
	got := pick(rest(t, s, "GET", widgets+"/compare/main..."+head, "", 200), "files").([]any)
	same(t, "files", []any{len(got), pick(got, 0, "filename"), pick(got, 299, "filename")}, []any{300, "f000", "f299"})
}

func TestCommitFilesMisuse(t *testing.T) {
	tb := &recorder{TB: t}
	r := githubtest.New(tb).Repo("acme/widgets")
	head := r.Head("main")
	for _, misuse := range []struct {
		files   map[string]file
		parents []string
		want    string
	}{
		{nil, []string{strings.Repeat("1", 40)}, "has no commit"},
		{map[string]file{"../a": {}}, []string{head}, "cannot be in a commit"},
		{map[string]file{"a": {Mode: githubtest.ModeSubmodule, Content: "main"}}, nil, "cannot be in a commit"},
	} {
		if oid := r.CommitFiles(misuse.files, misuse.parents...); oid != "" {
			t.Errorf("%+v: %s", misuse.files, oid)
		}
		tb.want(t, misuse.want)
	}
}
