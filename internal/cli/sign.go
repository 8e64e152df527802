package cli

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/countersign-ci/countersign/internal/jose"
	"github.com/countersign-ci/countersign/internal/report"
	"github.com/countersign-ci/countersign/internal/runner"
	"github.com/countersign-ci/countersign/internal/runspec"
)

// signFlags are the flags of sign.
type signFlags struct {
	keyFlags
	fields          map[string]*string // of the spec, by name
	commands        []string
	inputs, spec    string
	dispatch        string
	identityCommand string
	format          string
	signPipelineFlags
	spaceliftFlags
	signArtifactFlags
	detached         bool
	issuer, audience string
	ttl              time.Duration
	ttlGiven         bool
	tokenInput       string
	mask, json       bool
}

func (a *app) sign() *cobra.Command {
	f := &signFlags{fields: map[string]*string{}}
	c := &cobra.Command{
		Use:   "sign",
		Short: "Build a spec from the workflow context and sign it",
		Long: `Build a spec from the workflow context and sign it.

What no flag gives comes from the workflow context: the actor always; ids, ref and
commit where the spec is for the same repository; workflow, event and inputs where
it is for the same workflow too.

--dispatch starts the run with the token as one of its inputs. Then ids and commit
are what the API says of the repository and of the ref at that moment.`,
		Example: `  countersign sign --key orchestrator.jwk --repository acme/widgets --sha "$SHA" \
    --command 'terraform plan'
  countersign sign --key orchestrator.jwk --dispatch deploy.yml --repository acme/widgets \
    --ref main --inputs '{"reason": "weekly"}'
  countersign sign --kind artifacts --key orchestrator.jwk --root dist --artifacts '**' \
    --out dist.countersign
  countersign sign --format buildkite --key steps.jwk --pipeline pipeline.yml \
    --repository-url https://github.com/acme/widgets.git >signed.yml
  countersign sign --format spacelift --key runs.jwk --stack network --trigger
  countersign sign --format digger --key orchestrator.jwk --spec job.json \
    --dispatch digger_workflow.yml`,
		Args: noArguments,
	}
	choiceFlag(c, &f.format, "format", "what is signed: a token for a run, the steps of a Buildkite pipeline, a run of Spacelift, or a job of Digger",
		formatToken, formatBuildkite, formatSpacelift, formatDigger)
	addKeyFlags(c, &f.keyFlags, "private key")
	c.Flags().BoolVar(&f.keyless, "keyless", false, "sign with the identity of this job, and no key")
	c.Flags().StringVar(&f.identityCommand, "identity-command", "", "command that prints an identity token for the audience that is its last argument (default: GitHub's runner is asked)")
	for _, field := range runspec.Fields {
		name := fieldFlag(field)
		f.fields[field.Name] = new(string)
		c.Flags().StringVar(f.fields[field.Name], name, "", "what the run's "+strings.ReplaceAll(field.Name, "_", " ")+" has to be")
	}
	listFlag(c, &f.commands, "command", whole, "a command that the run may execute (repeats)")
	c.Flags().StringVar(&f.inputs, "inputs", "", "the run's inputs, as a JSON object")
	c.Flags().StringVar(&f.spec, "spec", "", "file with a spec to start from, where flags win, or with the job spec of Digger; - is standard input; in a variable also the content")
	c.Flags().StringVar(&f.dispatch, "dispatch", "", "workflow of the repository to start with the token, such as deploy.yml")
	c.Flags().StringVar(&f.issuer, "issuer", "", "who signs (default: the URL of the repository that signs)")
	c.Flags().StringVar(&f.audience, "audience", "", "who may accept the token (default: the URL of the spec's repository)")
	c.Flags().DurationVar(&f.ttl, "ttl", 10*time.Minute, "how long the token is valid, at most 24h; a manifest is for any time, without it for as long as its key")
	c.Flags().StringVar(&f.tokenInput, "token-input", "token", "the input that carries the token, which is not signed")
	c.Flags().BoolVar(&f.mask, "mask", false, "mask the token in the log; GitHub then drops it as the output of a job")
	c.Flags().BoolVar(&f.json, "json", false, "print token, spec, digest, id and expiry as one JSON object")
	addSignPipelineFlags(c, &f.signPipelineFlags)
	addSpaceliftFlags(c, &f.spaceliftFlags)
	addSignArtifactFlags(c, &f.signArtifactFlags)
	c.Flags().BoolVar(&f.detached, "detached", false, "digger: leave the spec as it is and print a signature of its own")
	c.RunE = a.run(func() error {
		a.failed = (&signed{}).outputs()
		if err := signFormats.check(c, f.format); err != nil {
			return err
		}
		switch f.format {
		case formatBuildkite:
			return a.signPipeline(f)
		case formatSpacelift:
			return a.signSpacelift(c.Context(), f)
		case formatDigger:
			return a.signDigger(c.Context(), f)
		}
		f.ttlGiven = c.Flags().Changed("ttl")
		return a.runSign(c.Context(), f)
	})
	return c
}

