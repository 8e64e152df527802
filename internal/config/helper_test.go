package config_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/countersign-ci/countersign/internal/config"
	"github.com/google/go-cmp/cmp"
)

const name = ".github/countersign.yml"

// wantError checks that an error is of the package's type, stands inside the
// text, and says what to do. It returns what it says after the file's name.
func wantError(t *testing.T, text string, c *config.Config, err error) string {
	t.Helper()
	var e *config.Error
	if !errors.As(err, &e) || c != nil {
		t.Fatalf("%.100q: %v, %v, want an *Error alone", text, c, err)
	}
	lines := 1 + strings.Count(text, "\n") + strings.Count(text, "\r") - strings.Count(text, "\r\n")
	if e.Line < 0 || e.Line > lines || e.Column < 0 || e.Column > 0 && e.Line == 0 {
		t.Errorf("%.100q: the error is on line %d, column %d", text, e.Line, e.Column)
	}
	if e.Reason == "" || e.Hint() == "" || strings.ContainsAny(e.Reason+e.Hint(), "\r\n") {
		t.Errorf("%.100q: the error says %q and %q", text, e.Reason, e.Hint())
	}
	said, ok := strings.CutPrefix(err.Error(), name)
	if !ok {
		t.Errorf("%.100q: the error %q does not start with the name", text, err)
	}
	return said
}

func parse(t *testing.T, text string) *config.Config {
	t.Helper()
	c, err := config.Parse(name, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// sameConfig compares configs; patterns are the same if they are written so.
func sameConfig(a, b *config.Config) string {
	return cmp.Diff(a, b, cmp.Comparer(func(a, b *regexp.Regexp) bool { return a.String() == b.String() }))
}

// render writes a config as a file.
func render(t *testing.T, c *config.Config) []byte {
	t.Helper()
	file := map[string]any{"require-digest": !c.AllowTags, "vendored": "allow"}
	if c.DenyVendored {
		file["vendored"] = "deny"
	}
	for _, flag := range []string{"style", "update", "min-age"} {
		if values, ok := c.Flag(flag); ok {
			file[flag] = values[0]
		}
	}
	if c.RequireBranch != nil {
		file["require-branch"] = *c.RequireBranch
	}
	if len(c.Files) > 0 {
		file["files"] = c.Files
	}
	for list, l := range map[string]config.List{"allow": c.Allow, "deny": c.Deny} {
		lists := map[string][]string{"hosts": l.Hosts, "owners": l.Owners, "repositories": l.Repositories}
		maps.DeleteFunc(lists, func(_ string, globs []string) bool { return len(globs) == 0 })
		if len(lists) > 0 {
			file[list] = lists
		}
	}
	var exceptions, updates []map[string]string
	for _, e := range c.Exceptions {
		m := map[string]string{"repository": e.Repository, "reason": e.Reason, "until": e.Until.Format("2006-01-02")}
		if e.Rule != "" {
			m["rule"] = e.Rule
		}
		exceptions = append(exceptions, m)
	}
	for _, u := range c.Updates {
		updates = append(updates, map[string]string{"path": u.Path, "pattern": u.Pattern.String()})
	}
	if len(exceptions) > 0 {
		file["exceptions"] = exceptions
	}
	if len(updates) > 0 {
		file["updates"] = updates
	}
	// In JSON, for the YAML library writes texts that it does not read.
	text, err := json.Marshal(file)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	for _, r := range string(text) {
		if r < 0x7F {
			out.WriteRune(r)
		} else {
			fmt.Fprintf(&out, `\U%08x`, r)
		}
	}
	return out.Bytes()
}

// checkConfig checks what holds for every config.
func checkConfig(t *testing.T, c *config.Config, text []byte) {
	t.Helper()
	for _, flag := range []string{"token", "key", "on-missing", "on-invalid", "require", "require-digest", "expect", "dispatchers", "trusted-issuer", "allow-rerun", "vendored", "allow", "deny", "updates", "exceptions", ""} {
		if values, ok := c.Flag(flag); ok || values != nil {
			t.Errorf("the file gives %q to the flag %q", values, flag)
		}
	}
	if _, err := config.ParseDuration(c.MinAge); (err == nil) != (c.MinAge != "") {
		t.Errorf("the duration %q: %v", c.MinAge, err)
	}
	c.Refusal("github.com", "acme", "widgets")
	for _, e := range c.Exceptions {
		for _, rule := range []string{"digest-mismatch", "impostor-commit", "malformed-digest", "bad-signature", ""} {
			if e.Covers(e.Repository, rule, e.Until) {
				t.Errorf("the exception %v covers %q", e, rule)
			}
		}
		if !e.Covers(strings.ReplaceAll(e.Repository, "*", ""), "unpinned", e.Until) && slices.Contains([]string{"", "unpinned"}, e.Rule) {
			t.Errorf("the exception %v does not cover its own repository", e)
		}
	}
	for _, u := range c.Updates {
		u.Matches("docs/README.md")
		end := 0
		for _, v := range u.Find(text) {
			if v[0] < end || v[1] <= v[0] || v[1] > len(text) {
				t.Errorf("%q finds %v behind %d in %d bytes", u.Pattern, v, end, len(text))
			}
			end = v[1]
		}
	}
}
