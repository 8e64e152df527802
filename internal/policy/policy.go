// Package policy decides whether a token lets the run at hand go on.
//
// [Verify] checks in this order, and the first that fails ends it: missing,
// malformed (form and header), wrong type, unsupported algorithm, unknown key,
// bad signature, malformed (claims and spec). Where an identity signed, one that
// is not trusted, or not of the repository that iss names, ends it too. After that
// every field that the spec has is compared with the run, and all that fails is
// reported.
//
// Repository, owner, actor, environment and audience are compared without
// regard to ASCII case, all else byte by byte. A field for which the run has no
// fact fails. Ids are compared where both sides know them. The commands are what
// the run is to execute, so they are compared with expected ones, and with the
// one that the job is about to execute where its system tells that.
//
// A finding says what the run is and what is expected of it. It never quotes the
// token: what did not verify has no place in a log or a report.
package policy

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/countersign-ci/countersign/internal/jose"
	"github.com/countersign-ci/countersign/internal/keyless"
	"github.com/countersign-ci/countersign/internal/report"
	"github.com/countersign-ci/countersign/internal/runspec"
)

// DefaultRequire are the fields that a spec has to have.
var DefaultRequire = []string{"repository", "actor", "sha"}

// ManifestRequire are the fields that the spec of a manifest of artifacts has to have.
var ManifestRequire = []string{"repository", "sha"}

// A Policy says what a token has to meet.
type Policy struct {
	Issuers  []string // one of them `iss` has to be; none: anything
	Audience string   // what `aud` has to be; empty: the URL of the run's repository
	Require  []string // fields that the spec has to have

	// Expect supplies facts that the run does not tell, by the names of fields.
	Expect Expect

	TokenInput          string   // the input that carries the token, which no spec can hold
	AllowUnsignedInputs []string // inputs that may have a value although the spec has none
	Dispatchers         []string // accounts that may start a run for the signed actor
	AllowRerun          bool

	// Manifest asks for a manifest of artifacts in place of a token for a run. It may be
	// valid for any time, and for any attempt of a run: what was built stays what it is.
	Manifest bool

	WarnMissing bool // let a run without a token pass, with a warning
	WarnInvalid bool // let a run with a token that fails pass, with a warning
}

// Form returns the form of the token that is asked for.
func (p Policy) Form() jose.Form {
	if p.Manifest {
		return runspec.Manifest
	}
	return runspec.Token
}

// Verified is what a token says that holds for a run.
type Verified struct {
	Token *jose.Token
	Spec  *runspec.Spec
	// Foreign is what another system's token is about, in that system's own form,
	// such as a job spec of Digger. Spec has then what of it is compared with a run.
	Foreign json.RawMessage
}

// MarshalJSON returns what was signed: a spec in the form of RFC 8785, or what
// another system made.
func (v *Verified) MarshalJSON() ([]byte, error) {
	if v.Foreign != nil {
		return v.Foreign, nil
	}
	return v.Spec.MarshalJSON()
}

// Verify decides about a token for a run. Verified is nil unless the report is
// OK.
func Verify(token string, trust Trust, run runspec.Context, p Policy, now time.Time) (*report.Report, *Verified) {
	v := &verdict{findings: make([]report.Finding, 0, len(report.Rules))}
	if !v.present(token) {
		return v.report(nil, p.WarnMissing)
	}
	lifetime := runspec.MaxLifetime
	if p.Manifest {
		lifetime = 0
	}
	t, spec, err := Open(p.Form(), token, trust)
	if err != nil {
		v.refuse(err)
		return v.report(nil, p.WarnInvalid)
	}
	if _, ok := trust.(keyless.Issuers); ok {
		v.pass(report.BadSignature, "an identity token of a trusted issuer is for exactly this")
		v.pass(report.UntrustedIdentity, "the identity is a trusted one")
	} else {
		v.pass(report.BadSignature, signedByKey)
	}
	v.times(t, lifetime, now)
	facts := p.Expect.facts(run)
	v.parties(t, facts, run, p)
	v.compare(spec, facts, run, p)
	if run.IsKnown() && !p.Manifest || p.Expect.Names("inputs") {
		v.inputs(spec, p.Expect.inputs(run), p)
	}
	return v.report(&Verified{Token: t, Spec: spec}, p.WarnInvalid)
}

const signedByKey = "the signature is that of a trusted key"

