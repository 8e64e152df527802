package github

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/countersign-ci/countersign/internal/pin"
)

const (
	questionBudget = 100 // of a request: 1 a question, 2 with Series or Commit
	firstSeries    = 20
	page           = 100 // the most that GitHub gives
	maxRefs        = 500 // of a kind, of a repository, that are looked at
	listBudget     = 10  // repositories whose lists are in one request
)

// An asked is a question with what is known of its answer.
type asked struct {
	pin.Question
	answer pin.Answer
	next   string // the page of the series after its first 20
}

// Resolve implements [pin.Server].
func (c *Client) Resolve(ctx context.Context, questions []pin.Question) ([]pin.Answer, error) {
	for _, q := range questions {
		if err := checkQuestion(q); err != nil {
			return nil, err
		}
	}
	different, index := distinct(questions, func(q pin.Question) pin.Question {
		q.Repository = pin.Repository{Name: q.Repository.Key()}
		return q
	})
	all, err := either(c,
		func() ([]*asked, error) { return c.resolve(ctx, newAsked(different)) },
		func() ([]*asked, error) { return c.restResolve(ctx, newAsked(different)) })
	if err != nil {
		return nil, err
	}
	answers := make([]pin.Answer, len(questions))
	for i, at := range index {
		answers[i] = all[at].answer
	}
	return answers, nil
}

func newAsked(questions []pin.Question) []*asked {
	all := make([]*asked, len(questions))
	for i, q := range questions {
		all[i] = &asked{Question: q}
	}
	return all
}

func (a *asked) key() string { return a.Repository.Key() }

func (a *asked) cost() int {
	if a.Series != "" || a.Commit != "" {
		return 2
	}
	return 1
}

// noTag tells whether a tag was asked for that is not there.
func (a *asked) noTag() bool { return a.Tag != "" && a.answer.Tag == nil && !a.answer.NoRepository }

// known tells whether Commit is that of a tag in the answer.
func (a *asked) known() bool {
	return a.answer.Tag != nil && a.answer.Tag.Commit == a.Commit ||
		slices.ContainsFunc(a.answer.Series, func(t pin.Tag) bool { return t.Commit == a.Commit })
}

// resolve asks through GraphQL.
func (c *Client) resolve(ctx context.Context, all []*asked) ([]*asked, error) {
	sorted := together(all, (*asked).key)
	err := batches(ctx, sorted, questionBudget, (*asked).cost, c.askQuestions)
	if err != nil {
		return nil, err
	}
	var branches []*asked
	series := map[string]*series{}
	for _, a := range sorted {
		if a.noTag() {
			branches = append(branches, a)
		}
		if a.Commit == "" || a.next == "" || a.known() {
			continue
		}
		key := a.key() + " " + a.Series
		if series[key] == nil {
			series[key] = newSeries(a)
		}
		series[key].askers = append(series[key].askers, a)
	}
	return all, each(ctx, 2, func(ctx context.Context, i int) error {
		if i == 0 {
			return batches(ctx, branches, questionBudget, func(*asked) int { return 1 }, c.askBranches)
		}
		return c.askSeries(ctx, series)
	})
}

// aliases are the names of the parts that are asked of a repository, by a letter
// for the kind and what is asked.
type aliases map[string]string

// of returns the alias of a part. It is fresh the first time, unless nothing is
// asked.
func (a aliases) of(kind, what string) (alias string, fresh bool) {
	if what == "" {
		return "", false
	}
	alias, ok := a[kind+what]
	if !ok {
		alias = fmt.Sprintf("%s%d", kind, len(a))
		a[kind+what] = alias
	}
	return alias, !ok
}

// askQuestions asks the questions in one request. Those of one repository are
// neighbours.
func (c *Client) askQuestions(ctx context.Context, batch []*asked) error {
	q := newQuery("query")
	var parts []aliases
	_ = runs(batch, (*asked).key, func(group []*asked) error {
		q.open(fmt.Sprintf("r%d", len(parts)), group[0].Repository)
		parts = append(parts, q.questions(group))
		return nil
	})
	root, err := c.ask(ctx, q, len(batch) > 1)
	if err != nil {
		return err
	}
	n := 0
	return runs(batch, (*asked).key, func(group []*asked) error {
		f, err := root.repository(fmt.Sprintf("r%d", n))
		if err != nil {
			return err
		}
		for _, a := range group {
			a.answer = pin.Answer{NoRepository: f == nil}
			if f == nil {
				continue
			}
			if err := f.answer(a, parts[n]); err != nil {
				return err
			}
		}
		n++
		return nil
	})
}

// questions asks the questions about one repository.
func (q *query) questions(group []*asked) aliases {
	names := aliases{}
	var compares strings.Builder
	for _, a := range group {
		if alias, fresh := names.of("t", a.Tag); fresh {
			q.ref(alias, tagPrefix+a.Tag)
		}
		if alias, fresh := names.of("s", a.Series); fresh {
			q.tags(alias, a.Series, "", firstSeries)
		}
		if alias, fresh := names.of("c", a.Commit); fresh {
			fmt.Fprintf(&compares, "%s:compare(headRef:%s){status}", alias, q.value("String!", a.Commit))
			q.object("o"+alias, a.Commit)
		}
	}
	if slices.ContainsFunc(group, func(a *asked) bool { return a.IDs }) {
		q.add("databaseId owner{...on User{databaseId}...on Organization{databaseId}}")
	}
	if compares.Len() > 0 {
		q.add("defaultBranchRef{%s}", compares.String())
	}
	q.add("}")
	return names
}

