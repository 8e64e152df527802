package keyless_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"

	"github.com/countersign-ci/countersign/internal/keyless"
)

const (
	noOwner = "no repository and no owner is trusted by name"
	noValue = "has no value"
	noClaim = "is no claim of an identity"
	noTrust = "cannot be trusted"
	another = "stands another claim"
)

func TestParseIdentity(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		pairs string // one a space
		want  string // a part of the error; empty: none
	}{
		{"repository=acme/orchestrator", ""},
		{"repository=acme/*", ""},
		{"repository=acme/*-api", ""},
		{"repository=acme/a repository=hubot/b", ""},
		{"repository_id=456789", ""},
		{"repository_owner=acme", ""},
		{"repository_owner_id=123456", ""},
		{"repository_owner_id=123456 repository=*/infra", ""},
		{"repository=acme/* repository_owner=*", ""},
		{"repository=acme/x ref=refs/heads/* environment=* job_workflow_ref=acme/rules/.github/workflows/*.yml@*", ""},
		{"project_path=acme/group/x", ""},
		{"project_path=acme/*/*", ""},
		{"project_id=7", ""},
		{"namespace_path=acme", ""},
		{"namespace_id=7", ""},
		{"organization_slug=acme pipeline_slug=*", ""},
		{"organization_id=0184990a", ""},
		{"pipeline_id=0184990a", ""},
		{"repository=acme/x ref=a=b", ""},

		// No owner, or any.
		{"", noOwner},
		{"repository=*/x", noOwner},
		{"repository=*/*", noOwner},
		{"repository=*", noOwner},
		{"repository=acme*/x", noOwner},
		{"repository=*acme/x", noOwner},
		{"repository=ac*me/x", noOwner},
		{"repository=acme", noOwner},
		{"repository=acme*", noOwner},
		{"repository=acme/", noOwner},
		{"repository=/x", noOwner},
		{"repository=/", noOwner},
		{"repository_owner=ac*", noOwner},
		{"repository_owner=*", noOwner},
		{"repository_id=*", noOwner},
		{"repository_id=45678*", noOwner},
		{"repository_owner_id=*", noOwner},
		{"project_path=*/x", noOwner},
		{"project_path=acme", noOwner},
		{"project_id=*", noOwner},
		{"namespace_path=acme/*", noOwner},
		{"namespace_id=*", noOwner},
		{"organization_slug=*", noOwner},
		{"organization_id=0*", noOwner},
		{"pipeline_id=*", noOwner},
		{"pipeline_slug=acme", noOwner},
		{"user_login=octocat", noOwner},
		// One alternative lets anybody in.
		{"repository=acme/x repository=*/x", noOwner},
		{"repository=*/x repository=acme/x", noOwner},
		{"repository_owner=acme repository_owner=*", noOwner},
		{"repository_id=1 repository_id=*", noOwner},
		{"repository=*/x repository_owner=*", noOwner},
		{"repository=*/x repository=acme/x repository_owner_id=123456", ""},
		// They are the same for everybody who calls, or copies, a workflow.
		{"job_workflow_ref=acme/rules/.github/workflows/sign.yml@refs/heads/main", noOwner},
		{"workflow_ref=acme/x/.github/workflows/a.yml@refs/heads/main", noOwner},
		{"ref=refs/heads/main", noOwner},
		{"environment=production", noOwner},
		{"ref=refs/heads/main environment=production event_name=push runner_environment=github-hosted", noOwner},
		{"actor=octocat actor_id=583231", noOwner},
		{"enterprise=acme enterprise_id=1", noOwner},

		{"repository=acme/x sub=repo:acme/x:ref:refs/heads/main", noTrust},
		{"sub=repo:acme/x:ref:refs/heads/main", noTrust},
		{"repository=acme/x iss=" + github, noTrust},
		{"repository=acme/x aud=countersign", noTrust},
		{"repository=acme/x iat=1", noTrust},
		{"repository=acme/x nbf=1", noTrust},
		{"repository=acme/x exp=1", noTrust},
		{"repository=acme/x jti=1", noTrust},
		{"repository=acme/x SUB=x", noClaim},

		{"repository=acme/x,ref=refs/heads/main", another},
		{"repository=acme/x,\tref=refs/heads/main", another},
		{"repository=acme/x,repository_id=7", another},
		{"repository=acme/x environment=a,job_workflow_ref=b", another},
		{"project_path=acme/x,project_id=7", another},
		{"repository=acme/x environment=a,b=c", ""},
		{"repository=acme/x environment=a,b", ""},
		{"repository=acme/x environment=ref=a", ""},

		{"repository", "is not of the form claim=value"},
		{"repository=acme/x production", "is not of the form claim=value"},
		{"repository=", noValue},
		{"repository=acme/x repository=", noValue},
		{"repository=acme/x ref=", noValue},
		{"=acme/x", noClaim},
		{"repository=acme/x Ref=x", noClaim},
		{"repository=acme/x 1a=x", noClaim},
		{"repository=acme/x _a=x", noClaim},
		{"repository=acme/x re-f=x", noClaim},
		{"repository=acme/x re.f=x", noClaim},
		{"repository=acme/x ref\n=x", noClaim},
		{"repository=acme/x r\u00e9f=x", noClaim},
		{"repository=acme/x ref*=x", noClaim},
	} {
		var pairs []string
		if test.pairs != "" {
			pairs = strings.Split(test.pairs, " ")
		}
		id, err := keyless.ParseIdentity(pairs)
		var e *keyless.Error
		switch {
		case test.want == "" && err != nil:
			t.Errorf("%q: %v", test.pairs, err)
		case test.want == "":
		case err == nil:
			t.Errorf("%q: accepted", test.pairs)
		case !errors.As(err, &e) || e.Hint() == "" || strings.ContainsAny(e.Error()+e.Hint(), "\r\n"):
			t.Errorf("%q: the error is %#v", test.pairs, err)
		case !strings.Contains(e.Error(), test.want):
			t.Errorf("%q: the error is %q, want one with %q", test.pairs, e, test.want)
		}
		if test.want == noOwner && err != nil && id.Check() == nil {
			t.Errorf("%q: Check has nothing against it", test.pairs)
		}
	}
	for pair, want := range map[string]string{
		"repo=acme/widgets": "repository may be meant and not repo; ", "repositry=acme/widgets": "repository may be meant and not repositry; ",
		"owner=acme": "repository_owner may be meant and not owner; ", "ref=refs/heads/main": "give repository=", "repository=*/x": "give repository=",
		"environment=production": "give repository=", "x=y": "give repository=",
	} {
		_, err := keyless.ParseIdentity([]string{pair})
		var e *keyless.Error
		if !errors.As(err, &e) || !strings.HasPrefix(e.Hint(), want) {
			t.Errorf("%s: %#v, want a hint that begins with %q", pair, err, want)
		}
	}
	if id, err := keyless.ParseIdentity([]string{strings.Repeat("s3cret", 100)}); err == nil || len(err.Error()) > 200 {
		t.Errorf("%v: %v", id, err)
	}
	got, err := keyless.ParseIdentity([]string{"repository=acme/a", "ref=refs/heads/x=y", "repository=acme/b"})
	want := keyless.Identity{"repository": {"acme/a", "acme/b"}, "ref": {"refs/heads/x=y"}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("error %v; (-want +got):\n%s", err, diff)
	}
	// A config makes identities without pairs.
	for _, id := range []keyless.Identity{nil, {}, {"repository": nil}, {"repository": {}}, {"repository": {"acme/x"}, "ref": nil}} {
		if id.Check() == nil {
			t.Errorf("%v is accepted", id)
		}
	}
	// Of several faults the same one is told each time.
	for range 20 {
		id := keyless.Identity{"sub": {"a"}, "repository": {""}, "A": {"b"}}
		if err := id.Check(); err == nil || !strings.Contains(err.Error(), `"A"`) {
			t.Fatalf("the error is %v", err)
		}
	}
}

