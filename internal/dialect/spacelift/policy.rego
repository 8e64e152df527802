package spacelift

# An initialization policy for Spacelift's private workers, printed by
# `countersign policy spacelift`. The launcher asks it before it starts a run, and
# starts none for which `deny` has a message.
#
# Install: put this file where the launcher runs, let nobody else write it, and have
# SPACELIFT_LAUNCHER_RUN_INITIALIZATION_POLICY hold its path.
#
# A run passes with exactly one token in its metadata that was signed with the key
# below for the run's very commit and stack, and is valid now; clocks may be a minute
# apart. The launcher asks again when a tracked run is confirmed, so `sign --ttl` has
# to reach until then.
#
# All versions of OPA from 0.34 on read this alike. A check holds only where it is
# proved: what is undefined, or fails to be computed, denies.

# TRUST

# checks are the name of each check, its stage and what is said where it is not
# proved. Where a stage fails, later ones are not reported.
checks := [
	["trust", 1, "this policy holds no key: replace its placeholder with a secret of 32 bytes or more"],
	["run", 2, "the launcher tells no commit or no stack of the run, so no token can be for it"],
	["metadata", 3, "the run carries no token: trigger it with `countersign sign --format spacelift --trigger`"],
	["single", 4, "the run carries more than one token: trigger it with exactly one"],
	["form", 5, "what the run carries does not have the form of a token: hand it over as it was printed"],
	["type", 6, "the token is of another type: sign it with --format spacelift"],
	["algorithm", 7, "the token's algorithm is not that of this policy's key: sign with the key that the policy is for"],
	["key", 8, "the token's kid names no key of this policy: print the policy for the key that signs"],
	["signature", 9, "the token was changed, or signed with another key: sign with the key that the policy is for"],
	["names", 10, "the token has a claim that is not known here: sign it with --format spacelift"],
	["exp", 10, "the token's exp is absent or not an integer: sign it with --format spacelift"],
	["nbf", 10, "the token's nbf or iat is not an integer: sign it with --format spacelift"],
	["sub", 10, "the token's sub is absent or not a text: sign it with --format spacelift"],
	["spacelift_stack", 10, "the token's spacelift_stack is absent or not a text: sign it with --format spacelift"],
	["expired", 11, "the token has expired: sign again, or for longer with --ttl"],
	["begun", 11, "the token is for later: compare the clocks of signer and worker"],
	["commit", 11, "the token is for another commit: sign for the commit of this run"],
	["stack", 11, "the token is for another stack: sign for the stack of this run"],
]

unproved := [c | c := checks[_]; not proved[c[0]]]

deny := {c[2] | c := unproved[_]; c[1] == unproved[0][1]}

# From here on a list holds one thing, or nothing where it is not what it has to be.

commits := [c | c := input.run.commit.hash; is_string(c); c != ""]

stacks := [s | s := input.static_run_environment.stack_slug; is_string(s); s != ""]

metadata := [m | m := input.run.user_provided_metadata; is_array(m); m != []; m != [""]]

entries := [m[0] | m := metadata[_]; count(m) == 1]

# A token is three parts of base64url, each in its only form: unused bits are zero.
tokens := [t |
	t := entries[_]
	count(t) <= 8192
	count(split(t, ".")) == 3
	concat(".", [base64url.encode_no_pad(base64url.decode(p)) | p := split(t, ".")[_]]) == t
]

parts := [p | p := split(tokens[_], ".")]

# They are read here and not by io.jwt.decode, which returns what is inside of a token
# in a token.
headers := [h |
	h := json.unmarshal(base64url.decode(parts[_][0]))
	object.remove(h, header_names) == {}
]

claims := [object.union({"nbf": 0, "iat": 0}, c) | c := json.unmarshal(base64url.decode(parts[_][1]))]

claim_names := ["iss", "iat", "nbf", "exp", "sub", "spacelift_stack", "jti", "spec"]

# integers are the names of claims that are integers of 64 bits, written as such.
integers := {name |
	n := claims[_][name]
	regex.match(`\A(0|-?[1-9][0-9]*)\z`, json.marshal(n))
	n >= -9223372036854775808
	n <= 9223372036854775807
}

texts := {name | text := claims[_][name]; is_string(text); text != ""}

now := time.now_ns() / 1000000000

leeway := 60

proofs := {
	"run": [1 | commits[_]; stacks[_]],
	"metadata": [1 | metadata[_]],
	"single": [1 | count(entries) == 1],
	"form": [1 | headers[_]; claims[_]],
	"type": [1 | headers[_].typ == "JWT"],
	"algorithm": [1 | algorithms[headers[_].alg]],
	"names": [1 | object.remove(claims[_], claim_names) == {}],
	"exp": [1 | integers.exp],
	"nbf": [1 | integers.nbf; integers.iat],
	"sub": [1 | texts.sub],
	"spacelift_stack": [1 | texts.spacelift_stack],
	"expired": [1 | claims[_].exp + leeway > now],
	"begun": [1 | c := claims[_]; c.nbf <= now + leeway; c.iat <= now + leeway],
	"commit": [1 | claims[_].sub == commits[_]],
	"stack": [1 | claims[_].spacelift_stack == stacks[_]],
}

proved := proved_by_key | {name | proofs[name][_]}
