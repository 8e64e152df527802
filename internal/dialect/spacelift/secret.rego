header_names := ["alg", "typ"]

algorithms := {"HS256"}

# Replace the placeholder with the secret that signs: 32 bytes or more, without a
# backtick. Then let nobody but the launcher read this file.
proved_by_key := {name |
	secret := `${SECRET}`
	count(hex.encode(secret)) >= 64
	names := {"trust", "key"} | {"signature" | io.jwt.verify_hs256(tokens[_], secret)}
	name := names[_]
}
