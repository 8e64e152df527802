package pin_test

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/countersign-ci/countersign/internal/config"
	"github.com/countersign-ci/countersign/internal/github"
	"github.com/countersign-ci/countersign/internal/githubtest"
	"github.com/countersign-ci/countersign/internal/pin"
	"github.com/countersign-ci/countersign/internal/report"
)

// A stand is the stand-in server with repositories in it, and names for digests.
type stand struct {
	*githubtest.Server
	digests map[string]string
}

// newStand makes these repositories:
//
//	acme/widgets: v1.0.0, v1.0.1 (moving: v1.0), v1.1.0 (moving: v1), each on main;
//	v2.0.0 with a tag object (its id: object); v2.1.0 with a tag object of a tag
//	object; v3.0.0 that no branch holds; v5.0.0 on a branch of its own; a branch v6;
//	a branch v1.0.0 on another commit (branch); a commit of a fork (fork).
//
//	acme/docker-buildkite-plugin: v1.0.0, v1.1.0, v1.2.0, v2.0.0-rc.1
//
//	acme/secret, which the token may not see
func newStand(t *testing.T) *stand {
	t.Helper()
	s := &stand{githubtest.New(t), map[string]string{}}
	widgets := s.Repo("acme/widgets")
	tag := func(r *githubtest.Repo, name, commit string) string {
		r.Tag(name, commit)
		s.digests[name] = commit
		return commit
	}
	first := tag(widgets, "v1.0.0", widgets.Commit("main", "one"))
	widgets.Tag("v1.0", tag(widgets, "v1.0.1", widgets.Commit("main", "two")))
	widgets.Tag("v1", tag(widgets, "v1.1.0", widgets.Commit("main", "three")))
	s.digests["v2.0.0"] = widgets.Commit("main", "four")
	s.digests["object"] = widgets.AnnotatedTag("v2.0.0", s.digests["v2.0.0"])
	s.digests["v2.1.0"] = widgets.Commit("main", "five")
	s.digests["outer"] = widgets.AnnotatedTag("v2.1.0", widgets.AnnotatedTag("inner", s.digests["v2.1.0"]))
	tag(widgets, "v3.0.0", widgets.CommitOn(first, "detached"))
	tag(widgets, "v5.0.0", widgets.Commit("releases/v5", "six"))
	widgets.Commit("v6", "seven")
	s.digests["branch"] = widgets.Commit("v1.0.0", "a branch with the name of a tag")
	s.digests["fork"] = widgets.ForkCommit(first)

	docker := s.Repo("acme/docker-buildkite-plugin")
	for i, name := range []string{"v1.0.0", "v1.1.0", "v1.2.0", "v2.0.0-rc.1"} {
		docker.Tag(name, docker.Commit("main", name))
		s.digests["docker "+name] = docker.Head("main")
		docker.Release(name, githubtest.Release{Prerelease: strings.Contains(name, "-"), Published: now.AddDate(0, 0, 10*i-40)})
	}
	s.Private("acme/secret")
	return s
}

// standFor is where the digest of a name belongs: {v1.0.0}.
var standFor = regexp.MustCompile(`\{([a-z0-9. -]+)\}`)

// fill puts digests into a text.
func (s *stand) fill(t testing.TB, text string) string {
	return standFor.ReplaceAllStringFunc(text, func(name string) string {
		digest, ok := s.digests[name[1:len(name)-1]]
		if !ok {
			t.Fatalf("no digest has the name %s", name)
		}
		return digest
	})
}

// A standMode is how the client asks.
type standMode struct{ name, token string }

var standModes = []standMode{{"GraphQL", "secret"}, {"REST", ""}}

