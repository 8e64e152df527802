package digger_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign-ci/countersign/internal/dialect/digger"
	"github.com/countersign-ci/countersign/internal/jose"
	"github.com/countersign-ci/countersign/internal/runspec"
)

// A diggerSpec is as much of a spec as the tests read in the way of Digger's CLI.
type diggerSpec struct {
	JobID   string `json:"job_id"`
	RunName string `json:"run_name"`
	Job     struct {
		Commands          []string          `json:"commands"`
		PullRequestNumber *int              `json:"pullRequestNumber"`
		Commit            string            `json:"commit"`
		RequestedBy       string            `json:"requestedBy"`
		RunEnvVars        map[string]string `json:"runEnvVars"`
	} `json:"job"`
	Backend struct {
		Token string `json:"backend_job_token"`
	} `json:"backend"`
	VCS struct {
		Actor     string `json:"actor"`
		RepoOwner string `json:"repo_owner"`
	} `json:"vcs"`
}

// TestSigned signs a spec in both forms with each algorithm, and opens it again.
func TestSigned(t *testing.T) {
	t.Parallel()
	eachSpec(t, func(t *testing.T, spec string) {
		eachAlgorithm(t, func(t *testing.T, p pair) {
			o := open(t, p, sign(t, p, spec))
			if want := strings.TrimSpace(spec); o.Text != want {
				t.Errorf("out of an envelope (-in +out):\n%s", cmp.Diff(want, o.Text))
			}
			detached := openDetached(t, p, spec, signDetached(t, p, spec))
			if detached.Text != spec {
				t.Errorf("detached (-in +out):\n%s", cmp.Diff(spec, detached.Text))
			}
			for _, o := range []*digger.Opened{o, detached} {
				if o.Spec.Actor != "octocat" || !runspec.SameName(o.Spec.Repository, "acme/widgets") || len(o.Spec.SHA) != 40 || o.RequestedBy != "octocat" || len(o.Secrets) == 0 {
					t.Errorf("opened: %+v, %+v", o.Spec, o)
				}
				if o.Token.Expires != expires.Unix() {
					t.Errorf("it expires at %d", o.Token.Expires)
				}
				if errs := o.Token.CheckTimes(issued, runspec.MaxLifetime); len(errs) > 0 {
					t.Error(errs)
				}
				if errs := o.Token.CheckTimes(expires.Add(time.Hour), 0); len(errs) != 1 || !errors.Is(errs[0], jose.ErrExpired) {
					t.Errorf("an hour later: %v", errs)
				}
				var in, out diggerSpec
				if err := errors.Join(json.Unmarshal([]byte(spec), &in), json.Unmarshal([]byte(o.Text), &out)); err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(in, out); diff != "" || out.JobID == "" || out.VCS.RepoOwner != "acme" || out.Job.PullRequestNumber == nil {
					t.Errorf("as Digger reads it (-in +out):\n%s", diff)
				}
			}
		})
	})
}

// TestEnvelope checks the text of an envelope, which others have to read.
func TestEnvelope(t *testing.T) {
	t.Parallel()
	p := keys(t, "EdDSA")
	const spec = `{ "job_id": "abc123", "n": 1.0 }`
	const signed = `{ "job_id": "abc123", "n": 1.0,"expiry":1795313400 }`
	got := sign(t, p, spec)
	_, signature := split(t, got)
	if want := `{"spec": ` + signed + `, "signature": {"signature": "` + signature + `", "verify": true}}`; got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
	header, value, _ := strings.Cut(signature, "..")
	text, err := base64.RawURLEncoding.DecodeString(header)
	if want := `{"alg":"EdDSA","kid":"` + p.private.ID() + `","typ":"digger-spec+jws"}`; err != nil || string(text) != want {
		t.Errorf("the header is %s, want %s; error %v", text, want, err)
	}
	whole := header + "." + encode(`{"expiry":1795313400,"job_id":"abc123","n":1}`) + "." + value
	if _, err := jose.Verify(jose.Form{Type: "digger-spec+jws", MaxSize: 1000}, p.public, whole); err != nil {
		t.Errorf("with its payload: %v", err)
	}
}

// TestToken checks the text of a detached signature.
func TestToken(t *testing.T) {
	t.Parallel()
	p := keys(t, "EdDSA")
	got := signDetached(t, p, "{}\r\n")
	parts, err := jose.Unverified(jose.Form{MaxSize: 1000}, got)
	if err != nil {
		t.Fatal(err)
	}
	if h := parts.Header.Text; h != `{"alg":"EdDSA","kid":"`+p.private.ID()+`","typ":"digger-spec+jwt"}` {
		t.Errorf("the header is %s", h)
	}
	// printf '{}\r\n' | sha256sum
	if c := parts.Claims.Text; c != `{"exp":1795313400,"iat":1795312800,"jti":"m9Bdf0ZyTz6Ck1yQvVYJZw","spec_sha256":"e3566b3a06430868d71e9287dfd6c6c520a3da027aabea01951d407ee131dc2f"}` {
		t.Errorf("the claims are %s", c)
	}
}

