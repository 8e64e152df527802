package spacelift_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/countersign-ci/countersign/internal/jose"
)

// What the policy says, by the name of its check.
var says = map[string]string{
	"trust":           "this policy holds no key: replace its placeholder with a secret of 32 bytes or more",
	"run":             "the launcher tells no commit or no stack of the run, so no token can be for it",
	"metadata":        "the run carries no token: trigger it with `countersign sign --format spacelift --trigger`",
	"single":          "the run carries more than one token: trigger it with exactly one",
	"form":            "what the run carries does not have the form of a token: hand it over as it was printed",
	"type":            "the token is of another type: sign it with --format spacelift",
	"algorithm":       "the token's algorithm is not that of this policy's key: sign with the key that the policy is for",
	"key":             "the token's kid names no key of this policy: print the policy for the key that signs",
	"signature":       "the token was changed, or signed with another key: sign with the key that the policy is for",
	"names":           "the token has a claim that is not known here: sign it with --format spacelift",
	"exp":             "the token's exp is absent or not an integer: sign it with --format spacelift",
	"nbf":             "the token's nbf or iat is not an integer: sign it with --format spacelift",
	"sub":             "the token's sub is absent or not a text: sign it with --format spacelift",
	"spacelift_stack": "the token's spacelift_stack is absent or not a text: sign it with --format spacelift",
	"expired":         "the token has expired: sign again, or for longer with --ttl",
	"begun":           "the token is for later: compare the clocks of signer and worker",
	"commit":          "the token is for another commit: sign for the commit of this run",
	"stack":           "the token is for another stack: sign for the stack of this run",
}

// A policyCase is an input of the policy and the checks that it fails.
type policyCase struct {
	name  string
	input any
	fails []string
}

// inputWith is the input of a run with that commit, stack and metadata, without those
// that are nil.
func inputWith(commit, stack, metadata any) object {
	with := func(o object, name string, value any) object {
		if value == nil {
			return o
		}
		return o.with(name, value)
	}
	run := object{"id": "01RUN", "type": "TRACKED", "state": "PREPARING"}
	run["commit"] = with(object{"branch": "main"}, "hash", commit)
	return object{
		"run":                    with(run, "user_provided_metadata", metadata),
		"static_run_environment": with(object{"commands": []string{"terraform plan"}}, "stack_slug", stack),
	}
}

// raw is JSON as it is written.
func raw(text string) json.RawMessage { return json.RawMessage(text) }

// goodCases are inputs without a denial.
func goodCases(t *testing.T, s signer, now time.Time) (cases []policyCase) {
	t.Helper()
	c, seconds := claims(now), now.Unix()
	for name, token := range map[string]string{
		"signed":                       s.sign(t, now),
		"made as the reference does":   s.token(t, c.String()),
		"exp half a minute ago":        s.token(t, c.with("exp", seconds-30).String()),
		"exp as late as it can be":     s.token(t, c.with("exp", raw("9223372036854775807")).String()),
		"nbf and iat ahead by half":    s.token(t, c.with("nbf", seconds+30).with("iat", seconds+30).String()),
		"nbf and iat as early":         s.token(t, c.with("nbf", raw("-9223372036854775808")).with("iat", 0).String()),
		"no iss, no iat":               s.token(t, c.without("iss").without("iat").String()),
		"white space in the claims":    s.token(t, " "+strings.ReplaceAll(c.String(), ":", " : ")+"\n"),
		"escapes in the claims":        s.token(t, strings.Replace(c.String(), `"my-stack"`, `"\u006dy-stack"`, 1)),
		"as long as a header may hold": s.sized(t, 8192),
	} {
		cases = append(cases, policyCase{name, inputWith(commit, stack, []string{token}), nil})
	}
	return cases
}

// sized returns a token of that length, or shorter by 1: base64url has no length of 4n+1.
func (s signer) sized(t *testing.T, length int) string {
	t.Helper()
	c := claims(time.Now())
	rest := s.token(t, c.with("iss", "").String())
	for n := (length - len(rest)) * 3 / 4; ; n++ {
		token := s.token(t, c.with("iss", strings.Repeat("x", n)).String())
		if len(token) >= length-1 {
			return token
		}
	}
}

