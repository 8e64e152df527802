package spacelift_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// referencePolicy is a policy written as Spacelift's reference does it.
func referencePolicy(t *testing.T) []byte {
	t.Helper()
	return withSecret(readFile(t, "testdata", "reference.rego"), secret)
}

// TestSignedPassesReference has a signed token pass a policy that is written as the
// reference does it.
func TestSignedPassesReference(t *testing.T) {
	t.Parallel()
	token := newSigner(t, "HS256").sign(t, time.Now())
	inputs := map[string]any{
		"signed": inputWith(commit, stack, []string{token}),
		"other":  inputWith(strings.Repeat("f", 40), "other-stack", []string{token + "A"}),
	}
	want := map[string][]string{"signed": {}, "other": {"another commit", "another stack", "the token does not verify"}}
	eachOPA(t, func(t *testing.T, o opa) {
		if o.name == "opa" {
			o = o.older()
		}
		if diff := cmp.Diff(want, o.denialsOf(t, referencePolicy(t), inputs)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// TestDocumentTable has the page show what was measured: which bad inputs a policy as
// the reference does it lets pass.
func TestDocumentTable(t *testing.T) {
	t.Parallel()
	o, s, now := newOPA(t).older(), newSigner(t, "HS256"), time.Now()
	cases := slices.Concat(metadataCases(t, s, now), tokenCases(t, s, now))
	inputs := map[string]any{}
	for _, c := range cases {
		inputs[c.name] = c.input
	}
	reference, own := o.denialsOf(t, referencePolicy(t), inputs), o.denialsOf(t, policyOf(t, s), inputs)
	verdict := func(denials []string) string {
		if len(denials) > 0 {
			return "denied"
		}
		return "**passes**"
	}
	var rows []string
	for _, c := range cases {
		rows = append(rows, fmt.Sprintf("| %s | %s | %s |\n", c.name, verdict(reference[c.name]), verdict(own[c.name])))
	}
	// What passes comes first.
	slices.SortStableFunc(rows, func(a, b string) int {
		return strings.Count(b, "**passes**") - strings.Count(a, "**passes**")
	})
	want := "\n| input | the reference | Countersign |\n| --- | --- | --- |\n" + strings.Join(rows, "") + "\n"

	page := string(readFile(t, filepath.Join("..", "..", "..", ".github", "docs", "spacelift.md")))
	_, rest, begins := strings.Cut(page, "<!-- spacelift -->\n")
	got, _, ends := strings.Cut(rest, "<!-- /spacelift -->")
	if !begins || !ends {
		t.Fatalf("the page has no table between <!-- spacelift --> and <!-- /spacelift -->, want\n%s", want)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the page's table (-want +got):\n%s\nwant\n%s", diff, want)
	}
}
