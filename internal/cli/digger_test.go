package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign-ci/countersign/internal/jose"
)

// orchestratorSpec is a spec as Digger's orchestrator sends it.
func orchestratorSpec(t *testing.T) string {
	t.Helper()
	path := filepath.Join("..", "..", "..", "shared", "vectors", "digger", "spec.json")
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		t.Skipf("the test vectors are absent: there is no %s", path)
	}
	if err != nil || len(text) == 0 {
		t.Fatalf("%s: %v", path, err)
	}
	return string(text)
}

// TestDiggerAlgorithms signs what an orchestrator sends in both forms with each
// algorithm. The output is what Digger gets: the same bytes.
func TestDiggerAlgorithms(t *testing.T) {
	spec := orchestratorSpec(t)
	keyFiles := map[string]string{
		"EdDSA": "ed25519", "ES256": "p256", "ES384": "p384", "ES512": "p521",
		"RS256": "rsa2048", "RS384": "rsa2048", "RS512": "rsa2048", "PS256": "rsa2048", "PS384": "rsa2048", "PS512": "rsa2048",
		"HS256": "", "HS384": "", "HS512": "",
	}
	for algorithm, file := range keyFiles {
		t.Run(algorithm, func(t *testing.T) {
			d := newDiggerTest(t)
			sign, verify := []string{"--alg", algorithm}, []string{"--alg", algorithm}
			if file == "" {
				d = d.with(map[string]string{"COUNTERSIGN_SECRET": strings.Repeat("0123456789abcdef", 4)})
			} else {
				folder := filepath.Join("..", "..", "testdata", "keys")
				sign = append(sign, "--key", filepath.Join(folder, file+".pem"))
				verify = append(verify, "--key", filepath.Join(folder, file+".pub.pem"))
			}
			envelope := d.signed(spec, sign...)
			token := d.signed(spec, append(sign, "--detached")...)
			for name, form := range map[string]struct {
				args []string
				want string
			}{
				"envelope": {[]string{"--spec", d.file("a.json", envelope)}, strings.TrimSpace(spec)},
				"detached": {[]string{"--spec", d.file("b.json", spec), "--token", token}, spec},
			} {
				c := d.want(nil, append(form.args, verify...)...)
				if c.outputs["spec"] != form.want {
					t.Errorf("%s: the spec that comes out (-in +out):\n%s", name, cmp.Diff(form.want, c.outputs["spec"]))
				}
				if o := c.outputs; o["repository"] != "acme/widgets" || o["actor"] != "octocat" || o["sha"] != otherSHA {
					t.Errorf("%s: the outputs %q", name, o)
				}
			}
			d.want([]string{"bad-signature"}, append(verify, "--spec", d.file("c.json", changed(t, envelope, "infra/staging", "infra/prod")))...)
			d.want([]string{"bad-signature"}, append(verify, "--token", token, "--spec", d.file("d.json", changed(t, spec, "infra/staging", "infra/prod")))...)
		})
	}
}

