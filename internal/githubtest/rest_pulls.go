package githubtest

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// getPulls lists pull requests, the newest first. A head that names no owner is
// no filter at all.
func getPulls(c *call) *reply {
	state := c.query.Get("state")
	if state == "" {
		state = "open"
	}
	owner, branch, byHead := strings.Cut(c.query.Get("head"), ":")
	base := c.query.Get("base")
	all := slices.DeleteFunc(slices.Clone(c.repo.pulls), func(p *pull) bool {
		return state != "all" && p.State != state || base != "" && p.Base != base ||
			byHead && (p.Head != branch || !strings.EqualFold(owner, c.repo.owner.login))
	})
	if c.query.Get("direction") != "asc" {
		slices.Reverse(all)
	}
	return paged(c, all, func(p *pull) any { return c.pullShape(p) })
}

func postPull(c *call) *reply {
	p, err := c.repo.openPull(c.in.text("title"), c.in.text("body"), c.in.text("head"), c.in.text("base"), c.in.flag("draft"))
	if err != nil {
		return problem(http.StatusUnprocessableEntity, "Validation Failed",
			shapeOf{"resource": "PullRequest", "code": "custom", "message": err.Error()})
	}
	return answerJSON(http.StatusCreated, c.pullShape(p))
}

// numbered finds the pull request of the path, or nil.
func (c *call) numbered() *pull {
	number, _ := strconv.Atoi(c.params["pull_number"])
	return c.repo.pullNumbered(number)
}

func getPull(c *call) *reply {
	if p := c.numbered(); p != nil {
		return answerJSON(http.StatusOK, c.pullShape(p))
	}
	return gone()
}

func patchPull(c *call) *reply {
	p := c.numbered()
	if p == nil {
		return gone()
	}
	if err := c.repo.editPull(p, c.in.given("title"), c.in.given("body"), c.in.given("base"), c.in.given("state")); err != nil {
		return problem(http.StatusUnprocessableEntity, "Validation Failed",
			shapeOf{"resource": "PullRequest", "field": "base", "code": "invalid"})
	}
	return answerJSON(http.StatusOK, c.pullShape(p))
}

// pullShape is what GitHub calls a pull request; a list has it too, with less.
func (c *call) pullShape(p *pull) shapeOf {
	number := strconv.Itoa(p.Number)
	url, issue := c.repoURL()+"/pulls/"+number, c.repoURL()+"/issues/"+number
	head, base := c.repo.headOf(p), c.repo.baseOf(p)
	statuses := c.repoURL() + "/statuses/" + head
	user := c.s.userShape(c.s.accounts["octocat"])
	side := func(branch, sha string) shapeOf {
		return shapeOf{
			"label": c.repo.owner.login + ":" + branch, "ref": branch, "sha": sha,
			"user": c.s.userShape(c.repo.owner), "repo": c.repo.shape(),
		}
	}
	shape := shapeOf{
		"id": c.repo.id*1000 + int64(p.Number), "node_id": pullNode{c.repo, p}.nodeID(), "number": p.Number,
		"title": p.Title, "body": p.Body, "state": p.State, "draft": p.draft, "locked": false, "user": user,
		"created_at": p.created, "updated_at": p.updated, "closed_at": nil, "merged_at": nil,
		"head": side(p.Head, head), "base": side(p.Base, base), "author_association": "OWNER",
		"url": url, "html_url": p.URL, "diff_url": p.URL + ".diff", "patch_url": p.URL + ".patch", "issue_url": issue,
		"commits_url": url + "/commits", "comments_url": issue + "/comments", "statuses_url": statuses,
		"review_comments_url": url + "/comments", "review_comment_url": url + "/comments{/number}",
		"assignee": nil, "assignees": []any{}, "requested_reviewers": []any{}, "requested_teams": []any{},
		"labels": []any{}, "milestone": nil, "auto_merge": nil, "active_lock_reason": nil,
		"merged": false, "mergeable": nil, "rebaseable": nil, "mergeable_state": "unknown", "merged_by": nil,
		"merge_commit_sha": nil, "maintainer_can_modify": false,
		"_links": shapeOf{
			"self": href(url), "html": href(p.URL), "issue": href(issue), "comments": href(issue + "/comments"),
			"review_comments": href(url + "/comments"), "review_comment": href(url + "/comments{/number}"),
			"commits": href(url + "/commits"), "statuses": href(statuses),
		},
	}
	for _, name := range strings.Fields("comments review_comments commits additions deletions changed_files") {
		shape[name] = 0
	}
	if !p.closed.Equal(time.Time{}) {
		shape["closed_at"] = p.closed
	}
	return shape
}

func href(url string) shapeOf { return shapeOf{"href": url} }
