package pin

import (
	"regexp"
	"strings"

	"github.com/countersign-ci/countersign/internal/report"
)

// A Kind is what a ref names.
type Kind string

// The kinds of refs.
const (
	Action   Kind = "action"   // a step's `uses:`
	Workflow Kind = "workflow" // a job's `uses:`, a reusable workflow
	Plugin   Kind = "plugin"   // a Buildkite plugin
	Image    Kind = "image"    // a container image, docker://…
	Local    Kind = "local"    // something in the same tree
	Locked   Kind = "locked"   // an entry of GitHub's lockfile
	Pattern  Kind = "pattern"  // what a pattern of the config matched
)

// A Style is how a pin of a plugin is written.
type Style string

// The styles. An action has the first.
const (
	StyleCommit  Style = "commit"   // docker#<digest>: # v3.2.0
	StyleGitSHA1 Style = "git-sha1" // docker#v3.2.0@git-sha1:<digest>:
)

// A target is what the text of a ref says.
type target struct {
	kind       Kind
	host       string // of a server that the text names, in lower case; empty is the server
	repository Repository
	base       string // the text before the version and its separator
	version    string // a tag or branch; in the commit style it stands in a comment
	commit     string // a full digest
	style      Style
	algorithm  string // git-sha1 or git-sha256, in that style
	vendored   bool   // a plugin at a local path

	// What is wrong with the text so that nothing can be asked, and the rule.
	rule, problem string
}

// A text that is refused says why.
func (t target) refuse(rule, problem string) target {
	t.rule, t.problem = rule, problem
	return t
}

// pinned returns the text of the ref with that version and commit.
func (t target) pinned(version, commit string, style Style) string {
	switch {
	case t.kind != Plugin:
		return t.base + "@" + commit
	case style == StyleCommit:
		return t.base + "#" + commit
	}
	algorithm := "git-sha1"
	if len(commit) == sha256Length {
		algorithm = "git-sha256"
	}
	text := t.base
	if version != "" {
		text += "#" + version
	}
	return text + "@" + algorithm + ":" + commit
}

// The lengths of full digests in hex digits.
const (
	sha1Length   = 40
	sha256Length = 64
	// minShort is the shortest abbreviation that git makes by itself.
	minShort = 7
)

// isDigest tells whether s is a full digest.
func isDigest(s string) bool {
	return (len(s) == sha1Length || len(s) == sha256Length) && isHex(s, "0123456789abcdef")
}

func isHex(s, digits string) bool {
	return s != "" && strings.Trim(s, digits) == ""
}

// digestProblem returns the rule that a name breaks which can only be meant as
// a digest. A name of digits alone may be a tag, such as 20240131.
func digestProblem(name string) (rule, problem string) {
	if len(name) < minShort || isDigest(name) || !isHex(name, "0123456789abcdefABCDEF") || isHex(name, "0123456789") {
		return "", ""
	}
	switch {
	case len(name) < sha1Length:
		return report.ShortDigest, "a digest of %d digits stands for more than one commit; it takes 40"
	case len(name) == sha1Length, len(name) == sha256Length:
		return report.MalformedDigest, "a digest has small letters"
	default:
		return report.MalformedDigest, "a digest has 40 or 64 digits"
	}
}

// isRepository tells whether GitHub allows a repository of that name; nothing
// else becomes part of a request.
func isRepository(r Repository) bool {
	return len(r.Owner) > 0 && len(r.Owner) <= 100 && r.Owner[0] != '-' && consistsOf(r.Owner, "-_") &&
		len(r.Name) > 0 && len(r.Name) <= 100 && r.Name != "." && r.Name != ".." && consistsOf(r.Name, "-_.")
}

// consistsOf tells whether s has letters, digits and others alone, all of ASCII.
func consistsOf(s, others string) bool {
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && strings.IndexByte(others, c) < 0 {
			return false
		}
	}
	return true
}

// isRefName tells whether git allows a ref of that name (git-check-ref-format).
func isRefName(s string) bool {
	if s == "" || len(s) > 255 || s == "@" || s[0] == '-' || strings.HasSuffix(s, ".") {
		return false
	}
	for i := range len(s) {
		if s[i] <= ' ' || s[i] == 0x7f || strings.IndexByte(`~^:?*[\`, s[i]) >= 0 {
			return false
		}
	}
	if strings.Contains(s, "..") || strings.Contains(s, "@{") {
		return false
	}
	for part := range strings.SplitSeq(s, "/") {
		if part == "" || part[0] == '.' || strings.HasSuffix(part, ".lock") {
			return false
		}
	}
	return true
}

// versionText is a version as tags have it, of one to three numbers.
const versionText = `v?[0-9]+(?:\.[0-9]+){0,2}(?:[-+][0-9A-Za-z.+-]+)?`

var (
	anyVersion   = regexp.MustCompile(`^` + versionText + `$`)
	fullVersion  = regexp.MustCompile(`^v?[0-9]+\.[0-9]+\.[0-9]+(?:[-+][0-9A-Za-z.+-]+)?$`)
	majorVersion = regexp.MustCompile(`^v?[0-9]+(?:\.[0-9]+)?$`)
)

// series returns what the names of the versions begin with that a moving tag
// such as v4 stands for, or "".
func series(version string) string {
	if majorVersion.MatchString(version) {
		return version + "."
	}
	return ""
}
