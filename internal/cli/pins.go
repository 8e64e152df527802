package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/diff"
	"github.com/spf13/cobra"

	"github.com/countersign-ci/countersign/internal/config"
	"github.com/countersign-ci/countersign/internal/github"
	"github.com/countersign-ci/countersign/internal/pin"
	"github.com/countersign-ci/countersign/internal/report"
	"github.com/countersign-ci/countersign/internal/runner"
	"github.com/countersign-ci/countersign/internal/tree"
)

// pinFlags are the flags of verify for pins.
type pinFlags struct {
	files         []string
	write, dryRun bool
	style         string
	update        string
	minAge        age
	requireBranch bool
	publish       string
	sarif, lower  string
}

func addPinFlags(c *cobra.Command, f *pinFlags) {
	listFlag(c, &f.files, "files", whole, "glob of files with pins (repeats; default: READMEs, workflows, actions, Buildkite pipelines)")
	c.Flags().BoolVar(&f.write, "write", false, "rewrite refs as pins")
	c.Flags().BoolVar(&f.dryRun, "dry-run", false, "print what --write would change as a unified diff")
	choiceFlag(c, &f.style, "style", "how new pins of plugins are written", string(pin.StyleCommit), string(pin.StyleGitSHA1))
	choiceFlag(c, &f.update, "update", "how far pins move to newer versions", string(pin.UpdateNone), string(pin.UpdatePatch), string(pin.UpdateMinor), string(pin.UpdateMajor), string(pin.UpdateLatest))
	c.Flags().Var(&f.minAge, "min-age", "how long a version must have been published before a pin moves to it, such as 7d")
	c.Flags().BoolVar(&f.requireBranch, "require-branch", false, "refuse a commit that only a tag holds")
	choiceFlag(c, &f.publish, "publish", "where a rewrite goes beside the files", "none", "commit", "pull-request")
	c.Flags().StringVar(&f.sarif, "sarif", "", "file to write the findings to as SARIF 2.1.0")
	c.Flags().StringVar(&f.lower, "lower", "", "print this file with its digests in the form that agents check out; - is standard input")
}

// An age is a duration that may be given in days.
type age time.Duration

func (a *age) String() string { return time.Duration(*a).String() }
func (a *age) Type() string   { return "age" }

func (a *age) Set(s string) error {
	d, err := config.ParseDuration(s)
	*a = age(d)
	return err
}

// rewritten is what a check of pins changed.
type rewritten struct {
	files       int
	pullRequest string // its URL
}

// A pinCheck is one check of pins.
type pinCheck struct {
	*app
	flags   *pinFlags
	asJSON  bool
	tree    *tree.Tree
	config  *config.Config
	client  *github.Client
	options pin.Options
	files   []*pin.File
	result  *pin.Result
}

// verifyPins checks the pins and adds what it finds to the report.
func (a *app) verifyPins(c *cobra.Command, f *verifyFlags, k *checked) (*pinCheck, error) {
	check := &pinCheck{app: a, flags: &f.pins, asJSON: f.json}
	if err := check.prepare(c); err != nil {
		return nil, err
	}
	var err error
	if check.files, err = check.find(c.Context()); err != nil {
		return nil, err
	}
	a.progress(check.files, check.options.Host)
	if check.result, err = pin.Check(c.Context(), check.client, check.files, check.options); err != nil {
		return nil, checkError(err)
	}
	k.add(check.result.Findings)
	k.report.Pins = append([]pin.Pin{}, check.result.Pins...)
	if len(check.files) == 0 {
		a.say("note", "no file matches, so there is nothing to check")
	}
	return check, nil
}

// checkError is the error of a check that decided nothing.
func checkError(err error) error {
	var overlap *pin.OverlapError
	if errors.As(err, &overlap) {
		return usage("", "%w", err)
	}
	return undecided("", "%w", err)
}

