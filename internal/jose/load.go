package jose

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"strings"

	"github.com/lestrrat-go/jwx/v3/jwk"
)

const (
	adviceFormats = "a key is PEM (PKCS#8, PKCS#1, SEC 1 or SPKI), a JWK or a JWKS; `countersign keygen` makes a pair"
	adviceTypes   = "use Ed25519, P-256, P-384, P-521 or RSA of 2048 bits or more; `countersign keygen` makes a pair"
	adviceUse     = "use a key that was made for signatures; `countersign keygen` makes a pair"
)

// ParseSigningKey reads the one private key in a PEM text, a JWK or a JWKS. A
// JWK's own `alg`, or else algorithmName, names the algorithm; where both are
// empty it is the default of the key's type. Errors are of type *KeyError.
func ParseSigningKey(text []byte, algorithmName string) (*SigningKey, error) {
	keys, err := parseKeys(text, algorithmName)
	if err != nil {
		return nil, err
	}
	if len(keys) > 1 {
		return nil, &KeyError{
			Reason: fmt.Sprintf("%d keys where one private key is meant", len(keys)),
			Advice: "sign with a file that holds one key",
		}
	}
	private, ok := keys[0].material.(crypto.Signer)
	if !ok {
		return nil, &KeyError{
			Reason: "a public key where a private key is needed",
			Advice: "sign with the private half; the public half is for verify",
		}
	}
	return newSigningKey(private, keys[0].algorithmName, keys[0].id)
}

// ParseVerifyingKeys reads the public key of a PEM text or a JWK, or all public
// keys of a JWKS. algorithmName is used as in [ParseSigningKey], for each key.
// A private key is refused. Errors are of type *KeyError.
func ParseVerifyingKeys(text []byte, algorithmName string) (*VerifyingKeys, error) {
	keys, err := parseKeys(text, algorithmName)
	if err != nil {
		return nil, err
	}
	return newVerifyingKeys(keys)
}

// ParseIssuerKeys reads the public keys of an OpenID provider, a JWKS. There an RSA
// key without `alg` is for RS256 (OpenID Connect Discovery 1.0 section 3). Errors
// are of type *KeyError.
func ParseIssuerKeys(text []byte) (*VerifyingKeys, error) {
	keys, err := parseJWKs(strings.TrimSpace(string(text)), "")
	if err != nil {
		return nil, err
	}
	for i, k := range keys {
		if _, ok := k.material.(*rsa.PublicKey); ok && k.algorithmName == "" {
			keys[i].algorithmName = "RS256"
		}
	}
	return newVerifyingKeys(keys)
}

func newVerifyingKeys(keys []parsedKey) (*VerifyingKeys, error) {
	set := &VerifyingKeys{byID: map[string]verifyingKey{}}
	for _, k := range keys {
		if _, ok := k.material.(crypto.Signer); ok {
			return nil, &KeyError{
				Reason: "a private key where a public key is needed",
				Advice: "verify with the public half; nobody should carry the private key to where runs are checked, so consider it exposed and make another pair",
			}
		}
		v, id, err := newVerifyingKey(k.material, k.algorithmName, k.id)
		if err != nil {
			return nil, err
		}
		if err := set.add(id, v); err != nil {
			return nil, err
		}
	}
	return set, nil
}

func (keys *VerifyingKeys) add(id string, key verifyingKey) error {
	if _, ok := keys.byID[id]; ok {
		return &KeyError{
			Reason: fmt.Sprintf("two keys with the kid %.100q", id),
			Advice: "a kid selects one key, so each needs its own",
		}
	}
	keys.byID[id] = key
	return nil
}

// Add adds the public keys of another set, which has no secret, as keys has none.
// On an error of type *KeyError keys may have some of them.
func (keys *VerifyingKeys) Add(others *VerifyingKeys) error {
	for id, key := range others.byID {
		if err := keys.add(id, key); err != nil {
			return err
		}
	}
	return nil
}

// A parsedKey is a key as its file gives it, not yet checked for strength.
type parsedKey struct {
	material      any // crypto.Signer for a private key, else a public key
	algorithmName string
	id            string
}

