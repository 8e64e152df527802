package runspec

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/countersign-ci/countersign/internal/jose"
)

// defaultServerURL is the server that is meant where a context names none.
const defaultServerURL = "https://github.com"

// A Context is what is known of the run at hand. What is empty is not known.
type Context struct {
	OnRunner          bool   // whether a runner says that this is a run
	ServerURL         string // without a slash at its end
	Repository        string
	RepositoryID      string
	RepositoryOwnerID string
	Ref               string
	SHA               string
	WorkflowRef       string // owner/name/path@ref
	Event             string
	Actor             string
	ActorID           string
	TriggeringActor   string
	RunID             string
	RunAttempt        int // from 1
	// Inputs are the inputs of a dispatch, with the token's own.
	Inputs Inputs
	// Command is what the job is about to execute, nil where its system does not
	// tell: GitHub does not.
	Command *string
}

// Inputs are the inputs of a run by their names.
type Inputs struct {
	// Known is false for a dispatch whose event payload is missing.
	Known bool
	// Text are the inputs that are a string, or a boolean or an integer, which
	// stand as text.
	Text map[string]string
	// Other are the sorted names of inputs with another type of value. They
	// exist only in the client payload of a repository_dispatch.
	Other []string
}

// ParseInputs reads inputs from a JSON object. A null stands for no inputs at
// all, and as a value for an absent one.
func ParseInputs(v jose.Value) (Inputs, error) {
	in := Inputs{Known: true, Text: map[string]string{}}
	if v.Kind == jose.Null {
		return in, nil
	}
	err := elements(v, jose.Object, func(m jose.Member) error {
		switch m.Value.Kind {
		case jose.String, jose.Bool:
			in.Text[m.Name] = m.Value.Text
		case jose.Null:
		default:
			if _, err := m.Value.Int(); err != nil {
				in.Other = append(in.Other, m.Name)
				return nil
			}
			in.Text[m.Name] = m.Value.Text
		}
		return nil
	})
	slices.Sort(in.Other)
	return in, err
}

// IsKnown tells whether there is a run at all. An actor and a server alone are
// none: people set those variables too, and other systems.
func (c *Context) IsKnown() bool {
	return c.OnRunner || c.Repository != "" || c.SHA != "" || c.RunID != "" || c.RunAttempt != 0 || c.Event != ""
}

// Workflow returns the path of the workflow file in the run's repository. The
// path of a workflow in another repository has the name of that one before it.
func (c *Context) Workflow() string {
	// A workflow's file may be called deploy.yml@evil.yml, so the first @ does
	// not end the path; no file lies below the folder, so @refs/ does.
	path, _, found := strings.Cut(c.WorkflowRef, "@refs/")
	parts := strings.SplitN(path, "/", 3)
	switch {
	case !found || len(parts) < 3:
		return ""
	case c.Repository == "" || SameName(parts[0]+"/"+parts[1], c.Repository):
		return parts[2]
	}
	return path
}

// RepositoryURL returns the URL of a repository on the context's server, as
// `iss` and `aud` name it.
func (c *Context) RepositoryURL(repository string) string {
	server := c.ServerURL
	if server == "" {
		server = defaultServerURL
	}
	return server + "/" + repository
}

// Facts returns what the context knows in the form of a spec.
func (c *Context) Facts() *Spec {
	return &Spec{
		Repository: c.Repository, RepositoryID: c.RepositoryID, RepositoryOwnerID: c.RepositoryOwnerID,
		Ref: c.Ref, SHA: c.SHA, Workflow: c.Workflow(), Event: c.Event, Actor: c.Actor, ActorID: c.ActorID,
	}
}

// Fill gives a spec what the signer's own context knows and the spec does not
// say yet: the actor always; the ids, ref and commit where the spec is for the
// same repository; the event and its inputs, without the token's own, where it
// is for the same workflow too. It names the signer.
func (s *Spec) Fill(c Context, tokenInput string) error {
	s.Version = Version
	s.Signer = c.signer()
	own := c.Facts()
	fill := func(names ...string) {
		for _, name := range names {
			f, _ := FieldNamed(name)
			if to := f.Of(s); *to == "" {
				*to = *f.Of(own)
			}
		}
	}
	// An id belongs to the name that it was read with.
	if s.Actor == "" || SameName(s.Actor, c.Actor) {
		fill("actor", "actor_id")
	}
	if s.Repository != "" && !SameName(s.Repository, c.Repository) {
		return nil
	}
	fill("repository", "repository_id", "repository_owner_id", "ref", "sha")
	if s.Workflow != "" && s.Workflow != own.Workflow {
		return nil
	}
	fill("workflow", "event")
	if s.Inputs != nil || s.Event != c.Event || c.Event == "" {
		return nil
	}
	inputs, err := c.Inputs.forSpec(tokenInput)
	s.Inputs = inputs
	return err
}

// forSpec returns the inputs as a spec holds them, or nil where there are none.
func (in Inputs) forSpec(tokenInput string) (map[string]string, error) {
	if !in.Known {
		return nil, fmt.Errorf("the inputs of this run are not known, for its event payload is missing")
	}
	if other := slices.DeleteFunc(slices.Clone(in.Other), func(name string) bool { return name == tokenInput }); len(other) > 0 {
		return nil, fmt.Errorf("the input %.40q is neither text nor a boolean nor an integer, and only those can be signed", other[0])
	}
	inputs := maps.Clone(in.Text)
	delete(inputs, tokenInput)
	if len(inputs) == 0 {
		return nil, nil
	}
	return inputs, nil
}

func (c *Context) signer() *Signer {
	s := &Signer{
		Repository: c.Repository, WorkflowRef: c.WorkflowRef, RunID: c.RunID,
		RunAttempt: c.RunAttempt, Actor: c.Actor, SHA: c.SHA,
	}
	if *s == (Signer{}) {
		return nil
	}
	return s
}

// SignedIn tells whether the spec was signed in the very run and attempt of c.
func (s *Spec) SignedIn(c Context) bool {
	return s.Signer != nil && c.Repository != "" && c.RunID != "" && c.RunAttempt > 0 &&
		s.Signer.RunID == c.RunID && s.Signer.RunAttempt == c.RunAttempt && SameName(s.Signer.Repository, c.Repository)
}

// SameName compares names of accounts, repositories and environments as GitHub
// does, without regard to ASCII case. [strings.EqualFold] would fold letters
// beyond ASCII too, such as U+212A into k.
func SameName(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		if lower(a[i]) != lower(b[i]) {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}
