package spacelift

# An initialization policy with the logic of Spacelift's signed-run reference
# implementation, in the older dialect of Rego that it is written in.

token := input.run.user_provided_metadata[0]

claims := said { [_, said, _] := io.jwt.decode(token) }

deny["the token does not verify"] {
	[verified, _, _] := io.jwt.decode_verify(token, {"secret": "${SECRET}"})
	not verified
}

deny["another stack"] { claims.spacelift_stack != input.static_run_environment.stack_slug }

deny["another commit"] { claims.sub != input.run.commit.hash }
