package main

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/countersign-ci/countersign/internal/oidctest"
)

// signedBy is the workflow whose jobs the provider knows.
const signedBy = "acme/widgets/.github/workflows/sign.yml@refs/heads/main"

// A keylessRun runs workflows on a host whose jobs get identities.
type keylessRun struct {
	runnerHost
	t          *testing.T
	provider   *oidctest.Provider
	repository string
}

func newKeylessRun(t *testing.T) *keylessRun {
	t.Helper()
	if runtime.GOOS == "darwin" || runtime.GOOS == "windows" {
		t.Skip("no variable names the authorities that are trusted there")
	}
	k := &keylessRun{runnerHost: newRunnerHost(t), t: t, provider: oidctest.New(t, oidctest.Options{})}
	k.claims(nil)
	k.repository, _ = repositoryWith(t, "testdata/workflows/keyless.yml")
	// The example trusts GitHub's own issuer, which is not here.
	text, err := os.ReadFile(exampleWorkflow(t, "keyless"))
	if err != nil {
		t.Fatal(err)
	}
	const trusts = "          trusted-identity: |\n"
	if strings.Count(string(text), trusts) != 1 {
		t.Fatalf("the workflow trusts no identity, or several times:\n%s", text)
	}
	addFile(t, k.repository, ".github/workflows/sign.yml", strings.Replace(string(text), trusts, "          trusted-issuer: ${{ vars.TRUSTED_ISSUER }}\n"+trusts, 1))
	return k
}

// claims has identities be those of the workflow, but for what is given.
func (k *keylessRun) claims(changed map[string]any) {
	claims := map[string]any{"job_workflow_ref": signedBy, "workflow_ref": signedBy, "event_name": "workflow_dispatch"}
	for claim, value := range changed {
		claims[claim] = value
	}
	k.provider.SetClaims(claims)
}

// workflow runs a workflow, and checks what its log shows.
func (k *keylessRun) workflow(name, token string, more ...string) workflowRun {
	k.t.Helper()
	args := append([]string{
		"-W", filepath.Join(".github", "workflows", name), "--actor", "octocat", "--input", "reason=weekly",
		"--env", "SSL_CERT_FILE=" + k.provider.WriteCA(), "--var", "TRUSTED_ISSUER=" + k.provider.Issuer(),
	}, more...)
	if token != "" {
		args = append(args, "--input", "token="+token)
	}
	r := k.runLogged(k.t, k.repository, "workflow_dispatch", args...)
	if made, _ := r.output("sign", "token"); made != "" {
		token = made
	}
	_, identity, _ := strings.Cut(token, "~")
	for _, e := range r.events {
		if strings.Contains(e.Message+e.Content+e.Arg, k.provider.RequestToken()) {
			k.t.Errorf("the log shows what identity tokens are asked for with: %s", e.Message)
		}
		// act shows commands, and the outputs among them, in lines of its own.
		if identity != "" && (e.Command == "" && strings.Contains(e.Message, identity) || strings.Contains(e.Content, identity)) {
			k.t.Errorf("the identity token is in the log: %s %s", e.Message, e.Content)
		}
	}
	return r
}

// sign runs the example, both of whose jobs end well, and returns the
// token.
func (k *keylessRun) sign() string {
	k.t.Helper()
	r := k.workflow("sign.yml", "", k.requests()...)
	token, _ := r.output("sign", "token")
	if verified, _ := r.output("verify", "verified"); r.exitCode != 0 || verified != "true" || !strings.Contains(token, "~") {
		k.t.Fatalf("the workflow ended with %d, verified is %q", r.exitCode, verified)
	}
	for _, want := range []string{"\ndeploying\n", "| `untrusted-identity` | pass |", "### Countersign: signed"} {
		if !strings.Contains(r.log()+r.summary(), want) {
			k.t.Errorf("the run says nothing of %q", want)
		}
	}
	return token
}

// requests has jobs ask the provider for their identity tokens.
func (k *keylessRun) requests() []string {
	return []string{
		"--env", "ACTIONS_ID_TOKEN_REQUEST_URL=" + k.provider.RequestURL(), "--env", "ACTIONS_ID_TOKEN_REQUEST_TOKEN=" + k.provider.RequestToken(),
	}
}

// deploys runs what the token is for. rule is empty where it runs.
func (k *keylessRun) deploys(token, rule string) {
	k.t.Helper()
	r := k.workflow("keyless.yml", token)
	if rule != "" {
		refusedWith1(k.t, r, rule)
		return
	}
	if verified, _ := r.output("verify", "verified"); r.exitCode != 0 || verified != "true" || r.result("deploy") != "success" {
		k.t.Errorf("the run ended with %d, verified is %q", r.exitCode, verified)
	}
}

// TestKeylessAction runs the example that signs without a key, and what
// is to accept its token, while the provider changes its key.
func TestKeylessAction(t *testing.T) {
	k := newKeylessRun(t)
	old := k.sign()
	k.deploys(old, "")
	k.provider.Rotate()
	fresh := k.sign()
	k.deploys(old, "")
	k.provider.Drop()
	k.deploys(old, "unknown-key")
	k.deploys(fresh, "")
}

// TestKeylessActionIdentity has another workflow's identity, and none.
func TestKeylessActionIdentity(t *testing.T) {
	k := newKeylessRun(t)
	k.claims(map[string]any{"job_workflow_ref": "acme/widgets/.github/workflows/other.yml@refs/heads/main"})
	token := k.sign()
	k.deploys(token, "untrusted-identity")
	k.claims(map[string]any{"ref": "refs/heads/other"})
	r := k.workflow("sign.yml", "", k.requests()...)
	if verified, _ := r.output("verify", "verified"); r.exitCode != 1 || verified != "false" || !strings.Contains(r.log(), "untrusted-identity") || strings.Contains(r.log(), "\ndeploying\n") {
		t.Errorf("of another branch the run ended with %d, verified is %q", r.exitCode, verified)
	}
	r = k.workflow("sign.yml", "")
	if r.exitCode != 1 || !strings.Contains(r.log(), "hint: ") || !strings.Contains(r.log(), "id-token: write") {
		t.Errorf("without an identity the run ended with %d", r.exitCode)
	}
}
