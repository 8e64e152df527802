package cli

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/countersign-ci/countersign/internal/jose"
	"github.com/countersign-ci/countersign/internal/keyless"
	"github.com/countersign-ci/countersign/internal/oidctest"
	"github.com/countersign-ci/countersign/internal/runspec"
)

// A keylessHook is a worker whose config trusts identities.
type keylessHook struct {
	*hookTest
	provider *oidctest.Provider
}

func newKeylessHook(t *testing.T) *keylessHook {
	t.Helper()
	h := &keylessHook{newHookTest(t), oidctest.New(t, oidctest.Options{Alg: "ES256", Now: func() time.Time { return hookStart }})}
	h.write("issuer.jwks", string(h.provider.JWKS()))
	h.write("ca.pem", string(h.provider.CA()))
	return h
}

// trust writes a config that trusts identities, by a file with keys.
func (h *keylessHook) trust(identities, more string) {
	h.Helper()
	h.config = h.write("hook.yml", "version: 1\naudit-log: audit.jsonl\nkeyless:\n- issuer: "+h.provider.Issuer()+
		"\n  jwks: issuer.jwks\n  identities: "+identities+"\n"+more)
}

// ask writes a config that trusts the orchestrator's identities, and asks for keys.
func (h *keylessHook) ask(more string) {
	h.Helper()
	h.config = h.write("hook.yml", "version: 1\naudit-log: audit.jsonl\nca-file: ca.pem\nkeyless:\n- issuer: "+h.provider.Issuer()+
		"\n  identities: [{repository: acme/orchestrator}]\n"+more)
}

// identified gives the job a token that an identity of acme/orchestrator signed,
// which differs in these claims.
func (h *keylessHook) identified(identity map[string]any) {
	h.Helper()
	all := map[string]any{"repository": "acme/orchestrator", "repository_id": "17"}
	for claim, value := range identity {
		all[claim] = value
	}
	claims := h.claims
	claims.Subject, claims.Private = h.spec.Subject(), map[string]any{"spec": h.spec}
	made, err := keyless.Claims(runspec.Token, claims)
	if err != nil {
		h.Fatal(err)
	}
	token, err := keyless.Join(runspec.Token, made, h.provider.Token(keyless.Audience(made), all))
	if err != nil {
		h.Fatal(err)
	}
	h.inputs(map[string]string{"token": token})
}

// requests counts what the provider was asked.
func (h *keylessHook) requests() int {
	return h.provider.Requests(oidctest.Discovery) + h.provider.Requests(oidctest.KeySet) + h.provider.OtherRequests()
}

func TestHookKeyless(t *testing.T) {
	const two = "[{repository: acme/orchestrator, ref: refs/heads/main}, {repository_owner: acme, environment: production}]"
	for _, test := range []struct {
		name, identities, more string
		identity               map[string]any
		rule                   string
	}{
		{"trusted", "[{repository: acme/orchestrator}]", "", nil, ""},
		{"another repository", "[{repository: acme/other}]", "", nil, "untrusted-identity"},
		{"another owner", "[{repository: mallory/*}]", "", nil, "untrusted-identity"},
		{"a claim in quotes", "[{repository_id: '17'}]", "", nil, ""},
		{"another id", "[{repository_id: '18'}]", "", nil, "untrusted-identity"},
		{"the first of two", two, "", nil, ""},
		{"the second of two", two, "", map[string]any{"ref": "refs/heads/other", "environment": "production"}, ""},
		{"half of each", two, "", map[string]any{"ref": "refs/heads/other", "environment": "staging"}, "untrusted-identity"},
		{"the first's ref and the second's owner", two, "", map[string]any{"repository": "acme/other"}, "untrusted-identity"},
		{"the first's repository, not its ref", two, "", map[string]any{"ref": "refs/heads/other"}, "untrusted-identity"},
		{"not the repository of its claims", two, "", map[string]any{"repository": "acme/other", "environment": "production"}, "wrong-issuer"},
		{"issuers are about keys", two, "issuers: [https://github.com/acme/other]\nkeys: [owner.jwk]\n", nil, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := newKeylessHook(t)
			h.trust(test.identities, test.more)
			h.identified(test.identity)
			if test.rule == "" {
				h.allowed()
			} else {
				h.refused(test.rule, "error: "+test.rule)
				h.trust(test.identities, test.more+"rules: [{repository: acme/widgets, on-invalid: warn}]\n")
				h.warned(test.rule)
			}
			if n := h.requests(); n != 0 {
				t.Errorf("%d requests were made", n)
			}
		})
	}
}

