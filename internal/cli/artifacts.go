package cli

import (
	"context"
	"errors"
	"io/fs"
	"time"

	"github.com/spf13/cobra"

	"github.com/countersign-ci/countersign/internal/artifact"
	"github.com/countersign-ci/countersign/internal/artifactfs"
	"github.com/countersign-ci/countersign/internal/jose"
	"github.com/countersign-ci/countersign/internal/policy"
	"github.com/countersign-ci/countersign/internal/runspec"
)

const (
	kindRun       = "run"
	kindArtifacts = "artifacts"
)

// forever is when a manifest expires for which no lifetime was chosen: the last
// second that RFC 3339 can write. Its key ends it before.
var forever = time.Unix(253402300799, 0)

// signArtifactFlags are the flags of sign for artifacts.
type signArtifactFlags struct {
	kind, out string
	globs     []string
	images    []string
	root      string
}

func addSignArtifactFlags(c *cobra.Command, f *signArtifactFlags) {
	choiceFlag(c, &f.kind, "kind", "what the token is: that of a run, or a manifest of artifacts", kindRun, kindArtifacts)
	listFlag(c, &f.globs, "artifacts", whole, "files to list with their digests: a glob below --root, such as dist/** (repeats)")
	listFlag(c, &f.images, "image", whole, "an image to record, as NAME@sha256:<64 hex> (repeats)")
	c.Flags().StringVar(&f.root, "root", ".", "the folder that the paths of artifacts are relative to")
	c.Flags().StringVar(&f.out, "out", "", "file to write the token to, in place of printing it")
}

// form returns the form of the token.
func (f *signArtifactFlags) form() jose.Form {
	if f.kind == kindArtifacts {
		return runspec.Manifest
	}
	return runspec.Token
}

// validate refuses what contradicts itself.
func (f *signFlags) validateKind() error {
	switch {
	case f.kind != kindArtifacts:
		return nil
	case len(f.globs) == 0 && len(f.images) == 0:
		return usage("give --artifacts GLOB, such as 'dist/**'", "a manifest lists artifacts, and there are none")
	case f.dispatch != "":
		return usage("leave out --dispatch, or --kind artifacts", "a manifest starts no run")
	}
	return nil
}

// required are the fields that a spec has to have.
func (f *signFlags) required() []string {
	if f.kind == kindArtifacts {
		return policy.ManifestRequire
	}
	return policy.DefaultRequire
}

// limitToBuild takes out of the spec of a manifest what no flag gave and is of the run
// that builds alone: who started it, how, and with which inputs. A manifest is for what
// was built, wherever that is deployed.
func (f *signFlags) limitToBuild(spec *runspec.Spec) {
	if *f.fields["actor"] == "" && f.spec == "" {
		spec.Actor, spec.ActorID = "", ""
	}
	if *f.fields["event"] == "" && f.spec == "" {
		spec.Event = ""
	}
	if f.inputs == "" && f.spec == "" {
		spec.Inputs = nil
	}
}

// addArtifacts puts the files and images that flags name into a spec.
func (a *app) addArtifacts(ctx context.Context, f *signFlags, spec *runspec.Spec) error {
	if len(f.globs) == 0 && len(f.images) == 0 {
		return nil
	}
	manifest, err := a.hashArtifacts(ctx, f)
	if err != nil {
		return err
	}
	for _, ref := range f.images {
		image, err := artifact.ParseImage(ref)
		if err != nil {
			return usage("", "--image: %w", err)
		}
		manifest = append(manifest, image)
	}
	if err := artifact.CheckManifest(manifest); err != nil {
		return usage("", "%w", err)
	}
	spec.Artifacts = manifest
	return nil
}

// hashArtifacts returns what lies below the root and matches a glob.
func (a *app) hashArtifacts(ctx context.Context, f *signFlags) ([]runspec.Artifact, error) {
	if len(f.globs) == 0 {
		return nil, nil
	}
	match, err := artifact.Matcher(f.globs)
	if err != nil {
		return nil, usage("", "--artifacts: %w", err)
	}
	out, err := below(f.root, f.out)
	if err != nil {
		return nil, err
	}
	entries, err := artifactfs.List(f.root, func(path string) bool { return path == out })
	if err != nil {
		return nil, diskError(err)
	}
	var paths []string
	for _, e := range entries {
		switch {
		case !match(e.Path):
		case e.Problem != "":
			return nil, usage("sign plain files alone: leave it out of the globs, or put the file itself in its place", "%.300q is %s", e.Path, e.Problem)
		default:
			paths = append(paths, e.Path)
		}
	}
	if len(paths) == 0 {
		return nil, usage("globs are relative to --root, with slashes", "no file matches --artifacts")
	}
	found, err := a.hash(ctx, f.root, paths)
	if err != nil {
		return nil, err
	}
	manifest := make([]runspec.Artifact, len(found))
	for i, file := range found {
		switch {
		case file.Missing:
			return nil, undecided("sign when nothing writes to the files any more", "%.300q is gone since the files were listed", file.Path)
		case file.Problem != "":
			return nil, undecided("sign plain files alone, when nothing writes to them any more", "%.300q: %s", file.Path, file.Problem)
		}
		manifest[i] = runspec.Artifact{Path: file.Path, Size: file.Size, SHA256: file.SHA256}
	}
	return manifest, nil
}

// below returns where a file or folder that a flag names lies below the root, or "".
func below(root, name string) (string, error) {
	if name == "" || name == "-" {
		return "", nil
	}
	rel, ok, err := artifactfs.Below(root, name)
	if err != nil || !ok {
		return "", diskError(err)
	}
	return rel, nil
}

// hash hashes files, and shows how far it is where that takes time and somebody
// looks.
func (a *app) hash(ctx context.Context, root string, paths []string) ([]artifact.Found, error) {
	p := a.byteProgress()
	found, err := artifactfs.Hash(ctx, root, paths, artifactfs.Options{Progress: p.add})
	p.end()
	if err != nil {
		return nil, diskError(err)
	}
	return found, nil
}

// diskError gives an error about files its exit code.
func diskError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.As(err, new(*artifactfs.PlaceError)), errors.Is(err, fs.ErrNotExist):
		return usage("", "%w", err)
	}
	return undecided("", "%w", err)
}
