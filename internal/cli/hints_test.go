package cli

import (
	"maps"
	"net/http"
	"os"
	"strings"
	"testing"
)

// TestHints is used wrongly as newcomers do, and has to say what to do.
func TestHints(t *testing.T) {
	t.Chdir(t.TempDir())
	run := func(env map[string]string, args ...string) (code int, stderr string) {
		t.Helper()
		code, stdout, stderr := (program{env, http.DefaultClient}).run(args...)
		if code != exitOK && stdout != "" {
			t.Errorf("%q printed %s", args, stdout)
		}
		return code, stderr
	}
	if code, stderr := run(nil, "keygen", "--private", "k.jwk", "--public", "k.pub.jwk"); code != exitOK {
		t.Fatal(stderr)
	}
	signing := "sign --key k.jwk --issuer https://github.com/acme/orchestrator --repository acme/widgets --actor octocat --sha " + jobSHA
	if code, stderr := run(nil, append(strings.Fields(signing), "--kind", "artifacts", "--artifacts", "k.pub.jwk", "--out", "run.jwt")...); code != exitOK {
		t.Fatal(stderr)
	}
	const (
		token     = "eyJhbGciOiJFZERTQSJ9.eyJhIjoiYiJ9.c2lnbmF0dXJl"
		verifying = "verify --key k.pub.jwk --token " + token
		inAction  = "INPUT_MODE=verify INPUT_TOKEN=" + token + " GITHUB_ACTIONS=true GITHUB_REPOSITORY=acme/widgets"
	)
	for _, test := range []struct {
		line, env  string // words
		says, hint string
	}{
		{verifying, "", "there is no run to compare", "away from GitHub say what the run is: `--expect repository=OWNER/NAME,actor=LOGIN,sha=COMMIT`"},
		{verifying + " --require sha,stack --expect sha=a", "", "the stack that", "`--expect repository=OWNER/NAME,sha=COMMIT,stack=VALUE`"},
		{verifying + " --require sha --audience a", "", "there is no run to compare", "`--expect sha=COMMIT`"},
		{"verify --key k.pub.jwk --check artifacts --root . --token " + token, "", "there is no run to compare", "`--expect repository=OWNER/NAME,sha=COMMIT`"},
		{verifying + " --expect actor=mallory", "GITHUB_REPOSITORY=acme/widgets GITHUB_ACTOR=octocat", `this run has "octocat"`, "cannot be overruled: correct --expect, or unset the variable of the run"},
		{"verify", inAction + " INPUT_KEY=k.pub.jwk INPUT_EXPECT=repository=a/b", `this run has "acme/widgets"`, "cannot be overruled: correct --expect\n"},
		{"verify", inAction, "there is no key", "the input `key` is empty, and so is `secret`: a variable or secret that is not set, or that this job may not see, is empty"},
		{"verify --expect repository=a/b,actor=a,sha=a --token " + token, "", "there is no key", "give --key"},

		{signing + " --ttl soon", "", "--ttl takes a value of the form duration", "such as 10m or 24h"},
		{signing, "COUNTERSIGN_TTL=" + token, "COUNTERSIGN_TTL takes a value of the form duration", "such as 10m or 24h"},
		{"verify --min-age " + token, "", "--min-age takes a value of the form age", "such as 7d"},
		{"verify --on-missing " + token, "", "of the form block|warn", "there are: block, warn"},
		{"verify --single-use=" + token, "", "of the form bool", "true or false"},
		{"exec --spec-command " + token, "", "of the form int", "a number"},
		{"verify --require sha,,actor", "", "--require has an empty value", "it is empty, or an item of it is; is the variable in it set?"},
		{"verify --expect sha=a,", "", "--expect has an empty value", "is the variable in it set?"},
		{"verify", "COUNTERSIGN_CHECK=,", "COUNTERSIGN_CHECK has an empty value", "is the variable in it set?"},

		{signing + " --sha 0123456", "", "sha is", "`git rev-parse HEAD` prints it"},
		{signing + " --repository https://github.com/acme/widgets", "", "repository is", "give OWNER/NAME"},
		{signing + " --ref main", "", "ref is", "refs/heads/NAME"},

		{"verify --tokenfile run.jwt", "", "unknown flag: --tokenfile\n", "--token-file may be meant; countersign verify --help lists the flags"},
		{"verify --token_file=" + token, "", "unknown flag: --token_file\n", "--token-file may be meant; "},
		{"verify -key k.pub.jwk", "", "unknown flag: -key\n", "--key may be meant; "},
		{"verify -token=" + token, "", "unknown flag: -token\n", "--token may be meant; "},
		{"sign --repo acme/widgets", "", "unknown flag: --repo\n", "--repository may be meant; "},
		{"verify --quick", "", "unknown flag: --quick\n", "countersign verify --help lists the flags"},
		{"verify --" + token, "", "unknown flag\n", "countersign verify --help lists the flags"},
		{"verify -" + token, "", "unknown flag\n", "countersign verify --help lists the flags"},
		{"verify ---token=" + token, "", "a flag has the form --NAME", "countersign verify --help lists the flags"},
		{"--version", "", "unknown flag: --version\n", "countersign version prints it"},

		{"completion powershell", "", `there is none for "powershell"`, "there are: bash, zsh, fish"},
		{"completion", "", "for which shell", "there are: bash, zsh, fish"},
		{"completion " + token, "", "for which shell", "there are: bash, zsh, fish"},
		{"keygen --private new.jwk --public ./new.jwk", "", "one file for both halves of the pair", "give each half a file of its own"},
		{"ledger prune", "", "nothing tells which repository has the ledger", "give --ledger github:OWNER/REPO or dir:PATH"},
	} {
		env := map[string]string{}
		for _, variable := range strings.Fields(test.env) {
			name, value, _ := strings.Cut(variable, "=")
			env[name] = value
		}
		code, stderr := run(env, strings.Fields(test.line)...)
		// Of a token that is masked nothing else is shown.
		_, shown, _ := strings.Cut(stderr, "error: ")
		says, hint, _ := strings.Cut(shown, "hint: ")
		if code != exitUsage || !strings.Contains(says, test.says) || !strings.Contains(hint, test.hint) || strings.Contains(shown, "eyJ") {
			t.Errorf("%s %s: it ended with %d: %s\nwant %q and the hint %q", test.env, test.line, code, stderr, test.says, test.hint)
		}
	}
	if _, err := os.Stat("new.jwk"); err == nil {
		t.Error("half a pair was left")
	}
}

