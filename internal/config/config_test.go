package config_test

import (
	"go/parser"
	"go/token"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign-ci/countersign/internal/config"
)

func TestParse(t *testing.T) {
	t.Parallel()
	for _, c := range cases {
		got, err := config.Parse(name, []byte(c.text))
		if err == nil {
			if c.want != accepted {
				t.Errorf("%.100q: accepted, want %q", c.text, c.want)
			}
			checkConfig(t, got, []byte(c.text))
			continue
		}
		if said := wantError(t, c.text, got, err); said != c.want {
			t.Errorf("%.100q: %q, want %q", c.text, said, c.want)
		}
	}
}

// TestTrust has the names of all that decides about trust.
func TestTrust(t *testing.T) {
	t.Parallel()
	for key := range strings.FieldsSeq(`
		token token-file token-input github-token key keys secret secret-file keyless alg key-id kid-key
		on-missing on-invalid ON-MISSING on_missing require expect dispatchers check
		trusted-issuer trusted-identity allow-rerun allow-unsigned-inputs allow_rerun
		issuer issuers audience identities ledger single-use api-url ca-file`) {
		for _, value := range []string{"", "s3cret", "[a]", "{a: b}"} {
			text := "style: commit\n" + key + ": " + value + "\n"
			for _, parse := range []func(string, []byte) (*config.Config, error){config.Parse, config.ParseBoomper} {
				c, err := parse(name, []byte(text))
				said := wantError(t, text, c, err)
				if want := `:2:1: "` + key + `" decides about trust, and is never taken from a file in the workspace`; said != want {
					t.Errorf("%q: %q, want %q", text, said, want)
				}
			}
		}
	}
}

// docExample returns the file in the package comment.
func docExample(t testing.TB) string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "config.go", nil, parser.ParseComments|parser.PackageClauseOnly)
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile(`(?m)(?:^\t.*\n)+`).FindString(file.Doc.Text())
	if block == "" {
		t.Fatal("the package comment has no example")
	}
	return regexp.MustCompile(`(?m)^\t`).ReplaceAllString(block, "")
}

func TestDocExample(t *testing.T) {
	t.Parallel()
	text := docExample(t)
	branch := true
	want := &config.Config{
		Files:         []string{"README*.md", ".github/workflows/*.{yml,yaml}"},
		Style:         "commit",
		Update:        "minor",
		MinAge:        "7d",
		RequireBranch: &branch,
		Allow:         config.List{Hosts: []string{"github.com"}, Owners: []string{"acme", "buildkite-*"}, Repositories: []string{"octocat/hello-*"}},
		Deny:          config.List{Owners: []string{"hubot"}},
		Exceptions: []config.Exception{{
			Repository: "acme/legacy-*", Rule: "unpinned", Reason: "moves to v3 in spring",
			Until: time.Date(2027, 3, 31, 0, 0, 0, 0, time.UTC),
		}},
		Updates: []config.Update{{Path: "docs/*.md", Pattern: regexp.MustCompile(`acme/widgets@(v[0-9.]+)`)}},
	}
	got := parse(t, text)
	if diff := sameConfig(want, got); diff != "" {
		t.Errorf("the example of the package comment (-want +got):\n%s", diff)
	}
	if again := parse(t, string(render(t, got))); sameConfig(got, again) != "" {
		t.Errorf("written and read again (-first +second):\n%s", sameConfig(got, again))
	}
	crlf := parse(t, strings.ReplaceAll(text, "\n", "\r\n"))
	if diff := sameConfig(got, crlf); diff != "" {
		t.Errorf("with CRLF (-LF +CRLF):\n%s", diff)
	}
	for _, key := range config.Keys() {
		_, last, nested := strings.Cut(key, ".")
		if !nested {
			last = key
		}
		if !strings.Contains(text, last+":") {
			t.Errorf("the example has no %s", key)
		}
	}
}

func TestFlag(t *testing.T) {
	t.Parallel()
	c := parse(t, "files: [a, b]\nstyle: git-sha1\nupdate: none\nmin-age: 0\nrequire-branch: false\n")
	for flag, want := range map[string][]string{
		"files": {"a", "b"}, "style": {"git-sha1"}, "update": {"none"}, "min-age": {"0"}, "require-branch": {"false"},
	} {
		got, ok := c.Flag(flag)
		if diff := cmp.Diff(want, got); diff != "" || !ok {
			t.Errorf("%s (-want +got), %t:\n%s", flag, ok, diff)
		}
		if got, ok := new(config.Config).Flag(flag); ok || got != nil {
			t.Errorf("an empty file gives %q to %s", got, flag)
		}
	}
	if got, _ := parse(t, "require-branch: True\n").Flag("require-branch"); len(got) != 1 || got[0] != "true" {
		t.Errorf("require-branch: True is %q", got)
	}
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	if diff := sameConfig(&config.Config{}, parse(t, "")); diff != "" {
		t.Errorf("an empty file (-zero +empty):\n%s", diff)
	}
	said := parse(t, "require-digest: true\nvendored: allow\ndeny: {owners: []}\nexceptions: []\nupdates: []\n")
	if diff := sameConfig(&config.Config{}, said); diff != "" {
		t.Errorf("a file that says what holds anyway (-zero +file):\n%s", diff)
	}
	other := parse(t, "require-digest: false\nvendored: deny\n")
	if !other.AllowTags || !other.DenyVendored {
		t.Errorf("tags pass: %t, vendored is denied: %t", other.AllowTags, other.DenyVendored)
	}
}

func TestParseDuration(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	for s, want := range map[string]time.Duration{
		"0": 0, "0d": 0, "0m": 0, "7d": 7 * day, "36h": 36 * time.Hour, "90m": 90 * time.Minute,
		"1d12h": 36 * time.Hour, "1d30m": day + 30*time.Minute, "007d": 7 * day,
		"99999d99999h99999m": 99999*day + 99999*time.Hour + 99999*time.Minute,
	} {
		if got, err := config.ParseDuration(s); got != want || err != nil {
			t.Errorf("ParseDuration(%q) = %v, %v, want %v", s, got, err, want)
		}
	}
	for _, s := range []string{
		"", " ", "7", "00", "d", "7 d", " 7d", "7d ", "7d\n", "-7d", "+7d", "7D", "7w", "7s", "1.5d", "1h1d", "7d7d", "100000d", "٧d", "1e3h", "0x1h", "1_0d",
	} {
		if got, err := config.ParseDuration(s); got != 0 || err == nil {
			t.Errorf("ParseDuration(%q) = %v, %v, want an error", s, got, err)
		}
	}
}
