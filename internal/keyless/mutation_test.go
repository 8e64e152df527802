package keyless_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/countersign-ci/countersign/internal/jose"
)

// urlAlphabet is the alphabet of base64url (RFC 4648 section 5).
const urlAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

// TestChangedByte changes a good token at each position in each of several ways. It
// is what finds a part that nobody vouches for, and a text that stands for another.
func TestChangedByte(t *testing.T) {
	t.Parallel()
	f := newForge()
	// Fewer claims, for it to be fast.
	f.identity = map[string]any{"iss": github, "iat": issued, "repository": "acme/orchestrator", "ref": "refs/heads/main", "actor": "octocat"}
	token, issuers := f.token(t), trusted(t)
	wantAccepted(t, issuers, run, token)
	messages := map[string]int{}
	refused := func(at int, changed string) {
		got, err := issuers.Open(run, changed)
		var refusal *jose.Error
		switch {
		case err == nil || got != nil:
			t.Errorf("accepted with a change at byte %d of %d: %q", at, len(token), changed)
		case !errors.As(err, &refusal) || refusal.Reason == "":
			t.Errorf("byte %d: the error %v is no *jose.Error with a reason", at, err)
		default:
			messages[err.Error()]++
		}
	}
	for i := range len(token) {
		before, c, after := token[:i], token[i], token[i+1:]
		next := byte('A')
		if n := strings.IndexByte(urlAlphabet, c); n >= 0 {
			next = urlAlphabet[(n+1)%len(urlAlphabet)]
		}
		for _, replacement := range []byte{c ^ 1, c ^ 0x20, next, '.', '~', '\n', '=', 0} {
			if replacement != c {
				refused(i, before+string(replacement)+after)
			}
		}
		for _, inserted := range []string{"\n", "=", ".", "~", "A", string(c)} {
			refused(i, before+inserted+token[i:])
		}
		refused(i, before+after)
		refused(i, before)
		if after != "" && after[0] != c {
			refused(i, before+after[:1]+string(c)+after[1:])
		}
		// At the end of a part are unused bits.
		if after == "" || strings.IndexByte(".~", after[0]) >= 0 {
			for _, other := range urlAlphabet {
				if byte(other) != c {
					refused(i, before+string(other)+after)
				}
			}
		}
	}
	for _, added := range []string{"\n", "\r\n", "=", ".", "~", " ", "A", "\x00"} {
		refused(len(token), token+added)
		refused(0, added+token)
	}
	wantUnquoted(t, messages, token, f)
}

// wantUnquoted checks that no message has 16 characters of a token, encoded or not.
func wantUnquoted(t *testing.T, messages map[string]int, token string, f *forge) {
	t.Helper()
	if len(messages) < 10 {
		t.Errorf("there are only the messages %v", messages)
	}
	header := `{"alg":"RS256","kid":"kid-1","typ":"JWT"}`
	for _, text := range []string{token, f.claims, valueOf(t, f.identity).Text, header} {
		for i := range len(text) - 16 {
			for message := range messages {
				if strings.Contains(message, text[i:i+16]) {
					t.Fatalf("an error quotes the token: %q", message)
				}
			}
		}
	}
}
