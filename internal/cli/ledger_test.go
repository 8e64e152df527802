package cli

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign-ci/countersign/internal/githubtest"
	"github.com/countersign-ci/countersign/internal/worker"
)

// A ledgerTest is a run of acme/widgets whose pins all hold, a server that has the
// ledger, and an empty folder for another one. Its clock stands.
type ledgerTest struct {
	*pinTest
	now         time.Time
	key, public string
	dir, out    string
}

func newLedgerTest(t *testing.T) *ledgerTest {
	t.Helper()
	l := &ledgerTest{pinTest: newPinTest(t, nil), now: time.Date(2026, 11, 22, 23, 50, 0, 0, time.UTC)}
	l.prepare(t.TempDir())
	l.server.SetToken(apiToken)
	l.write(map[string]string{workflow: uses("acme/widgets@" + l.v422 + " # v4.2.2")})
	l.program.env["GITHUB_SHA"] = l.widgets.Head("main")
	return l
}

// prepare makes keys and the run's variables.
func (l *ledgerTest) prepare(folder string) {
	l.t.Helper()
	file := func(name string) string { return filepath.Join(folder, name) }
	l.key, l.public, l.dir, l.out = file("key"), file("public"), file("dir"), file("out")
	if code, _, stderr := l.at("keygen", "--private", l.key, "--public", l.public); code != exitOK {
		l.t.Fatal(stderr)
	}
	if err := os.Mkdir(l.dir, 0o700); err != nil {
		l.t.Fatal(err)
	}
	if l.program.env == nil {
		l.program.env = map[string]string{}
	}
	for name, value := range map[string]string{
		"COUNTERSIGN_GITHUB_TOKEN": apiToken, "GITHUB_OUTPUT": l.out, "GITHUB_REPOSITORY": "acme/widgets", "GITHUB_ACTOR": "octocat",
		"GITHUB_SHA": otherSHA, "GITHUB_REF": "refs/heads/main", "GITHUB_EVENT_NAME": "push", "GITHUB_RUN_ID": "7", "GITHUB_RUN_ATTEMPT": "1",
	} {
		l.program.env[name] = value
	}
}

// at runs a command at the time l.now. No secret is ever printed.
func (l *ledgerTest) at(args ...string) (code int, stdout, stderr string) {
	l.t.Helper()
	var out, err bytes.Buffer
	var environ []string
	for name, value := range l.program.env {
		environ = append(environ, name+"="+value)
	}
	code = Main(args, Env{
		Stdin: strings.NewReader(""), Stdout: &out, Stderr: &err, Environ: environ, HTTP: l.program.client,
		Now:      func() time.Time { return l.now },
		Clearenv: func() {}, Sleep: func(time.Duration) {}, EndRunner: func(string) (int, error) { return 0, worker.ErrNoRunner },
	})
	for _, secret := range []string{apiToken, "eyJ"} {
		if strings.Contains(err.String(), secret) || args[0] != "sign" && strings.Contains(out.String(), secret) {
			l.t.Errorf("%.300q shows a secret: %q and %q", args, out.String(), err.String())
		}
	}
	return code, out.String(), err.String()
}

// sign signs a token for the run.
func (l *ledgerTest) sign(args ...string) string {
	l.t.Helper()
	code, stdout, stderr := l.at(append([]string{"sign", "--key", l.key}, args...)...)
	if code != exitOK {
		l.t.Fatal(stderr)
	}
	return strings.TrimSpace(stdout)
}

// once verifies a token that works once, and returns the report and what else it
// said. A step reads the same as verified.
func (l *ledgerTest) once(code int, token string, args ...string) (report, stderr string) {
	l.t.Helper()
	if err := os.WriteFile(l.out, nil, 0o600); err != nil {
		l.t.Fatal(err)
	}
	args = append([]string{"verify", "--json", "--key", l.public, "--token", token, "--single-use"}, args...)
	got, report, stderr := l.at(args...)
	if got != code {
		l.t.Fatalf("%.300q ended with %d, want %d:\n%s", args, got, code, stderr)
	}
	ok, outputs := strings.HasPrefix(report, `{"ok":true,`), l.outputs()
	if outputs["verified"] != fmt.Sprint(ok) || (outputs["actor"] == "octocat") != ok || ok == strings.Contains(report, `"spec":null`) {
		l.t.Errorf("%.300q has the outputs %q and the report %s", args, outputs, report)
	}
	if failure := outputs["failure"]; code <= exitRefused && !strings.HasPrefix(report, fmt.Sprintf(`{"ok":%t,"failure":%q,`, ok, failure)) {
		l.t.Errorf("%.300q has the output failure %q and the report %s", args, failure, report)
	}
	return report, stderr
}

// outputs returns the last value of each output.
func (l *ledgerTest) outputs() map[string]string {
	l.t.Helper()
	text, err := os.ReadFile(l.out)
	if err != nil {
		l.t.Fatal(err)
	}
	values := map[string]string{}
	for rest := string(text); rest != ""; {
		head, body, _ := strings.Cut(rest, "\n")
		name, delimiter, _ := strings.Cut(head, "<<")
		value, after, found := strings.Cut("\n"+body, "\n"+delimiter+"\n")
		if !found {
			l.t.Fatalf("outputs %q", text)
		}
		values[name], rest = strings.TrimPrefix(value, "\n"), after
	}
	return values
}

