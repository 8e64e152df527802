package cli

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign-ci/countersign/internal/runspec"
)

// signatureIn returns the signature of an envelope.
func signatureIn(t *testing.T, envelope string) string {
	t.Helper()
	var e struct{ Signature struct{ Signature string } }
	if err := json.Unmarshal([]byte(envelope), &e); err != nil || e.Signature.Signature == "" {
		t.Fatalf("%v: %.300s", err, envelope)
	}
	return e.Signature.Signature
}

// TestDiggerSign looks at what sign prints, writes and says.
func TestDiggerSign(t *testing.T) {
	d := newDiggerTest(t)
	path := d.file("spec.json", jobSpec)
	for _, detached := range []bool{false, true} {
		args := []string{"sign", "--format", "digger", "--key", d.key, "--spec", path}
		if detached {
			args = append(args, "--detached")
		}
		code, stdout, stderr := d.run(append(args, "--ttl", "1h")...)
		if code != exitOK || stderr != "" || !strings.HasSuffix(stdout, "\n") {
			t.Fatalf("it ended with %d and printed %q and %q", code, stdout, stderr)
		}
		outputs, digest := d.outputs(), runspec.Digest([]byte(jobSpec))
		if (outputs["jti"] != "") != detached {
			t.Errorf("the id is %q", outputs["jti"])
		}
		want := map[string]string{
			"token": strings.TrimSuffix(stdout, "\n"), "spec": jobSpec, "spec-digest": digest, "jti": outputs["jti"],
			"expires-at": "2026-11-22T13:00:00Z", "run-url": "",
		}
		if diff := cmp.Diff(want, outputs); diff != "" {
			t.Errorf("the outputs (-want +got):\n%s", diff)
		}
		summary := d.read(d.summary)
		for _, text := range []string{"signed for Digger", "digger plan staging By", "acme/widgets", "| branch | main |", otherSHA, "2026-11-22T13:00:00Z", digest} {
			if !strings.Contains(summary, text) {
				t.Errorf("the summary lacks %q: %s", text, summary)
			}
		}
		if strings.Contains(summary, "| run |") {
			t.Errorf("the summary has a run: %s", summary)
		}

		code, stdout, stderr = d.run(append(args, "--json")...)
		var got map[string]any
		if err := json.Unmarshal([]byte(stdout), &got); err != nil || code != exitOK {
			t.Fatalf("it ended with %d: %v %s", code, err, stderr)
		}
		names := []string{"expires_at", "spec", "spec_digest", "token"}
		if detached {
			names = []string{"expires_at", "jti", "spec", "spec_digest", "token"}
		}
		if diff := cmp.Diff(names, slices.Sorted(maps.Keys(got))); diff != "" {
			t.Errorf("the names (-want +got):\n%s", diff)
		}
		if got["token"] != d.outputs()["token"] || got["expires_at"] != "2026-11-22T12:10:00Z" || got["spec_digest"] != digest {
			t.Errorf("it prints %s", stdout)
		}
		if spec, ok := got["spec"].(map[string]any); !ok || spec["job_id"] != "abc123" {
			t.Errorf("the spec is %v", got["spec"])
		}
	}
	// Each has an id of its own.
	if a, b := d.signed(jobSpec, "--detached"), d.signed(jobSpec, "--detached"); a == b {
		t.Error("two signatures are one")
	}
}

