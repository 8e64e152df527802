package config

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
)

// What a rule asks of a job.
const (
	TokenRequire  = "require"  // a token that holds
	TokenOptional = "optional" // no token, or one that holds
	TokenNone     = "none"     // nothing: a token is not looked at
	TokenRefuse   = "refuse"   // what no job has
)

// A Rule says what is asked of the jobs that it is about.
type Rule struct {
	Repository string // glob of owner/name
	Workflow   string // glob of the path of a workflow; empty: all, and jobs that have none
	Token      string // TokenRequire, TokenOptional, TokenNone or TokenRefuse

	OnMissing           string // what a job without a token does: block or warn
	OnInvalid           string // what a job with a token that fails does: block or warn
	Dispatchers         []string
	AllowRerun          bool
	SingleUse           bool
	AllowUnsignedInputs []string
	Expect              []string // of the form name=value
}

// An UndecidedError says why it cannot be told which rule is about a job, which
// is then to be refused.
type UndecidedError struct {
	Reason string
	Advice string
}

func (e *UndecidedError) Error() string { return e.Reason }

// Hint returns what to do about the error.
func (e *UndecidedError) Hint() string { return e.Advice }

// Rule returns the first rule that is about a job of a repository, in the form
// owner/name, and its number from 1; or the default as a rule, and 0. workflow
// is the path of the job's workflow, empty where it is not known. Without
// hasWorkflows it is on a system that has none, and no rule with a workflow is
// about the job. An error is of type *UndecidedError.
func (h *Hook) Rule(repository, workflow string, hasWorkflows bool) (rule Rule, n int, err error) {
	if owner, name, _ := strings.Cut(repository, "/"); owner == "" || name == "" || strings.Contains(name, "/") {
		return Rule{}, 0, &UndecidedError{
			"the job's repository is not known, so neither is the rule that is about it",
			"refused; on a runner GITHUB_REPOSITORY has owner/name, on a Buildkite agent BUILDKITE_REPO has its URL",
		}
	}
	for i, r := range h.Rules {
		switch {
		case !matchName(r.Repository, repository), r.Workflow != "" && !hasWorkflows:
			continue
		case r.Workflow == "":
			return r, i + 1, nil
		case workflow == "":
			return Rule{}, 0, &UndecidedError{
				fmt.Sprintf("the job's workflow is not known, and whether rule %d is about the job hangs on it", i+1),
				"refused; the runner has to tell GITHUB_WORKFLOW_REF, or the rule be written without workflow",
			}
		}
		if ok, err := path.Match(r.Workflow, workflow); ok && err == nil {
			return r, i + 1, nil
		}
	}
	return ruleOf(h.Default), 0, nil
}

// ruleOf returns the rule that holds where nothing else is said.
func ruleOf(token string) Rule { return Rule{Token: token, OnMissing: "block", OnInvalid: "block"} }

// aboutTokens are the keys of a rule that mean nothing where no token is looked
// at.
var aboutTokens = []string{
	"on-missing", "on-invalid", "dispatchers", "allow-rerun", "single-use", "allow-unsigned-inputs", "expect",
}

var ruleKeys = []key[Rule]{
	{name: "repository", required: true, read: func(v value, r *Rule) (err error) {
		r.Repository, err = v.repository()
		return err
	}},
	{name: "workflow", read: func(v value, r *Rule) (err error) {
		r.Workflow, err = v.workflow()
		return err
	}},
	{name: "token", read: func(v value, r *Rule) (err error) {
		r.Token, err = v.tokenMode(TokenRequire, TokenOptional, TokenNone, TokenRefuse)
		return err
	}},
	{name: "on-missing", read: func(v value, r *Rule) (err error) {
		r.OnMissing, err = v.choice("block", "warn")
		return err
	}},
	{name: "on-invalid", read: func(v value, r *Rule) (err error) {
		r.OnInvalid, err = v.choice("block", "warn")
		return err
	}},
	{name: "dispatchers", read: func(v value, r *Rule) (err error) {
		r.Dispatchers, err = v.lines("write the names of accounts, such as acme-bot")
		return err
	}},
	{name: "allow-rerun", read: func(v value, r *Rule) (err error) {
		r.AllowRerun, err = v.boolean()
		return err
	}},
	{name: "single-use", read: func(v value, r *Rule) (err error) {
		r.SingleUse, err = v.boolean()
		return err
	}},
	{name: "allow-unsigned-inputs", read: func(v value, r *Rule) (err error) {
		r.AllowUnsignedInputs, err = v.lines("write the names of inputs")
		return err
	}},
	{name: "expect", read: func(v value, r *Rule) (err error) {
		// An empty list would expect nothing.
		r.Expect, err = v.fewOf(value.fact, "write facts, or leave the key out")
		return err
	}},
}

func (v value) hookRule() (Rule, error) {
	r := ruleOf(TokenRequire)
	if err := mapping(v, ruleKeys, &r); err != nil {
		return r, err
	}
	meaningless := aboutTokens
	switch r.Token {
	case TokenRequire:
		return r, nil
	case TokenOptional:
		meaningless = []string{"on-missing"}
	}
	for i := 0; i < len(v.Content); i += 2 {
		if k := (value{v.Content[i], v.file, v.under(v.Content[i].Value)}); slices.Contains(meaningless, k.Value) {
			return r, k.errorf("remove it, or write token: require", "%q means nothing where token is %s", k.key, r.Token)
		}
	}
	return r, nil
}

// tokenMode returns what is asked of a job. It does not quote what stands there:
// somebody may take the key for the place of a token.
func (v value) tokenMode(choices ...string) (string, error) {
	s, err := v.text()
	if err == nil && !slices.Contains(choices, s) {
		err = v.errorf("write "+oneOf(choices), "%q has what it cannot be", v.key)
	}
	return s, err
}

// lines reads a list of texts that loosen something; an empty one loosens
// nothing.
func (v value) lines(advice string) ([]string, error) {
	if err := v.atMost(maxItems, advice); err != nil {
		return nil, err
	}
	return items(v, func(v value) (string, error) { return v.line(advice) })
}

// notInWorkflow matches what no glob of a workflow has besides notInGlob:
// brackets and braces, which would be no more than themselves, and **, which
// would not go over / either.
var notInWorkflow = regexp.MustCompile(`[\[\]{}]|\*\*`)

// workflow returns the glob of a workflow's path.
func (v value) workflow() (string, error) {
	s, err := v.path()
	const advice = "write the path of a workflow, such as .github/workflows/deploy-*.yml; * and ? do not go over /"
	switch {
	case err != nil:
	case !strings.Contains(s, "/"):
		err = v.errorf(advice, "%q has %.40q, and no workflow is outside of a folder", v.key, s)
	case notInWorkflow.MatchString(s):
		err = v.errorf(advice, "%q has %.40q, in which only * and ? can stand for something else", v.key, s)
	}
	return s, err
}

// factForm is that of a fact; which names there are is known to those who
// compare.
var factForm = regexp.MustCompile(`^[a-z_-]+=.`)

func (v value) fact() (string, error) {
	const advice = "write name=value, such as environment=production"
	s, err := v.line(advice)
	if err == nil && !factForm.MatchString(s) {
		err = v.errorf(advice, "%q has what is not of the form name=value", v.key)
	}
	return s, err
}
