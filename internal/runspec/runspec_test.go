package runspec_test

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign-ci/countersign/internal/runspec"
)

const (
	sha256Hex = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
	commit    = "0123456789abcdef0123456789abcdef01234567"
)

// full returns a spec with every field of version 1.
func full() *runspec.Spec {
	return &runspec.Spec{
		Version:           1,
		Repository:        "acme/widgets",
		RepositoryID:      "456789",
		RepositoryOwnerID: "123456",
		Ref:               "refs/heads/main",
		SHA:               commit,
		Workflow:          ".github/workflows/deploy.yml",
		Event:             "workflow_dispatch",
		Actor:             "octocat",
		ActorID:           "583231",
		Environment:       "production",
		Stack:             "staging-vpc",
		Commands:          []string{"terraform plan", `echo "<a> & b" # ä€😀`},
		Inputs:            map[string]string{"reason": "weekly", "empty": "", "ä": "\u2028\n"},
		Artifacts:         []runspec.Artifact{{Path: "dist/app.tgz", Size: 10240, SHA256: sha256Hex}},
		Signer: &runspec.Signer{
			Repository: "acme/orchestrator", WorkflowRef: "acme/orchestrator/.github/workflows/sign.yml@refs/heads/main",
			RunID: "42", RunAttempt: 1, Actor: "octocat", SHA: commit,
		},
	}
}

// fullCanonical is [full] in the form of RFC 8785, written by hand: names sorted
// by their UTF-16 units, no white space, only what section 3.2.2.2 names escaped.
const fullCanonical = `{"actor":"octocat","actor_id":"583231",` +
	`"artifacts":[{"path":"dist/app.tgz","sha256":"` + sha256Hex + `","size":10240}],` +
	`"commands":["terraform plan","echo \"<a> & b\" # ä€😀"],` +
	`"environment":"production","event":"workflow_dispatch",` +
	`"inputs":{"empty":"","reason":"weekly","ä":"` + "\u2028" + `\n"},` +
	`"ref":"refs/heads/main","repository":"acme/widgets","repository_id":"456789","repository_owner_id":"123456",` +
	`"sha":"` + commit + `",` +
	`"signer":{"actor":"octocat","repository":"acme/orchestrator","run_attempt":1,"run_id":"42",` +
	`"sha":"` + commit + `","workflow_ref":"acme/orchestrator/.github/workflows/sign.yml@refs/heads/main"},` +
	`"stack":"staging-vpc","version":1,"workflow":".github/workflows/deploy.yml"}`

func TestCanonical(t *testing.T) {
	tests := map[string]struct {
		spec   *runspec.Spec
		want   string
		digest string // made with sha256sum
	}{
		"full": {
			full(), fullCanonical,
			"sha256:e416a5840db8acbe834acd52c24b42ba68cf9dd1a4f857ab9e2b91a2bb7f67c8",
		},
		"least": {
			&runspec.Spec{Version: 1}, `{"version":1}`,
			"sha256:2430f1a2ad2982d0067885488a4c89e21ad1d7c83b115ba8f1b20acc88dfaea8",
		},
		// Nothing allowed is another limit than nothing said.
		"empty lists": {
			&runspec.Spec{Version: 1, Commands: []string{}, Inputs: map[string]string{}, Artifacts: []runspec.Artifact{}},
			`{"artifacts":[],"commands":[],"inputs":{},"version":1}`,
			"sha256:bfa6614a9d6436e087c286d5f7136fd4ec00cf354e8813eb578faea30b4c11ca",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := test.spec.MarshalJSON()
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, string(got)); diff != "" {
				t.Errorf("canonical form (-want +got):\n%s", diff)
			}
			if digest := runspec.Digest(got); digest != test.digest {
				t.Errorf("digest = %s, want %s", digest, test.digest)
			}
		})
	}
}

func TestRoundTrip(t *testing.T) {
	largest := full()
	largest.Artifacts[0].Size = 1<<53 - 1
	largest.Signer.RunAttempt = math.MaxInt32
	for name, spec := range map[string]*runspec.Spec{
		"full":        full(),
		"largest":     largest,
		"least":       {Version: 1},
		"empty lists": {Version: 1, Commands: []string{}, Inputs: map[string]string{}, Artifacts: []runspec.Artifact{}, Signer: &runspec.Signer{}},
	} {
		t.Run(name, func(t *testing.T) {
			text, err := spec.MarshalJSON()
			if err != nil {
				t.Fatal(err)
			}
			got, err := runspec.ParseText(string(text))
			if err != nil {
				t.Fatalf("ParseText(%s): %v", text, err)
			}
			if diff := cmp.Diff(spec, got); diff != "" {
				t.Errorf("spec after a round trip (-want +got):\n%s", diff)
			}
		})
	}
}

// full is to have every field, or the tests that start from it pass over new ones.
func TestFullIsFull(t *testing.T) {
	text, err := json.Marshal(full())
	if err != nil {
		t.Fatal(err)
	}
	var members map[string]any
	if err := json.Unmarshal(text, &members); err != nil {
		t.Fatal(err)
	}
	if got, want := len(members), 16; got != want {
		t.Errorf("the full spec has %d members, want %d", got, want)
	}
	for _, f := range runspec.Fields {
		if got, want := *f.Of(full()), members[f.Name]; got != want || got == "" {
			t.Errorf("field %s is %q, and %v as JSON", f.Name, got, want)
		}
	}
}

