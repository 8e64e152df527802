package spaceliftapi_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign-ci/countersign/internal/spaceliftapi"
	"github.com/countersign-ci/countersign/internal/spacelifttest"
)

func operations(s *spacelifttest.Server) (names []string) {
	for _, r := range s.Requests() {
		names = append(names, r.Operation)
	}
	return names
}

// All that a session does, with a key and with a token.
func TestSession(t *testing.T) {
	for _, withToken := range []bool{false, true} {
		s := spacelifttest.New(t, options())
		credentials := spaceliftapi.Credentials{Endpoint: s.URL(), KeyID: keyID, KeySecret: secret}
		want := []string{"apiKeyUser", "stack", "debugInfo", "runTrigger", "runTrigger", "runTrigger"}
		if withToken {
			// The token wins, and tells where it is for.
			credentials = spaceliftapi.Credentials{Token: s.Token(), KeyID: keyID, KeySecret: "wrong"}
			want = want[1:]
		}
		c, slept := clientOf(t, credentials)
		for range 2 {
			if err := c.Login(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if branch, err := c.Branch(t.Context(), "network"); branch != "main" || err != nil {
			t.Fatalf("branch %q, error %v", branch, err)
		}
		for _, r := range []spaceliftapi.Run{tracked(), proposed(), tracked()} {
			url, err := c.Trigger(t.Context(), r)
			if err != nil {
				t.Fatal(err)
			}
			runs := s.Runs()
			last := runs[len(runs)-1]
			if url != s.RunURL(last) {
				t.Errorf("the run is at %q, want %q", url, s.RunURL(last))
			}
			last.ID = ""
			if diff := cmp.Diff(spacelifttest.Run{
				Stack: "network", SHA: sha, Type: string(r.Type), Metadata: runToken, ForceApply: r.Type == spaceliftapi.Tracked,
			}, last); diff != "" {
				t.Error(diff)
			}
		}
		if diff := cmp.Diff(want, operations(s)); diff != "" || slept.slept != nil {
			t.Errorf("waited %v, operations (-want +got):\n%s", slept.slept, diff)
		}
		bearer := strings.TrimPrefix(s.Requests()[len(want)-1].Header.Get("Authorization"), "Bearer ")
		wantSecrets := []string{secret, bearer}
		if withToken {
			wantSecrets = wantSecrets[1:]
		}
		if !slices.Equal(c.Secrets(), wantSecrets) || bearer == "" {
			t.Errorf("the secrets are %q, want %q", c.Secrets(), wantSecrets)
		}
	}
}

func TestLoginComesFirst(t *testing.T) {
	s := spacelifttest.New(t, options())
	c, _ := newClient(t, s)
	if _, err := c.Branch(t.Context(), "network"); err == nil || len(s.Requests()) != 0 {
		t.Errorf("error %v, %d requests", err, len(s.Requests()))
	}
	if _, err := c.Trigger(t.Context(), proposed()); err == nil || len(s.Requests()) != 0 {
		t.Errorf("error %v, %d requests", err, len(s.Requests()))
	}
}

// The identity token of a job is the secret of an OIDC key.
func TestIdentityToken(t *testing.T) {
	o := options()
	o.CheckSecret = func(secret string) bool { return secret == "eyJh.eyJi.c2ln" }
	s := spacelifttest.New(t, o)
	c, _ := clientOf(t, spaceliftapi.Credentials{Endpoint: s.URL(), KeyID: keyID, KeySecret: "eyJh.eyJi.c2ln"})
	if err := c.Login(t.Context()); err != nil {
		t.Error(err)
	}
	c, _ = clientOf(t, spaceliftapi.Credentials{Endpoint: s.URL(), KeyID: keyID, KeySecret: secret})
	wantCredentialsError(t, c, c.Login(t.Context()), `"unauthorized"`, "an OIDC key")
}

func TestRefusedCredentials(t *testing.T) {
	s := spacelifttest.New(t, options())
	for _, credentials := range []spaceliftapi.Credentials{
		{Endpoint: s.URL(), KeyID: keyID, KeySecret: "x" + secret}, {Endpoint: s.URL(), KeyID: "01OTHER", KeySecret: secret},
	} {
		c, _ := clientOf(t, credentials)
		wantCredentialsError(t, c, c.Login(t.Context()), "unauthorized", "SPACELIFT_API_KEY_SECRET")
		if len(c.Secrets()) != 1 {
			t.Errorf("secrets %q", c.Secrets())
		}
	}
	c, _ := clientOf(t, spaceliftapi.Credentials{Token: s.Token()})
	s.Revoke()
	_, err := c.Branch(t.Context(), "network")
	wantCredentialsError(t, c, err, "unauthorized", "SPACELIFT_API_TOKEN")

	s, c, _ = loggedIn(t, options())
	s.Revoke()
	_, err = c.Trigger(t.Context(), proposed())
	if wantCredentialsError(t, c, err, "unauthorized", "a role"); errors.Is(err, spaceliftapi.ErrLost) || len(s.Runs()) != 0 {
		t.Errorf("error %v: nothing was started", err)
	}
	for _, status := range []int{401, 403} {
		for body, says := range map[string]string{
			"unauthorized": "answered", `{"errors":[{"message":"no ` + runToken[:40] + `"}]}`: `: "no …"`,
		} {
			s.On("runTrigger", spacelifttest.Fault{Status: status, Body: body})
			_, err = c.Trigger(t.Context(), proposed())
			if wantCredentialsError(t, c, err, says, "a role"); errors.Is(err, spaceliftapi.ErrLost) {
				t.Errorf("error %v: nothing was started", err)
			}
		}
	}
	s.On("runTrigger", spacelifttest.Fault{Errors: `[{"message":"Unauthorized: you may not"}]`})
	_, err = c.Trigger(t.Context(), proposed())
	wantCredentialsError(t, c, err, `"Unauthorized: you may not"`, "a role")
	if n := count(s, "runTrigger"); n != 6 {
		t.Errorf("%d requests", n)
	}
}

// One secret may be a part of another.
func TestNestedSecrets(t *testing.T) {
	s := spacelifttest.New(t, options())
	c, _ := clientOf(t, spaceliftapi.Credentials{Endpoint: s.URL(), KeyID: keyID, KeySecret: "inner"})
	s.On("apiKeyUser", spacelifttest.Fault{Body: `{"data":{"apiKeyUser":{"jwt":"begin-inner-end","validUntil":1}}}`})
	if err := c.Login(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.On("stack", spacelifttest.Fault{Errors: `[{"message":"no begin-inner-end, no inner"}]`})
	_, err := c.Branch(t.Context(), "network")
	wantError(t, c, err, `"no …, no …"`, "")
}

func TestUnknownStack(t *testing.T) {
	s, c, _ := loggedIn(t, options())
	_, err := c.Branch(t.Context(), "gone")
	if wantError(t, c, err, `the stack "gone"`, "the stack's id"); !errors.Is(err, spaceliftapi.ErrUnknownStack) {
		t.Errorf("error %v", err)
	}
	run := tracked()
	run.Stack = "gone"
	_, err = c.Trigger(t.Context(), run)
	if wantError(t, c, err, "stack not found", "see the message"); errors.Is(err, spaceliftapi.ErrLost) || len(s.Runs()) != 0 {
		t.Errorf("error %v", err)
	}
}

// What cannot be asked is refused before anything is sent.
func TestCheck(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*spaceliftapi.Run)
		says   string // empty where it is fine
	}{
		"all is well":         {func(*spaceliftapi.Run) {}, ""},
		"a long id":           {func(r *spaceliftapi.Run) { r.Stack = "A-b_c.9" }, ""},
		"SHA-256":             {func(r *spaceliftapi.Run) { r.SHA = strings.Repeat("0a", 32) }, ""},
		"8 KiB":               {func(r *spaceliftapi.Run) { r.Token = strings.Repeat("x", 8192) }, ""},
		"more than 8 KiB":     {func(r *spaceliftapi.Run) { r.Token = strings.Repeat("x", 8193) }, "8193 bytes"},
		"no token":            {func(r *spaceliftapi.Run) { r.Token = "" }, "no token"},
		"a line end":          {func(r *spaceliftapi.Run) { r.Token = "a.b.c\n" }, "cannot stand in a header"},
		"another header":      {func(r *spaceliftapi.Run) { r.Token = "a\r\nX-Y: z" }, "cannot stand in a header"},
		"no stack":            {func(r *spaceliftapi.Run) { r.Stack = "" }, "id of a stack"},
		"a folder above":      {func(r *spaceliftapi.Run) { r.Stack = ".." }, "id of a stack"},
		"a folder":            {func(r *spaceliftapi.Run) { r.Stack = "." }, "id of a stack"},
		"a path":              {func(r *spaceliftapi.Run) { r.Stack = "a/../b" }, "id of a stack"},
		"a query":             {func(r *spaceliftapi.Run) { r.Stack = "a?b" }, "id of a stack"},
		"an escape":           {func(r *spaceliftapi.Run) { r.Stack = "a%2fb" }, "id of a stack"},
		"a stack's line end":  {func(r *spaceliftapi.Run) { r.Stack = "network\n" }, "id of a stack"},
		"a name":              {func(r *spaceliftapi.Run) { r.Stack = "My stack" }, "id of a stack"},
		"a stack of 256":      {func(r *spaceliftapi.Run) { r.Stack = strings.Repeat("a", 256) }, "id of a stack"},
		"a short commit":      {func(r *spaceliftapi.Run) { r.SHA = sha[:7] }, "no commit's digest"},
		"a commit in capital": {func(r *spaceliftapi.Run) { r.SHA = strings.ToUpper(sha) }, "no commit's digest"},
		"a branch":            {func(r *spaceliftapi.Run) { r.SHA = "main" }, "no commit's digest"},
		"40 letters":          {func(r *spaceliftapi.Run) { r.SHA = strings.Repeat("g", 40) }, "no commit's digest"},
		"no type":             {func(r *spaceliftapi.Run) { r.Type = "" }, "no type of a run"},
		"a type in lower":     {func(r *spaceliftapi.Run) { r.Type = "tracked" }, "no type of a run"},
	} {
		run := tracked()
		test.change(&run)
		if test.says == "" {
			if err := run.Check(); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		s, c, _ := loggedIn(t, options())
		_, err := c.Trigger(t.Context(), run)
		var e *spaceliftapi.RunError
		if wantError(t, nil, err, test.says, ""); !errors.As(err, &e) || len(s.Requests()) != 0 {
			t.Errorf("%s: error %v, %d requests", name, err, len(s.Requests()))
		}
		if strings.Contains(test.says, "stack") {
			if _, err := c.Branch(t.Context(), run.Stack); !errors.As(err, &e) || len(s.Requests()) != 0 {
				t.Errorf("%s: error %v, %d requests", name, err, len(s.Requests()))
			}
		}
	}
}

// TestVersions has the argument forceApply where the server knows it.
func TestVersions(t *testing.T) {
	answers := func(v string) *spacelifttest.Fault {
		return &spacelifttest.Fault{Body: `{"data":{"debugInfo":` + v + `}}`}
	}
	for _, test := range []struct {
		version string
		fault   *spacelifttest.Fault
		want    bool
	}{
		{"", nil, true}, // null
		{"", answers(`{"selfHostedVersion":""}`), true},
		{"5.1.0", nil, true}, {"v5.1.0", nil, true}, {"5.1", nil, true}, {"5.1.0-rc1", nil, true}, {"5.10.2", nil, true}, {"6.0.0", nil, true}, {"10.0.0", nil, true},
		{"5.0.9", nil, false}, {"4.9.0", nil, false}, {"v2.6.1", nil, false}, {"0.0.12", nil, false}, {"5", nil, false},
		{"latest", nil, false}, {"5.1.0 or so", nil, false}, {"-5.1.0", nil, false},
		{"5.0.0", answers(`null`), false},
		{"5.0.0", answers(`{}`), false},
		{"5.0.0", answers(`{"selfHostedVersion":51}`), false},
		{"5.0.0", answers(`"6.0.0"`), false},
		{"5.0.0", &spacelifttest.Fault{Errors: `[{"message":"Cannot query field \"debugInfo\""}]`}, false},
		{"5.0.0", &spacelifttest.Fault{Body: "<html>"}, false},
		{"5.0.0", &spacelifttest.Fault{Status: 400, Body: "{}"}, false},
		{"5.0.0", &spacelifttest.Fault{Status: 502}, false},
		{"5.0.0", &spacelifttest.Fault{Cut: true}, false},
	} {
		o := options()
		o.SelfHostedVersion = test.version
		s, c, _ := loggedIn(t, o)
		if test.fault != nil {
			s.On("debugInfo", *test.fault)
		}
		for _, r := range []spaceliftapi.Run{proposed(), tracked(), tracked()} {
			if _, err := c.Trigger(t.Context(), r); err != nil {
				t.Errorf("%q, %+v: %v", test.version, test.fault, err)
			}
		}
		var got []bool
		for _, r := range s.Runs() {
			got = append(got, r.ForceApply)
		}
		if want := []bool{false, test.want, test.want}; !slices.Equal(got, want) {
			t.Errorf("%q, %+v: forceApply in %v, want %v", test.version, test.fault, got, want)
		}
		if ops := operations(s); ops[0] != "runTrigger" || ops[len(ops)-1] != "runTrigger" || ops[len(ops)-2] != "runTrigger" {
			t.Errorf("%q: operations %q", test.version, ops)
		}
	}
}

// A caller that goes away while the version is asked has started nothing.
func TestVersionEnded(t *testing.T) {
	s, c, _ := loggedIn(t, options())
	ctx, cancel := context.WithCancel(t.Context())
	s.Fault(func(int, spacelifttest.Request) *spacelifttest.Fault {
		cancel()
		return &spacelifttest.Fault{Hang: true}
	})
	_, err := c.Trigger(ctx, tracked())
	if !errors.Is(err, context.Canceled) || errors.Is(err, spaceliftapi.ErrLost) || count(s, "runTrigger") != 0 {
		t.Errorf("error %v", err)
	}
}
