package report

import (
	"go/ast"
	"go/parser"
	"go/token"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// constants returns the values of the constants in rules.go.
func constants(t *testing.T) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "rules.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var values []string
	for _, d := range file.Decls {
		decl, ok := d.(*ast.GenDecl)
		if !ok || decl.Tok != token.CONST {
			continue
		}
		for _, spec := range decl.Specs {
			value, err := strconv.Unquote(spec.(*ast.ValueSpec).Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			values = append(values, value)
		}
	}
	return values
}

// The ids are what programs outside rely on.
func TestRules(t *testing.T) {
	want := strings.Fields(`
		missing-token malformed-token wrong-type unsupported-algorithm unknown-key bad-signature
		expired not-yet-valid lifetime-too-long wrong-issuer wrong-audience unbound
		wrong-repository wrong-actor wrong-triggering-actor rerun wrong-commit wrong-ref
		wrong-workflow wrong-event wrong-environment wrong-stack wrong-commands wrong-inputs
		unpinned digest-mismatch malformed-digest short-digest impostor-commit unknown-ref
		unknown-repository not-allowed outdated`)
	got := constants(t)
	for _, rule := range want {
		if !slices.Contains(got, rule) {
			t.Errorf("there is no rule %s", rule)
		}
	}
	kebab := regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`)
	for i, rule := range got {
		if !kebab.MatchString(rule) {
			t.Errorf("the rule %q is not in kebab-case", rule)
		}
		if slices.Contains(got[:i], rule) {
			t.Errorf("the rule %s stands there twice", rule)
		}
	}
}

// Every rule is explained, in the order of the constants.
func TestRulesExplained(t *testing.T) {
	var ids []string
	for _, rule := range Rules {
		ids = append(ids, rule.ID)
		for _, text := range []string{rule.Means, hintFor(rule.ID)} {
			if text == "" || Printable(text) != text {
				t.Errorf("%s says %q and should say one line", rule.ID, text)
			}
		}
	}
	if diff := cmp.Diff(constants(t), ids); diff != "" {
		t.Errorf("rules (-constants +explained):\n%s", diff)
	}
}