// stores are where ledgers of a run are.
func (l *ledgerTest) stores() map[string][]string {
	return map[string][]string{
		"directory": {"--ledger", "dir:" + l.dir}, "own repository": nil, "named repository": {"--ledger", "github:acme/widgets"},
	}
}

// posts are the paths of the requests that would change something, less what they
// have in common.
func (l *ledgerTest) posts() (paths []string) {
	for _, r := range l.server.Requests() {
		if r.Method != http.MethodGet && !r.GraphQL {
			_, below, _ := strings.Cut(r.Path, "/repos/")
			paths = append(paths, r.Method+" "+below)
		}
	}
	return paths
}

// entries are the names of all entries, in both stores.
func (l *ledgerTest) entries() []string {
	l.t.Helper()
	names := []string{}
	found, err := filepath.Glob(filepath.Join(l.dir, "*", "*"))
	if err != nil {
		l.t.Fatal(err)
	}
	for _, path := range found {
		names = append(names, filepath.Base(filepath.Dir(path)))
	}
	request, err := http.NewRequestWithContext(l.t.Context(), http.MethodGet, l.server.URL()+"/repos/acme/widgets/git/matching-refs/countersign", nil)
	if err != nil {
		l.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+apiToken)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		l.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		l.t.Fatalf("%s: %v %s", response.Status, err, text)
	}
	for _, match := range ledgerRef.FindAllStringSubmatch(string(text), -1) {
		names = append(names, match[1])
	}
	return names
}

var ledgerRef = regexp.MustCompile(`"refs/countersign/([^/"]*)/[0-9a-f]{64}(?:-[0-9]+)?"`)

// unused checks that nothing was used up and that nobody tried.
func (l *ledgerTest) unused() {
	l.t.Helper()
	if got, posts := l.entries(), l.posts(); len(got)+len(posts) != 0 {
		l.t.Errorf("the ledgers have %q after %q", got, posts)
	}
}

func TestLedgerFlags(t *testing.T) {
	l := newLedgerTest(t)
	token := l.sign()
	verify := []string{"verify", "--key", l.public, "--token", token}
	for _, test := range []struct {
		name, says, advises string
		env                 map[string]string
		args                []string
	}{
		{"no single use", "none is", "--single-use", nil, append(verify, "--ledger", "dir:"+l.dir)},
		{"no single use, as a variable", "none is", "--single-use", map[string]string{"COUNTERSIGN_LEDGER": "github"}, verify},
		{"single use is false", "none is", "--single-use", nil, append(verify, "--ledger", "github", "--single-use=false")},
		{"pins alone", "none is checked", "--check", nil, append(verify, "--check", "pins", "--single-use")},
		{"another place", `"s3:bucket" is no place for a ledger`, "github:OWNER/REPO or dir:PATH", nil, append(verify, "--single-use", "--ledger", "s3:bucket")},
		{"another case", `"GitHub" is no place`, "github:OWNER/REPO", nil, append(verify, "--single-use", "--ledger", "GitHub")},
		{"a path alone", "is no place", "dir:PATH", nil, append(verify, "--single-use", "--ledger", l.dir)},
		{"no directory", "no directory is named", "dir:PATH", nil, append(verify, "--single-use", "--ledger", "dir:")},
		{"no repository", `"" is no OWNER/REPO`, "github:OWNER/REPO", nil, append(verify, "--single-use", "--ledger", "github:")},
		{"an owner", `"acme" is no OWNER/REPO`, "github:OWNER/REPO", nil, append(verify, "--single-use", "--ledger", "github:acme")},
		{"a path in a repository", "is no OWNER/REPO", "github:OWNER/REPO", nil, append(verify, "--single-use", "--ledger", "github:acme/../widgets")},
		{"an API over http", "", "", map[string]string{"GITHUB_API_URL": "http://api.acme.example"}, append(verify, "--single-use")},
		{"exec", "none is", "--single-use", nil, []string{"exec", "--key", l.public, "--token", token, "--ledger", "github", "--", "true"}},
		{"nothing to do", "what to do", "ledger prune", nil, []string{"ledger"}},
		{"something else to do", "what to do", "ledger prune", nil, []string{"ledger", "reset"}},
		{"prune one", "no other arguments", "--help", nil, []string{"ledger", "prune", "2026-11-22"}},
		{"prune another place", "is no place for a ledger", "dir:PATH", nil, []string{"ledger", "prune", "--ledger", "s3:bucket"}},
		{"prune nowhere", "which repository", "github:OWNER/REPO", map[string]string{"GITHUB_REPOSITORY": ""}, []string{"ledger", "prune"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			l.t = t
			env := l.program.env
			defer func() { l.program.env = env }()
			l.program.env = maps.Clone(env)
			maps.Copy(l.program.env, test.env)
			code, stdout, stderr := l.at(test.args...)
			_, hint, _ := strings.Cut(stderr, "hint: ")
			if code != exitUsage || stdout != "" || !strings.Contains(stderr, "error: ") || !strings.Contains(stderr, test.says) ||
				hint == "" || !strings.Contains(hint, test.advises) {
				t.Errorf("it ended with %d and printed %q and %q", code, stdout, stderr)
			}
		})
	}
	l.t = t
	l.unused()
}