func TestHolds(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name     string
		identity keyless.Identity
		claims   string
		want     bool
	}{
		{"a claim", keyless.Identity{"repository": {"acme/x"}}, `{"repository":"acme/x","ref":"a"}`, true},
		{"another value", keyless.Identity{"repository": {"acme/x"}}, `{"repository":"acme/y"}`, false},
		{"the first alternative", keyless.Identity{"ref": {"a", "b"}}, `{"ref":"a"}`, true},
		{"the second alternative", keyless.Identity{"ref": {"a", "b"}}, `{"ref":"b"}`, true},
		{"no alternative", keyless.Identity{"ref": {"a", "b"}}, `{"ref":"c"}`, false},
		{"two claims", keyless.Identity{"ref": {"a"}, "sha": {"b"}}, `{"ref":"a","sha":"b"}`, true},
		{"the first of two", keyless.Identity{"ref": {"a"}, "sha": {"b"}}, `{"ref":"a","sha":"c"}`, false},
		{"the second of two", keyless.Identity{"ref": {"a"}, "sha": {"b"}}, `{"ref":"c","sha":"b"}`, false},
		{"one of two is absent", keyless.Identity{"ref": {"a"}, "sha": {"*"}}, `{"ref":"a"}`, false},
		{"nothing", keyless.Identity{}, `{"ref":"a"}`, false},
		{"nil", nil, `{"ref":"a"}`, false},
		{"no alternatives", keyless.Identity{"ref": nil}, `{"ref":"a"}`, false},

		{"absent", keyless.Identity{"ref": {"*"}}, `{}`, false},
		{"in another case", keyless.Identity{"ref": {"*"}}, `{"REF":"a"}`, false},
		{"empty", keyless.Identity{"ref": {"*"}}, `{"ref":""}`, true},
		{"null", keyless.Identity{"ref": {"null", "*"}}, `{"ref":null}`, false},
		{"an array", keyless.Identity{"ref": {`["a"]`, "*", "a"}}, `{"ref":["a"]}`, false},
		{"an empty array", keyless.Identity{"ref": {"[]", "*"}}, `{"ref":[]}`, false},
		{"an object", keyless.Identity{"ref": {`{"a":1}`, "*", "a"}}, `{"ref":{"a":1}}`, false},
		{"a number", keyless.Identity{"repository_id": {"456789"}}, `{"repository_id":456789}`, true},
		{"another number", keyless.Identity{"repository_id": {"456789"}}, `{"repository_id":456788}`, false},
		{"a negative number", keyless.Identity{"repository_id": {"-1"}}, `{"repository_id":-1}`, true},
		{"a number in another form", keyless.Identity{"repository_id": {"1", "1.0", "1e0", "*"}}, `{"repository_id":1.0}`, false},
		{"an exponent", keyless.Identity{"repository_id": {"1", "1e0", "*"}}, `{"repository_id":1e0}`, false},
		{"a number too large", keyless.Identity{"repository_id": {"*"}}, `{"repository_id":9223372036854775808}`, false},
		{"true", keyless.Identity{"ref_protected": {"true"}}, `{"ref_protected":true}`, true},
		{"true as text", keyless.Identity{"ref_protected": {"true"}}, `{"ref_protected":"true"}`, true},
		{"false", keyless.Identity{"ref_protected": {"true"}}, `{"ref_protected":false}`, false},
		{"a name of JSON's", keyless.Identity{"a": {"b"}}, `{"x":{"a":"b"},"a":"c"}`, false},
		{"escaped", keyless.Identity{"ref": {"a"}}, `{"ref":"\u0061"}`, true},
	} {
		if got := test.identity.Holds(value(t, test.claims)); got != test.want {
			t.Errorf("%s: %v holds of %s: %t", test.name, test.identity, test.claims, got)
		}
	}
	if (keyless.Identity{"a": {"*"}}).Holds(value(t, `["a"]`)) {
		t.Error("an array has claims")
	}
}

