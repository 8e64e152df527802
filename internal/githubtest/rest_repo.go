package githubtest

import (
	"net/http"
	"strings"
	"time"
)

// A shapeOf is a JSON object of REST.
type shapeOf = map[string]any

func (c *call) repoURL() string  { return c.repo.apiURL() }
func (c *call) repoHTML() string { return c.repo.s.url + "/" + c.repo.fullName() }

func (r *Repo) apiURL() string { return r.s.URL() + "/repos/" + r.fullName() }

func getRateLimit(c *call) *reply {
	used := min(5000, c.s.count)
	core := shapeOf{"limit": 5000, "remaining": 5000 - used, "used": used, "reset": time.Now().Add(time.Hour).Unix()}
	return answerJSON(http.StatusOK, shapeOf{
		"rate": core, "resources": shapeOf{"core": core, "search": core, "graphql": core},
	})
}

func getUser(c *call) *reply {
	a := c.s.accounts[strings.ToLower(c.params["username"])]
	if a == nil {
		return gone()
	}
	shape := c.s.userShape(a)
	for _, name := range strings.Fields("name company location email hireable bio") {
		shape[name] = nil
	}
	for _, name := range strings.Fields("public_repos public_gists followers following") {
		shape[name] = 0
	}
	shape["blog"], shape["user_view_type"] = "", "public"
	shape["created_at"], shape["updated_at"] = epoch, epoch
	return answerJSON(http.StatusOK, shape)
}

func getRepo(c *call) *reply { return answerJSON(http.StatusOK, c.repo.shape()) }

// userShape is what GitHub calls a simple user, although it may be none.
func (s *Server) userShape(a *account) shapeOf {
	url := s.URL() + "/users/" + a.login
	shape := shapeOf{
		"login": a.login, "id": a.id, "node_id": a.nodeID(), "type": a.kind, "site_admin": false, "gravatar_id": "",
		"url": url, "html_url": s.url + "/" + a.login, "avatar_url": s.url + "/avatars/" + a.login,
	}
	links(shape, url, "followers following gists starred subscriptions organizations repos events received_events")
	return shape
}

// shape is what GitHub calls a full repository.
func (r *Repo) shape() shapeOf {
	html := r.s.url + "/" + r.fullName()
	shape := shapeOf{
		"id": r.id, "node_id": repoNode{r}.nodeID(), "name": r.name, "full_name": r.fullName(),
		"owner": r.s.userShape(r.owner), "private": r.private, "visibility": "public", "default_branch": r.branch,
		"url": r.apiURL(), "html_url": html, "clone_url": html + ".git", "git_url": html + ".git",
		"ssh_url": "git@" + strings.TrimPrefix(r.s.url, "http://") + ":" + r.fullName() + ".git", "svn_url": html,
		"created_at": epoch, "updated_at": epoch, "pushed_at": epoch,
		"description": nil, "homepage": nil, "language": nil, "license": nil, "mirror_url": nil,
	}
	links(shape, r.apiURL(), `archive assignees blobs branches collaborators comments commits compare contents contributors
		deployments downloads events forks git_commits git_refs git_tags hooks issue_comment issue_events issues keys labels
		languages merges milestones notifications pulls releases stargazers statuses subscribers subscription tags teams trees`)
	for _, name := range strings.Fields("archived disabled fork has_discussions has_pages has_projects has_wiki has_downloads") {
		shape[name] = false
	}
	shape["has_issues"] = true
	for _, name := range strings.Fields(`forks forks_count network_count open_issues open_issues_count size stargazers_count
		subscribers_count watchers watchers_count`) {
		shape[name] = 0
	}
	return shape
}

// links adds the links of an object that stand below its own.
func links(shape shapeOf, url, names string) {
	for _, name := range strings.Fields(names) {
		shape[name+"_url"] = url + "/" + name
	}
}
