package githubtest_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/countersign-ci/countersign/internal/githubtest"
)

const widgets = "/repos/acme/widgets"

func TestRESTRefs(t *testing.T) {
	s := githubtest.New(t)
	r := s.Repo("acme/widgets")
	s.Private("acme/secrets")
	head := r.Commit("main", "head")
	inner := r.AnnotatedTag("v1.0.0", head)
	outer := r.AnnotatedTag("v1.0.1", inner)
	r.Branch("feature/a", head)

	ref := rest(t, s, "GET", "/repos/ACME/Widgets/git/ref/tags/v1.0.1", "", 200)
	same(t, "ref", pick(ref, "ref"), "refs/tags/v1.0.1")
	same(t, "type", pick(ref, "object", "type"), "tag")
	same(t, "sha", pick(ref, "object", "sha"), outer)
	same(t, "tag of a tag", pick(rest(t, s, "GET", widgets+"/git/tags/"+outer, "", 200), "object", "type"), "tag")
	same(t, "its target", pick(rest(t, s, "GET", widgets+"/git/tags/"+inner, "", 200), "object", "sha"), head)
	same(t, "matching", len(rest(t, s, "GET", widgets+"/git/matching-refs/tags/v1", "", 200).([]any)), 2)
	same(t, "matching none", rest(t, s, "GET", widgets+"/git/matching-refs/tags/v2", "", 200), []any{})
	same(t, "branch", pick(rest(t, s, "GET", widgets+"/branches/feature/a", "", 200), "commit", "sha"), head)
	for _, path := range []string{
		"/repos/acme/gone", "/repos/acme/secrets", "/repos/acme/secrets/tags",
		widgets + "/git/ref/tags/v1", widgets + "/git/ref/main", widgets + "/branches/gone",
		widgets + "/git/tags/" + head, widgets + "/git/commits/" + outer, widgets + "/releases/latest",
		"/users/nobody",
	} {
		same(t, path, pick(rest(t, s, "GET", path, "", 404), "message"), "Not Found")
	}

	body := func(ref, sha string) string { return fmt.Sprintf(`{"ref":%q,"sha":%q}`, ref, sha) }
	rest(t, s, "POST", widgets+"/git/refs", body("refs/countersign/1", outer), 201)
	for _, test := range []struct{ method, path, body, message string }{
		{"POST", "/git/refs", body("refs/countersign/1", outer), "Reference already exists"},
		{"POST", "/git/refs", body("refs/countersign/2", strings.Repeat("1", 40)), "Object does not exist"},
		{"POST", "/git/refs", body("main", head), "Reference name is not valid"},
		{"PATCH", "/git/refs/heads/main", `{"sha":"` + pick(rest(t, s, "GET", widgets+"/git/commits/"+head, "", 200), "parents", 0, "sha").(string) + `"}`, "Update is not a fast forward"},
		{"PATCH", "/git/refs/heads/gone", `{"sha":"` + head + `"}`, "Reference does not exist"},
		{"DELETE", "/git/refs/heads/gone", "", "Reference does not exist"},
	} {
		same(t, test.message, pick(rest(t, s, test.method, widgets+test.path, test.body, 422), "message"), test.message)
	}
	rest(t, s, "PATCH", widgets+"/git/refs/countersign/1", `{"sha":"`+head+`","force":true}`, 200)
	rest(t, s, "DELETE", widgets+"/git/refs/countersign/1", "", 204)
}

