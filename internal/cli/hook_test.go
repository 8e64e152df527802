package cli

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/countersign-ci/countersign/internal/jose"
	"github.com/countersign-ci/countersign/internal/worker"
)

// TestHookDecides has a job for each thing that a config can say.
func TestHookDecides(t *testing.T) {
	const rule = "rules:\n- repository: acme/widgets\n  "
	refuse := func(rule string) func(*hookTest) { return func(h *hookTest) { h.refused(rule, "error: "+rule) } }
	warn := func(rule string) func(*hookTest) { return func(h *hookTest) { h.warned(rule) } }
	allow := func(h *hookTest) { h.allowed() }
	signed := func(h *hookTest) { h.signed() }
	unsigned := func(h *hookTest) { h.inputs(nil) }
	bad := func(h *hookTest) { h.key = malloryKey().sign; h.signed() }
	with := func(changes ...func(*hookTest)) func(*hookTest) {
		return func(h *hookTest) {
			for _, change := range changes {
				change(h)
			}
		}
	}
	set := func(name, value string) func(*hookTest) { return func(h *hookTest) { h.env[name] = value } }
	for _, test := range []struct {
		name, config string
		job          func(*hookTest)
		want         func(*hookTest)
	}{
		{"good", "", signed, allow},
		{"no token", "", unsigned, refuse("missing-token")},
		{"white space", "", func(h *hookTest) { h.inputs(map[string]string{"token": " \n"}) }, refuse("missing-token")},
		{"no event", "", func(*hookTest) {}, refuse("missing-token")},
		{"another key", "", bad, refuse("unknown-key")},
		{"changed", "", func(h *hookTest) {
			h.inputs(map[string]string{"token": h.token()[:len(h.token())-4] + "AAAA"})
		}, refuse("bad-signature")},
		{"expired", "", with(signed, func(h *hookTest) { h.now = hookStart.Add(11 * time.Minute) }), refuse("expired")},
		{"within the leeway", "", with(signed, func(h *hookTest) { h.now = hookStart.Add(10*time.Minute + 59*time.Second) }), allow},
		{"another commit", "", with(signed, set("GITHUB_SHA", anotherSHA)), refuse("wrong-commit")},
		{"another actor", "", with(signed, set("GITHUB_ACTOR", "mallory")), refuse("wrong-actor")},
		{"another account triggers", "", with(signed, set("GITHUB_TRIGGERING_ACTOR", "mallory")), refuse("wrong-triggering-actor")},
		{"a push with a token nowhere", "", set("GITHUB_EVENT_NAME", "push"), refuse("missing-token")},
		{"no actor signed", "", with(func(h *hookTest) { h.spec.Actor = "" }, signed), refuse("unbound")},
		{"an unsigned input", "", func(h *hookTest) {
			h.inputs(map[string]string{"token": h.token(), "log": "debug"})
		}, refuse("wrong-inputs")},
		{"an input that may be unsigned", rule + "allow-unsigned-inputs: [log]\n", func(h *hookTest) {
			h.inputs(map[string]string{"token": h.token(), "log": "debug"})
		}, allow},
		{"client_payload", "", func(h *hookTest) {
			h.env["GITHUB_EVENT_NAME"] = "repository_dispatch"
			h.payload(asJSON(h.T, map[string]any{"client_payload": map[string]string{"token": h.token()}}))
		}, allow},
		{"inputs of a repository_dispatch", "", with(signed, set("GITHUB_EVENT_NAME", "repository_dispatch")), refuse("missing-token")},
		{"another input carries it", "token-input: pass\n", func(h *hookTest) {
			h.inputs(map[string]string{"pass": h.token()})
		}, allow},
		{"another input does not carry it", "token-input: pass\n", signed, refuse("missing-token")},

		{"warn: no token", rule + "on-missing: warn\n", unsigned, warn("missing-token")},
		{"warn: no token, bad ones only", rule + "on-invalid: warn\n", unsigned, refuse("missing-token")},
		{"warn: bad", rule + "on-invalid: warn\n", bad, warn("unknown-key")},
		{"warn: bad, missing ones only", rule + "on-missing: warn\n", bad, refuse("unknown-key")},
		{"warn: no rule", "rules:\n- {repository: acme/others, on-missing: warn}\n", unsigned, refuse("missing-token")},

		{"default none", "default: none\n", bad, allow},
		{"default refuse", "default: refuse\n", signed, refuse("not-allowed")},
		{"none", rule + "token: none\n", bad, allow},
		{"refuse", rule + "token: refuse\n", signed, refuse("not-allowed")},
		{"optional: none", rule + "token: optional\n", unsigned, allow},
		{"optional: one", rule + "token: optional\n", signed, allow},
		{"optional: a bad one", rule + "token: optional\n", bad, refuse("unknown-key")},
		{"optional: warn", rule + "token: optional\n  on-invalid: warn\n", bad, warn("unknown-key")},
		{"the first rule counts", "rules:\n- {repository: acme/*, token: refuse}\n- {repository: acme/widgets, token: none}\n", signed, refuse("not-allowed")},
		{"the first rule counts, turned round", "rules:\n- {repository: acme/widgets, token: none}\n- {repository: acme/*, token: refuse}\n", unsigned, allow},
		{"case of a repository", "rules:\n- {repository: Acme/Widgets, token: none}\n", unsigned, allow},

		{"a rule for a workflow", rule + "workflow: .github/workflows/dep*.yml\n  token: none\n", unsigned, allow},
		{"a rule for another workflow", rule + "workflow: .github/workflows/ci.yml\n  token: none\n", unsigned, refuse("missing-token")},
		{"the workflow is not known", rule + "workflow: .github/workflows/deploy.yml\n  token: none\n", with(unsigned, set("GITHUB_WORKFLOW_REF", "")),
			func(h *hookTest) { h.refused("", "rule 1 is about the job") }},
		{"the repository is not known", "default: none\n", with(unsigned, set("GITHUB_REPOSITORY", "")),
			func(h *hookTest) { h.refused("", "repository is not known") }},
		{"the attempt is no number", "", with(signed, set("GITHUB_RUN_ATTEMPT", "first")),
			func(h *hookTest) { h.refused("", "GITHUB_RUN_ATTEMPT") }},

		{"an issuer", "issuers: [https://github.com/acme/orchestrator]\n", signed, allow},
		{"another issuer", "issuers: [https://github.com/acme/other]\n", signed, refuse("wrong-issuer")},
		{"a dispatcher", rule + "dispatchers: [acme-bot]\n", with(signed, set("GITHUB_ACTOR", "acme-bot"), set("GITHUB_TRIGGERING_ACTOR", "acme-bot")), allow},
		{"no dispatcher", rule + "dispatchers: [acme-bot]\n", with(signed, set("GITHUB_ACTOR", "mallory")), refuse("wrong-actor")},
		{"a second attempt", "", with(signed, set("GITHUB_RUN_ATTEMPT", "2")), refuse("rerun")},
		{"a second attempt that may be", rule + "allow-rerun: true\n", with(signed, set("GITHUB_RUN_ATTEMPT", "2")), allow},
		{"nothing tells the environment", "", with(func(h *hookTest) { h.spec.Environment = "production" }, signed), refuse("wrong-environment")},
		{"the config tells the environment", rule + "expect: [environment=production]\n", with(func(h *hookTest) { h.spec.Environment = "production" }, signed), allow},
		{"the config expects what no token says", rule + "expect: [environment=production]\n", signed, refuse("unbound")},
		{"the config tells otherwise", rule + "expect: [environment=staging]\n", with(func(h *hookTest) { h.spec.Environment = "production" }, signed), refuse("wrong-environment")},
		{"a fact that the job contradicts", rule + "expect: [actor=hubot]\n", signed,
			func(h *hookTest) { h.refused("", "the config's expect") }},
		{"a fact that there is not", rule + "expect: [weather=fine]\n", signed,
			func(h *hookTest) { h.refused("", "the config's expect") }},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := newHookTest(t)
			h.configure(test.config)
			test.job(h)
			test.want(h)
		})
	}
}

