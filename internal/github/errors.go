package github

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/countersign-ci/countersign/internal/advice"
)

// An Error says why nothing was decided, or why nothing was published. It holds
// no token and no query of a URL.
type Error = advice.Error

const (
	adviceLater   = "nothing was decided; try again later"
	adviceNetwork = "nothing was decided; check the network and GITHUB_API_URL, then try again"
	adviceToken   = "set COUNTERSIGN_GITHUB_TOKEN, or the Action's input github-token, to a token that is valid for this server"
	adviceRead    = "give the token the permission contents: read for that repository"
	adviceSAML    = "authorize the token for the organization: Configure SSO, beside the token in its owner's settings"
	adviceWrite   = "give a token with contents: write, and for a pull request pull-requests: write; for files in .github/workflows the permission workflows too"
)

// errNoGraphQL: the server has no GraphQL where it should be.
var errNoGraphQL = errors.New("there is no GraphQL API at this address")

// errTooMuch: the server could not answer so large a request.
var errTooMuch = errors.New("the request is too large for the server")

// ErrLost is wrapped by the error of a change of which no whole answer came: it may
// have been made or not.
var ErrLost = errors.New("it is not known whether the change was made")

// stopped is the error of a call that its caller ended.
func stopped(ctx context.Context) error {
	return &Error{Reason: "the request was ended", Advice: adviceLater, Cause: context.Cause(ctx)}
}

// unreadable is an error about an answer that has another form than it should.
func (c *Client) unreadable(format string, args ...any) error {
	return &Error{Reason: c.graphQL.Host + ": " + fmt.Sprintf(format, args...), Advice: adviceLater}
}

// lost is the error of a request that had no whole answer. The error that
// net/http gives repeats the URL, and only its cause is kept.
func lost(host string, err error, safe bool) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = fmt.Errorf("the connection was cut: %w", err)
	}
	if !safe {
		return &Error{
			Reason: host + ": no answer came",
			Advice: "look at the repository before you try again",
			Cause:  fmt.Errorf("%w: %w", ErrLost, err),
		}
	}
	return &Error{Reason: host, Advice: adviceNetwork, Cause: err}
}

// final tells whether an error of a connection would come again.
func final(err error) bool {
	var host x509.HostnameError
	var authority x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	var dns *net.DNSError
	return errors.Is(err, errOrigin) || errors.Is(err, ErrSize) || errors.As(err, &host) ||
		errors.As(err, &authority) || errors.As(err, &invalid) ||
		errors.As(err, &dns) && dns.IsNotFound
}

// refused is the error for a status of HTTP that is no success. The message is
// the server's.
func (s *sender) refused(host string, status int, header http.Header, message string) error {
	e := &Error{Reason: fmt.Sprintf("%s answered %d", host, status), Advice: adviceLater}
	if message != "" {
		e.Reason += ": " + s.quote(message)
	}
	switch {
	case status == http.StatusUnauthorized && s.token != "":
		e.Advice = adviceToken
	case status == http.StatusUnauthorized:
		e.Advice = "the server wants a token; " + adviceToken
	case header.Get("X-GitHub-SSO") != "" || isSAML(message):
		e.Advice = adviceSAML
	case status == http.StatusForbidden:
		e.Advice = adviceRead
	}
	return e
}

func isSAML(message string) bool { return strings.Contains(message, "SAML") }

// quote makes a text of the server fit for a message. A server may repeat what it
// was sent.
func (s *sender) quote(text string) string {
	if s.token != "" {
		text = strings.ReplaceAll(text, s.token, "…")
	}
	return fmt.Sprintf("%.200q", text)
}
