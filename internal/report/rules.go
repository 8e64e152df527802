package report

// The rules for a token, in the order in which a table of all rules shows them.
const (
	MissingToken         = "missing-token"
	MalformedToken       = "malformed-token"
	WrongType            = "wrong-type"
	UnsupportedAlgorithm = "unsupported-algorithm"
	UnknownKey           = "unknown-key"
	BadSignature         = "bad-signature"
	Expired              = "expired"
	NotYetValid          = "not-yet-valid"
	LifetimeTooLong      = "lifetime-too-long"
	WrongIssuer          = "wrong-issuer"
	WrongAudience        = "wrong-audience"
	Unbound              = "unbound"
	WrongRepository      = "wrong-repository"
	WrongActor           = "wrong-actor"
	WrongTriggeringActor = "wrong-triggering-actor"
	Rerun                = "rerun"
	WrongCommit          = "wrong-commit"
	WrongRef             = "wrong-ref"
	WrongWorkflow        = "wrong-workflow"
	WrongEvent           = "wrong-event"
	WrongEnvironment     = "wrong-environment"
	WrongStack           = "wrong-stack"
	WrongCommands        = "wrong-commands"
	WrongInputs          = "wrong-inputs"
)

// hints say what to do about a rule that fails.
var hints = map[string]string{
	MissingToken:         "start the run from where runs are signed, and hand the token over as the input `token`",
	MalformedToken:       "`countersign inspect` shows what the token says; hand it over as it was printed",
	WrongType:            "a token for a run and a manifest of artifacts do not stand for each other",
	UnsupportedAlgorithm: "verify with the public key of the pair that signed; the key decides the algorithm, not the token",
	UnknownKey:           "verify with the public key of the pair that signed, or add it to the JWKS",
	BadSignature:         "hand the token over as it was printed, and verify with the key of the pair that signed",
	Expired:              "sign again; `sign --ttl` makes a token last longer, up to 24h",
	NotYetValid:          "compare the clocks of signer and verifier",
	LifetimeTooLong:      "sign for at most 24h",
	WrongIssuer:          "sign in the expected repository, or expect another with --issuer",
	WrongAudience:        "sign for this repository: `sign --repository`, or --audience on both sides",
	Unbound:              "sign with the field, or change what is needed with --require",
	WrongRepository:      "sign for this repository: `sign --repository`",
	WrongActor:           "sign for this actor, or name an account that starts runs for others with --dispatchers",
	WrongTriggeringActor: "sign again for whoever triggers the run, or name the account with --dispatchers",
	Rerun:                "start a new run with a new token, or accept further attempts with --allow-rerun",
	WrongCommit:          "sign again for this commit",
	WrongRef:             "sign again for this ref",
	WrongWorkflow:        "sign again for this workflow",
	WrongEvent:           "sign again for this event",
	WrongEnvironment:     "supply the job's environment with --expect environment=NAME",
	WrongStack:           "supply the stack with --expect stack=NAME",
	WrongCommands:        "sign again for these commands",
	WrongInputs:          "sign the inputs with `sign --inputs`, or name those with a default in --allow-unsigned-inputs",
}
