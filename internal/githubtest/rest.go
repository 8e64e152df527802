package githubtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// A call is a REST request whose path is known.
type call struct {
	s       *Server
	request *http.Request
	path    string // as sent
	params  map[string]string
	query   url.Values
	in      arguments // the body
	repo    *Repo     // where the path has one
}

// A route is an operation of GitHub's description. The last part of a template
// may be {name...}, which stands for one part or more: GitHub takes the slashes of
// a ref, a tag or a path both as they are and as %2F.
type route struct {
	method, template string
	answer           func(*call) *reply
}

// described is the template as the description has it.
func (r *route) described() string { return strings.Replace(r.template, "...}", "}", 1) }

const repoTemplate = "/repos/{owner}/{repo}"

// routes are tried in order.
var routes = []route{
	{"GET", "/rate_limit", getRateLimit},
	{"GET", "/users/{username}", getUser},
	{"GET", repoTemplate, getRepo},
	{"GET", repoTemplate + "/git/ref/{ref...}", getRef},
	{"GET", repoTemplate + "/git/matching-refs/{ref...}", getMatchingRefs},
	{"POST", repoTemplate + "/git/refs", postRef},
	{"PATCH", repoTemplate + "/git/refs/{ref...}", patchRef},
	{"DELETE", repoTemplate + "/git/refs/{ref...}", deleteRef},
	{"GET", repoTemplate + "/git/tags/{tag_sha}", getTag},
	{"POST", repoTemplate + "/git/tags", postTag},
	{"GET", repoTemplate + "/git/commits/{commit_sha}", getGitCommit},
	{"POST", repoTemplate + "/git/commits", postGitCommit},
	{"GET", repoTemplate + "/git/trees/{tree_sha}", getTree},
	{"POST", repoTemplate + "/git/trees", postTree},
	{"POST", repoTemplate + "/git/blobs", postBlob},
	{"GET", repoTemplate + "/commits/{commit_sha}/branches-where-head", getBranchesWhereHead},
	{"GET", repoTemplate + "/commits/{ref...}", getCommit},
	{"GET", repoTemplate + "/compare/{basehead...}", getCompare},
	{"GET", repoTemplate + "/branches", getBranches},
	{"GET", repoTemplate + "/branches/{branch...}", getBranch},
	{"GET", repoTemplate + "/tags", getTags},
	{"GET", repoTemplate + "/releases", getReleases},
	{"GET", repoTemplate + "/releases/latest", getLatestRelease},
	{"GET", repoTemplate + "/releases/tags/{tag...}", getReleaseByTag},
	{"GET", repoTemplate + "/contents/{path...}", getContents},
	{"GET", repoTemplate + "/pulls", getPulls},
	{"POST", repoTemplate + "/pulls", postPull},
	{"GET", repoTemplate + "/pulls/{pull_number}", getPull},
	{"PATCH", repoTemplate + "/pulls/{pull_number}", patchPull},
	{"POST", repoTemplate + "/actions/workflows/{workflow_id}/dispatches", postDispatch},
}

// rest answers a REST request. What the stand-in has no route for fails the test:
// either the client asks what GitHub has not, or the stand-in lacks something.
func (s *Server) rest(r *http.Request, path, query string, body []byte) *reply {
	below, ok := strings.CutPrefix(path, restBase)
	if !ok {
		s.errorf("%s %s is not below %s", r.Method, path, restBase)
		return gone()
	}
	for i := range routes {
		params, ok := routes[i].match(r.Method, below)
		if !ok {
			continue
		}
		c := &call{s: s, request: r, path: path, params: params}
		var err error
		if c.query, err = url.ParseQuery(query); err != nil {
			s.errorf("%s %s?%s: %v", r.Method, path, query, err)
			return problem(http.StatusBadRequest, "Bad Request")
		}
		if err := s.specs.rest.checkRequest(&routes[i], c, body); err != nil {
			s.errorf("an invalid request: %s %s: %v\n%s", r.Method, path, err, body)
			return problem(http.StatusUnprocessableEntity, "Invalid request.")
		}
		answer := c.answer(&routes[i], body)
		if err := s.specs.rest.checkResponse(&routes[i], c, answer); err != nil {
			s.errorf("the stand-in's answer to %s %s is invalid: %v\n%s", r.Method, path, err, answer.body)
		}
		return answer
	}
	s.errorf("the stand-in does not know %s %s", r.Method, path)
	return gone()
}

