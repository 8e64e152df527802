package ledger_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign-ci/countersign/internal/githubtest"
	"github.com/countersign-ci/countersign/internal/ledger"
)

// A transport does something around each request.
type transport struct {
	base http.RoundTripper
	trip func(r *http.Request, next http.RoundTripper) (*http.Response, error)
}

func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) { return t.trip(r, t.base) }

// An errTimeout is what net/http returns where an answer takes too long.
type errTimeout struct{}

func (errTimeout) Error() string   { return "net/http: timeout awaiting response headers" }
func (errTimeout) Timeout() bool   { return true }
func (errTimeout) Temporary() bool { return true }

// late carries a request out and loses the answer.
func late(r *http.Request, next http.RoundTripper) (*http.Response, error) {
	if a, err := next.RoundTrip(r); err == nil {
		_ = a.Body.Close()
	}
	return nil, errTimeout{}
}

func isRefs(r *http.Request, method string) bool {
	return r.Method == method && strings.Contains(r.URL.Path, "/git/ref")
}

// After a lost answer the ref's object decides, and nothing else.
func TestLost(t *testing.T) {
	const (
		lose    = "lose"  // the answer comes too late
		drop    = "drop"  // the request does not arrive
		rival   = "rival" // does not arrive, and another one uses the token
		forward = ""
	)
	for _, test := range []struct {
		name  string
		posts []string // what happens to each POST git/refs; the last one to all further ones
		reads []string // to each GET git/ref: "absent" is a copy that lags behind
		want  string
		asked []string // after POST git/tags
	}{
		{"the answer", []string{lose, forward}, nil, "passed", []string{"POST", "GET"}},
		{"the request", []string{drop, forward}, nil, "passed", []string{"POST", "GET", "POST"}},
		{"the request, and another was faster", []string{rival, forward}, nil, "used", []string{"POST", "GET"}},
		{"the request, and another was faster, which is seen late", []string{rival, forward}, []string{"absent", ""}, "used", []string{"POST", "GET", "POST", "GET"}},
		{"the answer, and the copy lags behind", []string{lose, forward}, []string{"absent", ""}, "passed", []string{"POST", "GET", "POST", "GET"}},
		{"the answer, and the copy lags behind twice", []string{lose, forward}, []string{"absent", "absent", ""}, "passed", []string{"POST", "GET", "POST", "GET", "POST", "GET"}},
		{"the answer, and the copy lags behind for ever", []string{lose, forward}, []string{"absent"}, "unknown", []string{"POST", "GET", "POST", "GET", "POST", "GET", "POST", "GET", "POST", "GET"}},
		{"four times", []string{drop, drop, drop, drop, forward}, nil, "passed", []string{"POST", "GET", "POST", "GET", "POST", "GET", "POST", "GET", "POST"}},
		{"the first not, the second", []string{drop, lose, forward}, nil, "passed", []string{"POST", "GET", "POST", "GET"}},
		{"always", []string{drop}, nil, "unknown", []string{"POST", "GET", "POST", "GET", "POST", "GET", "POST", "GET", "POST", "GET"}},
		{"always, at the fifth time carried out", []string{drop, drop, drop, drop, lose}, nil, "passed", []string{"POST", "GET", "POST", "GET", "POST", "GET", "POST", "GET", "POST", "GET"}},
		{"the answer, and nothing can be read", []string{lose}, []string{"forbidden"}, "unknown", []string{"POST", "GET"}},
		{"the answer, and another ref is read", []string{lose}, []string{"other"}, "unknown", []string{"POST", "GET"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := githubtest.New(t)
			commit := s.Repo("acme/widgets").Head("main")
			at := func(plan []string, n int) string {
				if len(plan) == 0 {
					return forward
				}
				return plan[min(n, len(plan)-1)]
			}
			var asked []string
			posts, reads := 0, 0
			faulty := &transport{base: http.DefaultTransport}
			faulty.trip = func(r *http.Request, next http.RoundTripper) (*http.Response, error) {
				switch {
				case isRefs(r, http.MethodPost):
					asked = append(asked, "POST")
					what := at(test.posts, posts)
					posts++
					switch what {
					case lose:
						return late(r, next)
					case rival:
						rival := ledger.New(onGitHub(t, s, "acme/widgets", token, nil))
						want(t, rival.Use(t.Context(), use(commit)), "passed", "", "")
						fallthrough
					case drop:
						return nil, errors.New("connection reset by peer")
					}
				case isRefs(r, http.MethodGet):
					asked = append(asked, "GET")
					what := at(test.reads, reads)
					reads++
					status, body := 0, ""
					switch what {
					case "absent":
						status, body = http.StatusNotFound, `{"message":"Not Found"}`
					case "forbidden":
						status, body = http.StatusForbidden, `{"message":"Resource not accessible by integration"}`
					case "other":
						status, body = http.StatusOK, `{"ref":"refs/heads/main","object":{"type":"commit","sha":"`+commit+`"}}`
					}
					if status != 0 {
						s.Fault(func(int, *http.Request, []byte) *githubtest.Fault {
							return &githubtest.Fault{Status: status, Body: body}
						})
						defer s.Fault(nil)
					}
				}
				return next.RoundTrip(r)
			}
			err := ledger.New(onGitHub(t, s, "acme/widgets", token, faulty)).Use(t.Context(), use(commit))
			advises := ""
			if test.want == "unknown" {
				advises = "may count as used"
			}
			want(t, err, test.want, "", advises)
			if diff := cmp.Diff(test.asked, asked); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Between the tries there are waits, which grow.
func TestWaits(t *testing.T) {
	for _, path := range []string{"git/tags", "git/refs"} {
		s := githubtest.New(t)
		commit := s.Repo("acme/widgets").Head("main")
		s.Fault(func(_ int, r *http.Request, _ []byte) *githubtest.Fault {
			if r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, path) {
				return &githubtest.Fault{Status: http.StatusBadGateway}
			}
			return nil
		})
		var slept []time.Duration
		g := waiting(t, s, "acme/widgets", token, nil, func(_ context.Context, d time.Duration) error {
			slept = append(slept, d)
			return nil
		})
		want(t, ledger.New(g).Use(t.Context(), use(commit)), "unknown", "", "")
		if diff := cmp.Diff([]time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second}, slept); diff != "" {
			t.Errorf("%s: %s", path, diff)
		}
	}
}
