package jwks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/countersign-ci/countersign/internal/jose"
)

// ErrIssuer is wrapped by the error about an issuer whose answer came, and did
// not pass a check. Errors that wrap neither it nor [ErrAddress] mean that
// nothing was decided: there was no whole answer, or none that is JSON.
var ErrIssuer = errors.New("the issuer's answer is refused")

// Keys are the public keys of an issuer.
type Keys struct {
	Set    []byte        // the key set as it was answered: a JSON object with an array in keys
	Keep   time.Duration // how long it may be kept, from 0 to [MaxKeep]; 0 where Cached is set
	Cached bool          // it was not asked for now
}

// Discover asks an issuer for its keys (OpenID Connect Discovery 1.0, section 4):
// its document at /.well-known/openid-configuration names it and, on the same
// host and port, the key set. What [Fetch] says of hosts, redirects and size is
// true of both answers, and [Timeout] is for both together.
//
// Whether the keys themselves can be used is the caller's question.
func Discover(ctx context.Context, client *http.Client, issuer string) (Keys, error) {
	base, err := parseIssuer(issuer)
	if err != nil {
		return Keys{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, Timeout)
	defer cancel()
	address, err := url.Parse(strings.TrimSuffix(issuer, "/") + "/.well-known/openid-configuration")
	if err != nil {
		return Keys{}, err
	}
	text, _, err := get(ctx, client, address)
	if err != nil {
		return Keys{}, fmt.Errorf("the issuer's discovery document: %w", err)
	}
	address, err = keysAddress(string(text), issuer, base)
	if err != nil {
		return Keys{}, fmt.Errorf("the discovery document of %s %w", base.Host, err)
	}
	set, header, err := get(ctx, client, address)
	if err != nil {
		return Keys{}, fmt.Errorf("the issuer's key set: %w", err)
	}
	if err := checkSet(string(set)); err != nil {
		return Keys{}, fmt.Errorf("the key set of %s %w", base.Host, err)
	}
	return Keys{Set: set, Keep: keep(header)}, nil
}

// CheckIssuer tells whether an issuer has the form of one. An error wraps
// [ErrAddress].
func CheckIssuer(issuer string) error {
	_, err := parseIssuer(issuer)
	return err
}

// parseIssuer parses an issuer identifier (OpenID Connect Core 1.0, section 1.2).
func parseIssuer(issuer string) (*url.URL, error) {
	u, err := url.Parse(issuer)
	if err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil || strings.ContainsAny(issuer, "?#") {
		return nil, fmt.Errorf("the issuer is %w, or has a user, a query or a fragment", ErrAddress)
	}
	return u, nil
}

// keysAddress returns where a discovery document says that the issuer's keys are.
func keysAddress(document, issuer string, base *url.URL) (*url.URL, error) {
	v, err := parseObject(document)
	if err != nil {
		return nil, err
	}
	// Without this, who may put a file on the host could be any issuer of it.
	if named, _ := v.Get("issuer"); named.Kind != jose.String || named.Text != issuer {
		return nil, refused("names another issuer than %.200q", issuer)
	}
	address, _ := v.Get("jwks_uri")
	if address.Kind != jose.String {
		return nil, refused("has no text in jwks_uri")
	}
	u, err := url.Parse(address.Text)
	switch {
	case err != nil || u.Hostname() == "" || u.User != nil:
		return nil, refused("has a jwks_uri that is no URL of a host alone")
	case u.Scheme != "https":
		return nil, refused("has a jwks_uri that is not https")
	case origin(u) != origin(base):
		return nil, refused("has its keys at another host, %.100q", u.Host)
	}
	return u, nil
}

// checkSet tells whether a text is a key set at all.
func checkSet(text string) error {
	v, err := parseObject(text)
	if err != nil {
		return err
	}
	if keys, _ := v.Get("keys"); keys.Kind != jose.Array {
		return refused("has no list in keys")
	}
	return nil
}

// parseObject parses a JSON object strictly. What is no JSON may be the answer of
// something between here and the issuer, and proves nothing.
func parseObject(text string) (jose.Value, error) {
	v, err := jose.ParseJSON(text)
	switch {
	case err != nil && !json.Valid([]byte(text)):
		return jose.Value{}, errors.New("is not JSON")
	case err != nil:
		return jose.Value{}, refused("is JSON of which not all readers make the same")
	case v.Kind != jose.Object:
		return jose.Value{}, refused("is %s where an object is expected", v.Kind)
	}
	return v, nil
}

func refused(format string, args ...any) error {
	return fmt.Errorf(format+": %w", append(args, ErrIssuer)...)
}

// origin is the host and port of an https URL.
func origin(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = "443"
	}
	return strings.ToLower(u.Hostname()) + " " + port
}
