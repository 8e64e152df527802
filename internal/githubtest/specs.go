package githubtest

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
)

// specs are GitHub's own descriptions of its API.
type specs struct {
	schema *ast.Schema
	rest   *description
}

// folder is looked for when the program starts, before any test changes directory.
var folder = func() string {
	dir, err := os.Getwd()
	for err == nil {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return filepath.Join(dir, "..", "shared", "github")
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			break
		}
		dir = parent
	}
	return ""
}()

// load reads the descriptions once for all servers. Without an error and without
// a result there is no such folder.
var load = sync.OnceValues(func() (*specs, error) {
	if _, err := os.Stat(folder); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	text, err := os.ReadFile(filepath.Join(folder, "schema.graphql"))
	if err != nil {
		return nil, err
	}
	schema, err := gqlparser.LoadSchema(&ast.Source{Name: "schema.graphql", Input: string(text)})
	if err != nil {
		return nil, err
	}
	rest, err := loadDescription(filepath.Join(folder, "openapi-slim.json"))
	if err != nil {
		return nil, err
	}
	return &specs{schema: schema, rest: rest}, nil
})
