package config_test

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign-ci/countersign/internal/config"
)

func parseHook(t *testing.T, text string) *config.Hook {
	t.Helper()
	h, err := config.ParseHook(name, []byte(text))
	if err != nil {
		t.Fatalf("%.200q: %v", text, err)
	}
	return h
}

// wantHookError checks an error as wantError does. It always has a place.
func wantHookError(t *testing.T, text string, h *config.Hook, err error) string {
	t.Helper()
	if h != nil {
		t.Fatalf("%.100q: %+v and %v, want an error alone", text, h, err)
	}
	return wantError(t, text, nil, err)
}

func TestParseHook(t *testing.T) {
	t.Parallel()
	for _, c := range hookCases {
		h, err := config.ParseHook(name, []byte(c.text))
		if err == nil {
			if c.want != accepted {
				t.Errorf("%.200q: accepted, want %q", c.text, c.want)
			}
			checkHook(t, h)
			continue
		}
		if said := wantHookError(t, c.text, h, err); said != c.want {
			t.Errorf("%.200q:\n got %q\nwant %q", c.text, said, c.want)
		}
	}
}

// TestHookTokenKeys has what is about tokens be refused where none is looked at.
func TestHookTokenKeys(t *testing.T) {
	t.Parallel()
	for _, token := range []string{"none", "refuse", "require"} {
		for _, line := range []string{
			"on-missing: warn", "on-invalid: warn", "dispatchers: [hubot]", "allow-rerun: true", "single-use: true",
			"allow-unsigned-inputs: [a]", "expect: [stack=a]",
		} {
			key, _, _ := strings.Cut(line, ":")
			text := rule("token: "+token, line)
			h, err := config.ParseHook(name, []byte(text))
			if token == "require" {
				if err != nil {
					t.Errorf("%q: %v", text, err)
				}
				continue
			}
			want := `:7:3: "rules.` + key + `" means nothing where token is ` + token
			if said := wantHookError(t, text, h, err); said != want {
				t.Errorf("%q: %q, want %q", text, said, want)
			}
		}
	}
}

// TestHookSecrets has no error quote what may be a key, a secret or a token that
// somebody put in a wrong place.
func TestHookSecrets(t *testing.T) {
	t.Parallel()
	const secret = "s3cret"
	for _, text := range []string{
		secret, "- " + secret, minimal + secret,
		minimal + "secret-file: \"" + secret + "\\n\"\n", minimal + "secret-file: " + secret + "\n",
		"version: " + secret + "\nkeys: [a]\n", "version: 1\nkeys: " + secret,
		"version: 1\nkeys: ['-----BEGIN PRIVATE KEY-----" + secret + "']\n",
		"version: 1\nkeys: [{\"kty\":\"OKP\",\"d\":\"" + secret + "\"}]\n",
		"version: 1\nkeys: ['{\"kty\":\"OKP\",\"d\":\"" + secret + "\"}']\n",
		"version: 1\nkeys: ['https://u:" + secret + "@a.example']\n", "version: 1\nkeys: ['https://" + secret + " /']\n",
		"version: 1\nkeys: ['http://" + secret + "']\n", "version: 1\nkeys: ['ftp://" + secret + "']\n",
		`{"kty":"OKP","d":"` + secret + `"}`, "-----BEGIN PRIVATE KEY-----\n" + secret + "\n-----END PRIVATE KEY-----\n",
		minimal + "token-input: a." + secret + "\n", minimal + "default: " + secret + "\n",
		keyless("issuer: "+secret, one), keyless("issuer: \"https://"+secret+"\\n\"", one), keyless(one, "issuer: https://a.example", "jwks: \""+secret+"\\n\""),
		keyless("issuer: https://a.example", "identities: ["+secret+"]"), keyless("issuer: https://a.example", "identities: [{ref: ["+secret+"]}]"),
		minimal + "ledger: {repository: " + secret + "}\n", minimal + "ledger: {api-url: 'https://u:" + secret + "@a.example'}\n",
		minimal + "ledger: {repository: a/b, token-file: \"" + secret + "\\n\"}\n", minimal + "ledger: {dir: a, token-file: " + secret + "}\n",
		rule("token: " + secret), rule("expect: [" + secret + "]"), rule("dispatchers: " + secret),
		rule("allow-rerun: " + secret), rule("allow-unsigned-inputs: " + secret),
	} {
		h, err := config.ParseHook(name, []byte(text))
		said := wantHookError(t, text, h, err)
		var e *config.Error
		if errors.As(err, &e); strings.Contains(said+e.Hint(), secret) {
			t.Errorf("%q: the error says %q and %q", text, said, e.Hint())
		}
	}
}