// VerifyForeign decides about a token of another system, which open opens; its
// errors are those of [Open]. Such a token names neither who signed for whom nor the
// inputs of the run, unless some are expected. It may be valid for as long as lifetime, or 0 for any time.
func VerifyForeign(token string, open func() (*Verified, error), run runspec.Context, p Policy, lifetime time.Duration, now time.Time) (*report.Report, *Verified) {
	v := &verdict{}
	if !v.present(token) {
		return v.report(nil, p.WarnMissing)
	}
	opened, err := open()
	if err != nil {
		v.refuse(err)
		return v.report(nil, p.WarnInvalid)
	}
	v.pass(report.BadSignature, signedByKey)
	v.times(opened.Token, lifetime, now)
	v.compare(opened.Spec, p.Expect.facts(run), run, p)
	if p.Expect.Names("inputs") {
		v.inputs(opened.Spec, p.Expect.inputs(runspec.Context{}), p)
	}
	return v.report(opened, p.WarnInvalid)
}

// present tells whether there is a token.
func (v *verdict) present(token string) bool {
	if strings.TrimSpace(token) == "" {
		v.fail(report.MissingToken, "there is no token, so nobody asked for this run")
		return false
	}
	v.pass(report.MissingToken, "there is a token")
	return true
}

// A Trust is who may sign: keys (*jose.VerifyingKeys) or identities
// ([keyless.Issuers]). Open returns what a token says if one of them signed it; an
// error is a *jose.Error.
type Trust interface {
	Open(form jose.Form, token string) (*jose.Token, error)
}

// Open returns what a token and its spec say, if form and signature hold. Whether
// they fit the run at hand is not checked.
func Open(form jose.Form, token string, trust Trust) (*jose.Token, *runspec.Spec, error) {
	t, err := trust.Open(form, token)
	if err != nil {
		return nil, nil, err
	}
	claim, _ := t.Claims.Get("spec")
	spec, err := runspec.Parse(claim)
	if err != nil {
		return nil, nil, jose.Malformed("%v", err)
	}
	if t.Subject != spec.Subject() {
		return nil, nil, jose.Malformed("its sub and its spec do not name the same repository and commit")
	}
	if t.ID == "" || t.Issuer == "" {
		return nil, nil, jose.Malformed("its jti or iss is empty")
	}
	return t, spec, nil
}

// ruleOf are the rules that the outcomes of packages jose and keyless are about.
var ruleOf = map[error]string{
	jose.ErrMalformed:            report.MalformedToken,
	jose.ErrWrongType:            report.WrongType,
	jose.ErrUnsupportedAlgorithm: report.UnsupportedAlgorithm,
	jose.ErrUnknownKey:           report.UnknownKey,
	jose.ErrBadSignature:         report.BadSignature,
	jose.ErrUnsafeInteger:        report.UnsafeInteger,
	jose.ErrExpired:              report.Expired,
	jose.ErrNotYetValid:          report.NotYetValid,
	jose.ErrLifetimeTooLong:      report.LifetimeTooLong,
	keyless.ErrUntrustedIdentity: report.UntrustedIdentity,
	keyless.ErrWrongIssuer:       report.WrongIssuer,
}

// A verdict collects findings.
type verdict struct {
	findings []report.Finding
}

func (v *verdict) pass(rule, message string) {
	v.findings = append(v.findings, report.Finding{Rule: rule, Status: report.Pass, Message: message})
}

func (v *verdict) fail(rule, message string) {
	v.findings = append(v.findings, report.Finding{Rule: rule, Status: report.Fail, Message: message})
}

// refuse records a *jose.Error.
func (v *verdict) refuse(err error) {
	var refusal *jose.Error
	if !errors.As(err, &refusal) {
		refusal = &jose.Error{Outcome: jose.ErrMalformed, Reason: err.Error()}
	}
	v.fail(ruleOf[refusal.Outcome], refusal.Reason)
}

// settle records a rule that was checked piece by piece: each failure, or that
// it holds.
func (v *verdict) settle(rule string, failures []string, holds string) {
	for _, f := range failures {
		v.fail(rule, f)
	}
	if len(failures) == 0 {
		v.pass(rule, holds)
	}
}

// report ends a verdict. Nothing was verified where there is no spec.
func (v *verdict) report(verified *Verified, warn bool) (*report.Report, *Verified) {
	for i := range v.findings {
		if warn && v.findings[i].Status == report.Fail {
			v.findings[i].Status = report.Warn
		}
	}
	if verified == nil {
		return report.New(v.findings, nil), nil
	}
	r := report.New(v.findings, verified)
	if !r.OK {
		return r, nil
	}
	return r, verified
}

