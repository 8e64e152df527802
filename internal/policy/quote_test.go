package policy_test

import (
	"strings"
	"testing"

	"github.com/countersign-ci/countersign/internal/report"
	"github.com/countersign-ci/countersign/internal/runspec"
)

// Nothing that a refused token says is in the report, whatever it is refused
// for: who reads a log is not who may read a token.
func TestVerifyQuotesNothing(t *testing.T) {
	const mark = "cafe"
	const commit = mark + "0123456789abcdef0123456789abcdef0123"
	s := good()
	s.claims.Issuer, s.claims.Audience, s.claims.ID = "https://"+mark, "https://"+mark, mark
	s.spec = runspec.Spec{
		Version: runspec.Version, Repository: mark + "/" + mark, RepositoryID: mark, RepositoryOwnerID: mark,
		Ref: "refs/heads/" + mark, SHA: commit, Workflow: mark, Event: mark, Actor: mark, ActorID: mark,
		Environment: mark, Stack: mark, Commands: []string{mark}, Inputs: map[string]string{mark: mark, "reason": mark},
	}
	for name, change := range map[string]func(){
		"nothing fits":    func() {},
		"it is not known": func() { s.run = runspec.Context{RunID: "1"} },
		"times": func() {
			s.claims.IssuedAt, s.claims.NotBefore = start.Add(1000*3600*1e9), start.Add(1000*3600*1e9)
		},
		"sub":          func() { s.claims.Subject = mark },
		"type":         func() { s.form.Type = mark },
		"spec":         func() { s.spec.Signer = &runspec.Signer{Actor: mark}; s.spec.Version = 0xcafe },
		"another form": func() { s.token = func(*testing.T) string { return mark + "." + mark + "." + mark } },
	} {
		t.Run(name, func(t *testing.T) {
			before := *s
			defer func() { *s = before }()
			change()
			r, _ := s.verify(t)
			if r.OK || r.Failure == "" {
				t.Fatal("the token was not refused")
			}
			text, err := report.JSON(r)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(text), mark) {
				t.Errorf("the report quotes the token: %s", text)
			}
		})
	}
}
