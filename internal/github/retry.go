package github

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"sync/atomic"
	"time"
)

const (
	maxTries  = 5
	firstWait = time.Second // doubled each time
	// maxWait is what a client waits in all.
	maxWait = 60 * time.Second
)

// A manner is how a request may be repeated.
type manner struct {
	// safe: nothing happens if the server gets it twice. Others are repeated
	// only where the server certainly did nothing.
	safe bool
	// halves: a smaller request would help, so that waiting is not tried first
	// where the server may have had too much to do.
	halves bool
	// limited tells whether an answer with the status 200 says that there were
	// too many requests. It may be nil.
	limited func(body []byte) bool
}

// send sends a request until its answer is one that waiting would not change.
func (s *sender) send(r *http.Request, as manner) (*answer, error) {
	ctx := r.Context()
	backoff := firstWait
	for try := 1; ; try++ {
		if err := s.waits.pass(ctx); err != nil {
			return nil, err
		}
		a, err := s.once(r)
		mark := s.waits.total.Load()
		var wait time.Duration
		var told bool
		switch {
		case ctx.Err() != nil:
			return nil, stopped(ctx)
		case err != nil:
			if !as.safe || final(err) || try == maxTries {
				return nil, lost(r.URL.Host, err, as.safe)
			}
		case isLimited(a, as):
			if wait, told = s.told(a.header); try == maxTries {
				return nil, &Error{
					Reason: fmt.Sprintf("%s limits the rate of requests, still after %d tries", r.URL.Host, try),
					Advice: s.adviceLimit(),
				}
			}
		case as.halves && (a.status == http.StatusBadGateway || a.status == http.StatusGatewayTimeout):
			return nil, errTooMuch
		case isFailure(a.status):
			if !as.safe {
				return nil, lost(r.URL.Host, fmt.Errorf("it answered %d", a.status), false)
			}
			if wait, told = s.told(a.header); try == maxTries {
				return nil, &Error{Reason: fmt.Sprintf("%s answered %d, %d times", r.URL.Host, a.status, try), Advice: adviceLater}
			}
		default:
			return a, nil
		}
		if !told {
			wait, backoff = backoff, 2*backoff
		}
		if err := s.waits.wait(ctx, max(wait, firstWait), time.Duration(mark)); err != nil {
			if err == errWait {
				return nil, s.tooLong(r.URL.Host, wait, told, a)
			}
			return nil, err
		}
	}
}

// tooLong is the error where what is left to wait is less than needed.
func (s *sender) tooLong(host string, wait time.Duration, told bool, a *answer) error {
	e := &Error{Advice: s.adviceLimit()}
	why := "cut the connection"
	if a != nil {
		why = fmt.Sprintf("answered %d", a.status)
	}
	e.Reason = fmt.Sprintf("%s %s and one run waits %v in all, which are used up", host, why, maxWait)
	if told {
		e.Reason = fmt.Sprintf("%s %s and asks to wait %v; one run waits %v in all", host, why, wait.Round(time.Second), maxWait)
	}
	return e
}

func (s *sender) adviceLimit() string {
	if s.token == "" {
		return "nothing was decided; set COUNTERSIGN_GITHUB_TOKEN, for there are few requests without a token, or try again later"
	}
	return adviceLater
}

// isFailure tells whether a status is a fault of the server that may pass.
func isFailure(status int) bool {
	return slices.Contains([]int{
		http.StatusInternalServerError, http.StatusBadGateway,
		http.StatusServiceUnavailable, http.StatusGatewayTimeout,
	}, status)
}

// limits are what GitHub writes into a 403 that is about the rate of requests.
var limits = [][]byte{
	[]byte("rate limit exceeded"), []byte("secondary rate limit"),
	[]byte("secondary-rate-limits"), []byte("abuse detection"),
}

// isLimited tells whether the server did not look at a request because there were
// too many.
func isLimited(a *answer, as manner) bool {
	switch a.status {
	case http.StatusTooManyRequests:
		return true
	case http.StatusForbidden:
		text := bytes.ToLower(a.body)
		return a.header.Get("Retry-After") != "" || a.header.Get("X-RateLimit-Remaining") == "0" ||
			slices.ContainsFunc(limits, func(l []byte) bool { return bytes.Contains(text, l) })
	case http.StatusOK:
		return as.limited != nil && as.limited(a.body)
	}
	return false
}

// told returns how long the server says to wait: in Retry-After (RFC 9110 section
// 10.2.3), or where no requests are left until x-ratelimit-reset.
func (s *sender) told(h http.Header) (time.Duration, bool) {
	const longest = 365 * 24 * time.Hour // what is longer would not fit a Duration
	after := h.Get("Retry-After")
	if seconds, err := strconv.ParseUint(after, 10, 32); err == nil {
		return min(time.Duration(seconds)*time.Second, longest), true
	}
	if when, err := http.ParseTime(after); err == nil {
		return min(max(when.Sub(s.now()), 0), longest), true
	}
	reset, err := strconv.ParseInt(h.Get("X-RateLimit-Reset"), 10, 64)
	if err == nil && h.Get("X-RateLimit-Remaining") == "0" {
		return min(max(time.Unix(reset, 0).Sub(s.now()), 0), longest), true
	}
	return 0, false
}

// waits are all waits of a client. They come one after the other, and while one
// lasts nothing is sent.
type waits struct {
	turn  chan struct{} // one value while somebody waits
	total atomic.Int64  // nanoseconds waited so far
	sleep func(context.Context, time.Duration) error
}

var errWait = fmt.Errorf("more than %v of waiting", maxWait)

// wait waits for d. What others have waited since the total was since counts.
func (w *waits) wait(ctx context.Context, d, since time.Duration) error {
	if err := take(ctx, w.turn); err != nil {
		return err
	}
	defer release(w.turn)
	total := time.Duration(w.total.Load())
	d -= total - since
	switch {
	case d <= 0:
		return nil
	case total+d > maxWait:
		return errWait
	}
	if err := w.sleep(ctx, d); err != nil {
		return stopped(ctx)
	}
	w.total.Add(int64(d))
	return nil
}

// pass returns when nobody waits.
func (w *waits) pass(ctx context.Context) error {
	if err := take(ctx, w.turn); err != nil {
		return err
	}
	release(w.turn)
	return nil
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
