package githubtest_test

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/countersign-ci/countersign/internal/githubtest"
)

func TestFault(t *testing.T) {
	s := githubtest.New(t)
	r := s.Repo("acme/widgets")
	s.Fault(func(n int, _ *http.Request, _ []byte) *githubtest.Fault {
		return []*githubtest.Fault{
			{Status: http.StatusBadGateway, Header: http.Header{"Retry-After": {"1"}}, Body: "<html>"},
			{GraphQLErrors: `[{"type":"RATE_LIMITED","message":"API rate limit exceeded"}]`},
			{Null: map[string]string{"repository": "FORBIDDEN"}},
			{Null: map[string]string{"*/ref": "SERVICE_UNAVAILABLE"}},
			{Null: map[string]string{"repository/owner": "FORBIDDEN"}}, // which may not be null
			{Null: map[string]string{"repository": ""}},
			nil,
		}[n-1]
	})
	if response, body := send(t, "GET", s.URL()+"/repos/acme/widgets", ""); response.StatusCode != 502 ||
		response.Header.Get("Retry-After") != "1" || body != "<html>" {
		t.Errorf("%d %v %q", response.StatusCode, response.Header, body)
	}
	const fields = `databaseId ref(qualifiedName: "refs/heads/main") { name } owner { login }`
	whole := object{"databaseId": r.ID(), "ref": object{"name": "main"}, "owner": object{"login": "acme"}}
	for _, test := range []struct {
		name, kind string
		want       any
	}{
		{"errors", "RATE_LIMITED", nil},
		{"alias", "FORBIDDEN", nil},
		{"below", "SERVICE_UNAVAILABLE", object{"databaseId": r.ID(), "ref": nil, "owner": object{"login": "acme"}}},
		{"upwards", "FORBIDDEN", nil},
		{"silent", "", nil},
		{"none", "", whole},
	} {
		data, errors := ask(t, s, "{ repository(owner: \"acme\", name: \"widgets\") { "+fields+" } }", nil)
		same(t, test.name, data["repository"], test.want)
		if test.kind == "" && errors != nil || test.kind != "" && (len(errors) != 1 || errors[0]["type"] != test.kind) {
			t.Errorf("%s: errors %v, want %q", test.name, errors, test.kind)
		}
	}
}

// A request whose answer is lost was carried out nevertheless.
func TestCut(t *testing.T) {
	s := githubtest.New(t)
	r := s.Repo("acme/widgets")
	s.Fault(func(n int, _ *http.Request, _ []byte) *githubtest.Fault {
		if n > 2 {
			return nil
		}
		return &githubtest.Fault{Cut: true, Status: []int{502, 0}[n-1]}
	})
	body := `{"ref":"refs/x/1","sha":"` + r.Head("main") + `"}`
	for range 2 {
		response, err := http.Post(s.URL()+"/repos/acme/widgets/git/refs", "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if _, err = io.ReadAll(response.Body); err == nil {
			t.Error("the whole answer came")
		}
		response.Body.Close()
	}
	// Of the two, the second made the ref.
	if got := pick(rest(t, s, "POST", "/repos/acme/widgets/git/refs", body, 422), "message"); got != "Reference already exists" {
		t.Error(got)
	}
}

func TestFaultThatHitsNothing(t *testing.T) {
	tb := &recorder{TB: t}
	s := githubtest.New(tb)
	s.Fault(func(int, *http.Request, []byte) *githubtest.Fault {
		return &githubtest.Fault{Null: map[string]string{"a8": "FORBIDDEN"}}
	})
	ask(t, s, "{ rateLimit { cost } }", nil)
	tb.want(t, `a fault at "a8"`)
}

func TestToken(t *testing.T) {
	s := githubtest.New(t)
	s.Repo("acme/widgets")
	status := func(url, authorization string) int {
		request, err := http.NewRequestWithContext(t.Context(), "POST", url, strings.NewReader(`{"query":"{ rateLimit { cost } }"}`))
		if strings.HasSuffix(url, "widgets") {
			request, err = http.NewRequestWithContext(t.Context(), "GET", url, nil)
		}
		if err != nil {
			t.Fatal(err)
		}
		if authorization != "" {
			request.Header.Set("Authorization", authorization)
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		return response.StatusCode
	}
	repo := s.URL() + "/repos/acme/widgets"
	for _, test := range []struct {
		token, url, authorization string
		want                      int
	}{
		{"", repo, "", 200},
		{"", s.GraphQLURL(), "", 401},
		{"", s.GraphQLURL(), "Bearer any", 200},
		{"secret", repo, "", 401},
		{"secret", repo, "Bearer other", 401},
		{"secret", repo, "Bearer secret", 200},
		{"secret", s.GraphQLURL(), "Bearer other", 401},
		{"secret", s.GraphQLURL(), "Bearer secret", 200},
	} {
		s.SetToken(test.token)
		if got := status(test.url, test.authorization); got != test.want {
			t.Errorf("token %q, %s with %q: %d, want %d", test.token, test.url, test.authorization, got, test.want)
		}
	}
}

// Paths are neither cleaned nor decoded before a test sees them.
func TestRawPaths(t *testing.T) {
	tb := &recorder{TB: t}
	s := githubtest.New(tb)
	s.Repo("acme/widgets")
	base, err := url.Parse(s.URL())
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		path   string
		status int
		report string
	}{
		{"/repos/acme/widgets/git/ref/heads%2Fmain", 200, ""},
		{"/repos/acme/%77idgets?x=1", 200, ""},
		{"/repos/acme/widgets/git/ref/../../../../user", 404, "does not know"},
		{"/repos/acme/widgets/git/ref/%2e%2e/x", 404, "does not know"},
		{"/repos/acme/wid%2Fgets", 404, "does not know"},
		{"/repos/acme/%2e", 404, "does not know"},
		{"/repos/acme/widgets/git/ref/heads//main", 404, "does not know"},
	} {
		s.ResetRequests()
		request := &http.Request{Method: "GET", URL: &url.URL{Scheme: "http", Host: base.Host, Opaque: "//" + base.Host + base.Path + test.path}}
		response, err := http.DefaultClient.Do(request.WithContext(t.Context()))
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != test.status {
			t.Errorf("%s: status %d, want %d", test.path, response.StatusCode, test.status)
		}
		path, query, _ := strings.Cut(test.path, "?")
		if got := s.Requests(); len(got) != 1 || got[0].Path != base.Path+path || got[0].Query != query || got[0].GraphQL {
			t.Errorf("%s: recorded %+v", test.path, got)
		}
		if test.report != "" {
			tb.want(t, test.report)
		}
	}
	if len(tb.reported) != 0 {
		t.Error(tb.reported)
	}
}