// TestHookKeylessRun has a token of a trusted identity that is for something else.
func TestHookKeylessRun(t *testing.T) {
	const identities = "[{repository: acme/orchestrator}]"
	for _, test := range []struct {
		name, more string
		change     func(*keylessHook)
		rule       string
	}{
		{"another commit", "", func(h *keylessHook) { h.env["GITHUB_SHA"] = anotherSHA }, "wrong-commit"},
		{"another actor", "", func(h *keylessHook) { h.env["GITHUB_ACTOR"] = "mallory" }, "wrong-actor"},
		{"later", "", func(h *keylessHook) { h.now = hookStart.Add(11*time.Minute + time.Second) }, "expired"},
		{"refused all the same", "default: refuse\n", func(*keylessHook) {}, "not-allowed"},
		{"a key signed", "", func(h *keylessHook) { h.signed() }, "malformed-token"},
		{"nobody signed", "", func(h *keylessHook) { h.inputs(nil) }, "missing-token"},
		{"a changed byte", "", func(h *keylessHook) {
			h.write("event.json", strings.Replace(h.read("event.json"), "~eyJ", "~eyK", 1))
		}, "malformed-token"},
		{"the issuer's new key", "", func(h *keylessHook) { h.provider.Rotate(); h.identified(nil) }, "unknown-key"},
		{"another issuer", "", func(h *keylessHook) {
			h.provider = oidctest.New(h.T, oidctest.Options{Alg: "ES256"})
			h.identified(nil)
		}, "untrusted-identity"},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := newKeylessHook(t)
			h.trust(identities, test.more)
			h.identified(nil)
			test.change(h)
			if stderr := h.refused(test.rule, "error: "+test.rule); strings.Contains(strings.Join(unmasked(stderr), "\n"), "eyJ") {
				t.Errorf("the token is shown: %s", stderr)
			}
		})
	}
}

// unmasked are the lines after the masks.
func unmasked(stderr string) []string {
	lines := strings.Split(stderr, "\n")
	return lines[len(masks(stderr)):]
}

// TestHookKeylessMask masks both before all else.
func TestHookKeylessMask(t *testing.T) {
	h := newKeylessHook(t)
	h.trust("[{repository: acme/other}]", "")
	h.identified(nil)
	stderr := h.refused("untrusted-identity", "error: untrusted-identity")
	if got := masks(stderr); len(got) != 2 || !strings.HasSuffix(got[0], "~"+got[1]) {
		t.Errorf("masked are %q", got)
	}
}

// TestHookKeylessBeside has keys and identities in one config.
func TestHookKeylessBeside(t *testing.T) {
	h := newKeylessHook(t)
	const identities = "[{repository: acme/orchestrator}]"
	h.trust(identities, "keys: [owner.jwk]\n")
	h.identified(nil)
	h.allowed()
	h.signed()
	h.allowed()
	h.identified(map[string]any{"repository": "acme/other"})
	h.refused("untrusted-identity", "")
	h.key = malloryKey().sign
	h.signed()
	h.refused("unknown-key", "")
	h.key = ownerKey().sign
	// It limits keys, for an identity says itself whose it is.
	h.trust(identities, "keys: [owner.jwk]\nissuers: [https://github.com/acme/other]\n")
	h.signed()
	h.refused("wrong-issuer", "")
	h.identified(nil)
	h.allowed()

	secret := strings.Repeat("s", 32)
	h.write("secret", secret)
	h.trust(identities, "secret-file: secret\n")
	h.allowed()
	var err error
	if h.key, err = jose.SecretSigningKey([]byte(secret), ""); err != nil {
		t.Fatal(err)
	}
	h.signed()
	h.allowed()
	// Without identities there is nobody to ask about one.
	h.configure("")
	h.identified(nil)
	h.refused("malformed-token", "")
}

// TestHookKeylessAsks gets the issuer's keys through its discovery document.
func TestHookKeylessAsks(t *testing.T) {
	h := newKeylessHook(t)
	h.ask("")
	h.identified(nil)
	h.allowed()
	h.identified(map[string]any{"repository": "acme/other"})
	h.refused("untrusted-identity", "")
	if n := h.requests(); n != 4 {
		t.Errorf("%d requests were made, want 2 a job", n)
	}
	h.signed()
	h.refused("malformed-token", "")
	h.identified(map[string]any{"iss": keyless.DefaultIssuer})
	h.refused("untrusted-identity", "")
	if n := h.requests(); n != 4 {
		t.Errorf("%d requests were made for what no key can help", n-4)
	}

	h.identified(nil)
	const warn = "rules: [{repository: acme/widgets, on-missing: warn, on-invalid: warn}]\n"
	for _, more := range []string{"", warn} {
		h.ask(more)
		h.provider.SetFault(oidctest.Discovery, oidctest.Broken)
		h.want(exitUndecided, "refused", "", "answered 500")
		h.provider.SetFault(oidctest.Discovery, oidctest.None)
		h.provider.SetFault(oidctest.KeySet, oidctest.HugeKeys)
		h.want(exitUndecided, "refused", "", "more than 1048576 bytes")
		h.provider.SetFault(oidctest.KeySet, oidctest.None)
	}
	h.provider.SetFault(oidctest.Discovery, oidctest.OtherIssuer)
	h.ask("")
	h.refused("untrusted-identity", "names another issuer")
	h.ask(warn)
	h.warned("untrusted-identity")
	h.provider.SetFault(oidctest.Discovery, oidctest.None)

	// Only the config's authority counts.
	h.write("ca.pem", string(oidctest.New(t, oidctest.Options{Alg: "ES256"}).CA()))
	h.ask("")
	h.want(exitUndecided, "refused", "", "certificate")
}

