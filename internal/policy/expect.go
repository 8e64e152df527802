package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/countersign-ci/countersign/internal/jose"
	"github.com/countersign-ci/countersign/internal/runspec"
)

// Expect are facts about the run at hand that somebody supplies, because the
// run does not tell them or there is no run.
type Expect struct {
	spec  runspec.Spec
	named []string // the fields of spec that were given
}

// ParseExpect reads facts of the form name=value. A name is that of a field of
// the spec, in which - stands for _ too. The value of inputs is a JSON object of
// texts, that of commands a JSON array.
func ParseExpect(items []string) (Expect, error) {
	var e Expect
	for _, item := range items {
		if err := e.add(item); err != nil {
			return Expect{}, err
		}
	}
	return e, nil
}

// SplitExpect splits facts that are separated by commas. One whose value is JSON
// stands alone.
func SplitExpect(text string) []string {
	if name, _, _ := strings.Cut(text, "="); isJSONField(name) {
		return []string{text}
	}
	return strings.Split(text, ",")
}

func isJSONField(name string) bool { return name == "inputs" || name == "commands" }

// FieldNames returns the names of the fields that can be expected or required.
func FieldNames() []string {
	var names []string
	for _, f := range runspec.Fields {
		names = append(names, f.Name)
	}
	return append(names, "commands", "inputs")
}

// FieldName returns the name of the field that a person means.
func FieldName(s string) (string, error) {
	name := strings.ReplaceAll(strings.TrimSpace(s), "-", "_")
	if !slices.Contains(FieldNames(), name) {
		return "", fmt.Errorf("no field %.40q that could be compared; there are %s", s, strings.Join(FieldNames(), ", "))
	}
	return name, nil
}

func (e *Expect) add(item string) error {
	name, value, found := strings.Cut(item, "=")
	if !found {
		return fmt.Errorf("%.100q is not of the form name=value", item)
	}
	name, err := FieldName(name)
	if err != nil {
		return err
	}
	if slices.Contains(e.named, name) {
		return fmt.Errorf("%s is expected twice", name)
	}
	if value == "" {
		return fmt.Errorf("%s has no value", name)
	}
	e.named = append(e.named, name)
	if f, ok := runspec.FieldNamed(name); ok {
		*f.Of(&e.spec) = value
		return nil
	}
	v, err := jose.ParseJSON(value)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if name == "inputs" {
		e.spec.Inputs, err = runspec.ParseTexts(v)
		return err
	}
	e.spec.Commands, err = runspec.ParseCommands(v)
	return err
}

// Names tells whether a fact of that name was given.
func (e Expect) Names(name string) bool { return slices.Contains(e.named, name) }

// facts returns what is known of a run, by itself or from e.
func (e Expect) facts(run runspec.Context) *runspec.Spec {
	facts := run.Facts()
	for _, f := range runspec.Fields {
		if e.Names(f.Name) {
			*f.Of(facts) = *f.Of(&e.spec)
		}
	}
	return facts
}

// inputs returns the inputs of a run, or those expected where it tells none.
func (e Expect) inputs(run runspec.Context) runspec.Inputs {
	if e.Names("inputs") && !(run.IsKnown() && run.Inputs.Known) {
		return runspec.Inputs{Known: true, Text: e.spec.Inputs}
	}
	return run.Inputs
}

// only returns the fields to which a comparison is limited: those expected
// where there is no run, and otherwise all (nil).
func (e Expect) only(run runspec.Context) []string {
	if run.IsKnown() {
		return nil
	}
	return append([]string{}, e.named...)
}

// NotCompared returns the names of the fields that a spec has and that are compared
// with nothing, for there is no run and none of them is expected. The commands are
// there to be run.
func (p Policy) NotCompared(spec *runspec.Spec, run runspec.Context) (names []string) {
	for _, name := range FieldNames() {
		if name != "commands" && !run.IsKnown() && spec.Has(name) && !p.Expect.Names(name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// Check tells whether a policy and a run make a sound question: facts that are
// supplied may not contradict the run, and where there is no run they have to
// cover what is required.
func (p Policy) Check(run runspec.Context) error {
	if run.IsKnown() {
		return p.contradiction(run)
	}
	if len(p.Expect.named) == 0 {
		return fmt.Errorf("there is no run to compare the token with: no GITHUB_REPOSITORY, and nothing is expected")
	}
	for _, name := range p.Require {
		if !p.Expect.Names(name) {
			return fmt.Errorf("away from GitHub the %s that a token must have is to be expected too", name)
		}
	}
	if p.Audience == "" && !p.Expect.Names("repository") {
		return fmt.Errorf("away from GitHub either the repository or the audience is to be expected")
	}
	return nil
}

// CheckForeign is [Policy.Check] for a token of another system, which names no
// audience. Where there is no run, what is expected is all that it is compared with.
func (p Policy) CheckForeign(run runspec.Context) error {
	if run.IsKnown() {
		return p.contradiction(run)
	}
	return nil
}

func (p Policy) contradiction(run runspec.Context) error {
	e, own := p.Expect, run.Facts()
	for _, f := range runspec.Fields {
		expected, fact := *f.Of(&e.spec), *f.Of(own)
		if e.Names(f.Name) && fact != "" && !sameValue(f.Name, expected, fact) {
			return fmt.Errorf("%s is expected to be %.200q and this run has %.200q", f.Name, expected, fact)
		}
	}
	if e.Names("inputs") && run.Inputs.Known && len(p.inputFailures(e.spec.Inputs, run.Inputs)) > 0 {
		return fmt.Errorf("the inputs of this run are not those that are expected")
	}
	return nil
}
