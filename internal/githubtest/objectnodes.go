package githubtest

import (
	"encoding/base64"
	"fmt"
	"strings"
	"unicode/utf8"
)

type objectNode struct {
	repo *Repo
	*object
}

func (o objectNode) nodeID() string {
	return o.typeName()[:1] + "_" + base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%d:%s", o.repo.id, o.oid))
}

func (o objectNode) typeName() string { return strings.ToUpper(o.kind[:1]) + o.kind[1:] }
func (o objectNode) field(x *execution, name string, args arguments) (any, error) {
	switch name {
	case "id":
		return o.nodeID(), nil
	case "oid":
		return o.oid, nil
	case "abbreviatedOid":
		return o.oid[:7], nil
	case "repository":
		return repoNode{o.repo}, nil
	case "commitUrl", "url":
		return o.repo.s.url + "/" + o.repo.fullName() + "/commit/" + o.oid, nil
	}
	switch o.kind {
	case commitKind:
		return o.commitField(name, args)
	case tagKind:
		return o.tagField(name)
	case treeKind:
		if name == "entries" {
			return o.entryNodes(), nil
		}
	case blobKind:
		return o.blobField(name)
	}
	return nil, errNoField
}

func (o objectNode) commitField(name string, args arguments) (any, error) {
	headline, body, _ := strings.Cut(o.message, "\n")
	switch name {
	case "message":
		return o.message, nil
	case "messageHeadline":
		return headline, nil
	case "messageBody":
		return strings.TrimPrefix(body, "\n"), nil
	case "committedDate", "authoredDate":
		return o.when, nil
	case "author", "committer":
		return o.actor(), nil
	case "tree":
		return o.repo.object(o.repo.objects[o.tree]), nil
	case "parents":
		return connect(o.parents, args, func(oid string) node { return objectNode{o.repo, o.repo.objects[oid]} })
	case "file":
		if e, ok := o.repo.at(o.tree, args.text("path")); ok {
			return o.entryNode(e, args.text("path")), nil
		}
		return nil, nil
	}
	return nil, errNoField
}

func (o objectNode) tagField(name string) (any, error) {
	switch name {
	case "name":
		return o.name, nil
	case "message":
		return o.message, nil
	case "tagger":
		return o.actor(), nil
	case "target":
		return o.repo.object(o.repo.objects[o.target]), nil
	}
	return nil, errNoField
}

func (o objectNode) blobField(name string) (any, error) {
	switch name {
	case "text":
		if !utf8.ValidString(o.content) {
			return nil, nil
		}
		return o.content, nil
	case "byteSize":
		return len(o.content), nil
	case "isBinary":
		return !utf8.ValidString(o.content), nil
	case "isTruncated":
		return false, nil
	}
	return nil, errNoField
}

// actor is who made a commit or a tag.
func (o objectNode) actor() record {
	return record{"name": authorName, "email": authorEmail, "date": o.when, "user": accountNode{o.repo.s.accounts["octocat"]}}
}

func (o objectNode) entryNodes() []any {
	list := []any{}
	for _, e := range o.entries {
		list = append(list, o.entryNode(e, e.name))
	}
	return list
}

// entryNode is the node of a line of a tree. GraphQL gives the mode as a number.
func (o objectNode) entryNode(e entry, path string) record {
	mode := 0
	_, _ = fmt.Sscanf(e.mode, "%o", &mode)
	return record{
		"name": e.name, "path": path, "type": e.kind, "mode": mode, "oid": e.oid,
		"object": o.repo.object(o.repo.objects[e.oid]),
	}
}
