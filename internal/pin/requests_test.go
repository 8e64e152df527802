package pin_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/countersign-ci/countersign/internal/pin"
)

// However a question is written, it is one question.
func TestAskedOnce(t *testing.T) {
	w := &world{}
	text := workflow("acme/widgets@v4.2.2\nAcme/widgets@v4.2.2\nacme/WIDGETS/sub@v4.2.2\nacme/widgets@V4.2.2")
	files := find(t, []txtar.File{{Name: workflowName, Data: []byte(text)}, {Name: "action.yml", Data: []byte("runs: {steps: [{uses: acme/Widgets@v4.2.2}]}")}})
	o := checkCase{}.optionsFor(t, nil)
	if _, err := pin.Check(t.Context(), w, files, o); err != nil || w.resolved != 2 {
		t.Errorf("%d questions, want 2; error %v", w.resolved, err)
	}
}

// What is named many times is asked once.
func TestRequests(t *testing.T) {
	for _, c := range []struct {
		name, text string
		write      bool
		update     pin.Update
		requests   int // through GraphQL
		rest       int // through REST, at most
	}{
		{name: "nothing to ask", text: workflow("./a\ndocker://alpine@sha256:" + sha256Digest), requests: 0, rest: 0},
		{name: "exact tags", text: workflow(strings.Repeat("acme/widgets@v1.0.0\nAcme/Widgets/sub@v1.0.0\n", 500)), requests: 1, rest: 2},
		{name: "exact tags that are written", text: workflow(strings.Repeat("acme/widgets@v1.0.0\n", 1000)), write: true, requests: 2, rest: 4},
		{name: "moving tags that are written", text: workflow(strings.Repeat("acme/widgets@v1\n", 1000)), write: true, requests: 2, rest: 5},
		{name: "pins", text: workflow(strings.Repeat("acme/widgets@{v1.0.0} # v1.0.0\n", 1000)), write: true, requests: 1, rest: 4},
		{name: "pins of a tag on another branch", text: workflow(strings.Repeat("acme/widgets@{v5.0.0} # v5.0.0\n", 1000)), requests: 2, rest: 10},
		{name: "an update", text: workflow(strings.Repeat("acme/widgets@{v1.0.0} # v1.0.0\n", 1000)), write: true, update: pin.UpdateMinor, requests: 3, rest: 12},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, m := range standModes {
				s := newStand(t)
				client := s.client(t, m.token)
				files := find(t, []txtar.File{{Name: workflowName, Data: []byte(s.fill(t, c.text))}, {Name: ".github/workflows/b.yml", Data: []byte(s.fill(t, c.text))}})
				s.ResetRequests()
				_, err := pin.Check(t.Context(), client, files, checkCase{options: func(o *pin.Options) {
					o.Write, o.Update = c.write, c.update
				}}.optionsFor(t, s))
				if err != nil {
					t.Fatal(err)
				}
				most := c.requests
				if m.token == "" {
					most = c.rest
				}
				if n := len(s.Requests()); n > most {
					var asked []string
					for _, r := range s.Requests() {
						asked = append(asked, fmt.Sprintf("%s %s %.300s", r.Method, r.Path, r.Body))
					}
					t.Errorf("%s: %d requests, want %d at most:\n%s", m.name, n, most, strings.Join(asked, "\n"))
				}
			}
		})
	}
}
