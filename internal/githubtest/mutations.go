package githubtest

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

type rootMutation struct{}

func (rootMutation) typeName() string { return "Mutation" }
func (rootMutation) field(x *execution, name string, args arguments) (any, error) {
	in := args.input("input")
	do, ok := map[string]func(*Server, arguments) (record, error){
		"createCommitOnBranch": (*Server).createCommitOnBranch,
		"createRef":            (*Server).createRef,
		"updateRef":            (*Server).updateRef,
		"updateRefs":           (*Server).updateRefs,
		"deleteRef":            (*Server).deleteRef,
		"createPullRequest":    (*Server).createPullRequest,
		"updatePullRequest":    (*Server).updatePullRequest,
	}[name]
	if !ok {
		return nil, errNoField
	}
	payload, err := do(x.s, in)
	if err != nil {
		return nil, err
	}
	payload["clientMutationId"] = in["clientMutationId"]
	return payload, nil
}

func refuse(format string, args ...any) *failure {
	return &failure{Type: unprocessable, Message: fmt.Sprintf(format, args...)}
}

// unresolved is the error for a node id of nothing.
func unresolved(id string) *failure {
	return &failure{Type: notFound, Message: fmt.Sprintf("Could not resolve to a node with the global id of '%s'.", id)}
}

func (s *Server) repoByID(nodeID string) (*Repo, error) {
	number, ok := strings.CutPrefix(nodeID, "R_")
	id, err := strconv.ParseInt(number, 10, 64)
	if r := s.byID[id]; ok && err == nil && r != nil && !r.private {
		return r, nil
	}
	return nil, unresolved(nodeID)
}

func (s *Server) refByID(nodeID string) (r *Repo, full string, err error) {
	encoded, _ := strings.CutPrefix(nodeID, "REF_")
	text, _ := base64.RawURLEncoding.DecodeString(encoded)
	id, full, _ := strings.Cut(string(text), ":")
	r, err = s.repoByID("R_" + id)
	if err != nil || r.refs[full] == "" {
		return nil, "", unresolved(nodeID)
	}
	return r, full, nil
}

func (s *Server) createRef(in arguments) (record, error) {
	r, err := s.repoByID(in.text("repositoryId"))
	if err != nil {
		return nil, err
	}
	name := in.text("name")
	switch err := r.create(name, in.text("oid")); {
	case errors.Is(err, errRefExists):
		return nil, refuse("A ref named %q already exists in the repository.", name)
	case err != nil:
		return nil, refuse("%v", err)
	}
	return record{"ref": refNode{r, name}}, nil
}

func (s *Server) updateRef(in arguments) (record, error) {
	r, full, err := s.refByID(in.text("refId"))
	if err != nil {
		return nil, err
	}
	if err := r.update(full, in.text("oid"), in.flag("force")); err != nil {
		return nil, refuse("%v", err)
	}
	return record{"ref": refNode{r, full}}, nil
}

func (s *Server) deleteRef(in arguments) (record, error) {
	r, full, err := s.refByID(in.text("refId"))
	if err != nil {
		return nil, err
	}
	r.setRef(full, "")
	return record{}, nil
}

// updateRefs changes several refs or none. The id of zeros stands for a ref that
// is not there, before or after.
func (s *Server) updateRefs(in arguments) (record, error) {
	r, err := s.repoByID(in.text("repositoryId"))
	if err != nil {
		return nil, err
	}
	zeros := strings.Repeat("0", 40)
	old := map[string]string{}
	for _, u := range in.inputs("refUpdates") {
		name, before, after := u.text("name"), u.given("beforeOid"), u.text("afterOid")
		current, known := r.refs[name]
		if _, again := old[name]; !again {
			old[name] = current
		}
		switch {
		case before != nil && *before == zeros && known, before != nil && *before != zeros && *before != current:
			err = &failure{Type: staleData, Message: "Reference cannot be updated: " + name}
		case after == zeros && !known:
			err = refuse("Reference does not exist")
		case after == zeros:
			r.setRef(name, "")
		case known:
			err = r.update(name, after, u.flag("force"))
		default:
			err = r.create(name, after)
		}
		if err != nil {
			for name, oid := range old {
				r.setRef(name, oid)
			}
			return nil, err
		}
	}
	return record{}, nil
}

