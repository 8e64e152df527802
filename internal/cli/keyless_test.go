package cli

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/countersign-ci/countersign/internal/keyless"
	"github.com/countersign-ci/countersign/internal/oidctest"
	"github.com/countersign-ci/countersign/internal/runspec"
)

// TestKeyless signs a run with the identity of its job, and verifies it there and
// away from GitHub.
func TestKeyless(t *testing.T) {
	k := newKeylessTest(t)
	var token string
	if n := k.asked(func() { token = k.sign("--command", "terraform plan") }); n != 1 || k.provider.Requests(oidctest.Request) != 1 {
		t.Errorf("sign made %d requests, want one for an identity token", n)
	}
	if summary := k.read("summary"); !strings.Contains(summary, "### Countersign: signed") || !strings.Contains(summary, "terraform plan") {
		t.Errorf("the summary is %q", summary)
	}
	if n := k.asked(func() { k.verify(token, "") }); n != 2 || k.provider.Requests(oidctest.Discovery) != 1 || k.provider.Requests(oidctest.KeySet) != 1 {
		t.Errorf("verify made %d requests, want one for the document and one for the keys", n)
	}
	if summary := k.read("summary"); !strings.Contains(summary, "| `untrusted-identity` | pass |") {
		t.Errorf("the summary is %q", summary)
	}
	k.away()
	if stderr := k.verify(token, "", "--expect", expectRun); strings.Contains(stderr, addMask) {
		t.Errorf("away from a runner there is a mask: %s", stderr)
	}
	k.verify(token, "wrong-actor", "--expect", strings.Replace(expectRun, "octocat", "mallory", 1))
	k.verify(token, "", "--expect", expectRun, "--issuer", "https://github.com/acme/widgets")
	k.verify(token, "wrong-issuer", "--expect", expectRun, "--issuer", "https://github.com/acme/orchestrator")
	k.fails(exitUsage, "error: ", "verify", "--keyless", "--trusted-issuer", k.provider.Issuer(), "--trusted-identity", "repository=acme/widgets", "--token", token)
}

func TestKeylessJSON(t *testing.T) {
	k := newKeylessTest(t)
	_, stdout, _ := k.run("sign", "--keyless", "--json", "--ttl", "24h")
	var s struct {
		Token      string
		SpecDigest string `json:"spec_digest"`
		ExpiresAt  string `json:"expires_at"`
		Spec       json.RawMessage
	}
	if err := json.Unmarshal([]byte(stdout), &s); err != nil || s.ExpiresAt != "2026-11-23T12:00:00Z" || s.SpecDigest != runspec.Digest(s.Spec) {
		t.Fatalf("%v: %s", err, stdout)
	}
	k.verify(s.Token, "")
	// The identity token lives for five minutes, and the claims for a day.
	k.later(24 * time.Hour)
	k.verify(s.Token, "")
	k.later(61 * time.Second)
	k.verify(s.Token, "expired")

	code, stdout, stderr := k.run("inspect", "--token", s.Token)
	var shown struct {
		Verified *bool
		Header   any
		Claims   struct{ Typ string }
		Identity struct {
			Header struct{ KID string }
			Claims struct{ Repository, Aud string }
		}
	}
	if err := json.Unmarshal([]byte(stdout), &shown); err != nil || code != exitOK || shown.Verified == nil || *shown.Verified || shown.Header != nil ||
		shown.Claims.Typ != "run-spec+jwt" || shown.Identity.Header.KID != k.provider.KID() || shown.Identity.Claims.Repository != "acme/widgets" {
		t.Errorf("inspect ended with %d: %v %s %s", code, err, stdout, stderr)
	}
}