func TestRESTCommits(t *testing.T) {
	s := githubtest.New(t)
	r := s.Repo("acme/widgets")
	old := r.Commit("main", "old")
	head := r.Commit("main", "head")
	fork := r.ForkCommit(old)
	object1 := r.AnnotatedTag("v1", old)
	r.Branch("release", head)

	for _, rev := range []string{old, old[:8], "v1", "tags/v1", "refs/tags/v1", object1} {
		same(t, rev, pick(rest(t, s, "GET", widgets+"/commits/"+rev, "", 200), "sha"), old)
	}
	same(t, "fork", pick(rest(t, s, "GET", widgets+"/commits/"+fork, "", 200), "sha"), fork)
	same(t, "unknown", pick(rest(t, s, "GET", widgets+"/commits/v2", "", 422), "message"), "No commit found for SHA: v2")
	if _, text := send(t, "GET", s.URL()+widgets+"/commits/v1", "", "Accept", "application/vnd.github.sha"); text != old {
		t.Errorf("the sha is %q, want %q", text, old)
	}

	for _, test := range []struct {
		basehead, status string
		ahead, behind    int
	}{
		{"main..." + head, "identical", 0, 0},
		{"main..." + old, "behind", 0, 1},
		{old + "...main", "ahead", 1, 0},
		{"main...acme:release", "identical", 0, 0},
		{"release..." + fork, "diverged", 1, 1},
		{"main..." + object1, "behind", 0, 1},
	} {
		got := rest(t, s, "GET", widgets+"/compare/"+test.basehead, "", 200)
		same(t, test.basehead, []any{pick(got, "status"), pick(got, "ahead_by"), pick(got, "behind_by")}, []any{test.status, test.ahead, test.behind})
	}
	rest(t, s, "GET", widgets+"/compare/main..."+strings.Repeat("1", 40), "", 404)

	heads := rest(t, s, "GET", widgets+"/commits/"+head+"/branches-where-head", "", 200).([]any)
	same(t, "heads", []any{pick(heads, 0, "name"), pick(heads, 1, "name"), len(heads)}, []any{"main", "release", 2})
	same(t, "no head", rest(t, s, "GET", widgets+"/commits/"+old+"/branches-where-head", "", 200), []any{})
}

func TestRESTPages(t *testing.T) {
	s := githubtest.New(t)
	r := s.Repo("acme/widgets")
	for i := range 65 {
		name := fmt.Sprintf("v%02d", i)
		r.Branch(name, r.Head("main"))
		r.Tag(name, r.Head("main"))
	}
	for _, list := range []string{"/branches?per_page=50", "/tags?per_page=50", "/tags"} {
		total, pages, next := 0, 0, s.URL()+widgets+list
		for next != "" {
			response, text := send(t, "GET", next, "")
			total += strings.Count(text, `"commit":`)
			pages++
			link := response.Header.Get("Link")
			next, _, _ = strings.Cut(link, `>; rel="next"`)
			if next == link {
				break
			}
			next = next[strings.LastIndexByte(next, '<')+1:]
		}
		want := [2]int{66, 2} // with main
		if list[1] == 't' {
			want = [2]int{65, 2}
		}
		if list == "/tags" {
			want = [2]int{65, 3}
		}
		if got := [2]int{total, pages}; got != want {
			t.Errorf("%s: %d in %d pages, want %d", list, got[0], got[1], want)
		}
	}
	same(t, "beyond", rest(t, s, "GET", widgets+"/tags?page=9", "", 200), []any{})
}

func TestRESTObjects(t *testing.T) {
	s := githubtest.New(t)
	r := s.Repo("acme/widgets")
	text := strings.Repeat("0123456789", 10)
	blob := pick(rest(t, s, "POST", widgets+"/git/blobs", `{"content":"MQ==","encoding":"base64"}`, 201), "sha").(string)
	tree := pick(rest(t, s, "POST", widgets+"/git/trees", `{"tree":[
		{"path":"a/b.txt","mode":"100644","type":"blob","sha":"`+blob+`"},
		{"path":"c.txt","mode":"100755","type":"blob","content":"`+text+`"}]}`, 201), "sha").(string)
	commit := pick(rest(t, s, "POST", widgets+"/git/commits", `{"message":"m","tree":"`+tree+`","parents":["`+r.Head("main")+`"]}`, 201), "sha").(string)
	tag := pick(rest(t, s, "POST", widgets+"/git/tags", `{"tag":"v1","message":"m","object":"`+commit+`","type":"commit"}`, 201), "sha").(string)
	rest(t, s, "POST", widgets+"/git/refs", `{"ref":"refs/tags/v1","sha":"`+tag+`"}`, 201)
	r.Branch("main", commit)
	if content, _ := r.File("main", "a/b.txt"); content != "1" {
		t.Errorf("File = %q", content)
	}
	file := rest(t, s, "GET", widgets+"/contents/c.txt?ref=v1", "", 200)
	same(t, "content", strings.Count(pick(file, "content").(string), "\n"), 3)
	same(t, "folder", pick(rest(t, s, "GET", widgets+"/contents/a", "", 200), 0, "path"), "a/b.txt")
	rest(t, s, "GET", widgets+"/contents/none", "", 404)
	same(t, "tree", len(pick(rest(t, s, "GET", widgets+"/git/trees/main", "", 200), "tree").([]any)), 2)
	same(t, "whole tree", len(pick(rest(t, s, "GET", widgets+"/git/trees/main?recursive=1", "", 200), "tree").([]any)), 3)
	other := pick(rest(t, s, "POST", widgets+"/git/trees", `{"base_tree":"`+tree+`","tree":[{"path":"a/b.txt","mode":"100644","type":"blob","sha":null}]}`, 201), "tree").([]any)
	same(t, "without a", len(other), 1)
}

