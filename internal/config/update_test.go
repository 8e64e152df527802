package config_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign-ci/countersign/internal/config"
)

// found returns the versions that an update finds.
func found(u config.Update, text string) (versions []string) {
	for _, v := range u.Find([]byte(text)) {
		versions = append(versions, text[v[0]:v[1]])
	}
	return versions
}

func update(t *testing.T, pattern string) config.Update {
	t.Helper()
	all := parse(t, "updates: [{path: README.md, pattern: '"+pattern+"'}]").Updates
	if len(all) != 1 {
		t.Fatalf("%d updates", len(all))
	}
	return all[0]
}

func TestFind(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		pattern, text string
		want          []string
	}{
		{`acme/widgets@(v[0-9.]+)`, "uses: acme/widgets@v1.2.3 and acme/widgets@v2", []string{"v1.2.3", "v2"}},
		{`acme/widgets@(v[0-9.]+)`, "uses: acme/gadgets@v1.2.3", nil},
		{`acme/widgets@(v[0-9.]+)`, "", nil},
		{`acme/widgets(?:@(v\d))?`, "acme/widgets and acme/widgets@v1", []string{"v1"}},
		{`acme/widgets@(v?)`, "acme/widgets@main acme/widgets@v", []string{"v"}},
		{`widgets (.*)`, "widgets 1\r\nwidgets 2\nwidgets 3\r", []string{"1", "2", "3\r"}},
		{`widgets (.*)`, "widgets \r\n", nil},
		{`(?m)^(v\d)$`, "v1\nv2\n v3\n", []string{"v1", "v2"}},
		{`ä(v.)`, "äv€äv2", []string{"v€", "v2"}},
		{`(v\d)(?:v\d)*`, "v1v2 v3", []string{"v1", "v3"}},
		{`@(v\d)`, "@v1\xff@v2", []string{"v1", "v2"}},
	} {
		if diff := cmp.Diff(c.want, found(update(t, c.pattern), c.text)); diff != "" {
			t.Errorf("%s in %q (-want +got):\n%s", c.pattern, c.text, diff)
		}
	}
}

func TestMatches(t *testing.T) {
	t.Parallel()
	for glob, paths := range map[string]struct{ in, out string }{
		"README.md":            {"README.md", "readme.md docs/README.md README.mdx"},
		"docs/*.md":            {"docs/a.md docs/.md", "docs/a/b.md a.md docs/a.txt"},
		"docs/**/*.md":         {"docs/a.md docs/a/b.md docs/a/b/c.md", "a.md docs/a.txt"},
		"**":                   {"a a/b .github/x", ""},
		"*.{md,txt}":           {"a.md a.txt", "a.rst a/b.md"},
		"docs/[a-c]?.md":       {"docs/ax.md", "docs/dx.md docs/a.md docs/a/.md"},
		"{docs,.github}/*.yml": {"docs/a.yml .github/a.yml", "x/a.yml"},
	} {
		u := parse(t, "updates: [{path: '"+glob+"', pattern: (v1)}]").Updates[0]
		for path := range strings.FieldsSeq(paths.in) {
			if !u.Matches(path) {
				t.Errorf("%s does not match %s", glob, path)
			}
		}
		for path := range strings.FieldsSeq(paths.out) {
			if u.Matches(path) {
				t.Errorf("%s matches %s", glob, path)
			}
		}
	}
}
