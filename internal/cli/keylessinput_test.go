package cli

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/countersign-ci/countersign/internal/jose"
	"github.com/countersign-ci/countersign/internal/keyless"
	"github.com/countersign-ci/countersign/internal/oidctest"
)

// TestKeylessBadInput has tokens that were put together wrongly.
func TestKeylessBadInput(t *testing.T) {
	replace := func(old, changed string) func(string) string {
		return func(s string) string { return strings.Replace(s, old, changed, 1) }
	}
	k := newKeylessTest(t)
	other := oidctest.New(t, oidctest.Options{Now: k.now, KID: k.provider.KID()})
	set := k.write("jwks", string(k.provider.JWKS()))
	start := k.now().Unix()
	for _, test := range []struct {
		name, rule string
		forged     forged
	}{
		{"none", "", forged{}},
		{"the digest of other claims", "bad-signature", forged{audience: func(string) string { return keyless.Audience([]byte("{}")) }}},
		{"the default audience", "bad-signature", forged{audience: func(string) string { return "https://github.com/acme" }}},
		{"an audience without its prefix", "bad-signature", forged{audience: func(own string) string { return strings.TrimPrefix(own, "countersign:") }}},
		{"an audience in capitals", "bad-signature", forged{audience: strings.ToUpper}},
		{"several audiences", "malformed-token", forged{identity: map[string]any{"aud": []string{"countersign:sha256:", "https://github.com/acme"}}}},
		{"no audience", "malformed-token", forged{identity: map[string]any{"aud": nil}}},
		{"claims that were changed", "bad-signature", forged{after: replace("octocat", "mallory")}},
		{"a claim that was added", "bad-signature", forged{after: replace(`{"aud"`, `{"a":1,"aud"`)}},
		{"no claims", "bad-signature", forged{after: func(string) string { return "" }}},
		{"claims in another order", "malformed-token", forged{text: func(s string) string {
			return strings.Replace(strings.Replace(s, `"typ":"run-spec+jwt"`, `"version":2`, 1), `{"aud"`, `{"typ":"run-spec+jwt","aud"`, 1)
		}}},
		{"claims with a space", "malformed-token", forged{text: replace(`{"aud":`, `{"aud": `)}},
		{"a claim twice", "malformed-token", forged{text: replace(`{"aud"`, `{"aud":"https://github.com/acme/other","aud"`)}},
		{"another type", "wrong-type", forged{text: replace("run-spec+jwt", "artifacts+jwt")}},
		{"no type", "malformed-token", forged{text: replace(`,"typ":"run-spec+jwt"`, "")}},
		{"another issuer with the same kid", "untrusted-identity", forged{provider: other}},
		{"another key with the same kid", "bad-signature", forged{provider: other, identity: map[string]any{"iss": k.provider.Issuer()}}},
		{"another repository's identity", "untrusted-identity", forged{identity: map[string]any{"repository": "mallory/widgets"}}},
		{"claims of another repository", "wrong-issuer", forged{claims: func(c *jose.Claims) { c.Issuer = "https://github.com/acme/orchestrator" }}},
		{"claims of no URL", "wrong-issuer", forged{claims: func(c *jose.Claims) { c.Issuer = "acme/widgets" }}},
		{"for another repository", "wrong-audience", forged{claims: func(c *jose.Claims) { c.Audience = "https://github.com/acme/other" }}},
		{"an identity 60 s older", "", forged{identity: map[string]any{"iat": start - 60}}},
		{"an identity 61 s older", "not-yet-valid", forged{identity: map[string]any{"iat": start - 61}}},
		{"an identity 300 s younger", "", forged{identity: map[string]any{"iat": start + 300}}},
		{"an identity 301 s younger", "expired", forged{identity: map[string]any{"iat": start + 301}}},
		{"an identity that expired", "", forged{identity: map[string]any{"exp": start - 3600}}},
		{"claims that expired", "expired", forged{claims: func(c *jose.Claims) { c.Expires = c.IssuedAt.Add(-62e9) }}},
	} {
		t.Run(test.name, func(t *testing.T) {
			k.t = t
			if n := k.asked(func() { k.verify(k.forge(test.forged), test.rule, "--jwks", set) }); n != 0 {
				t.Errorf("%d requests were made", n)
			}
		})
	}
}

