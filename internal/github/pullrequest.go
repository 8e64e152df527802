package github

import (
	"context"
	"crypto/rand"
	"crypto/sha1" // git's
	"encoding/hex"
	"fmt"
	"strings"
	"time"
)

// A place is what there is where a pull request is to be.
type place struct {
	id     string // of the repository
	base   string // the commit that the base is at, empty where there is no such branch
	branch string // the commit that the pull request's branch is at, or empty
	same   bool   // that commit is the one that would be made
	pull   *pull  // the open pull request, or nil
}

type pull struct {
	ID, URL, Title, Body string
	IsCrossRepository    bool
}

const noCommit = "0000000000000000000000000000000000000000"

// PullRequest makes one commit on top of Head, points a branch at it, and opens a
// pull request from there to Branch, or brings the open one up to date. It returns
// the pull request's address, and whether anything was changed.
//
// The commit is made on a branch for the while. So the pull request's own branch
// moves in one step, from one finished state to the next: were it set back to Head
// first, GitHub would close the pull request as one without commits.
func (c *Client) PullRequest(ctx context.Context, p Publication, branch string) (url string, changed bool, err error) {
	err = p.check()
	if err == nil {
		err = checkRef(branch)
	}
	if err == nil && branch == p.Branch {
		err = &Error{Reason: fmt.Sprintf("a pull request from %.100q to itself", branch), Advice: "name another branch"}
	}
	if err := c.mayPublish(err); err != nil {
		return "", false, err
	}
	now, err := c.look(ctx, &p, branch)
	if err != nil {
		return "", false, err
	}
	if now.base != p.Head {
		return "", false, p.moved()
	}
	if !now.same {
		if err := c.replace(ctx, &p, branch, now); err != nil {
			return "", false, err
		}
		changed = true
	}
	if now.pull == nil {
		url, err := c.openPull(ctx, &p, branch, now)
		return url, true, err
	}
	if now.pull.Title == p.Title && unixLines(now.pull.Body) == unixLines(p.Body) {
		return now.pull.URL, changed, nil
	}
	url, err = c.editPull(ctx, &p, now.pull)
	return url, true, err
}

func unixLines(s string) string { return strings.TrimSpace(strings.ReplaceAll(s, "\r\n", "\n")) }

// look asks for all that is to be known before anything is changed.
func (c *Client) look(ctx context.Context, p *Publication, branch string) (*place, error) {
	q := newQuery("query")
	q.open("r0", p.Repository)
	q.add("id base:ref(qualifiedName:%s){prefix name target{__typename oid}}", q.value("String!", headPrefix+p.Branch))
	q.add("branch:ref(qualifiedName:%s){prefix name target{__typename oid ...on Commit{parents(first:2){nodes{oid}}",
		q.value("String!", headPrefix+branch))
	for i, change := range p.Changes {
		q.add(" f%d:file(path:%s){oid}", i, q.value("String!", change.Path))
	}
	q.add("}}}pullRequests(states:OPEN,headRefName:%s,baseRefName:%s,first:%d){nodes{id url title body isCrossRepository}pageInfo{hasNextPage endCursor}}}",
		q.value("String!", branch), q.value("String!", p.Branch), page)
	root, err := c.ask(ctx, q, false)
	if err == errNoGraphQL {
		return nil, &Error{Reason: c.graphQL.Host + ": " + err.Error(), Advice: adviceAddress}
	}
	if err != nil {
		return nil, err
	}
	f, err := root.repository("r0")
	switch {
	case err != nil:
		return nil, err
	case f == nil:
		return nil, &Error{Reason: fmt.Sprintf("the repository %s does not exist, or the token may not see it", p.Repository), Advice: adviceWrite}
	}
	return f.place(p, branch)
}

func (f *field) place(p *Publication, branch string) (*place, error) {
	now := &place{}
	if state, err := f.get("id", &now.id); err != nil || state != present {
		return nil, f.client.unreadable("the repository has no id")
	}
	base, err := f.ref("base", headPrefix+p.Branch)
	if err != nil {
		return nil, err
	}
	if base != nil && base.Target != nil {
		now.base = base.Target.OID
	}
	head, err := f.ref("branch", headPrefix+branch)
	if err != nil {
		return nil, err
	}
	if head != nil {
		if head.Target == nil || !isDigest(head.Target.OID) {
			return nil, f.client.unreadable("the branch has no commit")
		}
		now.branch = head.Target.OID
		if now.same, err = f.same(p); err != nil {
			return nil, err
		}
	}
	pulls, _, err := f.nodes("pullRequests")
	if err != nil {
		return nil, err
	}
	for _, n := range pulls {
		var one pull
		for _, part := range []struct {
			name string
			v    any
		}{{"id", &one.ID}, {"url", &one.URL}, {"title", &one.Title}, {"body", &one.Body}, {"isCrossRepository", &one.IsCrossRepository}} {
			if _, err := n.get(part.name, part.v); err != nil {
				return nil, err
			}
		}
		// A fork may have a branch of the same name.
		if !one.IsCrossRepository {
			now.pull = &one
			break
		}
	}
	return now, nil
}

