// Package runspec owns the spec: the JSON object that says what one run may do.
//
// Version 1 has these fields. All but version may be absent, and what is absent
// is not limited.
//
//	{
//	  "version": 1,
//	  "repository": "acme/widgets", "repository_id": "456789", "repository_owner_id": "123456",
//	  "ref": "refs/heads/main", "sha": "0123456789abcdef0123456789abcdef01234567",
//	  "workflow": ".github/workflows/deploy.yml", "event": "workflow_dispatch",
//	  "actor": "octocat", "actor_id": "583231",
//	  "environment": "production", "stack": "staging-vpc",
//	  "commands": ["terraform plan"],
//	  "inputs": {"reason": "weekly"},
//	  "artifacts": [{"path": "dist/app.tgz", "size": 10240, "sha256": "<64 hex>"}],
//	  "signer": {"repository": "acme/orchestrator", "workflow_ref": "…", "run_id": "…",
//	             "run_attempt": 1, "actor": "octocat", "sha": "…"}
//	}
//
// A field that is not listed is refused, for it may be a limit that a newer
// signer set. A field of text is never empty and input values are text. The
// spec travels as the claim `spec` of a token of the form [Token]; its digest is
// SHA-256 over its RFC 8785 form, written sha256:<hex>.
package runspec

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/countersign-ci/countersign/internal/advice"
	"github.com/countersign-ci/countersign/internal/jose"
)

// Version is the version of the spec that this package reads and writes.
const Version = 1

// MaxLifetime is how long a token for a run may be valid.
const MaxLifetime = 24 * time.Hour

// Token is the form of a token that carries a spec. It has to fit into the
// payload of a workflow_dispatch, which GitHub limits to 65,535 bytes.
var Token = jose.Form{
	Type:    "run-spec+jwt",
	Claims:  []string{"iss", "aud", "sub", "iat", "nbf", "exp", "jti", "spec"},
	MaxSize: 65535,
}

// Manifest is the form of a token whose spec says what was built: at most 64 MiB,
// of which 100,000 files take 20. It may be valid for any time.
var Manifest = jose.Form{
	Type:       "artifacts+jwt",
	Claims:     Token.Claims,
	MaxSize:    64 << 20,
	LongArrays: true,
}

// A Spec says what one run may do. A zero field is absent.
type Spec struct {
	Version           int               `json:"version"`
	Repository        string            `json:"repository,omitempty"`
	RepositoryID      string            `json:"repository_id,omitempty"`
	RepositoryOwnerID string            `json:"repository_owner_id,omitempty"`
	Ref               string            `json:"ref,omitempty"`
	SHA               string            `json:"sha,omitempty"`
	Workflow          string            `json:"workflow,omitempty"`
	Event             string            `json:"event,omitempty"`
	Actor             string            `json:"actor,omitempty"`
	ActorID           string            `json:"actor_id,omitempty"`
	Environment       string            `json:"environment,omitempty"`
	Stack             string            `json:"stack,omitempty"`
	Commands          []string          `json:"commands,omitzero"`
	Inputs            map[string]string `json:"inputs,omitzero"`
	Artifacts         []Artifact        `json:"artifacts,omitzero"`
	Signer            *Signer           `json:"signer,omitempty"`
}

// An Artifact is a file of a manifest.
type Artifact struct {
	Path   string `json:"path"`   // slash-separated, relative
	Size   int64  `json:"size"`   // bytes, below 2^53
	SHA256 string `json:"sha256"` // 64 lower-case hex digits
}

// A Signer is the run that signed a spec.
type Signer struct {
	Repository  string `json:"repository,omitempty"`
	WorkflowRef string `json:"workflow_ref,omitempty"`
	RunID       string `json:"run_id,omitempty"`
	RunAttempt  int    `json:"run_attempt,omitempty"` // from 1
	Actor       string `json:"actor,omitempty"`
	SHA         string `json:"sha,omitempty"`
}

// A Field is a field of the spec that holds one text.
type Field struct {
	Name string // as in the spec, such as repository_id
	Of   func(*Spec) *string
}

