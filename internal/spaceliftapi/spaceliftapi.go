// Package spaceliftapi is the client of Spacelift's GraphQL API, of as much of it as
// it takes to start a run: log in, ask which branch a stack follows, start the run.
//
// Every operation is a POST to <endpoint>/graphql. What is sent is what the stock
// spacectl sends for `stack deploy` and `stack preview`, such as
//
//	POST /graphql
//	Content-Type: application/json
//	Authorization: Bearer <token>
//	Spacelift-Client-Type: spacectl
//	Spacelift-Client-Os: linux
//	Spacelift-User-Provided-Run-Metadata: <the token of the run>
//
//	{"query":"mutation($runtimeConfig:RuntimeConfigInput…{runTrigger(stack: $stack, …){id}}",
//	 "variables":{"runtimeConfig":null,"sha":"0123…","stack":"network","type":"PROPOSED"}}
//
// Credentials go to the configured host alone, and no redirect is followed. An answer
// is a JSON object of at most 1 MiB with `data` and `errors`, and is read strictly.
// No error holds a credential or the token of a run, even if the server repeats it.
//
// What is certain not to have been done is asked again, within bounds. Whether a run
// was started is certain only with a whole answer: without one the error wraps
// [ErrLost], and nothing is sent a second time.
package spaceliftapi

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// requestTime is for one request, as spacectl has it.
const requestTime = 60 * time.Second

// A Client asks one Spacelift account. It is for one goroutine and one run of the
// program: what it waits is counted over all calls.
type Client struct {
	base    http.RoundTripper
	at      *url.URL // the endpoint, without a path
	key     struct{ id, secret string }
	token   string // the bearer; empty before Login
	given   bool   // the token was not got by Login
	run     string // the token of the run that is being started
	timeout time.Duration
	sleep   func(context.Context, time.Duration) error
	waited  time.Duration

	// forceApply tells whether the server knows that argument; nil before it was asked.
	forceApply *bool
}

// New returns a client, or a [CredentialsError]. Nothing is asked yet. Of the HTTP
// client, which may be nil, it takes the transport and in Timeout the time for one
// request. A nil sleep is the clock's own.
func New(client *http.Client, credentials Credentials, sleep func(context.Context, time.Duration) error) (*Client, error) {
	at, err := credentials.check()
	if err != nil {
		return nil, err
	}
	c := &Client{base: http.DefaultTransport, at: at, timeout: requestTime, sleep: sleep}
	if c.token, c.given = credentials.Token, credentials.Token != ""; !c.given {
		c.key.id, c.key.secret = credentials.KeyID, credentials.KeySecret
	}
	if client != nil && client.Transport != nil {
		c.base = client.Transport
	}
	if client != nil && client.Timeout > 0 {
		c.timeout = client.Timeout
	}
	if sleep == nil {
		c.sleep = clockSleep
	}
	return c, nil
}

// Secrets returns what must not appear in a log: the secret of the key, and the token
// that was given or that [Client.Login] got.
func (c *Client) Secrets() []string {
	var secrets []string
	for _, s := range []string{c.key.secret, c.token} {
		if s != "" {
			secrets = append(secrets, s)
		}
	}
	return secrets
}

// Login changes the key for a token, which all other operations bear. It asks nothing
// where there is a token already.
func (c *Client) Login(ctx context.Context) error {
	if c.token != "" {
		return nil
	}
	data, err := c.do(ctx, operation{
		name: "apiKeyUser", query: queryLogin, anonymous: true,
		variables: map[string]any{"id": c.key.id, "secret": c.key.secret},
	})
	if err != nil {
		return err
	}
	user, ok := data.object("apiKeyUser")
	if !ok {
		return c.unreadable("the answer has no apiKeyUser")
	}
	if user == nil {
		return c.refused("there is no token for this key")
	}
	token, ok := user.text("jwt")
	if !ok || !isToken(token) {
		return c.unreadable("the answer has no usable jwt")
	}
	if !user.integer("validUntil") {
		return c.unreadable("the answer does not say how long its token is valid")
	}
	c.token = token
	return nil
}

// Branch returns the branch that a stack follows, such as main. The error is a
// [RunError], or wraps [ErrUnknownStack] where there is no such stack.
func (c *Client) Branch(ctx context.Context, stack string) (string, error) {
	if err := CheckStack(stack); err != nil {
		return "", err
	}
	data, err := c.do(ctx, operation{name: "stack", query: queryBranch, variables: map[string]any{"id": stack}})
	if err != nil {
		return "", err
	}
	found, ok := data.object("stack")
	if !ok {
		return "", c.unreadable("the answer has no stack")
	}
	if found == nil {
		return "", &Error{
			Reason: fmt.Sprintf("the stack %q at %s", stack, c.at.Host),
			Advice: "give the stack's id, which is the last part of its page's address; the key's role is to reach the stack's space",
			Cause:  ErrUnknownStack,
		}
	}
	// The policy will compare the id in the token with the stack's own.
	if id, ok := found.text("id"); !ok || id != stack {
		return "", c.unreadable("the answer is about another stack than %q", stack)
	}
	branch, ok := found.text("branch")
	if !ok || branch == "" {
		return "", c.unreadable("the answer does not say which branch the stack %q follows", stack)
	}
	return branch, nil
}
