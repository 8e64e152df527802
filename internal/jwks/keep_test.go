package jwks_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/countersign-ci/countersign/internal/jwks"
)

func TestDiscoverKeep(t *testing.T) {
	const day, unsaid = 24 * time.Hour, 5 * time.Minute
	tests := []struct {
		cacheControl []string
		age          string
		want         time.Duration
	}{
		{nil, "", unsaid},
		{[]string{""}, "", unsaid},
		{[]string{"public"}, "", unsaid},
		{[]string{"s-maxage=60"}, "", unsaid}, // is for shared caches
		{[]string{"max-age=60"}, "", time.Minute},
		{[]string{"Public, MAX-AGE=60 , must-revalidate"}, "", time.Minute},
		{[]string{`max-age="60"`}, "", time.Minute},
		{[]string{"max-age=0"}, "", 0},
		{[]string{"max-age=86400"}, "", day},
		{[]string{"max-age=86401"}, "", day},
		{[]string{"max-age=31536000"}, "", day},
		{[]string{"max-age=9223372036854775807"}, "", day},
		{[]string{"max-age=99999999999999999999999"}, "", day},
		{[]string{"max-age=60, max-age=3600"}, "", time.Minute},
		{[]string{"max-age=3600", "max-age=60"}, "", time.Minute},
		{[]string{"max-age"}, "", 0},
		{[]string{"max-age="}, "", 0},
		{[]string{"max-age=-1"}, "", 0},
		{[]string{"max-age=+60"}, "", 0},
		{[]string{"max-age=6e1"}, "", 0},
		{[]string{"max-age=60s"}, "", 0},
		{[]string{"max-age=x, max-age=60"}, "", 0},
		{[]string{"no-store"}, "", 0},
		{[]string{"no-cache"}, "", 0},
		{[]string{"max-age=60, no-store"}, "", 0},
		{[]string{"max-age=60", "No-Cache"}, "", 0},
		{[]string{`no-cache="Set-Cookie", max-age=60`}, "", 0},
		{[]string{"max-age=60"}, "20", 40 * time.Second},
		{[]string{"max-age=60"}, "60", 0},
		{[]string{"max-age=60"}, "61", 0},
		{[]string{"max-age=60"}, "99999999999999999999999", 0},
		{[]string{"max-age=60"}, "-1", time.Minute},
		{[]string{"max-age=60"}, "x", time.Minute},
	}
	for _, test := range tests {
		client := &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
			if r.URL.Path != "/keys" {
				return respond(http.StatusOK, strings.NewReader(`{"issuer":"`+issuer+`","jwks_uri":"`+keysAt+`"}`), ""), nil
			}
			response := respond(http.StatusOK, strings.NewReader(keySet), "")
			response.Header["Cache-Control"] = test.cacheControl
			response.Header.Set("Age", test.age)
			return response, nil
		})}
		got, err := jwks.Discover(t.Context(), client, issuer)
		if err != nil || got.Keep != test.want {
			t.Errorf("Cache-Control %q, Age %q: %v, %v, want %v", test.cacheControl, test.age, got.Keep, err, test.want)
		}
	}
}
