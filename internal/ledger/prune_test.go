package ledger_test

import (
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign-ci/countersign/internal/github"
	"github.com/countersign-ci/countersign/internal/githubtest"
	"github.com/countersign-ci/countersign/internal/ledger"
	"github.com/countersign-ci/countersign/internal/pin"
)

// pruned is when the entries of day may go, and no earlier.
var pruned = time.Date(2026, 11, 23, 1, 0, 0, 0, time.UTC)

func TestPruneTime(t *testing.T) {
	stores(t, func(t *testing.T, commit string, s ledger.Store) {
		l := ledger.New(s)
		for i, at := range []time.Time{expires, expires.AddDate(0, 0, 1), expires.AddDate(0, 0, -40)} {
			u := use(commit)
			u.Expires = at
			if err := l.Use(t.Context(), u); err != nil {
				t.Fatal(i, err)
			}
		}
		if err := l.Use(t.Context(), attempt(commit, 2)); err != nil {
			t.Fatal(err)
		}
		for _, step := range []struct {
			now  time.Time
			want int
		}{
			{expires.AddDate(0, -3, 0), 0},
			{pruned.Add(-time.Nanosecond), 1}, // the old one
			{pruned.In(time.FixedZone("", 14*3600)), 2},
			{pruned, 0},
			{pruned.AddDate(0, 0, 1).Add(-time.Nanosecond), 0},
			{pruned.AddDate(1, 0, 0), 1},
		} {
			if n, err := l.Prune(t.Context(), step.now); n != step.want || err != nil {
				t.Errorf("at %v: %d, %v; want %d", step.now, n, err, step.want)
			}
		}
	})
}

var zeros = strings.Repeat("0", 64)

// ours are entries, and others are none although they look like some.
var (
	ours   = []string{"2026-11-22/" + zeros, "2026-11-22/" + zeros + "-2", "2026-11-22/" + zeros + "-123", "0001-01-01/" + zeros}
	others = []string{
		"2026-11-22/" + zeros + "0", "2026-11-22/" + zeros[1:], "2026-11-22/" + zeros[1:] + "A", "2026-11-22/" + zeros[1:] + "g",
		"2026-11-22/" + zeros + "-1", "2026-11-22/" + zeros + "-0", "2026-11-22/" + zeros + "-02", "2026-11-22/" + zeros + "-", "2026-11-22/" + zeros + "--2", "2026-11-22/" + zeros + "-2-3", "2026-11-22/" + zeros + "-+2",
		"2026-11-22/x", "2026-11-21/x/" + zeros, "2026-11-20/" + zeros + "/x", "2026-1-2/" + zeros, "2026-02-30/" + zeros, "2026-11-22T/" + zeros, "keep/" + zeros, zeros,
	}
)

