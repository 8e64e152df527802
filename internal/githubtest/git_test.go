package githubtest_test

import (
	"encoding/base64"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/countersign-ci/countersign/internal/githubtest"
)

// The ids are those that git gives to the same objects.
func TestIDs(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not there to compare with")
	}
	s := githubtest.New(t)
	r := s.Repo("acme/widgets")
	root := r.Head("main")
	files := map[string]string{"a/b.txt": "1", "a.txt": "2", "a0": "", "z/y/x": "3\n"}
	additions := []object{}
	for path, content := range files {
		additions = append(additions, object{"path": path, "contents": base64.StdEncoding.EncodeToString([]byte(content))})
	}
	_, errors := ask(t, s, `mutation($input: CreateCommitOnBranchInput!) { createCommitOnBranch(input: $input) { clientMutationId } }`,
		object{"input": object{
			"branch":          object{"repositoryNameWithOwner": "acme/widgets", "branchName": "main"},
			"message":         object{"headline": "files"},
			"expectedHeadOid": root, "fileChanges": object{"additions": additions},
		}})
	if errors != nil {
		t.Fatal(errors)
	}
	head := r.Head("main")
	tag := r.AnnotatedTag("v1", head)
	got, _ := repository(t, s, `main: object(oid: "`+head+`") { ... on Commit { committedDate tree { oid } } } v1: object(oid: "`+tag+`") { ... on Tag { tagger { date } } }
		root: object(oid: "`+root+`") { ... on Commit { tree { oid } } }`)

	dir := t.TempDir()
	git := func(stdin string, args ...string) string {
		t.Helper()
		cmd := exec.Command("git", args...)
		cmd.Dir, cmd.Stdin = dir, strings.NewReader(stdin)
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "GIT_CONFIG_NOSYSTEM=1"}
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("git %v: %v: %s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	git("", "init", "--quiet")
	for path, content := range files {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, path)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, path), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	same(t, "empty tree", pick(got, "root", "tree", "oid"), git("", "write-tree"))
	git("", "add", ".")
	tree := git("", "write-tree")
	same(t, "tree", pick(got, "main", "tree", "oid"), tree)
	who := func(date any) string {
		when, err := time.Parse(time.RFC3339, date.(string))
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf("octocat <octocat@users.noreply.github.com> %d +0000", when.Unix())
	}
	hash := func(kind, text string) string { return git(text, "hash-object", "-t", kind, "--stdin") }
	actor := who(pick(got, "main", "committedDate"))
	same(t, "commit", hash("commit", "tree "+tree+"\nparent "+root+"\nauthor "+actor+"\ncommitter "+actor+"\n\nfiles"), head)
	actor = who(pick(got, "v1", "tagger", "date"))
	same(t, "tag", hash("tag", "object "+head+"\ntype commit\ntag v1\ntagger "+actor+"\n\nv1\n"), tag)
}