// TestBytes has specs come out as they went in.
func TestBytes(t *testing.T) {
	t.Parallel()
	p := keys(t, "EdDSA")
	for _, spec := range []string{
		"{}", "{ }", "{\r\n}", "{\t}", ` {} `, "\n\n{ \n } \r\n", `{"a":1}`, `{"a":1 }`, "{\n\t\"a\" :\r\n 1\r\n}\r\n", "{\"a\":1\n,\n\"b\":2 \t}",
		`{"a":"}"}`, `{"a":",\"expiry\":1795313400}"}`, `{"a":"\\"}`, `{"a":"\\\"","b":[{"x":[1,2]},"]"]}`, `{"ä":"ü\u0000😀","\ud83d\ude00":""}`,
		`{"a":[]}`, `{"a":{}}`, `{"a":{"expiry":1}}`, `{"a":null}`, `{"":""}`, `{"n":[1.0,1e2,-0,0.1E-3]}`, `{"expiry ":1}`,
		`{"spec":{},"signature":{}}`, strings.Repeat(`{"a":`, 63) + "1" + strings.Repeat("}", 63),
	} {
		if got := open(t, p, sign(t, p, spec)).Text; got != strings.Trim(spec, " \t\r\n") {
			t.Errorf("%q comes out as %q", spec, got)
		}
		if got := openDetached(t, p, spec, signDetached(t, p, spec)).Text; got != spec {
			t.Errorf("%q comes out as %q", spec, got)
		}
	}
	for _, spec := range []string{
		`{"n":9007199254740993}`, `{"n":[1e400,1e-400,0.10000000000000000001]}`, `{"expiry":1,"EXPIRY":"x"}`, strings.Repeat(`{"a":`, 64) + "1" + strings.Repeat("}", 64),
	} {
		if got := openDetached(t, p, spec, signDetached(t, p, spec)).Text; got != spec {
			t.Errorf("%q comes out as %q", spec, got)
		}
	}
}

// TestReformatted has an envelope open in whatever way it is written.
func TestReformatted(t *testing.T) {
	t.Parallel()
	p := keys(t, "EdDSA")
	_, s := split(t, sign(t, p, `{"a":"ä/","b":[1,{"c":100}]}`))
	for spec, want := range map[string]string{
		`{"a":"ä/","b":[1,{"c":100}],"expiry":1795313400}`:                     `{"a":"ä/","b":[1,{"c":100}]}`,
		`{"expiry":1795313400,"b":[1,{"c":100}],"a":"ä/"}`:                     `{"b":[1,{"c":100}],"a":"ä/"}`,
		`{"b":[1,{"c":100}],"expiry":1795313400,"a":"ä/"}`:                     `{"b":[1,{"c":100}],"a":"ä/"}`,
		`{"a":"\u00e4\/","b":[1.0,{"c":1e2}],"expiry":1795313400}`:             `{"a":"\u00e4\/","b":[1.0,{"c":1e2}]}`,
		`{"\u0061":"ä/","b":[1,{"c":100}],"\u0065xpiry":1795313400}`:           `{"\u0061":"ä/","b":[1,{"c":100}]}`,
		"{ \"expiry\"\n: 1795313400 , \"a\":\"ä/\", \"b\":[1,{\"c\":100}] }":   "{ \"a\":\"ä/\", \"b\":[1,{\"c\":100}] }",
		"{\n\"a\":\"ä/\"\n,\n\"expiry\":1795313400\n,\n\"b\":[1,{\"c\":100}]}": "{\n\"a\":\"ä/\"\n\n,\n\"b\":[1,{\"c\":100}]}",
	} {
		for _, text := range []string{
			envelope(spec, s),
			"\n{ \"signature\" : { \"verify\" : false , \"signature\" : \"" + s + "\" } ,\r\n \"spec\" : " + spec + " } ",
			`{"\u0073pec":` + spec + `,"signature":{"signature":"\u0065` + s[1:] + `","verify":true}}`,
		} {
			if got := open(t, p, text).Text; got != want {
				t.Errorf("%q comes out of %q", got, text)
			}
		}
	}
	_, s = split(t, sign(t, p, `{}`))
	if got := open(t, p, envelope("{ \"expiry\": 1795313400\n}", s)).Text; got != "{\n}" {
		t.Errorf("an empty spec comes out as %q", got)
	}
}

// TestID checks what a ledger knows a signature by.
func TestID(t *testing.T) {
	t.Parallel()
	p := keys(t, "ES256")
	first, second := sign(t, p, `{"a":1}`), sign(t, p, `{"a":1}`)
	if first == second {
		t.Fatal("ECDSA gave one signature twice")
	}
	id := open(t, p, first).Token.ID
	if id != runspec.Digest([]byte(`{"a":1,"expiry":1795313400}`)) {
		t.Errorf("the id is %q", id)
	}
	if other := open(t, p, second).Token.ID; other != id {
		t.Errorf("another signature has the id %q", other)
	}
	if other := open(t, p, sign(t, p, `{"a":2}`)).Token.ID; other == id {
		t.Error("another spec has the same id")
	}
	later, err := digger.Sign(p.private, `{"a":1}`, expires.Add(time.Second))
	if err != nil {
		t.Fatal(err)
	}
	if other := open(t, p, later).Token.ID; other == id {
		t.Error("another expiry has the same id")
	}
	if id := openDetached(t, p, "{}", signDetached(t, p, "{}")).Token.ID; id != claims.ID {
		t.Errorf("detached the id is %q", id)
	}
}