// TestHookKeylessCache keeps keys for the next job.
func TestHookKeylessCache(t *testing.T) {
	h := newKeylessHook(t)
	h.ask("jwks-cache: cache\n")
	h.identified(nil)
	h.allowed()
	h.allowed()
	if n := h.requests(); n != 2 {
		t.Errorf("%d requests were made for two jobs, want 2", n)
	}
	h.now = hookStart.Add(5 * time.Minute) // what is kept where the issuer says nothing
	h.allowed()
	if n := h.requests(); n != 4 {
		t.Errorf("%d requests were made after the keys expired, want 2", n-2)
	}
	h.provider.Rotate()
	h.provider.Drop()
	h.identified(nil)
	h.allowed()
	if n := h.requests(); n != 6 {
		t.Errorf("%d requests were made for a new key, want 2", n-4)
	}
}

// TestHookKeylessOnce uses a token up, whoever's identity vouches for it again.
func TestHookKeylessOnce(t *testing.T) {
	h := newKeylessHook(t)
	if err := os.Mkdir(h.path("ledger"), 0o700); err != nil {
		t.Fatal(err)
	}
	h.trust("[{repository: acme/orchestrator}]", "ledger: {dir: ledger}\nrules: [{repository: acme/widgets, single-use: true}]\n")
	h.identified(map[string]any{"repository": "acme/other"})
	h.refused("untrusted-identity", "")
	h.identified(nil)
	h.allowed()
	h.refused("replayed", "")
	h.identified(nil)
	h.refused("replayed", "")
}

// TestHookKeylessConfig has configs that would trust anybody. The worker is ended.
func TestHookKeylessConfig(t *testing.T) {
	for name, test := range map[string]struct{ text, says string }{
		"no owner":          {"keyless: [{issuer: https://a.example, identities: [{ref: refs/heads/main}]}]", "is trusted by name"},
		"no owner, of two":  {"keyless: [{issuer: https://a.example, identities: [{repository: acme/widgets}, {ref: refs/heads/main}]}]", "is trusted by name"},
		"any owner":         {"keyless: [{issuer: https://a.example, identities: [{repository: '*/widgets'}]}]", "is trusted by name"},
		"a called workflow": {"keyless: [{issuer: https://a.example, identities: [{job_workflow_ref: 'acme/w/.github/workflows/a.yml@main'}]}]", "is trusted by name"},
		"sub":               {"keyless: [{issuer: https://a.example, identities: [{repository: acme/widgets, sub: a}]}]", "cannot be trusted"},
		"no identity":       {"keyless: [{issuer: https://a.example, identities: []}]", "identities"},
		"an empty identity": {"keyless: [{issuer: https://a.example, identities: [{}]}]", "identities"},
		"no identities":     {"keyless: [{issuer: https://a.example}]", "identities"},
		"no issuer":         {"keyless: [{identities: [{repository: acme/widgets}]}]", "issuer"},
		"issuer over http":  {"keyless: [{issuer: http://a.example, identities: [{repository: acme/widgets}]}]", "no https URL"},
		"nobody":            {"keyless: []", "keyless"},
		"an issuer twice": {"keyless: [{issuer: https://a.example, identities: [{repository: acme/w}]}, {issuer: https://a.example, identities: [{repository: acme/w}]}]",
			"stands twice"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newKeylessHook(t)
			h.identified(nil)
			h.config = h.write("hook.yml", "version: 1\nkeys: [owner.jwk]\n"+test.text+"\n")
			h.want(exitRefused, "", "", test.says)
		})
	}
	for name, text := range map[string]string{"none": "", "no keys": "{}", "no JSON": "keys"} {
		h := newKeylessHook(t)
		h.identified(nil)
		h.trust("[{repository: acme/orchestrator}]", "rules: [{repository: acme/widgets, on-invalid: warn}]\n")
		h.write("issuer.jwks", text)
		says := "JWK"
		if name == "none" {
			says = "does not exist"
			h.write("hook.yml", strings.Replace(h.read("hook.yml"), "issuer.jwks", "none.jwks", 1))
		}
		h.refused("", says)
	}
}
