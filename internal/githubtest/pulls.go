package githubtest

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// A PullRequest is a pull request of a repository.
type PullRequest struct {
	Number      int
	Title, Body string
	Head, Base  string // names of branches
	State       string // open or closed
	URL         string
}

type pull struct {
	PullRequest
	draft            bool
	created, updated time.Time
	closed           time.Time
	head, base       string // commits; a branch may be deleted later
}

// PullRequests returns the pull requests in the order of their numbers.
func (r *Repo) PullRequests() []PullRequest {
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	all := make([]PullRequest, len(r.pulls))
	for i, p := range r.pulls {
		all[i] = p.PullRequest
	}
	return all
}

// What GitHub says of a pull request that it refuses.
var (
	errNoHead = errors.New("Head ref must be a branch")
	errNoBase = errors.New("Base ref must be a branch")
)

// openPull opens a pull request, or says why GitHub would not.
func (r *Repo) openPull(title, body, head, base string, draft bool) (*pull, error) {
	head = strings.TrimPrefix(strings.TrimPrefix(head, r.owner.login+":"), "refs/heads/")
	base = strings.TrimPrefix(base, "refs/heads/")
	from, to := r.objects[r.refs["refs/heads/"+head]], r.objects[r.refs["refs/heads/"+base]]
	switch {
	case from == nil:
		return nil, errNoHead
	case to == nil:
		return nil, errNoBase
	case len(r.compare(to, from).ahead) == 0:
		return nil, fmt.Errorf("No commits between %s and %s", base, head)
	}
	for _, p := range r.pulls {
		if p.Head == head && p.Base == base && p.State == "open" {
			return nil, fmt.Errorf("A pull request already exists for %s:%s.", r.owner.login, head)
		}
	}
	now, number := r.tick(), len(r.pulls)+1
	p := &pull{
		PullRequest: PullRequest{
			Number: number, Title: title, Body: body, Head: head, Base: base, State: "open",
			URL: fmt.Sprintf("%s/%s/pull/%d", r.s.url, r.fullName(), number),
		},
		draft: draft, created: now, updated: now, head: from.oid, base: to.oid,
	}
	r.pulls = append(r.pulls, p)
	return p, nil
}

// editPull changes what is given of a pull request.
func (r *Repo) editPull(p *pull, title, body, base, state *string) error {
	if base != nil {
		if _, ok := r.refs["refs/heads/"+*base]; !ok {
			return errNoBase
		}
		p.Base = *base
	}
	if title != nil {
		p.Title = *title
	}
	if body != nil {
		p.Body = *body
	}
	p.updated = r.tick()
	if state != nil && *state != p.State {
		p.State, p.closed = *state, time.Time{}
		if p.State == "closed" {
			p.closed = p.updated
		}
	}
	return nil
}

// pullNumbered is the pull request of that number, or nil.
func (r *Repo) pullNumbered(number int) *pull {
	if number < 1 || number > len(r.pulls) {
		return nil
	}
	return r.pulls[number-1]
}

// headOf is the commit that a pull request brings: the head of its branch, as
// long as that and the pull request are there.
func (r *Repo) headOf(p *pull) string {
	if oid, ok := r.refs["refs/heads/"+p.Head]; ok && p.State == "open" {
		p.head = oid
	}
	return p.head
}

// baseOf is the commit that a pull request goes to.
func (r *Repo) baseOf(p *pull) string {
	if oid, ok := r.refs["refs/heads/"+p.Base]; ok && p.State == "open" {
		p.base = oid
	}
	return p.base
}
