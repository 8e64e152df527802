package digger_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign-ci/countersign/internal/dialect/digger"
	"github.com/countersign-ci/countersign/internal/jose"
	"github.com/countersign-ci/countersign/internal/runspec"
)

func TestParseJob(t *testing.T) {
	t.Parallel()
	const commit = "89abcdef0123456789abcdef0123456789abcdef"
	for spec, want := range map[string]digger.Job{
		"{}": {}, `{"job":{},"vcs":{},"backend":{}}`: {},
		`{"run_name":"","job":{"branch":"","commit":""},"vcs":{"repo_owner":"","repo_name":"","repo_full_name":""},"backend":{"backend_job_token":""}}`: {},
		`{"run_name":"a","vcs":{"repo_full_name":"acme/widgets"}}`:                                                                                      {RunName: "a", Repository: "acme/widgets"},
		`{"vcs":{"repo_owner":"acme","repo_name":"widgets","workflow_file":"w.yml"}}`:                                                                   {Repository: "acme/widgets", WorkflowFile: "w.yml"},
		`{"job":{"branch":"b","commit":"c","backend_job_token":"t"},"backend":{"backend_job_token":"t"}}`:                                               {Branch: "b", Commit: "c", Secrets: []string{"t"}},
		`{"backend":{"backend_job_token":"t"}}`:                                                                                                         {Secrets: []string{"t"}},
		`{"vcs":{"repo_owner":"ACME","repo_name":"widgets","repo_full_name":"acme/Widgets"},"branch":"a","commit":5,"workflow_file":[]}`:                {Repository: "ACME/widgets"},
		`{"n":9007199254740993,"run_name":"a"}`:                                                                                                         {RunName: "a"},
		ownSpec(t): {
			RunName: `[0badcafe] digger apply <größe> & "quotes" By: octocat PR: 12`, WorkflowFile: "digger_workflow.yml", Branch: "feature/ü",
			Repository: "acme/Widgets", Commit: commit, Secrets: []string{"cli:SECRET-ONE", "cli:SECRET-TWO"},
		},
	} {
		got, err := digger.ParseJob(spec)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%.100s: %v (-want +got):\n%s", spec, err, diff)
		}
	}
}

// contents are specs whose JSON is in order and which are refused, for Digger would
// read them otherwise.
func contents() map[string]string {
	all := map[string]string{
		`{"vcs":{"repo_owner":"acme"}}`:                                                          "without the other",
		`{"vcs":{"repo_name":"widgets"}}`:                                                        "without the other",
		`{"vcs":{"repo_owner":"acme","repo_name":"","repo_full_name":"acme/widgets"}}`:           "without the other",
		`{"vcs":{"repo_name":"acme/widgets","repo_full_name":"acme/widgets"}}`:                   "without the other",
		`{"vcs":{"repo_owner":"acme","repo_name":"widgets","repo_full_name":"mallory/widgets"}}`: "is not its repo_owner",
		`{"vcs":{"repo_owner":"acme","repo_name":"widgets","repo_full_name":"acme/widgets/a"}}`:  "is not its repo_owner",
		`{"vcs":{"repo_owner":"acme","repo_name":"widgets","repo_full_name":"widgets"}}`:         "is not its repo_owner",
		// The sign of kelvin is a k in another case, but not of ASCII.
		`{"vcs":{"repo_owner":"k","repo_name":"widgets","repo_full_name":"\u212a/widgets"}}`: "is not its repo_owner",
	}
	for _, name := range []string{
		"job", "backend", "vcs", "run_name", "job.commit", "job.branch", "job.requestedBy", "job.backend_job_token", "backend.backend_job_token",
		"vcs.actor", "vcs.repo_owner", "vcs.repo_name", "vcs.repo_full_name", "vcs.workflow_file",
	} {
		outer, inner, nested := strings.Cut(name, ".")
		in := func(member string) string { return "{" + member + "}" }
		if nested {
			in = func(member string) string { return `{"` + outer + `":{` + member + "}}" }
		} else {
			inner = outer
		}
		value, others := `"mallory"`, []string{"null", "5", "true", "[]", "{}", `["mallory"]`}
		if !nested && name != "run_name" {
			value, others = "{}", []string{"null", "5", "false", "[]", `""`, `"mallory"`, `[{"commit":"mallory"}]`}
		}
		for _, other := range others {
			all[in(`"`+inner+`":`+other)] = "a member " + inner + " that is "
		}
		names := []string{strings.ToUpper(inner), strings.ToUpper(inner[:1]) + inner[1:], inner[:len(inner)-1] + strings.ToUpper(inner[len(inner)-1:])}
		if strings.Contains(inner, "k") {
			names = append(names, strings.ReplaceAll(inner, "k", "\u212a"), strings.ReplaceAll(inner, "k", `\u212a`))
		}
		if strings.Contains(inner, "s") {
			names = append(names, strings.ReplaceAll(inner, "s", "ſ"))
		}
		for _, other := range names {
			want := "differs from " + inner + " in letter case only"
			all[in(`"`+other+`":`+value)] = want
			all[in(`"`+inner+`":`+value+`,"`+other+`":`+value)] = want
			all[in(`"`+other+`":null,"`+inner+`":`+value)] = want
		}
	}
	return all
}

