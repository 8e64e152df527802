package pin_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	pipeline "github.com/buildkite/go-pipeline"
	"github.com/buildkite/go-pipeline/warning"
	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

// These oracles look at a rewrite without any help of the rewriter. They find
// refs and version comments by their looks, which is enough to take them out of
// two texts of which one came from the other.

var (
	aRefsEnd  = regexp.MustCompile(`@git-sha(?:1|256):[0-9a-f]+|[@#][A-Za-z0-9._/+=-]+`)
	aVersion  = `(?:[A-Za-z0-9_.]+[-/])?v?[0-9][A-Za-z0-9._/+=-]*`
	aComment  = regexp.MustCompile(`[ \t]*#[ \t]*` + aVersion + `(?:, *` + aVersion + `)*`)
	inComment = regexp.MustCompile(`(tag=|pin @?|renovate: )` + aVersion)
)

// bare returns a line without refs' versions and version comments. A version may
// also be one of these names.
func bare(line string, names []string) string {
	line = inComment.ReplaceAllString(line, "$1")
	line = aComment.ReplaceAllString(line, "")
	for _, name := range names {
		line = strings.Replace(line, " # "+name[1:], "", 1)
	}
	return aRefsEnd.ReplaceAllString(line, "")
}

// sameBytes checks that two texts differ in refs and version comments alone.
func sameBytes(t testing.TB, name string, before, after []byte) {
	t.Helper()
	olds, news := bytes.SplitAfter(before, []byte("\n")), bytes.SplitAfter(after, []byte("\n"))
	if len(olds) != len(news) {
		t.Errorf("%s: %d lines became %d", name, len(olds), len(news))
		return
	}
	for i := range olds {
		if bytes.Equal(olds[i], news[i]) {
			continue
		}
		// What is no version stands in a comment where it was the ref's.
		refs, _, _ := strings.Cut(string(olds[i]), " #")
		names := aRefsEnd.FindAllString(refs, -1)
		if a, b := bare(string(olds[i]), nil), bare(string(news[i]), names); a != b {
			t.Errorf("%s:%d: more than refs and version comments changed:\n%q\n%q\n%q\n%q", name, i+1, olds[i], news[i], a, b)
		}
	}
}

// sameYAML checks that two YAML texts have the same nodes, on the same lines and
// in the same style, but for what ends refs.
func sameYAML(t testing.TB, name string, before, after []byte) {
	t.Helper()
	olds, news := yaml.NewDecoder(bytes.NewReader(before)), yaml.NewDecoder(bytes.NewReader(after))
	for {
		var a, b yaml.Node
		errA, errB := olds.Decode(&a), news.Decode(&b)
		if errA != nil || errB != nil {
			if errA != io.EOF || errB != io.EOF {
				t.Errorf("%s: %v became %v", name, errA, errB)
			}
			return
		}
		sameNodes(t, name, &a, &b, 0)
	}
}

func sameNodes(t testing.TB, name string, a, b *yaml.Node, depth int) {
	t.Helper()
	moved := a.Line != b.Line && a.Tag != "!!null" // a value that is left out stands nowhere
	if moved || a.Kind != b.Kind || a.Style != b.Style || a.Tag != b.Tag || a.Anchor != b.Anchor || len(a.Content) != len(b.Content) {
		t.Errorf("%s:%d: the node %q became %q", name, a.Line, a.Value, b.Value)
		return
	}
	if a.Value != b.Value && (a.Kind != yaml.ScalarNode || !strings.ContainsAny(a.Value, "#@") || aRefsEnd.ReplaceAllString(a.Value, "") != aRefsEnd.ReplaceAllString(b.Value, "")) {
		t.Errorf("%s:%d: the value %q became %q", name, a.Line, a.Value, b.Value)
	}
	for i := range a.Content {
		sameNodes(t, name, a.Content[i], b.Content[i], depth+1)
	}
}

// samePipeline checks that Buildkite's own parser reads the same steps from two
// texts, but for the sources of plugins. A text that is no pipeline for it is
// left to the other oracles.
func samePipeline(t testing.TB, name string, before, after []byte) {
	t.Helper()
	a, sourcesA, errA := readPipeline(before)
	b, sourcesB, errB := readPipeline(after)
	if (errA == nil) != (errB == nil) {
		t.Errorf("%s: as a pipeline: %v became %v", name, errA, errB)
	}
	if errA != nil || errB != nil {
		return
	}
	if diff := cmp.Diff(a, b); diff != "" {
		t.Errorf("%s: the pipeline changed:\n%s", name, diff)
	}
	if len(sourcesA) != len(sourcesB) {
		t.Errorf("%s: %d plugins became %d", name, len(sourcesA), len(sourcesB))
		return
	}
	for i := range sourcesA {
		if aRefsEnd.ReplaceAllString(sourcesA[i], "") != aRefsEnd.ReplaceAllString(sourcesB[i], "") {
			t.Errorf("%s: the plugin %s became %s", name, sourcesA[i], sourcesB[i])
		}
	}
}

// readPipeline returns the steps of a pipeline as JSON without the sources of
// plugins, and these.
func readPipeline(text []byte) (any, []string, error) {
	p, err := pipeline.Parse(bytes.NewReader(text))
	if err != nil && warning.As(err) == nil {
		return nil, nil, err
	}
	var sources []string
	takeSources(p.Steps, &sources)
	encoded, err := json.Marshal(p.Steps)
	if err != nil {
		return nil, nil, err
	}
	var plain any
	err = json.Unmarshal(encoded, &plain)
	return withoutRefsEnds(plain), sources, err
}

// withoutRefsEnds takes the ends of refs out of all text, for an anchor can have
// a plugin stand for something else too.
func withoutRefsEnds(v any) any {
	switch v := v.(type) {
	case string:
		return aRefsEnd.ReplaceAllString(v, "")
	case []any:
		for i := range v {
			v[i] = withoutRefsEnds(v[i])
		}
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			value := withoutRefsEnds(v[key])
			delete(v, key)
			v[aRefsEnd.ReplaceAllString(key, "")] = value
		}
	}
	return v
}

func takeSources(steps pipeline.Steps, sources *[]string) {
	for _, step := range steps {
		switch step := step.(type) {
		case *pipeline.GroupStep:
			takeSources(step.Steps, sources)
		case *pipeline.CommandStep:
			for i, plugin := range step.Plugins {
				*sources = append(*sources, plugin.Source)
				plugin.Source = fmt.Sprintf("plugin %d", i)
			}
		}
	}
}
