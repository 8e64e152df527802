package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign-ci/countersign/internal/githubtest"
	"github.com/countersign-ci/countersign/internal/oidctest"
)

// TestSignedDispatchWorkflow runs the example that calls signed-dispatch.yml. What it
// starts runs here as GitHub would run it.
func TestSignedDispatchWorkflow(t *testing.T) {
	host := newRunnerHost(t)
	private, public := newKeys(t)
	server := githubtest.New(t)
	server.SetToken("api-token")
	target, sha, started := dispatchTarget(t, server)
	example := exampleWorkflow(t, "signed-dispatch")

	t.Run("key", func(t *testing.T) {
		orchestrator, _ := repositoryWith(t, example)
		r := host.run(t, orchestrator, "workflow_dispatch", append(against(server), "--actor", "octocat",
			"--env", "GITHUB_REPOSITORY=acme/orchestrator", "--input", "reason=weekly",
			"-s", "COUNTERSIGN_KEY="+private, "-s", "DEPLOY_TOKEN=api-token")...)
		if r.exitCode != 0 || len(started) != 1 {
			t.Fatalf("the workflow ended with %d and started %d runs, want 0 and 1", r.exitCode, len(started))
		}
		run := <-started
		if run.Repository != "acme/widgets" || run.Ref != "refs/heads/main" || run.SHA != sha || run.Inputs["reason"] != "weekly" {
			t.Errorf("what was started is %+v", run)
		}
		url, _ := r.output("sign", "run-url")
		if jti, _ := r.output("sign", "jti"); len(jti) != 22 || !strings.Contains(url, "/acme/widgets/actions/runs/") {
			t.Errorf("the outputs are %q and %q", jti, url)
		}
		for _, e := range r.events {
			if e.Command == "" && strings.Contains(e.Message, run.Inputs["token"]) {
				t.Errorf("the token is in the log: %s", e.Message)
			}
		}
		second := host.runStarted(t, target, server, run, public, "1")
		if verified, _ := second.output("verify", "verified"); second.exitCode != 0 || verified != "true" {
			t.Errorf("the run ended with %d, verified is %q", second.exitCode, verified)
		}
	})
	t.Run("keyless", func(t *testing.T) {
		provider := oidctest.New(t, oidctest.Options{})
		provider.SetClaims(map[string]any{
			"repository":       "acme/orchestrator",
			"job_workflow_ref": ownRepository + "/.github/workflows/signed-dispatch.yml@refs/tags/v1",
		})
		orchestrator, _ := repositoryWith(t, changed(t, example, "      key: ", "", "    with:\n", "    with:\n      keyless: true\n"))
		r := host.run(t, orchestrator, "workflow_dispatch", append(against(server), "--actor", "octocat",
			"--env", "GITHUB_REPOSITORY=acme/orchestrator", "--input", "reason=weekly", "-s", "DEPLOY_TOKEN=api-token",
			"--env", "SSL_CERT_FILE="+provider.WriteCA(),
			"--env", "ACTIONS_ID_TOKEN_REQUEST_URL="+provider.RequestURL(), "--env", "ACTIONS_ID_TOKEN_REQUEST_TOKEN="+provider.RequestToken())...)
		if r.exitCode != 0 || len(started) != 1 {
			t.Fatalf("the workflow ended with %d and started %d runs, want 0 and 1", r.exitCode, len(started))
		}
		if run := <-started; !strings.Contains(run.Inputs["token"], "~") {
			t.Error("the token is not one without a key")
		}
	})
	t.Run("neither", func(t *testing.T) {
		orchestrator, _ := repositoryWith(t, example)
		r := host.run(t, orchestrator, "workflow_dispatch", append(against(server), "--actor", "octocat", "--input", "reason=weekly", "-s", "DEPLOY_TOKEN=api-token")...)
		if r.exitCode == 0 || len(started) != 0 {
			t.Errorf("without a key the workflow ended with %d and started %d runs", r.exitCode, len(started))
		}
	})
}

