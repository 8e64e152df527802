package jose

import "testing"

// BenchmarkVerify verifies a token of a usual size.
func BenchmarkVerify(b *testing.B) {
	for _, a := range algorithms {
		b.Run(a.name, func(b *testing.B) {
			p := keyPair(b, a.name)
			token := runToken(b, p.signing)
			b.SetBytes(int64(len(token)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Verify(runForm, p.verifying, token); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkSignature checks the same signatures and does nothing else, so that
// what the rest costs can be told.
func BenchmarkSignature(b *testing.B) {
	for _, a := range algorithms {
		b.Run(a.name, func(b *testing.B) {
			p := keyPair(b, a.name)
			token := runToken(b, p.signing)
			parts, err := split(runForm, token)
			if err != nil {
				b.Fatal(err)
			}
			key := p.verifying.secret
			if key == nil {
				k := p.verifying.byID[p.signing.ID()]
				key = &k
			}
			b.SetBytes(int64(len(token)))
			b.ReportAllocs()
			for b.Loop() {
				if err := key.algorithm.method.Verify(parts.input, parts.signature, key.key); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
