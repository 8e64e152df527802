package spacelift_test

import (
	"bytes"
	"errors"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign-ci/countersign/internal/dialect/spacelift"
	"github.com/countersign-ci/countersign/internal/jose"
)

// check runs a policy over inputs and compares what it says.
func (o opa) check(t *testing.T, policy []byte, cases []policyCase) {
	t.Helper()
	inputs := map[string]any{}
	for _, c := range cases {
		if _, ok := inputs[c.name]; ok {
			t.Fatalf("two inputs are called %q", c.name)
		}
		inputs[c.name] = c.input
	}
	got := o.denialsOf(t, policy, inputs)
	for _, c := range cases {
		want := []string{}
		for _, name := range c.fails {
			want = append(want, says[name])
		}
		slices.Sort(want)
		if diff := cmp.Diff(want, got[c.name]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

// policyOf is the policy for a signer's key, with the secret put in.
func policyOf(t *testing.T, s signer) []byte {
	t.Helper()
	if text, ok := s.material.([]byte); ok {
		return withSecret(spacelift.PlaceholderPolicy(), string(text))
	}
	policy, err := spacelift.Policy(s.verifying)
	if err != nil {
		t.Fatal(err)
	}
	return policy
}

func allCases(t *testing.T, s signer) []policyCase {
	t.Helper()
	now := time.Now()
	cases := slices.Concat(goodCases(t, s, now), metadataCases(t, s, now), tokenCases(t, s, now))
	if len(cases) < 20 {
		t.Fatalf("%d inputs", len(cases))
	}
	return cases
}

// TestPolicy runs the policy of each algorithm over inputs that are good, and over
// those that are bad, of which each gets its own message.
func TestPolicy(t *testing.T) {
	t.Parallel()
	eachOPA(t, func(t *testing.T, o opa) {
		for _, algorithm := range append(algorithms, "HS256") {
			t.Run(algorithm, func(t *testing.T) {
				t.Parallel()
				s := newSigner(t, algorithm)
				o.check(t, policyOf(t, s), allCases(t, s))
			})
		}
	})
}

// TestPolicyUnset has a policy without a real secret deny everything.
func TestPolicyUnset(t *testing.T) {
	t.Parallel()
	placeholder := spacelift.PlaceholderPolicy()
	if n := bytes.Count(placeholder, []byte("$")); n != 1 || !bytes.Contains(placeholder, []byte("${SECRET}")) {
		t.Errorf("%d dollar signs, which envsubst may replace, want that of ${SECRET}", n)
	}
	secrets := map[string]string{"left in": "${SECRET}", "empty": "", "short": secret[:31]}
	eachOPA(t, func(t *testing.T, o opa) {
		for name, text := range secrets {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				s := newSigner(t, "HS256")
				s.material = []byte(text)
				cases := allCases(t, s)
				for i := range cases {
					cases[i].fails = []string{"trust"}
				}
				o.check(t, withSecret(placeholder, text), cases)
			})
		}
		// What counts is bytes.
		s := secretSigner(t, "HS256", strings.Repeat("é", 16))
		o.check(t, policyOf(t, s), goodCases(t, s, time.Now()))
	})
}

// TestPolicyKeys has a policy with several keys take a token of each, and of none for
// another.
func TestPolicyKeys(t *testing.T) {
	t.Parallel()
	now := time.Now()
	a, b, c := newSigner(t, "ES256"), newSigner(t, "ES384"), newSigner(t, "PS256")
	rs := newSigner(t, "RS256") // the same key as c, for another algorithm
	_, public, _, err := jose.Generate("ES256")
	if err != nil {
		t.Fatal(err)
	}
	generated, err := jose.ParseVerifyingKeys(public, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, keys := range []*jose.VerifyingKeys{b.verifying, c.verifying, generated} {
		if err := a.verifying.Add(keys); err != nil {
			t.Fatal(err)
		}
	}
	set, err := generated.JWKS()
	if err != nil {
		t.Fatal(err)
	}
	key, _ := set.Key(0)
	id, _ := key.KeyID()
	cases := []policyCase{
		{"signed with a key, and the kid of another", inputWith(commit, stack, []string{a.tokenWith(t, a.header().with("kid", id).String(), claims(now).String())}), []string{"signature"}},
		{"signed with a key, and the kid of one of another algorithm", inputWith(commit, stack, []string{a.tokenWith(t, a.header().with("kid", b.key.ID()).String(), claims(now).String())}), []string{"key"}},
		{"signed with a key, for another of its algorithms", inputWith(commit, stack, []string{rs.token(t, claims(now).String())}), []string{"algorithm"}},
	}
	for _, s := range []signer{a, b, c} {
		cases = append(cases, policyCase{s.key.Algorithm(), inputWith(commit, stack, []string{s.sign(t, now)}), nil})
	}
	policy, err := spacelift.Policy(a.verifying)
	if err != nil {
		t.Fatal(err)
	}
	if private := regexp.MustCompile(`"(d|p|q|k)"`).Find(policy); private != nil {
		t.Errorf("the policy has %s", private)
	}
	eachOPA(t, func(t *testing.T, o opa) { o.check(t, policy, cases) })
}

// TestPolicyRefuses has no policy be printed for what no worker can or should check.
func TestPolicyRefuses(t *testing.T) {
	t.Parallel()
	_, err := spacelift.Policy(newSigner(t, "HS256").verifying)
	wantHint(t, err, "a secret has no place in a policy that is printed",
		"--secret-placeholder prints one that the secret is put into where it is installed; better is a key pair of `countersign keygen --alg ES256`")
	keys := newSigner(t, "ES256").verifying
	if err := keys.Add(newSigner(t, "EdDSA").verifying); err != nil {
		t.Fatal(err)
	}
	_, err = spacelift.Policy(keys)
	wantHint(t, err, "the key is for EdDSA, which Spacelift's workers cannot check", adviceES256)
}

// TestPolicyVectors runs the policy as the launcher does, with one input.
func TestPolicyVectors(t *testing.T) {
	t.Parallel()
	policy := withSecret(spacelift.PlaceholderPolicy(), secret)
	want := map[string][]string{
		"good.json": {}, "noexp.json": {says["exp"]}, "wrong-commit.json": {says["commit"]}, "absent-metadata.json": {says["metadata"]},
	}
	eachOPA(t, func(t *testing.T, o opa) {
		got := map[string][]string{}
		for name := range want {
			got[name] = o.denials(t, policy, vector(t, name))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// TestPolicyAgrees has Open and the comparison of times, commit and stack refuse
// exactly what the policy denies, and for the same reason, or for a form that package
// jose looks at earlier.
func TestPolicyAgrees(t *testing.T) {
	t.Parallel()
	for _, algorithm := range append(algorithms, "HS256") {
		s, now := newSigner(t, algorithm), time.Now()
		for _, c := range slices.Concat(goodCases(t, s, now), tokenCases(t, s, now)) {
			input := c.input.(object)
			run := input["run"].(object)
			token := run["user_provided_metadata"].([]string)[0]
			hash, _ := run["commit"].(object)["hash"].(string)
			slug, _ := input["static_run_environment"].(object)["stack_slug"].(string)

			opened, spec, err := spacelift.Open(s.verifying, token)
			errs := []error{err}
			if err == nil {
				errs = opened.CheckTimes(now, 0)
				if spec.SHA != hash {
					errs = append(errs, errors.New("commit"))
				}
				if spec.Stack != slug {
					errs = append(errs, errors.New("stack"))
				}
			}
			all := errors.Join(errs...)
			if (all != nil) != (len(c.fails) > 0) {
				t.Errorf("%s: %s: the policy denies %q, and Open says %v", algorithm, c.name, c.fails, all)
			}
			for _, name := range c.fails {
				if outcome := outcomes[name]; outcome != nil && !errors.Is(all, outcome) && !errors.Is(all, jose.ErrMalformed) {
					t.Errorf("%s: %s: %v, want %v", algorithm, c.name, all, outcome)
				}
			}
		}
	}
}

// TestPushPolicy has the policy ignore every push.
func TestPushPolicy(t *testing.T) {
	t.Parallel()
	eachOPA(t, func(t *testing.T, o opa) {
		var got map[string]bool
		o.eval(t, &got, "data.spacelift", "-d", write(t, "push.rego", spacelift.PushPolicy()))
		if want := map[string]bool{"ignore": true}; !maps.Equal(got, want) {
			t.Errorf("the push policy says %v, want %v", got, want)
		}
	})
}