// TestDiggerChanged has a change of each kind. The package's own tests change each
// value and each byte.
func TestDiggerChanged(t *testing.T) {
	d := newDiggerTest(t)
	envelope, token := d.signed(jobSpec), d.signed(jobSpec, "--detached")
	var e struct{ Signature struct{ Signature string } }
	if err := json.Unmarshal([]byte(envelope), &e); err != nil {
		t.Fatal(err)
	}
	signature, expiry := e.Signature.Signature, fmt.Sprintf(`"expiry":%d`, d.now.Add(10*time.Minute).Unix())
	flip := func(s string, at int) string { // with another character there
		c := byte('A')
		if s[at] == c {
			c = 'B'
		}
		return s[:at] + string(c) + s[at+1:]
	}
	both := []string{"envelope", "detached"}
	for _, test := range []struct {
		forms            []string
		old, replacement string
		rule             string // of the envelope; a changed byte is one of a detached spec's signature
	}{
		{both, `"digger plan"]`, `"digger apply"]`, "bad-signature"},
		{both, `"pullRequestNumber": 7.0e0`, `"pullRequestNumber": 8`, "bad-signature"},
		{both, `true]`, `false]`, "bad-signature"},
		{both, `[null, `, `[0, `, "bad-signature"},
		{both, `"job_id": "abc123",`, ``, "bad-signature"},
		{both, `"job_id"`, `"approved": true, "job_id"`, "bad-signature"},
		{both, `"actor": "octocat"`, `"actor": "hubot"`, "bad-signature"},
		{both, `"projectName"`, `"ProjectName"`, "bad-signature"},
		{[]string{"envelope"}, expiry, `"expiry":1995313400`, "bad-signature"},
		{[]string{"envelope"}, expiry, expiry + "0", "bad-signature"},
		{[]string{"envelope"}, expiry, strings.Replace(expiry, ":", `:"`, 1) + `"`, "bad-signature"},
		{[]string{"envelope"}, "," + expiry, "", "bad-signature"},
		{[]string{"envelope"}, signature, flip(signature, len(signature)-10), "bad-signature"},
		{[]string{"envelope"}, signature, signature[:len(signature)-2], "bad-signature"},
		{[]string{"envelope"}, signature, "", "malformed-token"},
		{[]string{"envelope"}, `"signature": "` + signature + `"`, `"signature": null`, "malformed-token"},
		{[]string{"envelope"}, `, "signature": {`, `, "Signature": {`, "malformed-token"},
		// What does not change what is said.
		{[]string{"envelope"}, `"verify": true`, `"verify": false`, ""},
		{[]string{"envelope"}, `, "verify": true`, ``, ""},
		{[]string{"envelope"}, `7.0e0`, `7`, ""},
		{[]string{"envelope"}, ` "job_id": "abc123",   `, "\n\t\"job_id\" : \"abc123\" ,", ""},
		{[]string{"detached"}, `7.0e0`, `7`, "bad-signature"},
		{[]string{"detached"}, `"abc123",   `, `"abc123",  `, "bad-signature"},
		{[]string{"detached"}, "true]\n}\n", "true]\n}", "bad-signature"},
		{[]string{"detached"}, "\n}\n", "\n}\n\n", "bad-signature"},
	} {
		for _, form := range test.forms {
			text, args := envelope, []string{}
			if form == "detached" {
				text, args = jobSpec, []string{"--token", token}
			}
			args = append(args, "--spec", d.file("changed.json", changed(t, text, test.old, test.replacement)))
			var rules []string
			if test.rule != "" {
				rules = []string{test.rule}
			}
			d.want(rules, args...)
		}
	}
	spec := d.file("detached.json", jobSpec)
	parts := strings.Split(token, ".")
	for name, test := range map[string]struct{ token, rule string }{
		"header":         {flip(token, 3), "malformed-token"},
		"claims":         {parts[0] + "." + flip(parts[1], 10) + "." + parts[2], "bad-signature"},
		"signature":      {flip(token, len(token)-10), "bad-signature"},
		"shorter":        {token[:len(token)-2], "bad-signature"},
		"twice":          {token + token, "malformed-token"},
		"of an envelope": {signature, "wrong-type"},
		"of another":     {d.signed(`{}`, "--detached"), "bad-signature"},
		"of a run":       {d.sign("--repository", "acme/widgets"), "wrong-type"},
		"hello":          {"hello", "malformed-token"},
	} {
		t.Run(name, func(t *testing.T) { d.want([]string{test.rule}, "--token", test.token, "--spec", spec) })
	}
	// Another key.
	_, public, _, err := jose.Generate("EdDSA")
	if err != nil {
		t.Fatal(err)
	}
	other := d.file("other.jwk", string(public))
	for _, args := range d.forms(jobSpec) {
		d.want([]string{"unknown-key"}, append(args, "--key", other)...)
		d.with(map[string]string{"COUNTERSIGN_SECRET": strings.Repeat("s", 32)}).want([]string{"unsupported-algorithm"}, args...)
	}
}

// TestDiggerExpiry looks at a spec at other times. A minute is for clocks that differ.
func TestDiggerExpiry(t *testing.T) {
	d := newDiggerTest(t)
	start := d.now
	forms := d.forms(jobSpec)
	for form, args := range forms {
		for _, test := range []struct {
			after time.Duration
			rules map[string][]string
		}{
			{0, nil},
			{11*time.Minute - time.Second, nil},
			{11 * time.Minute, map[string][]string{"envelope": {"expired"}, "detached": {"expired"}}},
			{time.Hour, map[string][]string{"envelope": {"expired"}, "detached": {"expired"}}},
			{-time.Minute, nil},
			// An envelope does not tell when it was made.
			{-time.Minute - time.Second, map[string][]string{"detached": {"not-yet-valid"}}},
			{-24 * time.Hour, map[string][]string{"detached": {"not-yet-valid"}, "envelope": {"lifetime-too-long"}}},
		} {
			d.now = start.Add(test.after)
			d.want(test.rules[form], args...)
		}
	}
	// Whatever else fails is said too.
	d.program.env["GITHUB_SHA"] = strings.Repeat("1", 40)
	d.now = start.Add(time.Hour)
	for _, args := range forms {
		d.want([]string{"expired", "wrong-commit"}, args...)
	}
}
