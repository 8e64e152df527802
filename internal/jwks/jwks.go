// Package jwks gets sets of public keys (RFC 7517 section 5) from https URLs:
// one that is named ([Fetch]), or the one that an issuer of identity tokens
// publishes ([Discover], and [Source] with a [Cache] on disk).
package jwks

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	maxSize      = 1 << 20
	maxRedirects = 3
)

// Timeout is how long one call of [Fetch] or [Discover] may take in all.
const Timeout = 10 * time.Second

// ErrAddress is wrapped by the error for an address that nothing is asked at.
var ErrAddress = errors.New("not an https URL of a host")

// Fetch gets the text at an https URL once, at most 1 MiB within [Timeout]. It
// follows a redirect only to the same host, so that whoever controls a path of
// it cannot name another one as the authority.
func Fetch(ctx context.Context, client *http.Client, address string) ([]byte, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil {
		return nil, fmt.Errorf("the address of the key set is %w", ErrAddress)
	}
	ctx, cancel := context.WithTimeout(ctx, Timeout)
	defer cancel()
	text, _, err := get(ctx, client, u)
	return text, err
}

// get gets the text at an https URL, and the header that it came with.
func get(ctx context.Context, client *http.Client, u *url.URL) ([]byte, http.Header, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, nil, err
	}
	request.Header.Set("Accept", "application/jwk-set+json, application/json")
	sameHost := *client
	sameHost.CheckRedirect = func(r *http.Request, via []*http.Request) error {
		switch {
		case len(via) > maxRedirects:
			return fmt.Errorf("more than %d redirects", maxRedirects)
		case r.URL.Scheme != "https" || !strings.EqualFold(r.URL.Host, u.Host):
			return fmt.Errorf("a redirect to another host, %.100q", r.URL.Host)
		}
		return nil
	}
	response, err := sameHost.Do(request)
	if err != nil {
		// The client's own error repeats the URL, and with it what its query has.
		var cause *url.Error
		if errors.As(err, &cause) {
			err = cause.Err
		}
		if strings.HasPrefix(err.Error(), "failed to parse Location header") {
			err = errors.New("a redirect to no URL") // that error quotes it, with its query
		}
		return nil, nil, fmt.Errorf("%s: %w", u.Host, err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, nil, fmt.Errorf("%s answered %d", u.Host, response.StatusCode)
	}
	text, err := io.ReadAll(io.LimitReader(response.Body, maxSize+1))
	switch {
	case err != nil:
		return nil, nil, fmt.Errorf("%s: %w", u.Host, err)
	case len(text) > maxSize:
		return nil, nil, fmt.Errorf("%s answered with more than %d bytes", u.Host, maxSize)
	}
	return text, response.Header, nil
}