// TestHookConfig has configs that say nothing, or that others may have written.
// Each ends the worker, for nothing says that it should not.
func TestHookConfig(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(h *hookTest)
		says   string
	}{
		{"missing", func(h *hookTest) { h.config = h.path("none.yml") }, "does not exist"},
		{"relative", func(h *hookTest) { h.Chdir(h.folder); h.config = "hook.yml" }, "is not an absolute path"},
		{"standard input", func(h *hookTest) { h.config = "-" }, "is not an absolute path"},
		{"not named", func(h *hookTest) { h.config = "" }, "there is no config"},
		{"a folder", func(h *hookTest) { h.config = h.folder }, "is not a regular file"},
		{"empty", func(h *hookTest) { h.write("hook.yml", "") }, "the file is empty"},
		{"a comment", func(h *hookTest) { h.write("hook.yml", "# version: 1\n") }, "the file is empty"},
		{"an unknown key", func(h *hookTest) { h.configure("on-refused: exit\n") }, "on-refused"},
		{"a key twice", func(h *hookTest) { h.configure("on-refusal: exit\non-refusal: exit\n") }, "on-refusal"},
		{"another version", func(h *hookTest) { h.write("hook.yml", "version: 2\nkeys: [owner.jwk]\non-refusal: exit\n") }, "version"},
		{"a value out of range", func(h *hookTest) { h.configure("on-refusal: go-on\n") }, "on-refusal"},
		{"a second document", func(h *hookTest) { h.configure("---\non-refusal: exit\n") }, "document"},
		{"nobody is trusted", func(h *hookTest) { h.write("hook.yml", "version: 1\non-refusal: exit\n") }, "nobody is trusted"},
		{"not YAML", func(h *hookTest) { h.write("hook.yml", "version: 1\n\tkeys: [") }, "hook.yml"},
		{"huge", func(h *hookTest) { h.configure(strings.Repeat("# much to say\n", 1<<17)) }, "is larger than"},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := newHookTest(t)
			h.signed()
			test.change(h)
			h.want(exitRefused, "", "", test.says)
		})
	}
	t.Run("relative paths are from the config's folder", func(t *testing.T) {
		h := newHookTest(t)
		h.Chdir(t.TempDir())
		h.signed()
		h.allowed()
	})
}

