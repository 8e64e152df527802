package spaceliftapi

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/countersign-ci/countersign/internal/advice"
)

var (
	// ErrLost is wrapped by the error of a run that was asked for, where no whole
	// answer came.
	ErrLost = errors.New("it is not known whether the run was started")
	// ErrUnknownStack is wrapped by the error about a stack that the server does not
	// show.
	ErrUnknownStack = errors.New("there is no such stack, or these credentials may not see it")
	// ErrRedirect is wrapped by the error about an answer that names another address.
	ErrRedirect = errors.New("the answer is a redirect, which is not followed")

	errSize = fmt.Errorf("the answer has more than %d bytes", maxAnswer)
)

// An Error says why something was not done, or with [ErrLost] that this is not known.
type Error = advice.Error

// A CredentialsError says that the credentials cannot be used, or were refused.
type CredentialsError struct {
	Reason string // what is wrong
	Advice string // what to do
}

func (e *CredentialsError) Error() string { return e.Reason }

// Hint returns what to do about the error.
func (e *CredentialsError) Hint() string { return e.Advice }

// A RunError says that no run can be started as it was asked for. Nothing was asked.
type RunError struct {
	Reason string // what is wrong
	Advice string // what to do
}

func (e *RunError) Error() string { return e.Reason }

// Hint returns what to do about the error.
func (e *RunError) Hint() string { return e.Advice }

const (
	adviceLater   = "no run was started; try again later"
	adviceNetwork = "no run was started; check the network and SPACELIFT_API_KEY_ENDPOINT, then try again"
	adviceLost    = "look at the runs of the stack before you try again"
	adviceServer  = "see the message, and look at the runs of the stack before you try again"
)

func (c *Client) failed(advice, format string, args ...any) error {
	return &Error{Reason: c.at.Host + ": " + fmt.Sprintf(format, args...), Advice: advice}
}

// unreadable is an error about an answer that has another form than it should.
func (c *Client) unreadable(format string, args ...any) error {
	return c.failed(adviceNetwork, format, args...)
}

// lost is the error of a run that may have been started.
func (c *Client) lost(why string) error {
	return &Error{Reason: c.at.Host, Advice: adviceLost, Cause: fmt.Errorf("%w: %s", ErrLost, why)}
}

// refused is the error for credentials that the server does not take, or not for this.
func (c *Client) refused(why string) error {
	e := &CredentialsError{Reason: c.at.Host + ": " + why}
	switch {
	case c.given:
		e.Advice = "check SPACELIFT_API_TOKEN: it may have expired, or its role may not reach the stack's space"
	case c.token == "":
		e.Advice = "check SPACELIFT_API_KEY_ID and SPACELIFT_API_KEY_SECRET, and that SPACELIFT_API_KEY_ENDPOINT is that key's account; an OIDC key wants an identity token with its audience and subject"
	default:
		e.Advice = "give the API key SPACELIFT_API_KEY_ID a role that may start runs in the stack's space"
	}
	return e
}

// stopped is the error of a call that its caller ended before anything was done.
func stopped(ctx context.Context) error {
	return &Error{Reason: "the request was ended", Advice: adviceLater, Cause: context.Cause(ctx)}
}

// broken is what is said about an error of a connection. The text of such an error may
// have in it what the server sent, and the error itself is not kept.
func (c *Client) broken(err error) string {
	switch {
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return "the connection was cut"
	case errors.Is(err, context.DeadlineExceeded):
		return "no answer came in time"
	}
	return c.clean(err.Error())
}

// isFinal tells whether an error of a connection would come again.
func isFinal(err error) bool {
	var host x509.HostnameError
	var authority x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	var dns *net.DNSError
	return errors.Is(err, errSize) || errors.As(err, &host) || errors.As(err, &authority) ||
		errors.As(err, &invalid) || errors.As(err, &dns) && dns.IsNotFound
}

// looksSigned is what any JWT looks like, or the beginning of one.
var looksSigned = regexp.MustCompile(`eyJ[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]*)*`)

// clean returns a text of the server without our secrets, which it may repeat, whole
// or in part.
func (c *Client) clean(text string) string {
	secrets := append(c.Secrets(), c.run)
	// One may be a part of another.
	slices.SortFunc(secrets, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	for _, s := range secrets {
		if s != "" {
			text = strings.ReplaceAll(text, s, "…")
			// So net/http shows what is no answer of HTTP.
			text = strings.ReplaceAll(text, strings.Trim(strconv.Quote(s), `"`), "…")
		}
	}
	return fmt.Sprintf("%.200s", looksSigned.ReplaceAllString(text, "…"))
}