// TestDiggerSignSources gives the spec to sign in each way.
func TestDiggerSignSources(t *testing.T) {
	d := newDiggerTest(t)
	path := d.file("spec.json", jobSpec)
	for _, test := range []struct {
		name  string
		env   map[string]string
		args  []string
		stdin string
	}{
		{name: "a file", args: []string{"--spec", path}},
		{name: "standard input", args: []string{"--spec", "-"}, stdin: jobSpec},
		{name: "a variable", env: map[string]string{"COUNTERSIGN_SPEC": jobSpec}},
		{name: "a variable with a path", env: map[string]string{"COUNTERSIGN_SPEC": path + "\n"}},
		{name: "an input", env: map[string]string{"INPUT_MODE": "sign", "INPUT_FORMAT": "digger", "INPUT_SPEC": jobSpec, "INPUT_DETACHED": "true", "INPUT_KEY": d.read(d.key)}},
		{name: "an input with a path", env: map[string]string{"INPUT_MODE": "sign", "INPUT_FORMAT": "digger", "INPUT_SPEC": path, "INPUT_DETACHED": "true", "INPUT_KEY": d.read(d.key), "COUNTERSIGN_SPEC": "{}"}},
	} {
		o := d.with(test.env)
		o.stdin = test.stdin
		args := append([]string{"sign", "--format", "digger", "--key", d.key, "--detached"}, test.args...)
		if test.env["INPUT_MODE"] != "" {
			args = nil
		}
		code, stdout, stderr := o.run(args...)
		if code != exitOK || o.outputs()["spec"] != jobSpec {
			t.Errorf("%s: it ended with %d and the outputs %q: %s", test.name, code, o.outputs(), stderr)
			continue
		}
		// Every byte is signed.
		if c := d.want(nil, "--spec", path, "--token", strings.TrimSpace(stdout)); c.outputs["spec"] != jobSpec {
			t.Errorf("%s: %q comes out", test.name, c.outputs["spec"])
		}
	}
}

// TestDiggerSignUsage refuses what cannot be signed.
func TestDiggerSignUsage(t *testing.T) {
	base := newDiggerTest(t)
	path := base.file("spec.json", jobSpec)
	for _, test := range []struct {
		says string
		args []string
		env  map[string]string
	}{
		{"give --spec FILE", []string{"--spec", ""}, nil},
		{"cannot be read", []string{"--spec", base.folder + "/leaked"}, nil},
		{"put the spec into COUNTERSIGN_SPEC", []string{"--spec", jobSpec}, nil},
		{"there is no key", nil, map[string]string{"COUNTERSIGN_KEY": ""}},
		{"--ttl takes from 1s to 24h", []string{"--ttl", "0s"}, nil},
		{"--ttl takes from 1s to 24h", []string{"--ttl", "999ms"}, nil},
		{"--ttl takes from 1s to 24h", []string{"--ttl", "24h1s"}, nil},
		{"--ttl takes from 1s to 24h", []string{"--ttl", "-1h"}, nil},
		{"--ttl takes", []string{"--ttl", "hour"}, nil},
		{"add --dispatch", []string{"--ref", "main"}, nil},
		{"--keyless means nothing with --format digger", []string{"--keyless"}, nil},
		{"--identity-command means nothing", []string{"--identity-command", "x"}, nil},
		{"--issuer means nothing", []string{"--issuer", "https://github.com/acme/orchestrator"}, nil},
		{"--audience means nothing", []string{"--audience", "x"}, nil},
		{"--token-input means nothing", []string{"--token-input", "x"}, nil},
		{"--repository means nothing", []string{"--repository", "acme/widgets"}, nil},
		{"--sha means nothing", []string{"--sha", otherSHA}, nil},
		{"--actor means nothing", []string{"--actor", "octocat"}, nil},
		{"--stack means nothing", []string{"--stack", "blue"}, nil},
		{"--command means nothing", []string{"--command", "x"}, nil},
		{"--inputs means nothing", []string{"--inputs", "{}"}, nil},
		{"--pipeline means nothing", []string{"--pipeline", "x"}, nil},
		{"--trigger means nothing", []string{"--trigger"}, nil},
		{"--stacks means nothing", nil, map[string]string{"COUNTERSIGN_STACKS": "x"}},
	} {
		d := base.with(map[string]string{"COUNTERSIGN_KEY": base.key}).with(test.env)
		d.wantUsage(test.says, append([]string{"sign", "--format", "digger", "--spec", path}, test.args...)...)
	}
	for _, ttl := range []string{"1s", "24h"} {
		base.signed(jobSpec, "--ttl", ttl)
		base.signed(jobSpec, "--ttl", ttl, "--detached")
	}
	// It begins now, and parts of a second do not count.
	base.now = base.now.Add(900 * time.Millisecond)
	if envelope := base.signed("{}", "--ttl", "1500ms"); !strings.Contains(envelope, fmt.Sprintf(`"expiry":%d`, base.now.Unix()+1)) {
		t.Errorf("the envelope is %s", envelope)
	}
}