// same tells whether the branch is one commit beyond Head and has the files that
// would be written.
func (f *field) same(p *Publication) (bool, error) {
	ref, _, err := f.object("branch")
	if err != nil || ref == nil {
		return false, err
	}
	commit, _, err := ref.object("target")
	if err != nil || commit == nil {
		return false, err
	}
	var parents struct{ Nodes []struct{ OID string } }
	if _, err := commit.get("parents", &parents); err != nil {
		return false, err
	}
	if len(parents.Nodes) != 1 || parents.Nodes[0].OID != p.Head {
		return false, nil
	}
	for i, change := range p.Changes {
		var file struct{ OID string }
		state, err := commit.get(fmt.Sprintf("f%d", i), &file)
		if err != nil {
			return false, err
		}
		if state != present || file.OID != blob(change.Content) {
			return false, nil
		}
	}
	return true, nil
}

// blob is git's id of a file's content.
func blob(content []byte) string {
	h := sha1.New()
	fmt.Fprintf(h, "blob %d\x00", len(content))
	h.Write(content)
	return hex.EncodeToString(h.Sum(nil))
}

// replace points the branch at a new commit on top of Head, whatever it was at, or
// creates it.
func (c *Client) replace(ctx context.Context, p *Publication, branch string, now *place) (err error) {
	random := make([]byte, 4)
	_, _ = rand.Read(random) // never fails
	temporary := branch + "-" + hex.EncodeToString(random)
	if err := checkRef(temporary); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			c.remove(ctx, now.id, temporary)
		}
	}()
	var nothing struct{}
	if _, err := c.change(ctx, "createRef", "CreateRefInput!", map[string]any{
		"repositoryId": now.id, "name": headPrefix + temporary, "oid": p.Head,
	}, "ref{id}", &nothing); err != nil {
		return err
	}
	commit, err := c.commit(ctx, p, temporary)
	if err != nil {
		return err
	}
	before := now.branch
	if before == "" {
		before = noCommit
	}
	failure, err := c.updateRefs(ctx, now.id,
		map[string]any{"name": headPrefix + branch, "beforeOid": before, "afterOid": commit, "force": true},
		map[string]any{"name": headPrefix + temporary, "beforeOid": commit, "afterOid": noCommit})
	if failure != nil && failure.Type == typeStale {
		return &Error{
			Reason: fmt.Sprintf("the branch %s of %s was changed meanwhile", branch, p.Repository),
			Advice: "nothing was published; see who else changes it, and run again",
		}
	}
	return err
}

// updateRefs moves refs, all of them or none.
func (c *Client) updateRefs(ctx context.Context, repository string, updates ...map[string]any) (*graphError, error) {
	var nothing struct{}
	return c.change(ctx, "updateRefs", "UpdateRefsInput!",
		map[string]any{"repositoryId": repository, "refUpdates": updates}, "clientMutationId", &nothing)
}

// remove deletes a branch that was made for a while, as far as that is possible.
func (c *Client) remove(ctx context.Context, repository, branch string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	_, _ = c.updateRefs(ctx, repository, map[string]any{"name": headPrefix + branch, "afterOid": noCommit})
}

func (c *Client) openPull(ctx context.Context, p *Publication, branch string, now *place) (string, error) {
	var made struct{ PullRequest pull }
	failure, err := c.change(ctx, "createPullRequest", "CreatePullRequestInput!", map[string]any{
		"repositoryId": now.id, "baseRefName": p.Branch, "headRefName": branch, "title": p.Title, "body": p.Body,
	}, "pullRequest{url}", &made)
	if failure != nil && strings.Contains(failure.Message, "already exists") {
		// Somebody else was quicker.
		if again, err := c.look(ctx, p, branch); err == nil && again.pull != nil {
			return again.pull.URL, nil
		}
	}
	return made.PullRequest.URL, err
}

func (c *Client) editPull(ctx context.Context, p *Publication, open *pull) (string, error) {
	var made struct{ PullRequest pull }
	_, err := c.change(ctx, "updatePullRequest", "UpdatePullRequestInput!", map[string]any{
		"pullRequestId": open.ID, "title": p.Title, "body": p.Body,
	}, "pullRequest{url}", &made)
	return open.URL, err
}
