package github_test

import (
	"errors"
	"net/http"
	"net/url"
	"os/exec"
	"strings"
	"testing"

	"github.com/countersign-ci/countersign/internal/github"
	"github.com/countersign-ci/countersign/internal/pin"
)

var (
	badOwners = []string{"", "-acme", "ac/me", "..", "acme?", "acme#", "a%2fb", "a cme", "acmé", "acme\n", strings.Repeat("a", 101)}
	badRepos  = []string{"", ".", "..", "wid/gets", "widgets?x=y", "widgets#x", "a%2e", "wid gets", "widgets\x00", "widgeté", strings.Repeat("a", 101)}
	badRefs   = []string{
		"..", "v1..2", "/v1", "v1/", "v//1", ".v1", "a/.b", "v1.lock", "a.lock/b", "v1.", "v 1", "v~1", "v^{}", "v:1", "v?", "v*", "v[1",
		`v\1`, "v@{1}", "v\n1", "v\x7f", "v\xff", strings.Repeat("v", 256),
	}
	goodRefs   = []string{"v1", "v1.2.3", "a/b/c", "%2e%2e", "v#1", "v&1", "v+1", "é", "@", "-v", "v@1", "a;b", "'v'", `"v"`, "v1.locked", "v{}", strings.Repeat("v", 255)}
	badCommits = []string{
		"0123456", strings.Repeat("a", 39), strings.Repeat("a", 41), strings.Repeat("A", 40), strings.Repeat("g", 40),
		strings.Repeat("a", 63), strings.Repeat("a", 65), "main", strings.Repeat("a", 39) + "/",
	}
)

// silent fails the test with any request.
func silent(t *testing.T, token string) *github.Client {
	return with(t, github.Config{Token: token}, func(r *http.Request) (*http.Response, error) {
		t.Errorf("a request: %s %s", r.Method, r.URL)
		return nil, errors.New("none")
	})
}

// What cannot be a name is refused before anything is asked.
func TestBadNames(t *testing.T) {
	for _, m := range []mode{viaGraphQL, viaREST} {
		c := silent(t, m.token)
		check := func(q pin.Question, w pin.Commit) {
			t.Helper()
			_, err := c.Resolve(t.Context(), []pin.Question{{Repository: widgets, Tag: "v1"}, q})
			if q != (pin.Question{}) {
				refused(t, err)
			}
			_, err = c.Holders(t.Context(), []pin.Commit{{Repository: widgets, SHA: nobodysCommit}, w})
			if w != (pin.Commit{}) {
				refused(t, err)
			}
		}
		var bad []pin.Repository
		for _, owner := range badOwners {
			bad = append(bad, pin.Repository{Owner: owner, Name: "widgets"})
		}
		for _, name := range badRepos {
			bad = append(bad, pin.Repository{Owner: "acme", Name: name})
		}
		for _, r := range bad {
			check(pin.Question{Repository: r, Tag: "v1"}, pin.Commit{Repository: r, SHA: nobodysCommit})
			_, err := c.Versions(t.Context(), []pin.Repository{widgets, r})
			refused(t, err)
			_, _, err = c.DefaultBranch(t.Context(), r)
			refused(t, err)
		}
		for _, ref := range badRefs {
			check(pin.Question{Repository: widgets, Tag: ref}, pin.Commit{Repository: widgets, SHA: nobodysCommit, Near: ref})
			if !strings.HasSuffix(ref, ".lock") && !strings.HasSuffix(ref, "/") && ref != "v1." && ref != strings.Repeat("v", 256) {
				_, err := c.Resolve(t.Context(), []pin.Question{{Repository: widgets, Series: ref}})
				refused(t, err)
			}
		}
		for _, commit := range badCommits {
			check(pin.Question{Repository: widgets, Commit: commit}, pin.Commit{Repository: widgets, SHA: commit})
		}
		check(pin.Question{Repository: widgets, Tag: "v..1"}, pin.Commit{Repository: widgets})
	}
}

func refused(t *testing.T, err error) {
	t.Helper()
	var e *github.Error
	if !errors.As(err, &e) || !strings.Contains(err.Error(), "cannot be the name of") || e.Hint() == "" {
		t.Errorf("%v", err)
	}
}

