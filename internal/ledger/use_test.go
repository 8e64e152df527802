package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign-ci/countersign/internal/githubtest"
	"github.com/countersign-ci/countersign/internal/ledger"
)

// The name of an entry is a format: what was used under it must stay so.
func TestEntry(t *testing.T) {
	other := func(change func(*ledger.Use)) ledger.Use {
		u := use("")
		change(&u)
		return u
	}
	for _, test := range []struct {
		name string
		use  ledger.Use
		want string // empty: refused
	}{
		{"one", use(""), entry},
		{"another run's", other(func(u *ledger.Use) { u.Repository, u.RunID, u.Attempt = "acme/gadgets", "7", 3 }), entry},
		{"the day is UTC's", other(func(u *ledger.Use) { u.Expires = time.Date(2026, 11, 22, 20, 0, 0, 0, time.FixedZone("", -5*3600)) }), "2026-11-23/" + key},
		{"no issuer", other(func(u *ledger.Use) { u.Issuer = "" }), ""},
		{"no id", other(func(u *ledger.Use) { u.ID = "" }), ""},
		{"a zero byte that would move the border", other(func(u *ledger.Use) { u.Issuer += "\x00a" }), ""},
		{"no expiry", other(func(u *ledger.Use) { u.Expires = time.Time{} }), ""},
		{"an expiry beyond all dates", other(func(u *ledger.Use) { u.Expires = time.Unix(1<<62, 0) }), ""},
	} {
		got, err := test.use.Entry()
		if got != test.want || (err == nil) != (test.want != "") {
			t.Errorf("%s: %q, %v", test.name, got, err)
		}
		if test.want == "" {
			want(t, ledger.New(&shelf{entries: map[string]ledger.Record{}}).Use(t.Context(), test.use), "unknown", "cannot be used once", "sign")
		}
	}
	a, b := other(func(u *ledger.Use) { u.Issuer, u.ID = "ab", "c" }), other(func(u *ledger.Use) { u.Issuer, u.ID = "a", "bc" })
	nameA, _ := a.Entry()
	if nameB, _ := b.Entry(); nameA == nameB {
		t.Error("two tokens have one entry")
	}
}

// stores runs a test with both stores, of which each is empty.
func stores(t *testing.T, test func(t *testing.T, commit string, s ledger.Store)) {
	t.Run("refs", func(t *testing.T) {
		s := githubtest.New(t)
		commit := s.Repo("acme/widgets").Head("main")
		test(t, commit, onGitHub(t, s, "acme/widgets", token, nil))
	})
	t.Run("dir", func(t *testing.T) { test(t, strings.Repeat("c", 40), inDir(t, t.TempDir())) })
}

func TestRerun(t *testing.T) {
	type step struct {
		change func(*ledger.Use)
		want   string
	}
	at := func(n int, allow bool) func(*ledger.Use) {
		return func(u *ledger.Use) { u.Attempt, u.AllowRerun = n, allow }
	}
	also := func(first, second func(*ledger.Use)) func(*ledger.Use) {
		return func(u *ledger.Use) { first(u); second(u) }
	}
	noRun := func(u *ledger.Use) { u.RunID = "" }
	noRepository := func(u *ledger.Use) { u.Repository = "" }
	for name, steps := range map[string][]step{
		"not allowed":           {{at(1, false), "passed"}, {at(2, false), "used"}, {at(2, true), "passed"}},
		"each attempt once":     {{at(1, true), "passed"}, {at(1, true), "used"}, {at(2, true), "passed"}, {at(2, true), "used"}, {at(3, true), "passed"}, {at(3, true), "used"}, {at(1, true), "used"}},
		"the first was the 2nd": {{at(2, true), "passed"}, {at(2, true), "used"}, {at(1, true), "used"}, {at(3, true), "passed"}},
		"another run":           {{at(1, true), "passed"}, {also(at(2, true), func(u *ledger.Use) { u.RunID = "1658821494" }), "used"}},
		"another repository":    {{at(1, true), "passed"}, {also(at(2, true), func(u *ledger.Use) { u.Repository = "acme/gadgets" }), "used"}},
		"no run":                {{also(at(1, true), noRun), "passed"}, {also(at(2, true), noRun), "used"}},
		"no repository":         {{also(at(1, true), noRepository), "passed"}, {also(at(2, true), noRepository), "used"}},
		"attempt not told":      {{at(0, true), "passed"}, {at(2, true), "used"}},
		"then not told":         {{at(1, true), "passed"}, {at(0, true), "used"}, {at(-2, true), "used"}},
		"other case":            {{at(1, true), "passed"}, {also(at(2, true), func(u *ledger.Use) { u.Repository = "ACME/Widgets" }), "passed"}},
	} {
		t.Run(name, func(t *testing.T) {
			stores(t, func(t *testing.T, commit string, s ledger.Store) {
				for i, step := range steps {
					u := use(commit)
					step.change(&u)
					if err := ledger.New(s).Use(t.Context(), u); outcome(err) != step.want {
						t.Errorf("step %d: %v, want %s", i+1, err, step.want)
					}
				}
			})
		})
	}
}