func (s *Server) createPullRequest(in arguments) (record, error) {
	r, err := s.repoByID(in.text("repositoryId"))
	if err != nil {
		return nil, err
	}
	p, err := r.openPull(in.text("title"), in.text("body"), in.text("headRefName"), in.text("baseRefName"), in.flag("draft"))
	if err != nil {
		return nil, refuse("%v", err)
	}
	return record{"pullRequest": pullNode{r, p}}, nil
}

func (s *Server) updatePullRequest(in arguments) (record, error) {
	id := in.text("pullRequestId")
	repo, number, _ := strings.Cut(strings.TrimPrefix(id, "PR_"), "_")
	r, err := s.repoByID("R_" + repo)
	if err != nil {
		return nil, unresolved(id)
	}
	n, _ := strconv.Atoi(number)
	p := r.pullNumbered(n)
	if p == nil {
		return nil, unresolved(id)
	}
	state := in.given("state")
	if state != nil {
		lower := strings.ToLower(*state)
		state = &lower
	}
	if err := r.editPull(p, in.given("title"), in.given("body"), in.given("baseRefName"), state); err != nil {
		return nil, refuse("%v", err)
	}
	return record{"pullRequest": pullNode{r, p}}, nil
}

// createCommitOnBranch commits changed files if the branch is where the client
// thinks that it is.
func (s *Server) createCommitOnBranch(in arguments) (record, error) {
	branch := in.input("branch")
	r, full, err := s.committable(branch)
	if err != nil {
		return nil, err
	}
	head, expected := r.refs[full], in.text("expectedHeadOid")
	if head != expected {
		return nil, &failure{Type: staleData, Message: fmt.Sprintf("Expected branch to point to %q but it did not. Pull and try again.", expected)}
	}
	files := r.flatten(r.objects[head].tree)
	changes := in.input("fileChanges")
	for _, d := range changes.inputs("deletions") {
		path := d.text("path")
		if _, ok := files[path]; !ok {
			return nil, refuse("A path was requested for deletion which does not exist as of commit oid `%s`: %s", head, path)
		}
		delete(files, path)
	}
	for _, a := range changes.inputs("additions") {
		path := a.text("path")
		content, err := base64.StdEncoding.DecodeString(a.text("contents"))
		if err != nil {
			return nil, refuse("The contents of %s are no base64", path)
		}
		if !validPath(path) {
			return nil, refuse("A path was requested for addition which is not allowed: %s", path)
		}
		mode := fileMode
		if old, ok := files[path]; ok {
			mode = old.mode
		}
		files[path] = entry{mode: mode, kind: blobKind, oid: r.putBlob(string(content)).oid}
	}
	message := in.input("message")
	text := message.text("headline")
	if body := message.text("body"); body != "" {
		text += "\n\n" + body
	}
	commit := r.putCommit(r.writeTree(files).oid, text, r.tick(), head)
	r.setRef(full, commit.oid)
	return record{"commit": objectNode{r, commit}, "ref": refNode{r, full}}, nil
}

// committable finds a branch by its id, or by its repository's name and its own.
func (s *Server) committable(branch arguments) (*Repo, string, error) {
	if id := branch.given("id"); id != nil {
		return s.refByID(*id)
	}
	name := branch.text("repositoryNameWithOwner")
	r := s.repos[strings.ToLower(name)]
	if r == nil || r.private {
		return nil, "", &failure{Type: notFound, Message: fmt.Sprintf("Could not resolve to a Repository with the name '%s'.", name)}
	}
	full := "refs/heads/" + strings.TrimPrefix(branch.text("branchName"), "refs/heads/")
	if _, ok := r.refs[full]; !ok {
		return nil, "", &failure{Type: notFound, Message: fmt.Sprintf("Branch %q does not exist", branch.text("branchName"))}
	}
	return r, full, nil
}

// validPath tells whether git takes a path into a tree.
func validPath(path string) bool {
	for part := range strings.SplitSeq(path, "/") {
		if part == "" || part == "." || part == ".." || strings.EqualFold(part, ".git") || strings.ContainsRune(part, 0) {
			return false
		}
	}
	return true
}
