package cli

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/countersign-ci/countersign/internal/config"
	"github.com/countersign-ci/countersign/internal/github"
	"github.com/countersign-ci/countersign/internal/jose"
	"github.com/countersign-ci/countersign/internal/jwks"
	"github.com/countersign-ci/countersign/internal/keyless"
	"github.com/countersign-ci/countersign/internal/ledger"
	"github.com/countersign-ci/countersign/internal/policy"
	"github.com/countersign-ci/countersign/internal/report"
	"github.com/countersign-ci/countersign/internal/runner"
	"github.com/countersign-ci/countersign/internal/worker"
)

// flushTime is for a runner to send on what the hook has written, before its
// worker is ended.
const flushTime = 2 * time.Second

// guard runs hook. Whatever a job has set, only the facts about the job are read
// from the environment, and the libraries find nothing there. A hook that fails
// ends the runner's worker, whatever the failure is, for the runner would go on to
// steps with `if: always()` (actions/runner#2811).
func (a *app) guard(args []string) (code int) {
	a.Getenv = only(a.Getenv, jobVariables)
	a.Environ = nil
	root := os.Getenv("SystemRoot")
	a.Clearenv()
	if runtime.GOOS == "windows" {
		_ = os.Setenv("SystemRoot", root) // by which it finds its sockets
	}
	a.guarded, a.endsRunner = true, true
	defer func() {
		if cause := recover(); cause != nil {
			code = a.end(&exitError{exitRefused, fmt.Errorf("this is a fault of countersign: %.300v", cause), "report it; the job is refused"})
		}
		if code == exitUsage {
			code = exitRefused // for the job
		}
		if code != exitOK && a.endsRunner {
			a.endRunner()
		}
	}()
	return a.end(a.execute(args))
}

// only returns the function that finds the named variables alone.
func only(getenv runner.Getenv, names []string) runner.Getenv {
	return func(name string) string {
		if !slices.Contains(names, name) {
			return ""
		}
		return getenv(name)
	}
}

// endRunner ends the runner's worker. That there is none is said on a runner alone:
// there the job goes on.
func (a *app) endRunner() {
	a.Sleep(flushTime)
	pid, err := a.EndRunner("countersign refused the job: " + report.Printable(a.reason))
	switch {
	case err == nil:
		a.say("ended", fmt.Sprintf("the runner's worker, process %d, so that no step of the job runs", pid))
	case errors.Is(err, worker.ErrNoRunner) && !runner.OnRunner(a.Getenv):
	default:
		a.say("error", "the runner's worker cannot be ended: "+err.Error())
		a.say("hint", cmp.Or(hintOf(err), "steps with `if: always()` may run; let the runner itself start the hook"))
	}
}

func (a *app) hook() *cobra.Command {
	path := ""
	c := &cobra.Command{
		Use:   "hook --config FILE",
		Short: "Verify the job that a self-hosted runner or a Buildkite agent is about to start",
		Long: `Verify the job that a self-hosted runner or a Buildkite agent is about to start.

It is for a runner's ACTIONS_RUNNER_HOOK_JOB_STARTED and for an agent's pre-bootstrap
hook. Trust comes from FILE and from nothing that a job can set. A job that is refused
ends with 1 or 3, and the worker process of the runner is ended.`,
		Example: `  countersign hook --config /etc/countersign/hook.yml`,
		Args:    noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			if !a.guarded {
				return usage("countersign hook --config FILE", "a flag before the command, which is to come first")
			}
			if path == "" {
				return usage("give --config FILE", "there is no config that says whom to trust")
			}
			return a.runHook(c.Context(), path)
		},
	}
	// No variable gives it: the flag is read here, and not by a.run.
	c.Flags().StringVar(&path, "config", "", "the worker's own config")
	return c
}

// A gate is one decision about a job.
type gate struct {
	*app
	config  *config.Hook
	folder  string          // of the config
	issuers keyless.Issuers // of the config, without their keys
	client  *http.Client
	job     job
	record  record
}

func (a *app) runHook(ctx context.Context, path string) error {
	g := &gate{app: a}
	if err := g.configure(path); err != nil {
		return err
	}
	var k checked
	err := g.readJob()
	g.record = newRecord(g.job.run, a.Now())
	if err == nil {
		err = g.connect()
	}
	if err == nil {
		k, err = g.decide(ctx)
	}
	g.record.of(k, err)
	logged := g.audit()
	// A report that holds says verified, which a job that is refused all the same is not.
	if k.report != nil && (k.report.Blocks() || err == nil && logged == nil) {
		err = cmp.Or(a.show(k.report), verdict(k.report), err)
		if k.report.Blocks() {
			g.reason = reasonOf(k.report)
			a.say("refused", "this worker's owner lets no such job start; "+g.describe())
		}
	}
	if logged != nil && err != nil {
		a.say("error", logged.Error())
		a.say("hint", hintOf(logged))
	}
	err = cmp.Or(err, logged)
	if err == nil {
		a.say(g.record.Decision, g.describe())
	}
	return err
}

