package config

import (
	"math"
	"path"
	"regexp"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
)

const (
	maxGlob = 256 // bytes
	// maxAlternatives bounds how many texts the {a,b} of a glob stand for: each
	// is tried, so that a few more braces would take years.
	maxAlternatives = 128
)

// notInGlob matches what no glob of a file has: an empty part, . or .. between
// slashes, a backslash or a control character, white space alone, and a leading
// ! for those who expect it to negate. The schema has the same.
var notInGlob = regexp.MustCompile(`(^|/)\.{0,2}(/|$)|[\\\x00-\x1f\x7f]|^\s+$|^!`)

// glob returns the glob of files.
func (v value) glob() (string, error) {
	s, err := v.path()
	switch {
	case err != nil:
	case !doublestar.ValidatePattern(s):
		err = v.errorf("close every [ with ] and every { with }", "%q has a glob that is malformed", v.key)
	case alternatives(s) > maxAlternatives:
		err = v.errorf("write several globs", "%q has a glob with more than %d alternatives", v.key, maxAlternatives)
	}
	return s, err
}

// path returns a path, or glob, from the root of the repository.
func (v value) path() (string, error) {
	s, err := v.text()
	switch {
	case err != nil:
	case notInGlob.MatchString(s):
		err = v.errorf("write a path from the root of the repository, such as docs/*.md; there is no . or .. in it, no \\ and no ! that negates", "%q has %.40q, which matches no file", v.key, s)
	case len(s) > maxGlob:
		err = v.errorf("write a shorter one", "%q has a path of more than %d bytes", v.key, maxGlob)
	}
	return s, err
}

// alternatives returns at least the number of texts that the {a,b} of a glob
// stand for: as many as if its commas were spread evenly over its braces.
func alternatives(glob string) float64 {
	braces, commas := strings.Count(glob, "{"), strings.Count(glob, ",")
	if braces == 0 {
		return 1
	}
	return math.Pow(1+float64(commas)/float64(braces), float64(braces))
}

// Forms of globs of names. The schema has the same.
var (
	hostGlob       = regexp.MustCompile(`^[A-Za-z0-9.*-]+$`)
	ownerGlob      = regexp.MustCompile(`^[A-Za-z0-9._*-]+$`)
	repositoryGlob = regexp.MustCompile(`^[A-Za-z0-9._*-]+/[A-Za-z0-9._*-]+$`)
)

func (v value) host() (string, error) {
	return v.name(hostGlob, "write a host such as github.com or *.acme.example, without scheme and port")
}

func (v value) owner() (string, error) {
	return v.name(ownerGlob, "write the name of an account such as acme or acme-*")
}

func (v value) repository() (string, error) {
	return v.name(repositoryGlob, "write owner and name such as acme/widgets or acme/legacy-*")
}

func (v value) name(form *regexp.Regexp, advice string) (string, error) {
	s, err := v.text()
	if err == nil && (!form.MatchString(s) || len(s) > maxGlob) {
		err = v.errorf(advice, "%q has a glob that matches no name", v.key)
	}
	return s, err
}

// matchName tells whether a glob of names, which has no wildcard but *, matches.
// Case counts outside of ASCII alone: a K may also be the sign for kelvin.
func matchName(glob, name string) bool {
	ok, err := path.Match(asciiLower(glob), asciiLower(name))
	return ok && err == nil
}

func asciiLower(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			r += 'a' - 'A'
		}
		return r
	}, s)
}
