package policy_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"
	"github.com/lestrrat-go/jwx/v3/jwk"

	"github.com/countersign-ci/countersign/internal/jose"
	"github.com/countersign-ci/countersign/internal/policy"
	"github.com/countersign-ci/countersign/internal/runspec"
)

// realistic returns a scene with an ES256 token of about 1.2 KB.
func realistic(b *testing.B) (s *scene, token string) {
	b.Helper()
	s = good()
	s.key = makePair("ES256")
	claims := s.claims
	claims.Subject, claims.Private = s.spec.Subject(), map[string]any{"spec": s.spec}
	token, err := jose.Sign(runspec.Token, s.key.sign, claims)
	if err != nil {
		b.Fatal(err)
	}
	if len(token) < 1000 || len(token) > 2000 {
		b.Fatalf("the token has %d bytes, which is not what a run has", len(token))
	}
	return s, token
}

// BenchmarkVerify is the whole decision. Most of it should be the signature
// check, which [BenchmarkSignature] measures alone.
func BenchmarkVerify(b *testing.B) {
	s, token := realistic(b)
	for b.Loop() {
		if r, _ := policy.Verify(token, s.key.verify, s.run, s.policy, s.now); !r.OK {
			b.Fatalf("refused: %+v", r.Findings)
		}
	}
	b.ReportMetric(float64(len(token)), "token-bytes")
}

func BenchmarkSignature(b *testing.B) {
	s, token := realistic(b)
	var public any
	key, err := jwk.ParseKey(s.key.private)
	if err != nil {
		b.Fatal(err)
	}
	if key, err = key.PublicKey(); err != nil {
		b.Fatal(err)
	}
	if err := jwk.Export(key, &public); err != nil {
		b.Fatal(err)
	}
	end := strings.LastIndexByte(token, '.')
	signature, err := base64.RawURLEncoding.DecodeString(token[end+1:])
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if err := jwt.SigningMethodES256.Verify(token[:end], signature, public); err != nil {
			b.Fatal(err)
		}
	}
}
