package githubtest_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/countersign-ci/countersign/internal/githubtest"
)

// A repository's answer to a query of its fields.
func repository(t *testing.T, s *githubtest.Server, fields string) (object, []object) {
	t.Helper()
	data, errors := ask(t, s, `{repository(owner:"acme",name:"widgets"){`+fields+`}}`, nil)
	answer, _ := data["repository"].(object)
	return answer, errors
}

func TestRepository(t *testing.T) {
	s := githubtest.New(t)
	r := s.Repo("acme/widgets")
	s.Private("acme/secrets")
	data, errors := ask(t, s, `query($owner: String!, $no: Boolean = false) {
		a: repository(owner: $owner, name: "Widgets") { ...names owner { __typename login ... on User { databaseId } ... on Organization { databaseId } } }
		b: repository(owner: "acme", name: "gone") { id }
		c: repository(owner: "acme", name: "secrets") { id }
		d: repository(owner: "acme", name: "widgets") @include(if: $no) { id }
	}
	fragment names on Repository { name nameWithOwner databaseId isPrivate }`, object{"owner": "ACME"})
	same(t, "data", data, object{
		"a": object{
			"name": "widgets", "nameWithOwner": "acme/widgets", "databaseId": r.ID(), "isPrivate": false,
			"owner": object{"__typename": "Organization", "login": "acme", "databaseId": r.OwnerID()},
		},
		"b": nil, "c": nil,
	})
	if len(errors) != 2 {
		t.Fatalf("%d errors: %v", len(errors), errors)
	}
	for i, name := range []string{"gone", "secrets"} {
		delete(errors[i], "locations")
		same(t, name, errors[i], object{
			"type": "NOT_FOUND", "path": []string{string('b' + rune(i))},
			"message": "Could not resolve to a Repository with the name 'acme/" + name + "'.",
		})
	}
}

func TestRefs(t *testing.T) {
	s := githubtest.New(t)
	r := s.Repo("acme/widgets")
	first := r.Commit("main", "first")
	second := r.Commit("main", "second")
	inner := r.AnnotatedTag("v4.1.0", second)
	outer := r.AnnotatedTag("v4.2.0", inner)
	r.Tag("v4.0.0", first)
	r.Tag("rev4.9", first)
	r.Branch("v4", first)

	got, errors := repository(t, s, `
		tag: ref(qualifiedName: "refs/tags/v4.2.0") { name prefix target { __typename oid ... on Tag { name target { __typename oid ... on Tag { target { oid __typename } } } } } }
		none: ref(qualifiedName: "refs/tags/v4") { name }
		branch: ref(qualifiedName: "v4") { prefix }
		unknown: object(oid: "0123456789abcdef0123456789abcdef01234567") { oid }
		object(oid: "`+inner+`") { __typename }
		expression: object(expression: "v4.2.0^{commit}") { oid }
		search: refs(refPrefix: "refs/tags/", query: "V4.", first: 3, orderBy: {field: TAG_COMMIT_DATE, direction: DESC}) { totalCount nodes { name } }`)
	if errors != nil {
		t.Errorf("what does not exist is null without an error, got %v", errors)
	}
	same(t, "refs", got, object{
		"tag": object{"name": "v4.2.0", "prefix": "refs/tags/", "target": object{
			"__typename": "Tag", "oid": outer, "name": "v4.2.0", "target": object{
				"__typename": "Tag", "oid": inner, "target": object{"__typename": "Commit", "oid": second},
			},
		}},
		"none": nil, "branch": object{"prefix": "refs/heads/"}, "unknown": nil,
		"object": object{"__typename": "Tag"}, "expression": object{"oid": second},
		"search": object{"totalCount": 4, "nodes": []object{{"name": "v4.2.0"}, {"name": "v4.1.0"}, {"name": "v4.0.0"}}},
	})
}

