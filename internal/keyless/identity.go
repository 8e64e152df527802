package keyless

import (
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/countersign-ci/countersign/internal/advice"
	"github.com/countersign-ci/countersign/internal/jose"
	"github.com/countersign-ci/countersign/internal/runspec"
)

// An Identity says what the claims of an identity have to be. The values of a claim
// are alternatives, and all claims have to hold. In a value * stands for any text
// without a slash.
type Identity map[string][]string

// An Error says why nobody can be trusted so.
type Error struct{ Reason, Advice string }

func (e *Error) Error() string { return e.Reason }

// Hint returns what to do about the error.
func (e *Error) Hint() string { return e.Advice }

const adviceOwner = "give repository=OWNER/NAME, repository_owner=OWNER, or repository_id or repository_owner_id with a number; job_workflow_ref alone trusts everybody who calls that workflow"

var claimName = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

// anotherClaim is one that stands in the value of another.
var anotherClaim = regexp.MustCompile(`,\s*(repository[a-z_]*|ref|environment|(job_)?workflow_ref|event_name|actor|[a-z_]+_(path|slug|id))=`)

// notTrusted are claims that say nothing of who somebody is, or not in one form.
var notTrusted = []string{"iss", "aud", "sub", "iat", "nbf", "exp", "jti"}

// ParseIdentity reads pairs of the form claim=value. A claim may stand in several.
func ParseIdentity(pairs []string) (Identity, error) {
	i := Identity{}
	for _, pair := range pairs {
		claim, value, found := strings.Cut(pair, "=")
		if !found {
			return nil, &Error{"there is one that is not of the form claim=value", "such as repository=acme/orchestrator"}
		}
		if more := anotherClaim.FindStringSubmatch(value); more != nil {
			return nil, &Error{
				fmt.Sprintf("in the value of %.100q stands another claim, %.100q", claim, more[1]),
				"repeat the flag for each claim=value; as an input or in a variable they stand one a line",
			}
		}
		i[claim] = append(i[claim], value)
	}
	return i, i.Check()
}

// Check tells whether the identity can be of one owner's repositories only. What
// names no owner would trust everybody who has an account.
func (i Identity) Check() error {
	for _, claim := range slices.Sorted(maps.Keys(i)) {
		values := i[claim]
		switch {
		case slices.Contains(notTrusted, claim):
			return &Error{fmt.Sprintf("the claim %s cannot be trusted", claim), "name what is meant by claims of its own, such as repository and ref"}
		case !claimName.MatchString(claim):
			return &Error{fmt.Sprintf("%.100q is no claim of an identity", claim), "there are repository, repository_id, workflow_ref, job_workflow_ref, ref, environment, event_name and others"}
		case len(values) == 0 || slices.Contains(values, ""):
			return &Error{fmt.Sprintf("the claim %s has no value", claim), "give it one, or leave it out"}
		}
	}
	for claim, slashes := range owners {
		if values := i[claim]; len(values) > 0 && !slices.ContainsFunc(values, func(v string) bool { return !hasLiteralOwner(v, slashes) }) {
			return nil
		}
	}
	hint := adviceOwner
	for _, claim := range slices.Sorted(maps.Keys(i)) {
		if meant := advice.Meant(claim, slices.Sorted(maps.Keys(owners))); meant != "" && meant != claim {
			hint = fmt.Sprintf("%s may be meant and not %s; ", meant, claim) + hint
			break
		}
	}
	return &Error{"no repository and no owner is trusted by name", hint}
}

// owners are the claims that name whose a job is, and whether the name has a path
// below the owner: GitHub's, GitLab's and Buildkite's.
var owners = map[string]bool{
	"repository": true, "repository_id": false, "repository_owner": false, "repository_owner_id": false,
	"project_path": true, "project_id": false, "namespace_path": false, "namespace_id": false,
	"organization_slug": false, "organization_id": false, "pipeline_id": false,
}

// hasLiteralOwner tells whether a value names an owner without a wildcard.
func hasLiteralOwner(value string, hasPath bool) bool {
	owner, path, _ := strings.Cut(value, "/")
	if !hasPath {
		return !strings.Contains(value, "*")
	}
	return owner != "" && path != "" && !strings.Contains(owner, "*")
}

