package cli

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/countersign-ci/countersign/internal/githubtest"
)

func TestLedgerOnce(t *testing.T) {
	for _, ledger := range []string{"dir", "github", "github:acme/widgets", "github:ACME/Ledger", ""} {
		t.Run(ledger, func(t *testing.T) {
			l := newLedgerTest(t)
			l.server.Repo("acme/ledger")
			args, requests := []string{"--ledger", ledger}, 2
			switch ledger {
			case "dir":
				args[1], requests = "dir:"+l.dir, 0
			case "github:ACME/Ledger":
				requests = 3 // and the head of its default branch
			case "":
				args = nil
			}
			token, other := l.sign(), l.sign()
			l.server.ResetRequests()
			report, stderr := l.once(exitOK, token, args...)
			if !strings.Contains(report, `{"rule":"replayed","status":"pass",`) || !strings.HasPrefix(stderr, "verified: ") {
				t.Errorf("report %s, and it said %q", report, stderr)
			}
			if got := l.server.Requests(); len(got) != requests {
				t.Errorf("%d requests, want %d", len(got), requests)
			}
			for range 2 {
				report, stderr = l.once(exitRefused, token, args...)
				if !strings.Contains(report, `"failure":"replayed"`) || !strings.Contains(stderr, "error: replayed: ") || !strings.Contains(stderr, "hint: ") {
					t.Errorf("report %s, and it said %q", report, stderr)
				}
			}
			report, stderr = l.once(exitOK, token, append(args, "--on-invalid", "warn")...)
			if !strings.Contains(report, `{"rule":"replayed","status":"warn",`) || !strings.Contains(stderr, "warning: replayed: ") {
				t.Errorf("report %s, and it said %q", report, stderr)
			}
			// What a missing token does is no word about one that is there.
			l.once(exitRefused, token, append(args, "--on-missing", "warn")...)
			l.once(exitOK, other, args...)
		})
	}
}

// Whatever the ledger says but yes and no is undecided, and no warning covers it.
func TestLedgerUnavailable(t *testing.T) {
	message := func(status int, text string) *githubtest.Fault {
		return &githubtest.Fault{Status: status, Body: fmt.Sprintf(`{"message":%q}`, text)}
	}
	limit := message(429, "slow down")
	limit.Header = http.Header{"Retry-After": {"3600"}}
	for _, test := range []struct {
		name, ledger string
		fault        *githubtest.Fault
		says         string
	}{
		{"unauthorized", "github", message(401, "Bad credentials"), "401"},
		{"forbidden", "github", message(403, "Resource not accessible by integration"), "contents: write"},
		{"conflict", "github", message(409, "Git Repository is empty."), "409"},
		{"no object", "github", message(422, "Object does not exist"), "422"},
		{"limit", "github", limit, "1h0m0s"},
		{"success of another kind", "github", message(202, "later"), ""},
		{"unknown repository", "github:acme/none", nil, "acme/none"},
		{"missing directory", "dir:none", nil, "directory"},
		{"file", "dir:" + workflow, nil, "directory"},
	} {
		t.Run(test.name, func(t *testing.T) {
			l := newLedgerTest(t)
			token := l.sign()
			l.server.Fault(func(_ int, r *http.Request, _ []byte) *githubtest.Fault {
				if r.Method == http.MethodPost {
					return test.fault
				}
				return nil
			})
			for _, mode := range []string{"block", "warn"} {
				report, stderr := l.once(exitUndecided, token, "--ledger", test.ledger, "--on-missing", mode, "--on-invalid", mode)
				if !strings.Contains(report, `{"ok":false,"failure":"ledger-unavailable",`) || !strings.Contains(report, `{"rule":"ledger-unavailable","status":"fail",`) {
					t.Errorf("report %s", report)
				}
				if !strings.Contains(stderr, "error: ledger-unavailable: ") || !strings.Contains(stderr, "hint: ") || !strings.Contains(stderr, test.says) {
					t.Errorf("it said %q", stderr)
				}
				if got := l.outputs(); got["failure"] != "ledger-unavailable" {
					t.Errorf("outputs %q", got)
				}
			}
			l.server.Fault(nil)
			if test.fault != nil {
				l.once(exitOK, token)
			}
		})
	}
}

// A down is a server that answers 500 to everything.
type down struct{ requests int }

func (d *down) RoundTrip(r *http.Request) (*http.Response, error) {
	d.requests++
	return &http.Response{
		StatusCode: http.StatusInternalServerError, Header: http.Header{}, Request: r,
		Body: io.NopCloser(strings.NewReader(`{"message":"Server Error"}`)),
	}, nil
}

// A server that fails is asked again, for a bounded time.
func TestLedgerDown(t *testing.T) {
	folder := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		start, server := time.Now(), &down{}
		l := &ledgerTest{pinTest: &pinTest{t: t, program: program{client: &http.Client{Transport: server}}}, now: start}
		l.prepare(folder)
		report, stderr := l.once(exitUndecided, l.sign(), "--on-invalid", "warn")
		if !strings.Contains(report, `{"ok":false,"failure":"ledger-unavailable",`) || !strings.Contains(stderr, "500") {
			t.Errorf("report %s, and it said %q", report, stderr)
		}
		if took := time.Since(start); server.requests < 2 || server.requests > 10 || took > time.Minute {
			t.Errorf("%d requests in %v", server.requests, took)
		}
	})
}

func TestLedgerRerun(t *testing.T) {
	for _, ledger := range []string{"dir", "github"} {
		t.Run(ledger, func(t *testing.T) {
			l := newLedgerTest(t)
			store := map[string]string{"dir": "dir:" + l.dir, "github": "github"}[ledger]
			token, unused := l.sign(), l.sign()
			attempt := func(code int, token, run, attempt string) {
				t.Helper()
				l.program.env["GITHUB_RUN_ID"], l.program.env["GITHUB_RUN_ATTEMPT"] = run, attempt
				report, _ := l.once(code, token, "--ledger", store, "--allow-rerun")
				if replayed := strings.Contains(report, `"failure":"replayed"`); replayed != (code == exitRefused) {
					t.Errorf("attempt %s of run %s: %s", attempt, run, report)
				}
			}
			attempt(exitOK, token, "7", "1")
			attempt(exitRefused, token, "7", "1")
			attempt(exitRefused, token, "8", "1")
			attempt(exitRefused, token, "8", "2")
			attempt(exitOK, token, "7", "2")
			attempt(exitRefused, token, "7", "2")
			attempt(exitRefused, token, "7", "1")
			attempt(exitRefused, token, "8", "2")
			attempt(exitOK, token, "7", "4")
			attempt(exitRefused, token, "7", "4")
			attempt(exitOK, token, "7", "3")
			// The first use may be that of a later attempt.
			attempt(exitOK, unused, "7", "3")
			attempt(exitRefused, unused, "7", "2")
			attempt(exitRefused, unused, "7", "3")
			attempt(exitOK, unused, "7", "4")
			// A token that was signed in this very attempt is its own.
			fresh := l.sign()
			l.once(exitOK, fresh, "--ledger", store)
			attempt(exitRefused, fresh, "7", "4")
		})
	}
}
