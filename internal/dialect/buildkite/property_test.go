package buildkite_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/countersign-ci/countersign/internal/dialect/buildkite"
	"github.com/countersign-ci/countersign/internal/report"
)

// leaves calls f for each leaf below a value, with what it is called and functions
// that replace it and take it away.
func leaves(at string, v any, f func(at string, leaf any, set func(any), remove func())) {
	switch v := v.(type) {
	case object:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			inner, path := v[name], at+"."+name
			if isLeaf(inner) {
				f(path, inner, func(x any) { v[name] = x }, func() { delete(v, name) })
			}
			leaves(path, inner, f)
		}
	case []any:
		for i, inner := range v {
			path := fmt.Sprintf("%s[%d]", at, i)
			if isLeaf(inner) {
				f(path, inner, func(x any) { v[i] = x }, nil)
			}
			leaves(path, inner, f)
		}
	}
}

func isLeaf(v any) bool {
	switch v.(type) {
	case object, []any:
		return false
	}
	return true
}

// another returns another leaf of that kind.
func another(t *testing.T, leaf any) any {
	t.Helper()
	switch leaf := leaf.(type) {
	case string:
		return leaf + "x"
	case int:
		return leaf + 1
	case float64:
		return leaf / 2
	case bool:
		return !leaf
	case nil:
		return "x"
	}
	t.Fatalf("a leaf of type %T", leaf)
	return nil
}

// TestEveryLeaf changes and removes each leaf of a signed pipeline. What no
// signature covers is what the check says is not.
func TestEveryLeaf(t *testing.T) {
	t.Parallel()
	signed := tree(t, sign(t, everything+"    agents: {queue: a}\n    if: build.branch == \"main\"\n", nil))
	write := func() string {
		text, err := yaml.Marshal(signed)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	o := options(t)
	o.StrictEnvironment = true
	got := check(t, write(), o)
	wantRules(t, "as signed", got)
	open := []string{".env.LEVEL"} // the step's own wins
	for _, u := range got.Unsigned {
		at := ".steps[0]."
		if u.Name == "the pipeline" {
			at = "."
		}
		for _, f := range u.Fields {
			open = append(open, at+f)
		}
	}
	count := 0
	try := func(what string, change, back func()) {
		change()
		text := write()
		got, err := buildkite.CheckPipeline("pipeline.yml", []byte(text), o)
		back()
		if count++; err != nil {
			wantRefused(t, what, err, "the pipeline cannot be read")
			return
		}
		refused := slices.ContainsFunc(got.Findings, func(f report.Finding) bool { return f.Status != report.Pass })
		isOpen := slices.ContainsFunc(open, func(prefix string) bool {
			return strings.HasPrefix(what, prefix+".") || strings.HasPrefix(what, prefix+"[") || strings.HasPrefix(what, prefix+" ")
		})
		if refused == isOpen {
			t.Errorf("%s: refused %t, and said to be unsigned %t\n%s", what, refused, isOpen, text)
		}
	}
	leaves("", signed, func(at string, leaf any, set func(any), remove func()) {
		try(at+" changed", func() { set(another(t, leaf)) }, func() { set(leaf) })
		if remove != nil {
			try(at+" removed", remove, func() { set(leaf) })
		}
	})
	if count < 60 {
		t.Errorf("%d changes alone were tried", count)
	}
}