// tokenCases are inputs with a single token that fails. Their names are rows of
// the page about Spacelift.
func tokenCases(t *testing.T, s signer, now time.Time) (cases []policyCase) {
	t.Helper()
	add := func(name, token string, fails ...string) {
		t.Helper()
		cases = append(cases, policyCase{name, inputWith(commit, stack, []string{token}), fails})
	}
	h, c, seconds := s.header(), claims(now), now.Unix()
	good := s.token(t, c.String())
	parts := strings.Split(good, ".")

	add("white space", " \n", "form")
	add("text that is no token", "run-01", "form")
	add("a token with a line end", good+"\n", "form")
	add("a token without its signature", parts[0]+"."+parts[1], "form")
	add("a token of four parts", good+".e30", "form")
	add("a fourth part that is not base64url", good+".!", "form")
	add("a signature that is not base64url", good[:len(good)-1]+"!", "form")
	add("a signature in another alphabet", parts[0]+"."+parts[1]+".+/+/", "form")
	add("a token of more than 8 KB", s.sized(t, 8194), "form")
	add("a signature with padding", good+"==", "form")
	if len(parts[2])%4 != 0 { // otherwise no bit is unused
		add("a second encoding of the signature", secondEncoding(good), "form")
	}
	add("a header that is an array", s.tokenWith(t, "[]", c.String()), "form")
	add("a header with `crit`", s.tokenWith(t, h.with("crit", []string{"exp"}).String(), c.String()), "form")
	add("a header with `cty`", s.tokenWith(t, h.with("cty", "JWT").String(), c.String()), "form")
	add("a header with a key of its own", s.tokenWith(t, h.with("jwk", object{"kty": "oct"}).String(), c.String()), "form")
	add("a header that is a text", s.tokenWith(t, `"alg"`, c.String()), "form")
	add("claims that are a text", s.token(t, `"sub"`), "form")
	add("claims that are an array", s.token(t, "[]"), "form")
	add("claims with something after them", s.token(t, c.String()+"{}"), "form")
	add("a token within a token", s.tokenWith(t, h.with("cty", "JWT").String(), `"`+good+`"`), "form")

	add("`typ` of another type of token", s.tokenWith(t, h.with("typ", "run-spec+jwt").String(), c.String()), "type")
	add("no `typ`", s.tokenWith(t, h.without("typ").String(), c.String()), "type")

	add("`alg` is `none`", encode(h.with("alg", "none").String())+"."+parts[1]+".", "algorithm")
	if s.public == "" {
		other := secretSigner(t, "HS512", strings.Repeat(secret, 2))
		add("another algorithm of the same kind", forge(t, "HS512", s.material, other.header().String(), c.String()), "algorithm")
		add("a `kid` beside a secret", s.tokenWith(t, h.with("kid", "a").String(), c.String()), "form")
		add("signed with another secret", secretSigner(t, "HS256", strings.ToUpper(secret)).token(t, c.String()), "signature")
	} else {
		add("the public key taken for a secret", forge(t, "HS256", []byte(s.public), h.with("alg", "HS256").String(), c.String()), "algorithm")
		add("no `kid`", s.tokenWith(t, h.without("kid").String(), c.String()), "key")
		add("another `kid`", s.tokenWith(t, h.with("kid", "a").String(), c.String()), "key")
	}

	add("no signature", parts[0]+"."+parts[1]+".", "signature")
	add("another commit put in", parts[0]+"."+encode(c.with("sub", commit[1:]+"0").String())+"."+parts[2], "signature")
	add("the signature of another token", parts[0]+"."+parts[1]+"."+strings.Split(s.sign(t, now), ".")[2], "signature")

	add("an `aud`", s.token(t, c.with("aud", "https://github.com/acme/widgets").String()), "names")
	add("`EXP` beside an `exp` that is past", s.token(t, c.with("exp", seconds-120).with("EXP", seconds+120).String()), "names")
	add("no `exp`", s.token(t, c.without("exp").String()), "exp")
	for _, exp := range []string{`"4102444800"`, "4102444800.0", "4e9", "9223372036854775808", "null", "true"} {
		add("`exp` "+exp, s.token(t, c.with("exp", raw(exp)).String()), "exp")
	}
	for _, nbf := range []string{`"1767225600"`, "1.5", "null", `{"at":0}`, "-0", "-9223372036854775809"} {
		add("`nbf` "+nbf, s.token(t, c.with("nbf", raw(nbf)).String()), "nbf")
	}
	add("`iat` as text", s.token(t, c.with("iat", "1767225600").String()), "nbf")
	add("`exp` past", s.token(t, c.with("exp", seconds-61).String()), "expired")
	add("`exp` negative", s.token(t, c.with("exp", -seconds).String()), "expired")
	add("`nbf` ahead", s.token(t, c.with("nbf", seconds+120).String()), "begun")
	add("`iat` ahead", s.token(t, c.with("iat", seconds+120).String()), "begun")
	add("no `sub`", s.token(t, c.without("sub").String()), "sub")
	add("`sub` empty", s.token(t, c.with("sub", "").String()), "sub")
	add("another `sub`", s.token(t, c.with("sub", strings.Repeat("f", 40)).String()), "commit")
	add("`sub` of a part of the commit", s.token(t, c.with("sub", commit[:7]).String()), "commit")
	add("`sub` in capitals", s.token(t, c.with("sub", strings.ToUpper(commit)).String()), "commit")
	add("no `spacelift_stack`", s.token(t, c.without("spacelift_stack").String()), "spacelift_stack")
	add("`spacelift_stack` an array", s.token(t, c.with("spacelift_stack", []string{stack}).String()), "spacelift_stack")
	add("another `spacelift_stack`", s.token(t, c.with("spacelift_stack", "other-stack").String()), "stack")
	add("past, and for another commit and stack", s.token(t,
		c.with("exp", 1).with("sub", "0").with("spacelift_stack", "x").String()), "commit", "expired", "stack")
	add("no claim at all", s.token(t, "{}"), "exp", "spacelift_stack", "sub")

	facts := func(name string, commit, stack any, token string, fails ...string) {
		t.Helper()
		cases = append(cases, policyCase{name, inputWith(commit, stack, []string{token}), fails})
	}
	facts("a run without a commit", nil, stack, good, "run")
	facts("a run without a stack", commit, nil, good, "run")
	facts("a run and a token with an empty commit", "", stack, s.token(t, c.with("sub", "").String()), "run")
	facts("a run and a token with an empty stack", commit, "", s.token(t, c.with("spacelift_stack", "").String()), "run")
	facts("a run and a token with `null` as the commit", raw("null"), stack, s.token(t, c.with("sub", nil).String()), "run")
	facts("a run and a token with a number as the stack", commit, 1, s.token(t, c.with("spacelift_stack", 1).String()), "run")
	return cases
}