func TestHas(t *testing.T) {
	for _, name := range []string{
		"repository", "repository_id", "repository_owner_id", "ref", "sha", "workflow", "event",
		"actor", "actor_id", "environment", "stack", "commands", "inputs",
	} {
		if !full().Has(name) {
			t.Errorf("a full spec does not have %s", name)
		}
		if (&runspec.Spec{Version: 1}).Has(name) {
			t.Errorf("an empty spec has %s", name)
		}
	}
	empty := &runspec.Spec{Commands: []string{}, Inputs: map[string]string{}}
	if !empty.Has("commands") || !empty.Has("inputs") {
		t.Error("an empty list counts as absent")
	}
	for _, name := range []string{"", "version", "Actor", "artifacts", "signer", "unknown"} {
		if full().Has(name) {
			t.Errorf("Has(%q) = true, and it is no field that can be required", name)
		}
	}
}

func TestSubject(t *testing.T) {
	for want, spec := range map[string]runspec.Spec{
		"acme/widgets@0123": {Repository: "acme/widgets", SHA: "0123"},
		"@0123":             {SHA: "0123"},
		"acme/widgets@":     {Repository: "acme/widgets"},
		"@":                 {},
	} {
		if got := spec.Subject(); got != want {
			t.Errorf("Subject() = %q, want %q", got, want)
		}
	}
}

func TestValidate(t *testing.T) {
	tests := []struct {
		name   string
		change func(*runspec.Spec)
		want   string // in the error; empty: none
	}{
		{"full", func(*runspec.Spec) {}, ""},
		{"nothing", func(s *runspec.Spec) { *s = runspec.Spec{} }, ""},
		{"every sign of a name", func(s *runspec.Spec) { s.Repository = "A-1_z./.github" }, ""},
		{"repository without owner", func(s *runspec.Spec) { s.Repository = "widgets" }, "repository"},
		{"repository with three parts", func(s *runspec.Spec) { s.Repository = "acme/widgets/x" }, "repository"},
		{"repository with an empty part", func(s *runspec.Spec) { s.Repository = "acme/" }, "repository"},
		{"repository with a line end", func(s *runspec.Spec) { s.Repository = "acme/widgets\n" }, "repository"},
		{"repository as a URL", func(s *runspec.Spec) { s.Repository = "https://github.com/acme/widgets" }, "repository"},
		{"repository in other letters", func(s *runspec.Spec) { s.Repository = "acme/wïdgets" }, "repository"},
		{"SHA-256 commit", func(s *runspec.Spec) { s.SHA = sha256Hex }, ""},
		{"short commit", func(s *runspec.Spec) { s.SHA = commit[:7] }, "sha"},
		{"commit of 41 digits", func(s *runspec.Spec) { s.SHA = commit + "0" }, "sha"},
		{"commit in capitals", func(s *runspec.Spec) { s.SHA = strings.ToUpper(commit) }, "sha"},
		{"commit with a line end", func(s *runspec.Spec) { s.SHA = commit + "\n" }, "sha"},
		{"branch for a commit", func(s *runspec.Spec) { s.SHA = "main" }, "sha"},
		{"repository id", func(s *runspec.Spec) { s.RepositoryID = "R_kgDO" }, "repository_id"},
		{"owner id", func(s *runspec.Spec) { s.RepositoryOwnerID = "-1" }, "repository_owner_id"},
		{"actor id", func(s *runspec.Spec) { s.ActorID = "octocat" }, "actor_id"},
		{"actor id with a space", func(s *runspec.Spec) { s.ActorID = " 1" }, "actor_id"},
		{"branch for a ref", func(s *runspec.Spec) { s.Ref = "main" }, "ref"},
		{"heads for a ref", func(s *runspec.Spec) { s.Ref = "heads/main" }, "ref"},
		{"ref not UTF-8", func(s *runspec.Spec) { s.Ref = "refs/heads/\xff" }, "UTF-8"},
		{"tag", func(s *runspec.Spec) { s.Ref = "refs/tags/v1" }, ""},
		{"workflow not UTF-8", func(s *runspec.Spec) { s.Workflow = "\xff.yml" }, "UTF-8"},
		{"event not UTF-8", func(s *runspec.Spec) { s.Event = "\xff" }, "UTF-8"},
		{"actor not UTF-8", func(s *runspec.Spec) { s.Actor = "octo\xc3" }, "UTF-8"},
		{"actor that is a bot", func(s *runspec.Spec) { s.Actor = "dependabot[bot]" }, ""},
		{"environment not UTF-8", func(s *runspec.Spec) { s.Environment = "\xff" }, "UTF-8"},
		{"stack not UTF-8", func(s *runspec.Spec) { s.Stack = "\xff" }, "UTF-8"},
		{"command not UTF-8", func(s *runspec.Spec) { s.Commands = append(s.Commands, "\xff") }, "UTF-8"},
		{"input name not UTF-8", func(s *runspec.Spec) { s.Inputs["\xff"] = "x" }, "UTF-8"},
		{"input value not UTF-8", func(s *runspec.Spec) { s.Inputs["reason"] = "\xff" }, "UTF-8"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			spec := full()
			test.change(spec)
			err := spec.Validate()
			if test.want == "" {
				if err != nil {
					t.Errorf("Validate() = %v, want no error", err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("Validate() = %v, want an error about %s", err, test.want)
			}
			var hinted interface{ Hint() string }
			if test.want != "UTF-8" && (!errors.As(err, &hinted) || !strings.Contains(hinted.Hint(), hints[test.want])) {
				t.Errorf("Validate() = %v, want one with the hint %q", err, hints[test.want])
			}
		})
	}
}

// hints are parts of what to do about a field.
var hints = map[string]string{
	"repository": "OWNER/NAME", "sha": "`git rev-parse HEAD` prints it", "ref": "refs/heads/NAME",
	"repository_id": "`gh api repos/OWNER/NAME`", "repository_owner_id": "`gh api repos/OWNER/NAME`", "actor_id": "`gh api users/LOGIN`",
}
