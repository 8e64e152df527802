package cli

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestDiggerSingleUse lets a signed spec hold once. A detached signature has an id of
// its own, and an envelope stands for what it says: another signature of that is no
// other envelope.
func TestDiggerSingleUse(t *testing.T) {
	d := newDiggerTest(t)
	folder := filepath.Join("..", "..", "testdata", "keys")
	private, public := filepath.Join(folder, "p256.pem"), filepath.Join(folder, "p256.pub.pem")
	envelope := func() []string { return []string{"--spec", d.file("e.json", d.signed(jobSpec, "--key", private))} }
	detached := func() []string {
		return []string{"--spec", d.file("d.json", jobSpec), "--token", d.signed(jobSpec, "--key", private, "--detached")}
	}
	used := func(rules []string, args ...string) jobCheck {
		t.Helper()
		return d.want(rules, slices.Concat([]string{"--key", public, "--single-use", "--ledger", "dir:" + d.dir}, args)...)
	}
	start := d.now

	first := envelope()
	text := d.read(first[1])
	// What is refused uses nothing up.
	actor := d.program.env["GITHUB_ACTOR"]
	d.program.env["GITHUB_ACTOR"] = "mallory"
	used([]string{"wrong-actor"}, first...)
	d.program.env["GITHUB_ACTOR"] = actor
	used(nil, first...)
	used([]string{"replayed"}, first...)
	used([]string{"replayed"}, "--spec", d.file("spaced.json", strings.ReplaceAll(text, "\n", " \n")))
	second := envelope()
	if d.read(second[1]) == text {
		t.Fatal("two signatures by ECDSA are one")
	}
	used([]string{"replayed"}, second...)
	if c := d.verify(append([]string{"--key", public, "--single-use", "--ledger", "dir:" + d.dir, "--on-invalid", "warn"}, first...)...); c.report.Failure != "replayed" {
		t.Errorf("where it is only warned of: %+v", c.report)
	}
	// With a later expiry it is another one.
	d.now = start.Add(time.Second)
	used(nil, envelope()...)

	one, two := detached(), detached()
	used(nil, one...)
	used([]string{"replayed"}, one...)
	used(nil, two...)
	used([]string{"replayed"}, two...)
	if n := len(d.directory()); n != 4 {
		t.Errorf("%d uses are recorded, want 4", n)
	}

	// A ledger that gives no answer decides nothing.
	args := slices.Concat([]string{"verify", "--format", "digger", "--key", public, "--single-use", "--ledger", "dir:" + d.dir + "/none"}, detached())
	if code, _, stderr := d.run(args...); code != exitUndecided || !strings.Contains(stderr, "error: ledger-unavailable: ") || d.outputs()["spec"] != "" {
		t.Errorf("without a ledger it ended with %d and the outputs %q: %s", code, d.outputs(), stderr)
	}
}

// directory returns the entries of the ledger in a folder.
func (d *diggerTest) directory() []string {
	d.t.Helper()
	found, err := filepath.Glob(filepath.Join(d.dir, "*", "*"))
	if err != nil {
		d.t.Fatal(err)
	}
	return found
}

// TestDiggerExecRefuses ends before a command replaces this process. One that did
// would fail: this program knows no such flag.
func TestDiggerExecRefuses(t *testing.T) {
	base := newDiggerTest(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	envelope := base.envelope(jobSpec)
	detached := base.detached(jobSpec)
	command := []string{"--", self, "-test.none"}
	for _, test := range []struct {
		name string
		env  map[string]string
		args []string
		code int
		says string
	}{
		{"another actor", map[string]string{"GITHUB_ACTOR": "mallory"}, slices.Concat(envelope, command), exitRefused, "error: signatureCerificationFailed: wrong-actor\n"},
		{"another actor, detached", map[string]string{"GITHUB_ACTOR": "mallory"}, slices.Concat(detached, command), exitRefused, "error: signatureCerificationFailed: wrong-actor\n"},
		{"not signed", nil, append([]string{"--spec", base.file("spec.json", jobSpec)}, command...), exitRefused, "error: signatureCerificationFailed: missing-token\n"},
		{"a signature alone", nil, append(detached[:2:2], command...), exitUsage, "a signature and no job spec"},
		{"a command of the spec", nil, append(envelope, "--spec-command", "1"), exitRefused, "error: the spec has 0 commands"},
		{"no program", nil, append(envelope, "--single-use", "--", "./none"), exitUsage, "cannot be executed"},
	} {
		d := base.with(test.env)
		code, stdout, stderr := d.run(append([]string{"exec", "--format", "digger", "--key", d.public, "--ledger", "dir:" + d.dir, "--single-use"}, test.args...)...)
		if code != test.code || stdout != "" || !strings.Contains(stderr, test.says) {
			t.Errorf("%s: it ended with %d and printed %q and %q", test.name, code, stdout, stderr)
		}
	}
	if used := base.directory(); len(used) > 0 {
		t.Errorf("it used up %q", used)
	}
}

// TestDiggerEnviron has a command get what was verified, and of what was given
// neither the envelope nor a signature, under whatever name and however it is written.
func TestDiggerEnviron(t *testing.T) {
	d := newDiggerTest(t)
	envelope, token := d.signed(jobSpec), d.signed(jobSpec, "--detached")
	for _, test := range []struct {
		name  string
		flags verifyFlags
		signs string
	}{
		{"an envelope", verifyFlags{spec: envelope}, envelope},
		{"an envelope as a token", verifyFlags{tokenFlags: tokenFlags{token: envelope}}, envelope},
		{"detached", verifyFlags{spec: jobSpec, tokenFlags: tokenFlags{token: token}}, token},
	} {
		a := &app{Env: Env{Environ: []string{
			"PATH=/bin", "COUNTERSIGN_SPEC=" + envelope, "COUNTERSIGN_TOKEN=" + token, "INPUT_SPEC=" + jobSpec,
			"DIGGER=" + test.signs, "DIGGER_SPACED=" + strings.ReplaceAll(test.signs, `"verify"`, "\n \"verify\""), "COUNTERSIGN_VERIFIED_SPEC={}",
		}}}
		if _, err := a.readJob(&test.flags); err != nil {
			t.Fatal(err)
		}
		got := a.childEnviron([]string{"COUNTERSIGN_VERIFIED_SPEC=" + jobSpec})
		if want := []string{"PATH=/bin", "COUNTERSIGN_VERIFIED_SPEC=" + jobSpec}; !slices.Equal(got, want) {
			t.Errorf("%s: a command gets %q", test.name, got)
		}
	}
}
