package jose

import "time"

// leeway is how far the clocks of signer and verifier may be apart.
const leeway = time.Minute

// CheckTimes checks the time claims that the token's form lists, with a leeway of
// one minute: that the token is valid now and was not made to be valid for longer
// than maxLifetime, where that is not zero; one that does not tell when it was made was
// made by now. The errors wrap [ErrExpired],
// [ErrNotYetValid] or [ErrLifetimeTooLong].
func (t *Token) CheckTimes(now time.Time, maxLifetime time.Duration) []error {
	has := t.form.has // what is optional and absent is 0, long ago
	leeway := int64(leeway / time.Second)
	seconds := now.Unix()
	var errs []error
	if has("exp") && seconds-leeway >= t.Expires {
		errs = append(errs, refuse(ErrExpired, "it has expired; now it is %s", date(seconds)))
	}
	for _, c := range []struct {
		name string
		from int64
	}{{"nbf", t.NotBefore}, {"iat", t.IssuedAt}} {
		if has(c.name) && seconds+leeway < c.from {
			errs = append(errs, refuse(ErrNotYetValid, "its %s lies ahead; now it is %s", c.name, date(seconds)))
			break
		}
	}
	made := t.IssuedAt
	if !has("iat") {
		made = seconds + leeway // at the latest
	}
	// Unsigned, the difference cannot overflow.
	if has("exp") && maxLifetime > 0 && t.Expires > made &&
		uint64(t.Expires)-uint64(made) > uint64(maxLifetime/time.Second) {
		errs = append(errs, refuse(ErrLifetimeTooLong, "it was made to be valid for more than %s", maxLifetime))
	}
	return errs
}

func date(seconds int64) string {
	return time.Unix(seconds, 0).UTC().Format(time.RFC3339)
}
