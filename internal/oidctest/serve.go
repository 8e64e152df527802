package oidctest

import (
	"bytes"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// requestQuery has to be in each request for a token.
const requestQuery = "api-version=2.0"

// A Fault is one way to misbehave.
type Fault string

// The faults. Those of the first group are for [Discovery], those of the second for
// [KeySet], the others for any path.
const (
	None        Fault = ""
	OtherIssuer Fault = "the document names another issuer"
	OtherHost   Fault = "jwks_uri is at another name of the host"
	OtherPort   Fault = "jwks_uri is at another port of the host"
	PlainKeys   Fault = "jwks_uri is http"
	TwoIssuers  Fault = "the document has the name issuer twice"

	EqualKIDs Fault = "two keys have one kid"
	HugeKeys  Fault = "the key set has 10 MB"

	Hang     Fault = "no answer comes"
	Broken   Fault = "the answer is 500"
	Redirect Fault = "a redirect to another host"
	NotJSON  Fault = "the answer is not JSON"
)

func (p *Provider) serve(w http.ResponseWriter, r *http.Request) {
	path := strings.TrimPrefix(r.URL.Path, p.options.Path)
	if r.URL.Path == Request {
		path = Request
	} else if r.URL.Path != p.options.Path+path {
		http.NotFound(w, r)
		return
	}
	p.mu.Lock()
	p.counts[path]++
	fault, cacheControl := p.faults[path], p.cacheControl
	p.mu.Unlock()

	switch fault {
	case Hang:
		select {
		case <-r.Context().Done():
		case <-p.over:
		}
		return
	case Broken:
		http.Error(w, "internal server error", http.StatusInternalServerError)
		return
	case Redirect:
		http.Redirect(w, r, p.other.URL+r.URL.RequestURI(), http.StatusTemporaryRedirect)
		return
	case NotJSON:
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte("<!doctype html><title>Sign in</title>"))
		return
	}
	var text []byte
	switch {
	case r.Method != http.MethodGet:
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		return
	case path == Discovery:
		text = p.document(fault)
	case path == KeySet:
		text = p.keySet(fault)
	case path == Request:
		p.giveToken(w, r)
		return
	default:
		http.NotFound(w, r)
		return
	}
	if cacheControl != "" {
		w.Header().Set("Cache-Control", cacheControl)
	}
	answer(w, text)
}

func answer(w http.ResponseWriter, text []byte) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	_, _ = w.Write(text) // a client may have gone
}

// document returns the discovery document.
func (p *Provider) document(fault Fault) []byte {
	keys := p.Issuer() + KeySet
	document := map[string]any{
		"issuer": p.Issuer(), "jwks_uri": keys,
		"subject_types_supported":               []string{"public", "pairwise"},
		"response_types_supported":              []string{"id_token"},
		"claims_supported":                      slices.Sorted(maps.Keys(Claims())),
		"id_token_signing_alg_values_supported": []string{p.options.Alg},
		"scopes_supported":                      []string{"openid"},
	}
	switch fault {
	case OtherIssuer:
		document["issuer"] = p.other.URL
	case OtherHost:
		document["jwks_uri"] = strings.Replace(keys, "127.0.0.1", "localhost", 1)
	case OtherPort:
		document["jwks_uri"] = p.other.URL + p.options.Path + KeySet
	case PlainKeys:
		document["jwks_uri"] = "http" + strings.TrimPrefix(keys, "https")
	}
	text := marshal(document)
	if fault == TwoIssuers {
		// Whichever of the two a reader takes, it is the right one.
		member := append([]byte(`"issuer":`), marshal(p.Issuer())...)
		text = bytes.Replace(text, member, append(append(member, ','), member...), 1)
	}
	return text
}

// keySet returns what is published. The huge one is a right one, but for its size.
func (p *Provider) keySet(fault Fault) []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	keys := p.published()
	set := map[string]any{"keys": keys}
	switch fault {
	case EqualKIDs:
		second, err := newKey("ES256", keys[0].KID)
		if err != nil {
			panic(err) // ends the connection
		}
		set["keys"] = append(keys, second.public())
	case HugeKeys:
		set["padding"] = strings.Repeat("x", 10<<20)
	}
	return marshal(set)
}

// giveToken answers a job that asks for its identity token.
func (p *Provider) giveToken(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	switch {
	case r.Header.Get("Authorization") != "Bearer "+p.request:
		http.Error(w, `{"message":"unauthorized"}`, http.StatusUnauthorized)
		return
	case query.Get("api-version") != "2.0":
		http.Error(w, `{"message":"no api-version"}`, http.StatusBadRequest)
		return
	}
	token, err := p.token(query.Get("audience"), nil)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	answer(w, marshal(map[string]any{"count": len(token), "value": token}))
}

// serveOther is the other host. It answers well, so that nothing but a check keeps a
// client from taking its answers.
func (p *Provider) serveOther(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.strangers++
	p.mu.Unlock()
	switch {
	case strings.HasSuffix(r.URL.Path, Discovery):
		answer(w, p.document(None))
	case strings.HasSuffix(r.URL.Path, KeySet):
		answer(w, p.keySet(None))
	case r.URL.Path == Request:
		p.giveToken(w, r)
	default:
		http.NotFound(w, r)
	}
}
