package githubtest

import (
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"time"
)

// kindOf finds an object of one kind by its full id.
func (c *call) kindOf(oid, kind string) *object {
	if o := c.repo.objects[oid]; o != nil && o.kind == kind {
		return o
	}
	return nil
}

func getTag(c *call) *reply {
	o := c.kindOf(c.params["tag_sha"], tagKind)
	if o == nil {
		return gone()
	}
	return answerJSON(http.StatusOK, c.tagShape(o))
}

func postTag(c *call) *reply {
	target := c.repo.objects[c.in.text("object")]
	if target == nil {
		return refusal(errNoObject)
	}
	when, err := dateIn(c.in.input("tagger"), c.repo.tick())
	if err != nil {
		return refusal(err)
	}
	return answerJSON(http.StatusCreated, c.tagShape(c.repo.putTag(c.in.text("tag"), target.oid, c.in.text("message"), when)))
}

func getGitCommit(c *call) *reply {
	o := c.kindOf(c.params["commit_sha"], commitKind)
	if o == nil {
		return gone()
	}
	return answerJSON(http.StatusOK, c.gitCommitShape(o))
}

func postGitCommit(c *call) *reply {
	parents := c.in.texts("parents")
	for _, p := range parents {
		if c.kindOf(p, commitKind) == nil {
			return refusal(errors.New("Parent SHA does not exist or is not a commit object"))
		}
	}
	if c.kindOf(c.in.text("tree"), treeKind) == nil {
		return refusal(errors.New("Tree SHA does not exist"))
	}
	when, err := dateIn(c.in.input("author"), c.repo.tick())
	if err != nil {
		return refusal(err)
	}
	o := c.repo.putCommit(c.in.text("tree"), c.in.text("message"), when, parents...)
	return answerJSON(http.StatusCreated, c.gitCommitShape(o))
}

// dateIn is the date that a body gives for an author or a tagger.
func dateIn(actor arguments, otherwise time.Time) (time.Time, error) {
	if given := actor.given("date"); given != nil {
		return time.Parse(time.RFC3339, *given)
	}
	return otherwise, nil
}

// getTree takes a commit's id or a ref's name too, as GitHub does.
func getTree(c *call) *reply {
	o := c.repo.peel(c.repo.revision(c.params["tree_sha"]))
	if o != nil && o.kind == commitKind {
		o = c.repo.objects[o.tree]
	}
	if o == nil || o.kind != treeKind {
		return gone()
	}
	return answerJSON(http.StatusOK, c.treeShape(o, c.query.Has("recursive")))
}

// postTree makes a tree from files, over those of a base or not. An entry whose
// sha is null removes its path.
func postTree(c *call) *reply {
	files := map[string]entry{}
	if base := c.in.given("base_tree"); base != nil {
		if c.kindOf(*base, treeKind) == nil {
			return refusal(errors.New("base_tree is not a valid tree oid"))
		}
		files = c.repo.flatten(*base)
	}
	for _, e := range c.in.inputs("tree") {
		path := e.text("path")
		if !validPath(path) {
			return refusal(errors.New("tree.path contains a malformed path component"))
		}
		sha, hasSHA := e["sha"]
		switch {
		case hasSHA && sha == nil:
			delete(files, path)
			continue
		case hasSHA:
			if c.kindOf(e.text("sha"), e.text("type")) == nil {
				return refusal(errors.New("tree.sha " + e.text("sha") + " is not a valid " + e.text("type")))
			}
		default:
			sha = c.repo.putBlob(e.text("content")).oid
		}
		if e.text("type") == treeKind {
			for below, file := range c.repo.flatten(e.text("sha")) {
				files[path+"/"+below] = file
			}
			continue
		}
		files[path] = entry{mode: e.text("mode"), kind: blobKind, oid: sha.(string)}
	}
	return answerJSON(http.StatusCreated, c.treeShape(c.repo.writeTree(files), false))
}

func postBlob(c *call) *reply {
	content := c.in.text("content")
	if c.in.text("encoding") == "base64" {
		raw, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(content, "\n", ""))
		if err != nil {
			return refusal(errors.New("content is not valid Base64"))
		}
		content = string(raw)
	}
	o := c.repo.putBlob(content)
	return answerJSON(http.StatusCreated, shapeOf{"sha": o.oid, "url": c.gitURL(o)})
}

func (c *call) tagShape(o *object) shapeOf {
	return shapeOf{
		"node_id": objectNode{c.repo, o}.nodeID(), "sha": o.oid, "url": c.gitURL(o), "tag": o.name,
		"message": o.message, "tagger": gitActor(o), "object": c.pointer(o.target), "verification": unsigned(),
	}
}

func (c *call) gitCommitShape(o *object) shapeOf {
	parents := []any{}
	for _, p := range o.parents {
		parents = append(parents, shapeOf{"sha": p, "url": c.repoURL() + "/git/commits/" + p, "html_url": c.repoHTML() + "/commit/" + p})
	}
	return shapeOf{
		"sha": o.oid, "node_id": objectNode{c.repo, o}.nodeID(), "url": c.gitURL(o),
		"html_url": c.repoHTML() + "/commit/" + o.oid, "author": gitActor(o), "committer": gitActor(o),
		"message": o.message, "tree": shapeOf{"sha": o.tree, "url": c.repoURL() + "/git/trees/" + o.tree},
		"parents": parents, "verification": unsigned(),
	}
}

func (c *call) treeShape(o *object, recursive bool) shapeOf {
	list := []any{}
	var walk func(prefix string, o *object)
	walk = func(prefix string, o *object) {
		for _, e := range o.entries {
			below := c.repo.objects[e.oid]
			shape := shapeOf{"path": prefix + e.name, "mode": ("0" + e.mode)[len(e.mode)+1-6:], "type": e.kind, "sha": e.oid}
			if e.kind != commitKind { // a submodule, whose commit is in another repository
				shape["url"] = c.gitURL(below)
			}
			if e.kind == blobKind {
				shape["size"] = len(below.content)
			}
			list = append(list, shape)
			if recursive && e.kind == treeKind {
				walk(prefix+e.name+"/", below)
			}
		}
	}
	walk("", o)
	return shapeOf{"sha": o.oid, "url": c.gitURL(o), "truncated": false, "tree": list}
}

// pointer names an object, of any kind, by its id.
func (c *call) pointer(oid string) shapeOf {
	o := c.repo.objects[oid]
	return shapeOf{"type": o.kind, "sha": oid, "url": c.gitURL(o)}
}

func (c *call) gitURL(o *object) string { return c.repoURL() + "/git/" + o.kind + "s/" + o.oid }

func gitActor(o *object) shapeOf {
	return shapeOf{"name": authorName, "email": authorEmail, "date": o.when}
}

func unsigned() shapeOf {
	return shapeOf{"verified": false, "reason": "unsigned", "signature": nil, "payload": nil, "verified_at": nil}
}
