package pin

import (
	"context"
	"strings"

	"github.com/countersign-ci/countersign/internal/report"
)

// reach asks what holds each commit that is pinned, or is to be.
func (c *checker) reach(ctx context.Context) error {
	unheld, err := c.unheld(ctx)
	if err != nil || len(unheld) == 0 {
		return err
	}
	var asked []Commit
	index := map[Commit]int{}
	for _, h := range unheld {
		if _, ok := index[h.asked()]; !ok {
			index[h.asked()] = len(asked)
			asked = append(asked, h.asked())
		}
	}
	holders, err := c.server.Holders(ctx, asked)
	if err != nil {
		return err
	}
	for _, h := range unheld {
		c.judgeHolder(h.verdict, h.commit, holders[index[h.asked()]])
	}
	return nil
}

// A held is a commit that a ref has, or is to have, and its version there.
type held struct {
	*verdict
	commit, version string
}

func (h held) asked() Commit {
	near := ""
	if anyVersion.MatchString(h.version) {
		near, _, _ = strings.Cut(h.version, ".")
	}
	return Commit{normal(Question{Repository: h.repository}).Repository, h.commit, near}
}

// unheld returns the commits that the default branch does not hold: those of the
// pins, also where they are to move, and those that refs are to have. What the
// first answers did not tell, because the commit was not known then, is asked
// here. Without a rewrite, what a ref is to have is not asked for.
func (c *checker) unheld(ctx context.Context) ([]held, error) {
	var unheld, later []held
	var questions []Question
	index := map[Question]int{}
	for _, v := range c.verdicts {
		if v.answer == nil || v.answer.NoRepository {
			continue
		}
		if v.target.commit != "" && !v.answer.OnDefault {
			unheld = append(unheld, held{v, v.target.commit, v.version})
		}
		if !c.Write || v.next == nil || v.next.commit == v.target.commit {
			continue
		}
		h := held{v, v.next.commit, v.next.version}
		q := h.question()
		if _, ok := index[q]; !ok {
			index[q] = len(questions)
			questions = append(questions, q)
		}
		later = append(later, h)
	}
	if len(questions) == 0 {
		return unheld, nil
	}
	answers, err := c.server.Resolve(ctx, questions)
	if err != nil {
		return nil, err
	}
	for _, h := range later {
		if !answers[index[h.question()]].OnDefault {
			unheld = append(unheld, h)
		}
	}
	return unheld, nil
}

// question asks whether the default branch holds the commit.
func (h held) question() Question {
	return normal(Question{Repository: h.repository, Commit: h.commit})
}

// judgeHolder judges a ref by what holds its commit, or the one that it is to have.
func (c *checker) judgeHolder(v *verdict, commit string, h Holder) {
	byTag := h.Tag
	if byTag == "" && v.answer.Tag != nil && v.answer.Tag.Commit == commit {
		byTag = v.answer.Tag.Name
	}
	switch {
	case h.TagObject:
		c.fail(v, report.ImpostorCommit, "the digest %s is that of a tag, not of a commit", commit)
	case h.Branch != "":
		return
	case byTag != "" && !c.RequireBranch:
		c.find(v, report.Warn, report.ImpostorCommit, "no branch of %s holds the commit %s, only the tag %s does", v.repository, commit, byTag)
		return
	case byTag != "":
		c.fail(v, report.ImpostorCommit, "no branch of %s holds the commit %s, only the tag %s does", v.repository, commit, byTag)
	case h.Partial:
		c.fail(v, report.ImpostorCommit, "none of the first 500 branches and tags of %s holds the commit %s; the others were not asked", v.repository, commit)
	default:
		c.fail(v, report.ImpostorCommit, "no branch and no tag of %s holds the commit %s; it may come from a fork", v.repository, commit)
	}
	v.next = nil
}