// TestContents has specs be refused that are in order but for what they say, with
// whatever signature.
func TestContents(t *testing.T) {
	t.Parallel()
	p := keys(t, "EdDSA")
	for spec, want := range contents() {
		_, err := digger.ParseJob(spec)
		wantError(t, spec, err, want)
		_, err = digger.Sign(p.private, spec, expires)
		wantError(t, spec, err, want)
		_, err = digger.SignDetached(p.private, spec, claims)
		wantError(t, spec, err, want)
		o, err := digger.Open(p.public, forge(t, p, strings.TrimSuffix(spec, "}")+`,"expiry":1795313400}`))
		wantRefused(t, spec, o, err, jose.ErrMalformed)
		if err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %q, want %q", spec, err, want)
		}
		o, err = digger.OpenDetached(p.public, spec, forgeToken(t, p, spec))
		wantRefused(t, spec, o, err, jose.ErrMalformed)
	}
}

// TestOtherPlaces has names that are read be anything where they are not read.
func TestOtherPlaces(t *testing.T) {
	t.Parallel()
	p := keys(t, "EdDSA")
	const spec = `{"ACTOR":1,"Commit":[],"REPO_owner":null,"a":{"VCS":{"Actor":5}},"job":{"VCS":1,"Actor":2,"expiry":"x","runEnvVars":{"COMMIT":"","commit":""}},"vcs":{"Commit":1,"Job":2,"EXPIRY":3,"repository":4}}`
	o := open(t, p, sign(t, p, spec))
	if diff := cmp.Diff(&runspec.Spec{Version: 1}, o.Spec); diff != "" || o.RequestedBy != "" || o.Secrets != nil {
		t.Errorf("opened %+v (-want +got):\n%s", o, diff)
	}
}

// TestOpened checks what is read of a spec.
func TestOpened(t *testing.T) {
	t.Parallel()
	p := keys(t, "EdDSA")
	want := &digger.Opened{
		Spec:        &runspec.Spec{Version: 1, Repository: "acme/Widgets", Actor: "octocat", SHA: "89abcdef0123456789abcdef0123456789abcdef"},
		RequestedBy: "hubot",
		Secrets:     []string{"cli:SECRET-ONE", "cli:SECRET-TWO"},
	}
	spec := strings.Replace(ownSpec(t), `"requestedBy": "octocat"`, `"requestedBy": "hubot"`, 1)
	for _, got := range []*digger.Opened{open(t, p, sign(t, p, spec)), openDetached(t, p, spec, signDetached(t, p, spec))} {
		want.Token, want.Text = got.Token, got.Text
		if got != nil && got.Token != nil {
			got.Token, want.Token = nil, nil
		} else {
			t.Error("there is no token")
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
	o := open(t, p, sign(t, p, "{}"))
	if diff := cmp.Diff(&runspec.Spec{Version: 1}, o.Spec); diff != "" || o.RequestedBy != "" || o.Secrets != nil {
		t.Errorf("of an empty spec: %+v (-want +got):\n%s", o, diff)
	}
}

func TestIsSigned(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"{}": false, ` {"job":{}} `: false, `{"spec":{}}`: false, `{"job":{"signature":1}}`: false, `{"signatures":1}`: false, ownSpec(t): false, `{"a":9007199254740993}`: false,
		`{"signature":null}`: true, `{"SIGNATURE":1}`: true, `{"\u0073ignature":1}`: true, `{"\u017fignature":1}`: true,
		"": true, " ": true, "acme": true, "[]": true, "null": true, `"a"`: true, "1": true, "{": true, `{"a":1,"a":2}`: true, "{}{}": true, "{\"a\":\"\xff\"}": true,
		`{"a":"` + strings.Repeat("a", digger.MaxSize) + `"}`: true, sign(t, keys(t, "EdDSA"), "{}"): true,
	} {
		if got := digger.IsSigned(text); got != want {
			t.Errorf("%.100q: %t", text, got)
		}
	}
}
