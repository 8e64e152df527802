// Package digger owns the signed job specs of Digger, a runner of Terraform whose
// orchestrator sends each job of a CI system a spec, as one JSON text in the input
// `spec` of its workflow.
//
// A spec is signed in one of two forms. The envelope is the one that Digger's
// documentation has:
//
//	{"spec": {"job_id":"abc123",…,"expiry":1795313400},
//	 "signature": {"signature": "eyJhb…c2h0In0..MEUCI…", "verify": true}}
//
// Its `expiry` are seconds since 1970, and its `signature` a JWS without its payload
// (RFC 7515 appendix F), which is the spec with the expiry in the form of RFC 8785.
// So white space, the order of members and the ways to write one text or number do
// not count, and a number that shares its canonical form with others is refused. The
// header has `alg`, `kid` and the `typ` digger-spec+jws. `verify` means nothing.
//
// In the detached form the spec is left alone, byte for byte, for Digger's CLI up to
// now reads an envelope as an empty spec. Beside it goes a token (see package jose)
// of the type digger-spec+jwt, whose claims are
//
//	{"exp":1795313400,"iat":1795312800,"jti":"m9B…Zw","spec_sha256":"<64 hex>"}
//
// What is read of a spec, all of it optional, is
//
//	{"run_name": "…",
//	 "job": {"commit": "0123…4567", "branch": "feature", "requestedBy": "octocat",
//	         "backend_job_token": "cli:…"},
//	 "backend": {"backend_job_token": "cli:…"},
//	 "vcs": {"actor": "octocat", "repo_owner": "acme", "repo_name": "widgets",
//	         "repo_full_name": "acme/widgets", "workflow_file": "digger_workflow.yml"}}
//
// Digger's CLI, which is written in Go, takes these names in any letter case, the
// last of several. So a name that is another one in case only is refused.
package digger

import (
	"errors"

	"github.com/countersign-ci/countersign/internal/advice"
	"github.com/countersign-ci/countersign/internal/jose"
)

// MaxSize is the length of the longest spec, and of the longest envelope, in bytes. The
// outputs of a job on GitHub may have 1 MB, in UTF-16, and one that is left out would
// have Digger run without a spec.
const MaxSize = 512 << 10

// payloadForm is the form of an envelope's signature with its payload. A canonical
// form has up to four times as many bytes as the text (1e15), and base64url a third
// more.
var payloadForm = jose.Form{Type: "digger-spec+jws", MaxSize: 8 * MaxSize}

// expiryForm is what an envelope says beside its spec, as claims.
var expiryForm = jose.Form{Type: payloadForm.Type, Claims: []string{"exp"}}

// tokenForm is the form of a detached signature.
var tokenForm = jose.Form{
	Type:    "digger-spec+jwt",
	Claims:  []string{"spec_sha256", "iat", "exp", "jti"},
	MaxSize: 8192,
}

// An Error says why a spec cannot be signed, or no run started for it. It quotes
// nothing of the spec. Its cause is an error of package jose, which tells a number
// without a canonical form ([jose.ErrUnsafeInteger]), or nil.
type Error = advice.Error

const (
	adviceSpec    = "give the job spec as Digger's orchestrator sends it: one JSON object"
	adviceNumber  = "write the number as a text, in quotes, or sign the bytes with --detached"
	adviceExpiry  = "give the spec as it was before it was signed; --ttl says how long it is valid"
	adviceContent = "give the job spec as Digger's orchestrator sends it; with this one Digger would do something else than is checked here"
)

// reasonOf returns what an error of package jose says without its outcome, which is
// about tokens.
func reasonOf(err error) string {
	var e *jose.Error
	if errors.As(err, &e) {
		return e.Reason
	}
	return err.Error()
}