func TestSignErrors(t *testing.T) {
	t.Parallel()
	p := keys(t, "EdDSA")
	long := func(n int) string { return `{"a":"` + strings.Repeat("a", n-8) + `"}` }
	both := []struct{ spec, want string }{
		{"", "cannot be read"}, {"acme", "cannot be read"}, {"{", "cannot be read"}, {"{}{}", "cannot be read"}, {"\ufeff{}", "cannot be read"}, {"{\"a\":\"\xff\"}", "cannot be read"},
		{"[]", "is an array where an object is expected"}, {`["acme"]`, "is an array where an object is expected"}, {`"acme"`, "is a string"}, {"null", "is null"}, {"1", "is a number"},
		{`{"acme":1,"acme":2}`, "stands twice"}, {`{"a":[{"acme":1,"\u0061cme":2}]}`, "stands twice"}, {`{"a":"\ud800"}`, "surrogate"},
		{long(digger.MaxSize + 1), "more than 524288 bytes"}, {strings.Repeat(`{"a":`, 65) + "1" + strings.Repeat("}", 65), "nested"},
		{`{"VCS":{}}`, "differs from vcs in letter case only"}, {`{"vcs":{"actor":5}}`, "has a member actor that is a number where a string is expected"},
	}
	for _, c := range both {
		text, err := digger.SignDetached(p.private, c.spec, claims)
		wantError(t, c.spec, err, c.want)
		job, joberr := digger.ParseJob(c.spec)
		wantError(t, c.spec, joberr, c.want)
		if text != "" || !cmp.Equal(job, digger.Job{}) {
			t.Errorf("%q and %v beside an error", text, job)
		}
	}
	for _, c := range append(both, []struct{ spec, want string }{
		{`{"expiry":1}`, "has an expiry already"}, {`{"a":1,"Expiry":null}`, "has an expiry already"}, {`{"\u0065XPIRY":"acme"}`, "has an expiry already"}, {`{"expir\u0059":1}`, "has an expiry already"},
		{`{"a":9007199254740992}`, "a number"}, {`{"a":[{"b":-66666666666666666666}]}`, "a number"}, {`{"a":1e400}`, "a number"}, {`{"a":1e-400}`, "a number"}, {`{"a":1e999999999}`, "a number"},
		{long(digger.MaxSize), "more than 524288 bytes"}, {strings.Repeat(`{"a":`, 64) + "1" + strings.Repeat("}", 64), "nested"},
	}...) {
		text, err := digger.Sign(p.private, c.spec, expires)
		wantError(t, c.spec, err, c.want)
		if text != "" {
			t.Errorf("%q beside an error", text)
		}
		if unsafe := c.want == "a number"; errors.Is(err, jose.ErrUnsafeInteger) != unsafe {
			t.Errorf("%.100s: %v", c.spec, err)
		}
	}
	// The largest ones.
	if _, err := digger.SignDetached(p.private, long(digger.MaxSize), claims); err != nil {
		t.Error(err)
	}
	spec := long(digger.MaxSize - len(sign(t, p, long(100))) + 100)
	if text := sign(t, p, spec); len(text) != digger.MaxSize || open(t, p, text).Text != spec {
		t.Errorf("the largest envelope has %d bytes", len(text))
	}
	// One whose canonical form is longer than itself, by far.
	spec = `{"a":[1e15` + strings.Repeat(",1e15", 20000) + "]}"
	if open(t, p, sign(t, p, spec)).Text != spec {
		t.Error("a spec with a long canonical form comes out as another one")
	}
	if _, err := digger.SignDetached(p.private, "{}", digger.Claims{ID: strings.Repeat("a", 9000)}); err == nil {
		t.Error("a token of any length")
	}
}

// TestExpiry signs with any time.
func TestExpiry(t *testing.T) {
	t.Parallel()
	p := keys(t, "EdDSA")
	for _, seconds := range []int64{-1, 0, 1, 1<<53 - 1} {
		text, err := digger.Sign(p.private, "{}", time.Unix(seconds, 999999999))
		if err != nil || !strings.Contains(text, `"expiry":`+strconv.FormatInt(seconds, 10)+"}") {
			t.Errorf("%d: %s, error %v", seconds, text, err)
			continue
		}
		if got := open(t, p, text).Token.Expires; got != seconds {
			t.Errorf("%d is read as %d", seconds, got)
		}
	}
	_, err := digger.Sign(p.private, "{}", time.Unix(1<<53, 0))
	wantError(t, "2^53", err, "a number")
}