// parseKeys reads at least one key.
func parseKeys(text []byte, algorithmName string) ([]parsedKey, error) {
	s := strings.TrimSpace(string(text))
	switch {
	case strings.HasPrefix(s, "{"):
		return parseJWKs(s, algorithmName)
	case strings.Contains(s, "-----BEGIN"):
		return parsePEM([]byte(s), algorithmName)
	case s == "":
		return nil, &KeyError{Reason: "the key is empty", Advice: adviceFormats}
	default:
		return nil, &KeyError{Reason: "this is no key", Advice: adviceFormats}
	}
}

func parsePEM(text []byte, algorithmName string) ([]parsedKey, error) {
	var keys []parsedKey
	blocks := 0
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		blocks++
		// `openssl ecparam -genkey` names the curve in a block of its own.
		if block.Type == "EC PARAMETERS" {
			continue
		}
		material, err := parseBlock(block)
		if err != nil {
			return nil, err
		}
		keys = append(keys, parsedKey{material, algorithmName, ""})
	}
	switch {
	// The decoder passes over a block that it cannot read.
	case len(keys) == 0 || blocks != bytes.Count(text, []byte("-----BEGIN")):
		return nil, &KeyError{Reason: "the PEM text is damaged", Advice: "its lines must be kept as they are, with the first and the last"}
	case len(keys) > 1:
		return nil, &KeyError{
			Reason: fmt.Sprintf("%d PEM keys where one is meant", len(keys)),
			Advice: "several public keys go into a JWKS, where each has a kid",
		}
	}
	return keys, nil
}

func parseBlock(block *pem.Block) (key any, err error) {
	encrypted := &KeyError{
		Reason: "the private key is encrypted with a passphrase",
		Advice: "keep it in a secret store instead and decrypt it with `openssl pkey`",
	}
	if block.Headers["DEK-Info"] != "" {
		return nil, encrypted
	}
	switch block.Type {
	case "PRIVATE KEY":
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case "RSA PRIVATE KEY":
		key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		key, err = x509.ParseECPrivateKey(block.Bytes)
	case "PUBLIC KEY":
		key, err = x509.ParsePKIXPublicKey(block.Bytes)
	case "RSA PUBLIC KEY":
		key, err = x509.ParsePKCS1PublicKey(block.Bytes)
	case "ENCRYPTED PRIVATE KEY":
		return nil, encrypted
	case "CERTIFICATE":
		return nil, &KeyError{
			Reason: "a certificate where a key is meant",
			Advice: "take its key out with `openssl x509 -pubkey -noout`",
		}
	default:
		return nil, &KeyError{Reason: fmt.Sprintf("PEM of type %.40q is no key that is known here", block.Type), Advice: adviceFormats}
	}
	if err != nil || !signs(key) {
		// The parser's own error may quote bytes of the key.
		return nil, &KeyError{
			Reason: fmt.Sprintf("PEM of type %q does not hold a key of a type that is known here", block.Type),
			Advice: adviceTypes,
		}
	}
	return key, nil
}

// signs tells whether a key, or the other half of it, is of a type that signs.
func signs(key any) bool {
	switch key.(type) {
	case ed25519.PrivateKey, *ecdsa.PrivateKey, *rsa.PrivateKey, ed25519.PublicKey, *ecdsa.PublicKey, *rsa.PublicKey:
		return true
	}
	return false
}

// parseJWKs reads a JWK or a JWKS (RFC 7517). Of a set it leaves out what
// section 5 lets it ignore, keys that are of another type or not for
// signatures; at least one must remain.
func parseJWKs(text, algorithmName string) ([]parsedKey, error) {
	v, err := ParseJSON(text)
	if err != nil {
		return nil, &KeyError{Reason: "the key is no JWK: " + err.Error(), Advice: adviceFormats}
	}
	set, ok := v.Get("keys")
	if !ok {
		k, err := parseJWK(v, algorithmName)
		return []parsedKey{k}, err
	}
	if set.Kind != Array {
		return nil, &KeyError{Reason: "`keys` of the JWKS is not an array", Advice: adviceFormats}
	}
	var keys []parsedKey
	var skipped error
	for _, m := range set.Members {
		if err := usable(m.Value); err != nil {
			skipped = err
			continue
		}
		k, err := parseJWK(m.Value, algorithmName)
		if err != nil {
			return nil, err
		}
		keys = append(keys, k)
	}
	if len(keys) == 0 {
		reason := "the JWKS is empty"
		if skipped != nil {
			reason = "the JWKS holds no key for signatures; the last one: " + skipped.Error()
		}
		return nil, &KeyError{Reason: reason, Advice: adviceFormats}
	}
	return keys, nil
}

