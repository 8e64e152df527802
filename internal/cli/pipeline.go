package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/countersign-ci/countersign/internal/dialect/buildkite"
	"github.com/countersign-ci/countersign/internal/report"
	"github.com/countersign-ci/countersign/internal/runner"
)

// maxPipeline is the size of the largest pipeline or job, in bytes.
const maxPipeline = 16 << 20

// signPipelineFlags are the flags of sign for a Buildkite pipeline.
type signPipelineFlags struct {
	pipeline      string
	repositoryURL string
	inPlace       bool
	bind          []string
}

func addSignPipelineFlags(c *cobra.Command, f *signPipelineFlags) {
	c.Flags().StringVar(&f.pipeline, "pipeline", "", "buildkite: file with the pipeline; - is standard input")
	c.Flags().StringVar(&f.repositoryURL, "repository-url", "", "buildkite: the repository's URL as the pipeline's settings have it")
	c.Flags().BoolVar(&f.inPlace, "in-place", false, "buildkite: replace the file in place of printing the pipeline")
	listFlag(c, &f.bind, "bind", commas, "buildkite: variables of the build to bind the steps to: commit, branch, build, pipeline")
}

func (a *app) signPipeline(f *signFlags) error {
	switch {
	case f.pipeline == "":
		return usage("give --pipeline FILE", "there is no pipeline to sign")
	case f.inPlace && f.pipeline == "-":
		return usage("leave out --in-place", "standard input has no place")
	}
	if runner.InAction(a.Getenv) && !f.inPlace {
		return usage("set `in-place: true`", "the Action has no standard output to print the pipeline on")
	}
	key, err := a.signingKey(f.keyFlags)
	if err != nil {
		return err
	}
	bound, err := a.boundValues(f.bind)
	if err != nil {
		return err
	}
	text, err := a.readFile("the pipeline", f.pipeline, maxPipeline)
	if err != nil {
		return err
	}
	signed, err := buildkite.Sign(text, buildkite.SignOptions{Key: key, RepositoryURL: f.repositoryURL, Bound: bound})
	if err != nil {
		return usage("", "%w", err)
	}
	if !f.inPlace {
		return a.print(signed)
	}
	path, err := filepath.EvalSymlinks(f.pipeline)
	if err != nil {
		return unreadable("the pipeline", err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return unreadable("the pipeline", err)
	}
	return writeFile(path, info.Mode().Perm(), string(signed))
}

// boundValues returns the variables that --bind names, and their values in this
// build.
func (a *app) boundValues(names []string) (map[string]string, error) {
	bound := map[string]string{}
	for _, name := range names {
		variable, err := boundVariable(name)
		if err != nil {
			return nil, usage("there are: commit, branch, build, pipeline", "--bind: %w", err)
		}
		bound[variable] = a.Getenv(variable)
	}
	return bound, nil
}

func boundVariable(name string) (string, error) {
	for _, b := range buildkite.Bindings {
		if b.Name == name {
			return b.Variable, nil
		}
	}
	return "", fmt.Errorf("there is nothing called %.40q to bind to", name)
}

// checkPipelineFlags are the flags of verify for a Buildkite pipeline.
type checkPipelineFlags struct {
	pipeline            string
	repositoryURL       string
	job, step           string
	strictEnvironment   bool
	requireUnsignedNone bool
}

func addCheckPipelineFlags(c *cobra.Command, f *checkPipelineFlags) {
	c.Flags().StringVar(&f.pipeline, "pipeline", "", "pipeline: file with a signed Buildkite pipeline; - is standard input")
	c.Flags().StringVar(&f.repositoryURL, "repository-url", "", "pipeline: the repository's URL as the pipeline's settings have it")
	c.Flags().StringVar(&f.job, "job", "", "pipeline: file with a job as the agent API gives it, in place of a pipeline")
	c.Flags().StringVar(&f.step, "step", "", "pipeline: file with the step of the job whose variables BUILDKITE_* are set, in place of a pipeline")
	c.Flags().BoolVar(&f.strictEnvironment, "strict-environment", false, "pipeline: refuse variables that can change what a command does and that nobody signed")
	c.Flags().BoolVar(&f.requireUnsignedNone, "require-unsigned-none", false, "pipeline: refuse steps of which anything is not signed")
}

// validate refuses what is not one pipeline or one job.
func (f *checkPipelineFlags) validate(checked bool) error {
	given := 0
	for _, file := range []string{f.pipeline, f.job, f.step} {
		if file != "" {
			given++
		}
	}
	switch {
	case !checked && (given > 0 || f.repositoryURL != "" || f.strictEnvironment || f.requireUnsignedNone):
		return usage("add `pipeline` to --check", "there is something about a pipeline, and none is checked")
	case checked && given != 1:
		return usage("give one of --pipeline, --job and --step", "it is not clear which pipeline or job to check")
	case f.pipeline != "" && f.repositoryURL == "":
		return usage("give --repository-url as the pipeline's settings have it", "the steps are signed for a repository, and it is not known which")
	}
	return nil
}

// splitBound takes from the facts that are expected those that steps are bound to.
// One without a value, or for the second time, stays.
func splitBound(expect []string) (rest []string, bound map[string]string) {
	bound = map[string]string{}
	for _, item := range expect {
		name, value, _ := strings.Cut(item, "=")
		variable, err := boundVariable(name)
		if _, again := bound[variable]; err != nil || value == "" || again {
			rest = append(rest, item)
			continue
		}
		bound[variable] = value
	}
	return rest, bound
}

// verifyPipeline checks a pipeline or a job and adds what it finds to the report.
func (a *app) verifyPipeline(ctx context.Context, f *verifyFlags, bound map[string]string, k *checked) error {
	if f.keyless || len(f.identities) > 0 || f.jwks != "" {
		return usage("give --key", "steps are signed with keys, and by no identity")
	}
	keys, err := a.verifyingKeys(ctx, f.keyFlags)
	if err != nil {
		return err
	}
	p := f.pipeline
	o := buildkite.CheckOptions{Keys: keys, RepositoryURL: p.repositoryURL, Bound: bound, StrictEnvironment: p.strictEnvironment}
	file := cmp.Or(p.pipeline, p.job, p.step)
	text, err := a.readFile("the pipeline, job or step", file, maxPipeline)
	if err != nil {
		return err
	}
	var c buildkite.Checked
	switch {
	case p.pipeline != "":
		c, err = buildkite.CheckPipeline(filepath.ToSlash(file), text, o)
	case p.job != "":
		c, err = buildkite.CheckJob(text, o)
	default:
		var environment buildkite.Environment
		if environment, err = a.environment(); err == nil {
			c, err = buildkite.CheckVariables(environment, text, o)
		}
	}
	var unread *buildkite.PipelineError
	var unclear *buildkite.Error
	switch {
	case errors.As(err, &unread):
		c.Findings = []report.Finding{{
			Rule: cmp.Or(unread.Rule, report.BadStepSignature), Status: report.Fail,
			Message: unread.Reason, File: filepath.ToSlash(file), Line: unread.Line, Column: unread.Column,
		}}
	case errors.As(err, &unclear):
		c.Findings = []report.Finding{{Rule: report.BadStepSignature, Status: report.Fail, Message: unclear.Reason}}
	case err != nil:
		return err
	}
	k.add(a.pipelineFindings(f, c))
	return nil
}

// pipelineFindings returns what a check found as the flags count it. What stays
// unsigned is a note, or refused.
func (a *app) pipelineFindings(f *verifyFlags, c buildkite.Checked) []report.Finding {
	findings := c.Findings
	for i := range findings {
		switch {
		case findings[i].Status == report.Pass:
		case findings[i].Rule == report.UnsignedStep:
			findings[i].Status = softened(f.onMissing)
		default:
			findings[i].Status = softened(f.onInvalid)
		}
	}
	for _, u := range c.Unsigned {
		message := fmt.Sprintf("of %s this is not signed: %s", u.Name, strings.Join(u.Fields, ", "))
		if !f.pipeline.requireUnsignedNone {
			a.say("note", message)
			continue
		}
		finding := report.Finding{Rule: report.UnsignedStep, Status: softened(f.onInvalid), Message: message}
		if f.pipeline.pipeline != "" {
			finding.File, finding.Line, finding.Column = filepath.ToSlash(f.pipeline.pipeline), u.Line, u.Column
		}
		findings = append(findings, finding)
	}
	return findings
}

// environment returns the variables of the job at hand: as its agent has written
// them for a hook, or those of this process, which has some of its own beside them.
func (a *app) environment() (buildkite.Environment, error) {
	if plain, asJSON := a.Getenv(environmentFile), a.Getenv(environmentJSONFile); plain != "" || asJSON != "" {
		return a.jobEnvironment(plain, asJSON)
	}
	e := buildkite.Environment{}
	for _, variable := range slices.Backward(a.Environ) {
		name, value, _ := strings.Cut(variable, "=")
		e[name] = value
	}
	return e, nil
}
