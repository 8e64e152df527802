package config_test

import (
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign-ci/countersign/internal/config"
)

// checkHook checks what holds for every config of a hook.
func checkHook(t *testing.T, h *config.Hook) {
	t.Helper()
	if len(h.Keys) > 0 && h.SecretFile != "" || len(h.Keys) == 0 && h.SecretFile == "" && len(h.Keyless) == 0 {
		t.Errorf("keys %q beside the secret file %q and %v", h.Keys, h.SecretFile, h.Keyless)
	}
	if h.Issuers != nil && len(h.Issuers) == 0 || h.TokenInput == "" || !slices.Contains([]string{"require", "none", "refuse"}, h.Default) {
		t.Errorf("out of range: %+v", h)
	}
	l := h.Ledger
	if l != (config.Ledger{}) && (l.Dir != "") == (l.Repository != "") || (l.Repository != "") != (l.TokenFile != "") || l.APIURL != "" && l.Repository == "" {
		t.Errorf("the ledger %+v", l)
	}
	if l.APIURL != "" && !regexp.MustCompile(`^(https://|http://(127\.|\[))`).MatchString(l.APIURL) {
		t.Errorf("the API at %q", l.APIURL)
	}
	texts := slices.Concat(h.Keys, h.Issuers, []string{h.TokenInput})
	issuers := map[string]bool{}
	for _, k := range h.Keyless {
		if issuers[k.Issuer] || !strings.HasPrefix(k.Issuer, "https://") || len(k.Identities) == 0 || len(k.Identities) > 1000 {
			t.Errorf("the issuer %+v", k)
		}
		issuers[k.Issuer] = true
		for _, identity := range k.Identities {
			if len(identity) == 0 {
				t.Errorf("an identity of %q says nothing", k.Issuer)
			}
			texts = slices.AppendSeq(texts, maps.Values(identity))
		}
	}
	for _, r := range h.Rules {
		texts = slices.Concat(texts, r.Dispatchers, r.AllowUnsignedInputs, r.Expect, []string{r.Repository, r.Token})
		checkRule(t, h, r)
	}
	if len(h.Keys) > 1000 || len(h.Rules) > 1000 || len(h.Keyless) > 1000 {
		t.Errorf("%d keys, %d rules", len(h.Keys), len(h.Rules))
	}
	for _, s := range texts {
		if strings.TrimSpace(s) == "" || strings.ContainsFunc(s, unicode.IsControl) {
			t.Errorf("the text %q", s)
		}
	}
	for _, key := range h.Keys {
		if strings.Contains(key, "://") && !strings.HasPrefix(key, "https://") || strings.HasPrefix(strings.TrimSpace(key), "{") {
			t.Errorf("the key %q", key)
		}
	}
	for _, path := range []string{h.SecretFile, h.JWKSCache, h.CAFile, h.AuditLog, l.Dir, l.TokenFile} {
		if path != "" && strings.ContainsFunc(path, unicode.IsControl) {
			t.Errorf("the path %q", path)
		}
		filepath.Join("folder", path)
	}
}

func checkRule(t *testing.T, h *config.Hook, r config.Rule) {
	t.Helper()
	onValues := []string{"block", "warn"}
	switch {
	case !slices.Contains([]string{"require", "optional", "none", "refuse"}, r.Token),
		!slices.Contains(onValues, r.OnMissing), !slices.Contains(onValues, r.OnInvalid),
		r.Token != "require" && r.OnMissing != "block",
		r.SingleUse && h.Ledger == (config.Ledger{}):
		t.Errorf("the rule %+v", r)
	}
	if r.Token == "none" || r.Token == "refuse" {
		bare := config.Rule{Repository: r.Repository, Workflow: r.Workflow, Token: r.Token, OnMissing: "block", OnInvalid: "block"}
		r.Dispatchers, r.AllowUnsignedInputs = slices.Clip(r.Dispatchers), slices.Clip(r.AllowUnsignedInputs)
		if diff := cmp.Diff(bare, r); diff != "" {
			t.Errorf("a rule without tokens (-bare +rule):\n%s", diff)
		}
	}
	for _, fact := range r.Expect {
		if name, value, _ := strings.Cut(fact, "="); name == "" || value == "" {
			t.Errorf("the fact %q", fact)
		}
	}
	// Each rule is about something, unless one before it is about it too.
	some := strings.NewReplacer("*", "a", "?", "a")
	got, n, err := h.Rule(some.Replace(r.Repository), some.Replace(r.Workflow), true)
	if err == nil && n == 0 || err == nil && !cmp.Equal(got, h.Rules[n-1]) || err != nil && r.Workflow != "" {
		t.Errorf("the rule for %q, %q: %+v, %d, %v", r.Repository, r.Workflow, got, n, err)
	}
}

// FuzzParseHook has any text be refused with a place and a hint, or be a config
// that is within its ranges and the same when it is read again.
func FuzzParseHook(f *testing.F) {
	for _, c := range hookCases {
		if len(c.text) < 1<<12 {
			f.Add([]byte(c.text))
		}
	}
	f.Add([]byte(hookExample(f)))
	f.Add([]byte(hookRules))
	f.Fuzz(func(t *testing.T, text []byte) {
		h, err := config.ParseHook(name, text)
		if err != nil {
			wantHookError(t, string(text), h, err)
			return
		}
		checkHook(t, h)
		again, err := config.ParseHook(name, text)
		if diff := cmp.Diff(h, again); err != nil || diff != "" {
			t.Errorf("read again: %v (-first +second):\n%s", err, diff)
		}
	})
}