// secondEncoding sets an unused bit of a token's signature.
func secondEncoding(token string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := len(token) - 1
	return token[:last] + string(alphabet[strings.IndexByte(alphabet, token[last])+1])
}

// metadataCases are inputs whose metadata is not a single text.
func metadataCases(t *testing.T, s signer, now time.Time) []policyCase {
	t.Helper()
	good := s.token(t, claims(now).String())
	other := s.token(t, claims(now).with("sub", strings.Repeat("f", 40)).String())
	return []policyCase{
		{"no metadata", inputWith(commit, stack, nil), []string{"metadata"}},
		{"metadata `null`", inputWith(commit, stack, raw("null")), []string{"metadata"}},
		{"metadata without an entry", inputWith(commit, stack, []string{}), []string{"metadata"}},
		{"an empty text", inputWith(commit, stack, []string{""}), []string{"metadata"}},
		{"a token that is in no array", inputWith(commit, stack, good), []string{"metadata"}},
		{"a token in an object", inputWith(commit, stack, object{"0": good}), []string{"metadata"}},
		{"two tokens, the first one good", inputWith(commit, stack, []string{good, other}), []string{"single"}},
		{"two tokens, the second one good", inputWith(commit, stack, []string{other, good}), []string{"single"}},
		{"a good token twice", inputWith(commit, stack, []string{good, good}), []string{"single"}},
		{"an empty text and a good token", inputWith(commit, stack, []string{"", good}), []string{"single"}},
		{"`null` for a token", inputWith(commit, stack, []any{nil}), []string{"form"}},
		{"`false` for a token", inputWith(commit, stack, []any{false}), []string{"form"}},
		{"a token in an array of its own", inputWith(commit, stack, []any{[]string{good}}), []string{"form"}},
		{"an input without a run", object{}, []string{"run"}},
	}
}

// outcomes are those of Open and CheckTimes that the checks of the policy stand for.
var outcomes = map[string]error{
	"form": jose.ErrMalformed, "type": jose.ErrWrongType, "algorithm": jose.ErrUnsupportedAlgorithm, "key": jose.ErrUnknownKey,
	"signature": jose.ErrBadSignature, "names": jose.ErrMalformed, "exp": jose.ErrMalformed, "nbf": jose.ErrMalformed,
	"sub": jose.ErrMalformed, "spacelift_stack": jose.ErrMalformed, "expired": jose.ErrExpired, "begun": jose.ErrNotYetValid,
}
