package buildkite_test

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/buildkite/go-pipeline"
	"github.com/buildkite/go-pipeline/signature"
	"gopkg.in/yaml.v3"

	"github.com/countersign-ci/countersign/internal/dialect/buildkite"
)

// BenchmarkThousandSteps signs and checks a pipeline of 1,000 steps, beside
// go-pipeline's own functions in turns, and reports the shortest time of each.
func BenchmarkThousandSteps(b *testing.B) {
	var text strings.Builder
	text.WriteString("env:\n  REGION: eu\nsteps:\n")
	for i := range 1000 {
		fmt.Fprintf(&text, "  - label: step %d\n    key: s%d\n    command: make test-%d\n    env: {A: b}\n    plugins:\n      - docker#v5.11.0: {image: golang, retries: 3}\n", i, i, i)
	}
	plain := []byte(text.String())
	pair := keys(b, "EdDSA")
	key, err := pair.private.JWK()
	if err != nil {
		b.Fatal(err)
	}
	set, err := pair.public.JWKS()
	if err != nil {
		b.Fatal(err)
	}
	var ours, theirs []time.Duration
	for b.Loop() {
		start := time.Now()
		signed, err := buildkite.Sign(plain, buildkite.SignOptions{Key: pair.private, RepositoryURL: widgets})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := buildkite.CheckPipeline("p", signed, buildkite.CheckOptions{Keys: pair.public, RepositoryURL: widgets, StrictEnvironment: true}); err != nil {
			b.Fatal(err)
		}
		ours = append(ours, time.Since(start))

		start = time.Now()
		p, err := pipeline.Parse(bytes.NewReader(plain))
		if err != nil {
			b.Fatal(err)
		}
		if err := signature.SignSteps(context.Background(), p.Steps, key, widgets, signature.WithEnv(p.Env.ToMap())); err != nil {
			b.Fatal(err)
		}
		var written bytes.Buffer
		if err := yaml.NewEncoder(&written).Encode(p); err != nil {
			b.Fatal(err)
		}
		if p, err = pipeline.Parse(&written); err != nil {
			b.Fatal(err)
		}
		for _, s := range p.Steps {
			if err := signature.VerifyStep(context.Background(), s.(*pipeline.CommandStep), set, widgets, signature.WithEnv(p.Env.ToMap())); err != nil {
				b.Fatal(err)
			}
		}
		theirs = append(theirs, time.Since(start))
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(slices.Min(ours).Seconds()*1e3, "ms")
	b.ReportMetric(slices.Min(theirs).Seconds()*1e3, "go-pipeline-ms")
}