func TestHookDefaults(t *testing.T) {
	t.Parallel()
	want := &config.Hook{Keys: []string{"a.jwk"}, TokenInput: "token", Default: "require", EndWorker: true}
	if diff := cmp.Diff(want, parseHook(t, minimal)); diff != "" {
		t.Errorf("the shortest config (-want +got):\n%s", diff)
	}
	want = &config.Hook{SecretFile: "a", TokenInput: "token", Default: "require", EndWorker: true, Rules: []config.Rule{
		{Repository: "acme/widgets", Token: "require", OnMissing: "block", OnInvalid: "block"},
	}}
	if diff := cmp.Diff(want, parseHook(t, "version: 1\nsecret-file: a\nrules: [{repository: acme/widgets}]\n")); diff != "" {
		t.Errorf("the shortest rule (-want +got):\n%s", diff)
	}
	want = &config.Hook{TokenInput: "token", Default: "require", EndWorker: true, Keyless: []config.Keyless{
		{Issuer: "https://a.example", Identities: []map[string]string{{"repository": "acme/x"}, {"repository_id": "456789", "ref": "*"}}},
		{Issuer: "https://b.example/c", Identities: []map[string]string{{"project_path": "acme/x"}}},
	}}
	if diff := cmp.Diff(want, parseHook(t, "version: 1\nkeyless:\n"+
		"- {issuer: https://a.example, identities: [{repository: acme/x}, {repository_id: '456789', ref: '*'}]}\n"+
		"- {issuer: https://b.example/c, identities: [{project_path: acme/x}]}\n")); diff != "" {
		t.Errorf("identities alone (-want +got):\n%s", diff)
	}
	if parseHook(t, minimal+"on-refusal: exit\n").EndWorker {
		t.Error("on-refusal: exit ends the worker")
	}
}

// hookExample returns the file in the comment of ParseHook.
func hookExample(t testing.TB) string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "hook.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	for _, decl := range file.Decls {
		if f, ok := decl.(*ast.FuncDecl); ok && f.Name.Name == "ParseHook" {
			block := regexp.MustCompile(`(?m)(?:^\t.*\n)+`).FindString(f.Doc.Text())
			return regexp.MustCompile(`(?m)^\t`).ReplaceAllString(block, "")
		}
	}
	t.Fatal("there is no ParseHook")
	return ""
}

func TestHookExample(t *testing.T) {
	t.Parallel()
	text := hookExample(t)
	want := &config.Hook{
		Keys:    []string{"/etc/countersign/orchestrator.jwk", "https://keys.acme.example/jwks"},
		Issuers: []string{"https://github.com/acme/orchestrator"},
		Keyless: []config.Keyless{{
			Issuer: "https://token.actions.githubusercontent.com", JWKS: "/etc/countersign/github.jwks",
			Identities: []map[string]string{{"repository": "acme/orchestrator", "ref": "refs/heads/main"}},
		}},
		JWKSCache: "/var/cache/countersign", TokenInput: "token", Default: config.TokenRequire,
		Rules: []config.Rule{{
			Repository: "acme/widgets-*", Workflow: ".github/workflows/deploy*.yml", Token: config.TokenRequire,
			OnMissing: "warn", OnInvalid: "block", Dispatchers: []string{"acme-bot"}, SingleUse: true,
			AllowUnsignedInputs: []string{"log-level"}, Expect: []string{"environment=production"},
		}},
		Ledger: config.Ledger{Repository: "acme/ledger", APIURL: "https://api.github.com", TokenFile: "/etc/countersign/ledger.token"},
		CAFile: "/etc/ssl/acme.pem", AuditLog: "/var/log/countersign.jsonl", EndWorker: true,
	}
	if diff := cmp.Diff(want, parseHook(t, text)); diff != "" {
		t.Errorf("the example of the comment (-want +got):\n%s", diff)
	}
	for _, key := range config.HookKeys() {
		if !regexp.MustCompile(`\b` + key + `:`).MatchString(text) {
			t.Errorf("the example has no %s", key)
		}
	}
}
