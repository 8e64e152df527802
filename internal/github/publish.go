package github

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/countersign-ci/countersign/internal/pin"
)

// A Change is a file with its whole new content. Its mode stays.
type Change struct {
	Path    string // from the repository's root, with slashes
	Content []byte
}

// A Publication is a commit that is to be made. GitHub makes it and signs it.
type Publication struct {
	Repository pin.Repository
	Branch     string // the branch to change, or the pull request's base
	Head       string // the commit that the changes were made on; the branch must still be there
	Changes    []Change
	Title      string // of the commit, and of the pull request
	Body       string // of the pull request
}

func (p *Publication) check() error {
	err := errors.Join(checkRepository(p.Repository), checkRef(p.Branch), checkCommit(p.Head))
	seen := map[string]bool{}
	for _, c := range p.Changes {
		err = errors.Join(err, checkPath(c.Path))
		if seen[c.Path] {
			err = errors.Join(err, &Error{Reason: fmt.Sprintf("%.100q is changed twice", c.Path)})
		}
		seen[c.Path] = true
	}
	if len(p.Changes) == 0 || strings.TrimSpace(p.Title) == "" {
		err = errors.Join(err, &Error{Reason: "there is nothing to publish, or no title for it"})
	}
	return err
}

func (p *Publication) moved() error {
	return &Error{
		Reason: fmt.Sprintf("the branch %s of %s has moved on from %.7s", p.Branch, p.Repository, p.Head),
		Advice: "nothing was published; check out its new head and run again",
	}
}

// Commit appends a commit to the branch and returns its id. Where the branch is not
// at Head any more it changes nothing and returns an error.
func (c *Client) Commit(ctx context.Context, p Publication) (string, error) {
	if err := c.mayPublish(p.check()); err != nil {
		return "", err
	}
	return c.commit(ctx, &p, p.Branch)
}

// mayPublish returns err, or an error where nothing can be published.
func (c *Client) mayPublish(err error) error {
	if err == nil && c.sender.token == "" {
		return &Error{Reason: "publishing needs a token", Advice: adviceWrite}
	}
	return err
}

// commit appends the changes to a branch that is at Head.
func (c *Client) commit(ctx context.Context, p *Publication, branch string) (string, error) {
	additions := make([]any, len(p.Changes))
	for i, change := range p.Changes {
		additions[i] = map[string]string{"path": change.Path, "contents": base64.StdEncoding.EncodeToString(change.Content)}
	}
	var made struct{ Commit struct{ OID string } }
	failure, err := c.change(ctx, "createCommitOnBranch", "CreateCommitOnBranchInput!", map[string]any{
		"branch":          map[string]string{"repositoryNameWithOwner": p.Repository.String(), "branchName": branch},
		"expectedHeadOid": p.Head,
		"message":         map[string]string{"headline": p.Title},
		"fileChanges":     map[string]any{"additions": additions},
	}, "commit{oid}", &made)
	switch {
	case failure != nil && failure.Type == typeStale:
		return "", p.moved()
	case err != nil:
		return "", err
	case !isDigest(made.Commit.OID):
		return "", c.unreadable("the answer has no commit; look at the branch %s", branch)
	}
	return made.Commit.OID, nil
}

// change carries out a mutation, once, and decodes what it answers. Where the
// server refuses it both the server's error and one made of it are returned.
func (c *Client) change(ctx context.Context, name, kind string, input map[string]any, selection string, v any) (*graphError, error) {
	q := newQuery("mutation")
	q.add("%s(input:%s){%s}", name, q.declare(kind, input), selection)
	data, errs, err := c.post(ctx, q, manner{})
	if errors.Is(err, errNoGraphQL) {
		return nil, &Error{Reason: c.graphQL.Host + ": " + err.Error(), Advice: adviceAddress}
	}
	if err != nil {
		return nil, err
	}
	if len(errs) > 0 {
		return errs[0], c.refusedChange(errs[0])
	}
	var answer map[string]json.RawMessage
	if json.Unmarshal(data, &answer) != nil || len(answer[name]) == 0 || string(answer[name]) == "null" ||
		json.Unmarshal(answer[name], v) != nil {
		return nil, c.unreadable("the answer to %s has no data; look at the repository before you try again", name)
	}
	return nil, nil
}

func (c *Client) refusedChange(e *graphError) error {
	failure := &Error{
		Reason: c.graphQL.Host + " did not make the change: " + c.sender.quote(e.Message),
		Advice: "see the message; rules of the repository or of its branches may forbid the change",
	}
	switch {
	case e.Extensions.SAML || isSAML(e.Message):
		failure.Advice = adviceSAML
	case e.Type == "FORBIDDEN" || e.Type == "INSUFFICIENT_SCOPES" || e.Type == typeNotFound:
		failure.Advice = adviceWrite
	}
	return failure
}

// DefaultBranch returns the default branch of a repository and the commit that it
// is at.
func (c *Client) DefaultBranch(ctx context.Context, r pin.Repository) (name, head string, err error) {
	if err := checkRepository(r); err != nil {
		return "", "", err
	}
	branch, err := either(c,
		func() (restBranch, error) { return c.defaultBranch(ctx, r) },
		func() (restBranch, error) {
			info, err := c.restRepository(ctx, r)
			if err != nil || info == nil {
				return restBranch{}, err
			}
			head, err := c.restHead(ctx, r, info)
			return restBranch{info.branch, head}, err
		})
	switch {
	case err != nil:
		return "", "", err
	case branch.head == "":
		return "", "", &Error{
			Reason: fmt.Sprintf("the repository %s does not exist, has no commits, or the token may not see it", r),
			Advice: adviceRead,
		}
	}
	return branch.name, branch.head, nil
}

func (c *Client) defaultBranch(ctx context.Context, r pin.Repository) (b restBranch, err error) {
	q := newQuery("query")
	q.open("r0", r)
	q.add("defaultBranchRef{prefix name target{__typename oid}}}")
	root, err := c.ask(ctx, q, false)
	if err != nil {
		return b, err
	}
	f, err := root.repository("r0")
	if err != nil || f == nil {
		return b, err
	}
	var ref graphRef
	state, err := f.get("defaultBranchRef", &ref)
	if err != nil || state != present {
		return b, err
	}
	if ref.Prefix != headPrefix || checkRef(ref.Name) != nil || ref.Target == nil || !isDigest(ref.Target.OID) {
		return b, c.unreadable("the default branch has no name or no commit")
	}
	return restBranch{ref.Name, ref.Target.OID}, nil
}