// TestKeylessBytes changes a token somewhere.
func TestKeylessBytes(t *testing.T) {
	k := newKeylessTest(t)
	set := k.write("jwks", string(k.provider.JWKS()))
	token := k.sign()
	args := []string{
		"verify", "--keyless", "--trusted-issuer", k.provider.Issuer(), "--trusted-identity", "repository=acme/widgets", "--jwks", set, "--token",
	}
	if code, _, stderr := k.run(append(args, token)...); code != exitOK {
		t.Fatal(stderr)
	}
	tilde := strings.IndexByte(token, '~')
	for i := range token {
		if i%5 != 0 && i != tilde && i != len(token)-1 {
			continue
		}
		b := byte('A')
		if token[i] == 'A' {
			b = 'B'
		}
		changed := token[:i] + string(b) + token[i+1:]
		if code, _, _ := k.run(append(args, changed)...); code != exitRefused {
			t.Errorf("with another byte %d of %d: exit code %d", i, len(token), code)
		}
	}
}

// TestKeylessIdentities trusts what an identity says of itself, claim by claim.
func TestKeylessIdentities(t *testing.T) {
	k := newKeylessTest(t)
	set := k.write("jwks", string(k.provider.JWKS()))
	verify := func(rule string, claims map[string]any, identities ...string) {
		k.t.Helper()
		args := []string{"--jwks", set}
		for _, identity := range identities {
			args = append(args, "--trusted-identity", identity)
		}
		k.verifyAs(k.forge(forged{identity: claims}), rule, args...)
	}
	const workflow = "acme/widgets/.github/workflows/deploy.yml@refs/heads/main"
	for claim, values := range map[string][2]string{
		"repository": {"acme/widgets", "acme/widgets2"}, "repository_id": {"456789", "4567890"},
		"repository_owner": {"acme", "acme2"}, "repository_owner_id": {"123456", "12345"},
		"job_workflow_ref": {workflow, workflow + "2"}, "workflow_ref": {workflow, strings.Replace(workflow, "main", "other", 1)},
		"ref": {"refs/heads/main", "refs/heads/Main"}, "environment": {"production", "staging"}, "event_name": {"push", "pull_request"},
		"runner_environment": {"github-hosted", "self-hosted"}, "actor": {"octocat", "mallory"}, "actor_id": {"583231", "1"},
		"sha": {jobSHA, anotherSHA}, "ref_protected": {"true", "false"}, "ref_type": {"branch", "tag"},
		"job_workflow_sha": {jobSHA, anotherSHA}, "workflow": {"Deploy", "deploy"}, "repository_visibility": {"private", "public"},
	} {
		t.Run(claim, func(t *testing.T) {
			k.t = t
			trusted := []string{"repository_owner=acme", claim + "=" + values[0]}
			verify("", map[string]any{claim: values[0]}, trusted...)
			rule := ""
			if claim == "repository" {
				rule = "wrong-issuer" // trusted, and not who signed
			}
			verify(rule, map[string]any{claim: values[1]}, append(trusted, claim+"="+values[1])...)
			for _, value := range []any{values[1], "", nil, []string{values[0]}} {
				verify("untrusted-identity", map[string]any{claim: value}, trusted...)
			}
		})
	}
	k.t = t
	verify("", nil, "repository=acme/*")
	verify("", nil, "repository=ACME/Widgets")
	verify("", nil, "repository=acme/other", "repository=acme/widgets", "ref=refs/heads/*")
	verify("untrusted-identity", map[string]any{"ref": "refs/heads/a/b"}, "repository=acme/widgets", "ref=refs/heads/*")
	verify("untrusted-identity", nil, "repository=acme/widgets", "ref=refs/heads/other")
	verify("untrusted-identity", nil, "repository=acme/widgets", "no_such_claim=x")
	// As an input of the Action they stand one a line.
	k.env["COUNTERSIGN_TRUSTED_IDENTITY"] = "repository=acme/widgets\n  ref=refs/heads/other\n"
	verify("untrusted-identity", nil)
	verify("", map[string]any{"ref": "refs/heads/other"})
}

