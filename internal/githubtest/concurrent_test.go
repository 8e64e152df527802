package githubtest_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/countersign-ci/countersign/internal/githubtest"
)

// aliases is a query for tags, and what the client asks beside them, of 100
// repositories.
func aliases(s *githubtest.Server) string {
	var fields strings.Builder
	for i := range 100 {
		r := s.Repo(fmt.Sprintf("acme/widgets-%d", i))
		r.AnnotatedTag("v1.0.0", r.Commit("main", "one"))
		fmt.Fprintf(&fields, `a%d:repository(owner:\"acme\",name:\"widgets-%d\"){...r ref(qualifiedName:\"refs/tags/v1.0.0\"){name target{...t}} defaultBranchRef{compare(headRef:\"%s\"){status}}}`,
			i, i, r.Head("main"))
	}
	return `{"query":"{` + fields.String() + `} fragment r on Repository{databaseId owner{... on User{databaseId} ... on Organization{databaseId}} refs(refPrefix:\"refs/tags/\",query:\"v1.\",first:20){nodes{name target{...t}}}}` +
		` fragment t on GitObject{__typename oid ... on Tag{target{__typename oid ... on Tag{target{__typename oid}}}}}"}`
}

// Everything at once: for the race detector.
func TestConcurrent(t *testing.T) {
	s := githubtest.New(t)
	body := aliases(s)
	s.Fault(func(int, *http.Request, []byte) *githubtest.Fault { return nil })
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			r := s.Repo(fmt.Sprintf("acme/widgets-%d", i%4))
			r.Tag(fmt.Sprintf("v2.%d.0", i), r.Commit("main", "more"))
			r.Release("v1.0.0", githubtest.Release{})
			if _, text := send(t, "POST", s.GraphQLURL(), body); strings.Contains(text, `"errors"`) {
				t.Error(text)
			}
			rest(t, s, "GET", fmt.Sprintf("/repos/acme/widgets-%d/releases", i%4), "", 200)
			s.Requests()
		})
	}
	wg.Wait()
}

func TestModelMisuse(t *testing.T) {
	tb := &recorder{TB: t}
	s := githubtest.New(tb)
	r := s.Repo("acme/widgets")
	none := strings.Repeat("1", 40)
	for name, misuse := range map[string]func(){
		"CommitOn":     func() { r.CommitOn(none, "m") },
		"Branch":       func() { r.Branch("x", none) },
		"Tag":          func() { r.Tag("x", none) },
		"AnnotatedTag": func() { r.AnnotatedTag("x", none) },
		"Delete":       func() { r.Delete("refs/heads/x") },
	} {
		misuse()
		t.Run(name, func(t *testing.T) { tb.want(t, "acme/widgets has no ") })
	}
}
