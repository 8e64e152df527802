package githubtest_test

import (
	"encoding/base64"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign-ci/countersign/internal/githubtest"
)

func TestCreateCommitOnBranch(t *testing.T) {
	s := githubtest.New(t)
	r := s.Repo("acme/widgets")
	head := r.Head("main")
	commit := func(expected string, changes object) (object, []object) {
		t.Helper()
		return ask(t, s, `mutation($input: CreateCommitOnBranchInput!) {
			createCommitOnBranch(input: $input) { commit { oid message parents(first: 2) { nodes { oid } } file(path: "docs/a.md") { object { ... on Blob { text } } } } ref { name } clientMutationId } }`,
			object{"input": object{
				"branch":          object{"repositoryNameWithOwner": "Acme/widgets", "branchName": "main"},
				"message":         object{"headline": "pin", "body": "all of it"},
				"expectedHeadOid": expected, "fileChanges": changes, "clientMutationId": "x",
			}})
	}
	add := func(path, content string) object {
		return object{"additions": []object{{"path": path, "contents": base64.StdEncoding.EncodeToString([]byte(content))}}}
	}

	data, errors := commit(head, add("docs/a.md", "one\n"))
	if errors != nil {
		t.Fatal(errors)
	}
	first := r.Head("main")
	same(t, "payload", data["createCommitOnBranch"], object{
		"commit": object{
			"oid": first, "message": "pin\n\nall of it", "parents": object{"nodes": []object{{"oid": head}}},
			"file": object{"object": object{"text": "one\n"}},
		},
		"ref": object{"name": "main"}, "clientMutationId": "x",
	})
	if content, ok := r.File("main", "docs/a.md"); !ok || content != "one\n" {
		t.Errorf("File = %q, %t", content, ok)
	}

	for _, test := range []struct {
		name, expected, kind string
		changes              object
	}{
		{"another head", head, "STALE_DATA", add("docs/a.md", "two\n")},
		{"a path out of the tree", first, "UNPROCESSABLE", add("../a.md", "two\n")},
		{"no such file", first, "UNPROCESSABLE", object{"deletions": []object{{"path": "b.md"}}}},
	} {
		data, errors := commit(test.expected, test.changes)
		if data["createCommitOnBranch"] != nil || len(errors) != 1 || errors[0]["type"] != test.kind {
			t.Errorf("%s: %v, %v, want %s", test.name, data, errors, test.kind)
		}
		if r.Head("main") != first {
			t.Errorf("%s: the branch moved", test.name)
		}
	}

	if _, errors := commit(first, object{"deletions": []object{{"path": "docs/a.md"}}}); errors != nil {
		t.Error(errors)
	}
	if _, ok := r.File("main", "docs/a.md"); ok {
		t.Error("the file is still there")
	}
}

