package artifact

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/countersign-ci/countersign/internal/report"
	"github.com/countersign-ci/countersign/internal/runspec"
)

// Found is what a path has on the disk.
type Found struct {
	Path   string
	Size   int64  // bytes
	SHA256 string // 64 hex digits
	// Problem is why it is no file to trust, such as "a symbolic link" or "it
	// changed while it was read".
	Problem string
	Missing bool
}

// A Result is what became of a path that the manifest lists or that was found.
type Result struct {
	Path    string
	Rule    string // of package report; empty where the path holds
	Message string // empty where it holds
	// Expected is nil for a path that is not listed, Found for one that was not
	// found or was not read.
	Expected, Found *runspec.Artifact
}

// Status returns the result in a word: verified, recorded (an image), missing,
// changed, unlisted or unsafe.
func (r Result) Status() string {
	switch r.Rule {
	case report.ArtifactMissing:
		return "missing"
	case report.ArtifactChanged:
		return "changed"
	case report.ArtifactUnlisted:
		return "unlisted"
	case report.UnsafePath:
		return "unsafe"
	}
	if IsImage(*r.Expected) {
		return "recorded"
	}
	return "verified"
}

// Check compares a manifest with what was found: each path that either has gets
// one result, in the order of paths. A listed path of which nothing was found is
// missing. What is found and not listed fails unless allowUnlisted, which may be
// nil, allows it, and then has no result. Results point into manifest.
func Check(manifest []runspec.Artifact, found []Found, allowUnlisted func(path string) bool) []Result {
	byPath := make(map[string]*Found, len(found))
	for i := range found {
		byPath[found[i].Path] = &found[i]
	}
	colliding := map[string]string{}
	for _, e := range collisions(Files(manifest)) {
		colliding[e.Path] = e.Reason
	}
	results := make([]Result, 0, len(manifest))
	for i := range manifest {
		a := &manifest[i]
		f := byPath[a.Path]
		delete(byPath, a.Path)
		r := compareFile(a, f)
		if reason := cmp.Or(unsafeEntry(a), colliding[a.Path]); reason != "" {
			r = Result{Path: a.Path, Rule: report.UnsafePath, Message: "the path " + reason, Expected: a}
		}
		results = append(results, r)
	}
	for path, f := range byPath {
		if f.Missing || allowUnlisted != nil && allowUnlisted(path) {
			continue
		}
		results = append(results, unlisted(f))
	}
	slices.SortStableFunc(results, func(a, b Result) int { return cmp.Compare(a.Path, b.Path) })
	return results
}

// unsafeEntry returns why an entry's path is not safe, or nothing.
func unsafeEntry(a *runspec.Artifact) string {
	switch {
	case !IsImage(*a):
		return unsafe(a.Path)
	case !isRecorded(*a):
		return "names no image"
	}
	return ""
}

// compareFile compares an entry with what was found, which may be nil.
func compareFile(a *runspec.Artifact, f *Found) Result {
	r := Result{Path: a.Path, Expected: a}
	switch {
	case IsImage(*a):
	case f == nil || f.Missing:
		r.Rule, r.Message = report.ArtifactMissing, "it is listed and not there"
	case f.Problem != "":
		r.Rule, r.Message = report.UnsafePath, "it is no file to trust: "+f.Problem
	case f.Size != a.Size:
		r.Rule, r.Message = report.ArtifactChanged, fmt.Sprintf("it has %d bytes and should have %d", f.Size, a.Size)
		r.Found = f.artifact()
	case f.SHA256 != a.SHA256:
		r.Rule, r.Message = report.ArtifactChanged, fmt.Sprintf("its SHA-256 is %.64s and should be %s", f.SHA256, a.SHA256)
		r.Found = f.artifact()
	default:
		r.Found = a // it is the same
	}
	return r
}

// unlisted returns the result of what was found and is not listed. It was hashed
// or not.
func unlisted(f *Found) Result {
	r := Result{Path: f.Path, Rule: report.ArtifactUnlisted, Message: "it is there and not listed"}
	if f.Problem != "" {
		r.Rule, r.Message = report.UnsafePath, "it is not listed and no file to trust: "+f.Problem
	} else if f.SHA256 != "" {
		r.Found = f.artifact()
	}
	return r
}

func (f *Found) artifact() *runspec.Artifact {
	return &runspec.Artifact{Path: f.Path, Size: f.Size, SHA256: f.SHA256}
}
