package cli

import (
	"cmp"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/countersign-ci/countersign/internal/artifact"
	"github.com/countersign-ci/countersign/internal/artifactfs"
	"github.com/countersign-ci/countersign/internal/policy"
	"github.com/countersign-ci/countersign/internal/report"
	"github.com/countersign-ci/countersign/internal/runspec"
)

// checkArtifactFlags are the flags of verify for artifacts.
type checkArtifactFlags struct {
	root                string
	allowUnlisted       []string
	quarantine, promote string
}

func addCheckArtifactFlags(c *cobra.Command, f *checkArtifactFlags) {
	c.Flags().StringVar(&f.root, "root", "", "artifacts: the folder that is checked, whole (default: the current one)")
	listFlag(c, &f.allowUnlisted, "allow-unlisted", whole, "artifacts: files that may be there although none is listed: a glob below --root (repeats)")
	c.Flags().StringVar(&f.quarantine, "quarantine", "", "artifacts: folder to move to what fails")
	c.Flags().StringVar(&f.promote, "promote", "", "artifacts: folder to make of verified copies, where all hold")
}

// validate refuses what means nothing, or more than was meant.
func (f *checkArtifactFlags) validate(checked bool) error {
	if !checked && (f.root != "" || len(f.allowUnlisted) > 0 || f.quarantine != "" || f.promote != "") {
		return usage("add `artifacts` to --check", "there is something about artifacts, and none are checked")
	}
	if f.root == "" && f.quarantine != "" {
		if _, err := os.Lstat(".git"); err == nil {
			return usage("name the folder of the artifacts with --root; --root . moves whatever is not listed here, .git too",
				"--quarantine would move the files of the repository in the current folder")
		}
	}
	f.root = cmp.Or(f.root, ".")
	return nil
}

// tokenLimit is the size of the largest token file, in bytes.
func (f *verifyFlags) tokenLimit() int64 {
	if slices.Contains(f.check, "artifacts") && !slices.Contains(f.check, "token") {
		return maxManifestFile
	}
	return maxTokenFile
}

// An artifactCheck is a manifest that was compared with the files below a root.
type artifactCheck struct {
	*app
	f        *verifyFlags
	tokenID  string
	manifest []runspec.Artifact
	results  []artifact.Result
}

// verifyArtifacts compares the manifest of the token that was verified, whatever else
// failed, with what lies below the root, adds what it finds to the report, and sets
// aside what fails.
func (a *app) verifyArtifacts(ctx context.Context, f *verifyFlags, verified *policy.Verified, k *checked) (*artifactCheck, error) {
	if verified == nil {
		return nil, nil // a token that is only warned of lists nothing
	}
	c := &artifactCheck{app: a, f: f, tokenID: verified.Token.ID, manifest: verified.Spec.Artifacts}
	if len(c.manifest) == 0 {
		k.add([]report.Finding{{Rule: report.Unbound, Status: softened(f.onInvalid), Message: "the spec lists no artifacts, so the token would hold for any"}})
		return nil, nil
	}
	allow, err := artifact.Matcher(f.artifacts.allowUnlisted)
	if err != nil {
		return nil, usage("", "--allow-unlisted: %w", err)
	}
	if err := artifactfs.CheckPlaces(f.artifacts.root, f.artifacts.quarantine, f.artifacts.promote); err != nil {
		return nil, diskError(err)
	}
	if f.artifacts.promote != "" {
		if err := artifactfs.PreparePromote(f.artifacts.root, f.artifacts.promote); err != nil {
			return nil, diskError(err)
		}
	}
	found, err := c.find(ctx)
	if err != nil {
		return nil, err
	}
	c.results = artifact.Check(c.manifest, found, allow)
	return c, c.conclude(k)
}

// find returns what is known of each listed file and of all others.
func (c *artifactCheck) find(ctx context.Context) ([]artifact.Found, error) {
	f := &c.f.artifacts
	skip, err := c.skipped()
	if err != nil {
		return nil, err
	}
	paths := artifact.Files(c.manifest)
	others, err := unlisted(f.root, skip, paths)
	if err != nil {
		return nil, err
	}
	found, err := c.hash(ctx, f.root, paths)
	if err != nil {
		return nil, err
	}
	return append(found, others...), nil
}

// unlisted returns what lies below the root at none of the paths.
func unlisted(root string, skip func(string) bool, paths []string) (others []artifact.Found, err error) {
	entries, err := artifactfs.List(root, skip)
	if err != nil {
		return nil, diskError(err)
	}
	if len(entries) >= largeManifest {
		sparing()
	}
	sorted := slices.Sorted(slices.Values(paths))
	for _, e := range entries {
		if _, listed := slices.BinarySearch(sorted, e.Path); !listed {
			others = append(others, artifact.Found{Path: e.Path, Problem: e.Problem})
		}
	}
	return others, nil
}

