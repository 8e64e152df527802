package cli

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/countersign-ci/countersign/internal/jose"
	"github.com/countersign-ci/countersign/internal/keyless"
	"github.com/countersign-ci/countersign/internal/oidctest"
	"github.com/countersign-ci/countersign/internal/runspec"
	"github.com/countersign-ci/countersign/internal/worker"
)

// A keylessTest is a run of acme/widgets on a GitHub runner, and the provider that
// gives its jobs identities. One clock is that of both.
type keylessTest struct {
	t        *testing.T
	provider *oidctest.Provider
	client   *http.Client
	env      map[string]string
	folder   string
	clock    *atomic.Int64 // Unix seconds
	requests *atomic.Int32 // of the client, to anybody
}

func newKeylessTest(t *testing.T) *keylessTest {
	t.Helper()
	k := &keylessTest{t: t, folder: t.TempDir(), clock: new(atomic.Int64), requests: new(atomic.Int32)}
	k.clock.Store(hookStart.Unix())
	k.provider = oidctest.New(t, oidctest.Options{Now: k.now})
	k.client = k.provider.Client()
	k.client.Transport = counted{k.client.Transport, k.requests}
	k.env = map[string]string{
		"GITHUB_ACTIONS": "true", "GITHUB_REPOSITORY": "acme/widgets", "GITHUB_REPOSITORY_ID": "456789", "GITHUB_REPOSITORY_OWNER_ID": "123456",
		"GITHUB_SHA": jobSHA, "GITHUB_REF": "refs/heads/main", "GITHUB_RUN_ID": "42", "GITHUB_RUN_ATTEMPT": "1",
		"GITHUB_ACTOR": "octocat", "GITHUB_ACTOR_ID": "583231", "GITHUB_TRIGGERING_ACTOR": "octocat", "GITHUB_EVENT_NAME": "push",
		"GITHUB_WORKFLOW_REF": "acme/widgets/.github/workflows/deploy.yml@refs/heads/main",
		"GITHUB_STEP_SUMMARY": k.path("summary"), "GITHUB_OUTPUT": k.path("output"),
		"ACTIONS_ID_TOKEN_REQUEST_URL": k.provider.RequestURL(), "ACTIONS_ID_TOKEN_REQUEST_TOKEN": k.provider.RequestToken(),
	}
	return k
}

// A counted transport counts requests.
type counted struct {
	next http.RoundTripper
	n    *atomic.Int32
}

func (c counted) RoundTrip(r *http.Request) (*http.Response, error) {
	c.n.Add(1)
	return c.next.RoundTrip(r)
}

func (k *keylessTest) now() time.Time { return time.Unix(k.clock.Load(), 0).UTC() }

func (k *keylessTest) later(d time.Duration) { k.clock.Add(int64(d / time.Second)) }

func (k *keylessTest) path(name string) string { return filepath.Join(k.folder, name) }

func (k *keylessTest) write(name, text string) string {
	k.t.Helper()
	if err := os.WriteFile(k.path(name), []byte(text), 0o600); err != nil {
		k.t.Fatal(err)
	}
	return k.path(name)
}

func (k *keylessTest) read(name string) string {
	k.t.Helper()
	text, err := os.ReadFile(k.path(name))
	if err != nil && !os.IsNotExist(err) {
		k.t.Fatal(err)
	}
	return string(text)
}

// away takes the run off GitHub. What it needs then is told by flags.
func (k *keylessTest) away() { k.env = map[string]string{} }

const (
	expectRun = "repository=acme/widgets,actor=octocat,sha=" + jobSHA
	addMask   = "::add-mask::"
)

// run runs a command. Nothing that it prints or summarizes has a token in it, but
// the output of sign, and masks before all else.
func (k *keylessTest) run(args ...string) (code int, stdout, stderr string) {
	k.t.Helper()
	for _, name := range []string{"summary", "output"} {
		_ = os.Remove(k.path(name))
	}
	code, stdout, stderr = program{k.env, k.client}.runIn(Env{
		Now: k.now, Clearenv: func() {}, Sleep: func(time.Duration) {},
		EndRunner: func(string) (int, error) { return 0, worker.ErrNoRunner },
	}, args...)
	said := stderr
	for strings.HasPrefix(said, addMask) {
		_, said, _ = strings.Cut(said, "\n")
	}
	public := map[string]string{"standard error": said, "the summary": k.read("summary")}
	if args[0] != "sign" || code != exitOK {
		public["standard output"], public["an output"] = stdout, k.read("output")
	}
	for where, text := range public {
		if strings.Contains(text, "eyJ") { // a token, or either half
			k.t.Errorf("%.300q: %s has a token: %s", args, where, text)
		}
	}
	all := stdout + stderr + k.read("summary") + k.read("output")
	if strings.Contains(all, k.provider.RequestToken()) || strings.Contains(all, "api-version") {
		k.t.Errorf("%.300q shows what identity tokens are asked for with: %s", args, all)
	}
	if code != exitOK && (!strings.Contains(said, "error: ") || !strings.Contains(said, "hint: ")) {
		k.t.Errorf("%.300q ended with %d and says %q", args, code, said)
	}
	return code, stdout, stderr
}