// TestKeylessFlags is used wrongly, and asks nobody anything.
func TestKeylessFlags(t *testing.T) {
	k := newKeylessTest(t)
	token := k.sign()
	private, public := k.path("key"), k.path("public")
	if code, _, stderr := k.run("keygen", "--private", private, "--public", public); code != exitOK {
		t.Fatal(stderr)
	}
	secret, set := k.write("secret", strings.Repeat("s", 32)), k.write("jwks", string(k.provider.JWKS()))
	signing := []string{"sign", "--keyless"}
	verifying := []string{"verify", "--keyless", "--token", token, "--trusted-issuer", k.provider.Issuer()}
	trusting := append(slices.Clip(verifying), "--trusted-identity", "repository=acme/widgets")
	withKey := []string{"verify", "--token", token, "--key", public}
	with := func(args []string, more ...string) []string { return append(slices.Clip(args), more...) }
	for _, test := range []struct {
		name, says, advises string
		args                []string
		env                 map[string]string
	}{
		{"sign: a key too", "a key beside --keyless", "leave out", with(signing, "--key", private), nil},
		{"sign: a key too, as a variable", "a key beside --keyless", "leave out", signing, map[string]string{"COUNTERSIGN_KEY": private}},
		{"sign: a secret too", "a key beside --keyless", "leave out", signing, map[string]string{"COUNTERSIGN_SECRET": strings.Repeat("s", 32)}},
		{"sign: a secret file too", "a key beside --keyless", "leave out", with(signing, "--secret-file", secret), nil},
		{"sign: an algorithm too", "--alg is about a key", "leave out --alg", with(signing, "--alg", "RS256"), nil},
		{"sign: nothing", "there is no key", "--keyless", []string{"sign"}, nil},
		{"sign: keyless is false", "there is no key", "--keyless", []string{"sign", "--keyless=false"}, nil},
		{"sign: a command and a key", "--identity-command", "add --keyless", []string{"sign", "--key", private, "--identity-command", "true"}, nil},
		{"sign: no command", "--identity-command", "", with(signing, "--identity-command", " "), nil},
		{"sign: half a command", "--identity-command", "", with(signing, "--identity-command", "'"), nil},
		{"verify: a key too", "a key beside --keyless", "leave out", with(trusting, "--key", public), nil},
		{"verify: a key set too", "a key beside --keyless", "leave out", with(trusting, "--key", k.provider.Issuer()+oidctest.KeySet), nil},
		{"verify: a secret too", "a key beside --keyless", "leave out", trusting, map[string]string{"COUNTERSIGN_SECRET": strings.Repeat("s", 32)}},
		{"verify: an algorithm too", "--alg is about a key", "leave out --alg", with(trusting, "--alg", "RS256"), nil},
		{"verify: nothing", "there is no key", "--keyless", []string{"verify", "--token", token}, nil},
		{"verify: an identity and a key", "a key is to verify", "add --keyless", with(withKey, "--trusted-identity", "repository=acme/widgets"), nil},
		{"verify: a file and a key", "a key is to verify", "add --keyless", with(withKey, "--jwks", set), nil},
		{"verify: a cache and a key", "a key is to verify", "add --keyless", with(withKey, "--jwks-cache", k.folder), nil},
		{"verify: an issuer and a key", "a key is to verify", "add --keyless", with(withKey, "--trusted-issuer", k.provider.Issuer()), nil},
		{"no identity", "is trusted by name", "repository=OWNER/NAME", verifying, nil},
		{"an identity of anybody", "is trusted by name", "repository=OWNER/NAME", with(verifying, "--trusted-identity", "ref=refs/heads/main"), nil},
		{"a workflow that anybody may call", "is trusted by name", "job_workflow_ref alone", with(verifying, "--trusted-identity", "job_workflow_ref=acme/w/.github/workflows/a.yml@refs/heads/main"), nil},
		{"any owner", "is trusted by name", "", with(verifying, "--trusted-identity", "repository=*/widgets"), nil},
		{"a part of an owner", "is trusted by name", "", with(verifying, "--trusted-identity", "repository=acme*/widgets"), nil},
		{"any owner beside one", "is trusted by name", "", with(trusting, "--trusted-identity", "repository=*/widgets"), nil},
		{"sub", "the claim sub cannot be trusted", "claims of its own", with(trusting, "--trusted-identity", "sub=repo:acme/widgets:ref:refs/heads/main"), nil},
		{"no pair", "is not of the form claim=value", "repository=", with(trusting, "--trusted-identity", "acme/widgets"), nil},
		{"two claims in one", "stands another claim", "repeat the flag", with(verifying, "--trusted-identity", "repository=acme/widgets,ref=refs/heads/main"), nil},
		{"a short name", "is trusted by name", "repository may be meant", with(verifying, "--trusted-identity", "repo=acme/widgets"), nil},
		{"no value", "the claim ref has no value", "", with(trusting, "--trusted-identity", "ref="), nil},
		{"issuer over http", "not an https URL", "https://host", with(trusting, "--trusted-issuer", "http://127.0.0.1:1"), nil},
		{"issuer over http, and a file", "not an https URL", "https://host", with(trusting, "--jwks", set, "--trusted-issuer", "http://127.0.0.1:1"), nil},
		{"issuer with a query", "a query", "https://host", with(trusting, "--trusted-issuer", k.provider.Issuer()+"?a=b"), nil},
		{"issuer with a fragment", "a fragment", "https://host", with(trusting, "--trusted-issuer", k.provider.Issuer()+"#"), nil},
		{"issuer without a scheme", "not an https URL", "https://host", with(trusting, "--trusted-issuer", "127.0.0.1"), nil},
		{"no issuer", "not an https URL", "https://host", with(trusting, "--trusted-issuer", ""), nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			k.t = t
			for name, value := range test.env {
				k.env[name] = value
				defer delete(k.env, name)
			}
			n := k.asked(func() {
				_, hint, _ := strings.Cut(k.fails(exitUsage, test.says, test.args...), "hint: ")
				if !strings.Contains(hint, test.advises) {
					t.Errorf("the hint is %q, want %q", hint, test.advises)
				}
			})
			if n != 0 {
				t.Errorf("%d requests were made", n)
			}
		})
	}
	// The issuer of a token is not known before it is looked at, but its form is.
	k.t = t
	other := k.forge(forged{identity: map[string]any{"iss": "https://user@127.0.0.1"}})
	k.fails(exitUsage, "--trusted-issuer", "verify", "--keyless", "--trusted-identity", "repository=acme/widgets", "--token", other, "--trusted-issuer", "https://user@127.0.0.1")
}

