package ledger_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/countersign-ci/countersign/internal/githubtest"
	"github.com/countersign-ci/countersign/internal/ledger"
)

// uses is how many use one token at once.
const uses = 1000

// Faults that the bounded retries get over, and faults that they do not. lost is
// one that only the client's side sees.
var (
	passing = []githubtest.Fault{
		{Status: http.StatusInternalServerError, Body: `{"message":"Server Error"}`},
		{Status: http.StatusBadGateway, Late: true},
		{Status: http.StatusServiceUnavailable},
		{Status: http.StatusTooManyRequests, Body: `{"message":"too many requests"}`},
		{Status: http.StatusForbidden, Header: http.Header{"Retry-After": {"1"}}, Body: `{"message":"API rate limit exceeded"}`},
		{Status: http.StatusForbidden, Body: `{"message":"You have exceeded a secondary rate limit."}`},
		{Cut: true},
		{Cut: true, Status: http.StatusInternalServerError, Body: `{}`},
	}
	staying = []githubtest.Fault{
		{Status: http.StatusConflict, Body: `{"message":"Conflict"}`},
		{Status: http.StatusConflict, Body: `{"message":"Conflict"}`, Late: true},
		{Status: http.StatusUnprocessableEntity, Body: `{"message":"Reference already exists"}`},
		{Status: http.StatusUnprocessableEntity, Body: `{"message":"Reference already exists"}`, Late: true},
		{Status: http.StatusUnprocessableEntity, Body: `{"message":"Reference update failed"}`},
		{Status: http.StatusForbidden, Body: `{"message":"Resource not accessible by integration"}`},
		{Status: http.StatusNotFound, Body: `{"message":"Not Found"}`, Late: true},
		{Status: http.StatusUnauthorized, Body: `{"message":"Bad credentials"}`},
		{Status: http.StatusForbidden, Header: http.Header{"Retry-After": {"3600"}}},
		{Status: http.StatusCreated},
	}
)

// A storm makes requests of each of the uses fail at random, at most so many of
// each. Which one a request is of its token says.
type storm struct {
	mu     sync.Mutex
	random *rand.Rand
	faults []githubtest.Fault
	most   int
	had    map[string]int
}

// next is what happens to a request: nothing, a fault of the server, or a time-out
// after the server has carried it out.
func (s *storm) next(r *http.Request) (f *githubtest.Fault, timeout bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	who := r.Header.Get("Authorization")
	if s.had[who] >= s.most || s.random.IntN(2) == 0 {
		return nil, false
	}
	s.had[who]++
	if n := s.random.IntN(len(s.faults) + 2); n < len(s.faults) {
		return &s.faults[n], false
	}
	return nil, true
}

// strike lets all uses of one token go through a storm and returns how each ended.
func strike(t *testing.T, seed uint64, faults []githubtest.Fault, most int) []error {
	t.Helper()
	weather := &storm{random: rand.New(rand.NewPCG(seed, 4)), faults: faults, most: most, had: map[string]int{}}
	server := githubtest.New(t)
	commit := server.Repo("acme/widgets").Head("main")
	const chosen = "X-Test-Fault"
	var early atomic.Int32
	server.Fault(func(_ int, r *http.Request, _ []byte) *githubtest.Fault {
		var n int
		switch _, err := fmt.Sscan(r.Header.Get(chosen), &n); {
		case err == nil:
			return &faults[n]
		case isRefs(r, http.MethodPost) && early.Add(1) <= 5:
			return &githubtest.Fault{Cut: true} // who creates the entry does not hear of it
		}
		return nil
	})
	base := &http.Transport{MaxConnsPerHost: 32, MaxIdleConnsPerHost: 32}
	t.Cleanup(base.CloseIdleConnections)
	shared := &transport{base: base}
	shared.trip = func(r *http.Request, next http.RoundTripper) (*http.Response, error) {
		f, timeout := weather.next(r)
		switch {
		case timeout:
			return late(r, next)
		case f != nil:
			for i := range faults {
				if f == &faults[i] {
					r.Header.Set(chosen, fmt.Sprint(i))
				}
			}
		}
		return next.RoundTrip(r)
	}
	ledgers := make([]*ledger.Ledger, uses)
	for i := range ledgers {
		ledgers[i] = ledger.New(onGitHub(t, server, "acme/widgets", fmt.Sprintf("use-%d", i), shared))
	}
	errs := together(uses, func(i int) error {
		u := use(commit)
		u.RunID = fmt.Sprint(i)
		return ledgers[i].Use(t.Context(), u)
	})
	// Whoever passed is the one that the ledger names.
	r, err := onGitHub(t, server, "acme/widgets", token, nil).Read(t.Context(), entry)
	for i, e := range errs {
		if e == nil && (err != nil || r.RunID != fmt.Sprint(i)) {
			t.Errorf("seed %d: use %d passed, and the entry is %+v, %v", seed, i, r, err)
		}
	}
	return errs
}

// Where the retries get over every fault exactly one of a thousand passes, and all
// others hear that the token was used.
func TestStorm(t *testing.T) {
	for seed := range uint64(2) {
		errs := strike(t, seed, passing, 3)
		if passed, unknown := count(errs); passed != 1 || unknown != 0 {
			t.Errorf("seed %d: %d passed, and %d do not know", seed, passed, unknown)
		}
	}
}

// Whatever the faults are, never more than one passes.
func TestWorseStorm(t *testing.T) {
	all := append(append([]githubtest.Fault{}, passing...), staying...)
	for seed := range uint64(2) {
		passed, unknown := count(strike(t, 100+seed, all, 9))
		if passed > 1 || unknown == 0 {
			t.Errorf("seed %d: %d passed, and %d do not know", seed, passed, unknown)
		}
	}
}
