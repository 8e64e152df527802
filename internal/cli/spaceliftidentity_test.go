package cli

import (
	"strings"
	"testing"

	"github.com/countersign-ci/countersign/internal/oidctest"
	"github.com/countersign-ci/countersign/internal/spacelifttest"
)

// TestSpaceliftIdentity has the identity of the job be the secret of an OIDC key.
func TestSpaceliftIdentity(t *testing.T) {
	for _, test := range []struct {
		name, audience string
		want           string
	}{
		{"the host's name", "", "127.0.0.1"},
		{"another audience", "acme", "acme"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s, provider, secrets := newIdentityTest(t)
			s.env["SPACELIFT_OIDC_AUDIENCE"] = test.audience
			s.sign(exitOK, "--stack", "network", "--trigger")
			if len(s.account.Runs()) != 1 || len(*secrets) != 1 || provider.Requests(oidctest.Request) != 1 {
				t.Fatalf("%d runs by %d identity tokens", len(s.account.Runs()), len(*secrets))
			}
			claims := decoded(t, (*secrets)[0], 1)
			if claims["aud"] != test.want || claims["iss"] != provider.Issuer() || claims["repository"] != "acme/widgets" {
				t.Errorf("the identity token is %v", claims)
			}
		})
	}
}

// newIdentityTest is a job that has an identity, and an account that wants one. It
// returns the secrets that came too.
func newIdentityTest(t *testing.T) (*spaceliftTest, *oidctest.Provider, *[]string) {
	t.Helper()
	provider, secrets := oidctest.New(t, oidctest.Options{Alg: "ES256"}), &[]string{}
	s := newSpaceliftTestOf(t, spacelifttest.Options{KeyID: "01OIDC", CheckSecret: func(secret string) bool {
		*secrets = append(*secrets, secret)
		return strings.HasPrefix(secret, "eyJ")
	}})
	s.client = provider.Client()
	s.secrets = append(s.secrets, provider.RequestToken())
	return s.set(map[string]string{
		"ACTIONS_ID_TOKEN_REQUEST_URL": provider.RequestURL(), "ACTIONS_ID_TOKEN_REQUEST_TOKEN": provider.RequestToken(),
	}), provider, secrets
}

func TestSpaceliftNoIdentity(t *testing.T) {
	for _, test := range []struct {
		name  string
		env   map[string]string
		fault oidctest.Fault
		code  int
		says  string
		asked int // for identity tokens
	}{
		{"no permission", map[string]string{"ACTIONS_ID_TOKEN_REQUEST_URL": "", "ACTIONS_ID_TOKEN_REQUEST_TOKEN": ""}, "", exitUsage, "SPACELIFT_API_KEY_SECRET is missing", 0},
		{"half a permission", map[string]string{"ACTIONS_ID_TOKEN_REQUEST_TOKEN": ""}, "", exitUsage, "ACTIONS_ID_TOKEN_REQUEST_TOKEN is not set", 0},
		{"no address", map[string]string{"SPACELIFT_API_KEY_ENDPOINT": ""}, "", exitUsage, "SPACELIFT_API_KEY_ENDPOINT is missing", 0},
		{"no id", map[string]string{"SPACELIFT_API_KEY_ID": ""}, "", exitUsage, "SPACELIFT_API_KEY_ID is missing", 0},
		{"a secret", map[string]string{"SPACELIFT_API_KEY_SECRET": "a-secret"}, "", exitUsage, "unauthorized", 0},
		{"a token", map[string]string{"SPACELIFT_API_TOKEN": "another"}, "", exitUsage, "check SPACELIFT_API_TOKEN", 0},
		{"a broken runner", nil, oidctest.Broken, exitUndecided, "answered 500 where an identity token is asked for", 3},
	} {
		t.Run(test.name, func(t *testing.T) {
			s, provider, _ := newIdentityTest(t)
			s.set(test.env)
			provider.SetFault(oidctest.Request, test.fault)
			s.refuses(test.code, test.says, "--stack", "network", "--trigger")
			if got := provider.Requests(oidctest.Request); got != test.asked {
				t.Errorf("%d identity tokens were asked for, want %d", got, test.asked)
			}
		})
	}
}
