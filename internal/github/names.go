package github

import (
	"encoding/hex"
	"fmt"
	"path"
	"strings"
	"unicode/utf8"

	"github.com/countersign-ci/countersign/internal/pin"
)

const (
	maxName = 100 // of an owner or a repository
	maxRef  = 255
)

const (
	lower  = "abcdefghijklmnopqrstuvwxyz"
	letter = lower + "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	digit  = "0123456789"
)

func badName(what, name string) error {
	return &Error{
		Reason: fmt.Sprintf("%.120q cannot be the name of %s", name, what),
		Advice: "correct the name; nothing was asked",
	}
}

// checkRepository refuses names that GitHub gives to nobody.
func checkRepository(r pin.Repository) error {
	if r.Owner == "" || len(r.Owner) > maxName || r.Owner[0] == '-' || !only(r.Owner, letter+digit+"-_") {
		return badName("an owner", r.Owner)
	}
	if r.Name == "" || len(r.Name) > maxName || r.Name == "." || r.Name == ".." || !only(r.Name, letter+digit+"-_.") {
		return badName("a repository", r.Name)
	}
	return nil
}

// checkRef refuses what cannot stand behind refs/tags/ or refs/heads/
// (git-check-ref-format(1)).
func checkRef(name string) error {
	bad := len(name) > maxRef || !utf8.ValidString(name) ||
		strings.Contains(name, "..") || strings.Contains(name, "@{") || strings.HasSuffix(name, ".") ||
		strings.ContainsAny(name, " ~^:?*[\\\x7f") ||
		strings.ContainsFunc(name, func(r rune) bool { return r < ' ' })
	for part := range strings.SplitSeq(name, "/") {
		bad = bad || part == "" || part[0] == '.' || strings.HasSuffix(part, ".lock")
	}
	if bad {
		return badName("a tag or a branch", name)
	}
	return nil
}

// checkCommit refuses what is no full digest.
func checkCommit(sha string) error {
	if !isDigest(sha) {
		return badName("a commit", sha)
	}
	return nil
}

// isDigest tells whether s is an object's id in full: SHA-1 or SHA-256 in
// lower-case hex.
func isDigest(s string) bool {
	if len(s) != 40 && len(s) != 64 || strings.ToLower(s) != s {
		return false
	}
	_, err := hex.DecodeString(s)
	return err == nil
}

// checkPath refuses what is no file's path within a repository, and what git
// keeps for itself.
func checkPath(file string) error {
	bad := file == "" || !utf8.ValidString(file) || path.Clean(file) != file || path.IsAbs(file) || strings.ContainsRune(file, 0)
	for part := range strings.SplitSeq(file, "/") {
		bad = bad || part == "." || part == ".." || strings.EqualFold(part, ".git")
	}
	if bad {
		return badName("a file in a repository", file)
	}
	return nil
}

// only tells whether s has no characters but those.
func only(s, characters string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return !strings.ContainsRune(characters, r) })
}

func checkQuestion(q pin.Question) error {
	err := checkRepository(q.Repository)
	if err == nil && q.Tag != "" {
		err = checkRef(q.Tag)
	}
	if err == nil && q.Series != "" {
		err = checkRef(q.Series + "0") // it ends with a dot
	}
	if err == nil && q.Commit != "" {
		err = checkCommit(q.Commit)
	}
	return err
}

func checkWanted(w pin.Commit) error {
	err := checkRepository(w.Repository)
	if err == nil {
		err = checkCommit(w.SHA)
	}
	if err == nil && w.Near != "" {
		err = checkRef(w.Near)
	}
	return err
}