// A token that is refused is not used up: it works where it holds.
func TestLedgerRefused(t *testing.T) {
	l := newLedgerTest(t)
	if code, _, stderr := l.at("keygen", "--private", "other", "--public", "other.pub"); code != exitOK {
		t.Fatal(stderr)
	}
	short, long, later := l.sign("--ttl", "1m"), l.sign("--ttl", "24h"), l.now.Add(3*time.Minute)
	now, env := l.now, l.program.env
	for _, test := range []struct {
		rule  string
		token string
		at    time.Time
		env   map[string]string
		args  []string
	}{
		{rule: "missing-token", token: ""},
		{rule: "malformed-token", token: long + "."},
		{rule: "unknown-key", token: long, args: []string{"--key", "other.pub"}},
		{rule: "expired", token: short, at: later},
		{rule: "not-yet-valid", token: long, at: now.Add(-time.Hour)},
		{rule: "wrong-actor", token: long, env: map[string]string{"GITHUB_ACTOR": "mallory"}},
		{rule: "wrong-audience", token: long, args: []string{"--audience", "https://github.com/acme/other"}},
		{rule: "rerun", token: long, env: map[string]string{"GITHUB_RUN_ATTEMPT": "2", "GITHUB_RUN_ID": "8"}},
		{rule: "unbound", token: long, args: []string{"--require", "stack"}},
		{rule: "wrong-issuer", token: long, args: []string{"--issuer", "https://github.com/acme/other"}},
	} {
		t.Run(test.rule, func(t *testing.T) {
			l.t = t
			defer func() { l.now, l.program.env = now, env }()
			l.program.env = maps.Clone(env)
			maps.Copy(l.program.env, test.env)
			if !test.at.IsZero() {
				l.now = test.at
			}
			for _, store := range l.stores() {
				for _, mode := range []struct {
					name string
					code int
				}{{"block", exitRefused}, {"warn", exitOK}} {
					report, _ := l.once(mode.code, test.token, slices.Concat(store, test.args, []string{"--on-missing", mode.name, "--on-invalid", mode.name})...)
					if !strings.Contains(report, `"failure":"`+test.rule+`"`) {
						t.Errorf("report %s", report)
					}
				}
			}
			l.unused()
		})
	}
	l.t = t
	for _, store := range []string{"dir:" + l.dir, "github"} {
		l.once(exitOK, short, "--ledger", store)
		l.once(exitOK, long, "--ledger", store)
	}
	if diff := cmp.Diff([]string{"2026-11-22", "2026-11-23", "2026-11-22", "2026-11-23"}, l.entries()); diff != "" {
		t.Errorf("entries (-want +got):\n%s", diff)
	}
}

// The ledger is asked when all checks hold, and before files are written.
func TestLedgerAndPins(t *testing.T) {
	for _, ledger := range []string{"dir", "github"} {
		t.Run(ledger, func(t *testing.T) {
			l := newLedgerTest(t)
			store := map[string]string{"dir": "dir:" + l.dir, "github": "github"}[ledger]
			token := l.sign()
			both := func(code int, args ...string) string {
				t.Helper()
				report, _ := l.once(code, token, append([]string{"--check", "token,pins", "--ledger", store}, args...)...)
				return report
			}
			good, loose := l.files(), map[string]string{workflow: uses("acme/widgets@v4.2.2")}
			l.write(loose)
			if report := both(exitRefused); !strings.Contains(report, `"failure":"unpinned"`) {
				t.Errorf("report %s", report)
			}
			l.unused()
			// Nothing is written where the ledger refuses.
			l.server.Fault(func(_ int, r *http.Request, _ []byte) *githubtest.Fault {
				if strings.HasSuffix(r.URL.Path, "/git/tags") {
					return &githubtest.Fault{Status: http.StatusForbidden, Body: `{"message":"Resource not accessible by integration"}`}
				}
				return nil
			})
			if ledger == "github" {
				both(exitUndecided, "--write")
				l.want(loose)
			}
			l.server.Fault(nil)
			if report := both(exitOK, "--write"); !strings.Contains(report, `"pins":[`) {
				t.Errorf("report %s", report)
			}
			l.want(good)
			l.write(loose)
			if report := both(exitRefused, "--write"); !strings.Contains(report, `"failure":"replayed"`) || !strings.Contains(report, `"pins":[`) {
				t.Errorf("report %s", report)
			}
			l.want(loose)
			if report := both(exitOK, "--write", "--on-invalid", "warn"); !strings.Contains(report, `"failure":"replayed"`) {
				t.Errorf("report %s", report)
			}
			l.want(good)
		})
	}
}
