package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/countersign-ci/countersign/internal/jose"
	"github.com/countersign-ci/countersign/internal/oidctest"
)

// TestKeylessOnce uses a token up. Another identity token for the same claims does
// not make it another token.
func TestKeylessOnce(t *testing.T) {
	k := newKeylessTest(t)
	if err := os.Mkdir(k.path("ledger"), 0o700); err != nil {
		t.Fatal(err)
	}
	once := []string{"--single-use", "--ledger", "dir:" + k.path("ledger")}
	token, again := k.forge(forged{}), k.forge(forged{})
	if token == again {
		t.Fatal("the provider gave one identity token twice")
	}
	k.verifyAs(token, "untrusted-identity", append(once, "--trusted-identity", "repository=acme/other")...)
	k.verify(k.forge(forged{claims: func(c *jose.Claims) { c.Issuer = "https://github.com/acme/orchestrator" }}), "wrong-issuer", once...)
	k.verify(token, "", once...)
	k.verify(token, "replayed", once...)
	k.verify(again, "replayed", once...)
	k.verify(k.sign(), "", once...)
	if stderr := k.verify(token, ""); strings.Contains(stderr, "replayed") {
		t.Errorf("it says %s", stderr)
	}
	// What the ledger cannot tell is undecided.
	code, stdout, _ := k.run("verify", "--json", "--keyless", "--trusted-issuer", k.provider.Issuer(), "--trusted-identity", "repository=acme/widgets",
		"--token", k.sign(), "--single-use", "--ledger", "dir:"+k.path("none"), "--on-invalid", "warn")
	if code != exitUndecided || !strings.Contains(stdout, `"failure":"ledger-unavailable"`) {
		t.Errorf("without a ledger: exit code %d, %s", code, stdout)
	}
}

// TestKeylessDispatch starts a run with a token that the identity of the job which
// starts it has signed, and the run accepts it.
func TestKeylessDispatch(t *testing.T) {
	d := newDispatchTest(t)
	provider := oidctest.New(t, oidctest.Options{})
	provider.SetClaims(map[string]any{"repository": "acme/orchestrator", "repository_id": "17", "ref": "refs/heads/trunk"})
	d.program.client = provider.Client()
	key := d.program.env["COUNTERSIGN_KEY"]
	for name, value := range map[string]string{
		"COUNTERSIGN_KEY": "", "COUNTERSIGN_KEYLESS": "true",
		"ACTIONS_ID_TOKEN_REQUEST_URL": provider.RequestURL(), "ACTIONS_ID_TOKEN_REQUEST_TOKEN": provider.RequestToken(),
	} {
		d.program.env[name] = value
	}
	// Without an identity token nothing is started.
	provider.SetFault(oidctest.Request, oidctest.Broken)
	d.sign(exitUndecided, "--ref", "main")
	d.notStarted(0)
	provider.SetFault(oidctest.Request, oidctest.None)
	provider.SetClaims(map[string]any{"aud": "https://github.com/acme"})
	d.sign(exitUndecided, "--ref", "main")
	d.notStarted(0)
	provider.SetClaims(map[string]any{"repository": "acme/orchestrator", "repository_id": "17", "ref": "refs/heads/trunk"})

	stdout, stderr := d.sign(exitOK, "--ref", "main", "--inputs", `{"reason": "weekly"}`)
	run := d.started()
	if run.Inputs["token"] != strings.TrimSuffix(stdout, "\n") || !strings.Contains(run.Inputs["token"], "~") || strings.Contains(stdout+stderr, provider.RequestToken()) {
		t.Errorf("sign printed %q and %q, and started %+v", stdout, stderr, run)
	}
	verify := program{client: provider.Client(), env: map[string]string{
		"GITHUB_REPOSITORY": run.Repository, "GITHUB_REPOSITORY_ID": fmt.Sprint(d.widgets.ID()), "GITHUB_REPOSITORY_OWNER_ID": fmt.Sprint(d.widgets.OwnerID()),
		"GITHUB_REF": run.Ref, "GITHUB_SHA": run.SHA, "GITHUB_WORKFLOW_REF": run.Repository + "/" + run.Workflow + "@" + run.Ref,
		"GITHUB_EVENT_NAME": "workflow_dispatch", "GITHUB_ACTOR": "hubot", "GITHUB_TRIGGERING_ACTOR": "hubot",
		"GITHUB_RUN_ID": fmt.Sprint(run.ID), "GITHUB_RUN_ATTEMPT": "1",
		"COUNTERSIGN_KEYLESS": "true", "COUNTERSIGN_TOKEN": run.Inputs["token"], "COUNTERSIGN_DISPATCHERS": "hubot", "COUNTERSIGN_TRUSTED_ISSUER": provider.Issuer(),
	}}
	event := filepath.Join(t.TempDir(), "event.json")
	if err := os.WriteFile(event, []byte(asJSON(t, map[string]any{"inputs": run.Inputs})), 0o600); err != nil {
		t.Fatal(err)
	}
	for identity, want := range map[string]int{
		"repository=acme/orchestrator": exitOK, "repository=acme/orchestrator\nref=refs/heads/trunk": exitOK,
		"repository=acme/orchestrator\nref=refs/heads/main": exitRefused, "repository=acme/widgets": exitRefused, "ref=refs/heads/trunk": exitUsage,
	} {
		verify.env["GITHUB_EVENT_PATH"], verify.env["COUNTERSIGN_TRUSTED_IDENTITY"] = event, identity
		if code, _, stderr := verify.run("verify"); code != want || strings.Contains(stderr, "eyJ") {
			t.Errorf("the run with %q ended with %d, want %d: %s", identity, code, want, stderr)
		}
	}
	// Both at once are one too many.
	d.program.env["COUNTERSIGN_KEY"] = key
	d.sign(exitUsage, "--ref", "main")
	if n := len(d.server.Dispatches()); n != 1 {
		t.Errorf("%d runs were started", n)
	}
}
