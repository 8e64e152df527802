package github

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"sync"

	rest "github.com/google/go-github/v62/github"

	"github.com/countersign-ci/countersign/internal/pin"
)

// A memory is what REST answered to one request. Who asks for the same thing
// meanwhile waits for it.
type memory struct {
	sync.Mutex
	value any
}

// remember returns what get returns, and asks once for each key.
func remember[T any](c *Client, r pin.Repository, what string, get func() (T, error)) (T, error) {
	stored, _ := c.remembered.LoadOrStore(what+" "+r.Key(), new(memory))
	m := stored.(*memory)
	m.Lock()
	defer m.Unlock()
	if known, ok := m.value.(T); ok {
		return known, nil
	}
	v, err := get()
	if err == nil {
		m.value = v
	}
	return v, err
}

// gone tells whether the server says itself that there is no such thing. GitHub
// answers 409 where a repository has no commits yet. An answer without a message
// is not GitHub's.
func gone(err error) bool {
	var e *rest.ErrorResponse
	return errors.As(err, &e) && e.Message != "" &&
		(e.Response.StatusCode == http.StatusNotFound || e.Response.StatusCode == http.StatusConflict)
}

// restError turns an error of go-github, whose text has the whole URL, into one
// of this package.
func (c *Client) restError(err error) error {
	host := c.rest.BaseURL.Host
	var ours *Error
	var status *rest.ErrorResponse
	var connection *url.Error
	switch {
	case errors.As(err, &ours):
		return ours
	case errors.As(err, &status):
		return c.sender.refused(host, status.Response.StatusCode, status.Response.Header, status.Message)
	case errors.As(err, &connection):
		return lost(host, err, true)
	case errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded):
		return &Error{Reason: "the request was ended", Advice: adviceLater, Cause: err}
	}
	return c.restUnreadable()
}

func (c *Client) restUnreadable() error {
	return &Error{Reason: c.rest.BaseURL.Host + ": the answer is no JSON, or has another form than GitHub's", Advice: adviceNetwork}
}

// A restRepository is what REST says of a repository.
type restRepository struct {
	id, owner int64
	branch    string // the default one
}

// restRepository returns nil where there is none.
func (c *Client) restRepository(ctx context.Context, r pin.Repository) (*restRepository, error) {
	return remember(c, r, "repository", func() (*restRepository, error) {
		got, _, err := c.rest.Repositories.Get(ctx, r.Owner, r.Name)
		switch {
		case gone(err):
			return nil, nil
		case err != nil:
			return nil, c.restError(err)
		}
		v := &restRepository{got.GetID(), got.GetOwner().GetID(), got.GetDefaultBranch()}
		if v.id <= 0 || v.owner <= 0 || v.branch != "" && checkRef(v.branch) != nil {
			return nil, c.restUnreadable()
		}
		return v, nil
	})
}

// A restObject is what a ref points at: kind is commit, tag, tree or blob.
type restObject struct{ kind, sha string }

// restRef returns what a ref points at, nil where there is none. GitHub may answer
// with another ref whose name begins so.
func (c *Client) restRef(ctx context.Context, r pin.Repository, full string) (*restObject, error) {
	return remember(c, r, full, func() (*restObject, error) {
		got, _, err := c.rest.Git.GetRef(ctx, r.Owner, r.Name, full)
		switch {
		case gone(err):
			return nil, nil
		case err != nil:
			return nil, c.restError(err)
		case got.Ref == nil || !isDigest(got.GetObject().GetSHA()):
			return nil, c.restUnreadable()
		case got.GetRef() != full:
			return nil, nil
		}
		return &restObject{got.GetObject().GetType(), got.GetObject().GetSHA()}, nil
	})
}

// restTagObject returns what a tag object points at, nil where the digest is of
// none.
func (c *Client) restTagObject(ctx context.Context, r pin.Repository, sha string) (*restObject, error) {
	return remember(c, r, "tag object "+sha, func() (*restObject, error) {
		got, _, err := c.rest.Git.GetTag(ctx, r.Owner, r.Name, sha)
		switch {
		case gone(err):
			return nil, nil
		case err != nil:
			return nil, c.restError(err)
		case !isDigest(got.GetObject().GetSHA()) || !isDigest(got.GetSHA()):
			return nil, c.restUnreadable()
		case got.GetSHA() != sha:
			return nil, nil
		}
		return &restObject{got.GetObject().GetType(), got.GetObject().GetSHA()}, nil
	})
}

// restTag follows a tag to its commit. Its error may be errDeep or errNoCommit.
func (c *Client) restTag(ctx context.Context, r pin.Repository, name string, o restObject) (*pin.Tag, error) {
	t := &pin.Tag{Name: name}
	if o.kind == "tag" {
		t.Object = o.sha
	}
	for depth := 0; o.kind == "tag"; depth++ {
		if depth == maxTags {
			return nil, errDeep
		}
		next, err := c.restTagObject(ctx, r, o.sha)
		switch {
		case err != nil:
			return nil, err
		case next == nil:
			return nil, c.restUnreadable() // the server named it itself
		}
		o = *next
	}
	if o.kind != "commit" {
		return nil, errNoCommit
	}
	t.Commit = o.sha
	return t, nil
}