// A signed is what `sign --json` prints.
type signed struct {
	Stack      string `json:"stack,omitempty"` // of Spacelift
	Token      string `json:"token"`
	Spec       any    `json:"spec"`        // that is written as JSON
	SpecDigest string `json:"spec_digest"` // sha256:<64 hex>
	ID         string `json:"jti,omitempty"`
	ExpiresAt  string `json:"expires_at"` // RFC 3339, UTC
	RunURL     string `json:"run_url,omitempty"`

	text string // the spec as an output, empty where it is too large for one
}

func (s *signed) outputs() []runner.Output {
	return []runner.Output{
		{Name: "token", Value: s.Token},
		{Name: "spec", Value: s.text},
		{Name: "spec-digest", Value: s.SpecDigest},
		{Name: "jti", Value: s.ID},
		{Name: "expires-at", Value: s.ExpiresAt},
		{Name: "run-url", Value: s.RunURL},
	}
}

func (a *app) runSign(ctx context.Context, f *signFlags) error {
	if f.out == "-" {
		f.out = "" // standard output, as elsewhere
	}
	if err := f.validateKind(); err != nil {
		return err
	}
	sign, err := a.signer(f.keyFlags, f.identityCommand, f.form())
	if err != nil {
		return err
	}
	run, err := a.context()
	if err != nil {
		return err
	}
	spec, err := a.draft(f)
	if err != nil {
		return err
	}
	var start *dispatch
	if f.dispatch != "" {
		if start, err = a.planDispatch(f, spec, run); err != nil {
			return err
		}
	}
	if err := a.addArtifacts(ctx, f, spec); err != nil {
		return err
	}
	if err := f.complete(spec, run, f.required()); err != nil {
		return err
	}
	if f.kind == kindArtifacts {
		f.limitToBuild(spec)
	}
	if err := f.parties(spec, run); err != nil {
		return err
	}
	if u, err := url.Parse(f.issuer); err != nil || u.Host == "" {
		a.say("warning", "the issuer is no URL, such as https://github.com/acme/orchestrator")
	}
	if start != nil {
		if err := start.lookUp(ctx, spec); err != nil {
			return err
		}
	}
	issued, err := a.issue(ctx, f, sign, spec)
	if err != nil {
		return err
	}
	if f.mask {
		if err := a.mask(issued.Token); err != nil {
			return err
		}
	}
	if start != nil {
		if issued.RunURL, err = start.send(ctx, issued.Token); err != nil {
			return err
		}
	}
	outputs := issued.outputs()
	if issued.text == "" {
		a.noteSpec()
	}
	switch {
	case f.out != "":
		outputs[0].Value = "" // it is in the file
	case len(issued.Token) > maxOutput && runner.InAction(a.Getenv):
		return usage("give `out`, the file to write it to", "the token has %d bytes, and an output may have %d", len(issued.Token), maxOutput)
	}
	if err := a.results(outputs, signSummary(spec, issued)); err != nil {
		return err
	}
	if runner.OnRunner(a.Getenv) {
		a.say("signed", issued.SpecDigest+", valid until "+issued.ExpiresAt)
	}
	return a.handOver(f, issued)
}

