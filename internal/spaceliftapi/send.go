package spaceliftapi

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

const (
	maxAnswer = 1 << 20
	maxTries  = 5
	firstWait = time.Second // doubled each time
	// maxWait is what a client waits in all.
	maxWait = 60 * time.Second
)

// An answer is an answer of HTTP, read to its end.
type answer struct {
	status int
	header http.Header
	body   string
}

// do sends an operation and returns the data of its answer.
func (c *Client) do(ctx context.Context, o operation) (fields, error) {
	if !o.anonymous && c.token == "" {
		return nil, errors.New("spaceliftapi: Login comes first")
	}
	a, err := c.send(ctx, &o)
	if err != nil {
		return nil, err
	}
	data, messages, err := parseAnswer(a.body)
	said := c.clean(strings.Join(messages, "; "))
	switch {
	case a.status/100 == 3:
		return nil, &Error{Reason: fmt.Sprintf("%s answered %d", c.at.Host, a.status), Advice: adviceEndpoint, Cause: ErrRedirect}
	case a.status == http.StatusUnauthorized || a.status == http.StatusForbidden:
		return nil, c.refused(answered(a.status, said))
	case a.status/100 != 2:
		return nil, c.failed(adviceNetwork, "%s", answered(a.status, said))
	case err != nil && o.starts:
		return nil, c.lost(err.Error())
	case err != nil:
		return nil, c.unreadable("%v", err)
	}
	done, _ := data.object(o.name)
	switch {
	case len(messages) == 0 && data != nil:
		return data, nil
	case o.starts && (len(messages) == 0 || done != nil):
		return nil, c.lost("the answer has neither data nor an error, or both")
	case len(messages) == 0:
		return nil, c.unreadable("the answer has no data")
	case strings.Contains(strings.ToLower(said), "unauthorized"):
		return nil, c.refused(strconv.Quote(said))
	case o.starts:
		return nil, c.failed(adviceServer, "%q", said)
	}
	return nil, c.failed(adviceLater, "%q", said)
}

func answered(status int, said string) string {
	text := fmt.Sprintf("it answered %d", status)
	if said != "" {
		text += fmt.Sprintf(": %q", said)
	}
	return text
}

// send posts an operation until its answer is one that waiting would not change. What
// starts a run is repeated only where the server certainly did nothing.
func (c *Client) send(ctx context.Context, o *operation) (*answer, error) {
	body, err := o.encode()
	if err != nil {
		return nil, err
	}
	backoff := firstWait
	for try := 1; ; try++ {
		if ctx.Err() != nil {
			return nil, stopped(ctx)
		}
		a, sent, err := c.post(ctx, o, body)
		once := o.starts && sent
		var wait time.Duration
		var why string
		switch {
		case err != nil && once:
			return nil, c.lost(c.broken(err))
		case ctx.Err() != nil && err != nil:
			return nil, stopped(ctx)
		case err != nil && isFinal(err):
			return nil, c.failed(adviceNetwork, "%s", c.broken(err))
		case err != nil:
			why = c.broken(err)
		case a.status >= http.StatusInternalServerError && once:
			return nil, c.lost(answered(a.status, ""))
		case a.status >= http.StatusInternalServerError || a.status == http.StatusTooManyRequests:
			why, wait = answered(a.status, ""), retryAfter(a.header)
		default:
			return a, nil
		}
		if try == maxTries {
			return nil, c.failed(adviceLater, "%s, still after %d tries", why, try)
		}
		if wait <= 0 {
			wait, backoff = backoff, 2*backoff
		}
		if c.waited+wait > maxWait {
			return nil, c.failed(adviceLater, "%s, and to wait %v more is too long; one run waits %v in all", why, wait, maxWait)
		}
		if c.sleep(ctx, wait) != nil {
			return nil, stopped(ctx)
		}
		c.waited += wait
	}
}

// post sends an operation once. It follows no redirect. Where there is an error, sent
// tells whether the server may have got the request.
func (c *Client) post(ctx context.Context, o *operation, body []byte) (a *answer, sent bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	// A transport that looks for a connection and gets none has sent nothing. One
	// that tells of neither may have.
	var looked, got atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn: func(string) { looked.Store(true) },
		GotConn: func(httptrace.GotConnInfo) { got.Store(true) },
	})
	defer func() { sent = got.Load() || !looked.Load() }()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.at.JoinPath("graphql").String(), bytes.NewReader(body))
	if err != nil {
		return nil, false, err
	}
	r.Header = o.header(c.token)
	if o.starts {
		// Without it no transport can send the request again of its own accord, as
		// that of HTTP/2 does after some errors.
		r.GetBody = nil
	}
	response, err := c.base.RoundTrip(r)
	if err != nil {
		return nil, false, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, false, err
	case len(text) > maxAnswer:
		return nil, false, errSize
	}
	return &answer{response.StatusCode, response.Header, string(text)}, false, nil
}

// retryAfter returns how long the server says to wait (RFC 9110, section 10.2.3), not
// above 0 where it does not. A date is compared with that of the answer itself, by the same clock.
func retryAfter(h http.Header) time.Duration {
	after := h.Get("Retry-After")
	if seconds, err := strconv.ParseUint(after, 10, 32); err == nil {
		return time.Duration(seconds) * time.Second
	}
	when, err := http.ParseTime(after)
	date, err2 := http.ParseTime(h.Get("Date"))
	if err != nil || err2 != nil {
		return 0
	}
	return when.Sub(date)
}

func clockSleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
