package githubtest

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// An answer of the stand-in that GitHub would not give is caught.
func TestWrongAnswer(t *testing.T) {
	s := New(t)
	r := s.Repo("acme/widgets")
	request, err := http.NewRequestWithContext(t.Context(), "GET", s.URL(), nil)
	if err != nil {
		t.Fatal(err)
	}
	c := &call{s: s, request: request, repo: r, query: url.Values{},
		params: map[string]string{"owner": "acme", "repo": "widgets", "ref": "heads/main"}}
	i := slices.IndexFunc(routes, func(r route) bool { return strings.HasSuffix(r.template, "/git/ref/{ref...}") })
	for _, test := range []struct {
		name, want string
		change     func(shapeOf) *reply
	}{
		{"right", "", func(s shapeOf) *reply { return answerJSON(200, s) }},
		{"type", "/ref: ", func(s shapeOf) *reply { s["ref"] = 1; return answerJSON(200, s) }},
		{"length", "/object/sha: ", func(s shapeOf) *reply { s["object"].(shapeOf)["sha"] = "short"; return answerJSON(200, s) }},
		{"absent", `"node_id" is missing`, func(s shapeOf) *reply { delete(s, "node_id"); return answerJSON(200, s) }},
		{"status", "status is not supported", func(s shapeOf) *reply { return answerJSON(201, s) }},
		{"error", "/status: ", func(s shapeOf) *reply { return answerJSON(404, shapeOf{"message": "m", "status": 404}) }},
		{"no JSON", "must be an object", func(s shapeOf) *reply {
			answer := answerJSON(200, s)
			answer.body = answer.body[1:]
			return answer
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := s.specs.rest.checkResponse(&routes[i], c, test.change(c.refShape("refs/heads/main")))
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("error %v, want %q", err, test.want)
			}
		})
	}
}
