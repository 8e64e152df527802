package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// transfers are the actions that carry artifacts between jobs, by what stands for them
// here: they copy a folder to and from a place on this machine. What lies at spoil is
// carried out in the folder on its way.
func transfers(t *testing.T) (args []string, spoil string) {
	store := filepath.Join(t.TempDir(), "store")
	spoil = filepath.Join(t.TempDir(), "spoil.sh")
	for _, action := range []struct{ name, run string }{
		{"actions/upload-artifact@ea165f8d65b6e75b540449e92b4886f43607fa02", `cp -R "$FOLDER" "` + store + `"; echo uploaded`},
		{"actions/download-artifact@d3f86a106a0bac45b974a628896c90dbdf5c8093", `cp -R "` + store + `" "$FOLDER"; cd "$FOLDER"; bash -eu "` + spoil + `"; echo downloaded`},
	} {
		folder := t.TempDir()
		text := "name: transfer\ndescription: copies a folder\ninputs:\n  name: {description: a name}\n  path: {description: the folder}\n" +
			"runs:\n  using: composite\n  steps:\n    - shell: bash\n      env:\n        FOLDER: ${{ inputs.path }}\n      run: '" + action.run + "'\n"
		if err := os.WriteFile(filepath.Join(folder, "action.yml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, "--local-repository", action.name+"="+folder)
	}
	return args, spoil
}

// TestArtifactsAction runs the example: a job builds, signs and uploads,
// another one verifies and deploys.
func TestArtifactsAction(t *testing.T) {
	host := newRunnerHost(t)
	private, public := newKeys(t)
	repository, _ := repositoryWith(t, exampleWorkflow(t, "artifacts"))
	for _, test := range []struct {
		name, spoil string
		failure     string // empty where it is deployed
		moved       []string
	}{
		{"as built", "true", "", nil},
		{"a byte changed", "printf X | dd of=deploy.sh bs=1 seek=5 conv=notrunc status=none", "artifact-changed", []string{"deploy.sh"}},
		{"a file added", "echo extra >extra.sh", "artifact-unlisted", []string{"extra.sh"}},
		{"a file removed", "rm deploy.sh", "artifact-missing", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			args, spoil := transfers(t)
			if err := os.WriteFile(spoil, []byte(test.spoil+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			// What is left of the deploy job's folder is kept for a look.
			quarantine := filepath.Join(t.TempDir(), "kept")
			r := host.runLogged(t, keeping(t, repository, quarantine), "push", append(args,
				"-s", "ARTIFACT_KEY="+private, "--var", "ARTIFACT_PUBLIC_KEY="+public)...)
			if test.failure == "" {
				if r.exitCode != 0 || !strings.Contains(r.log(), "\ndeploying\n") {
					t.Errorf("the workflow ended with %d, want 0 and a deploy", r.exitCode)
				}
				return
			}
			if r.exitCode != 1 || r.result("deploy") != "" {
				t.Errorf("the workflow ended with %d and the deploy with %q", r.exitCode, r.result("deploy"))
			}
			if got, _ := r.output("verify", "failure"); got != test.failure {
				t.Errorf("the failure is %q, want %q", got, test.failure)
			}
			if got := reportedPaths(t, quarantine); strings.Join(got, " ") != strings.Join(test.moved, " ") {
				t.Errorf("in quarantine are %q, want %q", got, test.moved)
			}
		})
	}
}

// keeping returns a copy of a repository whose workflow copies its quarantine, where
// there is one, at the end.
func keeping(t *testing.T, repository, to string) string {
	t.Helper()
	path := filepath.Join(repository, ".github", "workflows", "artifacts.yml")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "artifacts.yml")
	last := "      - if: always()\n        run: 'cp -R quarantine \"" + to + "\" || mkdir \"" + to + "\"; echo kept'\n"
	if err := os.WriteFile(file, append(text, last...), 0o600); err != nil {
		t.Fatal(err)
	}
	copied, _ := repositoryWith(t, file)
	return copied
}

// reportedPaths returns the paths in the reports of a quarantine, and checks that each
// has its file beside it.
func reportedPaths(t *testing.T, folder string) (paths []string) {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	files := 0
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".json") {
			files++
			continue
		}
		text, err := os.ReadFile(filepath.Join(folder, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		var report struct {
			Path, Time, Rule string
			TokenID          string `json:"token_id"`
		}
		if err := json.Unmarshal(text, &report); err != nil || report.Time == "" || report.TokenID == "" {
			t.Errorf("the report is %s %v", text, err)
		}
		if _, err := os.Stat(filepath.Join(folder, strings.TrimSuffix(e.Name(), ".json"))); err != nil {
			t.Error(err)
		}
		paths = append(paths, report.Path)
	}
	if files != len(paths) {
		t.Errorf("%d files and %d reports", files, len(paths))
	}
	return paths
}
