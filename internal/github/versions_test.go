package github_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/countersign-ci/countersign/internal/github"
	"github.com/countersign-ci/countersign/internal/githubtest"
	"github.com/countersign-ci/countersign/internal/pin"
)

func TestVersions(t *testing.T) {
	inModes(t, func(t *testing.T, s *githubtest.Server, c *github.Client) {
		r := s.Repo("acme/widgets")
		one, two := r.Commit("main", "one"), r.Commit("main", "two")
		published := time.Date(2025, 4, 1, 10, 0, 0, 0, time.UTC)
		for _, name := range []string{"v1.9.0", "v1.10.0", "v1", "v1.9", "latest", "release/v3.0.0", "v2.0.0-rc.1", "1.8.0", "v01.0.0", "v1.11.0"} {
			r.Tag(name, one)
		}
		object := r.AnnotatedTag("v2.0.0", two)
		r.Release("v1.9.0", githubtest.Release{Published: published})
		r.Release("v1.10.0", githubtest.Release{Published: published.Add(time.Hour), Prerelease: true})
		r.Release("v1.11.0", githubtest.Release{Draft: true})
		r.Release("v9.0.0", githubtest.Release{Draft: true}) // without a tag
		plain := func(name string) pin.Version { return pin.Version{Tag: pin.Tag{Name: name, Commit: one}} }
		with := func(v pin.Version, published time.Time, prerelease bool) pin.Version {
			v.Published, v.Prerelease = published, prerelease
			return v
		}
		want := []pin.Version{
			{Tag: pin.Tag{Name: "v2.0.0", Commit: two, Object: object}},
			plain("v2.0.0-rc.1"),
			with(plain("v1.10.0"), published.Add(time.Hour), true),
			with(plain("v1.9.0"), published, false),
			plain("1.8.0"),
		}
		gadgets := pin.Repository{Owner: "acme", Name: "gadgets"}
		s.Repo("hubot/empty").Delete("refs/heads/main")
		got, err := c.Versions(t.Context(), []pin.Repository{widgets, gadgets, {Owner: "Acme", Name: "WIDGETS"}, {Owner: "hubot", Name: "empty"}})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([][]pin.Version{want, nil, want, nil}, got, cmpopts.EquateEmpty()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestVersionsPages(t *testing.T) {
	inModes(t, func(t *testing.T, s *githubtest.Server, c *github.Client) {
		r := s.Repo("acme/widgets")
		for i := range 250 {
			name := fmt.Sprintf("v1.%d.0", i)
			r.Tag(name, r.Commit("main", name))
			r.Release(name, githubtest.Release{Prerelease: i%2 == 0})
		}
		got, err := c.Versions(t.Context(), []pin.Repository{widgets})
		if err != nil {
			t.Fatal(err)
		}
		if len(got[0]) != 250 {
			t.Fatalf("%d versions", len(got[0]))
		}
		for i, v := range got[0] {
			n := 249 - i
			if v.Name != fmt.Sprintf("v1.%d.0", n) || v.Prerelease != (n%2 == 0) || v.Published.IsZero() {
				t.Fatalf("at %d: %+v", i, v)
			}
		}
	})
}

// The newest 500 count, and 25 repositories are asked ten at a time.
func TestVersionsRequests(t *testing.T) {
	s := githubtest.New(t)
	r := s.Repo("acme/repo0")
	for i := range 700 {
		r.Tag(fmt.Sprintf("v1.0.%d", i), r.Commit("main", "x"))
	}
	var repositories []pin.Repository
	for i := range 25 {
		name := fmt.Sprintf("repo%d", i)
		s.Repo("acme/"+name).Tag("v2.0.0", s.Repo("acme/"+name).Head("main"))
		repositories = append(repositories, pin.Repository{Owner: "acme", Name: name})
	}
	c, _ := newClient(t, s, token)
	got, err := c.Versions(t.Context(), repositories)
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range got {
		if i > 0 && len(v) != 1 || i == 0 && (len(v) != 500 || v[1].Name != "v1.0.699") {
			t.Errorf("%d: %d versions", i, len(v))
		}
	}
	if n := len(s.Requests()); n != 3+4 {
		t.Errorf("%d requests", n)
	}
}

func TestDefaultBranch(t *testing.T) {
	inModes(t, func(t *testing.T, s *githubtest.Server, c *github.Client) {
		r := s.Repo("acme/widgets")
		head := r.Commit("develop", "x")
		r.SetDefaultBranch("develop")
		name, commit, err := c.DefaultBranch(t.Context(), widgets)
		if name != "develop" || commit != head || err != nil {
			t.Error(name, commit, err)
		}
		s.Repo("acme/empty").Delete("refs/heads/main")
		for _, missing := range []string{"empty", "gadgets"} {
			_, _, err = c.DefaultBranch(t.Context(), pin.Repository{Owner: "acme", Name: missing})
			wantError(t, err, "acme/"+missing+" does not exist", "contents: read")
		}
	})
}
