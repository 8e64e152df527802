package cli

import (
	"strings"

	"github.com/countersign-ci/countersign/internal/github"
)

// apiClient returns the client of the run's GitHub server.
func (a *app) apiClient() (*github.Client, error) {
	client, err := github.New(github.Config{
		APIURL: a.Getenv("GITHUB_API_URL"), GraphQLURL: a.Getenv("GITHUB_GRAPHQL_URL"),
		Token: a.apiToken(), HTTP: a.HTTP, Now: a.Now,
	})
	if err != nil {
		return nil, usage("", "%w", err)
	}
	return client, nil
}

// apiToken returns the token for the API. In the Action only its input counts.
func (a *app) apiToken() string {
	names := []string{"COUNTERSIGN_GITHUB_TOKEN", "GITHUB_TOKEN", "GH_TOKEN"}
	if a.variable("github-token") == "INPUT_GITHUB_TOKEN" {
		names = []string{"INPUT_GITHUB_TOKEN"}
	}
	for _, name := range names {
		if token := strings.TrimSpace(a.Getenv(name)); token != "" {
			return token
		}
	}
	return ""
}
