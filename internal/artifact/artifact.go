// Package artifact owns manifests: which paths one may list, and whether what was
// found is what it lists.
//
// A manifest is the field `artifacts` of a spec (see package runspec), an array of
// files with their sizes in bytes and their SHA-256:
//
//	[{"path": "dist/app.tgz", "size": 10240, "sha256": "<64 hex>"},
//	 {"path": "oci://ghcr.io/acme/widgets", "size": 0, "sha256": "<64 hex>"}]
//
// A path is relative to the root, the folder that is checked, with a slash between
// its parts. It is UTF-8 in NFC and has at most 4096 bytes, none of them zero, no
// backslash, no part that is empty, `.` or `..`, and no colon in its first part,
// where a drive or a scheme would end. No path stands twice, none differs from
// another in letter case alone, and none lies below another. What is shown of a path
// is escaped: it may hold a line end.
//
// An image that is recorded and not looked for is `oci://` and its name, with no
// size and the digest of its manifest. No file has such a path.
package artifact

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/countersign-ci/countersign/internal/runspec"
)

// imageScheme begins the path of an image.
const imageScheme = "oci://"

// IsImage tells whether an entry of a manifest is an image and not a file.
func IsImage(a runspec.Artifact) bool { return strings.HasPrefix(a.Path, imageScheme) }

// imageName is the name of an image as a registry has it (OCI distribution
// specification, section "Pulling manifests"), with a host and a tag or without. It has
// at most maxImageName bytes.
var imageName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._/:-]*$`)

const maxImageName = 512

// ParseImage returns the entry of an image: NAME@sha256:<64 hex>.
func ParseImage(ref string) (runspec.Artifact, error) {
	name, digest, _ := strings.Cut(ref, "@sha256:")
	if !imageName.MatchString(name) || len(name) > maxImageName || !runspec.IsSHA256(digest) ||
		unsafe(strings.ReplaceAll(name, ":", "/")) != "" {
		return runspec.Artifact{}, &ImageError{ref}
	}
	return runspec.Artifact{Path: imageScheme + name, SHA256: digest}, nil
}

// An ImageError is a text that names no image by its digest.
type ImageError struct{ Ref string }

func (e *ImageError) Error() string { return fmt.Sprintf("%.300q names no image by its digest", e.Ref) }

// Hint returns what to do about the error.
func (e *ImageError) Hint() string {
	return "write it as ghcr.io/acme/widgets@sha256:<64 hex>, with the digest that the registry gave"
}

// CheckManifest tells why a list is no manifest to sign: what [CheckSet] says of
// its files, an image that is none, or nothing in it.
func CheckManifest(manifest []runspec.Artifact) error {
	var paths []string
	seen := map[string]bool{}
	for _, a := range manifest {
		switch {
		case !IsImage(a):
			paths = append(paths, a.Path)
		case !isRecorded(a):
			return &PathError{a.Path, "names no image"}
		case seen[a.Path]:
			return &PathError{a.Path, "stands twice"}
		default:
			seen[a.Path] = true
		}
	}
	if len(manifest) == 0 {
		return errors.New("the manifest lists nothing")
	}
	return CheckSet(paths)
}

// isRecorded tells whether the entry of an image has the form that ParseImage gives.
func isRecorded(a runspec.Artifact) bool {
	image, err := ParseImage(strings.TrimPrefix(a.Path, imageScheme) + "@sha256:" + a.SHA256)
	return err == nil && image == a
}

// Files returns the paths of a manifest that may be looked for on a disk: all but
// those of images and those that are not safe.
func Files(manifest []runspec.Artifact) []string {
	paths := make([]string, 0, len(manifest))
	for _, a := range manifest {
		if !IsImage(a) && unsafe(a.Path) == "" {
			paths = append(paths, a.Path)
		}
	}
	return paths
}

// Matcher returns what tells whether any of the globs matches a path. A glob is
// doublestar's (`*`, `**`, `?`, `[…]`, `{…}`), relative and with slashes.
func Matcher(globs []string) (func(path string) bool, error) {
	for _, glob := range globs {
		if reason := badGlob(glob); reason != "" {
			return nil, &GlobError{glob, reason}
		}
	}
	return func(path string) bool {
		for _, glob := range globs {
			if doublestar.MatchUnvalidated(glob, path) {
				return true
			}
		}
		return false
	}, nil
}

func badGlob(glob string) string {
	parts := strings.FieldsFunc(glob, func(r rune) bool { return strings.ContainsRune("/{,}", r) })
	switch {
	case glob == "":
		return "is empty"
	case strings.HasPrefix(glob, "/"):
		return "begins with a slash"
	case strings.Contains(glob, `\`):
		return "has a backslash"
	case strings.Contains(glob, "//") || strings.HasSuffix(glob, "/"), slices.Contains(parts, "..") || slices.Contains(parts, "."):
		return "has a part that no path has"
	case !doublestar.ValidatePattern(glob):
		return "is malformed: a bracket or brace is not closed, not opened, or empty"
	}
	return ""
}

// A GlobError is a glob that can match nothing.
type GlobError struct{ Glob, Reason string }

func (e *GlobError) Error() string { return fmt.Sprintf("the glob %.200q %s", e.Glob, e.Reason) }

// Hint returns what to do about the error.
func (e *GlobError) Hint() string {
	return "globs are relative to --root, with slashes, such as dist/**; for a glob character as itself write it in brackets, as [*]"
}
