package cli

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/countersign-ci/countersign/internal/githubtest"
)

// inTree changes to a new folder that holds files.
func inTree(t *testing.T, files map[string]string) {
	t.Helper()
	t.Chdir(t.TempDir())
	for name, text := range files {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestZZ(t *testing.T) {
	server := githubtest.New(t)
	repo := server.Repo("acme/widgets")
	c := repo.Commit("main", "one")
	repo.AnnotatedTag("v4.2.2", c)
	repo.Tag("v4", c)
	d := repo.CommitOn(c, "two")
	repo.Tag("v5.0.0", d)
	server.SetToken("tok")
	inTree(t, map[string]string{".github/workflows/ci.yml": "jobs:\n  a:\n    steps:\n      - uses: acme/widgets@v4 # keep\n      - uses: acme/widgets@v5.0.0\n      - uses: acme/widgets@main\n"})
	p := program{env: map[string]string{"GITHUB_API_URL": server.URL(), "GITHUB_GRAPHQL_URL": server.GraphQLURL(), "GITHUB_TOKEN": "tok"}}
	for _, args := range [][]string{{}, {"--dry-run"}, {"--write", "--json"}, {"--json"}, {"--update", "latest", "--write"}, {"--require-branch"}} {
		server.ResetRequests()
		code, out, err := p.run(append([]string{"verify", "--check", "pins"}, args...)...)
		b, _ := os.ReadFile(".github/workflows/ci.yml")
		t.Logf("%v: %d requests %d\n%s\n%s\n%s", args, code, len(server.Requests()), out, err, b)
	}
}