// prepare reads the config and the flags that it gives.
func (p *pinCheck) prepare(c *cobra.Command) (err error) {
	if p.tree, err = tree.Open(c.Context(), "."); err != nil {
		return treeError(err)
	}
	if err := p.readConfig(); err != nil {
		return err
	}
	for _, name := range []string{"files", "style", "update", "min-age", "require-branch"} {
		values, ok := p.config.Flag(name)
		if flag := c.Flags().Lookup(name); ok && !flag.Changed {
			for _, value := range values {
				if err := flag.Value.Set(value); err != nil {
					return wrongValue(name+" in "+configName, flag)
				}
			}
		}
	}
	f := p.flags
	switch {
	case f.write && f.dryRun:
		return usage("leave one of them out", "--dry-run writes nothing, and --write does")
	case f.lower != "" && (f.write || f.dryRun || p.asJSON || len(f.files) > 0 && c.Flags().Changed("files")):
		return usage("give --lower the one file", "--lower prints a file and goes with none of --write, --dry-run, --json and --files")
	case f.publish != "none" && !f.write:
		return usage("add --write", "--publish publishes what --write writes")
	}
	return p.setOptions(c.Context())
}

func (p *pinCheck) setOptions(ctx context.Context) error {
	run, err := p.context()
	if err != nil {
		return err
	}
	server, err := url.Parse(cmp.Or(run.ServerURL, "https://github.com"))
	if err != nil || server.Host == "" {
		return usage("it is the URL of the server, such as https://github.com", "GITHUB_SERVER_URL is no URL")
	}
	if p.client, err = p.apiClient(); err != nil {
		return err
	}
	p.options = pin.Options{
		Host: server.Host, Style: pin.Style(p.flags.style), Write: p.flags.write || p.flags.dryRun,
		Update: pin.Update(p.flags.update), MinAge: time.Duration(p.flags.minAge), Now: p.Now(),
		RequireBranch: p.flags.requireBranch, Config: p.config,
	}
	if tag, ok := strings.CutPrefix(run.Ref, "refs/tags/"); ok && run.Event == "release" {
		p.options.OwnVersion = tag
	}
	p.options.Own, err = p.own(ctx, run.Repository)
	return err
}

// own returns the repository whose tree it is: that of the run, or the one that
// was cloned.
func (p *pinCheck) own(ctx context.Context, repository string) (pin.Repository, error) {
	if repository == "" {
		origin, err := p.tree.Origin(ctx)
		if err != nil {
			return pin.Repository{}, treeError(err)
		}
		return pin.ParseRemote(origin, p.options.Host), nil
	}
	owner, name, _ := strings.Cut(repository, "/")
	return pin.Repository{Owner: owner, Name: name}, nil
}

// progress says what is being asked, where that takes time and somebody looks.
func (a *app) progress(files []*pin.File, host string) {
	refs := 0
	for _, f := range files {
		refs += len(f.Refs)
	}
	if a.onTerminal() && refs > 0 {
		fmt.Fprintf(a.Stderr, "asking %s about %d refs in %d files\n", report.Printable(host), refs, len(files))
	}
}

// apply does with the result what the flags ask for: it writes files, publishes
// them, or prints what it would write.
func (p *pinCheck) apply(ctx context.Context, r *report.Report) (rewritten, error) {
	var done rewritten
	if p.flags.sarif != "" {
		text, err := r.SARIF(Version)
		if err != nil {
			return done, err
		}
		if err := writeFile(p.flags.sarif, 0o644, string(text)); err != nil {
			return done, err
		}
	}
	switch {
	case p.flags.lower != "":
		if r.Blocks() {
			return done, nil
		}
		text, err := pin.Lower(p.files[0])
		if err != nil {
			return done, undecided("", "%w", err)
		}
		return done, p.print(text)
	case p.flags.dryRun:
		return done, p.printDiff(p.result.Changes)
	case !p.flags.write || len(p.result.Changes) == 0:
		return done, nil
	}
	return p.write(ctx)
}

// printDiff prints what would be written. In the Action, whose standard output
// goes nowhere, it stands in the log.
func (p *pinCheck) printDiff(changes []pin.Change) error {
	if p.asJSON {
		return nil // the report has the replacements
	}
	for _, change := range changes {
		text := diff.Diff("a/"+change.Name, change.Old, "b/"+change.Name, change.New)
		if !runner.InAction(p.Getenv) {
			if err := p.print(text); err != nil {
				return err
			}
			continue
		}
		for line := range strings.Lines(string(text)) {
			fmt.Fprintln(p.Stderr, report.Printable(strings.TrimRight(line, "\r\n")))
		}
	}
	return nil
}
