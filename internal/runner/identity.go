package runner

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/countersign-ci/countersign/internal/advice"
	"github.com/countersign-ci/countersign/internal/jose"
)

const (
	maxIdentity   = 64 << 10 // bytes of an answer
	identityTries = 3
	identityTime  = 10 * time.Second // for one try
)

// An IdentityError says why there is no identity token. It holds neither that
// token nor the one it is asked for with, and of the URL only the host.
type IdentityError = advice.Error

const (
	adviceIdentity = "add `permissions:` and, indented below it, `id-token: write` to the job or to the top of its workflow, " +
		"and to whatever workflow calls that one; what is not listed there is none then, so a checkout needs `contents: read` beside it; " +
		"a pull request from a fork gets no identity token"
	adviceIdentityLater = "nothing was signed; try again later"
)

// ErrNoIdentity is the error where the job may not ask for an identity token, or
// is no job of GitHub's.
var ErrNoIdentity error = &IdentityError{
	Reason: "the runner offers no identity token: ACTIONS_ID_TOKEN_REQUEST_URL or ACTIONS_ID_TOKEN_REQUEST_TOKEN is not set",
	Advice: adviceIdentity,
}

// identityForm is the compact form of a signed token (RFC 7515 section 3.1).
var identityForm = regexp.MustCompile(`^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$`)

// IdentityToken asks the runner for an identity token with an audience, as GitHub's
// "OpenID Connect reference" tells under "Methods for requesting the OIDC token". It
// tries three times, and sleeps in between. Errors are of type *IdentityError.
func IdentityToken(ctx context.Context, client *http.Client, getenv Getenv, audience string, sleep func(time.Duration)) (string, error) {
	address, token := getenv("ACTIONS_ID_TOKEN_REQUEST_URL"), getenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN")
	if address == "" || token == "" {
		return "", ErrNoIdentity
	}
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Hostname() == "" || u.User != nil:
		return "", &IdentityError{Reason: "ACTIONS_ID_TOKEN_REQUEST_URL is no URL of a host", Advice: "leave the variable as the runner sets it"}
	case u.Scheme != "https" && !(u.Scheme == "http" && net.ParseIP(u.Hostname()).IsLoopback()):
		return "", &IdentityError{
			Reason: fmt.Sprintf("ACTIONS_ID_TOKEN_REQUEST_URL at %.100q is not https", u.Host),
			Advice: "leave the variable as the runner sets it; http is for loopback addresses such as 127.0.0.1",
		}
	// What cannot stand in a header would fail later, and not as clearly.
	case strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }):
		return "", &IdentityError{
			Reason: "ACTIONS_ID_TOKEN_REQUEST_TOKEN has a character that no token has",
			Advice: "leave the variable as the runner sets it",
		}
	}
	query := "audience=" + url.QueryEscape(audience)
	if u.RawQuery != "" {
		query = u.RawQuery + "&" + query
	}
	u.RawQuery, u.Fragment = query, ""

	direct := *client
	// The request token is for this address alone.
	direct.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	for try := 1; ; try++ {
		identity, again, err := askIdentity(ctx, &direct, u, token)
		switch {
		case err == nil:
			return identity, nil
		case ctx.Err() != nil:
			return "", &IdentityError{Reason: "the request for an identity token was ended", Advice: adviceIdentityLater, Cause: ctx.Err()}
		case !again || try == identityTries:
			return "", err
		}
		sleep(time.Duration(try) * time.Second)
	}
}

// askIdentity asks once. again tells whether an error may pass.
func askIdentity(ctx context.Context, client *http.Client, u *url.URL, token string) (identity string, again bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, identityTime)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return "", false, &IdentityError{Reason: "ACTIONS_ID_TOKEN_REQUEST_URL is no URL of a host", Advice: "leave the variable as the runner sets it"}
	}
	request.Header.Set("Accept", "application/json")
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := client.Do(request)
	if err != nil {
		return "", true, noIdentityAnswer(u.Host, err)
	}
	defer response.Body.Close()
	if status := response.StatusCode; status != http.StatusOK {
		e := &IdentityError{Reason: fmt.Sprintf("%s answered %d where an identity token is asked for", u.Host, status), Advice: adviceIdentityLater}
		if status == http.StatusUnauthorized || status == http.StatusForbidden {
			e.Advice = "what a job is given to ask with ends with it; if the job runs still, " + adviceIdentity
		}
		return "", status == http.StatusTooManyRequests || status >= 500, e
	}
	text, err := io.ReadAll(io.LimitReader(response.Body, maxIdentity+1))
	switch {
	case err != nil:
		return "", true, noIdentityAnswer(u.Host, err)
	case len(text) > maxIdentity:
		return "", false, &IdentityError{Reason: fmt.Sprintf("%s answered with more than %d bytes where an identity token is asked for", u.Host, maxIdentity), Advice: adviceIdentityLater}
	}
	// What the parser says of a text may quote it.
	answer, err := jose.ParseJSON(string(text))
	value, _ := answer.Get("value")
	if err != nil || value.Kind != jose.String || !identityForm.MatchString(value.Text) {
		return "", false, &IdentityError{Reason: u.Host + " answered with no JSON object that has an identity token in value", Advice: adviceIdentityLater}
	}
	return value.Text, false, nil
}

// noIdentityAnswer is the error of a request that had no whole answer. What net/http
// says may repeat the URL, and what it says of an answer that is no HTTP may quote
// that; only causes that do neither are told.
func noIdentityAnswer(host string, err error) error {
	e := &IdentityError{
		Reason: host + " gave no whole answer where an identity token is asked for",
		Advice: "nothing was signed; check the runner's network and try again",
	}
	var operation *net.OpError
	var certificate *tls.CertificateVerificationError
	switch {
	case errors.As(err, &operation):
		e.Cause = operation
	case errors.As(err, &certificate):
		e.Cause = certificate
	case errors.Is(err, context.DeadlineExceeded):
		e.Cause = context.DeadlineExceeded
	}
	return e
}