// handOver writes the token where it is to go.
func (a *app) handOver(f *signFlags, issued *signed) error {
	if f.out != "" {
		if err := writeFile(f.out, 0o644, issued.Token, "\n"); err != nil {
			return err
		}
	}
	switch {
	case f.json:
		return a.answer(issued)
	case f.out != "":
		return nil
	}
	return a.print([]byte(issued.Token + "\n"))
}

// context reads the workflow context.
func (a *app) context() (runspec.Context, error) {
	run, err := runner.ReadContext(a.Getenv)
	switch {
	case errors.Is(err, runner.ErrUnreadable):
		return run, undecided("", "%w", err)
	case err != nil:
		return run, usage("the workflow context is not as GitHub gives it", "%w", err)
	}
	return run, nil
}

// draft returns the spec as far as the flags and the file say it.
func (a *app) draft(f *signFlags) (*runspec.Spec, error) {
	spec := &runspec.Spec{}
	if f.spec != "" {
		text, err := a.readSpec("the spec", f.spec, int64(runspec.Token.MaxSize))
		if err != nil {
			return nil, err
		}
		if spec, err = runspec.ParseText(string(text)); err != nil {
			return nil, usage("a spec is a JSON object; `sign --json` prints one", "the spec in the file: %w", err)
		}
	}
	for _, field := range runspec.Fields {
		if value := *f.fields[field.Name]; value != "" {
			*field.Of(spec) = value
		}
	}
	if f.commands != nil {
		spec.Commands = f.commands
	}
	return spec, setInputs(spec, f.inputs)
}

// complete gives a spec what the context knows, and checks all that is about to be
// signed.
func (f *signFlags) complete(spec *runspec.Spec, run runspec.Context, require []string) error {
	if err := spec.Fill(run, f.tokenInput); err != nil {
		return usage("--inputs sets them", "%w", err)
	}
	if spec.Inputs[f.tokenInput] != "" {
		return usage("--token-input names the input that carries the token", "the input %.100q is the token's own and cannot be signed", f.tokenInput)
	}
	if err := spec.Validate(); err != nil {
		return usage("", "%w", err)
	}
	for _, name := range require {
		told := f.dispatch != "" && name == "sha" // by the API, later
		if !spec.Has(name) && !told {
			return usage("give --"+name, "nothing tells the %s, and verify refuses a spec without it", name)
		}
	}
	return f.checkTTL()
}

func (f *signFlags) checkTTL() error {
	switch {
	case f.kind == kindArtifacts && f.ttl < time.Second:
		return usage("--ttl takes from 1s on, such as 8760h for a year", "a manifest cannot be valid for %s", f.ttl)
	case f.kind != kindArtifacts && (f.ttl < time.Second || f.ttl > runspec.MaxLifetime):
		return usage("--ttl takes from 1s to 24h", "a token cannot be valid for %s", f.ttl)
	}
	return nil
}

// parties settles who signs for whom.
func (f *signFlags) parties(spec *runspec.Spec, run runspec.Context) error {
	if f.issuer == "" {
		if run.Repository == "" {
			return usage("give --issuer, such as https://github.com/acme/orchestrator", "away from GitHub nothing tells who signs")
		}
		f.issuer = run.RepositoryURL(run.Repository)
	}
	if f.audience == "" {
		f.audience = run.RepositoryURL(spec.Repository)
	}
	if !utf8.ValidString(f.issuer + f.audience) {
		return usage("", "the issuer or the audience is not UTF-8")
	}
	return nil
}

