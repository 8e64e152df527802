package config_test

import (
	"slices"
	"testing"
	"time"

	"github.com/countersign-ci/countersign/internal/config"
)

var pinRules = []string{"unpinned", "digest-mismatch", "malformed-digest", "short-digest", "impostor-commit", "unknown-ref", "unknown-repository", "not-allowed", "outdated"}

func exception(t *testing.T, fields string) config.Exception {
	t.Helper()
	all := parse(t, "exceptions: [{reason: none, "+fields+"}]").Exceptions
	if len(all) != 1 {
		t.Fatalf("%d exceptions", len(all))
	}
	return all[0]
}

func TestExceptionRules(t *testing.T) {
	t.Parallel()
	now := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	all := exception(t, "repository: acme/widgets, until: 2027-03-31")
	one := exception(t, "repository: acme/widgets, until: 2027-03-31, rule: outdated")
	for _, rule := range append(pinRules, "wrong-actor", "bad-signature", "") {
		never := slices.Contains([]string{"digest-mismatch", "impostor-commit", "malformed-digest"}, rule) || !slices.Contains(pinRules, rule)
		if all.Covers("acme/widgets", rule, now) == never {
			t.Errorf("an exception for all rules covers %q: %t", rule, !never)
		}
		if one.Covers("acme/widgets", rule, now) != (rule == "outdated") {
			t.Errorf("an exception for outdated covers %q: %t", rule, rule != "outdated")
		}
		// Whoever makes one without Parse cannot except more.
		made := config.Exception{Repository: "*/*", Rule: rule, Until: now}
		if made.Covers("acme/widgets", rule, now) == never {
			t.Errorf("an exception for %q covers it: %t", rule, !never)
		}
	}
}

func TestExceptionRepositories(t *testing.T) {
	t.Parallel()
	now := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	e := exception(t, "repository: Acme/legacy-*, until: 2027-03-31")
	for repository, want := range map[string]bool{
		"acme/legacy-x": true, "ACME/LEGACY-": true, "acme/legacy": false, "acme/widgets": false,
		"acme/legacy-x/y": false, "x/acme/legacy-x": false, "acme2/legacy-x": false, "": false,
	} {
		if got := e.Covers(repository, "unpinned", now); got != want {
			t.Errorf("acme/legacy-* covers %q: %t", repository, got)
		}
	}
}

func TestExceptionEnd(t *testing.T) {
	t.Parallel()
	e := exception(t, "repository: acme/widgets, until: 2028-02-29")
	west, east := time.FixedZone("west", -8*3600), time.FixedZone("east", 9*3600)
	for _, c := range []struct {
		now  time.Time
		want bool
	}{
		{time.Date(2028, 2, 28, 12, 0, 0, 0, time.UTC), true},
		{time.Date(2028, 2, 29, 0, 0, 0, 0, time.UTC), true},
		{time.Date(2028, 2, 29, 23, 59, 59, 999_999_999, time.UTC), true},
		{time.Date(2028, 3, 1, 0, 0, 0, 0, time.UTC), false},
		{time.Date(2029, 1, 1, 0, 0, 0, 0, time.UTC), false},
		{time.Date(2028, 2, 29, 15, 59, 59, 0, west), true},
		{time.Date(2028, 2, 29, 16, 0, 0, 0, west), false},
		{time.Date(2028, 3, 1, 8, 59, 59, 0, east), true},
		{time.Date(2028, 3, 1, 9, 0, 0, 0, east), false},
	} {
		if got := e.Covers("acme/widgets", "unpinned", c.now); got != c.want {
			t.Errorf("an exception until 2028-02-29 counts at %v: %t", c.now, got)
		}
	}
}