// skipped returns what tells which paths below the root are the program's own: the
// token, the quarantine, and what is promoted.
func (c *artifactCheck) skipped() (func(string) bool, error) {
	f := &c.f.artifacts
	own := map[string]bool{}
	for _, name := range []string{c.f.file, f.quarantine, f.promote} {
		rel, err := below(f.root, name)
		if err != nil {
			return nil, err
		}
		own[rel] = rel != ""
	}
	return func(name string) bool { return own[name] }, nil
}

// An artifactRule is a rule of a check of artifacts, and what holds where none fails.
type artifactRule struct{ id, holds string }

var artifactRules = []artifactRule{
	{report.ArtifactMissing, "all that is listed is there"},
	{report.ArtifactChanged, "every file is the one that was listed"},
	{report.ArtifactUnlisted, "nothing else is there"},
	{report.UnsafePath, "every path is a plain file below the root, but what may be unlisted"},
}

// conclude adds to the report what came out, after what fails was set aside. Where
// that cannot be done it shows what failed nevertheless.
func (c *artifactCheck) conclude(k *checked) error {
	moved, failure := c.quarantine()
	status := softened(c.f.onInvalid)
	failed := map[string]bool{}
	var findings []report.Finding
	for _, r := range c.results {
		if r.Rule == "" {
			continue
		}
		failed[r.Rule] = true
		f := report.Finding{Rule: r.Rule, Status: status, Message: r.Message, File: c.below(r.Path)}
		if to := moved[r.Path]; to != "" {
			f.Message += "; it is in the quarantine now"
		}
		findings = append(findings, f)
	}
	for _, rule := range artifactRules {
		if !failed[rule.id] {
			findings = append(findings, report.Finding{Rule: rule.id, Status: report.Pass, Message: rule.holds})
		}
	}
	k.add(findings)
	if failure != nil {
		return cmp.Or(c.show(k.report), failure)
	}
	if c.f.json {
		k.report.Artifacts = c.shown(moved)
	}
	return nil
}

// below returns where a path is from here, for people and annotations, whose files are
// those of the repository. A path that is not safe stays as it is.
func (c *artifactCheck) below(name string) string {
	root := filepath.ToSlash(filepath.Clean(c.f.artifacts.root))
	if root == "." {
		return name
	}
	return strings.TrimSuffix(root, "/") + "/" + name
}

// quarantine moves what failed and is there, and returns where each path is now. What
// is only warned of stays.
func (c *artifactCheck) quarantine() (moved map[string]string, err error) {
	dir := c.f.artifacts.quarantine
	if dir == "" || c.f.onInvalid == "warn" {
		return nil, nil
	}
	moved = map[string]string{}
	var q *artifactfs.Quarantine
	for _, r := range c.results {
		if r.Rule == "" || r.Rule == report.ArtifactMissing {
			continue
		}
		if q == nil {
			if q, err = artifactfs.OpenQuarantine(dir); err != nil {
				return moved, diskError(err)
			}
			defer q.Close()
		}
		name, err := q.Take(c.f.artifacts.root, artifactfs.Failed{
			Path: r.Path, Expected: r.Expected, Found: r.Found, Rule: r.Rule, TokenID: c.tokenID, Time: c.Now(),
		})
		switch {
		case errors.Is(err, artifactfs.ErrLeft), errors.Is(err, os.ErrNotExist):
			c.say("warning", err.Error())
		case err != nil:
			return moved, diskError(err)
		default:
			moved[r.Path] = filepath.ToSlash(filepath.Join(dir, name))
		}
	}
	return moved, nil
}

// shown returns the results as the report lists them.
func (c *artifactCheck) shown(moved map[string]string) []report.Artifact {
	digest := func(a *runspec.Artifact) *report.Digest {
		if a == nil {
			return nil
		}
		return &report.Digest{Size: a.Size, SHA256: a.SHA256}
	}
	list := make([]report.Artifact, len(c.results))
	for i, r := range c.results {
		list[i] = report.Artifact{
			Path: r.Path, Status: r.Status(), Expected: digest(r.Expected), Found: digest(r.Found), Quarantine: moved[r.Path],
		}
	}
	return list
}

// stage makes the copies to promote, where everything holds; nil where there are none.
// A file that is another one by now fails after all.
func (c *artifactCheck) stage(ctx context.Context, k *checked) (*artifactfs.Staged, error) {
	f := &c.f.artifacts
	if f.promote == "" || !k.report.OK {
		return nil, nil
	}
	p := c.byteProgress()
	staged, failed, err := artifactfs.Stage(ctx, f.root, f.promote, c.manifest, artifactfs.Options{Progress: p.add})
	p.end()
	if err != nil || staged != nil {
		return staged, diskError(err)
	}
	for _, r := range failed {
		i, _ := slices.BinarySearchFunc(c.results, r.Path, func(r artifact.Result, path string) int { return cmp.Compare(r.Path, path) })
		c.results[i] = r
	}
	k.report.Findings = slices.DeleteFunc(k.report.Findings, func(f report.Finding) bool { // they held before
		return slices.ContainsFunc(artifactRules, func(rule artifactRule) bool { return rule.id == f.Rule })
	})
	return nil, c.conclude(k)
}
