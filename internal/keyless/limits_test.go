package keyless_test

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/countersign-ci/countersign/internal/jose"
	"github.com/countersign-ci/countersign/internal/keyless"
)

// TestOpenSize has tokens as large as may be, and one byte larger.
func TestOpenSize(t *testing.T) {
	t.Parallel()
	f := newForge()
	token := f.token(t)
	form := run
	form.MaxSize = len(token)
	wantAccepted(t, trusted(t), form, token)
	form.MaxSize--
	wantRefused(t, trusted(t), form, token, jose.ErrMalformed)

	f.claims = with(t, claims, "weekly", strings.Repeat("a", run.MaxSize))
	wantRefused(t, trusted(t), run, f.token(t), jose.ErrMalformed)

	// An identity token has a limit of its own.
	const maxIdentity = 16384
	f = newForge()
	sizes := map[int]bool{}
	// Base64url has no text of a length 1 over a multiple of 4, so the header grows, too.
	fill := (maxIdentity - len(f.identityToken(t))) * 3 / 4
	for thumbprint := range 4 {
		for n := fill - 24; n <= fill && len(sizes) < 2; n++ {
			f.identity["fill"], f.header["x5t"] = strings.Repeat("a", n), strings.Repeat("a", thumbprint)
			identity := f.identityToken(t)
			switch len(identity) {
			case maxIdentity:
				wantAccepted(t, trusted(t), run, encode(claims)+"~"+identity)
			case maxIdentity + 1:
				wantRefused(t, trusted(t), run, encode(claims)+"~"+identity, jose.ErrMalformed)
			default:
				continue
			}
			sizes[len(identity)] = true
		}
	}
	if len(sizes) != 2 {
		t.Errorf("there are only the sizes %v", sizes)
	}
}

// TestOpenIssued has the identity token be issued before and after the claims.
func TestOpenIssued(t *testing.T) {
	t.Parallel()
	// The largest integer that RFC 8785 writes as one inside int64.
	const largest = 9223372036854775000
	text := strconv.Itoa
	for _, test := range []struct {
		claims, identity string
		outcome          error
	}{
		{text(issued), text(issued), nil},
		{text(issued), text(issued - 60), nil},
		{text(issued), text(issued - 61), jose.ErrNotYetValid},
		{text(issued), text(issued + 300), nil},
		{text(issued), text(issued + 301), jose.ErrExpired},
		{text(issued), "0", jose.ErrNotYetValid},
		{text(issued), text(-issued), jose.ErrNotYetValid},
		{text(issued), text(math.MinInt64), jose.ErrNotYetValid},
		{text(issued), text(math.MaxInt64), jose.ErrExpired},
		{"-60", "-120", nil},
		{"30", "-31", jose.ErrNotYetValid},
		{"-150", "151", jose.ErrExpired},
		{text(largest), text(largest + 300), nil},
		{text(largest), text(math.MaxInt64), jose.ErrExpired},
		{text(largest), text(math.MinInt64), jose.ErrNotYetValid},
		{text(-largest), text(math.MaxInt64), jose.ErrExpired},
		{text(-largest), text(math.MinInt64), jose.ErrNotYetValid},

		{text(issued), "9223372036854775808", jose.ErrMalformed},
		{text(issued), text(issued) + ".0", jose.ErrMalformed},
		{text(issued), text(issued) + "e0", jose.ErrMalformed},
		{text(issued), `"` + text(issued) + `"`, jose.ErrMalformed},
		{text(issued), "null", jose.ErrMalformed},
		{text(issued), "[" + text(issued) + "]", jose.ErrMalformed},
		{text(issued), "", jose.ErrMalformed}, // absent
		{text(math.MaxInt64), text(math.MaxInt64), jose.ErrMalformed},
	} {
		t.Run(test.claims+" and "+test.identity, func(t *testing.T) {
			f := newForge()
			f.claims = with(t, claims, `"iat":1795312800`, `"iat":`+test.claims)
			f.identity["iat"] = json.RawMessage(test.identity)
			if test.identity == "" {
				f.identity["iat"] = absent{}
			}
			if test.outcome == nil {
				wantAccepted(t, trusted(t), run, f.token(t))
			} else {
				wantRefused(t, trusted(t), run, f.token(t), test.outcome)
			}
		})
	}
}

// TestCheckIssued has what no two tokens could say.
func TestCheckIssued(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		claims, identity int64
		outcome          error
	}{
		{math.MaxInt64, math.MaxInt64, nil},
		{math.MinInt64, math.MinInt64, nil},
		{math.MinInt64, math.MinInt64 + 300, nil},
		{math.MinInt64, math.MinInt64 + 301, jose.ErrExpired},
		{math.MaxInt64, math.MaxInt64 - 60, nil},
		{math.MaxInt64, math.MaxInt64 - 61, jose.ErrNotYetValid},
		{math.MinInt64, math.MaxInt64, jose.ErrExpired},
		{math.MaxInt64, math.MinInt64, jose.ErrNotYetValid},
		{-1, math.MaxInt64, jose.ErrExpired},
		{0, math.MinInt64, jose.ErrNotYetValid},
	} {
		err := keyless.CheckIssued(test.claims, test.identity)
		if test.outcome != nil {
			wantOutcome(t, err, test.outcome)
		} else if err != nil {
			t.Errorf("%d and %d: %v", test.claims, test.identity, err)
		}
	}
}