// answer reads the answer to one question from the part of its repository.
func (f *field) answer(a *asked, names aliases) (err error) {
	if a.Tag != "" {
		if a.answer.Tag, err = f.tag(names["t"+a.Tag], a.Tag); err != nil {
			return err
		}
	}
	if a.Series != "" {
		tags, _, next, err := f.tags(names["s"+a.Series])
		if err != nil {
			return err
		}
		a.answer.Series, a.next = inSeries(tags, a.Series), next
	}
	if a.Commit != "" {
		if a.answer.OnDefault, err = f.onDefault(names["c"+a.Commit], a.Commit); err != nil {
			return err
		}
	}
	if a.IDs {
		return f.ids(&a.answer)
	}
	return nil
}

func inSeries(tags []pin.Tag, series string) []pin.Tag {
	return slices.DeleteFunc(tags, func(t pin.Tag) bool { return !strings.HasPrefix(t.Name, series) })
}

// onDefault tells whether the default branch holds a commit. A comparison takes
// the id of a tag object for the tag's commit, so the object itself is looked at.
func (f *field) onDefault(alias, commit string) (bool, error) {
	kind, err := f.kind("o"+alias, commit)
	if err != nil || kind != "Commit" {
		return false, err
	}
	branch, _, err := f.object("defaultBranchRef")
	if err != nil || branch == nil {
		return false, err
	}
	return branch.held(alias)
}

func (f *field) ids(a *pin.Answer) error {
	var owner struct{ DatabaseID int64 }
	for name, v := range map[string]any{"databaseId": &a.RepositoryID, "owner": &owner} {
		if _, err := f.get(name, v); err != nil {
			return err
		}
	}
	if a.OwnerID = owner.DatabaseID; a.OwnerID <= 0 || a.RepositoryID <= 0 {
		return f.client.unreadable("%s has no ids", f.path)
	}
	return nil
}

// askBranches asks whether there are branches of the names of tags that are not
// there.
func (c *Client) askBranches(ctx context.Context, batch []*asked) error {
	q := newQuery("query")
	var parts []aliases
	_ = runs(batch, (*asked).key, func(group []*asked) error {
		q.open(fmt.Sprintf("r%d", len(parts)), group[0].Repository)
		names := aliases{}
		for _, a := range group {
			if alias, fresh := names.of("b", a.Tag); fresh {
				q.ref(alias, headPrefix+a.Tag)
			}
		}
		q.add("}")
		parts = append(parts, names)
		return nil
	})
	root, err := c.ask(ctx, q, len(batch) > 1)
	if err != nil {
		return err
	}
	n := 0
	return runs(batch, (*asked).key, func(group []*asked) error {
		f, err := root.repository(fmt.Sprintf("r%d", n))
		if err != nil {
			return err
		}
		for _, a := range group {
			if f == nil {
				return c.unreadable("the repository %s was there before and is not any more", a.Repository)
			}
			r, err := f.ref(parts[n]["b"+a.Tag], headPrefix+a.Tag)
			if err != nil {
				return err
			}
			a.answer.Branch = r != nil
		}
		n++
		return nil
	})
}

// A series is a series of tags that is read page by page, until the commit of
// everybody who asks is among them.
type series struct {
	askers []*asked
	tags   []pin.Tag
	next   string
	seen   int
}

func newSeries(a *asked) *series {
	return &series{tags: a.answer.Series, next: a.next, seen: firstSeries}
}

func (s *series) open() bool {
	return s.next != "" && s.seen < maxRefs && slices.ContainsFunc(s.askers, func(a *asked) bool {
		return !slices.ContainsFunc(s.tags, func(t pin.Tag) bool { return t.Commit == a.Commit })
	})
}

// askSeries reads the rest of each series, a page of several in one request.
func (c *Client) askSeries(ctx context.Context, all map[string]*series) error {
	for {
		var open []*series
		for _, s := range all {
			if s.open() {
				open = append(open, s)
			}
		}
		if len(open) == 0 {
			break
		}
		if err := batches(ctx, open, listBudget, func(*series) int { return 1 }, c.askSeriesPage); err != nil {
			return err
		}
	}
	for _, s := range all {
		for _, a := range s.askers {
			a.answer.Series = s.tags
		}
	}
	return nil
}

func (c *Client) askSeriesPage(ctx context.Context, batch []*series) error {
	q := newQuery("query")
	for i, s := range batch {
		q.open(fmt.Sprintf("r%d", i), s.askers[0].Repository)
		q.tags("s", s.askers[0].Series, s.next, min(page, maxRefs-s.seen))
		q.add("}")
	}
	root, err := c.ask(ctx, q, len(batch) > 1)
	if err != nil {
		return err
	}
	for i, s := range batch {
		f, err := root.repository(fmt.Sprintf("r%d", i))
		if err != nil {
			return err
		}
		if f == nil {
			return c.unreadable("the repository %s was there before and is not any more", s.askers[0].Repository)
		}
		tags, seen, next, err := f.tags("s")
		if err != nil {
			return err
		}
		s.tags = append(slices.Clip(s.tags), inSeries(tags, s.askers[0].Series)...)
		s.next, s.seen = next, s.seen+max(seen, 1)
	}
	return nil
}