func (s *stand) client(t *testing.T, token string) *github.Client {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	c, err := github.New(github.Config{
		APIURL: s.URL(), GraphQLURL: s.GraphQLURL(), Token: token,
		HTTP: &http.Client{Transport: transport}, Now: func() time.Time { return now },
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// A checkCase is a file and what a check makes of it. What it is to become and
// the findings are those with Write; check are those without, where they differ.
type checkCase struct {
	name     string
	file     string // .github/workflows/ci.yml where it is empty
	lock     string
	text     string // of a file; {name} is a digest
	steps    string // instead: the refs of a workflow's steps, one a line
	want     string // likewise, empty: nothing is written
	findings []string
	check    []string
	config   string
	options  func(*pin.Options)
	prepare  func(*stand)
}

const workflowName = ".github/workflows/ci.yml"

// workflow returns a workflow with these refs, of which the first stands on line 4.
func workflow(steps string) string {
	var b strings.Builder
	b.WriteString("jobs:\n  test:\n    steps:\n")
	for line := range strings.Lines(steps) {
		b.WriteString("      - uses: " + strings.TrimSpace(line) + "\n")
	}
	return b.String()
}

func (c checkCase) run(t *testing.T) {
	for _, m := range standModes {
		t.Run(m.name, func(t *testing.T) {
			s := newStand(t)
			if c.prepare != nil {
				c.prepare(s)
			}
			text, want, name := c.text, c.want, c.file
			if c.steps != "" {
				text = workflow(c.steps)
				if want != "" {
					want = workflow(want)
				}
			}
			if name == "" {
				name = workflowName
			}
			o := c.optionsFor(t, s)
			o.Write = false
			if c.check == nil {
				c.check = c.findings
			}
			f := txtar.File{Name: name, Data: []byte(s.fill(t, text))}
			_, findings := s.run(t, m, o, f)
			if diff := cmp.Diff(c.check, findings); diff != "" {
				t.Errorf("findings without a rewrite (-want +got)\n%s", diff)
			}
			o.Write = true
			written, findings := s.run(t, m, o, f)
			if diff := cmp.Diff(c.findings, findings); diff != "" {
				t.Errorf("findings (-want +got)\n%s", diff)
			}
			if diff := cmp.Diff(s.fill(t, want), written); diff != "" {
				t.Errorf("rewritten (-want +got)\n%s", diff)
			}
			if written == "" {
				return
			}
			f.Data = []byte(written)
			if again, second := s.run(t, m, o, f); again != "" || !slices.Equal(second, findings) {
				t.Errorf("the second run: findings %q, rewritten\n%s", second, again)
			}
		})
	}
}

func (c checkCase) optionsFor(t *testing.T, s *stand) pin.Options {
	t.Helper()
	o := pin.Options{Host: "github.com", Style: pin.StyleCommit, Update: pin.UpdateNone, Now: now, Config: &config.Config{}}
	var err error
	if c.config != "" {
		if o.Config, err = config.Parse("config", []byte(c.config)); err != nil {
			t.Fatal(err)
		}
	}
	if c.lock != "" {
		lock := s.fill(t, c.lock)
		r := s.Repo("acme/widgets")
		lock = strings.NewReplacer("OWNER", fmt.Sprint(r.OwnerID()), "REPO", fmt.Sprint(r.ID())).Replace(lock)
		if o.Lock, err = pin.ParseLock([]byte(lock)); err != nil {
			t.Fatal(err)
		}
	}
	if c.options != nil {
		c.options(&o)
	}
	return o
}

// run checks a file and returns what it is to become, empty where that is what it
// is, and the findings as status, rule and line.
func (s *stand) run(t *testing.T, m standMode, o pin.Options, f txtar.File) (written string, findings []string) {
	t.Helper()
	result, err := pin.Check(t.Context(), s.client(t, m.token), find(t, []txtar.File{f}), o)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range result.Changes {
		if c.Name != f.Name || string(c.Old) != string(f.Data) {
			t.Errorf("another file changed: %s", c.Name)
		}
		if len(o.Config.Updates) == 0 { // what patterns match is no ref
			holdAgainstOracles(t, c)
		}
		written = string(c.New)
	}
	return written, shortly(result.Findings)
}

// shortly returns the findings that did not pass as status, rule and line.
func shortly(all []report.Finding) (findings []string) {
	for _, f := range report.New(all, nil).Findings {
		switch {
		case f.Status == report.Pass:
		case f.File == pin.LockName:
			findings = append(findings, fmt.Sprintf("%s %s lock:%d", f.Status, f.Rule, f.Line))
		default:
			findings = append(findings, fmt.Sprintf("%s %s %d", f.Status, f.Rule, f.Line))
		}
	}
	return findings
}
