package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign-ci/countersign/internal/oidctest"
)

// ghScript stands for GitHub's program on PATH. It keeps what it was given, a line for
// each call, and answers from files beside it.
const ghScript = `#!/usr/bin/env bash
set -eu
folder=$(dirname "$0")
[ "$GH_REPO" = "$GITHUB_REPOSITORY" ] && [ -n "$GH_TOKEN" ]
echo "$*" >>"$folder/calls"
case "$*" in
  "api --paginate "*/rulesets?targets=tag*) jq -r "${!#}" "$folder/rulesets" ;;
  "api repos/"*/rulesets/7) cat "$folder/ruleset" ;;
  "api repos/"*/compare/main...*) cat "$folder/compare" ;;
  "api repos/"*/commits/tags/*) cat "$folder/tag" ;;
  "api --paginate "*/releases*) cat "$folder/releases" ;;
  "api --method PATCH "*) [ -e "$folder/major" ] ;;
  "release create "*)
    while [ "$1" != --notes-file ]; do shift; done
    cp "$2" "$folder/notes"
    shift 2
    mkdir "$folder/released"
    cp "$@" "$folder/released"
    ;;
esac
`

// A releaseRun runs release.yml in a repository of its own, whose scripts make what is
// told in place of six binaries and all tests.
type releaseRun struct {
	runnerHost
	repository, sha string
	tools, attested string
	args            []string
	version         string
	jwks            []byte // of the provider of the last run
}

// releaseParts returns what all releases of a test need: a host, and the program.
func releaseParts(t *testing.T) (host runnerHost, program string) {
	t.Helper()
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		t.Skip("the job that publishes runs the binary for linux/amd64")
	}
	if _, err := exec.LookPath("jq"); err != nil {
		t.Skip("jq is not on PATH; GitHub's machines have it")
	}
	return newRunnerHost(t), buildProgram(t)
}