func TestPages(t *testing.T) {
	s := githubtest.New(t)
	r := s.Repo("acme/widgets")
	for i := range 7 {
		r.Tag(fmt.Sprintf("v%d", i), r.Head("main"))
	}
	var names []string
	for after := any(nil); ; {
		data, _ := ask(t, s, `query($after: String) { repository(owner: "acme", name: "widgets") {
			refs(refPrefix: "refs/tags/", first: 3, after: $after) { nodes { name } pageInfo { hasNextPage endCursor } } } }`, object{"after": after})
		refs := pick(data, "repository", "refs")
		for i := 0; pick(refs, "nodes", i) != nil; i++ {
			names = append(names, pick(refs, "nodes", i, "name").(string))
		}
		if pick(refs, "pageInfo", "hasNextPage") != true {
			break
		}
		after = pick(refs, "pageInfo", "endCursor")
	}
	if got := strings.Join(names, " "); got != "v0 v1 v2 v3 v4 v5 v6" {
		t.Errorf("the pages have %s", got)
	}
}

func TestCompareGraphQL(t *testing.T) {
	s := githubtest.New(t)
	r := s.Repo("acme/widgets")
	old := r.Commit("main", "old")
	head := r.Commit("main", "head")
	object1 := r.AnnotatedTag("v1", old)
	detached := r.CommitOn(head, "detached")
	r.Tag("v2", detached)
	fork := r.ForkCommit(old)
	r.Commit("work", "work")

	for _, test := range []struct {
		head, status  string
		ahead, behind int
	}{
		{head, "IDENTICAL", 0, 0},
		{old, "BEHIND", 0, 1},
		{object1, "BEHIND", 0, 1},
		{"v1", "BEHIND", 0, 1},
		{detached, "AHEAD", 1, 0},
		{"refs/tags/v2", "AHEAD", 1, 0},
		{"work", "AHEAD", 1, 0},
		{fork, "DIVERGED", 1, 1},
	} {
		got, errors := repository(t, s, `defaultBranchRef { compare(headRef: "`+test.head+`") { status aheadBy behindBy } } object(oid: "`+fork+`") { oid }`)
		if errors != nil {
			t.Errorf("%s: %v", test.head, errors)
		}
		same(t, test.head, got, object{
			"defaultBranchRef": object{"compare": object{"status": test.status, "aheadBy": test.ahead, "behindBy": test.behind}},
			"object":           object{"oid": fork},
		})
	}

	tree := pick(rest(t, s, "POST", widgets+"/git/trees", `{"tree":[]}`, 201), "sha").(string)
	orphan := pick(rest(t, s, "POST", widgets+"/git/commits", `{"message":"m","tree":"`+tree+`"}`, 201), "sha").(string)
	_, errors := repository(t, s, `defaultBranchRef { compare(headRef: "`+orphan+`") { status } }`)
	if len(errors) != 1 || errors[0]["message"] != "No common ancestor between main and "+orphan+"." {
		t.Errorf("an orphan: %v", errors)
	}
	rest(t, s, "GET", widgets+"/compare/main..."+orphan, "", 404)

	got, errors := repository(t, s, `defaultBranchRef { name compare(headRef: "0123456789abcdef0123456789abcdef01234567") { status } }`)
	same(t, "an unknown commit", got, object{"defaultBranchRef": object{"name": "main", "compare": nil}})
	if len(errors) != 1 || errors[0]["type"] != "NOT_FOUND" {
		t.Fatalf("errors %v, want NOT_FOUND", errors)
	}
	same(t, "path", errors[0]["path"], []string{"repository", "defaultBranchRef", "compare"})
}

