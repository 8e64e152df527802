package spaceliftapi

import (
	"bytes"
	"encoding/json"
	"net/http"
	"runtime"
)

// The operations. All but queryBranch are spacectl's, to the letter: they are what
// the server is known to take.
const (
	queryLogin   = "mutation($id:ID!$secret:String!){apiKeyUser(id: $id, secret: $secret){jwt,validUntil}}"
	queryVersion = "{debugInfo{selfHostedVersion}}"
	queryBranch  = "query($id:ID!){stack(id: $id){id,branch}}"
	queryTrigger = "mutation($runtimeConfig:RuntimeConfigInput$sha:String$stack:ID!$type:RunType)" +
		"{runTrigger(stack: $stack, commitSha: $sha, runType: $type, runtimeConfig: $runtimeConfig){id}}"
	queryTriggerForce = "mutation($forceApply:ForceApplyMode$runtimeConfig:RuntimeConfigInput$sha:String$stack:ID!$type:RunType)" +
		"{runTrigger(stack: $stack, commitSha: $sha, runType: $type, runtimeConfig: $runtimeConfig, forceApply: $forceApply){id}}"
)

const (
	userAgent = "countersign"
	// runMetadata is the header for the token of a run. The policy finds it in
	// spacelift.run.user_provided_metadata.
	runMetadata = "Spacelift-User-Provided-Run-Metadata"
)

// An operation is one request of GraphQL.
type operation struct {
	name      string // the field of data that answers it
	query     string
	variables map[string]any // nil for none
	metadata  string         // empty for none
	anonymous bool           // it bears no token
	// starts: a second request would do a second thing.
	starts bool
}

func (o *operation) encode() ([]byte, error) {
	body := map[string]any{"query": o.query}
	if o.variables != nil {
		body["variables"] = o.variables
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(body)
	return b.Bytes(), err
}

func (o *operation) header(token string) http.Header {
	h := http.Header{}
	h.Set("Content-Type", "application/json")
	h.Set("User-Agent", userAgent)
	if o.anonymous {
		return h
	}
	h.Set("Authorization", "Bearer "+token)
	// The server knows this client. How it would treat one that it does not know
	// is not documented.
	h.Set("Spacelift-Client-Type", "spacectl")
	h.Set("Spacelift-Client-Os", runtime.GOOS)
	if o.metadata != "" {
		h.Set(runMetadata, o.metadata)
	}
	return h
}