// changed returns a copy of a workflow file in which the lines that begin with a text
// become another, of pairs. Each has to be there.
func changed(t *testing.T, file string, pairs ...string) string {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	text := string(raw)
	for i := 0; i < len(pairs); i += 2 {
		before, rest, found := strings.Cut(text, pairs[i])
		if !found {
			t.Fatalf("%q is not in %s", pairs[i], file)
		}
		if !strings.HasSuffix(pairs[i], "\n") {
			_, rest, _ = strings.Cut(rest, "\n")
		}
		text = before + pairs[i+1] + rest
	}
	copied := filepath.Join(t.TempDir(), filepath.Base(file))
	if err := os.WriteFile(copied, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return copied
}

// A store keeps the artifacts of a run, in place of GitHub: a folder for each by its
// id, beside a file with its name. Its actions do what those of GitHub do with the
// inputs that the workflows here give them.
type store struct{ folder string }

// newStore returns a store and the arguments by which act uses it. What lies at spoil
// is carried out in an artifact named dist on its way to where it is downloaded.
func newStore(t *testing.T) (s store, spoil string, args []string) {
	t.Helper()
	s = store{t.TempDir()}
	spoil = filepath.Join(t.TempDir(), "spoil.sh")
	if err := os.WriteFile(spoil, []byte("true\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	head := "name: transfer\ndescription: copies a folder\n"
	run := func(inputs, outputs, script string) string {
		var b strings.Builder
		b.WriteString(head + "inputs:\n")
		for name := range strings.FieldsSeq(inputs) {
			b.WriteString("  " + name + ": {description: an input}\n")
		}
		b.WriteString(outputs + "runs:\n  using: composite\n  steps:\n    - id: run\n      shell: bash\n      env:\n        STORE: " + s.folder + "\n        SPOIL: " + spoil + "\n")
		for name := range strings.FieldsSeq(inputs) {
			b.WriteString("        " + strings.ToUpper(strings.ReplaceAll(name, "-", "_")) + ": ${{ inputs." + name + " }}\n")
		}
		b.WriteString("      run: |\n")
		for line := range strings.Lines(script) {
			b.WriteString("        " + line)
		}
		return b.String()
	}
	for name, text := range map[string]string{
		"actions/upload-artifact@ea165f8d65b6e75b540449e92b4886f43607fa02": run("name path include-hidden-files if-no-files-found retention-days",
			"outputs:\n  artifact-id: {description: its id, value: '${{ steps.run.outputs.artifact-id }}'}\n  artifact-digest: {description: its digest, value: '${{ steps.run.outputs.artifact-digest }}'}\n",
			`if [ ! -e "$PATH_" ] && [ "$IF_NO_FILES_FOUND" != error ]; then echo nothing; exit 0; fi
id=$(($(ls "$STORE" | wc -l) / 2 + 1))
! grep -qx "$NAME" "$STORE"/*.name || { echo "conflict: $NAME"; exit 1; }
cp -R "$PATH_" "$STORE/$id"
[ "$INCLUDE_HIDDEN_FILES" = true ] || find "$STORE/$id" -mindepth 1 -name '.*' -exec rm -rf {} +
echo "$NAME" >"$STORE/$id.name"
echo "artifact-id=$id" >>"$GITHUB_OUTPUT"
echo "artifact-digest=digest-of-$id" >>"$GITHUB_OUTPUT"
echo uploaded
`),
		"actions/download-artifact@d3f86a106a0bac45b974a628896c90dbdf5c8093": run("name path artifact-ids merge-multiple",
			"",
			`id=$ARTIFACT_IDS
[ -n "$NAME$id" ]
[ -n "$id" ] || id=$(basename "$(grep -lx "$NAME" "$STORE"/*.name)" .name)
[ -n "$NAME" ] || [ "$MERGE_MULTIPLE" = true ] || PATH_=$PATH_/$(cat "$STORE/$id.name")
mkdir -p "$PATH_"
cp -R "$STORE/$id/." "$PATH_"
if [ "$NAME" = dist ]; then cd "$PATH_"; bash -eu "$SPOIL"; fi
echo downloaded
`),
	} {
		folder := t.TempDir()
		// PATH is a variable that the shell needs.
		text = strings.ReplaceAll(text, "        PATH: ", "        PATH_: ")
		if err := os.WriteFile(filepath.Join(folder, "action.yml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, "--local-repository", name+"="+folder)
	}
	return s, spoil, args
}

// artifacts returns the files of each artifact by their names.
func (s store) artifacts(t *testing.T) map[string][]string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(s.folder, "*.name"))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]string{}
	for _, path := range names {
		name, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		files := []string{}
		entries, err := os.ReadDir(strings.TrimSuffix(path, ".name"))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			files = append(files, e.Name())
		}
		all[strings.TrimSpace(string(name))] = files
	}
	return all
}

// TestArtifactGateWorkflow runs the example that has artifact-gate.yml between build
// and deploy.
func TestArtifactGateWorkflow(t *testing.T) {
	host := newRunnerHost(t)
	private, public := newKeys(t)
	example := exampleWorkflow(t, "artifact-gate")
	built := []string{".settings", "deploy.sh"}
	uploaded := []string{".settings", "deploy.sh", "dist.countersign"}
	for _, test := range []struct {
		name, spoil string
		failure     string // empty where it is deployed
		quarantine  int    // how many files
	}{
		{"as built", "true", "", 0},
		{"a byte changed", "printf X | dd of=deploy.sh bs=1 seek=5 conv=notrunc status=none", "artifact-changed", 1},
		{"a file added", "echo extra >.extra.sh", "artifact-unlisted", 1},
		{"a file removed", "rm deploy.sh", "artifact-missing", 0},
		{"another manifest", "printf x >dist.countersign", "malformed-token", 0},
		{"no manifest", "rm dist.countersign", "", -1},
	} {
		t.Run(test.name, func(t *testing.T) {
			repository, _ := repositoryWith(t, example)
			s, spoil, args := newStore(t)
			if err := os.WriteFile(spoil, []byte(test.spoil+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			r := host.run(t, repository, "push", append(args, "-s", "ARTIFACT_KEY="+private, "--var", "ARTIFACT_PUBLIC_KEY="+public)...)
			verified, _ := r.output("verify", "verified")
			failure, _ := r.output("verify", "failure")
			got := s.artifacts(t)
			deployed := r.result("deploy") != ""
			if test.name == "as built" {
				want := map[string][]string{"dist": uploaded, "dist-verified": built}
				if diff := cmp.Diff(want, got); diff != "" || r.exitCode != 0 || verified != "true" || !deployed {
					t.Errorf("the workflow ended with %d, verified is %q, deployed %v, artifacts (-want +got):\n%s", r.exitCode, verified, deployed, diff)
				}
				return
			}
			quarantine := got["dist-quarantine"]
			delete(got, "dist-quarantine")
			if diff := cmp.Diff(map[string][]string{"dist": uploaded}, got); diff != "" {
				t.Errorf("the artifacts (-want +got):\n%s", diff)
			}
			if r.exitCode != 1 || verified != "false" || failure != test.failure || deployed {
				t.Errorf("the workflow ended with %d, verified is %q for %q, want false for %q; deployed %v", r.exitCode, verified, failure, test.failure, deployed)
			}
			if len(quarantine) != 2*max(test.quarantine, 0) {
				t.Errorf("in quarantine are %q, want %d and their reports", quarantine, test.quarantine)
			}
		})
	}
}
