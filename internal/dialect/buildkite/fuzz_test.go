package buildkite_test

import (
	"maps"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign-ci/countersign/internal/dialect/buildkite"
)

// checkEnvironment checks what holds for every environment that was read.
func checkEnvironment(t *testing.T, e environment) {
	t.Helper()
	for name, value := range e {
		if name == "" || strings.ContainsAny(name, "=\x00") || strings.Contains(value, "\x00") {
			t.Errorf("the variable %q with %q", name, value)
		}
	}
	c, err := e.Context()
	if err != nil {
		wantError(t, "the context", err, err.Error())
		return
	}
	for _, fact := range []struct{ form, value string }{
		{`^https://[a-z0-9][a-z0-9.-]*(:[0-9]*)?$`, c.ServerURL},
		{`^[A-Za-z0-9._][A-Za-z0-9._-]*/[A-Za-z0-9._][A-Za-z0-9._-]*$`, c.Repository},
		{`^([0-9a-f]{40}|[0-9a-f]{64}|)$`, c.SHA},
		{`(?s)^(|refs/pull/[1-9][0-9]*/head|refs/(tags|heads)/.+)$`, c.Ref},
	} {
		if !regexp.MustCompile(fact.form).MatchString(fact.value) {
			t.Errorf("the fact %q is not of the form %s", fact.value, fact.form)
		}
	}
	if c.RunAttempt < 0 || c.Command == nil || *c.Command != e.Command() {
		t.Errorf("attempt %d, command %v", c.RunAttempt, c.Command)
	}
}

// FuzzParseEnvironment has a text be refused, or be an environment that is the
// same when it is written and read again.
func FuzzParseEnvironment(f *testing.F) {
	for _, c := range environmentCases {
		f.Add(c.text)
	}
	f.Add(write(texts))
	f.Add(write(full))
	f.Fuzz(func(t *testing.T, text string) {
		e, err := buildkite.ParseEnvironment(text)
		if err != nil {
			wantError(t, text, err, err.Error())
			return
		}
		checkEnvironment(t, e)
		again, err := buildkite.ParseEnvironment(write(e))
		if diff := cmp.Diff(e, again); err != nil || diff != "" {
			t.Errorf("written and read again: %v (-first +second):\n%s", err, diff)
		}
	})
}

func FuzzParseEnvironmentJSON(f *testing.F) {
	for _, c := range jsonCases {
		f.Add(c.text)
	}
	f.Add(`{"BUILDKITE_REPO":"git@github.com:acme/widgets.git","BUILDKITE_PULL_REQUEST":"12","BUILDKITE_RETRY_COUNT":"1"}`)
	f.Fuzz(func(t *testing.T, text string) {
		e, err := buildkite.ParseEnvironmentJSON(text)
		if err != nil {
			wantError(t, text, err, err.Error())
			return
		}
		checkEnvironment(t, e)
		again, err := buildkite.ParseEnvironmentJSON(writeJSON(t, e))
		if diff := cmp.Diff(e, again); err != nil || diff != "" {
			t.Errorf("written and read again: %v (-first +second):\n%s", err, diff)
		}
	})
}

// FuzzForge has no variable change what is read of another one, whatever its name
// and value are.
func FuzzForge(f *testing.F) {
	f.Add("A", "a")
	f.Add("BUILDKITE_COMMIT", "a")
	f.Add("X\nBUILDKITE_COMMIT", "a")
	f.Add("X=\"\"\nBUILDKITE_COMMIT", "a")
	f.Add("BUILDKITE_COMMIT=\"a\"\nX", "a")
	f.Add("A", "\"\nBUILDKITE_COMMIT=\"a")
	f.Fuzz(func(t *testing.T, name, value string) {
		if _, known := full[name]; known {
			return // the agent itself writes a name once
		}
		forged := write(environment{name: value})
		for _, text := range []string{forged + write(full), write(full) + forged} {
			e, err := buildkite.ParseEnvironment(text)
			if err != nil {
				continue
			}
			for known, want := range full {
				if e[known] != want {
					t.Errorf("%q makes %s %q", forged, known, e[known])
				}
			}
		}
		e := maps.Clone(full)
		e[name] = value
		got, err := buildkite.ParseEnvironmentJSON(writeJSON(t, e))
		for known, want := range full {
			if err == nil && got[known] != want {
				t.Errorf("%q makes %s %q in JSON", name, known, got[known])
			}
		}
	})
}