func TestRESTRest(t *testing.T) {
	s := githubtest.New(t)
	r := s.Repo("acme/widgets")
	repo := rest(t, s, "GET", widgets, "", 200)
	same(t, "ids", []any{pick(repo, "id"), pick(repo, "owner", "id"), pick(repo, "default_branch")}, []any{r.ID(), r.OwnerID(), "main"})
	same(t, "octocat", pick(rest(t, s, "GET", "/users/Octocat", "", 200), "id"), 583231)
	same(t, "acme", pick(rest(t, s, "GET", "/users/acme", "", 200), "type"), "Organization")
	rest(t, s, "GET", "/users/github-actions%5Bbot%5D", "", 200)
	rest(t, s, "GET", "/rate_limit", "", 200)

	r.Tag("v1/x", r.Commit("main", "one"))
	r.Release("v1/x", githubtest.Release{})
	r.Release("v2", githubtest.Release{Draft: true})
	same(t, "releases", len(rest(t, s, "GET", widgets+"/releases", "", 200).([]any)), 2)
	same(t, "latest", pick(rest(t, s, "GET", widgets+"/releases/latest", "", 200), "tag_name"), "v1/x")
	rest(t, s, "GET", widgets+"/releases/tags/v1/x", "", 200)
	rest(t, s, "GET", widgets+"/releases/tags/v2", "", 404)

	r.Commit("work", "work")
	rest(t, s, "POST", widgets+"/pulls", `{"title":"Pin","head":"work","base":"main","body":"b"}`, 201)
	again := rest(t, s, "POST", widgets+"/pulls", `{"title":"Pin","head":"acme:work","base":"main"}`, 422)
	same(t, "again", pick(again, "errors", 0, "message"), "A pull request already exists for acme:work.")
	for query, want := range map[string]int{"": 1, "?head=acme:work": 1, "?head=acme:other": 0, "?head=other": 1, "?state=closed": 0, "?base=work": 0} {
		same(t, query, len(rest(t, s, "GET", widgets+"/pulls"+query, "", 200).([]any)), want)
	}
	same(t, "edited", pick(rest(t, s, "PATCH", widgets+"/pulls/1", `{"title":"Pin more","state":"closed"}`, 200), "title"), "Pin more")
	same(t, "one", pick(rest(t, s, "GET", widgets+"/pulls/1", "", 200), "state"), "closed")
	rest(t, s, "GET", widgets+"/pulls/2", "", 404)
}

func TestInvalidREST(t *testing.T) {
	tb := &recorder{TB: t}
	s := githubtest.New(tb)
	s.Repo("acme/widgets")
	for _, test := range []struct{ method, path, body, report string }{
		{"POST", widgets + "/git/refs", `{"ref":"refs/heads/x"}`, "sha"},
		{"POST", widgets + "/git/refs", `{"ref":1,"sha":"x"}`, "ref"},
		{"GET", widgets + "/tags?per_page=all", "", "per_page"},
		{"GET", widgets + "/stargazers", "", "does not know"},
		{"PUT", widgets, "", "does not know"},
	} {
		response, _ := send(t, test.method, s.URL()+test.path, test.body)
		if response.StatusCode < http.StatusBadRequest {
			t.Errorf("%s %s: status %d", test.method, test.path, response.StatusCode)
		}
		tb.want(t, test.report)
	}
}