func TestRefMutations(t *testing.T) {
	s := githubtest.New(t)
	r := s.Repo("acme/widgets")
	old := r.Head("main")
	head := r.Commit("main", "head")
	data, _ := repository(t, s, `id main: ref(qualifiedName: "refs/heads/main") { id }`)
	repo, main := data["id"], pick(data, "main", "id")

	mutate := func(name string, input object, kind string) object {
		t.Helper()
		title := map[string]string{"createRef": "CreateRef", "updateRef": "UpdateRef", "updateRefs": "UpdateRefs", "deleteRef": "DeleteRef"}[name]
		data, errors := ask(t, s, `mutation($input: `+title+`Input!) { `+name+`(input: $input) { clientMutationId } }`, object{"input": input})
		if kind == "" && errors != nil || kind != "" && (len(errors) != 1 || errors[0]["type"] != kind || data[name] != nil) {
			t.Errorf("%s %v: %v, %v, want %q", name, input, data, errors, kind)
		}
		return data
	}
	mutate("createRef", object{"repositoryId": repo, "name": "refs/heads/work", "oid": old}, "")
	mutate("createRef", object{"repositoryId": repo, "name": "refs/heads/work", "oid": old}, "UNPROCESSABLE")
	mutate("createRef", object{"repositoryId": repo, "name": "work", "oid": old}, "UNPROCESSABLE")
	mutate("updateRef", object{"refId": main, "oid": old}, "UNPROCESSABLE") // backwards
	mutate("updateRef", object{"refId": main, "oid": old, "force": true}, "")
	mutate("updateRef", object{"refId": main, "oid": head}, "")
	mutate("updateRefs", object{"repositoryId": repo, "refUpdates": []object{
		{"name": "refs/heads/new", "beforeOid": "0000000000000000000000000000000000000000", "afterOid": head},
		{"name": "refs/heads/work", "beforeOid": head, "afterOid": head},
	}}, "STALE_DATA")
	if r.Head("new") != "" || r.Head("work") != old {
		t.Error("updateRefs did one half")
	}
	mutate("updateRefs", object{"repositoryId": repo, "refUpdates": []object{
		{"name": "refs/heads/new", "beforeOid": "0000000000000000000000000000000000000000", "afterOid": head},
		{"name": "refs/heads/work", "beforeOid": old, "afterOid": "0000000000000000000000000000000000000000"},
	}}, "")
	if r.Head("new") != head || r.Head("work") != "" {
		t.Errorf("new is at %q, work at %q", r.Head("new"), r.Head("work"))
	}
	mutate("deleteRef", object{"refId": main}, "")
	mutate("deleteRef", object{"refId": main}, "NOT_FOUND")
}

func TestPullRequests(t *testing.T) {
	s := githubtest.New(t)
	r := s.Repo("acme/widgets")
	data, _ := repository(t, s, "id")
	open := func(head string) (object, []object) {
		return ask(t, s, `mutation($input: CreatePullRequestInput!) { createPullRequest(input: $input) { pullRequest { id number url state headRefName baseRefName headRefOid } } }`,
			object{"input": object{"repositoryId": data["id"], "baseRefName": "main", "headRefName": head, "title": "Pin", "body": "| a |"}})
	}
	r.Branch("same", r.Head("main"))
	work := r.Commit("work", "work")
	for _, head := range []string{"same", "gone"} {
		if _, errors := open(head); len(errors) != 1 || errors[0]["type"] != "UNPROCESSABLE" {
			t.Errorf("%s: %v", head, errors)
		}
	}
	opened, errors := open("work")
	if errors != nil {
		t.Fatal(errors)
	}
	pull := pick(opened, "createPullRequest", "pullRequest")
	same(t, "head", pick(pull, "headRefOid"), work)
	if _, errors := open("work"); len(errors) != 1 || errors[0]["message"] != "A pull request already exists for acme:work." {
		t.Errorf("again: %v", errors)
	}
	if _, errors := ask(t, s, `mutation($id: ID!) { updatePullRequest(input: {pullRequestId: $id, title: "Pin more", state: CLOSED}) { pullRequest { title } } }`,
		object{"id": pick(pull, "id")}); errors != nil {
		t.Error(errors)
	}
	got, _ := repository(t, s, `
		open: pullRequests(states: OPEN, first: 1) { totalCount }
		closed: pullRequests(states: [CLOSED], headRefName: "work", baseRefName: "main", first: 1) { nodes { number title state closed } }`)
	same(t, "pulls", got, object{
		"open":   object{"totalCount": 0},
		"closed": object{"nodes": []object{{"number": 1, "title": "Pin more", "state": "CLOSED", "closed": true}}},
	})
	want := []githubtest.PullRequest{{
		Number: 1, Title: "Pin more", Body: "| a |", Head: "work", Base: "main", State: "closed", URL: pick(pull, "url").(string),
	}}
	if diff := cmp.Diff(want, r.PullRequests()); diff != "" {
		t.Error(diff)
	}
}
