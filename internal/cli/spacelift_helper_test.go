package cli

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/countersign-ci/countersign/internal/githubtest"
	"github.com/countersign-ci/countersign/internal/spacelifttest"
	"github.com/countersign-ci/countersign/internal/worker"
)

const (
	stackSecret = "the-secret-that-signs-for-stacks"
	accountKey  = "the-secret-of-the-api-key"
)

// spaceliftStart is when a test begins. Tokens have whole seconds.
var spaceliftStart = time.Date(2026, 11, 22, 12, 0, 0, 999_000_000, time.UTC)

// A spaceliftTest is a run of acme/widgets for a push to main, and a Spacelift account
// with three stacks. Its clock stands, and waiting takes no time.
type spaceliftTest struct {
	t       *testing.T
	env     map[string]string
	client  *http.Client
	folder  string
	now     time.Time
	slept   []time.Duration
	account *spacelifttest.Server
	// secrets are what nothing may show, beside all that looks like a token.
	secrets []string
}

func newSpaceliftTest(t *testing.T) *spaceliftTest {
	t.Helper()
	return newSpaceliftTestOf(t, spacelifttest.Options{KeyID: "01KEYID", KeySecret: accountKey})
}

func newSpaceliftTestOf(t *testing.T, options spacelifttest.Options) *spaceliftTest {
	t.Helper()
	options.Stacks = map[string]string{"network": "main", "app-prod": "release/1", "database": "main"}
	s := &spaceliftTest{t: t, folder: t.TempDir(), now: spaceliftStart, secrets: []string{accountKey, stackSecret}}
	s.account = spacelifttest.New(t, options)
	s.env = map[string]string{
		"COUNTERSIGN_SECRET": stackSecret,
		"GITHUB_REPOSITORY":  "acme/widgets", "GITHUB_REPOSITORY_ID": "17", "GITHUB_REPOSITORY_OWNER_ID": "18",
		"GITHUB_REF": "refs/heads/main", "GITHUB_SHA": otherSHA, "GITHUB_EVENT_NAME": "push",
		"GITHUB_WORKFLOW_REF": "acme/widgets/" + deploy + "@refs/heads/main",
		"GITHUB_ACTOR":        "octocat", "GITHUB_ACTOR_ID": "583231", "GITHUB_RUN_ID": "7", "GITHUB_RUN_ATTEMPT": "1",
		"GITHUB_OUTPUT": s.path("output"), "GITHUB_STEP_SUMMARY": s.path("summary"),
		"SPACELIFT_API_KEY_ENDPOINT": s.account.URL(), "SPACELIFT_API_KEY_ID": options.KeyID, "SPACELIFT_API_KEY_SECRET": options.KeySecret,
	}
	return s
}

func (s *spaceliftTest) path(name string) string { return filepath.Join(s.folder, name) }