func TestMatch(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		claim, glob, value string
		want               bool
	}{
		{"ref", "refs/heads/main", "refs/heads/main", true},
		{"ref", "refs/heads/*", "refs/heads/main", true},
		{"ref", "refs/heads/*", "refs/heads/", true},
		{"ref", "refs/heads/*", "refs/heads/a/b", false},
		{"ref", "refs/heads/*/*", "refs/heads/a/b", true},
		{"ref", "refs/*/main", "refs/heads/main", true},
		{"ref", "refs*main", "refs/heads/main", false},
		{"ref", "*", "refs/heads/main", false},
		{"ref", "*", "main", true},
		{"ref", "*", "", true},
		{"ref", "**", "a/b", false},
		{"ref", "refs/heads/main", "refs/heads/main2", false},
		{"ref", "refs/heads/main", "xrefs/heads/main", false},
		{"ref", "refs/heads/main", "refs/heads/main/x", false},
		{"ref", "refs/heads/main", "refs/heads/main\n", false},
		{"ref", "refs/heads", "refs/heads/", false},
		{"ref", "a*a", "a", false},
		{"ref", "a*a", "aa", true},
		{"ref", "a*a", "aba", true},
		{"ref", "ab*ba", "aba", false},
		{"ref", "a*", "ba", false},
		{"ref", "*a", "ab", false},
		{"ref", "*a*", "bab", true},
		{"ref", "*a*", "b", false},
		{"ref", "*ab*ab*", "abab", true},
		{"ref", "*ab*ab*", "ab", false},
		{"ref", "*ab*ba", "aba", false},
		{"ref", "ab*ab*ab", "abab", false},
		{"ref", "a*b*c", "abbcbc", true},
		{"ref", "a*b*c", "acb", false},
		{"ref", "a**b", "axb", true},
		{"ref", "***", "x", true},
		{"ref", "a?c", "abc", false},
		{"ref", "a?c", "a?c", true},
		{"ref", "[ab]", "a", false},
		{"ref", "{a,b}", "a", false},
		{"ref", `\*`, "*", false},
		{"ref", "a.c", "abc", false},
		{"ref", "*", "\n", true},
		{"ref", "*", "\u212a\U0001f431", true},

		// Where case does not count, and where it does.
		{"repository", "acme/widgets", "Acme/WIDGETS", true},
		{"repository", "ACME/*-API", "acme/x-api", true},
		{"repository_owner", "acme", "ACME", true},
		{"actor", "octocat", "OctoCat", true},
		{"environment", "production", "Production", true},
		{"ref", "refs/heads/main", "refs/heads/Main", false},
		{"workflow_ref", "acme/x/.github/workflows/a.yml@refs/heads/main", "Acme/x/.github/workflows/a.yml@refs/heads/main", false},
		{"job_workflow_ref", "acme/x", "acme/X", false},
		{"event_name", "push", "Push", false},
		{"runner_environment", "github-hosted", "GitHub-hosted", false},
		{"project_path", "acme/x", "acme/X", false},
		{"organization_slug", "acme", "Acme", false},
		{"repository", "acme/k", "acme/\u212a", false}, // the Kelvin sign
		{"repository", "acme/s", "acme/\u017f", false}, // the long s
		{"repository", "acme/\u00e9", "acme/\u00c9", false},
		{"repository", "acme/[", "acme/{", false}, // 0x20 apart, as letters are
		{"repository", "acme/@", "acme/`", false},
		{"repository", "acme/\xff", "acme/\ufffd", false},
		{"repository", "acme/\xff", "acme/\xff", true},
	} {
		if got := keyless.Match(test.claim, test.glob, test.value); got != test.want {
			t.Errorf("%s=%s matches %q: %t", test.claim, test.glob, test.value, got)
		}
	}
	// Backtracking would not come to an end with these.
	const n = 1 << 16
	long := strings.Repeat("a", n)
	if keyless.Match("ref", strings.Repeat("a*", n/2)+"b", long) || !keyless.Match("ref", strings.Repeat("a*", n/2)+"a", long) {
		t.Error("long texts match in another way than short ones")
	}
}

