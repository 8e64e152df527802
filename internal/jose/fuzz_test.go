package jose

import (
	"crypto"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// FuzzVerify looks for a text that is taken for a token although it is none of
// those that were signed.
func FuzzVerify(f *testing.F) {
	names := []string{"EdDSA", "ES256", "PS256", "HS256"}
	var jwks []string
	// What was signed, and the one signature over it; ECDSA and PSS have many.
	signed := map[string]string{}
	seed := func(key *SigningKey) {
		token := runToken(f, key)
		end := strings.LastIndex(token, ".")
		signed[token[:end]] = ""
		if token == runToken(f, key) {
			signed[token[:end]] = token
		}
		parts := strings.Split(token, ".")
		f.Add(token)
		f.Add(token + "\n")
		f.Add(strings.Join(parts[:2], ".") + ".")
		f.Add(encode(`{"alg":"none","typ":"run-spec+jwt"}`) + "." + parts[1] + ".")
		f.Add(encode(headerOf(key).with("crit", "[]").String()) + "." + parts[1] + "." + parts[2])
		f.Add(parts[0] + "." + encode(claimObject().with("EXP", "1").String()) + "." + parts[2])
	}
	for _, name := range names[:2] {
		jwks = append(jwks, jwkOf(f, "buildkite-"+name+"-public.json").String())
		key, err := ParseSigningKey(keyFile(f, "buildkite-"+name+"-private.json"), "")
		if err != nil {
			f.Fatal(err)
		}
		seed(key)
	}
	public, err := ParseVerifyingKeys(setOf(jwks...), "")
	if err != nil {
		f.Fatal(err)
	}
	sets := []*VerifyingKeys{public}
	for _, name := range names[2:] {
		p := keyPair(f, name)
		sets = append(sets, p.verifying)
		seed(p.signing)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, keys := range sets {
			if _, err := Verify(runForm, keys, text); err != nil {
				wantRefusal(t, err)
				continue
			}
			input := text[:strings.LastIndex(text, ".")]
			if token, ok := signed[input]; !ok || token != "" && token != text {
				t.Errorf("accepted: %q", text)
			}
		}
		// What can be shown has the form of a token, whoever signed it.
		parts, err := Unverified(runForm, text)
		if err == nil && (parts.Header.Kind != Object || parts.Claims.Kind != Object || strings.Count(text, ".") != 2) {
			t.Errorf("shown: %q", text)
		}
	})
}

// FuzzParseJSON compares with encoding/json, which takes everything that
// ParseJSON takes and reads the same in it.
func FuzzParseJSON(f *testing.F) {
	for _, text := range []string{
		runSpec, claimObject().String(), `{"a":1,"\u0061":2}`, `{"exp":1,"EXP":2}`, `"\ud83d\ude00"`, `"\ud800"`,
		`[-0,1e30,1.5E-3,9223372036854775808]`, `{"a":[null,true,false,{}]}`, "\ufeff{}", "\"\xff\"", ` [ ] `, `{}{}`,
		strings.Repeat("[", 64) + strings.Repeat("]", 64),
	} {
		f.Add(text)
	}
	files, err := filepath.Glob(filepath.Join(vectorsDir, "jsontestsuite", "test_parsing", "*.json"))
	if err != nil {
		f.Fatal(err)
	}
	if _, err := os.Stat(vectorsDir); err == nil && len(files) == 0 {
		f.Fatal("the test vectors are there without JSONTestSuite")
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		if len(text) < 1<<12 {
			f.Add(string(text))
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		v, err := ParseJSON(text)
		if err != nil {
			return
		}
		wantAsDecoded(t, v, []byte(text))
		if v.Kind != String {
			if trimmed := strings.Trim(text, " \t\r\n"); v.Text != trimmed {
				t.Errorf("the text of %q is %q", text, v.Text)
			}
		}
		if v.Kind == Object {
			// As many members as names: none is a duplicate.
			var members map[string]json.RawMessage
			if err := json.Unmarshal([]byte(text), &members); err != nil || len(members) != len(v.Members) {
				t.Errorf("%d members and %d names in %q; error %v", len(v.Members), len(members), text, err)
			}
			for _, m := range v.Members {
				again, err := ParseJSON(string(members[m.Name]))
				if err != nil || again.Text != m.Value.Text {
					t.Errorf("the member %q of %q is %q and %q; error %v", m.Name, text, m.Value.Text, again.Text, err)
				}
			}
		}
		if n, err := v.Int(); err == nil {
			var want int64
			if err := json.Unmarshal([]byte(text), &want); err != nil || n != want {
				t.Errorf("%q is %d, want %d; error %v", text, n, want, err)
			}
		}
	})
}

// FuzzKey looks for a key file that is taken for a key which does not work.
func FuzzKey(f *testing.F) {
	files, err := filepath.Glob(filepath.Join(keysDir, "*"))
	if err != nil {
		f.Fatal(err)
	}
	files = slices.DeleteFunc(files, func(name string) bool { return filepath.Ext(name) == ".md" })
	if len(files) < 30 {
		f.Fatalf("only %d key files", len(files))
	}
	for _, file := range files {
		f.Add(readFile(f, file), "")
	}
	f.Add(keyFile(f, "rsa2048.pem"), "RS512")
	f.Add(setOf(jwkOf(f, "buildkite-EdDSA-public.json").String(), jwkOf(f, "buildkite-ES256-public.json").String()), "")
	f.Add([]byte(jwkOf(f, "buildkite-ES256-private.json").String()), "ES256")
	f.Fuzz(func(t *testing.T, text []byte, algorithmName string) {
		signing, err := ParseSigningKey(text, algorithmName)
		if err != nil {
			wantKeyError(t, err)
		} else {
			private, ok := signing.key.(crypto.Signer)
			if !ok {
				t.Fatalf("a signing key is a %T", signing.key)
			}
			public, id, err := newVerifyingKey(private.Public(), signing.Algorithm(), signing.ID())
			if err != nil {
				t.Fatalf("a signing key without a public half: %v", err)
			}
			keys := &VerifyingKeys{byID: map[string]verifyingKey{id: public}}
			wantAccepted(t, runForm, keys, runToken(t, signing))
		}
		verifying, err := ParseVerifyingKeys(text, algorithmName)
		if err != nil {
			wantKeyError(t, err)
			return
		}
		if signing != nil {
			t.Error("a private key is taken for a public one")
		}
		if len(verifying.byID) == 0 || verifying.secret != nil {
			t.Error("a set without public keys")
		}
		for id, key := range verifying.byID {
			if id == "" || key.verify("text", []byte("signature")) == nil {
				t.Errorf("the key %q takes anything for its signature", id)
			}
		}
	})
}