func TestBounds(t *testing.T) {
	s := githubtest.New(t)
	s.Repo("acme/widgets")
	var hundred strings.Builder
	for i := range 100 {
		fmt.Fprintf(&hundred, "a%d: refs(refPrefix: \"refs/heads/\", first: 100) { nodes { associatedPullRequests(first: 100) { totalCount } } }\n", i)
	}
	for _, test := range []struct{ fields, kind string }{
		{`refs(refPrefix: "refs/heads/") { totalCount }`, "MISSING_PAGINATION_BOUNDARIES"},
		{`refs(refPrefix: "refs/heads/", first: 101) { totalCount }`, "EXCESSIVE_PAGINATION"},
		{`refs(refPrefix: "refs/heads/", last: 0) { totalCount }`, "UNPROCESSABLE"},
		{hundred.String(), "MAX_NODE_LIMIT_EXCEEDED"},
	} {
		got, errors := repository(t, s, test.fields)
		if got != nil || len(errors) != 1 || errors[0]["type"] != test.kind {
			t.Errorf("%.60s: %v, %v, want %s", test.fields, got, errors, test.kind)
		}
	}
}

// What GitHub would not take fails the test.
func TestInvalidQuery(t *testing.T) {
	tb := &recorder{TB: t}
	s := githubtest.New(tb)
	s.Repo("acme/widgets")
	for _, test := range []struct {
		query     string
		variables object
		want      string
	}{
		{`{ repository(owner: "acme") { id } }`, nil, `"name"`},
		{`{ repository(owner: "acme", name: "widgets") { stars } }`, nil, "stars"},
		{`{`, nil, "Expected Name"},
		{`query($n: Int!) { repository(owner: "acme", name: "widgets") { refs(refPrefix: "refs/tags/", first: $n) { totalCount } } }`,
			object{"n": "20"}, "20 is no Int"},
		{`query($d: OrderDirection!) { repository(owner: "acme", name: "widgets") { refs(refPrefix: "refs/tags/", first: 1, direction: $d) { totalCount } } }`,
			object{"d": "desc"}, "desc is no OrderDirection"},
		{`query($o: GitObjectID!) { repository(owner: "acme", name: "widgets") { object(oid: $o) { oid } } }`,
			object{"o": "v1"}, "v1 is no GitObjectID"},
		{`query($o: String!) { repository(owner: $o, name: "widgets") { id } }`, nil, "must be defined"},
		// These are GitHub's and not the stand-in's.
		{`{ repository(owner: "acme", name: "widgets") { forkCount } }`, nil, "Repository.forkCount: the stand-in does not know"},
	} {
		data, errors := ask(t, s, test.query, test.variables)
		if len(errors) == 0 || len(data) > 0 && data["repository"] != nil {
			t.Errorf("%s: %v, %v, want errors alone", test.query, data, errors)
		}
		tb.want(t, test.want)
	}
}

func TestReleases(t *testing.T) {
	s := githubtest.New(t)
	r := s.Repo("acme/widgets")
	for _, tag := range []string{"v1.0.0", "v1.1.0", "v2.0.0-rc.1", "v2.0.0"} {
		r.Tag(tag, r.Commit("main", tag))
		r.Release(tag, githubtest.Release{Draft: tag == "v2.0.0", Prerelease: strings.Contains(tag, "-")})
	}
	got, errors := repository(t, s, `
		releases(first: 10, orderBy: {field: CREATED_AT, direction: DESC}) { totalCount nodes { tagName isDraft isPrerelease isLatest publishedAt tagCommit { oid } } }
		latestRelease { tagName }
		draft: release(tagName: "v2.0.0") { tagName }
		release(tagName: "v1.0.0") { tagName }`)
	if errors != nil {
		t.Error(errors)
	}
	same(t, "latest", got["latestRelease"], object{"tagName": "v1.1.0"})
	same(t, "a draft has no tag yet", got["draft"], nil)
	same(t, "release", got["release"], object{"tagName": "v1.0.0"})
	same(t, "a draft is listed, unpublished", pick(got, "releases", "nodes", 0, "publishedAt"), nil)
	same(t, "the pre-release is not the latest", pick(got, "releases", "nodes", 1, "isLatest"), false)
	same(t, "latest by name", pick(got, "releases", "nodes", 2, "isLatest"), true)
}
