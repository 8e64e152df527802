package githubtest

import (
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
)

// noCommit is the answer for a revision that leads to no commit.
func noCommit(rev string) *reply {
	return problem(http.StatusUnprocessableEntity, "No commit found for SHA: "+rev)
}

// getCommit takes an id, also a shortened one, or a ref's name. A tag object's id
// leads to its commit: the answer's sha is not what was asked for.
func getCommit(c *call) *reply {
	o := c.repo.commitOf(c.repo.revision(c.params["ref"]))
	if o == nil {
		return noCommit(c.params["ref"])
	}
	// The media type has an older name, with a version, which clients still send.
	if accept := c.request.Header.Get("Accept"); strings.Contains(accept, "application/vnd.github.sha") || strings.Contains(accept, "application/vnd.github.v3.sha") {
		return &reply{
			status: http.StatusOK, body: []byte(o.oid),
			header: http.Header{"Content-Type": {"application/vnd.github.sha; charset=utf-8"}},
		}
	}
	return answerJSON(http.StatusOK, c.commitShape(o))
}

// getCompare answers BASE...HEAD, each a revision, behind an owner and a colon or
// not. The status is that of the head.
func getCompare(c *call) *reply {
	from, to, ok := strings.Cut(c.params["basehead"], "...")
	if !ok {
		return gone()
	}
	find := func(rev string) *object {
		owner, name, qualified := strings.Cut(rev, ":")
		if !qualified {
			return c.repo.commitOf(c.repo.revision(rev))
		}
		if !strings.EqualFold(owner, c.repo.owner.login) {
			return nil // forks have no names here
		}
		return c.repo.commitOf(c.repo.revision(name))
	}
	base, head := find(from), find(to)
	if base == nil || head == nil {
		return gone()
	}
	result := c.repo.compare(base, head)
	if result.mergeBase == nil {
		return problem(http.StatusNotFound, noAncestor(from, to))
	}
	ahead := slices.Clone(result.ahead)
	slices.Reverse(ahead)
	size, page := 250, 1 // no more come without a page
	if c.query.Has("per_page") || c.query.Has("page") {
		size, page = c.page()
	}
	list, files := []any{}, []any{}
	for _, o := range ahead[min(len(ahead), (page-1)*size):min(len(ahead), page*size)] {
		list = append(list, c.commitShape(o))
	}
	if page == 1 { // and all files are on the first
		files = c.diffShape(result.mergeBase, head)
	}
	url, html := c.repoURL()+"/compare/"+from+"..."+to, c.repoHTML()+"/compare/"+from+"..."+to
	return answerJSON(http.StatusOK, shapeOf{
		"url": url, "html_url": html, "permalink_url": html, "diff_url": html + ".diff", "patch_url": html + ".patch",
		"base_commit": c.commitShape(base), "merge_base_commit": c.commitShape(result.mergeBase),
		"status": strings.ToLower(result.status()), "ahead_by": len(ahead), "behind_by": result.behind,
		"total_commits": len(ahead), "commits": list, "files": files,
	})
}

// getContents answers a file, or the list of a folder.
func getContents(c *call) *reply {
	rev := c.query.Get("ref")
	if rev == "" {
		rev = "refs/heads/" + c.repo.branch
	}
	o := c.repo.commitOf(c.repo.revision(rev))
	if o == nil {
		return problem(http.StatusNotFound, "No commit found for the ref "+rev)
	}
	path := c.params["path"]
	e, ok := c.repo.at(o.tree, path)
	if !ok {
		return gone()
	}
	if e.kind == treeKind {
		list := []any{}
		for _, below := range c.repo.objects[e.oid].entries {
			list = append(list, c.contentShape(below, path+"/"+below.name, rev))
		}
		return answerJSON(http.StatusOK, list)
	}
	shape := c.contentShape(e, path, rev)
	shape["encoding"] = "base64"
	shape["content"] = lines(base64.StdEncoding.EncodeToString([]byte(c.repo.objects[e.oid].content)))
	return answerJSON(http.StatusOK, shape)
}

// lines breaks base64 as GitHub does, after 60 characters and at the end.
func lines(text string) string {
	var b strings.Builder
	for len(text) > 0 {
		n := min(60, len(text))
		b.WriteString(text[:n] + "\n")
		text = text[n:]
	}
	return b.String()
}

func (c *call) contentShape(e entry, path, rev string) shapeOf {
	o := c.repo.objects[e.oid]
	url, html := c.repoURL()+"/contents/"+path+"?ref="+rev, c.repoHTML()+"/blob/"+rev+"/"+path
	kind := "file"
	if e.kind == treeKind {
		kind = "dir"
	}
	return shapeOf{
		"type": kind, "name": path[strings.LastIndexByte(path, '/')+1:], "path": path, "sha": e.oid, "size": len(o.content),
		"url": url, "html_url": html, "git_url": c.gitURL(o), "download_url": nil,
		"_links": shapeOf{"self": url, "git": c.gitURL(o), "html": html},
	}
}

func (c *call) commitShape(o *object) shapeOf {
	parents := []any{}
	for _, p := range o.parents {
		parents = append(parents, shapeOf{"sha": p, "url": c.repoURL() + "/commits/" + p, "html_url": c.repoHTML() + "/commit/" + p})
	}
	url := c.repoURL() + "/commits/" + o.oid
	author := c.s.userShape(c.s.accounts["octocat"])
	return shapeOf{
		"sha": o.oid, "node_id": objectNode{c.repo, o}.nodeID(), "url": url, "comments_url": url + "/comments",
		"html_url": c.repoHTML() + "/commit/" + o.oid, "author": author, "committer": author, "parents": parents,
		"commit": shapeOf{
			"url": c.gitURL(o), "author": gitActor(o), "committer": gitActor(o), "message": o.message, "comment_count": 0,
			"tree":         shapeOf{"sha": o.tree, "url": c.repoURL() + "/git/trees/" + o.tree},
			"verification": unsigned(),
		},
	}
}
