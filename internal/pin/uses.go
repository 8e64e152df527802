package pin

import (
	"fmt"
	"strings"

	"github.com/countersign-ci/countersign/internal/report"
)

// parseUses reads the value of `uses:` (GitHub's "Workflow syntax",
// jobs.<job_id>.steps[*].uses and jobs.<job_id>.uses):
//
//	owner/name[/path]@ref   ./path   $/path   docker://image
//
// $/path is the same repository at the commit that runs.
func parseUses(s string) target {
	switch {
	case strings.HasPrefix(s, "./"), strings.HasPrefix(s, "$/"):
		return target{kind: Local, base: s}
	case strings.HasPrefix(s, "docker://"):
		return parseImage(s)
	}
	base, ref, found := strings.Cut(s, "@")
	t := target{kind: Action, base: base, style: StyleCommit}
	owner, rest, _ := strings.Cut(base, "/")
	name, path, _ := strings.Cut(rest, "/")
	t.repository = Repository{owner, name}
	if strings.HasPrefix(path, ".github/workflows/") {
		t.kind = Workflow
	}
	switch rule, problem := digestProblem(ref); {
	case !isRepository(t.repository):
		t.repository = Repository{}
		return t.refuse(report.Unpinned, "it does not have the form owner/name@ref")
	case !found || ref == "":
		return t.refuse(report.Unpinned, "it names no ref")
	case isDigest(ref):
		t.commit = ref
	case rule != "":
		return t.refuse(rule, counted(problem, ref))
	case !isRefName(ref):
		return t.refuse(report.Unpinned, "no ref can have that name")
	default:
		t.version = ref
	}
	return t
}

// counted puts the length of a name into a problem that has room for it.
func counted(problem, name string) string {
	if strings.Contains(problem, "%d") {
		return fmt.Sprintf(problem, len(name))
	}
	return problem
}

// parseImage reads a container image, which its own digest pins: no repository
// has it, and the registry's client compares it.
func parseImage(s string) target {
	t := target{kind: Image, base: s}
	_, digest, found := strings.Cut(s, "@")
	hex, isSHA256 := strings.CutPrefix(digest, "sha256:")
	switch {
	case !found:
		return t.refuse(report.Unpinned, "the image has no digest; write docker://name@sha256:<64 hex digits>")
	case !isSHA256 || len(hex) != sha256Length || !isDigest(hex):
		return t.refuse(report.MalformedDigest, "the digest of an image is sha256: and 64 hex digits")
	}
	t.commit = hex
	return t
}
