package cli

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign-ci/countersign/internal/githubtest"
)

func TestLedgerPrune(t *testing.T) {
	for _, ledger := range []string{"dir", "github", ""} {
		t.Run(ledger, func(t *testing.T) {
			l := newLedgerTest(t)
			args := []string{"--ledger", ledger}
			switch ledger {
			case "dir":
				args[1] = "dir:" + l.dir
			case "":
				args = nil
			}
			prune := func(at string, removed int, days ...string) {
				t.Helper()
				var err error
				if l.now, err = time.Parse(time.RFC3339, at); err != nil {
					t.Fatal(err)
				}
				code, stdout, stderr := l.at(append([]string{"ledger", "prune"}, args...)...)
				want := fmt.Sprintf("removed: %d entries of days that are past\n", removed)
				if removed == 1 {
					want = "removed: 1 entry of days that are past\n"
				}
				if code != exitOK || stdout != "" || stderr != want {
					t.Errorf("at %s it ended with %d and printed %q and %q", at, code, stdout, stderr)
				}
				if diff := cmp.Diff(append([]string{}, days...), l.entries()); diff != "" {
					t.Errorf("days that are left at %s (-want +got):\n%s", at, diff)
				}
			}
			const day, next = "2026-11-22", "2026-11-23"
			prune("2026-11-22T23:50:00Z", 0)
			today, tomorrow := l.sign("--ttl", "5m"), l.sign("--ttl", "15m")
			l.once(exitOK, today, args...)
			l.once(exitOK, tomorrow, args...)
			prune("2026-11-22T23:59:59Z", 0, day, next)
			// Tokens are taken for a minute after they expire, and clocks differ.
			prune("2026-11-23T00:59:59Z", 0, day, next)
			prune("2026-11-23T03:00:00+02:00", 1, next)
			prune("2026-11-23T01:00:00Z", 0, next)
			prune("2026-11-23T23:59:59Z", 0, next)
			prune("2026-12-24T12:00:00Z", 1)
			prune("2026-12-24T12:00:00Z", 0)

			// Of a clock that was wrong nothing passes again.
			l.now = time.Date(2026, 11, 22, 23, 51, 0, 0, time.UTC)
			used := l.sign()
			l.once(exitOK, used, args...)
			prune("2026-11-21T12:00:00Z", 0, next)
			l.now = time.Date(2026, 11, 22, 23, 52, 0, 0, time.UTC)
			l.once(exitRefused, used, args...)
		})
	}
}

// A ledger that cannot be pruned is undecided.
func TestLedgerPruneFails(t *testing.T) {
	l := newLedgerTest(t)
	l.once(exitOK, l.sign())
	l.now = l.now.Add(72 * time.Hour)
	for _, test := range []struct {
		name, method, ledger, says string
		status                     int
	}{
		{"listing", http.MethodGet, "github", "403", 403},
		{"removing", http.MethodDelete, "github", "contents: write", 403},
		{"repository", "", "github:acme/none", "404", 0},
		{"directory", "", "dir:none", "directory", 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			l.t = t
			l.server.Fault(func(_ int, r *http.Request, _ []byte) *githubtest.Fault {
				if r.Method == test.method {
					return &githubtest.Fault{Status: test.status, Body: `{"message":"Resource not accessible by integration"}`}
				}
				return nil
			})
			code, stdout, stderr := l.at("ledger", "prune", "--ledger", test.ledger)
			if code != exitUndecided || stdout != "" || !strings.Contains(stderr, "error: ") || !strings.Contains(stderr, "hint: ") || !strings.Contains(stderr, test.says) {
				t.Errorf("it ended with %d and printed %q and %q", code, stdout, stderr)
			}
			l.server.Fault(nil)
			if got := l.entries(); len(got) != 1 {
				t.Errorf("entries %q", got)
			}
		})
	}
}
