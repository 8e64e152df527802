package spaceliftapi

import (
	"fmt"
	"net"
	"net/url"
	"strings"

	"github.com/countersign-ci/countersign/internal/jose"
)

// Credentials are an account and what opens it: a token, or else a key.
type Credentials struct {
	// Endpoint is the account, such as https://acme.app.spacelift.io. A slash or
	// /graphql at its end counts for nothing. With a token it may be empty.
	Endpoint string
	// KeyID and KeySecret are an API key's. The secret of an OIDC key is an identity
	// token.
	KeyID, KeySecret string
	// Token is a JWT of the account itself. Where Endpoint is empty, its one audience is.
	Token string
}

// maxBearer is the length of the longest token of an account, in bytes.
const maxBearer = 16 << 10

const (
	adviceEndpoint = "set SPACELIFT_API_KEY_ENDPOINT to the account's address, such as https://acme.app.spacelift.io"
	adviceKey      = "set SPACELIFT_API_KEY_ENDPOINT, SPACELIFT_API_KEY_ID and SPACELIFT_API_KEY_SECRET, or SPACELIFT_API_TOKEN"
	adviceAgain    = "set it again, without anything around it"
)

// check returns the endpoint. An error is a [CredentialsError].
func (c *Credentials) check() (*url.URL, error) {
	if c.Token != "" {
		if !isToken(c.Token) {
			return nil, &CredentialsError{"SPACELIFT_API_TOKEN has a space, a line end or another character that no token has, or is too long", adviceAgain}
		}
		if c.Endpoint != "" {
			return endpoint(c.Endpoint)
		}
		return audience(c.Token)
	}
	for _, part := range []struct{ name, value string }{
		{"SPACELIFT_API_KEY_ENDPOINT", c.Endpoint}, {"SPACELIFT_API_KEY_ID", c.KeyID}, {"SPACELIFT_API_KEY_SECRET", c.KeySecret},
	} {
		switch {
		case part.value == "":
			return nil, &CredentialsError{part.name + " is missing: to start a run takes a key for Spacelift's API", adviceKey}
		case !isToken(part.value):
			return nil, &CredentialsError{part.name + " has a space, a line end or another character that does not belong there, or is too long", adviceAgain}
		}
	}
	return endpoint(c.Endpoint)
}

// isToken tells whether a text can stand in a header as it is.
func isToken(text string) bool {
	return text != "" && len(text) <= maxBearer && !strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' })
}

// endpoint parses the address of an account.
func endpoint(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Opaque != "" || u.Hostname() == "":
		return nil, &CredentialsError{"the address of Spacelift is no URL with a host", adviceEndpoint}
	case u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return nil, &CredentialsError{fmt.Sprintf("the address of Spacelift at %.100q has a user, a query or a fragment", u.Host), adviceEndpoint}
	case u.Scheme == "https":
	case u.Scheme == "http" && net.ParseIP(u.Hostname()).IsLoopback():
	default:
		return nil, &CredentialsError{
			fmt.Sprintf("Spacelift at %.100q is not reached through https", u.Host),
			adviceEndpoint + "; http is for loopback addresses such as 127.0.0.1",
		}
	}
	path := strings.TrimRight(strings.TrimSuffix(strings.TrimRight(u.Path, "/"), "/graphql"), "/")
	if path != "" {
		return nil, &CredentialsError{fmt.Sprintf("the address of Spacelift at %.100q has a path", u.Host), adviceEndpoint}
	}
	return &url.URL{Scheme: u.Scheme, Host: u.Host}, nil
}

// audience returns the address that is the one audience of a token. The token is not
// verified: its maker could have us send it to nobody but themselves.
func audience(token string) (*url.URL, error) {
	refuse := func(reason string) (*url.URL, error) {
		return nil, &CredentialsError{"SPACELIFT_API_TOKEN " + reason, adviceEndpoint + ", or set the token again"}
	}
	parts, err := jose.Unverified(jose.Form{MaxSize: maxBearer, MoreClaims: true}, token)
	if err != nil {
		return refuse("is no JWT")
	}
	aud, _ := parts.Claims.Get("aud")
	if aud.Kind == jose.Array && len(aud.Members) == 1 {
		aud = aud.Members[0].Value
	}
	if aud.Kind != jose.String {
		return refuse("does not name one audience, the account that it is for")
	}
	at, err := endpoint(aud.Text)
	if err != nil {
		return refuse("has an audience that is not the address of an account")
	}
	return at, nil
}
