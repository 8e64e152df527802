package report

// The rules for a token.
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
	UntrustedIdentity    = "untrusted-identity"
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

// The rules of the ledger of used tokens.
const (
	Replayed          = "replayed"
	LedgerUnavailable = "ledger-unavailable" // with the exit code 3, whatever a failure does
)

// The rules for pins.
const (
	Unpinned          = "unpinned"
	DigestMismatch    = "digest-mismatch"
	MalformedDigest   = "malformed-digest"
	ShortDigest       = "short-digest"
	ImpostorCommit    = "impostor-commit"
	UnknownRef        = "unknown-ref"
	UnknownRepository = "unknown-repository"
	NotAllowed        = "not-allowed"
	Outdated          = "outdated"
)

// The rules for artifacts.
const (
	ArtifactMissing  = "artifact-missing"
	ArtifactChanged  = "artifact-changed"
	ArtifactUnlisted = "artifact-unlisted"
	UnsafePath       = "unsafe-path"
)

// The rules for signed steps of Buildkite.
const (
	UnsignedStep        = "unsigned-step"
	BadStepSignature    = "bad-step-signature"
	JobMismatch         = "job-mismatch"
	UnsafeInteger       = "unsafe-integer"
	UnsignedEnvironment = "unsigned-environment"
)

// A Rule is one thing that is checked.
type Rule struct {
	ID    string // in kebab-case
	Means string // what it means that the rule fails
	Hint  string // what to do then
}

