package config_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign-ci/countersign/internal/config"
)

var boomperCases = []testCase{
	{text: "", want: accepted},
	{text: "# nothing\n", want: accepted},
	{text: "updates: []\n", want: accepted},
	{text: "updates:\n- path: README.md\n  pattern: 'https://someurl.com/(v.*)/download.zip'\n", want: accepted},
	{text: "updates:\n- path: README.md\n  pattern: 'my-org/my-plugin#(v.*):'\n", want: accepted},
	{text: "updates:\n- path: README.md\n  pattern: https://download.com/(.*)/file.zip\nskip-ci: true\n", want: accepted},
	{text: "skip-ci: false\n", want: accepted},
	{text: "skip-ci: yes\n", want: `:1:10: "skip-ci" has a text where true or false is expected`},
	{text: "branches:\n- main\n", want: `:2:1: "branches" has no meaning here`},
	{text: "branches: []\n", want: `:1:11: "branches" has no meaning here`},
	{text: "updates:\n- path: README.md\n  pattern: '@(v.*)'\n  branch: next\n", want: `:4:11: "updates.branch" would update another branch than the one that is checked out`},
	{text: "branch: next\n", want: `:1:1: there is no key "branch"; did you mean "branches"?`},
	{text: "_extends: acme/.github\n", want: `:1:1: there is no key "_extends"`},
	{text: "style: commit\n", want: `:1:1: there is no key "style"`},
	{text: "updates:\n", want: `:1:9: "updates" has nothing where a list is expected`},
	{text: "updates:\n- path: README.md\n", want: `:2:3: "updates.pattern" is missing`},
	{text: "updates:\n- pattern: '@(v.*)'\n", want: `:2:3: "updates.path" is missing`},
	{text: "updates:\n- path: ../README.md\n  pattern: '@(v.*)'\n", want: `:2:9: "updates.path" has "../README.md", which matches no file`},
	{text: "updates:\n- path: /README.md\n  pattern: '@(v.*)'\n", want: `:2:9: "updates.path" has "/README.md", which matches no file`},
	{text: "updates:\n- path: a\n  pattern: '@v.*'\n", want: `:3:12: "updates.pattern" has 0 capturing groups where one is expected`},
	{text: "updates:\n- path: a\n  pattern: '(@)(v.*)'\n", want: `:3:12: "updates.pattern" has 2 capturing groups where one is expected`},
	{text: "updates:\n- path: a\n  pattern: '(.*)'\n", want: `:3:12: "updates.pattern" can match an empty text`},
	{text: "updates:\n- path: a\n  pattern: '@(v'\n", want: `:3:12: "updates.pattern" is no regular expression: missing closing )`},
	{text: "updates:\n- path: a\n  pattern: '(?<=@)(v.*)'\n", want: `:3:12: "updates.pattern" is no regular expression: invalid named capture`},
	{text: "updates:\n- path: a\n  pattern: '" + strings.Repeat("@", 1000) + "(v)'\n", want: `:3:12: "updates.pattern" has more than 1000 bytes`},
	{text: "updates:\n- path: a\n  pattern: '" + strings.Repeat(`\s`, 490) + "@@(v{600})'\n", want: `:3:12: "updates.pattern" has more than 1000 parts once its repetitions are written out`},
}

func TestParseBoomper(t *testing.T) {
	t.Parallel()
	for _, c := range boomperCases {
		got, err := config.ParseBoomper(name, []byte(c.text))
		if err == nil {
			if c.want != accepted {
				t.Errorf("%q: accepted, want %q", c.text, c.want)
			}
			continue
		}
		if said := wantError(t, c.text, got, err); said != c.want {
			t.Errorf("%.100q: %q, want %q", c.text, said, c.want)
		}
	}
}

// boomperUpdate returns the update of a file with one.
func boomperUpdate(t *testing.T, path, pattern string) config.Update {
	t.Helper()
	text := "updates:\n- path: '" + path + "'\n  pattern: '" + strings.ReplaceAll(pattern, "'", "''") + "'\n"
	c, err := config.ParseBoomper(name, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return c.Updates[0]
}

// A path of Boomper is no glob.
func TestBoomperPath(t *testing.T) {
	t.Parallel()
	for path, other := range map[string]string{
		"README.md": "README_md", "docs/*.md": "docs/a.md", "docs/[id].md": "docs/i.md", "a?b": "acb", "{a,b}": "a", "**": "a/b", "a]}b": "a",
	} {
		u := boomperUpdate(t, path, "@(v1)")
		if !u.Matches(path) || u.Matches(other) {
			t.Errorf("%s matches itself: %t, and %s: %t", path, u.Matches(path), other, u.Matches(other))
		}
	}
}

// What is found in a text is what Boomper finds.
func TestBoomperFind(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		pattern, text string
		want          []string
	}{
		{`boomper#(.*):`, "  - plugins:\n      boomper#v1.0.0: ~\n", []string{"v1.0.0"}},
		{`https://someurl.com/(v.*)/download.zip`, "`curl https://someurl.com/v1.0.0/download.zip`", []string{"v1.0.0"}},
		{`@(v.*)`, "@v1\r\n@v2\n@v3", []string{"v1", "v2", "v3"}},
		{`@([\w.-]+)`, "@v1.2-rc_1, @é", []string{"v1.2-rc_1"}},
		{`@(v[\d.\-\s]+)!`, "@v1 -2.3!", []string{"v1 -2.3"}},
		{`a{(v\d)}`, "a{v1} aav2", []string{"v1"}},
		{`a{1,2}(v\d)]`, "aav1]", []string{"v1"}},
		{`a{,2}(v\d)`, "a{,2}v1 aav2", []string{"v1"}},
		{`\bv(\d)\b`, "v1 v22 xv3", []string{"1"}},
		{`^(v\d)$`, "v1\nv2", nil},
		{`(?:a|b)(?<version>v\d)`, "av1 bv2 cv3", []string{"v1", "v2"}},
		{`@(v.+?)\.`, "@v1.2.3", []string{"v1"}},
		{`(v\d) \(x\)`, "v1 (x)", []string{"v1"}},
		{`Ä(v.)€`, "Äv1€", []string{"v1"}},
	} {
		if diff := cmp.Diff(c.want, found(boomperUpdate(t, "README.md", c.pattern), c.text)); diff != "" {
			t.Errorf("%s in %q (-want +got):\n%s", c.pattern, c.text, diff)
		}
	}
}
