package jose

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"strconv"
	"strings"
	"testing"
)

// windows returns all parts of a text that are n bytes long.
func windows(text string, n int) (parts []string) {
	for i := 0; i+n <= len(text); i++ {
		parts = append(parts, text[i:i+n])
	}
	return parts
}

// privateParts returns what must not appear of a key file: 16 characters of the
// private half as it stands there, or the octets that they encode.
func privateParts(t *testing.T, file string) (parts []string) {
	t.Helper()
	text := strings.TrimSpace(string(keyFile(t, file)))
	var octets []byte
	if strings.HasPrefix(text, "{") {
		d, err := strconv.Unquote(jwkOf(t, file).get("d"))
		if err != nil {
			t.Fatal(err)
		}
		if octets, err = base64.RawURLEncoding.DecodeString(d); err != nil {
			t.Fatal(err)
		}
		parts = windows(d, 16)
	} else {
		for _, line := range strings.Split(text, "\n") {
			if !strings.HasPrefix(line, "-----") {
				parts = append(parts, windows(line, 16)...)
			}
		}
		block, _ := pem.Decode([]byte(text[strings.LastIndex(text, "-----BEGIN"):]))
		if block == nil {
			t.Fatal("the file is not PEM")
		}
		octets = block.Bytes
	}
	parts = append(parts, windows(hex.EncodeToString(octets), 16)...)
	parts = append(parts, windows(string(octets), 8)...)
	if len(parts) < 64 {
		t.Fatalf("%s holds hardly a key", file)
	}
	return parts
}

// TestErrorsHoldNoKey damages private keys in many ways. Errors go to logs, so
// none may repeat what it could not read.
func TestErrorsHoldNoKey(t *testing.T) {
	t.Parallel()
	for _, file := range []string{
		"ed25519.pem", "p256.pem", "p256-sec1.pem", "p224.pem", "encrypted.pem", "openssh.pem",
		"buildkite-EdDSA-private.json", "buildkite-ES256-private.json",
	} {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			text := string(keyFile(t, file))
			refused := 0
			messages := map[string]bool{}
			load := func(changed, algorithmName string) {
				_, err := ParseSigningKey([]byte(changed), algorithmName)
				_, err2 := ParseVerifyingKeys([]byte(changed), algorithmName)
				for _, err := range []error{err, err2} {
					var keyError *KeyError
					if errors.As(err, &keyError) {
						refused++
						messages[keyError.Error()+keyError.Hint()] = true
					} else if err != nil {
						t.Errorf("the error is a %T", err)
					}
				}
			}
			load(text, "HS256")
			load(text, "none")
			load(text+text, "")
			load(`{"keys":[`+text+","+text+"]}", "")
			for i := range text {
				load(text[:i], "")
				load(text[i:], "")
				load(text[:i]+text[i+1:], "")
				load(text[:i]+`"`+text[i:], "")
				load(text[:i]+"!"+text[i+1:], "")
				load(text[:i]+"A"+text[i+1:], "")
			}
			if refused < 4*len(text) {
				t.Errorf("only %d errors for a file of %d bytes", refused, len(text))
			}
			parts := privateParts(t, file)
			for message := range messages {
				for _, part := range parts {
					// %q would write octets in another form.
					quoted := strings.Trim(strconv.Quote(part), `"`)
					if strings.Contains(message, part) || strings.Contains(message, quoted) {
						t.Fatalf("an error holds key material: %q", message)
					}
				}
			}
		})
	}
}