// Rules are all rules: those for a token and its use, for pins, for artifacts, for
// signed steps. Of those for a token the first six end a check when they fail.
var Rules = []Rule{
	{MissingToken, "No token, an empty one, or white space. Nobody asked for this run.", "start the run from where runs are signed, and hand the token over as the input `token`"},
	{MalformedToken, "The token does not have the exact form of one, or its spec has a field that this version does not know.", "`countersign inspect` shows what the token says; hand it over as it was printed"},
	{WrongType, "The token is of another type, such as a manifest of artifacts.", "a token for a run and a manifest of artifacts do not stand for each other"},
	{UnsupportedAlgorithm, "The token's algorithm is not the one of the verifier's key.", "verify with the public key of the pair that signed; the key decides the algorithm, not the token"},
	{UnknownKey, "The token's `kid` names none of the verifier's keys.", "verify with the public key of the pair that signed, or add it to the JWKS"},
	{BadSignature, "The token was changed, or signed with another key.", "hand the token over as it was printed, and verify with the key of the pair that signed"},
	{Expired, "The token has expired, more than a minute ago.", "sign again; `sign --ttl` makes a token last longer, up to 24h"},
	{NotYetValid, "The token is for later, or the clock that signed it is ahead by more than a minute.", "compare the clocks of signer and verifier"},
	{LifetimeTooLong, "The token was made to be valid for more than 24 hours.", "sign for at most 24h"},
	{WrongIssuer, "Another repository signed than `--issuer` expects, or than the identity that signed is of.", "sign in the expected repository, or expect another one with `--issuer`; `countersign inspect` shows what the token says"},
	{WrongAudience, "The token is for another repository or server.", "sign for this repository with `sign --repository`, or give both sides the same `--audience`; `countersign inspect` shows what the token says"},
	{UntrustedIdentity, "The identity that signed is none of those that are trusted, or its issuer is not, or does not tell its keys as an issuer has to.", "sign in a workflow that `--trusted-identity` names; `countersign inspect` shows the identity"},
	{Unbound, "The spec lacks a field that it must have, so it would hold for any value.", "sign with the field, or change what is needed with `--require`"},
	{WrongRepository, "The run is of another repository, or of one that took over its name.", "sign for this repository with `sign --repository`; `countersign inspect` shows what the token says"},
	{WrongActor, "Another account started the run, or one that took over its name.", "sign for this actor, or name an account that starts runs for others in `--dispatchers`; `countersign inspect` shows what the token says"},
	{WrongTriggeringActor, "Another account triggered this attempt of the run.", "sign again for whoever triggers the run, or name the account in `--dispatchers`; `countersign inspect` shows what the token says"},
	{Rerun, "This is not the first attempt of the run, or the run does not tell which it is.", "start a new run with a new token, or accept further attempts with `--allow-rerun`"},
	{WrongCommit, "The run is on another commit; often the ref moved after the token was signed.", "sign again for this commit; `countersign inspect` shows what the token says"},
	{WrongRef, "The run is on another branch or tag.", "sign again for this ref; `countersign inspect` shows what the token says"},
	{WrongWorkflow, "Another workflow runs.", "sign again for this workflow; `countersign inspect` shows what the token says"},
	{WrongEvent, "Another event started the run.", "sign again for this event; `countersign inspect` shows what the token says"},
	{WrongEnvironment, "The run is for another environment, or nothing says which.", "supply the job's environment with `--expect environment=NAME`; `countersign inspect` shows what the token says"},
	{WrongStack, "The run is for another stack, or nothing says which.", "supply the stack with `--expect stack=NAME`; `countersign inspect` shows what the token says"},
	{WrongCommands, "Other commands are signed than expected.", "sign again for these commands; `countersign inspect` shows what the token says"},
	{WrongInputs, "An input of the run is missing, extra or changed.", "sign the inputs with `sign --inputs`, or name those with a default in `--allow-unsigned-inputs`; `countersign inspect` shows what the token says"},
	{Replayed, "The token was used before, and it holds once.", "ask for the run again, with a new token; the entry in the ledger names the run that used this one"},
	{LedgerUnavailable, "The ledger of used tokens gave no answer that decides, so the token may have been used.", "nothing was accepted; a ledger in GitHub needs an API token with `contents: write`, a directory must be there and writable"},
	{Unpinned, "A ref names no full commit digest but a tag, a branch or a place that cannot be checked, so what it brings can change at any time.", "`verify --check pins --write` pins tags; replace a branch by a tag or a commit by hand"},
	{DigestMismatch, "The tag that a pin names leads to another commit than the pin says: the tag was moved, or the pin is wrong.", "find out why before you trust either commit; then remove the digest by hand to pin anew"},
	{MalformedDigest, "A digest is not 40 lower-case hex digits (after `@git-sha1:` or alone) or 64 (after `@git-sha256:`), or its ref cannot be read.", "write the digest in full as git prints it, or remove it by hand to pin anew"},
	{ShortDigest, "A digest is abbreviated, so it can come to stand for another commit.", "write all of its digits, or remove it by hand to pin anew"},
	{ImpostorCommit, "No branch and no tag of the repository holds the pinned commit, so it may come from a fork. One that only a tag holds is a warning.", "pin a commit that a branch of the repository holds, or remove the digest by hand to pin anew"},
	{UnknownRef, "The repository has no tag and no branch of that name.", "correct the name; where there was such a tag, find out why it was deleted"},
	{UnknownRepository, "The repository does not exist, the API token may not read it, or its server cannot be asked.", "correct the name, or give a token that may read the repository as `GITHUB_TOKEN` or the input `github-token`"},
	{NotAllowed, "The config does not allow what the ref names, or the worker's config does not let such a job start.", "use what the config allows, or make an exception in `.github/countersign.yml`; on a worker, ask its owner"},
	{Outdated, "There is a newer version within the bound of `--update`.", "`verify --check pins --write` with the same `--update` takes the newer version"},
	{ArtifactMissing, "A file that the manifest lists is not there.", "find out who took it away, or whether all files were handed on; a new build makes a new manifest"},
	{ArtifactChanged, "A file has another size or SHA-256 than the manifest says.", "find out who changed it; a new build makes new files and a new manifest"},
	{ArtifactUnlisted, "A file is there that the manifest does not list, so nobody answers for it.", "remove it, list it in `sign --artifacts`, or let it be with `--allow-unlisted`"},
	{UnsafePath, "A path leads out of the root or is not the same file everywhere, or it is no plain file: a link, a device, a file that changes while it is read.", "put a plain file in its place and let nothing write to it; paths are relative to `--root`, with slashes"},
	{UnsignedStep, "A step that runs a command has no signature, so anybody who can change the pipeline can change it.", "sign the pipeline with `sign --format buildkite`"},
	{BadStepSignature, "A step was changed after it was signed, or it was signed for another repository or environment, with another key, or over too little.", "find out who changed it; then sign again with `sign --format buildkite`"},
	{JobMismatch, "The job would run something else than its signed step says, or elsewhere.", "nothing but a change after the signature explains it: find out who made it, and start the build anew"},
	{UnsafeInteger, "A number of 2^53 or more stands where a signature covers it. There several numbers have one signature.", "write the number as a text, in quotes, and sign again"},
	{UnsignedEnvironment, "A variable that can change what a command does is not signed.", "give it in the pipeline's or the step's `env` and sign again, or remove it"},
}

// hintFor returns what to do when a rule fails.
func hintFor(id string) string {
	for _, r := range Rules {
		if r.ID == id {
			return r.Hint
		}
	}
	return ""
}