// TestKeylessNoPermission says what to add to a workflow before anything is asked.
func TestKeylessNoPermission(t *testing.T) {
	for _, name := range []string{"ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"} {
		k := newKeylessTest(t)
		k.env[name] = ""
		stderr := k.fails(exitUsage, "error: the runner offers no identity token", "sign", "--keyless", "--dispatch", "deploy.yml", "--repository", "acme/other")
		if !strings.Contains(stderr, "permissions:") || !strings.Contains(stderr, "id-token: write") || k.requests.Load() != 0 {
			t.Errorf("after %d requests it says %s", k.requests.Load(), stderr)
		}
		if output := k.read("output"); strings.Count(output, "<<") != 6 {
			t.Errorf("the outputs are %s", output)
		}
	}
}

// TestKeylessRequestFails signs nothing where no identity token comes, or one that
// is for something else.
func TestKeylessRequestFails(t *testing.T) {
	for fault, says := range map[oidctest.Fault]string{
		oidctest.Broken: "answered 500", oidctest.NotJSON: "no JSON object", oidctest.Redirect: "answered 307", oidctest.Hang: "no whole answer",
	} {
		k := newKeylessTest(t)
		if fault == oidctest.Hang {
			k.client.Timeout = 50 * time.Millisecond
		}
		k.provider.SetFault(oidctest.Request, fault)
		k.fails(exitUndecided, says, "sign", "--keyless")
		if n := k.provider.OtherRequests(); n != 0 {
			t.Errorf("%s: another host was asked", fault)
		}
	}
	k := newKeylessTest(t)
	for _, audience := range []any{"https://github.com/acme", []string{"countersign:sha256:"}, nil} {
		k.provider.SetClaims(map[string]any{"aud": audience})
		k.fails(exitUndecided, "the identity token is not for these claims", "sign", "--keyless")
	}
	k.env["ACTIONS_ID_TOKEN_REQUEST_TOKEN"] = "mallory"
	k.fails(exitUndecided, "answered 401", "sign", "--keyless")
	k.env["ACTIONS_ID_TOKEN_REQUEST_URL"] = "http://issuer.example/request"
	k.fails(exitUndecided, "is not https", "sign", "--keyless")
}

