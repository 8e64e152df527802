package github

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	maxAnswer    = 16 << 20
	maxRedirects = 3
	userAgent    = "countersign"
)

var errOrigin = errors.New("this is not the configured server, and a redirect to it is not followed")

// ErrSize is wrapped by the error for an answer that is too large.
var ErrSize = fmt.Errorf("the answer has more than %d bytes", maxAnswer)

// A sender sends requests, with the token, to the configured hosts.
type sender struct {
	base    http.RoundTripper
	token   string
	origins map[string]bool // scheme, host and port
	timeout time.Duration   // of one attempt
	now     func() time.Time
	waits   waits
}

// An answer is an answer of HTTP, read to its end.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// once sends a request once. It follows no redirect.
func (s *sender) once(r *http.Request) (*answer, error) {
	if !s.origins[origin(r.URL)] {
		return nil, errOrigin
	}
	ctx, cancel := context.WithTimeout(r.Context(), s.timeout)
	defer cancel()
	attempt := r.Clone(ctx)
	if r.GetBody != nil {
		body, err := r.GetBody()
		if err != nil {
			return nil, err
		}
		attempt.Body = body
	}
	// Only here, behind the check of the host, is the token set.
	attempt.Header.Del("Authorization")
	if s.token != "" {
		attempt.Header.Set("Authorization", "Bearer "+s.token)
	}
	response, err := s.base.RoundTrip(attempt)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, err
	case len(body) > maxAnswer:
		return nil, ErrSize
	}
	return &answer{response.StatusCode, response.Header, body}, nil
}

// A restTransport is what is below go-github. It limits the requests at once and
// repeats them; the library sees the last answer.
type restTransport struct {
	*sender
	slots chan struct{}
}

// RoundTrip implements [http.RoundTripper].
func (t *restTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := take(r.Context(), t.slots); err != nil {
		return nil, err
	}
	defer release(t.slots)
	a, err := t.send(r, manner{safe: r.Method == http.MethodGet})
	if err != nil {
		return nil, err
	}
	// go-github takes an empty answer for an empty object or list, and null too.
	text := bytes.TrimSpace(a.body)
	if a.status == http.StatusOK && (!json.Valid(text) || text[0] != '{' && text[0] != '[') {
		return nil, &Error{Reason: r.URL.Host + ": the answer is no JSON", Advice: adviceNetwork}
	}
	header := a.header.Clone()
	for name := range header {
		// By these go-github would refuse requests of its own accord and by a
		// clock of its own.
		if strings.HasPrefix(name, "X-Ratelimit-") || name == "Retry-After" {
			delete(header, name)
		}
	}
	return &http.Response{
		Status: http.StatusText(a.status), StatusCode: a.status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: header, Request: r,
		Body: io.NopCloser(bytes.NewReader(a.body)), ContentLength: int64(len(a.body)),
	}, nil
}

// checkRedirect lets a request go on: a repository that was renamed is answered
// so. To where it may go is the sender's to say.
func checkRedirect(_ *http.Request, via []*http.Request) error {
	if len(via) > maxRedirects {
		return fmt.Errorf("more than %d redirects", maxRedirects)
	}
	return nil
}

// take waits for a place among those that are under way.
func take(ctx context.Context, slots chan struct{}) error {
	select {
	case slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return stopped(ctx)
	}
}

func release(slots chan struct{}) { <-slots }

// newPost makes a POST request of JSON.
func newPost(ctx context.Context, to *url.URL, body []byte) (*http.Request, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, to.String(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "application/json")
	r.Header.Set("User-Agent", userAgent)
	return r, nil
}