// holdingTimes are what can hold of a token's times.
var holdingTimes = map[error]string{
	jose.ErrExpired:         "the token has not expired",
	jose.ErrNotYetValid:     "the token is valid already",
	jose.ErrLifetimeTooLong: "the token was made for a short time",
}

// times records what is wrong with a token's times, or that nothing is. With a
// lifetime of 0 it may be valid for any time.
func (v *verdict) times(t *jose.Token, lifetime time.Duration, now time.Time) {
	errs := t.CheckTimes(now, lifetime)
	for _, err := range errs {
		v.refuse(err)
	}
	failed := errors.Join(errs...)
	for outcome, holds := range holdingTimes {
		if !errors.Is(failed, outcome) && (lifetime > 0 || outcome != jose.ErrLifetimeTooLong) {
			v.pass(ruleOf[outcome], holds)
		}
	}
}

// parties checks who signed for whom.
func (v *verdict) parties(t *jose.Token, facts *runspec.Spec, run runspec.Context, p Policy) {
	switch {
	case len(p.Issuers) == 0:
	case slices.Contains(p.Issuers, t.Issuer):
		v.pass(report.WrongIssuer, "the issuer is an expected one")
	default:
		v.fail(report.WrongIssuer, fmt.Sprintf("the token does not come from %.300q", strings.Join(p.Issuers, ", ")))
	}
	audience := p.Audience
	if audience == "" {
		audience = run.RepositoryURL(facts.Repository)
	}
	if runspec.SameName(t.Audience, audience) {
		v.pass(report.WrongAudience, "the token is for this repository")
	} else {
		v.fail(report.WrongAudience, fmt.Sprintf("this is %.200q, and the token is for another one", audience))
	}
}

// fieldRules are the rules that compare fields of one text.
var fieldRules = []struct {
	rule   string
	noun   string
	fields []string
}{
	{report.WrongRepository, "repository", []string{"repository", "repository_id", "repository_owner_id"}},
	{report.WrongActor, "actor", []string{"actor", "actor_id"}},
	{report.WrongCommit, "commit", []string{"sha"}},
	{report.WrongRef, "ref", []string{"ref"}},
	{report.WrongWorkflow, "workflow", []string{"workflow"}},
	{report.WrongEvent, "event", []string{"event"}},
	{report.WrongEnvironment, "environment", []string{"environment"}},
	{report.WrongStack, "stack", []string{"stack"}},
}

// compare compares the fields of a spec with the facts of the run.
func (v *verdict) compare(spec, facts *runspec.Spec, run runspec.Context, p Policy) {
	v.bound(spec, run, p)
	for _, r := range fieldRules {
		if r.rule == report.WrongActor && isDispatcher(facts.Actor, p) {
			v.pass(r.rule, "a dispatcher acts for the signed actor")
			continue
		}
		v.field(r.rule, r.noun, r.fields, spec, facts, p.Expect.only(run))
	}
	if run.IsKnown() && !p.Manifest {
		v.triggeringActor(spec, run, p)
		v.rerun(spec, run, p)
	}
	v.commands(spec, run, p)
}

// commands compares the commands with expected ones and with the one that the job
// is about to execute. A job whose system tells it does what it is told there, so
// a token that says nothing of it would hold for anything.
func (v *verdict) commands(spec *runspec.Spec, run runspec.Context, p Policy) {
	expected := p.Expect.Names("commands") && spec.Commands != nil
	if !expected && run.Command == nil {
		return
	}
	var failures []string
	if expected && !slices.Equal(spec.Commands, p.Expect.spec.Commands) {
		failures = append(failures, fmt.Sprintf("%.300q are expected, and others are signed", p.Expect.spec.Commands))
	}
	if run.Command != nil && !slices.Contains(spec.Commands, *run.Command) {
		failures = append(failures, fmt.Sprintf("the job's command %.300q is none of those that are signed", *run.Command))
	}
	v.settle(report.WrongCommands, failures, "the commands are the signed ones")
}

// field compares the fields of one rule; with only, none but those.
func (v *verdict) field(rule, noun string, names []string, spec, facts *runspec.Spec, only []string) {
	var failures []string
	compared := false
	for _, name := range names {
		f, _ := runspec.FieldNamed(name)
		signed, fact := *f.Of(spec), *f.Of(facts)
		switch {
		case signed == "" || only != nil && !slices.Contains(only, name):
			continue
		case fact == "" && isID(name):
			continue
		case fact == "":
			failures = append(failures, fmt.Sprintf("the %s is signed, and the run does not tell its own; --expect supplies what it does not", name))
		case !sameValue(name, signed, fact):
			failures = append(failures, fmt.Sprintf("the %s of this run is %.200q, and another is signed", name, fact))
		}
		compared = true
	}
	if compared {
		v.settle(rule, failures, "the "+noun+" is the signed one")
	}
}