// Fields are the fields of one text, in the order of the spec.
var Fields = []Field{
	{"repository", func(s *Spec) *string { return &s.Repository }},
	{"repository_id", func(s *Spec) *string { return &s.RepositoryID }},
	{"repository_owner_id", func(s *Spec) *string { return &s.RepositoryOwnerID }},
	{"ref", func(s *Spec) *string { return &s.Ref }},
	{"sha", func(s *Spec) *string { return &s.SHA }},
	{"workflow", func(s *Spec) *string { return &s.Workflow }},
	{"event", func(s *Spec) *string { return &s.Event }},
	{"actor", func(s *Spec) *string { return &s.Actor }},
	{"actor_id", func(s *Spec) *string { return &s.ActorID }},
	{"environment", func(s *Spec) *string { return &s.Environment }},
	{"stack", func(s *Spec) *string { return &s.Stack }},
}

// FieldNamed returns the field of one text with that name.
func FieldNamed(name string) (f Field, ok bool) {
	i := slices.IndexFunc(Fields, func(f Field) bool { return f.Name == name })
	if i < 0 {
		return Field{}, false
	}
	return Fields[i], true
}

// Has tells whether the spec has the field of that name.
func (s *Spec) Has(name string) bool {
	switch name {
	case "commands":
		return s.Commands != nil
	case "inputs":
		return s.Inputs != nil
	}
	f, ok := FieldNamed(name)
	return ok && *f.Of(s) != ""
}

// Digest returns the digest of a spec in canonical form: sha256:<64 hex>.
func Digest(canonical []byte) string {
	sum := sha256.Sum256(canonical)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// Subject returns the `sub` of the spec's token: <repository>@<sha>, with
// nothing in the place of what is absent.
func (s *Spec) Subject() string { return s.Repository + "@" + s.SHA }

var (
	repositoryName = regexp.MustCompile(`^[A-Za-z0-9._-]+/[A-Za-z0-9._-]+$`)
	commitID       = regexp.MustCompile(`^([0-9a-f]{40}|[0-9a-f]{64})$`)
	numericID      = regexp.MustCompile(`^[0-9]+$`)
)

// IsCommitID tells whether s is a commit's id in full: SHA-1 or SHA-256 in hex.
func IsCommitID(s string) bool { return commitID.MatchString(s) }

// Validate checks what a signer is about to sign: a spec that it refuses could
// never be met by a run.
func (s *Spec) Validate() error {
	for _, f := range Fields {
		value, wants, hint := *f.Of(s), "", ""
		if value == "" {
			continue
		}
		switch {
		case f.Name == "repository" && !repositoryName.MatchString(value):
			wants, hint = "owner/name", "give OWNER/NAME, such as acme/widgets, without a server"
		case f.Name == "sha" && !IsCommitID(value):
			wants, hint = "a full commit id: 40 or 64 hex digits in small letters", "`git rev-parse HEAD` prints it, or that of a ref in place of HEAD"
		case strings.HasSuffix(f.Name, "_id") && !numericID.MatchString(value):
			wants, hint = "a number", "`gh api repos/OWNER/NAME` and `gh api users/LOGIN` tell ids, or leave it out"
		case f.Name == "ref" && !strings.HasPrefix(value, "refs/"):
			wants, hint = "a full ref, such as refs/heads/main", "write refs/heads/NAME for a branch, refs/tags/NAME for a tag"
		}
		if wants != "" {
			return &advice.Error{Reason: fmt.Sprintf("%s is %.100q and should be %s", f.Name, value, wants), Advice: hint}
		}
	}
	for _, a := range s.Artifacts {
		if reason := a.malformed(); reason != "" {
			return fmt.Errorf("the artifact %.200q %s", a.Path, reason)
		}
	}
	if !s.isUTF8() {
		return errors.New("the spec has a text that is not UTF-8")
	}
	return nil
}

// isUTF8 tells whether all texts are UTF-8; what is not would be signed as
// something else.
func (s *Spec) isUTF8() bool {
	texts := slices.Clone(s.Commands)
	for _, f := range Fields {
		texts = append(texts, *f.Of(s))
	}
	for name, value := range s.Inputs {
		texts = append(texts, name, value)
	}
	for _, a := range s.Artifacts {
		texts = append(texts, a.Path)
	}
	if s.Signer != nil {
		texts = append(texts, s.Signer.Repository, s.Signer.WorkflowRef, s.Signer.RunID, s.Signer.Actor, s.Signer.SHA)
	}
	return !slices.ContainsFunc(texts, func(text string) bool { return !utf8.ValidString(text) })
}
