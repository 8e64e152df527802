package config_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/countersign-ci/countersign/internal/config"
)

const hookRules = `
version: 1
keys: [a.jwk]
default: none
rules:
  - {repository: Acme/widgets, workflow: '.github/workflows/deploy-?.y*ml', token: refuse}
  - {repository: acme/widgets-*}
  - {repository: acme/widgets, token: optional}
  - {repository: acme/rules, workflow: .github/workflows/a.yml, token: refuse}
  - {repository: acme/*, workflow: acme/rules/.github/workflows/a.yml}
  - {repository: "*-bots/*", token: none}
`

func TestHookRule(t *testing.T) {
	t.Parallel()
	h := parseHook(t, hookRules)
	const dir = ".github/workflows/"
	for _, c := range []struct {
		repository, workflow string
		hasWorkflows         bool
		want                 int
	}{
		{"acme/widgets", dir + "deploy-a.yml", true, 1},
		{"acme/widgets", dir + "deploy-a.yaml", true, 1},
		{"ACME/Widgets", dir + "deploy-ä.yml", true, 1},
		{"acme/widgets", dir + "deploy-.yml", true, 3},
		{"acme/widgets", dir + "deploy-ab.yml", true, 3},
		{"acme/widgets", dir + "deploy-a.yml@evil", true, 3},
		{"acme/widgets", dir + "Deploy-a.yml", true, 3}, // case counts
		{"acme/widgets", dir + "sub/deploy-a.yml", true, 3},
		{"acme/widgets", dir + "deploy-a.y/ml", true, 3}, // * does not go over /
		{"acme/widgets", dir + "deploy-/.yml", true, 3},  // nor does ?
		{"acme/widgets", "x/" + dir + "deploy-a.yml", true, 3},
		{"acme/widgets", "acme/widgets/" + dir + "deploy-a.yml", true, 3},
		{"acme/widgets-api", dir + "deploy-a.yml", true, 2},
		{"acme/widgets-", "", true, 2}, // no workflow is asked for
		{"acme/gadgets", dir + "a.yml", true, 0},
		{"acme/gadgets", "acme/rules/" + dir + "a.yml", true, 5},
		{"acme/rules", dir + "a.yml", true, 4},
		{"acme-bots/a", "", true, 6},
		{"acme-\u212aots/a", "", true, 0},
		{"other/widgets", "", true, 0},
		{"other/widgets", dir + "deploy-a.yml", true, 0},

		// Without workflows no rule with one counts, whatever is said of it.
		{"acme/widgets", "", false, 3},
		{"acme/widgets", dir + "deploy-a.yml", false, 3},
		{"acme/rules", "", false, 0},
		{"acme/gadgets", "", false, 0},
	} {
		rule, n, err := h.Rule(c.repository, c.workflow, c.hasWorkflows)
		if err != nil || n != c.want {
			t.Errorf("Rule(%q, %q, %t) = %d, %v, want %d", c.repository, c.workflow, c.hasWorkflows, n, err, c.want)
			continue
		}
		if n == 0 && (rule.Token != "none" || rule.OnMissing != "block" || rule.OnInvalid != "block") || n > 0 && rule.Repository != h.Rules[n-1].Repository {
			t.Errorf("Rule(%q, %q, %t) = %+v, %d", c.repository, c.workflow, c.hasWorkflows, rule, n)
		}
	}
}

// A job of which it is not known which rule is about it is refused, even where
// the default would let it pass.
func TestHookRuleUndecided(t *testing.T) {
	t.Parallel()
	h := parseHook(t, hookRules)
	for _, c := range []struct {
		repository, workflow string
		hasWorkflows         bool
		want                 string
	}{
		{"acme/widgets", "", true, "whether rule 1 is about the job"},
		{"acme/rules", "", true, "whether rule 4 is about the job"},
		{"ACME/gadgets", "", true, "whether rule 5 is about the job"},
		{"", ".github/workflows/a.yml", true, "repository is not known"},
		{"", "", false, "repository is not known"},
		{"acme", "", false, "repository is not known"},
		{"/widgets", "", false, "repository is not known"},
		{"acme/", "", false, "repository is not known"},
		{"acme/widgets/x", "", false, "repository is not known"},
	} {
		rule, n, err := h.Rule(c.repository, c.workflow, c.hasWorkflows)
		var undecided *config.UndecidedError
		if !errors.As(err, &undecided) || !strings.Contains(err.Error(), c.want) || undecided.Hint() == "" {
			t.Errorf("Rule(%q, %q, %t) = %+v, %d, %v, want an error with %q", c.repository, c.workflow, c.hasWorkflows, rule, n, err, c.want)
		}
		if rule.Token != "" || n != 0 {
			t.Errorf("Rule(%q, %q, %t) = %+v, %d beside an error", c.repository, c.workflow, c.hasWorkflows, rule, n)
		}
	}
}