// sameValue compares two values of a field.
func sameValue(name, a, b string) bool {
	switch name {
	case "repository", "actor", "environment":
		return runspec.SameName(a, b)
	}
	return a == b
}

func isID(name string) bool { return strings.HasSuffix(name, "_id") }

// bound checks that the spec has what is required of it. Where there is no run,
// what is expected is all that is compared, so it is required too: a token that
// says nothing of a stack is not one for that stack. To a run it only adds a
// fact, which limits a token as much as those that the run tells itself.
func (v *verdict) bound(spec *runspec.Spec, run runspec.Context, p Policy) {
	required := slices.Clone(p.Require)
	for _, name := range p.Expect.named {
		switch {
		// An id is compared only where both sides know it, and no inputs are the
		// same as an empty set of them.
		case isID(name), name == "inputs", slices.Contains(required, name):
		// Commands are no fact of a run.
		case !run.IsKnown(), name == "commands":
			required = append(required, name)
		}
	}
	var failures []string
	for _, name := range required {
		if !spec.Has(name) {
			failures = append(failures, fmt.Sprintf("the spec does not say the %s, so the token would hold for any", name))
		}
	}
	v.settle(report.Unbound, failures, "the spec says all that it has to")
}

func isDispatcher(name string, p Policy) bool {
	return slices.ContainsFunc(p.Dispatchers, func(d string) bool { return runspec.SameName(d, name) })
}

func (v *verdict) triggeringActor(spec *runspec.Spec, run runspec.Context, p Policy) {
	switch {
	case spec.Actor == "" || run.TriggeringActor == "":
	case runspec.SameName(spec.Actor, run.TriggeringActor):
		v.pass(report.WrongTriggeringActor, "the signed actor triggered this attempt")
	case isDispatcher(run.TriggeringActor, p):
		v.pass(report.WrongTriggeringActor, "a dispatcher triggered this attempt for the signed actor")
	default:
		v.fail(report.WrongTriggeringActor, fmt.Sprintf("this attempt was triggered by %.200q, and another actor is signed", run.TriggeringActor))
	}
}

func (v *verdict) rerun(spec *runspec.Spec, run runspec.Context, p Policy) {
	switch {
	case run.RunAttempt == 1:
		v.pass(report.Rerun, "this is the first attempt of the run")
	case p.AllowRerun:
		v.pass(report.Rerun, "further attempts are allowed")
	case spec.SignedIn(run):
		v.pass(report.Rerun, "the token was signed in this very attempt of the run")
	case run.RunAttempt == 0:
		message := "the run does not tell which attempt this is, so it may be a later one"
		if !run.OnRunner && run.Repository != "" && run.RunID == "" {
			message += "; not in a workflow? unset GITHUB_REPOSITORY"
		}
		v.fail(report.Rerun, message)
	default:
		v.fail(report.Rerun, fmt.Sprintf("this is attempt %d of the run, and the token was for the first; sign again, or --allow-rerun", run.RunAttempt))
	}
}

// inputs compares the inputs of a dispatch. A signature that leaves inputs open
// would let whoever holds it choose them.
func (v *verdict) inputs(spec *runspec.Spec, actual runspec.Inputs, p Policy) {
	if !actual.Known {
		v.fail(report.WrongInputs, "the inputs of this run are not known, for its event payload is missing")
		return
	}
	v.settle(report.WrongInputs, p.inputFailures(spec.Inputs, actual), "the inputs are the signed ones")
}

// inputFailures says how the inputs of a run differ from those that are signed.
func (p Policy) inputFailures(spec map[string]string, actual runspec.Inputs) (failures []string) {
	names := slices.Concat(slices.Collect(maps.Keys(spec)), slices.Collect(maps.Keys(actual.Text)), actual.Other)
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		signed, has := spec[name], actual.Text[name]
		other := slices.Contains(actual.Other, name)
		switch {
		case name == p.TokenInput && signed == "":
		case !other && signed == has:
		case signed == "" && slices.Contains(p.AllowUnsignedInputs, name):
		case signed == "":
			failures = append(failures, fmt.Sprintf("the input %.100q has a value in this run and none is signed", name))
		case has == "" && !other:
			failures = append(failures, "an input that is signed has no value in this run")
		default:
			failures = append(failures, fmt.Sprintf("the input %.100q has another value in this run than the signed one", name))
		}
	}
	return failures
}