// asked returns the path of the first REST request for a tag, empty where there is
// none.
func asked(t *testing.T, r pin.Repository, tag string) *url.URL {
	t.Helper()
	var got *url.URL
	c := with(t, github.Config{}, func(r *http.Request) (*http.Response, error) {
		// As it would be sent.
		got, _ = url.ParseRequestURI(r.URL.RequestURI())
		return answer(r, 400, "{}"), nil
	})
	_, _ = c.Resolve(t.Context(), []pin.Question{{Repository: r, Tag: tag}})
	return got
}

// What may be a name goes into the URL and stays the same name there.
func TestGoodNames(t *testing.T) {
	for _, ref := range goodRefs {
		u := asked(t, widgets, ref)
		if u == nil || u.Path != "/repos/acme/widgets/git/ref/tags/"+ref || u.RawQuery != "" {
			t.Errorf("%q: %v", ref, u)
		}
	}
}

// Git is asked what a ref may be called.
func TestRefsAsGitHasThem(t *testing.T) {
	git, err := exec.LookPath("git")
	if err != nil {
		t.Skip("there is no git")
	}
	for _, ref := range append(badRefs, goodRefs...) {
		if strings.ContainsAny(ref, "\x00\xff") || len(ref) > 255 {
			continue // git takes other encodings and longer names than GitHub
		}
		valid := exec.Command(git, "check-ref-format", "refs/tags/"+ref).Run() == nil
		if taken := asked(t, widgets, ref) != nil; taken != valid {
			t.Errorf("%q: taken %t, by git %t", ref, taken, valid)
		}
	}
}

func FuzzNames(f *testing.F) {
	for _, list := range [][]string{badRefs, goodRefs} {
		for _, ref := range list {
			f.Add("acme", "widgets", ref)
		}
	}
	for _, owner := range badOwners {
		f.Add(owner, "widgets", "v1")
	}
	for _, name := range badRepos {
		f.Add("acme", name, "v1")
	}
	f.Fuzz(func(t *testing.T, owner, name, ref string) {
		if ref == "" {
			return // no tag is asked
		}
		u := asked(t, pin.Repository{Owner: owner, Name: name}, ref)
		if u == nil {
			return
		}
		if want := "/repos/" + owner + "/" + name + "/git/ref/tags/" + ref; u.Path != want || u.RawQuery != "" || u.Fragment != "" {
			t.Errorf("%q is not %q", u, want)
		}
		for part := range strings.SplitSeq(u.Path, "/") {
			if part == "." || part == ".." {
				t.Errorf("%q leads elsewhere", u)
			}
		}
	})
}

// Whatever the server answers, nothing breaks, and what is told of it is well-formed.
func FuzzAnswer(f *testing.F) {
	f.Add([]byte(`{"data":{"r0":{"__typename":"Repository","t0":{"prefix":"refs/tags/","name":"v1","target":{"__typename":"Commit","oid":"` + nobodysCommit + `"}}}}}`))
	f.Add([]byte(`{"data":{"r0":null},"errors":[{"type":"NOT_FOUND","path":["r0"],"message":"no"}]}`))
	f.Add([]byte(`{"data":{"r0":{"s1":{"nodes":[{"prefix":"refs/tags/","name":"v1.0","target":null}],"pageInfo":{"hasNextPage":true,"endCursor":"x"}}}}}`))
	f.Add([]byte(`{"ref":"refs/tags/v1","object":{"type":"tag","sha":"` + nobodysCommit + `"}}`))
	f.Add([]byte(`[{"name":"v1","commit":{"sha":"` + nobodysCommit + `"}}]`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, m := range []mode{viaGraphQL, viaREST} {
			c := with(t, github.Config{Token: m.token}, func(r *http.Request) (*http.Response, error) {
				return answer(r, 200, string(body)), nil
			})
			answers, err := c.Resolve(t.Context(), []pin.Question{{Repository: widgets, Tag: "v1", Series: "v1.", Commit: nobodysCommit}})
			if err == nil {
				for _, tag := range append(answers[0].Series, deref(answers[0].Tag)...) {
					if len(tag.Commit) != 40 && len(tag.Commit) != 64 || strings.ContainsAny(tag.Name+tag.Commit+tag.Object, " \r\n\x00") {
						t.Errorf("%+v", tag)
					}
				}
			}
			_, _ = c.Holders(t.Context(), []pin.Commit{{Repository: widgets, SHA: nobodysCommit, Near: "v1"}})
			_, _ = c.Versions(t.Context(), []pin.Repository{widgets})
		}
	})
}

func deref(tag *pin.Tag) []pin.Tag {
	if tag == nil {
		return nil
	}
	return []pin.Tag{*tag}
}
