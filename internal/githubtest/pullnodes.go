package githubtest

import (
	"fmt"
	"strings"
)

type pullNode struct {
	repo *Repo
	*pull
}

func (p pullNode) nodeID() string { return fmt.Sprintf("PR_%d_%d", p.repo.id, p.Number) }

func (pullNode) typeName() string { return "PullRequest" }
func (p pullNode) field(x *execution, name string, args arguments) (any, error) {
	switch name {
	case "id":
		return p.nodeID(), nil
	case "number":
		return p.Number, nil
	case "title":
		return p.Title, nil
	case "body":
		return p.Body, nil
	case "state":
		return strings.ToUpper(p.State), nil
	case "closed":
		return p.State == "closed", nil
	case "merged", "isCrossRepository":
		return false, nil
	case "isDraft":
		return p.draft, nil
	case "url", "permalink":
		return p.URL, nil
	case "createdAt":
		return p.created, nil
	case "updatedAt":
		return p.updated, nil
	case "author":
		return accountNode{p.repo.s.accounts["octocat"]}, nil
	case "headRefName":
		return p.Head, nil
	case "baseRefName":
		return p.Base, nil
	case "headRefOid":
		return p.repo.headOf(p.pull), nil
	case "baseRefOid":
		return p.repo.baseOf(p.pull), nil
	case "headRef":
		return p.repo.refAt("refs/heads/" + p.Head), nil
	case "baseRef":
		return p.repo.refAt("refs/heads/" + p.Base), nil
	case "headRepository", "baseRepository", "repository":
		return repoNode{p.repo}, nil
	}
	return nil, errNoField
}
