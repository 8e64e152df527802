package jwks

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	// MaxKeep is how long a key set is kept at most, whatever its issuer allows: a
	// key that was withdrawn is trusted no longer than that.
	MaxKeep = 24 * time.Hour
	// defaultKeep is for an issuer that says nothing.
	defaultKeep = 5 * time.Minute
)

// keep returns how long an answer may be kept (RFC 9111, sections 4.2 and 5.2.2):
// max-age less what a cache on the way has used of it. Where max-age comes twice
// the smaller one counts; one that is no number is 0.
func keep(h http.Header) time.Duration {
	d, told := MaxKeep, false
	for directive := range strings.SplitSeq(strings.Join(h.Values("Cache-Control"), ","), ",") {
		name, value, _ := strings.Cut(directive, "=")
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "no-store", "no-cache":
			return 0
		case "max-age":
			d, told = min(d, seconds(strings.Trim(strings.TrimSpace(value), `"`))), true
		}
	}
	if !told {
		return defaultKeep
	}
	if age := h.Get("Age"); age != "" {
		d -= seconds(age)
	}
	return max(d, 0)
}

// seconds parses delta-seconds (RFC 9111, section 1.2.2), bounded by [MaxKeep].
func seconds(text string) time.Duration {
	if strings.Trim(text, "0123456789") != "" || text == "" {
		return 0
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n > int64(MaxKeep/time.Second) {
		return MaxKeep
	}
	return time.Duration(n) * time.Second
}
