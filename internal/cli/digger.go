package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/countersign-ci/countersign/internal/dialect/digger"
	"github.com/countersign-ci/countersign/internal/jose"
	"github.com/countersign-ci/countersign/internal/policy"
	"github.com/countersign-ci/countersign/internal/report"
	"github.com/countersign-ci/countersign/internal/runner"
	"github.com/countersign-ci/countersign/internal/runspec"
)

// maxJob is the size of the largest job spec, in bytes. Its envelope is larger.
const maxJob = digger.MaxSize

// The inputs of the workflow that Digger starts, and that of a detached signature.
const (
	specInput      = "spec"
	runNameInput   = "run_name"
	signatureInput = "signature"
)

// signDigger signs a job spec of Digger's orchestrator, and starts its run.
func (a *app) signDigger(ctx context.Context, f *signFlags) error {
	if f.spec == "" {
		return usage("give --spec FILE", "there is no job spec to sign")
	}
	if *f.fields["ref"] != "" && f.dispatch == "" {
		return usage("add --dispatch, or leave it out", "--ref is about the run that --dispatch starts")
	}
	if err := f.checkTTL(); err != nil {
		return err
	}
	key, err := a.signingKey(f.keyFlags)
	if err != nil {
		return err
	}
	text, err := a.readSpec("the job spec", f.spec, maxJob)
	if err != nil {
		return err
	}
	job, err := digger.ParseJob(string(text))
	if err != nil {
		return usage("", "%w", err)
	}
	if err := a.maskAll(job.Secrets); err != nil {
		return err
	}
	if digger.IsSigned(string(text)) {
		return usage("give the spec as it was before it was signed", "the job spec is signed already")
	}
	var start *dispatch
	if f.dispatch != "" {
		if start, err = a.planJob(f, job); err != nil {
			return err
		}
	}
	s, err := a.signJob(f, key, string(text))
	if err != nil {
		return err
	}
	if start != nil {
		inputs := map[string]string{runNameInput: job.RunName}
		start.run.TokenInput = specInput
		if f.detached {
			start.run.TokenInput, inputs[specInput] = signatureInput, string(text)
		}
		if err := start.lookUp(ctx, &runspec.Spec{Inputs: inputs}); err != nil {
			return err
		}
	}
	if f.mask {
		if err := a.mask(cmp.Or(envelopeSignature(s.Token), s.Token)); err != nil {
			return err
		}
	}
	if start != nil {
		if s.RunURL, err = start.send(ctx, s.Token); err != nil {
			return err
		}
	}
	if err := a.results(s.outputs(), jobSummary(job, s)); err != nil {
		return err
	}
	if runner.OnRunner(a.Getenv) {
		a.say("signed", s.SpecDigest+", valid until "+s.ExpiresAt)
	}
	if f.json {
		return a.answer(s)
	}
	return a.print([]byte(s.Token + "\n"))
}

// planJob returns the dispatch of a job, with what its spec says of the run.
func (a *app) planJob(f *signFlags, job digger.Job) (*dispatch, error) {
	d, err := a.newDispatch(f.dispatch)
	switch {
	case err != nil:
		return nil, err
	case job.Repository == "":
		return nil, usage("the spec's vcs.repo_owner and vcs.repo_name say it", "it is not known in which repository the run is to be started")
	case job.WorkflowFile != "" && job.WorkflowFile != d.run.Workflow:
		return nil, usage("give --dispatch the workflow that the spec names", "the spec is for the workflow %.100q and --dispatch names %.100q", job.WorkflowFile, d.run.Workflow)
	}
	d.setRepository(job.Repository)
	d.given.SHA, d.run.Secrets = job.Commit, job.Secrets
	if d.run.Ref = *f.fields["ref"]; d.run.Ref == "" && job.Branch != "" {
		d.run.Ref = headPrefix + job.Branch
	}
	return d, nil
}

// signJob signs a job spec in the form that is asked for.
func (a *app) signJob(f *signFlags, key *jose.SigningKey, text string) (*signed, error) {
	id, from, until, err := a.lifetime(f)
	if err != nil {
		return nil, err
	}
	s := &signed{Spec: json.RawMessage(text), text: text, SpecDigest: runspec.Digest([]byte(text)), ExpiresAt: until.UTC().Format(time.RFC3339)}
	if f.detached {
		s.ID = id
		s.Token, err = digger.SignDetached(key, text, digger.Claims{ID: id, IssuedAt: from, Expires: until})
	} else {
		s.Token, err = digger.Sign(key, text, until)
	}
	if err != nil {
		return nil, usage("", "%w", err)
	}
	return s, nil
}

// jobSummary returns what was signed as Markdown, without anything secret.
func jobSummary(job digger.Job, s *signed) string {
	rows := [][]string{}
	for _, row := range [][2]string{
		{"run name", job.RunName}, {"repository", job.Repository}, {"branch", job.Branch}, {"sha", job.Commit}, {"run", s.RunURL},
	} {
		if row[1] != "" {
			rows = append(rows, []string{row[0], report.Markdown(row[1])})
		}
	}
	rows = append(rows, []string{"expires", s.ExpiresAt}, []string{"digest", "`" + s.SpecDigest + "`"})
	return "### Countersign: signed for Digger\n\n" + report.Table([]string{"field", "signed"}, rows)
}

