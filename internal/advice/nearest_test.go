package advice_test

import (
	"strings"
	"testing"

	"github.com/countersign-ci/countersign/internal/advice"
)

func TestNearest(t *testing.T) {
	t.Parallel()
	known := []string{"key", "on-invalid", "repository", "repository_owner", "token", "token-file"}
	for _, test := range []struct{ word, nearest, meant string }{
		{"token", "token", "token"},
		{"tokn", "token", "token"},
		{"tokenfile", "token-file", "token-file"},
		{"TOKEN_FILE", "token-file", "token-file"},
		{"repository-owner", "repository_owner", "repository_owner"},
		{"reposotiry", "repository", "repository"},
		{"no-invalid", "on-invalid", "on-invalid"},
		{"repo", "", "repository"},
		{"owner", "", "repository_owner"},
		{"ok", "", ""},
		{"", "", ""},
		{"pipeline", "", ""},
		{strings.Repeat("token", 20), "", ""},
	} {
		if got := advice.Nearest(test.word, known); got != test.nearest {
			t.Errorf("Nearest(%q) = %q, want %q", test.word, got, test.nearest)
		}
		if got := advice.Meant(test.word, known); got != test.meant {
			t.Errorf("Meant(%q) = %q, want %q", test.word, got, test.meant)
		}
	}
}
