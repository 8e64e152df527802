package ledger

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/countersign-ci/countersign/internal/github"
	"github.com/countersign-ci/countersign/internal/pin"
	"github.com/countersign-ci/countersign/internal/runspec"
)

const (
	refsRoot  = "refs/countersign"
	tagName   = "countersign"
	maxTries  = 5
	firstWait = time.Second // doubled each time
)

// GitRefs is the store in the refs of a repository on GitHub.
type GitRefs struct {
	client     *github.Client
	repository pin.Repository
}

// NewGitRefs returns the store in a repository, given as owner/name. The client is
// for one run, as its waits are.
func NewGitRefs(client *github.Client, repository string) (*GitRefs, error) {
	r, err := github.ParseRepository(repository)
	if err != nil {
		return nil, err
	}
	return &GitRefs{client, r}, nil
}

// Create implements [Store]. Where no answer is lost it takes two requests, and in
// a repository other than the record's one more.
func (g *GitRefs) Create(ctx context.Context, name string, r Record, commit string) error {
	if commit == "" || !runspec.SameName(r.Repository, g.repository.String()) {
		var err error
		if _, commit, err = g.client.DefaultBranch(ctx, g.repository); err != nil {
			return err
		}
	}
	object, err := g.object(ctx, r, commit)
	if err != nil {
		return err
	}
	return g.create(ctx, refsRoot+"/"+name, object)
}

// object makes the tag object of a record.
func (g *GitRefs) object(ctx context.Context, r Record, commit string) (id string, err error) {
	err = g.try(ctx, func() (again bool, err error) {
		id, err = g.client.CreateTagObject(ctx, g.repository, github.TagObject{Name: tagName, Message: r.text(), Commit: commit})
		return errors.Is(err, github.ErrLost), err
	})
	if errors.Is(err, github.ErrLost) {
		err = &Error{Reason: "the ledger cannot be written", Advice: adviceLater, Cause: err}
	}
	return id, err
}

// create makes a ref that leads to an object that nobody else has. Once an answer
// was lost, a ref that is there may be this call's own: then, and only then, it is
// read, and the object tells.
func (g *GitRefs) create(ctx context.Context, ref, object string) error {
	lost := false
	err := g.try(ctx, func() (again bool, err error) {
		err = g.client.CreateRef(ctx, g.repository, ref, object)
		exists := errors.Is(err, github.ErrRefExists)
		lost = lost || errors.Is(err, github.ErrLost)
		switch {
		case exists && !lost:
			return false, ErrUsed
		case !exists && !errors.Is(err, github.ErrLost):
			return false, err // nil among them
		}
		found, errRead := g.client.Ref(ctx, g.repository, ref)
		switch {
		case errRead != nil:
			return false, errRead
		case found == object:
			return false, nil
		case found != "":
			return false, ErrUsed
		}
		return true, err // not carried out, not yet, or read from a copy that lags behind
	})
	if err != nil && lost && !isUsed(err) {
		err = &Error{Reason: "the ledger does not tell whether the token was used", Advice: adviceLost, Cause: err}
	}
	return err
}

// try does something until it says not to do it again, a bounded number of times.
func (g *GitRefs) try(ctx context.Context, do func() (again bool, err error)) error {
	wait := firstWait
	for n := 1; ; n++ {
		again, err := do()
		if !again || n == maxTries {
			return err
		}
		if err := g.client.Pause(ctx, wait); err != nil {
			return err
		}
		wait *= 2
	}
}

// Read implements [Store].
func (g *GitRefs) Read(ctx context.Context, name string) (Record, error) {
	id, err := g.client.Ref(ctx, g.repository, refsRoot+"/"+name)
	switch {
	case err != nil:
		return Record{}, err
	case id == "":
		return Record{}, &Error{Reason: "the token's entry in the ledger is gone again", Advice: adviceForm}
	}
	message, err := g.client.TagMessage(ctx, g.repository, id)
	if err != nil {
		return Record{}, err
	}
	r, ok := parseRecord(message)
	if !ok {
		return Record{}, foreign("another tag")
	}
	return r, nil
}

// Remove implements [Store].
func (g *GitRefs) Remove(ctx context.Context, past func(time.Time) bool) (removed int, err error) {
	refs, err := g.below(ctx, refsRoot+"/")
	if err != nil {
		return 0, err
	}
	for _, ref := range refs {
		if day, ok := dayOf(strings.TrimPrefix(ref, refsRoot+"/")); !ok || !past(day) {
			continue
		}
		err := g.try(ctx, func() (again bool, err error) {
			err = g.client.DeleteRef(ctx, g.repository, ref)
			return errors.Is(err, github.ErrLost), err
		})
		if err != nil {
			return removed, err
		}
		removed++
	}
	return removed, nil
}

// shape has a digit for each digit of a day, and an f for one of a key.
const shape = refsRoot + "/0000-00-00/ffff"

// below returns the refs whose name begins so. Where they are too many for one
// answer, as if nobody had removed any for long, it asks for a part at a time.
func (g *GitRefs) below(ctx context.Context, prefix string) ([]string, error) {
	refs, err := g.client.RefsBelow(ctx, g.repository, prefix)
	if !errors.Is(err, github.ErrSize) || len(prefix) == len(shape) {
		return refs, err
	}
	digits := shape[len(prefix) : len(prefix)+1]
	switch digits {
	case "0":
		digits = "0123456789"
	case "f":
		digits = "0123456789abcdef"
	}
	for _, next := range digits {
		part, err := g.below(ctx, prefix+string(next))
		if err != nil {
			return nil, err
		}
		refs = append(refs, part...)
	}
	return refs, nil
}