// commandMode and the others are variables of what TestKeylessCommand runs.
const (
	commandMode    = "COUNTERSIGN_TEST_COMMAND"
	commandAddress = "COUNTERSIGN_TEST_ADDRESS"
	commandToken   = "COUNTERSIGN_TEST_REQUEST"
	commandCA      = "COUNTERSIGN_TEST_CA"
)

// TestKeylessIdentityCommand is no test but the program that TestKeylessCommand
// runs: it prints an identity token for the audience that is its last argument.
func TestKeylessIdentityCommand(t *testing.T) {
	mode, audience := os.Getenv(commandMode), os.Args[len(os.Args)-1]
	switch mode {
	case "":
		t.Skip("a part of TestKeylessCommand")
	case "fails":
		os.Exit(7)
	case "garbage":
		_, _ = io.WriteString(os.Stdout, "please log in first\n")
		os.Exit(0)
	case "other":
		audience = keyless.Audience(nil)
	case "none":
		os.Exit(0)
	}
	token, err := identityToken(audience)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(os.Stdout, token+"\n")
	os.Exit(0)
}

// identityToken asks a provider for an identity token, as another CI system's own
// program does.
func identityToken(audience string) (string, error) {
	transport, err := trusting(os.Getenv(commandCA))
	if err != nil {
		return "", err
	}
	request, err := http.NewRequest(http.MethodGet, os.Getenv(commandAddress)+"&audience="+url.QueryEscape(audience), nil)
	if err != nil {
		return "", err
	}
	request.Header.Set("Authorization", "Bearer "+os.Getenv(commandToken))
	response, err := transport.RoundTrip(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	var answer struct{ Value string }
	err = json.NewDecoder(response.Body).Decode(&answer)
	return answer.Value, err
}

// trusting returns a transport that trusts the authority of a file.
func trusting(file string) (http.RoundTripper, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(text)
	return &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}, nil
}

// TestKeylessCommand signs elsewhere than on a runner, where a command gets the
// identity token.
func TestKeylessCommand(t *testing.T) {
	k := newKeylessTest(t)
	for name, value := range map[string]string{
		commandAddress: k.provider.RequestURL(), commandToken: k.provider.RequestToken(), commandCA: k.provider.WriteCA(),
		"GORACE": "atexit_sleep_ms=0",
	} {
		t.Setenv(name, value)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	sign := []string{
		"sign", "--keyless", "--identity-command", "'" + self + "' '-test.run=^TestKeylessIdentityCommand$'",
		"--issuer", "https://github.com/acme/widgets", "--repository", "acme/widgets", "--actor", "octocat", "--sha", jobSHA,
	}
	for _, test := range []struct{ mode, says string }{
		{"fails", "--identity-command got no identity token: exit status 7"},
		{"garbage", "what came as an identity token cannot be used"},
		{"none", "what came as an identity token cannot be used"},
		{"other", "the identity token is not for these claims"},
	} {
		t.Setenv(commandMode, test.mode)
		for _, onRunner := range []bool{true, false} {
			env := k.env
			if !onRunner {
				k.env = map[string]string{"GITHUB_STEP_SUMMARY": k.path("summary"), "GITHUB_OUTPUT": k.path("output")}
			}
			// The runner is not asked where there is a command.
			if n := k.asked(func() { k.fails(exitUndecided, test.says, sign...) }); n != 0 {
				t.Errorf("%s: %d requests were made", test.mode, n)
			}
			k.env = env
		}
	}
	k.fails(exitUndecided, "got no identity token", append(sign, "--identity-command", "./none")...)

	t.Setenv(commandMode, "good")
	k.away()
	code, stdout, stderr := k.run(sign...)
	if code != exitOK {
		t.Fatal(stderr)
	}
	k.verify(strings.TrimSpace(stdout), "", "--expect", expectRun)
}