// A signedJob is a job spec and its signature, as it was given to verify.
type signedJob struct {
	text      string // the envelope or, beside a detached signature, the spec
	signature string // detached, or ""
}

// readJob returns the job spec and its signature. The envelope may stand where a
// token does, and what is not given is taken from the run's own inputs: GitHub shows
// what a step is given in the log, with the tokens in it. What is too large is for the check
// to refuse.
func (a *app) readJob(f *verifyFlags) (j signedJob, err error) {
	const limit = maxJob + int64(len("\r\n"))
	if f.spec == "-" && f.file == "-" {
		return j, usage("give one of them as a file", "the spec and its signature cannot both be standard input")
	}
	if strings.TrimSpace(f.spec) != "" {
		text, err := a.readSpec("the job spec", f.spec, limit)
		if err != nil && !errors.Is(err, errTooLarge) {
			return j, err
		}
		j.text = string(text)
	}
	signature, err := a.readToken(f.tokenFlags, limit)
	switch {
	case err != nil:
		return j, err
	case strings.TrimSpace(signature) == "":
		// A file ends with a line end, and an envelope as long as one may be does not.
		j.text = string(dropLineEnd([]byte(j.text)))
	case !isJSON(signature):
		j.signature = signature
	case j.text != "":
		return j, usage("give the envelope as --spec or as --token", "an envelope where the signature of a spec is expected")
	default:
		j.text = signature
	}
	if f.spec == "" && j.text == "" {
		run, err := a.context()
		if err != nil {
			return j, err
		}
		j.text = run.Inputs.Text[specInput]
		if f.token == "" && f.file == "" {
			j.signature = string(dropLineEnd([]byte(run.Inputs.Text[signatureInput])))
		}
	}
	a.keep([]byte(j.hidden()))
	return j, nil
}

// hidden returns what is to stay out of logs.
func (j signedJob) hidden() string {
	if j.signature != "" {
		return j.signature
	}
	return envelopeSignature(j.text)
}

// envelopeSignature returns the signature in an envelope, or "". The runner would hide
// each line of an envelope, down to its braces.
func envelopeSignature(text string) string {
	var envelope struct{ Signature struct{ Signature string } }
	if json.Unmarshal([]byte(text), &envelope) != nil || !tokenForm.MatchString(envelope.Signature.Signature) {
		return ""
	}
	return envelope.Signature.Signature
}

// token returns what is signed as far as it is a token, empty where nothing is.
func (j signedJob) token() string {
	if j.signature == "" && (j.text == "" || !digger.IsSigned(j.text)) {
		return ""
	}
	return j.signature + j.text
}

// jobFields are what a job spec says that can be compared.
var jobFields = []string{"repository", "actor", "sha"}

// verifyDigger checks a job spec.
func (a *app) verifyDigger(ctx context.Context, f *verifyFlags, j signedJob) (*report.Report, *policy.Verified, error) {
	p, err := f.policy()
	if err != nil {
		return nil, nil, err
	}
	for _, name := range policy.FieldNames() {
		if p.Expect.Names(name) && !slices.Contains(jobFields, name) {
			return nil, nil, usage("of a job spec there are "+strings.Join(jobFields, ", "), "--expect names the %s, of which a job spec says nothing", name)
		}
	}
	run, err := a.context()
	if err != nil {
		return nil, nil, err
	}
	if j.signature != "" && j.text == "" {
		return nil, nil, usage("give --spec, the job spec that is signed", "there is a signature and no job spec")
	}
	var opened *digger.Opened
	r, verified, err := a.verifyForeign(ctx, f, j.token(), run, p, runspec.MaxLifetime, func(keys *jose.VerifyingKeys) (_ *policy.Verified, err error) {
		if j.signature == "" {
			opened, err = digger.Open(keys, j.text)
		} else {
			opened, err = digger.OpenDetached(keys, j.text, j.signature)
		}
		if err != nil {
			return nil, err
		}
		if opened.Spec.Actor == "" {
			opened.Spec.Actor = opened.RequestedBy
		}
		// No spec says who signed, and a ledger tells ids apart by that.
		opened.Token.Issuer = formatDigger
		return &policy.Verified{Token: opened.Token, Spec: opened.Spec, Foreign: json.RawMessage(opened.Text)}, nil
	})
	a.setNotCompared(p, run, verified)
	if err == nil && j.text != "" && j.token() == "" {
		r.Findings[0].Message = "the job spec is not signed, so nobody asked for this run"
	}
	if err != nil || opened == nil {
		return r, verified, err
	}
	if err := a.maskAll(opened.Secrets); err != nil {
		return nil, nil, err
	}
	k := checked{report: r, verified: verified}
	compared := run.IsKnown() || p.Expect.Names("actor")
	if compared && opened.RequestedBy != "" && !runspec.SameName(opened.RequestedBy, opened.Spec.Actor) {
		k.add([]report.Finding{{
			Rule: report.WrongActor, Status: softened(f.onInvalid),
			Message: "the spec is for two accounts: vcs.actor is one and job.requestedBy another",
		}})
	}
	return k.report, k.verified, nil
}

// errDigger is the error that Digger documents for a spec that does not verify, spelt
// as it is there.
const errDigger = "signatureCerificationFailed"