// Nothing but entries is removed.
func TestPruneRefs(t *testing.T) {
	s := githubtest.New(t)
	repo := s.Repo("acme/widgets")
	commit := repo.Head("main")
	c, err := github.New(github.Config{APIURL: s.URL(), GraphQLURL: s.GraphQLURL(), Token: token})
	if err != nil {
		t.Fatal(err)
	}
	widgets := pin.Repository{Owner: "acme", Name: "widgets"}
	var keep []string
	for _, name := range others {
		keep = append(keep, "refs/countersign/"+name)
	}
	keep = append(keep, "refs/tags/2026-11-22/"+zeros, "refs/countersign2/2026-11-22/"+zeros, "refs/tags/countersign/2026-11-22/"+zeros)
	for _, ref := range keep {
		if err := c.CreateRef(t.Context(), widgets, ref, commit); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range ours {
		if err := c.CreateRef(t.Context(), widgets, "refs/countersign/"+name, commit); err != nil {
			t.Fatal(err)
		}
	}
	l := ledger.New(onGitHub(t, s, "acme/widgets", token, nil))
	if n, err := l.Prune(t.Context(), pruned); n != len(ours) || err != nil {
		t.Errorf("%d removed: %v", n, err)
	}
	var left []string
	for _, above := range []string{"refs/countersign/", "refs/countersign2/", "refs/tags/"} {
		names, err := c.RefsBelow(t.Context(), widgets, above)
		if err != nil {
			t.Fatal(err)
		}
		left = append(left, names...)
	}
	slices.Sort(keep)
	slices.Sort(left)
	if diff := cmp.Diff(keep, left); diff != "" {
		t.Error(diff)
	}
}

// Where nobody has pruned for long there are more entries than an answer holds.
func TestPruneMany(t *testing.T) {
	s := githubtest.New(t)
	l := ledger.New(onGitHub(t, s, "acme/widgets", token, nil))
	for _, id := range []string{"a", "b", "c"} {
		u := use(s.Repo("acme/widgets").Head("main"))
		u.ID = id
		if err := l.Use(t.Context(), u); err != nil {
			t.Fatal(err)
		}
	}
	s.Fault(func(_ int, r *http.Request, _ []byte) *githubtest.Fault {
		_, prefix, listing := strings.Cut(r.URL.Path, "/matching-refs/countersign")
		if listing && strings.HasPrefix("/20", prefix) {
			return &githubtest.Fault{Body: strings.Repeat(" ", 17<<20)}
		}
		return nil
	})
	if n, err := l.Prune(t.Context(), pruned); n != 3 || err != nil {
		t.Errorf("%d removed: %v", n, err)
	}
}

func TestPruneDir(t *testing.T) {
	path := t.TempDir()
	for _, name := range slices.Concat(ours, others) {
		mkdir(t, path, filepath.Dir(name))
		write(t, filepath.Join(path, name), "")
	}
	mkdir(t, path, "2026-11-19") // emptied by a process that ended
	mkdir(t, path, "2026-11-18", zeros)
	outside := t.TempDir()
	write(t, filepath.Join(outside, zeros), "")
	symlink(t, outside, filepath.Join(path, "2026-11-17"))
	mkdir(t, path, "2026-11-16")
	symlink(t, filepath.Join(outside, zeros), filepath.Join(path, "2026-11-16", zeros))
	if n, err := ledger.New(inDir(t, path)).Prune(t.Context(), pruned); n != len(ours) || err != nil {
		t.Errorf("%d removed: %v", n, err)
	}
	keep := append(slices.Clone(others), "2026-11-18/"+zeros, "2026-11-17", "2026-11-16/"+zeros)
	var left []string
	err := filepath.WalkDir(path, func(name string, e fs.DirEntry, err error) error {
		if err != nil || name == path {
			return err
		}
		below, err := os.ReadDir(name)
		if !e.IsDir() || len(below) == 0 {
			rel, _ := filepath.Rel(path, name)
			left = append(left, filepath.ToSlash(rel))
		}
		if !e.IsDir() {
			return nil
		}
		return err
	})
	slices.Sort(keep)
	slices.Sort(left)
	if diff := cmp.Diff(keep, left); err != nil || diff != "" {
		t.Error(err, diff)
	}
	if _, err := os.Lstat(filepath.Join(outside, zeros)); err != nil {
		t.Error(err)
	}
}

// A ref that somebody else has removed meanwhile is no error, nor is a lost answer.
func TestPruneFaults(t *testing.T) {
	for _, test := range []struct {
		name  string
		fault githubtest.Fault
		most  int
		want  int
		says  string // empty: no error
	}{
		{"gone meanwhile", githubtest.Fault{Status: 422, Body: `{"message":"Reference does not exist"}`}, 1, 2, ""},
		{"cut after", githubtest.Fault{Cut: true}, 9, 2, ""},
		{"late", githubtest.Fault{Status: 502, Late: true}, 4, 2, ""},
		{"before", githubtest.Fault{Status: 500}, 4, 2, ""},
		{"limits", githubtest.Fault{Status: 429}, 4, 2, ""},
		{"down", githubtest.Fault{Status: 500}, 9, 0, "answered 500"},
		{"forbidden", githubtest.Fault{Status: 403, Body: `{"message":"Resource not accessible by integration"}`}, 9, 0, "403"},
		{"no success", githubtest.Fault{Status: 200, Body: `{}`}, 9, 0, "another form"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := githubtest.New(t)
			commit := s.Repo("acme/widgets").Head("main")
			l := ledger.New(onGitHub(t, s, "acme/widgets", token, nil))
			for i := range 2 {
				u := use(commit)
				u.ID = fmt.Sprint(i)
				if err := l.Use(t.Context(), u); err != nil {
					t.Fatal(err)
				}
			}
			had := 0
			s.Fault(func(_ int, r *http.Request, _ []byte) *githubtest.Fault {
				if r.Method == http.MethodDelete && had < test.most {
					had++
					return &test.fault
				}
				return nil
			})
			n, err := l.Prune(t.Context(), pruned)
			if n != test.want || (err == nil) != (test.says == "") {
				t.Errorf("%d removed: %v", n, err)
			}
			if err != nil {
				want(t, err, "unknown", test.says, "")
			}
		})
	}
}
