package policy_test

import (
	"encoding/base64"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/lestrrat-go/jwx/v3/jwk"

	"github.com/countersign-ci/countersign/internal/jose"
	"github.com/countersign-ci/countersign/internal/policy"
	"github.com/countersign-ci/countersign/internal/runspec"
)

// BenchmarkVerify measures the whole decision about a token of about 1.3 KB, in
// turns with the check of its signature alone, and reports the medians. Most of a decision should be the signature check.
func BenchmarkVerify(b *testing.B) {
	for _, algorithm := range []string{"EdDSA", "ES256", "RS256", "HS256"} {
		b.Run(algorithm, func(b *testing.B) {
			s, token := realistic(b, algorithm)
			check := bareCheck(b, s.key, algorithm, token)
			var whole, bare []time.Duration
			for b.Loop() {
				start := time.Now()
				r, _ := policy.Verify(token, s.key.verify, s.run, s.policy, s.now)
				middle := time.Now()
				err := check()
				whole, bare = append(whole, middle.Sub(start)), append(bare, time.Since(middle))
				if !r.OK || err != nil {
					b.Fatalf("refused: %+v %v", r.Findings, err)
				}
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(float64(median(whole).Nanoseconds())/1e3, "us")
			b.ReportMetric(float64(median(bare).Nanoseconds())/1e3, "signature-us")
		})
	}
}

func median(d []time.Duration) time.Duration {
	slices.Sort(d)
	return d[len(d)/2]
}

// realistic returns a scene and its token, signed with that algorithm.
func realistic(b *testing.B, algorithm string) (s *scene, token string) {
	b.Helper()
	s = good()
	s.key = makeKey(b, algorithm)
	claims := s.claims
	claims.Subject, claims.Private = s.spec.Subject(), map[string]any{"spec": &s.spec}
	token, err := jose.Sign(runspec.Token, s.key.sign, claims)
	if err != nil {
		b.Fatal(err)
	}
	if len(token) < 1000 || len(token) > 2500 {
		b.Fatalf("the token has %d bytes, which is not what a run has", len(token))
	}
	return s, token
}

const benchSecret = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

// makeKey returns a pair for any algorithm: for an HMAC, both sides of a secret.
func makeKey(b *testing.B, algorithm string) pair {
	b.Helper()
	if !strings.HasPrefix(algorithm, "HS") {
		return makePair(algorithm)
	}
	sign, err := jose.SecretSigningKey([]byte(benchSecret), algorithm)
	if err != nil {
		b.Fatal(err)
	}
	verify, err := jose.SecretVerifyingKey([]byte(benchSecret), algorithm)
	if err != nil {
		b.Fatal(err)
	}
	return pair{sign: sign, verify: verify}
}

// bareCheck returns a function that checks the token's signature and does
// nothing else.
func bareCheck(b *testing.B, key pair, algorithm, token string) func() error {
	b.Helper()
	var public any = []byte(benchSecret)
	if key.private != nil {
		k, err := jwk.ParseKey(key.private)
		if err != nil {
			b.Fatal(err)
		}
		if k, err = k.PublicKey(); err != nil {
			b.Fatal(err)
		}
		if err := jwk.Export(k, &public); err != nil {
			b.Fatal(err)
		}
	}
	end := strings.LastIndexByte(token, '.')
	signature, err := base64.RawURLEncoding.DecodeString(token[end+1:])
	if err != nil {
		b.Fatal(err)
	}
	method := jwt.GetSigningMethod(algorithm)
	return func() error { return method.Verify(token[:end], signature, public) }
}