func (c *call) answer(r *route, body []byte) *reply {
	if len(body) > 0 {
		decoder := json.NewDecoder(bytes.NewReader(body))
		if err := decoder.Decode(&c.in); err != nil {
			return problem(http.StatusBadRequest, "Problems parsing JSON")
		}
	}
	if strings.HasPrefix(r.template, repoTemplate) {
		c.repo = c.s.repos[strings.ToLower(c.params["owner"]+"/"+c.params["repo"])]
		if c.repo == nil || c.repo.private {
			return gone()
		}
	}
	return r.answer(c)
}

// gone is the answer for what does not exist or may not be seen.
func gone() *reply { return problem(http.StatusNotFound, "Not Found") }

// refusal is the answer for a body whose values GitHub does not take.
func refusal(err error) *reply { return problem(http.StatusUnprocessableEntity, err.Error()) }

// match compares a path part by part as it was sent, so that an encoded slash or
// dot never takes part in the choice of the route.
func (r *route) match(method, path string) (params map[string]string, ok bool) {
	if method != r.method {
		return nil, false
	}
	want, got := strings.Split(r.template, "/"), strings.Split(path, "/")
	params = map[string]string{}
	for i, w := range want {
		if i >= len(got) {
			return nil, false
		}
		name, isParam := strings.CutPrefix(w, "{")
		if !isParam {
			if w != got[i] {
				return nil, false
			}
			continue
		}
		name, rest := strings.CutSuffix(strings.TrimSuffix(name, "}"), "...")
		parts := got[i : i+1]
		if rest {
			parts = got[i:]
			got = got[:i+1]
		}
		value, ok := decode(parts, rest)
		if !ok {
			return nil, false
		}
		params[name] = value
	}
	return params, len(got) == len(want)
}

// decode joins parts of a path. It refuses what a server before GitHub's would
// have resolved: empty parts, and dots, encoded or not.
func decode(parts []string, slashes bool) (string, bool) {
	var decoded []string
	for _, p := range parts {
		d, err := url.PathUnescape(p)
		if err != nil || !slashes && strings.Contains(d, "/") {
			return "", false
		}
		for e := range strings.SplitSeq(d, "/") {
			if e == "" || e == "." || e == ".." {
				return "", false
			}
		}
		decoded = append(decoded, d)
	}
	return strings.Join(decoded, "/"), true
}

// page is which page of a list is asked for, and how long a page is.
func (c *call) page() (size, page int) {
	size, page = 30, 1
	if n, err := strconv.Atoi(c.query.Get("per_page")); err == nil && n > 0 {
		size = min(n, maxPage)
	}
	if n, err := strconv.Atoi(c.query.Get("page")); err == nil && n > 0 {
		page = n
	}
	return size, page
}

// paged answers a page of a list, with links to the others in the Link header.
func paged[T any](c *call, all []T, shape func(T) any) *reply {
	size, page := c.page()
	last := max(1, (len(all)+size-1)/size)
	list := []any{}
	for i := min(len(all), (page-1)*size); i < min(len(all), page*size); i++ {
		list = append(list, shape(all[i]))
	}
	answer := answerJSON(http.StatusOK, list)
	var links []string
	link := func(number int, rel string) {
		q := url.Values{}
		for name, values := range c.query {
			q[name] = values
		}
		q.Set("page", strconv.Itoa(number))
		links = append(links, fmt.Sprintf("<%s%s?%s>; rel=%q", c.s.url, c.path, q.Encode(), rel))
	}
	if page > 1 {
		link(min(page-1, last), "prev")
	}
	if page < last {
		link(page+1, "next")
		link(last, "last")
	}
	if page > 1 {
		link(1, "first")
	}
	if len(links) > 0 {
		answer.header.Set("Link", strings.Join(links, ", "))
	}
	return answer
}