// TestKeylessTypes has a token of one kind where the other is expected. Nobody is
// asked for keys that cannot help.
func TestKeylessTypes(t *testing.T) {
	k := newKeylessTest(t)
	token := k.sign()
	public := k.path("public")
	_, _, _ = k.run("keygen", "--private", k.path("key"), "--public", public)
	code, signed, stderr := k.run("sign", "--key", k.path("key"))
	if code != exitOK {
		t.Fatal(stderr)
	}
	other := oidctest.New(t, oidctest.Options{Now: k.now, KID: k.provider.KID()})
	n := k.asked(func() {
		k.verify(strings.TrimSpace(signed), "malformed-token")
		args := []string{"verify", "--json", "--key", public, "--token", token}
		code, stdout, stderr := k.run(args...)
		k.checkReport(args, code, stdout, "malformed-token", stderr)
		if !strings.Contains(stderr, "signed without a key") {
			t.Errorf("it does not say which flag is missing: %s", stderr)
		}
		k.verify(k.forge(forged{provider: other}), "untrusted-identity")
		k.verify(k.forge(forged{provider: other, identity: map[string]any{"iss": k.provider.Issuer() + "/"}}), "untrusted-identity")
		k.verify(k.forge(forged{identity: map[string]any{"iss": keyless.DefaultIssuer}}), "untrusted-identity")
		k.verify("~"+token, "malformed-token")
		k.verify("x~y.z", "malformed-token")
		k.verify("~", "malformed-token")
	})
	if asked := other.Requests(oidctest.Discovery); n != 0 || asked != 0 {
		t.Errorf("%d requests were made, %d of them to another issuer", n, asked)
	}
	// What names the trusted issuer is held against its keys.
	k.verify(k.forge(forged{provider: other, identity: map[string]any{"iss": k.provider.Issuer()}}), "bad-signature")
}

// TestKeylessExec starts nothing for what an identity did not sign.
func TestKeylessExec(t *testing.T) {
	k := newKeylessTest(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	exec := func(code int, says, identity, token string) {
		t.Helper()
		k.fails(code, says, "exec", "--keyless", "--trusted-issuer", k.provider.Issuer(), "--trusted-identity", identity, "--token", token, "--", self, "-test.none")
	}
	exec(exitRefused, "error: untrusted-identity: ", "repository=acme/other", k.sign())
	exec(exitRefused, "error: bad-signature: ", "repository=acme/widgets", k.forge(forged{after: func(s string) string {
		return strings.Replace(s, "octocat", "mallory", 1)
	}}))
	k.provider.SetFault(oidctest.Discovery, oidctest.Broken)
	exec(exitUndecided, "answered 500", "repository=acme/widgets", k.sign())
}

// TestKeylessMask hides a token and its identity part before all else, where the
// token is not one to be handed on.
func TestKeylessMask(t *testing.T) {
	k := newKeylessTest(t)
	code, stdout, stderr := k.run("sign", "--keyless", "--mask")
	if code != exitOK {
		t.Fatal(stderr)
	}
	token := strings.TrimSpace(stdout)
	wantMasks(t, token, stderr)
	if _, _, stderr := k.run("sign", "--keyless"); strings.Contains(stderr, addMask) {
		t.Errorf("a token that another job is to get is masked: %s", stderr)
	}
	wantMasks(t, token, k.verify(token, ""))
	wantMasks(t, token, k.verify(token, "untrusted-identity", "--trusted-identity", "ref=refs/heads/other"))
	wantMasks(t, token, k.verify(token, "unbound", "--require", "stack"))
	wantMasks(t, token, k.fails(exitUsage, "there is no check", "verify", "--keyless", "--token", token, "--check", "nothing"))
	wantMasks(t, token, k.fails(exitUsage, "trusted by name", "verify", "--keyless", "--token", token))
	k.provider.SetFault(oidctest.KeySet, oidctest.Broken)
	wantMasks(t, token, k.fails(exitUndecided, "answered 500", "verify", "--keyless", "--trusted-issuer", k.provider.Issuer(), "--trusted-identity", "repository=acme/widgets", "--token", token))
	garbage := strings.Repeat("x", 30) + "~" + strings.Repeat("y", 30)
	wantMasks(t, garbage, k.verify(garbage, "malformed-token"))
}

// TestKeylessTooLarge tells apart who has to do something about it.
func TestKeylessTooLarge(t *testing.T) {
	k := newKeylessTest(t)
	k.fails(exitUsage, "and may have 65535", "sign", "--keyless", "--command", strings.Repeat("x", 60000))
	k.provider.SetClaims(map[string]any{"workflow": strings.Repeat("x", 20000)})
	k.fails(exitUndecided, "what came as an identity token cannot be used", "sign", "--keyless")
}