// usable tells whether a JWK is one for signatures, of a type known here. A
// secret counts as one, to be refused with the whole set: who mixes secrets
// and public keys has published the secrets.
func usable(v Value) error {
	if v.Kind != Object {
		return &KeyError{Reason: "a JWK is not an object", Advice: adviceFormats}
	}
	texts := map[string]string{}
	for _, name := range []string{"kty", "crv", "alg", "use", "kid"} {
		if m, ok := v.Get(name); ok {
			if m.Kind != String {
				return &KeyError{Reason: fmt.Sprintf("%q of the JWK is not a string", name), Advice: adviceFormats}
			}
			texts[name] = m.Text
		}
	}
	kty, crv := texts["kty"], texts["crv"]
	known := kty == "RSA" || kty == "oct" || kty == "OKP" && crv == "Ed25519" ||
		kty == "EC" && (crv == "P-256" || crv == "P-384" || crv == "P-521")
	if !known {
		return &KeyError{Reason: fmt.Sprintf("the JWK has the type %.40q %.40q, which is not known here", kty, crv), Advice: adviceTypes}
	}
	if alg, ok := texts["alg"]; ok && algorithmNamed(alg) == nil {
		return &KeyError{Reason: fmt.Sprintf("the JWK has the `alg` %.40q, which is not known here", alg), Advice: adviceUse}
	}
	if use, ok := texts["use"]; ok && use != "sig" {
		return &KeyError{Reason: fmt.Sprintf("the JWK has the `use` %.40q and not \"sig\"", use), Advice: adviceUse}
	}
	return usableOperations(v)
}

// usableOperations checks `key_ops` (RFC 7517 section 4.3).
func usableOperations(v Value) error {
	operations, ok := v.Get("key_ops")
	if !ok {
		return nil
	}
	need := "verify"
	if _, private := v.Get("d"); private {
		need = "sign"
	}
	for _, m := range operations.Members {
		if operations.Kind == Array && m.Value.Kind == String && m.Value.Text == need {
			return nil
		}
	}
	return &KeyError{Reason: fmt.Sprintf("the JWK's `key_ops` do not hold %q", need), Advice: adviceUse}
}

func parseJWK(v Value, algorithmName string) (parsedKey, error) {
	if err := usable(v); err != nil {
		return parsedKey{}, err
	}
	kty, _ := v.Get("kty")
	if kty.Text == "oct" {
		return parsedKey{}, &KeyError{
			Reason: "a JWK of type \"oct\" is a shared secret and not a key pair",
			Advice: "hand it over as the `secret`",
		}
	}
	if alg, ok := v.Get("alg"); ok {
		if algorithmName != "" && algorithmName != alg.Text {
			return parsedKey{}, &KeyError{
				Reason: fmt.Sprintf("the JWK is for %q and --alg says %.40q", alg.Text, algorithmName),
				Advice: "leave --alg out: the key decides",
			}
		}
		algorithmName = alg.Text
	}
	id, hasID := v.Get("kid")
	if hasID && id.Text == "" {
		return parsedKey{}, &KeyError{Reason: "the JWK has an empty kid", Advice: "leave the kid out, or give it one"}
	}
	material, err := material(v)
	return parsedKey{material, algorithmName, id.Text}, err
}

// material returns the key that a JWK holds: a crypto.Signer for a private key.
func material(v Value) (any, error) {
	// The library's own errors may quote what they could not read.
	damaged := &KeyError{Reason: "the JWK does not hold a whole key of a type and strength that is known here", Advice: adviceTypes}
	k, err := jwk.ParseKey([]byte(v.Text))
	if err != nil {
		return nil, damaged
	}
	var raw any
	if err := jwk.Export(k, &raw); err != nil || !signs(raw) {
		return nil, damaged
	}
	if private, ok := raw.(*rsa.PrivateKey); ok && private.Validate() != nil {
		return nil, damaged
	}
	return raw, nil
}
