package buildkite

import (
	"encoding/json"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/buildkite/go-pipeline"
	"github.com/gowebpki/jcs"
)

const (
	pluginsVariable = "BUILDKITE_PLUGINS"
	secretsVariable = "BUILDKITE_SECRETS_CONFIG"
)

// compared tells whether a variable is compared with a signed field.
func compared(variable string) bool {
	return variable == repo || variable == pluginsVariable || variable == secretsVariable
}

// sameJSON compares a text of JSON with a value, both in canonical form (RFC 8785).
// Where there is no value the text is empty, null or an empty list.
func sameJSON(text string, value any, none bool) bool {
	if empty := text == "" || text == "null" || text == "[]"; empty || none {
		return empty && none
	}
	want, err := json.Marshal(value)
	if err != nil {
		return false
	}
	want, err = jcs.Transform(want)
	if err != nil {
		return false
	}
	got, err := jcs.Transform([]byte(text))
	return err == nil && string(got) == string(want)
}

// checkoutVariables returns what the signed settings of a checkout are as variables
// of a job (https://buildkite.com/docs/agent/self-hosted/configure/environment-variables).
func checkoutVariables(c *pipeline.Checkout) map[string]string {
	v := map[string]string{}
	if c == nil {
		return v
	}
	for name, p := range map[string]*bool{"BUILDKITE_SKIP_CHECKOUT": c.Skip, "BUILDKITE_GIT_SUBMODULES": c.Submodules, "BUILDKITE_GIT_LFS_ENABLED": c.LFS} {
		if p != nil {
			v[name] = strconv.FormatBool(*p)
		}
	}
	if c.CommitVerification != "" {
		v["BUILDKITE_GIT_COMMIT_VERIFICATION"] = c.CommitVerification
	}
	if c.Sparse != nil {
		v["BUILDKITE_GIT_SPARSE_CHECKOUT_PATHS"] = strings.Join(c.Sparse.Paths, ",")
	}
	if f := c.Flags; f != nil {
		for name, p := range map[string]*string{
			"BUILDKITE_GIT_CLONE_FLAGS": f.Clone, "BUILDKITE_GIT_FETCH_FLAGS": f.Fetch,
			"BUILDKITE_GIT_CHECKOUT_FLAGS": f.Checkout, "BUILDKITE_GIT_CLEAN_FLAGS": f.Clean,
		} {
			if p != nil {
				v[name] = *p
			}
		}
	}
	return v
}

// maxPermutations bounds how many permutations of a matrix are tried.
const maxPermutations = 10000

// permutations yields the permutations of a matrix, those that its adjustments add
// too, and those that they skip, which no job can be.
func permutations(m *pipeline.Matrix) iter.Seq[pipeline.MatrixPermutation] {
	dimensions := slices.Sorted(maps.Keys(m.Setup))
	return func(yield func(pipeline.MatrixPermutation) bool) {
		tried := 0
		next := func(p pipeline.MatrixPermutation) bool {
			tried++
			return tried <= maxPermutations && yield(maps.Clone(p))
		}
		for _, a := range m.Adjustments {
			if a == nil {
				continue
			}
			if !next(pipeline.MatrixPermutation(a.With)) {
				return
			}
		}
		p := pipeline.MatrixPermutation{}
		var set func(i int) bool
		set = func(i int) bool {
			if i == len(dimensions) {
				return next(p)
			}
			for _, value := range m.Setup[dimensions[i]] {
				p[dimensions[i]] = value
				if !set(i + 1) {
					return false
				}
			}
			return true
		}
		set(0)
	}
}