// reasonOf says in one line why a report refuses.
func reasonOf(r *report.Report) string {
	for _, f := range r.Findings {
		if f.Rule == r.Failure {
			return f.Rule + ": " + f.Message
		}
	}
	return r.Failure
}

// configure reads the config. What is relative would be a file of the job.
func (g *gate) configure(path string) error {
	text, err := g.read("the config", path, config.MaxSize)
	if err != nil {
		return err
	}
	if g.config, err = config.ParseHook(path, text); err != nil {
		return usage("", "%w", err)
	}
	g.endsRunner, g.folder = g.config.EndWorker, filepath.Dir(path)
	for _, k := range g.config.Keyless {
		if err := jwks.CheckIssuer(k.Issuer); err != nil {
			return usage(adviceIssuer, "%s: %w", path, err)
		}
		issuer := keyless.Issuer{URL: k.Issuer}
		for _, claims := range k.Identities {
			identity := keyless.Identity{}
			for claim, glob := range claims {
				identity[claim] = []string{glob}
			}
			if err := identity.Check(); err != nil {
				return usage("", "%s: an identity of %s: %w", path, k.Issuer, err)
			}
			issuer.Identities = append(issuer.Identities, identity)
		}
		g.issuers = append(g.issuers, issuer)
	}
	return nil
}

// connect makes the client. It has no proxy, and speaks HTTP/1.1: before anything
// can be cleared GODEBUG=http2debug makes HTTP/2 write headers to standard error,
// and with them the ledger's token.
func (g *gate) connect() error {
	trust := &tls.Config{}
	if g.config.CAFile != "" {
		text, err := g.read("the ca-file", g.config.CAFile, maxKeySize)
		if err != nil {
			return err
		}
		trust.RootCAs = x509.NewCertPool()
		if !trust.RootCAs.AppendCertsFromPEM(text) {
			return usage("it holds certificates as PEM", "the ca-file has no certificate")
		}
	}
	g.client = &http.Client{Transport: &http.Transport{TLSClientConfig: trust, TLSHandshakeTimeout: 10 * time.Second}}
	return nil
}

// path returns where a file is that the config names: from its own folder. The
// config itself has none.
func (g *gate) path(name string) string {
	if filepath.IsAbs(name) || g.folder == "" {
		return name
	}
	return filepath.Join(g.folder, name)
}

// read reads a file that nobody but the worker's owner can have written.
func (g *gate) read(what, name string, max int64) ([]byte, error) {
	text, err := worker.ReadTrusted(g.path(name), max)
	if err != nil {
		return nil, usage("", "%s: %w", what, err)
	}
	return text, nil
}

// decide decides about the job. There is no report where nothing was checked.
func (g *gate) decide(ctx context.Context) (k checked, err error) {
	run := g.job.run
	rule, n, err := g.config.Rule(run.Repository, run.Workflow(), !g.job.buildkite)
	if err != nil {
		return k, usage("", "%w", err)
	}
	g.record.rule = n
	token := g.job.token(g.config.TokenInput)
	missing := strings.TrimSpace(token) == ""
	switch {
	case rule.Token == config.TokenNone, rule.Token == config.TokenOptional && missing:
		return k, nil
	case rule.Token == config.TokenRefuse:
		k.report = report.New([]report.Finding{{
			Rule: report.NotAllowed, Status: report.Fail, Message: "the worker's config refuses such jobs",
		}}, nil)
		return k, nil
	}
	if err := g.mask(token); err != nil {
		return k, err
	}
	p, err := g.policy(rule)
	if err != nil {
		return k, err
	}
	var trust policy.Trust
	if !missing {
		if trust, err = g.trust(ctx, token); err != nil {
			return k, err
		}
	}
	if _, ok := trust.(*jose.VerifyingKeys); ok {
		p.Issuers = g.config.Issuers // an identity says itself which repository it is of
	}
	k.report, k.verified = policy.Verify(token, trust, run, p, g.Now())
	if k.verified == nil {
		return k, nil
	}
	g.record.JTI = k.verified.Token.ID
	if rule.SingleUse {
		err = g.spend(ctx, &k, p)
	}
	return k, err
}