// TestHookFiles has configs that name what is not to be trusted.
func TestHookFiles(t *testing.T) {
	config := func(text string) func(*hookTest) {
		return func(h *hookTest) { h.write("hook.yml", "version: 1\naudit-log: audit.jsonl\n"+text) }
	}
	for _, test := range []struct {
		name   string
		change func(h *hookTest)
		says   string
	}{
		{"no key file", func(h *hookTest) { config("keys: [none.jwk]\n")(h) }, "none.jwk"},
		{"no key", func(h *hookTest) { h.write("owner.jwk", "{}") }, "owner.jwk"},
		{"no secret file", config("secret-file: none\n"), "does not exist"},
		{"a short secret", func(h *hookTest) { h.write("secret", "short"); config("secret-file: secret\n")(h) }, "the secret has 5 bytes"},
		{"two keys of one id", func(h *hookTest) {
			h.write("copy.jwk", string(ownerKey().public))
			config("keys: [owner.jwk, copy.jwk]\n")(h)
		}, "copy.jwk"},
		{"no ca-file", config("keys: [owner.jwk]\nca-file: none.pem\n"), "does not exist"},
		{"no certificate", func(h *hookTest) { h.write("ca.pem", "x"); config("keys: [owner.jwk]\nca-file: ca.pem\n")(h) }, "has no certificate"},
		{"no ledger", config("keys: [owner.jwk]\nledger: {dir: none}\nrules: [{repository: acme/*, single-use: true}]\n"), "the ledger: "},
		{"no token-file", config("keys: [owner.jwk]\nledger: {repository: acme/ledger, token-file: none}\nrules: [{repository: acme/*, single-use: true}]\n"), "token-file"},
		{"no token of an API", func(h *hookTest) {
			h.write("api.token", "two words")
			config("keys: [owner.jwk]\nledger: {repository: acme/ledger, token-file: api.token}\nrules: [{repository: acme/*, single-use: true}]\n")(h)
		}, "the ledger: the token has a space"},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := newHookTest(t)
			h.signed()
			test.change(h)
			if log := h.refused("", test.says); strings.Contains(log, "verified: ") {
				t.Errorf("a refused job is called verified: %s", log)
			}
		})
	}
}