// One of many attempts with one number passes.
func TestRerunAtOnce(t *testing.T) {
	stores(t, func(t *testing.T, commit string, s ledger.Store) {
		l := ledger.New(s)
		want(t, l.Use(t.Context(), use(commit)), "passed", "", "")
		once(t, 20, func(int) error { return l.Use(t.Context(), attempt(commit, 2)) })
	})
}

func TestRequests(t *testing.T) {
	for _, test := range []struct {
		name, repository string
		again            bool // a second use, and what it asks
		use              func(commit string) ledger.Use
		want             []string
	}{
		{"first use", "acme/widgets", false, use, []string{"POST git/tags", "POST git/refs"}},
		{"name in another case", "Acme/Widgets", false, use, []string{"POST git/tags", "POST git/refs"}},
		{"second use", "acme/widgets", true, use, []string{"POST git/tags", "POST git/refs"}},
		{"another repository", "acme/ledger", false, use, []string{"POST /api/graphql", "POST git/tags", "POST git/refs"}},
		{"no commit", "acme/widgets", false, func(string) ledger.Use { return use("") }, []string{"POST /api/graphql", "POST git/tags", "POST git/refs"}},
		{"rerun", "acme/widgets", true, func(c string) ledger.Use { return attempt(c, 2) },
			[]string{"POST git/tags", "POST git/refs", "GET git/ref", "GET git/tags", "POST git/tags", "POST git/refs"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := githubtest.New(t)
			s.SetToken(token)
			s.Repo("acme/ledger")
			commit := s.Repo("acme/widgets").Head("main")
			l := ledger.New(onGitHub(t, s, test.repository, token, nil))
			if test.again {
				want(t, l.Use(t.Context(), use(commit)), "passed", "", "")
				s.ResetRequests()
			}
			_ = l.Use(t.Context(), test.use(commit))
			if diff := cmp.Diff(test.want, requests(s)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// The tag object holds the record and points at the run's commit, or elsewhere at
// the head of the default branch.
func TestObject(t *testing.T) {
	s := githubtest.New(t)
	old := s.Repo("acme/widgets").Head("main")
	s.Repo("acme/widgets").Commit("main", "next")
	trunk := s.Repo("acme/ledger").Commit("trunk", "beside main")
	s.Repo("acme/ledger").SetDefaultBranch("trunk")
	for repository, commit := range map[string]string{"acme/widgets": old, "acme/ledger": trunk} {
		s.ResetRequests()
		g := onGitHub(t, s, repository, token, nil)
		want(t, ledger.New(g).Use(t.Context(), use(old)), "passed", "", "")
		posted := s.Requests()[len(s.Requests())-2].Body
		r, err := g.Read(t.Context(), entry)
		if err != nil || r.Repository != "acme/widgets" || r.RunID != "1658821493" || r.Attempt != 1 || len(r.Nonce) != 32 {
			t.Errorf("%+v, %v", r, err)
		}
		if !strings.Contains(posted, fmt.Sprintf("%q:%q", "object", commit)) || !strings.Contains(posted, r.Nonce) {
			t.Errorf("posted %s, want an object at %s", posted, commit)
		}
	}
}

// Whatever the server says but "created" refuses, and only its one sentence says
// that the token was used.
func TestAnswers(t *testing.T) {
	message := func(text string) string { return fmt.Sprintf(`{"message":%q}`, text) }
	all := func(int) bool { return true }
	for _, test := range []struct {
		name    string
		path    string
		which   func(n int) bool // of the requests with that path, from 1
		fault   githubtest.Fault
		want    string
		says    string
		advises string
	}{
		{"exists", "git/refs", all, githubtest.Fault{Status: 422, Body: message("Reference already exists")}, "used", "used already", "new token"},
		{"exists, in other words", "git/refs", all, githubtest.Fault{Status: 422, Body: message("Reference already exists.")}, "unknown", "422", "rules"},
		{"exists, without JSON", "git/refs", all, githubtest.Fault{Status: 422, Body: "Reference already exists"}, "unknown", "422", ""},
		{"exists, with another status", "git/refs", all, githubtest.Fault{Status: 409, Body: message("Reference already exists")}, "unknown", "409", ""},
		{"exists, of the tag", "git/tags", all, githubtest.Fault{Status: 422, Body: message("Reference already exists")}, "unknown", "422", ""},
		{"no object", "git/refs", all, githubtest.Fault{Status: 422, Body: message("Object does not exist")}, "unknown", "Object does not exist", ""},
		{"success of another kind", "git/refs", all, githubtest.Fault{Status: 200, Body: `{"ref":"` + "refs/countersign/" + entry + `"}`}, "unknown", "", ""},
		{"accepted", "git/refs", all, githubtest.Fault{Status: 202, Body: `{}`}, "unknown", "", ""},
		{"no content", "git/refs", all, githubtest.Fault{Status: 204}, "unknown", "", ""},
		{"bad request", "git/refs", all, githubtest.Fault{Status: 400, Body: message("Problems parsing JSON")}, "unknown", "400", ""},
		{"unauthorized", "git/tags", all, githubtest.Fault{Status: 401, Body: message("Bad credentials")}, "unknown", "401", "COUNTERSIGN_GITHUB_TOKEN"},
		{"forbidden", "git/tags", all, githubtest.Fault{Status: 403, Body: message("Resource not accessible by integration")}, "unknown", "403", "contents: write"},
		{"forbidden for the ref", "git/refs", all, githubtest.Fault{Status: 403, Body: message("Resource not accessible by integration")}, "unknown", "403", "contents: write"},
		{"not found", "git/refs", all, githubtest.Fault{Status: 404, Body: message("Not Found")}, "unknown", "404", "contents: write"},
		{"conflict", "git/refs", all, githubtest.Fault{Status: 409, Body: message("Git Repository is empty.")}, "unknown", "409", "empty"},
		{"limit", "git/refs", all, githubtest.Fault{Status: 429, Body: message("slow down")}, "unknown", "limits", "later"},
		{"limit, secondary", "git/refs", all, githubtest.Fault{Status: 403, Body: message("You have exceeded a secondary rate limit")}, "unknown", "limits", "later"},
		{"limit of an hour", "git/refs", all, githubtest.Fault{Status: 403, Header: http.Header{"Retry-After": {"3600"}}, Body: "{}"}, "unknown", "1h", "later"},
		{"down", "git/refs", all, githubtest.Fault{Status: 500, Body: message("oops")}, "unknown", "does not tell", "new token"},
		{"down for the tag", "git/tags", all, githubtest.Fault{Status: 503}, "unknown", "cannot be written", "later"},
		{"down with a status of a proxy", "git/refs", all, githubtest.Fault{Status: 522}, "unknown", "does not tell", "new token"},
		{"created, and cut within", "git/refs", all, githubtest.Fault{Status: 201, Body: `{"ref":"refs/cou`}, "unknown", "does not tell", "new token"},
		{"created, and empty", "git/refs", all, githubtest.Fault{Status: 201}, "unknown", "does not tell", "new token"},
		{"created, another one", "git/refs", all, githubtest.Fault{Status: 201, Body: `{"ref":"refs/heads/main","object":{"sha":"` + strings.Repeat("0", 40) + `"}}`}, "unknown", "does not tell", "new token"},

		// What passes.
		{"one limit", "git/refs", func(n int) bool { return n == 1 }, githubtest.Fault{Status: 429}, "passed", "", ""},
		{"four limits", "git/tags", func(n int) bool { return n <= 4 }, githubtest.Fault{Status: 429, Header: http.Header{"Retry-After": {"3"}}}, "passed", "", ""},
		{"one lost before", "git/refs", func(n int) bool { return n == 1 }, githubtest.Fault{Status: 500}, "passed", "", ""},
		{"one lost after", "git/refs", func(n int) bool { return n == 1 }, githubtest.Fault{Status: 502, Late: true}, "passed", "", ""},
		{"one cut after", "git/refs", func(n int) bool { return n == 1 }, githubtest.Fault{Cut: true}, "passed", "", ""},
		{"all cut after", "git/refs", all, githubtest.Fault{Cut: true}, "passed", "", ""},
		{"created, and half", "git/refs", all, githubtest.Fault{Late: true, Status: 201, Body: `{"ref":"refs/cou`}, "passed", "", ""},
		{"created, and empty after", "git/refs", all, githubtest.Fault{Late: true, Status: 201}, "passed", "", ""},
		{"one tag cut", "git/tags", func(n int) bool { return n == 1 }, githubtest.Fault{Cut: true}, "passed", "", ""},
		{"four lost before", "git/refs", func(n int) bool { return n <= 4 }, githubtest.Fault{Status: 500}, "passed", "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := githubtest.New(t)
			commit := s.Repo("acme/widgets").Head("main")
			n := 0
			s.Fault(func(_ int, r *http.Request, _ []byte) *githubtest.Fault {
				if r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, test.path) {
					if n++; test.which(n) {
						return &test.fault
					}
				}
				return nil
			})
			l := ledger.New(onGitHub(t, s, "acme/widgets", token, nil))
			want(t, l.Use(t.Context(), use(commit)), test.want, test.says, test.advises)
			if len(s.Requests()) > 12 {
				t.Errorf("%d requests", len(s.Requests()))
			}
			s.Fault(nil)
			// Nobody passes twice, and what was not created is not used up.
			next := outcome(ledger.New(onGitHub(t, s, "acme/widgets", token, nil)).Use(t.Context(), use(commit)))
			if (next == "passed") != (test.want != "passed") {
				t.Errorf("the next use: %s", next)
			}
		})
	}
}

// A use whose context has ended is not known.
func TestEnded(t *testing.T) {
	s := githubtest.New(t)
	commit := s.Repo("acme/widgets").Head("main")
	ctx, cancel := context.WithCancelCause(t.Context())
	s.Fault(func(_ int, r *http.Request, _ []byte) *githubtest.Fault {
		if strings.HasSuffix(r.URL.Path, "git/refs") {
			cancel(errors.New("ended"))
		}
		return nil
	})
	want(t, ledger.New(onGitHub(t, s, "acme/widgets", token, nil)).Use(ctx, use(commit)), "unknown", "", "")
}

func TestOpening(t *testing.T) {
	if _, err := ledger.NewGitRefs(nil, "acme/../widgets"); err == nil {
		t.Error("a bad name passed")
	}
	s := githubtest.New(t)
	s.SetToken(token)
	commit := s.Repo("acme/widgets").Head("main")
	want(t, ledger.New(onGitHub(t, s, "acme/widgets", "", nil)).Use(t.Context(), use(commit)), "unknown", "needs a token", "contents: write")
	want(t, ledger.New(onGitHub(t, s, "acme/ledger", token, nil)).Use(t.Context(), use(commit)), "unknown", "acme/ledger does not exist", "")
	want(t, ledger.New(onGitHub(t, s, "acme/widgets", token, nil)).Use(t.Context(), use("HEAD")), "unknown", "HEAD", "")
	_, err := ledger.OpenDir(filepath.Join(t.TempDir(), "missing"))
	want(t, err, "unknown", "cannot be opened", "not created")
}