// newRelease makes the repository. Its build uploads the program, another file in place
// of all others, and their sums; spoil is a script that is run on them before.
func newRelease(t *testing.T, host runnerHost, program, spoil string) *releaseRun {
	t.Helper()
	r := &releaseRun{runnerHost: host, tools: t.TempDir(), attested: filepath.Join(t.TempDir(), "attested")}
	r.version = strings.TrimPrefix(strings.TrimSpace(command(t, ".", program, "version")), "countersign ")
	r.repository, _ = repositoryWith(t, ".github/workflows/release.yml")
	asset := "countersign_" + r.version + "_linux_amd64"
	addFile(t, r.repository, "scripts/test", "#!/bin/sh\necho tested\n")
	addFile(t, r.repository, "scripts/release", "#!/usr/bin/env bash\nset -eu\n[ \"$*\" = --check ]\nmkdir dist\ncp scripts/checksums.txt dist\ncp "+program+" dist/"+asset+
		"\necho other >dist/countersign_"+r.version+"_linux_arm64\ncd dist\n"+spoil+"\necho built\n")
	sum := strings.Fields(command(t, ".", "sha256sum", program))[0]
	addFile(t, r.repository, "scripts/checksums.txt", "# What a release has.\n# sources sha256:0\n"+sum+"  "+asset+"\n"+
		"7e4fa2eb8c7ac089739d5defc4489fad68a100d92082ca35c6b40a4524821f87  countersign_"+r.version+"_linux_arm64\n")
	addFile(t, r.repository, "CHANGELOG.md", "# Changelog\n\n## Unreleased\n\n- later\n\n## "+r.version+" (2026-11-22)\n\n- what is new\n\n## 0.0.1\n\n- what was\n")
	for _, script := range []string{"scripts/test", "scripts/release"} {
		if err := os.Chmod(filepath.Join(r.repository, script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	command(t, r.repository, "git", "-c", "user.name=test", "-c", "user.email=test@example.com", "commit", "-q", "-a", "--amend", "-m", "a release", "--allow-empty")
	r.sha = strings.TrimSpace(command(t, r.repository, "git", "rev-parse", "HEAD"))
	r.tool(t, "gh", ghScript)
	r.tool(t, "tag", r.sha+"\n")
	r.tool(t, "releases", "v0.9.0\n")
	r.tool(t, "compare", "identical\n")
	r.restrict(t, "active", "deletion creation non_fast_forward update", `"refs/tags/x", "refs/tags/v*.*.*"`, "")

	attest := t.TempDir()
	action := "name: attest\ndescription: keeps what it was given\ninputs:\n  subject-path: {description: what it is of}\nruns:\n  using: composite\n  steps:\n" +
		"    - shell: bash\n      env:\n        SUBJECT: ${{ inputs.subject-path }}\n      run: 'ls $SUBJECT >\"" + r.attested + "\"; echo attested'\n"
	if err := os.WriteFile(filepath.Join(attest, "action.yml"), []byte(action), 0o600); err != nil {
		t.Fatal(err)
	}
	_, _, transfers := newStore(t)
	r.args = append(transfers, "--local-repository", "actions/attest-build-provenance@a2bbfa25375fe432b6a289bc6b6cd05ecd0c4c32="+attest)
	return r
}

// tool writes a file beside the program that stands for gh.
func (r *releaseRun) tool(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(r.tools, name), []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
}

// restrict has a ruleset in the repository.
func (r *releaseRun) restrict(t *testing.T, enforcement, rules, include, exclude string) {
	t.Helper()
	r.tool(t, "rulesets", `[{"id": 6, "target": "branch", "enforcement": "active"}, {"id": 7, "target": "tag", "enforcement": "`+enforcement+`"}]`)
	var types []string
	for rule := range strings.FieldsSeq(rules) {
		types = append(types, `{"type": "`+rule+`"}`)
	}
	r.tool(t, "ruleset", `{"rules": [`+strings.Join(types, ", ")+`], "conditions": {"ref_name": {"include": [`+include+`], "exclude": [`+exclude+`]}}}`)
}

// push runs the workflow for a tag. The identity of the job that publishes has the
// claims that GitHub would give it, but for what is given.
func (r *releaseRun) push(t *testing.T, tag string, changed map[string]any) (run workflowRun, calls []string) {
	t.Helper()
	provider := oidctest.New(t, oidctest.Options{})
	claims := map[string]any{
		"repository": ownRepository, "repository_owner": "countersign-ci", "ref": "refs/tags/" + tag, "environment": "release",
		"workflow_ref": ownRepository + "/.github/workflows/release.yml@refs/tags/" + tag,
	}
	maps.Copy(claims, changed)
	provider.SetClaims(claims)
	r.jwks = provider.JWKS()
	run = r.runnerHost.run(t, r.repository, "push", append(slices.Clone(r.args),
		"-e", eventFile(t, map[string]any{"ref": "refs/tags/" + tag}), "-s", "GITHUB_TOKEN=job-token",
		"--env", "GITHUB_REPOSITORY="+ownRepository, "--env", "GITHUB_REF_PROTECTED=true",
		"--env", "PATH="+r.tools+string(os.PathListSeparator)+os.Getenv("PATH"),
		"--env", "SSL_CERT_FILE="+provider.WriteCA(), "--env", "COUNTERSIGN_TRUSTED_ISSUER="+provider.Issuer(),
		"--env", "ACTIONS_ID_TOKEN_REQUEST_URL="+provider.RequestURL(), "--env", "ACTIONS_ID_TOKEN_REQUEST_TOKEN="+provider.RequestToken())...)
	text, err := os.ReadFile(filepath.Join(r.tools, "calls"))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return run, strings.FieldsFunc(string(text), func(c rune) bool { return c == '\n' })
}

// TestReleaseWorkflow makes a release.
func TestReleaseWorkflow(t *testing.T) {
	host, program := releaseParts(t)
	for _, test := range []struct {
		name, releases string
		major          bool // the tag is there
		moves          []string
	}{
		{"the first", "", false, []string{"PATCH", "POST"}},
		{"the newest", "v0.9.0\nv%d.0.0-rc.1\n", true, []string{"PATCH"}},
		{"for an older line", "v%d.999.9\nv%d.1000.0\n", true, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRelease(t, host, program, "")
			major := 0
			if _, err := fmt.Sscanf(r.version, "%d.", &major); err != nil {
				t.Fatal(err)
			}
			r.tool(t, "releases", strings.ReplaceAll(test.releases, "%d", fmt.Sprint(major)))
			if test.major {
				r.tool(t, "major", "")
				r.tool(t, "compare", "behind\n")
			}
			tag := "v" + r.version
			run, calls := r.push(t, tag, nil)
			if run.exitCode != 0 {
				t.Fatalf("the workflow ended with %d", run.exitCode)
			}
			files := []string{"checksums.txt", "countersign.1", "countersign_" + r.version + ".manifest", "countersign_" + r.version + "_linux_amd64", "countersign_" + r.version + "_linux_arm64"}
			var created string
			var moved []string
			for _, call := range calls {
				words := strings.Fields(call)
				switch {
				case strings.HasPrefix(call, "release create "):
					created = call
				case strings.HasPrefix(call, "api --method "):
					moved = append(moved, words[2])
					if !strings.Contains(call, "sha="+r.sha) || !strings.Contains(call, fmt.Sprintf("refs/tags/v%d", major)) && !strings.Contains(call, fmt.Sprintf("/tags/v%d ", major)) {
						t.Errorf("the tag of the major version: %s", call)
					}
				}
			}
			head, given, _ := strings.Cut(created, "notes.md ")
			var released []string
			for path := range strings.FieldsSeq(given) {
				released = append(released, filepath.Base(path))
			}
			slices.Sort(released)
			if diff := cmp.Diff(files, released); diff != "" || !strings.HasPrefix(head, "release create "+tag+" --verify-tag ") {
				t.Errorf("%s\n(-want +got):\n%s", created, diff)
			}
			attested, err := os.ReadFile(r.attested)
			if got := strings.Fields(string(attested)); err != nil || len(got) != len(files) {
				t.Errorf("attested are %q %v", got, err)
			}
			r.checkAsUsersDo(t, tag, program)
			notes, err := os.ReadFile(filepath.Join(r.tools, "notes"))
			if err != nil || strings.TrimSpace(string(notes)) != "- what is new" {
				t.Errorf("the notes are %q %v", notes, err)
			}
			if diff := cmp.Diff(test.moves, moved); diff != "" {
				t.Errorf("the tag of the major version (-want +got):\n%s", diff)
			}
		})
	}
}

// checkAsUsersDo verifies what was released as the documents say, with the issuer's keys
// in a file.
func (r *releaseRun) checkAsUsersDo(t *testing.T, tag, program string) {
	t.Helper()
	jwks := filepath.Join(t.TempDir(), "issuer.jwks")
	if err := os.WriteFile(jwks, r.jwks, 0o600); err != nil {
		t.Fatal(err)
	}
	released := filepath.Join(r.tools, "released")
	manifest, err := os.ReadFile(filepath.Join(released, "countersign_"+r.version+".manifest"))
	if err != nil {
		t.Fatal(err)
	}
	_, identity, _ := strings.Cut(string(manifest), "~")
	var claims struct {
		Issuer string `json:"iss"`
	}
	body, err := base64.RawURLEncoding.DecodeString(strings.Split(identity, ".")[1])
	if err != nil || json.Unmarshal(body, &claims) != nil {
		t.Fatalf("the identity in the manifest: %v", err)
	}
	for ref, want := range map[string]int{tag: 0, "v99.0.0": 1} {
		c := exec.Command(program, "verify", "--check", "artifacts", "--keyless", "--root", released,
			"--token-file", filepath.Join(released, "countersign_"+r.version+".manifest"), "--jwks", jwks, "--trusted-issuer", claims.Issuer,
			"--trusted-identity", "repository="+ownRepository,
			"--trusted-identity", "workflow_ref="+ownRepository+"/.github/workflows/release.yml@refs/tags/"+ref,
			"--trusted-identity", "environment=release", "--expect", "repository="+ownRepository+",sha="+r.sha)
		c.Env = ownEnvironment()
		if output, _ := c.CombinedOutput(); c.ProcessState.ExitCode() != want {
			t.Errorf("of %s verify ended with %d, want %d: %s", ref, c.ProcessState.ExitCode(), want, output)
		}
	}
}

// unprotected has another ruleset.
func unprotected(enforcement, rules, include, exclude string) func(*testing.T, *releaseRun, *string) map[string]any {
	return func(t *testing.T, r *releaseRun, _ *string) map[string]any {
		r.restrict(t, enforcement, rules, include, exclude)
		return nil
	}
}

// TestReleaseRefused has what is wrong with a release, which then is not made.
func TestReleaseRefused(t *testing.T) {
	host, program := releaseParts(t)
	for _, test := range []struct {
		name   string
		spoil  string // what becomes of dist before it is uploaded
		change func(t *testing.T, r *releaseRun, tag *string) map[string]any
		step   string // the one that refuses
	}{
		{"an unprotected tag", "", unprotected("active", "", "", ""), "the tag is protected"},
		{"a ruleset that is only evaluated", "", unprotected("evaluate", "creation update deletion", `"~ALL"`, ""), "the tag is protected"},
		{"a ruleset that lets the tag move", "", unprotected("active", "creation deletion non_fast_forward", `"~ALL"`, ""), "the tag is protected"},
		{"a ruleset for other tags", "", unprotected("active", "creation update deletion", `"refs/tags/v1", "v*"`, ""), "the tag is protected"},
		{"a ruleset but for this tag", "", unprotected("active", "creation update deletion", `"~ALL"`, `"refs/tags/v*"`), "the tag is protected"},
		{"a pattern that GitHub reads in another way", "", unprotected("active", "creation update deletion", `"refs/*", "refs/tags/+(v*)"`, ""), "the tag is protected"},
		{"a commit beside main", "", func(t *testing.T, r *releaseRun, _ *string) map[string]any {
			r.tool(t, "compare", "diverged\n")
			return nil
		}, "the commit is on main"},
		{"a commit ahead of main", "", func(t *testing.T, r *releaseRun, _ *string) map[string]any {
			r.tool(t, "compare", "ahead\n")
			return nil
		}, "the commit is on main"},
		{"a byte changed", "printf X >>countersign_*_linux_arm64", nil, "the assets are those of scripts/checksums.txt"},
		{"other sums, of a byte changed", "printf X >>countersign_*_linux_arm64; sha256sum countersign_* >checksums.txt", nil, "the assets are those of scripts/checksums.txt"},
		{"a file too many", "echo x >countersign_9.9.9_linux_amd64", nil, "the assets are those of scripts/checksums.txt"},
		{"a folder", "mkdir extra; echo x >extra/x", nil, "the assets are those of scripts/checksums.txt"},
		{"a file too few", "rm countersign_*_linux_arm64", nil, "the assets are those of scripts/checksums.txt"},
		{"a tag of another version", "", func(_ *testing.T, _ *releaseRun, tag *string) map[string]any {
			*tag = "v99.0.0"
			return nil
		}, "the tag is that of their version"},
		{"no notes", "", func(t *testing.T, r *releaseRun, _ *string) map[string]any {
			addFile(t, r.repository, "CHANGELOG.md", "# Changelog\n\n## "+r.version+"\n\n## 0.0.1\n\n- what was\n")
			return nil
		}, "the notes of the version"},
		{"an identity without the environment", "", func(*testing.T, *releaseRun, *string) map[string]any {
			return map[string]any{"environment": nil}
		}, "sign the manifest, and verify it as users do"},
		{"the identity of another workflow", "", func(*testing.T, *releaseRun, *string) map[string]any {
			return map[string]any{"workflow_ref": ownRepository + "/.github/workflows/ci.yml@refs/heads/main"}
		}, "sign the manifest, and verify it as users do"},
		{"a tag that was moved since", "", func(t *testing.T, r *releaseRun, _ *string) map[string]any {
			r.tool(t, "tag", strings.Repeat("0", 40)+"\n")
			return nil
		}, "make the release"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRelease(t, host, program, test.spoil)
			tag := "v" + r.version
			var claims map[string]any
			if test.change != nil {
				claims = test.change(t, r, &tag)
			}
			run, calls := r.push(t, tag, claims)
			if run.exitCode == 0 || run.result(test.step) != "failure" {
				t.Errorf("the workflow ended with %d and %q with %q", run.exitCode, test.step, run.result(test.step))
			}
			for _, call := range calls {
				if !strings.HasPrefix(call, "api repos/") && !strings.Contains(call, "/rulesets?") {
					t.Errorf("gh was called: %s", call)
				}
			}
		})
	}
}
