package github

import (
	"context"
	"fmt"
	"slices"

	"github.com/countersign-ci/countersign/internal/pin"
)

// pages are how far a list was read.
type pages struct {
	next string
	seen int
	end  bool // nothing is left, or the bound is reached
	part bool // the bound is reached
}

func (p *pages) read(seen int, next string) {
	p.next, p.seen = next, p.seen+seen
	p.part = next != "" && (p.seen >= maxRefs || seen == 0)
	p.end = next == "" || p.part
}

// askOn goes through the branches of each search as long as a commit has no
// holder, and then through its tags, a page of several searches in one request.
// The first of the tags are asked together with branches.
func (c *Client) askOn(ctx context.Context, searches []*search) error {
	for {
		open := slices.DeleteFunc(slices.Clone(searches), func(s *search) bool { return len(s.left()) == 0 })
		if len(open) == 0 {
			break
		}
		if err := batches(ctx, open, maxCompares, (*search).pageCost, c.askPages); err != nil {
			return err
		}
	}
	for _, s := range searches {
		for _, w := range s.commits {
			switch {
			case w.holder.Branch != "":
				w.holder.Tag = "" // seen before the branch was
			case !w.done:
				w.holder.Partial = s.heads.part || w.holder.Tag == "" && s.tags.part
			}
		}
	}
	return nil
}

// left are the commits for which there is another page to ask.
func (s *search) left() []*wanted {
	switch {
	case !s.heads.end:
		return s.open()
	case s.tags.end:
		return nil
	}
	// A tag is enough for a commit that no branch holds.
	return slices.DeleteFunc(s.open(), func(w *wanted) bool { return w.holder.Tag != "" })
}

// nextPage is how many branches, and whether tags, are asked next.
func (s *search) nextPage() (heads int, tags bool) {
	if s.heads.end {
		return 0, true
	}
	heads = min(s.width/len(s.left()), maxRefs-s.heads.seen)
	if s.short && s.heads.seen == 0 {
		heads = min(heads, worthwhile)
	}
	return max(1, heads), !s.tags.end && s.tags.seen == 0
}

func (s *search) pageCost() int {
	heads, tags := s.nextPage()
	cost := heads * len(s.left())
	if tags {
		cost += maxCompares / listBudget
	}
	return cost
}

// askPages asks for a page of branches, of tags, or of both, of each search.
func (c *Client) askPages(ctx context.Context, batch []*search) error {
	q := newQuery("query")
	halves := len(batch) > 1
	for i, s := range batch {
		q.open(fmt.Sprintf("r%d", i), s.commits[0].Repository)
		heads, tags := s.nextPage()
		if heads > 0 {
			q.heads("h", "", s.heads.next, heads, s.left())
		}
		if tags {
			q.tags("t", "", s.tags.next, min(page, maxRefs-s.tags.seen))
		}
		q.add("}")
		halves = halves || heads > 1
	}
	root, err := c.ask(ctx, q, halves)
	if err == errTooMuch && len(batch) == 1 {
		heads, _ := batch[0].nextPage()
		batch[0].width = heads * len(batch[0].left()) / 2
		return c.askPages(ctx, batch)
	}
	if err != nil {
		return err
	}
	for i, s := range batch {
		f, err := root.repository(fmt.Sprintf("r%d", i))
		if err != nil {
			return err
		}
		if f == nil {
			return c.unreadable("the repository %s was there before and is not any more", s.commits[0].Repository)
		}
		heads, tags := s.nextPage()
		if err := f.list(s, s.left(), heads > 0, tags); err != nil {
			return err
		}
	}
	return nil
}

// list reads a page of branches, of tags, or of both.
func (f *field) list(s *search, commits []*wanted, heads, tags bool) error {
	if heads {
		seen, next, err := f.heads("h", commits)
		if err != nil {
			return err
		}
		s.heads.read(seen, next)
	}
	if !tags {
		return nil
	}
	found, seen, next, err := f.tags("t")
	if err != nil {
		return err
	}
	s.tags.read(seen, next)
	for _, w := range commits {
		i := slices.IndexFunc(found, func(t pin.Tag) bool { return t.Commit == w.SHA })
		if i >= 0 && !w.done && w.holder.Tag == "" {
			w.holder.Tag = found[i].Name
		}
	}
	return nil
}
