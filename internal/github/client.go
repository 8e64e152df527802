// Package github is the one client of GitHub's API. It answers what package pin
// asks about repositories ([pin.Server]) and publishes changes.
//
// With a token it asks through GraphQL, many things in one request; without one,
// or where the server has no GraphQL, through REST. Both give the same answers.
//
// Every error means that nothing was decided: what does not exist is an answer,
// and only the server's own word that it does not makes it one.
//
// The token goes to the configured hosts alone, and no redirect to another one is
// followed. Owners, repositories, refs and commits are checked before a request
// is made of them, and so is what the server says of refs and commits before
// anybody gets to see it.
package github

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	rest "github.com/google/go-github/v62/github"
)

// PublicAPI is where the REST API of github.com is.
const PublicAPI = "https://api.github.com"

const (
	graphQLAtOnce = 6
	restAtOnce    = 8
	// attemptTime is for one attempt of a request. GitHub itself gives up after 10 s.
	attemptTime = 30 * time.Second
)

// Config is what a [Client] needs.
type Config struct {
	// APIURL is where the REST API is, GraphQLURL the other one: https, or http
	// to a loopback address. An empty APIURL is [PublicAPI]; an empty GraphQLURL
	// is where GitHub has it beside that APIURL.
	APIURL, GraphQLURL string
	// Token may be empty; then there is REST only, and nothing is published.
	Token string
	// HTTP has the transport, and in Timeout the time for one attempt. Nil is
	// the default transport.
	HTTP *http.Client
	// Sleep waits; nil is the clock's own.
	Sleep func(context.Context, time.Duration) error
	// Now is for the times at which a server says to come again; nil is the clock.
	Now func() time.Time
}

// A Client asks one GitHub server. It is for one run: what it waits is counted
// over all calls, and what it has learned through REST is not asked again.
type Client struct {
	sender     *sender
	graphQL    *url.URL
	slots      chan struct{} // one value a GraphQL request under way
	oldServer  atomic.Bool   // it has no GraphQL
	rest       *rest.Client
	remembered sync.Map // of *memory, what REST answered
}

// New returns a client, or an error if the addresses or the token cannot be used.
func New(config Config) (*Client, error) {
	if config.APIURL == "" {
		config.APIURL = PublicAPI
	}
	api, err := address(config.APIURL)
	if err != nil {
		return nil, err
	}
	graphQL := besides(api)
	if config.GraphQLURL != "" {
		if graphQL, err = address(config.GraphQLURL); err != nil {
			return nil, err
		}
	}
	// What cannot stand in a header would fail later, and not as clearly.
	if strings.ContainsFunc(config.Token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, &Error{
			Reason: "the token has a space, a line end or another character that no token has",
			Advice: "set the token again, without anything around it",
		}
	}
	s := &sender{
		base:    http.DefaultTransport,
		token:   config.Token,
		origins: map[string]bool{origin(api): true, origin(graphQL): true},
		timeout: attemptTime,
		now:     time.Now,
		waits:   waits{turn: make(chan struct{}, 1), sleep: sleep},
	}
	if config.HTTP != nil && config.HTTP.Transport != nil {
		s.base = config.HTTP.Transport
	}
	if config.HTTP != nil && config.HTTP.Timeout > 0 {
		s.timeout = config.HTTP.Timeout
	}
	if config.Sleep != nil {
		s.waits.sleep = config.Sleep
	}
	if config.Now != nil {
		s.now = config.Now
	}
	c := &Client{sender: s, graphQL: graphQL, slots: make(chan struct{}, graphQLAtOnce)}
	c.rest = rest.NewClient(&http.Client{
		Transport:     &restTransport{s, make(chan struct{}, restAtOnce)},
		CheckRedirect: checkRedirect,
	})
	c.rest.UserAgent = userAgent
	c.rest.BaseURL = api.JoinPath("/")
	return c, nil
}

const adviceAddress = "set GITHUB_API_URL and GITHUB_GRAPHQL_URL to https addresses such as https://api.github.com and https://api.github.com/graphql"

// address parses the address of an API.
func address(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Opaque != "" || u.Hostname() == "":
		return nil, &Error{Reason: "the address of the API is no URL with a host", Advice: adviceAddress}
	case u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return nil, &Error{Reason: fmt.Sprintf("the address of the API at %.100q has a user, a query or a fragment", u.Host), Advice: adviceAddress}
	case u.Scheme == "https":
	case u.Scheme == "http" && net.ParseIP(u.Hostname()).IsLoopback():
	default:
		return nil, &Error{
			Reason: fmt.Sprintf("the API at %.100q is not reached through https", u.Host),
			Advice: adviceAddress + "; http is for loopback addresses such as 127.0.0.1",
		}
	}
	clean := *u.JoinPath() // no "..", no doubled slashes
	clean.Path, clean.RawPath = strings.TrimRight(clean.Path, "/"), ""
	return &clean, nil
}

// besides returns where GitHub has GraphQL beside a REST API: below /api on a
// server of one's own, where REST is at /api/v3.
func besides(api *url.URL) *url.URL {
	u := *api
	if above, ok := strings.CutSuffix(u.Path, "/api/v3"); ok {
		u.Path = above + "/api/graphql"
	} else {
		u.Path += "/graphql"
	}
	return &u
}

// origin is the scheme, host and port of a URL.
func origin(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return strings.ToLower(u.Scheme + "://" + net.JoinHostPort(u.Hostname(), port))
}

// each runs do for every number below n, all at once, and returns the first error,
// which ends the others.
func each(ctx context.Context, n int, do func(context.Context, int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var all sync.WaitGroup
	var once sync.Once
	var first error
	for i := range n {
		all.Go(func() {
			if err := do(ctx, i); err != nil {
				once.Do(func() { first = err })
				cancel(err)
			}
		})
	}
	all.Wait()
	return first
}
