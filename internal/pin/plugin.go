package pin

import (
	"net/url"
	"regexp"
	"strings"

	"github.com/countersign-ci/countersign/internal/report"
)

// parsePlugin reads the source of a Buildkite plugin (Buildkite's "Using
// plugins", and what its agent does with it):
//
//	docker#v3.2.0                    github.com/buildkite-plugins/docker-buildkite-plugin
//	acme/docker#v3.2.0               github.com/acme/docker-buildkite-plugin
//	github.com/acme/docker#v3.2.0    that repository; what follows is a folder in it
//	https://… ssh://… git@host:path  that repository
//	zip+https://…                    an archive
//	./path /path \path file:///path  vendored: in the same tree, or on the agent
//
// A digest follows the version, or stands in its place:
//
//	docker#v3.2.0@git-sha1:<40 hex digits>    docker@git-sha1:<40 hex digits>
//
// Today's agents check out what follows `#`, so there a commit stands alone.
func parsePlugin(s string) target {
	if isVendored(s) {
		return target{kind: Local, base: s, vendored: true}
	}
	t := target{kind: Plugin, base: s, style: StyleCommit}
	switch {
	case strings.Contains(s, "$"):
		return t.refuse(report.Unpinned, "it is not known before a variable is filled in")
	case strings.ContainsAny(s, " \t\r\n"):
		return t.refuse(report.Unpinned, "no plugin can have that name")
	}
	source, version, hasVersion := strings.Cut(s, "#")
	digest, hasDigest := "", false
	switch at := strings.LastIndex(s, "@"); {
	case hasVersion && at > len(source):
		version, digest, hasDigest = s[len(source)+1:at], s[at+1:], true
	case !hasVersion && at >= 0 && digestLike.MatchString(s[at+1:]):
		source, digest, hasDigest = s[:at], s[at+1:], true
	}
	t.base = source
	t.locate(source)
	switch rule, problem := digestProblem(version); {
	case strings.Contains(version+digest, "#"):
		return t.refuse(report.MalformedDigest, "it has more than one #")
	case hasDigest:
		return t.withDigest(version, hasVersion, digest)
	case isDigest(version):
		t.commit = version
	case rule != "":
		return t.refuse(rule, counted(problem, version))
	case t.rule != "":
	case version == "":
		return t.refuse(report.Unpinned, "it names no version, so it is whatever the default branch has")
	case !isRefName(version):
		return t.refuse(report.Unpinned, "no ref can have that name")
	default:
		t.version = version
	}
	return t
}

// isVendored tells whether a source is a path, for which the agent looks in the
// tree that it has checked out or on its own disk.
func isVendored(s string) bool {
	return strings.HasPrefix(s, ".") || strings.HasPrefix(s, "/") && !strings.HasPrefix(s, "//") || strings.HasPrefix(s, `\`) ||
		strings.HasPrefix(s, "file://") || windowsPath.MatchString(s)
}

var (
	windowsPath = regexp.MustCompile(`^[A-Za-z]:[\\/]`)
	// digestLike is what can only be meant as a digest behind an @, which also
	// stands before a host.
	digestLike = regexp.MustCompile(`^(?i:[a-z]*-?sha-?[0-9]*):`)
	// scpLike is git's short form of an ssh address.
	scpLike = regexp.MustCompile(`^(?:[A-Za-z0-9._-]+@)?([A-Za-z0-9._-]+):([^/].*)$`)
)

// withDigest reads the digest that stands behind a version or a source.
func (t target) withDigest(version string, hasVersion bool, digest string) target {
	algorithm, hex, _ := strings.Cut(digest, ":")
	length := map[string]int{"git-sha1": sha1Length, "git-sha256": sha256Length}[algorithm]
	t.style, t.algorithm = StyleGitSHA1, algorithm
	switch {
	case length == 0:
		return t.refuse(report.MalformedDigest, "a digest is @git-sha1: and 40 hex digits, or @git-sha256: and 64")
	case !isHex(hex, "0123456789abcdef") || len(hex) > length || len(hex) < minShort:
		return t.refuse(report.MalformedDigest, "a digest is @git-sha1: and 40 hex digits in small letters, or @git-sha256: and 64")
	case len(hex) < length:
		return t.refuse(report.ShortDigest, "a digest that is cut stands for more than one commit")
	case hasVersion && (!isRefName(version) || isDigest(version)):
		return t.refuse(report.MalformedDigest, "what stands before the digest is no version")
	}
	t.version, t.commit = version, hex
	return t
}

// locate finds the repository of a source, or says why there is none.
func (t *target) locate(source string) {
	host, path := "", source
	switch u, err := url.Parse(source); {
	case strings.HasPrefix(source, "zip+"):
		t.host = "zip"
		*t = t.refuse(report.Unpinned, "an archive has no commit that could be checked")
		return
	case strings.Contains(source, "://"), strings.HasPrefix(source, "//"):
		if err != nil || u.Host == "" {
			*t = t.refuse(report.Unpinned, "its address names no host")
			return
		}
		host, path = u.Host, strings.TrimPrefix(u.Path, "/")
	case strings.ContainsAny(source, "?%"): // the agent reads a URL there too
		*t = t.refuse(report.Unpinned, "no repository can have that name")
		return
	default:
		if m := scpLike.FindStringSubmatch(source); m != nil {
			host, path = m[1], m[2]
		}
	}
	parts := strings.Split(path, "/")
	if host == "" {
		switch len(parts) {
		case 1:
			parts = []string{"buildkite-plugins", parts[0] + "-buildkite-plugin"}
			host = publicHost
		case 2:
			parts[1] += "-buildkite-plugin"
			host = publicHost
		default:
			host, parts = parts[0], parts[1:]
		}
	}
	t.host = strings.ToLower(host)
	if len(parts) < 2 {
		*t = t.refuse(report.Unpinned, "it names no repository")
		return
	}
	t.repository = Repository{parts[0], strings.TrimSuffix(parts[1], ".git")}
	if !isRepository(t.repository) {
		t.repository = Repository{}
		*t = t.refuse(report.Unpinned, "no repository can have that name")
	}
}

// publicHost is where plugins without a host are.
const publicHost = "github.com"
