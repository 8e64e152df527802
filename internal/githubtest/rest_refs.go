package githubtest

import (
	"net/http"
	"slices"
	"strings"
)

func getRef(c *call) *reply {
	full := "refs/" + c.params["ref"]
	if c.repo.refs[full] == "" {
		return gone()
	}
	return answerJSON(http.StatusOK, c.refShape(full))
}

// getMatchingRefs answers every ref whose name begins so, and an empty list where
// none does.
func getMatchingRefs(c *call) *reply {
	list := []any{}
	for _, full := range c.repo.refsBelow("refs/" + c.params["ref"]) {
		list = append(list, c.refShape(full))
	}
	return answerJSON(http.StatusOK, list)
}

func postRef(c *call) *reply {
	full := c.in.text("ref")
	if err := c.repo.create(full, c.in.text("sha")); err != nil {
		return refusal(err)
	}
	answer := answerJSON(http.StatusCreated, c.refShape(full))
	answer.header.Set("Location", c.repoURL()+"/git/"+full)
	return answer
}

func patchRef(c *call) *reply {
	full := "refs/" + c.params["ref"]
	if err := c.repo.update(full, c.in.text("sha"), c.in.flag("force")); err != nil {
		return refusal(err)
	}
	return answerJSON(http.StatusOK, c.refShape(full))
}

func deleteRef(c *call) *reply {
	full := "refs/" + c.params["ref"]
	if c.repo.refs[full] == "" {
		return refusal(errRefUnknown)
	}
	c.repo.setRef(full, "")
	return &reply{status: http.StatusNoContent, header: http.Header{}}
}

func getBranches(c *call) *reply {
	names := c.repo.refsBelow("refs/heads/")
	if c.query.Get("protected") == "true" {
		names = nil // no branch of the model is
	}
	return paged(c, names, func(full string) any { return c.branchShape(full) })
}

func getBranch(c *call) *reply {
	full := "refs/heads/" + c.params["branch"]
	if c.repo.refs[full] == "" {
		return gone()
	}
	url := c.repoURL() + "/branches/" + c.params["branch"]
	shape := c.branchShape(full)
	shape["commit"] = c.commitShape(c.repo.objects[c.repo.refs[full]])
	shape["_links"] = shapeOf{"self": url, "html": c.repoHTML() + "/tree/" + c.params["branch"]}
	shape["protection"] = shapeOf{"enabled": false}
	shape["protection_url"] = url + "/protection"
	return answerJSON(http.StatusOK, shape)
}

// getBranchesWhereHead tells the branches whose head the commit is: those that
// hold it further down do not count.
func getBranchesWhereHead(c *call) *reply {
	o := c.repo.commitOf(c.repo.revision(c.params["commit_sha"]))
	if o == nil {
		return noCommit(c.params["commit_sha"])
	}
	list := []any{}
	for _, full := range c.repo.refsBelow("refs/heads/") {
		if c.repo.refs[full] == o.oid {
			list = append(list, c.branchShape(full))
		}
	}
	return answerJSON(http.StatusOK, list)
}

// getTags lists tags from the last name to the first. The commit of each is what
// the tag leads to through all tag objects.
func getTags(c *call) *reply {
	names := slices.Clone(c.repo.refsBelow("refs/tags/"))
	slices.Reverse(names)
	names = slices.DeleteFunc(names, func(full string) bool {
		return c.repo.commitOf(c.repo.objects[c.repo.refs[full]]) == nil
	})
	return paged(c, names, func(full string) any {
		name := strings.TrimPrefix(full, "refs/tags/")
		oid := c.repo.commitOf(c.repo.objects[c.repo.refs[full]]).oid
		return shapeOf{
			"name": name, "node_id": refNode{c.repo, full}.nodeID(),
			"commit":      shapeOf{"sha": oid, "url": c.repoURL() + "/commits/" + oid},
			"zipball_url": c.repoURL() + "/zipball/" + full, "tarball_url": c.repoURL() + "/tarball/" + full,
		}
	})
}

func (c *call) refShape(full string) shapeOf {
	return shapeOf{
		"ref": full, "node_id": refNode{c.repo, full}.nodeID(), "url": c.repoURL() + "/git/" + full,
		"object": c.pointer(c.repo.refs[full]),
	}
}

func (c *call) branchShape(full string) shapeOf {
	oid := c.repo.refs[full]
	return shapeOf{
		"name": strings.TrimPrefix(full, "refs/heads/"), "protected": false,
		"commit": shapeOf{"sha": oid, "url": c.repoURL() + "/commits/" + oid},
	}
}
