package github

import (
	"context"
	"fmt"
	"slices"

	"github.com/countersign-ci/countersign/internal/pin"
)

const (
	maxCompares = 50 // in a request
	nearBy      = 10 // branches that are asked first
	// A first request also asks for branches of any name if there is room for
	// that many of them.
	worthwhile = 10
)

// A wanted is a commit with what is known of its holder.
type wanted struct {
	pin.Commit
	holder pin.Holder
	done   bool
}

func (w *wanted) key() string { return w.Repository.Key() }

// cost is how many comparisons the first request needs: that with the default
// branch and those with the branches nearby.
func (w *wanted) cost() int {
	if w.Near != "" {
		return 1 + nearBy
	}
	return 1
}

// A search is for some commits of one repository, which share its pages.
type search struct {
	commits []*wanted
	heads   pages
	tags    pages
	// width is how many comparisons are asked at once; less where the server
	// says that a request is too much for it.
	width int
	// plain: the first request is for nothing but the default branch, for the
	// same reason.
	plain bool
	// short: the first page is for few branches, so that others fit beside it.
	short bool
}

func (s *search) cost() (n int) {
	if s.plain {
		return len(s.commits)
	}
	for _, w := range s.commits {
		n += w.cost()
	}
	return n
}

// open are the commits that have no holder yet.
func (s *search) open() []*wanted {
	return slices.DeleteFunc(slices.Clone(s.commits), func(w *wanted) bool { return w.done })
}

// Holders implements [pin.Server].
func (c *Client) Holders(ctx context.Context, commits []pin.Commit) ([]pin.Holder, error) {
	for _, w := range commits {
		if err := checkWanted(w); err != nil {
			return nil, err
		}
	}
	different, index := distinct(commits, func(w pin.Commit) pin.Commit {
		w.Repository = pin.Repository{Name: w.Repository.Key()}
		return w
	})
	all, err := either(c,
		func() ([]*wanted, error) { return c.holders(ctx, newWanted(different)) },
		func() ([]*wanted, error) { return c.restHolders(ctx, newWanted(different)) })
	if err != nil {
		return nil, err
	}
	holders := make([]pin.Holder, len(commits))
	for i, at := range index {
		holders[i] = all[at].holder
	}
	return holders, nil
}

func newWanted(commits []pin.Commit) []*wanted {
	all := make([]*wanted, len(commits))
	for i, w := range commits {
		all[i] = &wanted{Commit: w}
	}
	return all
}

// holders asks through GraphQL. First come the default branch and the branches
// nearby, for several commits in one request. Where there are few commits each
// search has a request of its own, and room in it for other branches and for tags:
// then that is the only one for most repositories. Where there are many a short
// page of each comes next.
func (c *Client) holders(ctx context.Context, all []*wanted) ([]*wanted, error) {
	var searches []*search
	_ = runs(together(all, (*wanted).key), (*wanted).key, func(group []*wanted) error {
		left := 0
		for _, w := range group {
			if w.cost() > left {
				searches, left = append(searches, &search{width: maxCompares}), maxCompares
			}
			left -= w.cost()
			s := searches[len(searches)-1]
			s.commits = append(s.commits, w)
		}
		return nil
	})
	budget := maxCompares
	if len(searches) <= graphQLAtOnce {
		budget = 0
	} else {
		for _, s := range searches {
			s.short = true
		}
	}
	if err := batches(ctx, searches, budget, (*search).cost, c.askNear); err != nil {
		return nil, err
	}
	return all, c.askOn(ctx, searches)
}

// room is how many branches of any name fit into the first request of a search.
func (s *search) room() int {
	if n := (s.width - s.cost()) / len(s.commits); n >= worthwhile && !s.plain {
		return n
	}
	return 0
}