// check checks that one of the identities holds, and that who the token says has
// signed is who the identity token names.
func (i *Issuer) check(t *jose.Token, claims jose.Value) error {
	if !slices.ContainsFunc(i.Identities, func(id Identity) bool { return id.holds(claims) }) {
		return refuse(ErrUntrustedIdentity, "its identity is none of those that are trusted")
	}
	if !i.names(t.Issuer, repositoryOf(claims)) {
		return refuse(ErrWrongIssuer, "its iss is not the repository of its identity")
	}
	return nil
}

// holds tells whether the claims of an identity token are as they have to be.
func (i Identity) holds(claims jose.Value) bool {
	for claim, globs := range i {
		value, _ := claims.Get(claim)
		_, err := value.Int()
		isText := value.Kind == jose.String || value.Kind == jose.Bool || err == nil
		if !isText || !slices.ContainsFunc(globs, func(glob string) bool { return match(claim, glob, value.Text) }) {
			return false
		}
	}
	return len(i) > 0
}

// names of accounts, repositories and environments have no case at GitHub.
var caseless = []string{"repository", "repository_owner", "actor", "environment"}

// match tells whether a glob matches the value of a claim.
func match(claim, glob, value string) bool {
	if slices.Contains(caseless, claim) {
		glob, value = asciiLower(glob), asciiLower(value)
	}
	return slices.EqualFunc(strings.Split(glob, "/"), strings.Split(value, "/"), matchPart)
}

// matchPart tells whether a glob matches a text, neither with a slash. The shortest
// text for each * is enough.
func matchPart(glob, value string) bool {
	texts := strings.Split(glob, "*")
	last := len(texts) - 1
	if last == 0 {
		return glob == value
	}
	first, end := texts[0], texts[last]
	if len(value) < len(first)+len(end) || !strings.HasPrefix(value, first) || !strings.HasSuffix(value, end) {
		return false
	}
	value = value[len(first) : len(value)-len(end)]
	for _, text := range texts[1:last] {
		_, rest, found := strings.Cut(value, text)
		if !found {
			return false
		}
		value = rest
	}
	return true
}

func asciiLower(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] += 'a' - 'A'
		}
	}
	return string(b)
}

// repositoryOf returns the path of the repository that an identity is of, or of what
// stands for one: GitLab's project, Buildkite's pipeline.
func repositoryOf(claims jose.Value) string {
	text := func(name string) string {
		v, _ := claims.Get(name)
		if v.Kind != jose.String {
			return ""
		}
		return v.Text
	}
	for _, name := range []string{"repository", "project_path"} {
		if path := text(name); path != "" {
			return path
		}
	}
	if organization, pipeline := text("organization_slug"), text("pipeline_slug"); organization != "" && pipeline != "" {
		return organization + "/" + pipeline
	}
	return ""
}

// githubIssuer is the issuer of github.com; an enterprise may have one below it.
const githubIssuer = "https://token.actions.githubusercontent.com"

// DefaultIssuer is the issuer that is meant where none is named.
const DefaultIssuer = githubIssuer

// names tells whether `iss` is the URL of a repository. Its server is known where the
// issuer is GitHub's; another issuer may be on a host of its own.
func (i *Issuer) names(iss, repository string) bool {
	u, err := url.Parse(iss)
	if err != nil || repository == "" || u.Hostname() == "" || iss != "https://"+u.Host+u.Path {
		return false
	}
	if server := i.server(); server != "" && !runspec.SameName(server, "https://"+u.Host) {
		return false
	}
	return runspec.SameName(u.Path, "/"+repository)
}

// server returns the server whose jobs an issuer tells the identities of, or "" where
// that cannot be known: github.com, a GitHub Enterprise Server, or GitHub with data
// residency. An enterprise may have an issuer below GitHub's.
func (i *Issuer) server() string {
	if i.URL == githubIssuer || strings.HasPrefix(i.URL, githubIssuer+"/") {
		return "https://github.com"
	}
	if server, ok := strings.CutSuffix(i.URL, "/_services/token"); ok {
		return server
	}
	rest, ok := strings.CutPrefix(i.URL, "https://token.actions.")
	if host, _, _ := strings.Cut(rest, "/"); ok && strings.HasSuffix(host, ".ghe.com") {
		return "https://" + host
	}
	return ""
}