// setInputs sets the inputs from a JSON object, if there is one.
func setInputs(spec *runspec.Spec, text string) error {
	const hint = `--inputs takes a JSON object, such as {"reason": "weekly"}`
	if text == "" {
		return nil
	}
	v, err := jose.ParseJSON(text)
	if err != nil {
		return usage(hint, "the inputs: %w", err)
	}
	if v.Kind != jose.Object {
		return usage(hint, "the inputs are %s", v.Kind)
	}
	in, err := runspec.ParseInputs(v)
	if err != nil {
		return usage(hint, "the inputs: %w", err)
	}
	if len(in.Other) > 0 {
		return usage(hint, "the input %.100q is neither text nor a boolean nor an integer, and only those can be signed", in.Other[0])
	}
	spec.Inputs = in.Text
	return nil
}

// issue signs a spec.
func (a *app) issue(ctx context.Context, f *signFlags, sign signer, spec *runspec.Spec) (*signed, error) {
	id, from, until, err := a.lifetime(f)
	if err != nil {
		return nil, err
	}
	token, err := sign(ctx, jose.Claims{
		Issuer: f.issuer, Audience: f.audience, Subject: spec.Subject(), ID: id,
		IssuedAt: from, NotBefore: from, Expires: until,
		Private: map[string]any{"spec": spec},
	})
	var exit *exitError
	switch {
	case errors.As(err, &exit):
		return nil, err
	case err != nil:
		return nil, usage(f.adviceShorter(), "%w", err)
	}
	return issued(spec, token, id, until)
}

// adviceShorter says what to do about a token that is too large.
func (f *signFlags) adviceShorter() string {
	switch {
	case f.kind == kindArtifacts:
		return "sign several manifests, each with a --root of its own"
	case len(f.globs) > 0 || len(f.images) > 0:
		return "sign the list on its own, with --kind artifacts --out FILE, and list that FILE in the token of the run"
	}
	return adviceShorter
}

const adviceShorter = "sign less: commands and inputs take the most room"

// lifetime returns the id of a new token, from when it is valid and until when.
func (a *app) lifetime(f *signFlags) (id string, from, until time.Time, err error) {
	var random [16]byte
	if _, err = rand.Read(random[:]); err != nil {
		return "", from, until, err
	}
	from = a.Now().Truncate(time.Second)
	if until = from.Add(f.ttl.Truncate(time.Second)); f.kind == kindArtifacts && !f.ttlGiven {
		until = forever
	}
	return base64.RawURLEncoding.EncodeToString(random[:]), from, until, nil
}

// issued returns what is said of a token for a spec.
func issued(spec *runspec.Spec, token, id string, until time.Time) (*signed, error) {
	text, err := specOutput(spec, spec)
	if err != nil {
		return nil, err
	}
	digest, err := spec.Digest()
	if err != nil {
		return nil, err
	}
	return &signed{
		Token: token, Spec: spec, text: text, SpecDigest: digest, ID: id,
		ExpiresAt: until.UTC().Format(time.RFC3339),
	}, nil
}

// signSummary returns what was signed as Markdown, without the token.
func signSummary(spec *runspec.Spec, issued *signed) string {
	var rows [][]string
	for _, field := range runspec.Fields {
		if value := *field.Of(spec); value != "" {
			rows = append(rows, []string{field.Name, report.Markdown(value)})
		}
	}
	for _, command := range spec.Commands {
		rows = append(rows, []string{"command", report.Markdown(command)})
	}
	if len(spec.Artifacts) > 0 {
		rows = append(rows, []string{"artifacts", strconv.Itoa(len(spec.Artifacts))})
	}
	if issued.RunURL != "" {
		rows = append(rows, []string{"run", report.Markdown(issued.RunURL)})
	}
	rows = append(rows, []string{"expires", issued.ExpiresAt}, []string{"digest", "`" + issued.SpecDigest + "`"})
	return "### Countersign: signed\n\n" + report.Table([]string{"field", "signed"}, rows)
}