// policy returns what a rule asks of a token. What the worker's owner expects, a
// token has to say.
func (g *gate) policy(rule config.Rule) (policy.Policy, error) {
	p := policy.Policy{
		Require: g.job.require(), TokenInput: g.config.TokenInput,
		AllowUnsignedInputs: rule.AllowUnsignedInputs, Dispatchers: rule.Dispatchers, AllowRerun: rule.AllowRerun,
		WarnMissing: rule.OnMissing == "warn", WarnInvalid: rule.OnInvalid == "warn",
	}
	var err error
	if p.Expect, err = policy.ParseExpect(rule.Expect); err == nil {
		err = p.Check(g.job.run)
	}
	if err != nil {
		return p, usage("correct `expect` in the worker's config", "the config's expect: %w", err)
	}
	for _, name := range policy.FieldNames() {
		// No inputs are the same as an empty set of them.
		if p.Expect.Names(name) && name != "inputs" && !slices.Contains(p.Require, name) {
			p.Require = append(p.Require, name)
		}
	}
	return p, nil
}

// trust returns who the config lets sign a token: identities where one signed it,
// and keys.
func (g *gate) trust(ctx context.Context, token string) (policy.Trust, error) {
	hasKeys := len(g.config.Keys) > 0 || g.config.SecretFile != ""
	if hasKeys && (len(g.config.Keyless) == 0 || !strings.Contains(token, "~")) {
		return g.keys(ctx)
	}
	issuers := slices.Clone(g.issuers)
	for i, k := range g.config.Keyless {
		if k.JWKS == "" {
			continue
		}
		text, err := g.read("the jwks", k.JWKS, maxKeySize)
		if err != nil {
			return nil, err
		}
		if issuers[i].Keys, err = jose.ParseIssuerKeys(text); err != nil {
			return nil, usage("", "the jwks %.200q: %w", k.JWKS, err)
		}
	}
	source := jwks.Source{Client: g.client, Note: func(err error) { g.say("note", err.Error()) }}
	if g.config.JWKSCache != "" {
		source.Cache = &jwks.Cache{Dir: g.path(g.config.JWKSCache), Now: g.Now}
	}
	return identityTrust(ctx, source, issuers, policy.Policy{}.Form(), token)
}

// keys returns the keys that the config trusts.
func (g *gate) keys(ctx context.Context) (*jose.VerifyingKeys, error) {
	if g.config.SecretFile != "" {
		text, err := g.read("the secret file", g.config.SecretFile, maxKeySize)
		if err != nil {
			return nil, err
		}
		return jose.SecretVerifyingKey(dropLineEnd(text), "")
	}
	var all *jose.VerifyingKeys
	for _, name := range g.config.Keys {
		text, err := g.keyText(ctx, name)
		if err != nil {
			return nil, err
		}
		keys, err := jose.ParseVerifyingKeys(text, "")
		if err == nil && all != nil {
			err = all.Add(keys)
		}
		if err != nil {
			return nil, usage("", "the key %.200q: %w", name, err)
		}
		if all == nil {
			all = keys
		}
	}
	return all, nil
}

func (g *gate) keyText(ctx context.Context, name string) ([]byte, error) {
	if strings.HasPrefix(name, "https://") {
		return fetchKeys(ctx, g.client, name)
	}
	return g.read("the key", name, maxKeySize)
}

// spend uses up in the config's ledger what was verified.
func (g *gate) spend(ctx context.Context, k *checked, p policy.Policy) error {
	l, err := g.openLedger()
	if err == nil {
		err = l.Use(ctx, useOf(k.verified, g.job.run, p.AllowRerun))
	}
	return k.used(err, p.WarnInvalid)
}

func (g *gate) openLedger() (*ledger.Ledger, error) {
	if at := g.config.Ledger; at.Dir == "" {
		token, err := g.read("the ledger's token-file", at.TokenFile, maxKeySize)
		if err != nil {
			return nil, err
		}
		client, err := github.New(github.Config{APIURL: at.APIURL, Token: strings.TrimSpace(string(token)), HTTP: g.client, Now: g.Now})
		if err != nil {
			return nil, usage("", "the ledger: %w", err)
		}
		return gitLedger(client, at.Repository)
	}
	folder := g.path(g.config.Ledger.Dir)
	if err := worker.CheckTrustedDir(folder); err != nil {
		return nil, usage("", "the ledger: %w", err)
	}
	store, err := ledger.OpenDir(folder)
	if err != nil {
		return nil, err
	}
	return ledger.New(store), nil
}
