package jwks

import (
	"context"
	"fmt"
	"net/http"
)

// A Source answers with the keys of issuers, out of its cache where it can.
type Source struct {
	Client *http.Client
	Cache  *Cache      // nil: nothing is kept
	Note   func(error) // is told why keys could not be kept; it may be nil
}

// Keys returns the keys of an issuer. fresh has the issuer asked in any case: for
// the caller to whom keys that are [Keys.Cached] are not enough, because they lack
// the one that it looks for or cannot be used, and who asks once more. Errors are
// those of [Discover].
func (s *Source) Keys(ctx context.Context, issuer string, fresh bool) (Keys, error) {
	if err := CheckIssuer(issuer); err != nil {
		return Keys{}, err
	}
	if s.Cache != nil && !fresh {
		if set, ok := s.Cache.Get(issuer); ok {
			return Keys{Set: set, Cached: true}, nil
		}
	}
	keys, err := Discover(ctx, s.Client, issuer)
	if err != nil || s.Cache == nil {
		return keys, err
	}
	if err := s.Cache.Put(issuer, keys); err != nil && s.Note != nil {
		s.Note(fmt.Errorf("the issuer's keys cannot be kept: %w", err))
	}
	return keys, nil
}
