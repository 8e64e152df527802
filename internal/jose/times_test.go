package jose

import (
	"errors"
	"math"
	"slices"
	"testing"
	"time"
)

func TestCheckTimes(t *testing.T) {
	t.Parallel()
	const (
		now = 1795312800
		day = 24 * 60 * 60
	)
	tests := []struct {
		name          string
		iat, nbf, exp int64
		want          []error
	}{
		{"just made", now, now, now + 600, nil},
		{"nearly over", now - 600, now - 600, now + 1, nil},

		{"over for less than the leeway", now - 600, now - 600, now - 59, nil},
		{"over for the leeway", now - 600, now - 600, now - 60, []error{ErrExpired}},
		{"over for more", now - 600, now - 600, now - 61, []error{ErrExpired}},
		{"no expiry that ever was", now, now, 0, []error{ErrExpired}},
		{"an expiry before all time", now, now, math.MinInt64, []error{ErrExpired}},

		{"valid after the leeway", now, now + 60, now + 600, nil},
		{"valid after more", now, now + 61, now + 600, []error{ErrNotYetValid}},
		{"valid at the end of time", now, math.MaxInt64, now + 600, []error{ErrNotYetValid}},
		{"made after the leeway", now + 60, now, now + 600, nil},
		{"made after more", now + 61, now, now + 600, []error{ErrNotYetValid}},
		{"made and valid after more", now + 61, now + 61, now + 600, []error{ErrNotYetValid}},
		{"made at the end of time", math.MaxInt64, now, now + 600, []error{ErrNotYetValid}},

		{"the longest lifetime", now, now, now + day, nil},
		{"a second more", now, now, now + day + 1, []error{ErrLifetimeTooLong}},
		{"a second more, made before", now - day, now - day, now + 1, []error{ErrLifetimeTooLong}},
		{"valid from later on does not shorten it", now - day, now, now + 1, []error{ErrLifetimeTooLong}},
		{"the year 9999", now, now, 253402300799, []error{ErrLifetimeTooLong}},
		{"a lifetime that overflows", math.MinInt64, now, math.MaxInt64, []error{ErrLifetimeTooLong}},
		{"a lifetime that overflows to a short one", math.MinInt64, now, math.MaxInt64 - 100, []error{ErrLifetimeTooLong}},
		{"a lifetime that overflows to below zero", -2, now, math.MaxInt64, []error{ErrLifetimeTooLong}},
		{"from before all time", math.MinInt64, math.MinInt64, now + 1, []error{ErrLifetimeTooLong}},

		{"over before it was made", now + 600, now + 600, now - 600, []error{ErrExpired, ErrNotYetValid}},
		{"over, and for too long", now - 10*day, now - 10*day, now - day, []error{ErrExpired, ErrLifetimeTooLong}},
		{"not yet, and for too long", now + day, now + day, now + 10*day, []error{ErrNotYetValid, ErrLifetimeTooLong}},
		{"over, not yet, and for too long", now - 10*day, now + day, now - day, []error{ErrExpired, ErrNotYetValid, ErrLifetimeTooLong}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			token := Token{IssuedAt: test.iat, NotBefore: test.nbf, Expires: test.exp, form: runForm}
			// A clock is never at a whole second.
			wantOutcomes(t, token.CheckTimes(time.Unix(now, 999_999_999), day*time.Second), test.want)
		})
	}
}

func wantOutcomes(t *testing.T, got, want []error) {
	t.Helper()
	if !slices.EqualFunc(got, want, errors.Is) {
		t.Fatalf("the errors are %v, want %v", got, want)
	}
	for i := range got {
		wantOutcome(t, got[i], want[i])
	}
}

// TestCheckTimesByForm has forms that leave out time claims, which then are not
// checked.
func TestCheckTimesByForm(t *testing.T) {
	t.Parallel()
	token := Token{IssuedAt: 5000, NotBefore: 5000, Expires: -5000}
	for _, test := range []struct {
		claims []string
		want   []error
	}{
		{nil, nil},
		{[]string{"iss", "spec"}, nil},
		{[]string{"exp"}, []error{ErrExpired}},
		{[]string{"nbf"}, []error{ErrNotYetValid}},
		{[]string{"iat"}, []error{ErrNotYetValid}},
		{[]string{"iat", "nbf", "exp"}, []error{ErrExpired, ErrNotYetValid}},
	} {
		token.form = Form{Claims: test.claims}
		wantOutcomes(t, token.CheckTimes(time.Unix(0, 0), time.Hour), test.want)
	}
	long := Token{IssuedAt: 0, Expires: math.MaxInt64, form: Form{Claims: []string{"iat", "exp"}}}
	wantOutcomes(t, long.CheckTimes(time.Unix(0, 0), time.Hour), []error{ErrLifetimeTooLong})
	wantOutcomes(t, long.CheckTimes(time.Unix(0, 0), 0), nil)
	// It was made by now, or by a clock that is a minute ahead.
	long.form.Claims = []string{"exp"}
	wantOutcomes(t, long.CheckTimes(time.Unix(0, 0), time.Hour), []error{ErrLifetimeTooLong})
	for expires, want := range map[int64][]error{3660: nil, 3661: {ErrLifetimeTooLong}} {
		long.Expires = expires
		wantOutcomes(t, long.CheckTimes(time.Unix(0, 0), time.Hour), want)
	}
}

// TestTimesOfToken checks that the times which are checked are those that a
// token says.
func TestTimesOfToken(t *testing.T) {
	t.Parallel()
	p := keyPair(t, "EdDSA")
	token := wantAccepted(t, runForm, p.verifying, runToken(t, p.signing))
	for _, test := range []struct {
		after time.Duration
		want  []error
	}{
		{-61 * time.Second, []error{ErrNotYetValid}},
		{-60 * time.Second, nil},
		{0, nil},
		{11*time.Minute - time.Second, nil},
		{11 * time.Minute, []error{ErrExpired}},
	} {
		wantOutcomes(t, token.CheckTimes(issued.Add(test.after), 24*time.Hour), test.want)
	}
	wantOutcomes(t, token.CheckTimes(issued, 10*time.Minute), nil)
	wantOutcomes(t, token.CheckTimes(issued, 10*time.Minute-time.Second), []error{ErrLifetimeTooLong})
}