// TestDiggerMasks looks at a runner's log, where what is secret is masked before
// anything else is printed.
func TestDiggerMasks(t *testing.T) {
	d := newDiggerTest(t)
	envelope, token := d.signed(jobSpec), d.signed(jobSpec, "--detached")
	// The backend's part may have another one.
	const second = "cli:99999999-0000-4444-8888-0123456789ab"
	two := changed(t, jobSpec, `"vcs"`, `"backend": {"backend_job_token": "`+second+`"}, "vcs"`)
	short := changed(t, jobSpec, jobToken, "true")
	d.program.env["GITHUB_ACTIONS"] = "true"
	spec := d.file("spec.json", jobSpec)
	sign := []string{"sign", "--format", "digger", "--key", d.key}
	verify := []string{"verify", "--format", "digger", "--key", d.public}
	same := func(string) []string { return []string{jobToken} }
	for _, test := range []struct {
		name string
		args []string
		env  map[string]string
		want func(stdout string) []string // what is masked
	}{
		{"sign", append(sign, "--spec", spec), nil, same},
		{"sign, two tokens", append(sign, "--spec", d.file("two.json", two)), nil, func(string) []string { return []string{jobToken, second} }},
		{"sign, what is no token", append(sign, "--spec", d.file("short.json", short)), nil, func(string) []string { return nil }},
		{"sign and mask", append(sign, "--spec", spec, "--mask"), nil, func(stdout string) []string { return []string{jobToken, signatureIn(t, stdout)} }},
		{"sign detached", append(sign, "--spec", spec, "--detached"), nil, same},
		{"sign detached and mask", append(sign, "--spec", spec, "--detached", "--mask"), nil, func(stdout string) []string { return []string{jobToken, strings.TrimSpace(stdout)} }},
		{"sign for more than a day", append(sign, "--spec", spec, "--ttl", "25h"), nil, func(string) []string { return nil }},
		{"start without a token", append(sign, "--spec", spec, "--dispatch", "digger_workflow.yml"), map[string]string{"COUNTERSIGN_GITHUB_TOKEN": ""}, same},
		{"verify", append(verify, "--spec", d.file("envelope.json", envelope)), nil, func(string) []string { return []string{signatureIn(t, envelope), jobToken} }},
		{"verify detached", append(verify, "--spec", spec, "--token", token), nil, func(string) []string { return []string{token, jobToken} }},
		{"refuse", append(verify, "--spec", spec, "--token", token), map[string]string{"GITHUB_ACTOR": "mallory"}, func(string) []string { return []string{token, jobToken} }},
		{"a bad signature", append(verify, "--spec", d.file("changed.json", changed(t, envelope, "abc123", "abc124"))), nil, func(string) []string { return []string{signatureIn(t, envelope)} }},
		{"an unknown check", append(verify, "--spec", spec, "--token", token, "--check", "token,leak"), nil, func(string) []string { return []string{token} }},
		{"what is no signature", append(verify, "--spec", d.file("lines.json", `{"signature":{"signature":"true\ntrue\ntrue\ntrue\ntrue\n"}}`)), nil, func(string) []string { return nil }},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := d.with(test.env)
			d.t = t
			_, stdout, stderr := d.run(test.args...)
			var masked []string
			for line := range strings.Lines(stderr) {
				mask, found := strings.CutPrefix(strings.TrimSuffix(line, "\n"), addMask)
				if !found {
					break
				}
				masked = append(masked, mask)
			}
			if diff := cmp.Diff(test.want(stdout), masked); diff != "" || strings.Count(stderr, addMask) != len(masked) {
				t.Errorf("masked at first (-want +got):\n%s\nof %s", diff, stderr)
			}
			if strings.Contains(d.read(d.summary), second) {
				t.Errorf("the summary is %s", d.read(d.summary))
			}
		})
	}
}
