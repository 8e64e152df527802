package github

import (
	"errors"
	"fmt"
	"strings"

	"github.com/countersign-ci/countersign/internal/pin"
)

// A graphRef is a ref in an answer, and a graphObject what it leads to.
type graphRef struct {
	Prefix, Name string
	Target       *graphObject
}

type graphObject struct {
	Typename string `json:"__typename"`
	OID      string
	Target   *graphObject // of a tag object
}

var (
	errDeep     = fmt.Errorf("it leads through more than %d tag objects", maxTags)
	errNoCommit = errors.New("it leads to no commit")
)

// tag returns the tag that a ref is, or errDeep or errNoCommit.
func (r *graphRef) tag() (*pin.Tag, error) {
	t := &pin.Tag{Name: strings.TrimPrefix(r.Prefix+r.Name, tagPrefix)}
	o := r.Target
	if o != nil && o.Typename == "Tag" {
		t.Object = o.OID
		for o != nil && o.Typename == "Tag" {
			o = o.Target
		}
		if o == nil {
			return nil, errDeep
		}
	}
	if o == nil || o.Typename != "Commit" {
		return nil, errNoCommit
	}
	t.Commit = o.OID
	return t, nil
}

const (
	tagPrefix  = "refs/tags/"
	headPrefix = "refs/heads/"
)

// ref reads a ref that was asked for by its full name, nil where there is none.
// GitHub looks for short names too where it finds no full one, so that another
// ref may be the answer.
func (f *field) ref(alias, full string) (*graphRef, error) {
	var r graphRef
	state, err := f.get(alias, &r)
	if err != nil || state != present || r.Prefix+r.Name != full {
		return nil, err
	}
	return &r, nil
}

// tag reads a tag that was asked for, nil where there is none or where it leads to
// no commit.
func (f *field) tag(alias, name string) (*pin.Tag, error) {
	r, err := f.ref(alias, tagPrefix+name)
	if r == nil {
		return nil, err
	}
	if r.Target == nil {
		return nil, f.client.unreadable("%s/target in the answer is null", f.at(alias))
	}
	t, err := r.tag()
	switch {
	case err == errDeep:
		return nil, deep(name)
	case err != nil:
		return nil, nil
	case !isDigest(t.Commit) || t.Object != "" && !isDigest(t.Object):
		return nil, f.client.unreadable("the ids at %s are malformed", f.at(alias))
	}
	return t, nil
}

func deep(name string) error {
	return &Error{
		Reason: fmt.Sprintf("the tag %.100q is not decided: %v", name, errDeep),
		Advice: "name the commit itself, or another tag",
	}
}

// tags reads a page of tags: those that lead to a commit and have names and ids
// that git could have made. seen counts the others too.
func (f *field) tags(alias string) (tags []pin.Tag, seen int, next string, err error) {
	nodes, next, err := f.nodes(alias)
	if err != nil {
		return nil, 0, "", err
	}
	for _, n := range nodes {
		var r graphRef
		for name, v := range map[string]any{"prefix": &r.Prefix, "name": &r.Name, "target": &r.Target} {
			if _, err := n.get(name, v); err != nil {
				return nil, 0, "", err
			}
		}
		t, err := r.tag()
		if err != nil || r.Prefix != tagPrefix || !saneTag(t) {
			continue
		}
		tags = append(tags, *t)
	}
	return tags, len(nodes), next, nil
}

// saneTag tells whether what the server says of a tag may stand in a file.
func saneTag(t *pin.Tag) bool {
	return checkRef(t.Name) == nil && isDigest(t.Commit) && (t.Object == "" || isDigest(t.Object))
}

// kind reads what kind of object a digest is of, empty where there is none.
func (f *field) kind(alias, digest string) (string, error) {
	var o graphObject
	state, err := f.get(alias, &o)
	if err != nil || state != present || o.OID != digest {
		return "", err
	}
	return o.Typename, nil
}
