package jose

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
)

// otherMakers is the form of tokens that say nothing of this project: any
// payload, any kid, and no typ.
var otherMakers = Form{AnyKeyID: true, MaxSize: 1 << 20}

// wycheproof is what both files of Wycheproof have in common.
type wycheproof struct {
	NumberOfTests int
	TestGroups    []struct {
		Comment         string
		Private, Public json.RawMessage
		Tests           []struct {
			ID      int `json:"tcId"`
			Comment string
			JWS     any // a string, or an object that is no compact serialization
			Result  string
		}
	}
}

// secretKeys makes the verifier's key of a JWK of type "oct", or returns nil.
func secretKeys(t *testing.T, text []byte) *VerifyingKeys {
	t.Helper()
	var k struct{ Kty, Alg, K string }
	if err := json.Unmarshal(text, &k); err != nil {
		t.Fatal(err)
	}
	if k.Kty != "oct" {
		t.Fatalf("a key of type %q where a secret is expected", k.Kty)
	}
	secret, err := base64.RawURLEncoding.DecodeString(k.K)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := SecretVerifyingKey(secret, k.Alg)
	wantKeyError(t, err)
	return keys
}

// publicKeys loads public keys, or returns nil where they are refused.
func publicKeys(t *testing.T, text []byte) *VerifyingKeys {
	t.Helper()
	keys, err := ParseVerifyingKeys(text, "")
	wantKeyError(t, err)
	return keys
}

// wantKeyError checks that an error, if there is one, is a [KeyError].
func wantKeyError(t testing.TB, err error) {
	t.Helper()
	var keyError *KeyError
	if err != nil && (!errors.As(err, &keyError) || keyError.Reason == "") {
		t.Errorf("the error %v is no *KeyError with a reason", err)
	}
}

func TestWycheproofSignatures(t *testing.T) {
	var file wycheproof
	readVectors(t, &file, "wycheproof", "json_web_signature_test.json")
	// Labels that do not fit what is verified here.
	overrides := map[int]string{
		// The same text as the valid 357.
		367: "valid", 370: "valid",
		// `?` inside base64url.
		372: "invalid", 373: "invalid",
		// The JWK's own alg is PS256, or ES521 which does not exist, and the
		// token's is PS384 or ES512.
		346: "invalid", 347: "invalid", 350: "invalid", 351: "invalid",
	}
	ran := 0
	for _, group := range file.TestGroups {
		var keys *VerifyingKeys
		if group.Public != nil {
			keys = publicKeys(t, group.Public)
		} else {
			keys = secretKeys(t, group.Private)
		}
		for _, test := range group.Tests {
			ran++
			want := test.Result
			if other, ok := overrides[test.ID]; ok {
				if other == want {
					t.Errorf("case %d needs no override", test.ID)
				}
				want = other
			}
			// An object is the JSON serialization, which is never taken.
			token, compact := test.JWS.(string)
			if keys == nil || !compact {
				if want != "invalid" {
					t.Errorf("case %d (%s, %s) is %s and its key or token cannot be read", test.ID, group.Comment, test.Comment, want)
				}
				continue
			}
			_, err := Verify(otherMakers, keys, token)
			if got := map[bool]string{true: "valid", false: "invalid"}[err == nil]; got != want {
				t.Errorf("case %d (%s, %s) is %s, want %s; error %v", test.ID, group.Comment, test.Comment, got, want, err)
			}
		}
	}
	if ran != 401 || file.NumberOfTests != 401 {
		t.Errorf("%d of %d cases ran, want 401", ran, file.NumberOfTests)
	}
}

func TestWycheproofKeys(t *testing.T) {
	var file wycheproof
	readVectors(t, &file, "wycheproof", "json_web_key_test.json")
	ran := 0
	for _, group := range file.TestGroups {
		for _, test := range group.Tests {
			ran++
			var keys *VerifyingKeys
			var set struct{ Keys []json.RawMessage }
			switch {
			case group.Public != nil:
				keys = publicKeys(t, group.Public)
			case json.Unmarshal(group.Private, &set) != nil || len(set.Keys) == 0:
				t.Fatalf("case %d has no keys", test.ID)
			case len(set.Keys) == 1:
				keys = secretKeys(t, set.Keys[0])
			}
			if group.Public == nil {
				// A set with a secret in it is refused whole: secrets come from
				// the input `secret` alone. That is stricter than the label of
				// case 2, a valid token of one of two secrets.
				_, err := ParseVerifyingKeys(group.Private, "")
				if err == nil {
					t.Errorf("case %d (%s): a set with a secret loads as public keys", test.ID, group.Comment)
				}
				wantKeyError(t, err)
				if len(set.Keys) > 1 {
					continue
				}
			}
			var err error
			if token, ok := test.JWS.(string); !ok {
				t.Fatalf("case %d has no token", test.ID)
			} else if keys != nil {
				_, err = Verify(otherMakers, keys, token)
			}
			accepted := keys != nil && err == nil
			if accepted != (test.Result == "valid") {
				t.Errorf("case %d (%s, %s): accepted is %t where it is %s; error %v", test.ID, group.Comment, test.Comment, accepted, test.Result, err)
			}
		}
	}
	if ran != 26 || file.NumberOfTests != 26 {
		t.Errorf("%d of %d cases ran, want 26", ran, file.NumberOfTests)
	}
}

// TestWycheproofWeakKeys checks that weak keys are refused for what they are.
func TestWycheproofWeakKeys(t *testing.T) {
	var file wycheproof
	readVectors(t, &file, "wycheproof", "json_web_key_test.json")
	reasons := map[string]string{
		"jws_rsa_roca_key":   "CVE-2017-15361",
		"keysize_too_small":  "type and strength",
		"exponentOne":        "type and strength",
		"invalid_point":      "type and strength",
		"wrong_curve":        "type and strength",
		"wrong_kty":          "type and strength",
		"invalid_use":        "`use`",
		"wrong_algorithm":    "`alg`",
		"invalid_algorithm":  "`alg`",
		"invalid_aes_kw_key": "`alg`",
	}
	var ran []string
	for _, group := range file.TestGroups {
		want, ok := reasons[group.Comment]
		if !ok {
			continue
		}
		ran = append(ran, group.Comment)
		text := group.Public
		if text == nil {
			text = group.Private
		}
		if _, err := ParseVerifyingKeys(text, ""); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: the error is %v, want one with %q", group.Comment, err, want)
		}
	}
	if slices.Sort(ran); len(slices.Compact(ran)) != len(reasons) {
		t.Errorf("only %v ran", ran)
	}
}