// TestHookKeys has what else than one key file can be trusted.
func TestHookKeys(t *testing.T) {
	h := newHookTest(t)
	h.write("mallory.jwk", string(malloryKey().public))
	h.write("hook.yml", "version: 1\naudit-log: audit.jsonl\nkeys: [mallory.jwk, owner.jwk]\n")
	h.signed()
	h.allowed()
	h.key = malloryKey().sign
	h.signed()
	h.allowed()

	secret := strings.Repeat("s", 32)
	h.write("secret", secret+"\n")
	h.write("hook.yml", "version: 1\naudit-log: audit.jsonl\nsecret-file: secret\n")
	h.refused("unsupported-algorithm", "")
	var err error
	if h.key, err = jose.SecretSigningKey([]byte(secret), ""); err != nil {
		t.Fatal(err)
	}
	h.signed()
	h.allowed()
}

// TestHookExit leaves the worker alone, but for a config that does not say so.
func TestHookExit(t *testing.T) {
	h := newHookTest(t)
	h.configure("on-refusal: exit\n")
	for _, test := range []struct {
		name   string
		change func()
		code   int
	}{
		{"refused", func() { h.inputs(nil) }, exitRefused},
		{"undecided", func() { h.env["GITHUB_EVENT_PATH"] = h.path("none") }, exitUndecided},
		{"misused", func() { h.signed(); h.configure("on-refusal: exit\nca-file: none\n") }, exitRefused},
	} {
		test.change()
		if code, stderr := h.run(); code != test.code || h.ended || h.slept {
			t.Errorf("%s: exit code %d, want %d; ended: %t; %s", test.name, code, test.code, h.ended, stderr)
		}
	}
}

// TestHookCommandLine refuses a job whose hook is started wrongly.
func TestHookCommandLine(t *testing.T) {
	h := newHookTest(t)
	h.signed()
	for _, args := range [][]string{
		{"hook"},
		{"hook", "--config", h.config, "--on-invalid", "warn"},
		{"hook", "--config", h.config, "more"},
		{"hook", "--config"},
	} {
		if code, stderr := h.run(args...); code != exitRefused || !h.ended || !strings.Contains(stderr, "hint: ") {
			t.Errorf("%q: exit code %d, ended: %t; %s", args, code, h.ended, stderr)
		}
	}
	// What does not begin with hook is no hook: nothing was cleared.
	code, _, stderr := program{env: h.env}.run("--config", h.config, "hook")
	if code != exitUsage {
		t.Errorf("a flag before hook: exit code %d; %s", code, stderr)
	}
}

// TestHookNoWorker says why a runner's worker could not be ended, and nothing where
// there is no runner.
func TestHookNoWorker(t *testing.T) {
	h := newHookTest(t)
	for _, h.endErr = range []error{worker.ErrNoRunner, &worker.RunnerError{PID: 7, Cause: errors.New("not allowed")}} {
		code, stderr := h.run()
		_, said, _ := strings.Cut(stderr, "error: the runner's worker cannot be ended: "+h.endErr.Error())
		if code != exitRefused || !h.ended || strings.Contains(stderr, "\nended: ") || !strings.HasPrefix(said, "\nhint: ") {
			t.Errorf("%v: exit code %d; %s", h.endErr, code, stderr)
		}
	}
	h.env, h.endErr = nil, worker.ErrNoRunner
	if code, stderr := h.run(); code != exitRefused || !h.ended || strings.Contains(stderr, "ended") {
		t.Errorf("away from a runner: exit code %d; %s", code, stderr)
	}
}

// TestHookPanic refuses the job where the program itself is broken.
func TestHookPanic(t *testing.T) {
	h := newHookTest(t)
	h.signed()
	calls := 0
	var stderr strings.Builder
	var environ []string
	for name, value := range h.env {
		environ = append(environ, name+"="+value)
	}
	code := Main([]string{"hook", "--config", h.config}, Env{
		Stdout: &stderr, Stderr: &stderr, Environ: environ,
		Now:      func() time.Time { panic("a clock without hands") },
		Clearenv: func() {}, Sleep: func(time.Duration) {},
		EndRunner: func(string) (int, error) { calls++; return 1, nil },
	})
	if code != exitRefused || calls != 1 || !strings.Contains(stderr.String(), "a clock without hands") {
		t.Errorf("exit code %d, %d workers ended: %s", code, calls, stderr.String())
	}
}
