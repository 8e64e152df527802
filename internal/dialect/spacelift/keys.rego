# keys are the public keys, JWKs, one of which has to have signed. They are no secret.
# A token's kid selects one and does not choose its algorithm.
keys := [
	KEYS
]

header_names := ["alg", "kid", "typ"]

algorithms := {k.alg | k := keys[_]}

selected := {k.alg: json.marshal(k) | k := keys[_]; k.kid == headers[_].kid; k.alg == headers[_].alg}

signatures := [
	[1 | io.jwt.verify_es256(tokens[_], selected.ES256)],
	[1 | io.jwt.verify_es384(tokens[_], selected.ES384)],
	[1 | io.jwt.verify_es512(tokens[_], selected.ES512)],
	[1 | io.jwt.verify_ps256(tokens[_], selected.PS256)],
	[1 | io.jwt.verify_ps384(tokens[_], selected.PS384)],
	[1 | io.jwt.verify_ps512(tokens[_], selected.PS512)],
	[1 | io.jwt.verify_rs256(tokens[_], selected.RS256)],
	[1 | io.jwt.verify_rs384(tokens[_], selected.RS384)],
	[1 | io.jwt.verify_rs512(tokens[_], selected.RS512)],
]

key_proofs := {
	"trust": [1 | keys[_]],
	"key": [1 | selected[_]],
	"signature": [1 | signatures[_][_]],
}

proved_by_key := {name | key_proofs[name][_]}