// TestNoteFile names a file where the token itself is asked for.
func TestNoteFile(t *testing.T) {
	t.Chdir(t.TempDir())
	const note = "note: --token is the token itself, and there is a file of that name: --token-file run.jwt reads it\n"
	outside := t.TempDir() + "/run.jwt"
	for _, name := range []string{"run.jwt", outside} {
		if err := os.WriteFile(name, []byte("a.b.c"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir("folder", 0o700); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{"COUNTERSIGN_SECRET": strings.Repeat("s", 32)}
	onRunner := maps.Clone(env)
	onRunner["GITHUB_ACTIONS"] = "true"
	for _, test := range []struct {
		env   map[string]string
		token string
		noted bool
	}{
		{env, "run.jwt", true}, {env, "none.jwt", false}, {env, "folder", false}, {env, outside, false},
		{env, strings.Repeat("a", 300), false}, {onRunner, "run.jwt", false},
	} {
		for _, args := range [][]string{
			{"verify", "--expect", "repository=acme/widgets,actor=octocat,sha=" + jobSHA, "--token"}, {"inspect", "--token"},
		} {
			if args[0] == "verify" && test.env["GITHUB_ACTIONS"] != "" {
				args = append(args[:1:1], "--token")
			}
			code, _, stderr := (program{test.env, http.DefaultClient}).run(append(args, test.token)...)
			if code != exitRefused || strings.Contains(stderr, note) != test.noted || !test.noted && strings.Contains(stderr, "--token-file") && args[0] == "verify" {
				t.Errorf("%s %.20s: it ended with %d: %s", args[0], test.token, code, stderr)
			}
		}
	}
}

// TestNotCompared says what was signed and compared with nothing.
func TestNotCompared(t *testing.T) {
	env := map[string]string{"COUNTERSIGN_SECRET": strings.Repeat("s", 32)}
	sign := func(more ...string) string {
		t.Helper()
		code, token, stderr := (program{env, http.DefaultClient}).run(append([]string{
			"sign", "--issuer", "https://github.com/acme/orchestrator", "--repository", "acme/widgets", "--actor", "octocat", "--sha", jobSHA,
		}, more...)...)
		if code != exitOK {
			t.Fatal(stderr)
		}
		return strings.TrimSpace(token)
	}
	least := sign("--command", "make")
	more := sign("--ref", "refs/heads/main", "--inputs", `{"reason":"weekly"}`)
	const expected = "repository=acme/widgets,actor=octocat,sha=" + jobSHA
	const note = "note: not compared, for --expect does not name them: "
	for _, test := range []struct {
		token, expect, note string
		code                int
	}{
		{least, expected, "", exitOK},
		{more, expected, note + "inputs, ref\n", exitOK},
		{more, expected + ",ref=refs/heads/main", note + "inputs\n", exitOK},
		{more, strings.Replace(expected, "octocat", "mallory", 1), "", exitRefused},
	} {
		for _, format := range []string{"--json=false", "--json"} {
			code, stdout, stderr := (program{env, http.DefaultClient}).run("verify", "--token", test.token, "--expect", test.expect, format)
			if code != test.code || strings.Contains(stderr, "not compared") != (test.note != "") || !strings.HasSuffix(stderr, test.note) || strings.Contains(stdout, "not compared") {
				t.Errorf("%s: it ended with %d: %s%s", test.expect, code, stdout, stderr)
			}
		}
	}
	// A run tells what is compared.
	run := maps.Clone(env)
	maps.Copy(run, map[string]string{"GITHUB_ACTIONS": "true", "GITHUB_REPOSITORY": "acme/widgets", "GITHUB_SHA": jobSHA, "GITHUB_ACTOR": "octocat", "GITHUB_RUN_ATTEMPT": "1", "GITHUB_EVENT_NAME": "push"})
	if code, _, stderr := (program{run, http.DefaultClient}).run("verify", "--token", least); code != exitOK || strings.Contains(stderr, "not compared") {
		t.Errorf("of a run it says %d: %s", code, stderr)
	}
}
