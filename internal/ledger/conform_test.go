package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign-ci/countersign/internal/githubtest"
	"github.com/countersign-ci/countersign/internal/ledger"
)

// conform checks that a store does what [ledger.Store] says. Each call of open
// gives a view of its own, as another process has, of the same empty store. The
// commit is one of acme/widgets.
func conform(t testing.TB, commit string, open func() ledger.Store) {
	t.Helper()
	record := func(i int) ledger.Record {
		u := use(commit)
		u.Attempt = i + 1
		return ledger.NewRecord(u)
	}
	create := func(s ledger.Store, name string, r ledger.Record) error {
		return s.Create(t.Context(), name, r, commit)
	}
	never := func(time.Time) bool { return false }
	remove := func(want int, past func(time.Time) bool) {
		t.Helper()
		if n, err := open().Remove(t.Context(), past); n != want || err != nil {
			t.Errorf("%d entries removed: %v; want %d", n, err, want)
		}
	}
	read := func(name string, want ledger.Record) {
		t.Helper()
		got, err := open().Read(t.Context(), name)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("reading %s: %v (-want +got):\n%s", name, err, diff)
		}
	}
	day := func(of string) func(time.Time) bool {
		return func(d time.Time) bool { return d.Format(time.DateOnly) == of && d.Location() == time.UTC }
	}

	// An empty store.
	remove(0, func(time.Time) bool { return true })
	if _, err := open().Read(t.Context(), entry); outcome(err) != "unknown" {
		t.Errorf("reading an entry that is not there: %v", err)
	}

	// One entry is made once, and keeps what it held first.
	first, second := record(0), record(1)
	for i, r := range []ledger.Record{first, second, first} {
		err := create(open(), entry, r)
		if want := []string{"passed", "used", "used"}[i]; outcome(err) != want {
			t.Errorf("creating an entry, time %d: %v, want %s", i+1, err, want)
		}
	}
	read(entry, first)

	// Names beside it are others.
	later, next := entry+"-2", "2026-11-23/"+strings.Repeat("0", 64)
	for _, name := range []string{later, next} {
		if err := create(open(), name, second); err != nil {
			t.Errorf("creating %s: %v", name, err)
		}
		read(name, second)
	}
	read(entry, first)

	// Days are removed as a whole, and only those.
	remove(0, never)
	remove(2, day("2026-11-22"))
	remove(0, day("2026-11-22"))
	read(next, second)
	if err := create(open(), next, first); outcome(err) != "used" {
		t.Errorf("creating an entry of a day that stays: %v", err)
	}

	// One of many.
	const many = 20
	views := make([]ledger.Store, many)
	for i := range views {
		views[i] = open()
	}
	once(t, many, func(i int) error { return create(views[i], entry, record(i)) })
	remove(2, func(time.Time) bool { return true })
}

// once calls use n times at once and reports it unless exactly one passes and the
// others hear that it was used.
func once(t testing.TB, n int, use func(i int) error) {
	t.Helper()
	errs := together(n, use)
	if passed, unknown := count(errs); passed != 1 || unknown != 0 {
		t.Errorf("of %d at once %d passed, and %d do not know: %v", n, passed, unknown, errors.Join(errs...))
	}
}

// together calls use n times at once.
func together(n int, use func(i int) error) []error {
	errs := make([]error, n)
	start := make(chan struct{})
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			<-start
			errs[i] = use(i)
		})
	}
	close(start)
	all.Wait()
	return errs
}

func count(errs []error) (passed, unknown int) {
	for _, err := range errs {
		switch outcome(err) {
		case "passed":
			passed++
		case "unknown":
			unknown++
		}
	}
	return passed, unknown
}

func TestConformGitRefs(t *testing.T) {
	s := githubtest.New(t)
	commit := s.Repo("acme/widgets").Head("main")
	conform(t, commit, func() ledger.Store { return onGitHub(t, s, "acme/widgets", token, nil) })
}

func TestConformGitRefsElsewhere(t *testing.T) {
	s := githubtest.New(t)
	s.Repo("acme/ledger")
	commit := s.Repo("acme/widgets").Head("main")
	conform(t, commit, func() ledger.Store { return onGitHub(t, s, "acme/ledger", token, nil) })
}

func TestConformDir(t *testing.T) {
	path := t.TempDir()
	conform(t, "", func() ledger.Store { return inDir(t, path) })
}

// A shelf is a store in memory.
type shelf struct {
	mu      sync.Mutex
	entries map[string]ledger.Record
	looked  func() // called between the look and the write, where that gap is
}

func (s *shelf) Create(_ context.Context, name string, r ledger.Record, _ string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, there := s.entries[name]; there {
		return ledger.ErrUsed
	}
	if s.looked != nil {
		s.mu.Unlock()
		s.looked()
		s.mu.Lock()
	}
	s.entries[name] = r
	return nil
}

func (s *shelf) Read(_ context.Context, name string) (ledger.Record, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r, there := s.entries[name]; there {
		return r, nil
	}
	return ledger.Record{}, errors.New("no such entry")
}

func (s *shelf) Remove(_ context.Context, past func(time.Time) bool) (removed int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name := range s.entries {
		if d, err := time.Parse(time.DateOnly, name[:len(time.DateOnly)]); err == nil && past(d) {
			delete(s.entries, name)
			removed++
		}
	}
	return removed, nil
}

func TestConformShelf(t *testing.T) {
	s := &shelf{entries: map[string]ledger.Record{}}
	conform(t, "", func() ledger.Store { return s })
}

// A recorder is a testing.TB that keeps what is reported to it.
type recorder struct {
	testing.TB
	mu       sync.Mutex
	reported []string
}

func (r *recorder) Errorf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reported = append(r.reported, fmt.Sprintf(format, args...))
}

// meeting returns a function in which the first calls, so many, wait for each
// other. That forces the race: all of them have looked before one goes on.
func meeting(calls int) func() {
	var mu sync.Mutex
	met := make(chan struct{})
	return func() {
		mu.Lock()
		if calls--; calls == 0 {
			close(met)
		}
		late := calls < 0
		mu.Unlock()
		if !late {
			<-met
		}
	}
}

// A store that looks first and writes then is found out by the suite, and by the
// check that all tests of concurrent uses share.
func TestBrokenAtomicity(t *testing.T) {
	t.Run("conformance", func(t *testing.T) {
		r := &recorder{TB: t}
		// Only in the part with many are there two at once, which meet: all that
		// come before and after look and write alone.
		var mu sync.Mutex
		inside, met := 0, make(chan struct{})
		views := 0
		s := &shelf{entries: map[string]ledger.Record{}}
		s.looked = func() {
			mu.Lock()
			many := views > 20
			if many {
				if inside++; inside == 2 {
					close(met)
				}
			}
			mu.Unlock()
			if many {
				<-met
			}
		}
		conform(r, "", func() ledger.Store {
			mu.Lock()
			defer mu.Unlock()
			views++
			return s
		})
		if !slices.ContainsFunc(r.reported, func(s string) bool { return strings.Contains(s, "at once") }) {
			t.Errorf("reported %q", r.reported)
		}
	})
	t.Run("uses", func(t *testing.T) {
		r := &recorder{TB: t}
		l := ledger.New(&shelf{entries: map[string]ledger.Record{}, looked: meeting(2)})
		once(r, 1000, func(int) error { return l.Use(t.Context(), use("")) })
		if len(r.reported) != 1 || !strings.Contains(r.reported[0], "of 1000 at once") {
			t.Errorf("reported %.200q", r.reported)
		}
	})
}
