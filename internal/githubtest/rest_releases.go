package githubtest

import (
	"net/http"
	"strconv"
)

func getReleases(c *call) *reply {
	return paged(c, c.repo.newestReleases(), func(rel *release) any { return c.releaseShape(rel) })
}

func getLatestRelease(c *call) *reply { return c.oneRelease(c.repo.latestRelease()) }

func getReleaseByTag(c *call) *reply { return c.oneRelease(c.repo.releaseOf(c.params["tag"])) }

func (c *call) oneRelease(rel *release) *reply {
	if rel == nil {
		return gone()
	}
	return answerJSON(http.StatusOK, c.releaseShape(rel))
}

func (c *call) releaseShape(rel *release) shapeOf {
	url := c.repoURL() + "/releases/" + strconv.FormatInt(rel.id, 10)
	shape := shapeOf{
		"id": rel.id, "node_id": "RE_" + strconv.FormatInt(rel.id, 10), "tag_name": rel.tag, "name": rel.tag, "body": "",
		"target_commitish": c.repo.branch, "draft": rel.Draft, "prerelease": rel.Prerelease, "immutable": false,
		"created_at": rel.created, "published_at": nil, "author": c.s.userShape(c.s.accounts["octocat"]),
		"url": url, "assets_url": url + "/assets", "upload_url": url + "/assets{?name,label}", "assets": []any{},
		"html_url":    c.repoHTML() + "/releases/tag/" + rel.tag,
		"tarball_url": c.repoURL() + "/tarball/" + rel.tag, "zipball_url": c.repoURL() + "/zipball/" + rel.tag,
	}
	if !rel.Draft {
		shape["published_at"] = rel.Published
	}
	return shape
}