// restHead returns the head of the default branch, empty where there is none.
func (c *Client) restHead(ctx context.Context, r pin.Repository, info *restRepository) (string, error) {
	if info.branch == "" {
		return "", nil
	}
	o, err := c.restRef(ctx, r, headPrefix+info.branch)
	if err != nil || o == nil {
		return "", err
	}
	return o.sha, nil
}

// restHolds tells whether a commit can be reached from another one. The id of a
// tag object is compared as the tag's commit, and then the merge base differs.
func (c *Client) restHolds(ctx context.Context, r pin.Repository, base, commit string) (bool, error) {
	return remember(c, r, base+"..."+commit, func() (bool, error) {
		got, _, err := c.rest.Repositories.CompareCommits(ctx, r.Owner, r.Name, base, commit, &rest.ListOptions{PerPage: 1})
		switch {
		case gone(err):
			return false, nil
		case err != nil:
			return false, c.restError(err)
		}
		switch got.GetStatus() {
		case "behind", "identical":
			return got.GetMergeBaseCommit().GetSHA() == commit, nil
		case "ahead", "diverged":
			return false, nil
		}
		return false, c.restUnreadable()
	})
}

// restPages reads the pages of a list, at most maxRefs items. partial tells whether
// there are more; a list that does not exist has none.
func restPages[T any](c *Client, get func(rest.ListOptions) ([]T, *rest.Response, error)) (all []T, partial bool, err error) {
	options := rest.ListOptions{PerPage: page}
	for {
		items, response, err := get(options)
		switch {
		case gone(err):
			return nil, false, nil
		case err != nil:
			return nil, false, c.restError(err)
		}
		all = append(all, items...)
		options.Page = response.NextPage
		if options.Page == 0 || len(all) >= maxRefs || len(items) == 0 {
			return all, options.Page != 0, nil
		}
	}
}

// A restList is a list that was read as far as the bound.
type restList[T any] struct {
	items   []T
	partial bool
}

// restBranches returns the branches and their heads.
func (c *Client) restBranches(ctx context.Context, r pin.Repository) (restList[*rest.Branch], error) {
	return remember(c, r, "branches", func() (l restList[*rest.Branch], err error) {
		l.items, l.partial, err = restPages(c, func(o rest.ListOptions) ([]*rest.Branch, *rest.Response, error) {
			return c.rest.Repositories.ListBranches(ctx, r.Owner, r.Name, &rest.BranchListOptions{ListOptions: o})
		})
		for _, b := range l.items {
			if err == nil && (checkRef(b.GetName()) != nil || !isDigest(b.GetCommit().GetSHA())) {
				err = c.restUnreadable()
			}
		}
		return l, err
	})
}

// restTags returns the tags, without their objects.
func (c *Client) restTags(ctx context.Context, r pin.Repository) (restList[pin.Tag], error) {
	return remember(c, r, "tags", func() (l restList[pin.Tag], err error) {
		items, partial, err := restPages(c, func(o rest.ListOptions) ([]*rest.RepositoryTag, *rest.Response, error) {
			return c.rest.Repositories.ListTags(ctx, r.Owner, r.Name, &o)
		})
		l.partial = partial
		for _, item := range items {
			if t := (pin.Tag{Name: item.GetName(), Commit: item.GetCommit().GetSHA()}); saneTag(&t) {
				l.items = append(l.items, t)
			}
		}
		return l, err
	})
}

// maxMatching is how many pages of refs are read.
const maxMatching = 100

// restMatching returns the refs whose full name begins so, by that name.
func (c *Client) restMatching(ctx context.Context, r pin.Repository, prefix string) (map[string]restObject, error) {
	return remember(c, r, "matching "+prefix, func() (map[string]restObject, error) {
		found := map[string]restObject{}
		options := &rest.ReferenceListOptions{Ref: prefix}
		for { // GitHub has it all on one page
			refs, response, err := c.rest.Git.ListMatchingRefs(ctx, r.Owner, r.Name, options)
			switch {
			case gone(err):
				return found, nil
			case err != nil:
				return nil, c.restError(err)
			}
			for _, ref := range refs {
				if !isDigest(ref.GetObject().GetSHA()) {
					return nil, c.restUnreadable()
				}
				found[ref.GetRef()] = restObject{ref.GetObject().GetType(), ref.GetObject().GetSHA()}
			}
			last := options.Page
			if options.Page = response.NextPage; options.Page <= last || last > maxMatching {
				return found, nil
			}
		}
	})
}