// TestOpenTrust takes each claim of an identity away, or for another one.
func TestOpenTrust(t *testing.T) {
	t.Parallel()
	all := identity()
	var pairs []string
	for name, v := range all {
		text, ok := v.(string)
		if ok && text != "" && !slices.Contains([]string{"iss", "sub", "jti"}, name) {
			pairs = append(pairs, name+"="+text)
		}
	}
	if len(pairs) < 22 {
		t.Fatalf("only %d claims", len(pairs))
	}
	fast := provider{github, "kid-1", jwt.SigningMethodEdDSA, edKey()}
	issuers := keyless.Issuers{fast.trust(t, pairs...)}
	f := newForge()
	f.provider = fast
	wantAccepted(t, issuers, run, f.token(t))
	for _, pair := range pairs {
		name, text, _ := strings.Cut(pair, "=")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, other := range []any{
				"x" + text, text + "x", text + " ", text + "\x00", text + "/", text[1:], "*", "", absent{}, nil, 7, 1.5, false,
				[]string{text}, []any{text, nil}, map[string]any{text: text}, []string{},
			} {
				f := newForge()
				f.provider, f.identity[name] = fast, other
				wantRefused(t, issuers, run, f.token(t), keyless.ErrUntrustedIdentity)
			}
		})
	}
	// One of several identities is enough, and none is made of parts of two.
	issuer := githubProvider().trust(t, "repository=acme/gadgets", "ref=refs/heads/main")
	more := githubProvider().trust(t, "repository=acme/orchestrator", "ref=refs/heads/release").Identities[0]
	issuer.Identities = append(issuer.Identities, more)
	wantRefused(t, keyless.Issuers{issuer}, run, newForge().token(t), keyless.ErrUntrustedIdentity)
	more["ref"] = append(more["ref"], "refs/heads/main")
	wantAccepted(t, keyless.Issuers{issuer}, run, newForge().token(t))
}
