package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"runtime/debug"
	"strings"
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
	c.Flags().StringVar(&f.out, "out", "", "file to write the token to, in place of printing it or making it an output")
}

// form returns the form of the token.
func (f *signArtifactFlags) form() jose.Form {
	if f.kind == kindArtifacts {
		return runspec.Manifest
	}
	return runspec.Token
}

// validateKind refuses what contradicts itself.
func (f *signFlags) validateKind() error {
	none := len(f.globs) == 0 && len(f.images) == 0
	switch {
	case none && f.root != ".":
		return usage("give --artifacts GLOB, such as '**'", "--root is about artifacts, and none are signed")
	case f.kind != kindArtifacts:
		return nil
	case none:
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
	if f.spec != "" {
		return
	}
	spec.Actor, spec.ActorID, spec.Event = *f.fields["actor"], *f.fields["actor_id"], *f.fields["event"]
	if f.inputs == "" {
		spec.Inputs = nil
	}
}

// maxOutput is the size of the largest output, in bytes: those of a job may have 1 MB
// in all, in UTF-16 (GitHub's "Workflow syntax", jobs.<job_id>.outputs).
const maxOutput = 512 << 10

// noteSpec says that a spec is no output, where somebody could look for it.
func (a *app) noteSpec() {
	if a.Getenv("GITHUB_OUTPUT") != "" {
		a.say("note", fmt.Sprintf("the output spec is left empty, for it would have more than %d bytes", maxOutput))
	}
}

// specOutput returns a spec in the form that was signed as an output, or "" where no
// output may be as large.
func specOutput(spec *runspec.Spec, signed json.Marshaler) (string, error) {
	const shortest = 90 // of an artifact, in bytes
	if len(spec.Artifacts) > maxOutput/shortest {
		return "", nil
	}
	canonical, err := signed.MarshalJSON()
	if len(canonical) > maxOutput {
		return "", err
	}
	return string(canonical), err
}

// largeManifest is from how many files on memory is saved.
const largeManifest = 10_000

// sparing has what is no longer needed of a large manifest collected sooner than by
// default, unless GOGC says when.
func sparing() {
	const percent, usual = 25, 100
	if old := debug.SetGCPercent(percent); old != usual {
		debug.SetGCPercent(old)
	}
}

// addArtifacts puts the files and images that flags name into a spec.
func (a *app) addArtifacts(ctx context.Context, f *signFlags, spec *runspec.Spec) error {
	if len(f.globs) == 0 && len(f.images) == 0 {
		if len(spec.Artifacts) == 0 {
			return nil
		}
		if err := artifact.CheckManifest(spec.Artifacts); err != nil {
			return usage("", "%w", err)
		}
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
	if len(paths) >= largeManifest {
		sparing()
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
		case strings.HasPrefix(file.Problem, "another name of "):
			return nil, usage("who writes to one of them writes to both: leave one out of the globs", "%.300q is %.300s", file.Path, file.Problem)
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