// askNear asks what the commits are, for the default branch, and for the branches
// nearby.
func (c *Client) askNear(ctx context.Context, batch []*search) error {
	q := newQuery("query")
	for i, s := range batch {
		q.open(fmt.Sprintf("r%d", i), s.commits[0].Repository)
		for k, w := range s.commits {
			q.object(fmt.Sprintf("o%d", k), w.SHA)
		}
		q.add("defaultBranchRef{name ")
		q.compares(s.commits)
		q.add("}")
		for k, w := range s.commits {
			if w.Near != "" && !s.plain {
				q.heads(fmt.Sprintf("n%d", k), w.Near, "", nearBy, s.commits[k:k+1])
			}
		}
		if n := s.room(); n > 0 && len(batch) == 1 {
			q.heads("h", "", "", n, s.commits)
			q.tags("t", "", "", page)
		}
		q.add("}")
	}
	root, err := c.ask(ctx, q, len(batch) > 1 || !batch[0].plain)
	if err == errTooMuch && len(batch) == 1 {
		batch[0].plain = true
		return c.askNear(ctx, batch)
	}
	if err != nil {
		return err
	}
	for i, s := range batch {
		f, err := root.repository(fmt.Sprintf("r%d", i))
		if err != nil {
			return err
		}
		if f == nil { // and so nothing holds them
			for _, w := range s.commits {
				w.done = true
			}
			continue
		}
		if err := f.near(s, len(batch) == 1); err != nil {
			return err
		}
	}
	return nil
}

// compares asks to compare a branch with commits, as c0, c1 and so on.
func (q *query) compares(commits []*wanted) {
	for k, w := range commits {
		q.add("c%d:compare(headRef:%s){status}", k, q.value("String!", w.SHA))
	}
}

// heads asks for a page of branches and what they hold of the commits.
func (q *query) heads(alias, part, after string, first int, commits []*wanted) {
	q.add(`%s:refs(refPrefix:"refs/heads/",first:%d`, alias, first)
	if part != "" {
		q.add(",query:%s", q.value("String!", part))
	}
	if after != "" {
		q.add(",after:%s", q.value("String!", after))
	}
	q.add("){nodes{prefix name ")
	q.compares(commits)
	q.add("}pageInfo{hasNextPage endCursor}}")
}

// near reads the answer to askNear about one repository.
func (f *field) near(s *search, alone bool) error {
	for k, w := range s.commits {
		kind, err := f.kind(fmt.Sprintf("o%d", k), w.SHA)
		if err != nil {
			return err
		}
		// What is no commit can be held by nothing.
		w.holder.TagObject, w.done = kind == "Tag", kind != "Commit"
	}
	// All are read with their places in the request, so done ones stay in.
	branch, _, err := f.object("defaultBranchRef")
	if err == nil && branch != nil {
		err = branch.holds(s.commits)
	}
	if err != nil {
		return err
	}
	for k, w := range s.commits {
		if w.Near == "" || s.plain {
			continue
		}
		if _, _, err := f.heads(fmt.Sprintf("n%d", k), s.commits[k:k+1]); err != nil {
			return err
		}
	}
	if s.room() == 0 || !alone {
		return nil
	}
	return f.list(s, s.commits, true, true)
}

// holds reads the comparisons of a branch and gives it to the commits that it
// holds and that have no holder yet.
func (f *field) holds(commits []*wanted) error {
	var name string
	if _, err := f.get("name", &name); err != nil {
		return err
	}
	for k, w := range commits {
		held, err := f.held(fmt.Sprintf("c%d", k))
		if err != nil {
			return err
		}
		if held && !w.done {
			if checkRef(name) != nil {
				return f.client.unreadable("%s is no branch", f.path)
			}
			w.holder.Branch, w.done = name, true
		}
	}
	return nil
}

// heads reads a page of branches.
func (f *field) heads(alias string, commits []*wanted) (seen int, next string, err error) {
	nodes, next, err := f.nodes(alias)
	if err != nil {
		return 0, "", err
	}
	for _, n := range nodes {
		var prefix string
		if _, err := n.get("prefix", &prefix); err != nil {
			return 0, "", err
		}
		if prefix != headPrefix {
			return 0, "", f.client.unreadable("%s is no branch", n.path)
		}
		if err := n.holds(commits); err != nil {
			return 0, "", err
		}
	}
	return len(nodes), next, nil
}