// fails runs a command that ends with that code and says why.
func (k *keylessTest) fails(code int, says string, args ...string) (stderr string) {
	k.t.Helper()
	got, stdout, stderr := k.run(args...)
	if got != code || stdout != "" || !strings.Contains(stderr, says) {
		k.t.Errorf("%.300q ended with %d, want %d and %q: %q and %q", args, got, code, says, stdout, stderr)
	}
	return stderr
}

// sign signs with the identity of a job of the run.
func (k *keylessTest) sign(args ...string) string {
	k.t.Helper()
	code, stdout, stderr := k.run(append([]string{"sign", "--keyless"}, args...)...)
	if code != exitOK {
		k.t.Fatalf("sign %q: %s", args, stderr)
	}
	return strings.TrimSuffix(stdout, "\n")
}

// verify verifies a token that may be signed by any identity of acme/widgets. rule
// is empty where it holds; where it does not, it does not with warnings either.
func (k *keylessTest) verify(token, rule string, args ...string) (stderr string) {
	k.t.Helper()
	return k.verifyAs(token, rule, append([]string{"--trusted-identity", "repository=acme/widgets"}, args...)...)
}

// verifyAs is verify with whatever identities the arguments trust.
func (k *keylessTest) verifyAs(token, rule string, args ...string) (stderr string) {
	k.t.Helper()
	args = append([]string{"verify", "--json", "--keyless", "--trusted-issuer", k.provider.Issuer(), "--token", token}, args...)
	code, stdout, stderr := k.run(args...)
	k.checkReport(args, code, stdout, rule, stderr)
	if rule != "" {
		code, stdout, _ = k.run(append(args, "--on-invalid", "warn")...)
		var r struct{ Failure string }
		if err := json.Unmarshal([]byte(stdout), &r); err != nil || code != exitOK || r.Failure != rule || !strings.HasPrefix(stdout, `{"ok":false,`) {
			k.t.Errorf("%.300q with warnings ended with %d: %s", args, code, stdout)
		}
	}
	return stderr
}

func (k *keylessTest) checkReport(args []string, code int, stdout, rule, stderr string) {
	k.t.Helper()
	var r struct {
		OK      bool
		Failure string
		Spec    *struct{ Repository string }
	}
	if err := json.Unmarshal([]byte(stdout), &r); err != nil {
		k.t.Fatalf("%.300q ended with %d: %q and %s", args, code, stdout, stderr)
	}
	holds := rule == ""
	if r.OK != holds || r.Failure != rule || (code == exitOK) != holds || code > exitRefused || (r.Spec != nil) != holds {
		k.t.Errorf("%.300q ended with %d, want the rule %q: %s", args, code, rule, stdout)
	}
	if output := k.read("output"); k.env["GITHUB_OUTPUT"] != "" && strings.Contains(output, "\ntrue\n") != holds {
		k.t.Errorf("%.300q, rule %q, has the outputs %s", args, rule, output)
	}
}

// asked returns how many requests f makes.
func (k *keylessTest) asked(f func()) int {
	before := k.requests.Load()
	f()
	return int(k.requests.Load() - before)
}

// A forged token is one that this program does not make.
type forged struct {
	claims   func(*jose.Claims)      // changes what is signed
	text     func(string) string     // changes its text, of which the digest is
	after    func(string) string     // changes it when the identity token was given for it
	audience func(own string) string // changes the audience
	identity map[string]any          // changes the identity token
	provider *oidctest.Provider      // nil: that of the test
}

// forge returns a token for the run.
func (k *keylessTest) forge(f forged) string {
	k.t.Helper()
	spec := &runspec.Spec{Version: 1, Repository: "acme/widgets", Actor: "octocat", SHA: jobSHA}
	claims := jose.Claims{
		Issuer: "https://github.com/acme/widgets", Audience: "https://github.com/acme/widgets", Subject: spec.Subject(), ID: "m9BnEr4qTTqoxd0WyHh8Zw",
		IssuedAt: k.now(), NotBefore: k.now(), Expires: k.now().Add(10 * time.Minute), Private: map[string]any{"spec": spec},
	}
	if f.claims != nil {
		f.claims(&claims)
	}
	made, err := keyless.Claims(runspec.Token, claims)
	if err != nil {
		k.t.Fatal(err)
	}
	text := string(made)
	if f.text != nil {
		text = f.text(text)
	}
	audience := keyless.Audience([]byte(text))
	if f.audience != nil {
		audience = f.audience(audience)
	}
	provider := k.provider
	if f.provider != nil {
		provider = f.provider
	}
	identity := provider.Token(audience, f.identity)
	if f.after != nil {
		text = f.after(text)
	}
	return base64.RawURLEncoding.EncodeToString([]byte(text)) + "~" + identity
}

// masks are the texts that are masked before anything else is said.
func masks(stderr string) (texts []string) {
	for line := range strings.Lines(stderr) {
		text, found := strings.CutPrefix(strings.TrimSuffix(line, "\n"), addMask)
		if !found {
			break
		}
		texts = append(texts, text)
	}
	return texts
}

// wantMasks checks that a token and its identity token are masked first, and that
// nothing is masked later.
func wantMasks(t *testing.T, token, stderr string) {
	t.Helper()
	_, identity, _ := strings.Cut(token, "~")
	got := masks(stderr)
	slices.SortFunc(got, func(a, b string) int { return len(b) - len(a) })
	if !slices.Equal(got, []string{token, identity}) || strings.Count(stderr, addMask) != 2 {
		t.Errorf("masked are %q, in %s", got, stderr)
	}
}