func (s *spaceliftTest) write(name, text string) string {
	s.t.Helper()
	if err := os.WriteFile(s.path(name), []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
	return s.path(name)
}

func (s *spaceliftTest) read(name string) string {
	s.t.Helper()
	text, err := os.ReadFile(s.path(name))
	if err != nil && !os.IsNotExist(err) {
		s.t.Fatal(err)
	}
	return string(text)
}

// set changes variables; an empty one is not set.
func (s *spaceliftTest) set(variables map[string]string) *spaceliftTest {
	maps.Copy(s.env, variables)
	return s
}

// withKey signs with a key of testdata/keys in place of the secret.
func (s *spaceliftTest) withKey(name string) *spaceliftTest {
	return s.set(map[string]string{"COUNTERSIGN_SECRET": "", "COUNTERSIGN_KEY": testKey(name)})
}

func testKey(name string) string { return filepath.Join("..", "..", "testdata", "keys", name+".pem") }

// run runs a command that ends with that code. Nothing that it says or summarizes has
// a secret, but what masks it; of the outputs only `token` has one.
func (s *spaceliftTest) run(code int, args ...string) (stdout, stderr string) {
	s.t.Helper()
	for _, name := range []string{"summary", "output"} {
		_ = os.Remove(s.path(name))
	}
	s.slept = nil
	got, stdout, stderr := program{s.env, s.client}.runIn(Env{
		Now: func() time.Time { return s.now }, Clearenv: func() {}, Sleep: func(d time.Duration) { s.slept = append(s.slept, d) },
		EndRunner: func(string) (int, error) { return 0, worker.ErrNoRunner },
	}, args...)
	if got != code {
		s.t.Fatalf("%.300q ended with %d, want %d:\n%s", args, got, code, stderr)
	}
	said := ""
	for line := range strings.Lines(stderr) {
		if !strings.HasPrefix(line, addMask) {
			said += line
		}
	}
	if code != exitOK && (!strings.Contains(said, "error: ") || !strings.Contains(said, "hint: ")) {
		s.t.Errorf("%.300q ended with %d and says %q", args, code, said)
	}
	if code > exitRefused && stdout != "" {
		s.t.Errorf("%.300q ended with %d and prints %q", args, code, stdout)
	}
	public := map[string]string{"standard error": said, "the summary": s.read("summary")}
	for name, value := range s.outputs() {
		if name != "token" && name != "jti" { // which is random, and may look like anything
			public["the output "+name] = value
		}
	}
	for where, text := range public {
		for _, secret := range append(s.secrets, "eyJhbGci") { // of any token; three letters alone may be part of a key id
			if strings.Contains(text, secret) {
				s.t.Errorf("%.300q: %s has a secret: %s", args, where, text)
			}
		}
	}
	for _, secret := range s.secrets {
		if strings.Contains(stdout+s.outputs()["token"], secret) {
			s.t.Errorf("%.300q prints a secret: %s", args, stdout)
		}
	}
	return stdout, stderr
}

// sign runs `sign --format spacelift`.
func (s *spaceliftTest) sign(code int, args ...string) (stdout, stderr string) {
	s.t.Helper()
	return s.run(code, append([]string{"sign", "--format", "spacelift"}, args...)...)
}

// refuses is sign for what ends with that code and says why. Nothing is started by it.
func (s *spaceliftTest) refuses(code int, says string, args ...string) (stderr string) {
	s.t.Helper()
	before := len(s.account.Runs())
	_, stderr = s.sign(code, args...)
	if !strings.Contains(stderr, says) {
		s.t.Errorf("%.300q says %q, want %q", args, stderr, says)
	}
	if runs := s.account.Runs(); len(runs) != before {
		s.t.Errorf("%.300q started %+v", args, runs[before:])
	}
	for name, value := range s.outputs() {
		if value != "" {
			s.t.Errorf("%.300q has the output %s: %q", args, name, value)
		}
	}
	return stderr
}

// notAsked checks that the account got no request.
func (s *spaceliftTest) notAsked() {
	s.t.Helper()
	if all := s.account.Requests(); len(all) != 0 {
		s.t.Errorf("the account was asked %d times, first for %s", len(all), all[0].Operation)
	}
}

// asked counts the requests of each operation since the last call.
func (s *spaceliftTest) asked() map[string]int {
	counts := map[string]int{}
	for _, r := range s.account.Requests() {
		counts[r.Operation]++
	}
	s.account.ResetRequests()
	return counts
}

// outputs returns the outputs of the last run. The last of a name counts.
func (s *spaceliftTest) outputs() map[string]string {
	s.t.Helper()
	outputs := map[string]string{}
	for text := s.read("output"); text != ""; {
		head, rest, _ := strings.Cut(text, "\n")
		name, delimiter, _ := strings.Cut(head, "<<")
		value, rest, ok := strings.Cut(rest, "\n"+delimiter+"\n")
		if !ok {
			s.t.Fatalf("the outputs are %q", s.read("output"))
		}
		outputs[name], text = value, rest
	}
	return outputs
}

// decoded returns a part of a token.
func decoded(t *testing.T, token string, part int) (v map[string]any) {
	t.Helper()
	parts := strings.Split(strings.TrimSpace(token), ".")
	if len(parts) != 3 {
		t.Fatalf("%q is no token", token)
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[part])
	if err == nil {
		err = json.Unmarshal(text, &v)
	}
	if err != nil {
		t.Fatalf("%q: %v", token, err)
	}
	return v
}

// A pushTest is a spaceliftTest and a server that has acme/widgets with a branch main.
type pushTest struct {
	*spaceliftTest
	server  *githubtest.Server
	widgets *githubtest.Repo
	files   map[string]githubtest.File // of the first commit
	first   string                     // the commit, which main is at
}

// stacksYAML is the file of stacks.
const stacksYAML = `version: 1
stacks:
  network: [infra/network/**, modules/**]
  app-prod:
    - infra/app/**
  database: [infra/database/*, modules/**]
`

func newPushTest(t *testing.T) *pushTest {
	t.Helper()
	p := &pushTest{spaceliftTest: newSpaceliftTest(t), server: githubtest.New(t)}
	p.server.SetToken(apiToken)
	p.secrets = append(p.secrets, apiToken)
	p.widgets = p.server.Repo("acme/widgets")
	p.files = map[string]githubtest.File{
		"README.md": {Content: "1"}, "infra/network/a.tf": {Content: "1"}, "infra/app/deep/a.tf": {Content: "1"}, "modules/m.tf": {Content: "1"},
	}
	p.first = p.widgets.CommitFiles(p.files)
	p.widgets.Branch("main", p.first)
	p.write("stacks.yml", stacksYAML)
	p.set(map[string]string{
		"GITHUB_API_URL": p.server.URL(), "GITHUB_GRAPHQL_URL": p.server.GraphQLURL(), "COUNTERSIGN_GITHUB_TOKEN": apiToken,
		"COUNTERSIGN_STACKS": p.path("stacks.yml"), "GITHUB_EVENT_PATH": p.path("event.json"),
	})
	return p
}

// commit commits on a parent: files by path, in the first commit or new; "" removes one.
func (p *pushTest) commit(parent string, changes map[string]string) string {
	p.t.Helper()
	files := maps.Clone(p.files)
	for path, text := range changes {
		if files[path] = (githubtest.File{Content: text}); text == "" {
			delete(files, path)
		}
	}
	if parent == "" {
		return p.widgets.CommitFiles(files)
	}
	return p.widgets.CommitFiles(files, parent)
}

var noCommit = strings.Repeat("0", 40)

// push has the run be of a push. The ref leads to after already, unless it is gone.
func (p *pushTest) push(ref, before, after string) {
	p.t.Helper()
	name, isBranch := strings.CutPrefix(ref, headPrefix)
	switch {
	case after == noCommit:
	case isBranch:
		p.widgets.Branch(name, after)
	}
	p.write("event.json", fmt.Sprintf(`{"ref": %q, "before": %q, "after": %q, "created": %t, "deleted": %t, "repository": {"default_branch": "main"}}`,
		ref, before, after, before == noCommit, after == noCommit))
	p.set(map[string]string{"GITHUB_REF": ref, "GITHUB_SHA": after})
	if after == noCommit { // so says GitHub of what is gone
		p.set(map[string]string{"GITHUB_REF": "refs/heads/main", "GITHUB_SHA": p.widgets.Head("main")})
	}
	p.server.ResetRequests()
}

// touching pushes to main a change in all three stacks.
func (p *pushTest) touching() (sha string) {
	p.t.Helper()
	sha = p.commit(p.first, map[string]string{"modules/m.tf": "2", "infra/app/deep/a.tf": "2"})
	p.push("refs/heads/main", p.first, sha)
	return sha
}

// runStacks returns the stacks of which runs were started, in order.
func (s *spaceliftTest) runStacks() (stacks []string) {
	for _, r := range s.account.Runs() {
		stacks = append(stacks, r.Stack)
	}
	return stacks
}
