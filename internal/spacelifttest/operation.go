package spacelifttest

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// The operations, as spacectl writes them; stackBranch is in the same style.
const (
	apiKeyUser  = "mutation($id:ID!$secret:String!){apiKeyUser(id: $id, secret: $secret){jwt,validUntil}}"
	debugInfo   = "{debugInfo{selfHostedVersion}}"
	stackName   = "query($id:ID!){stack(id: $id){id,name}}"
	stackBranch = "query($id:ID!){stack(id: $id){id,branch}}"
	trigger     = "mutation($runtimeConfig:RuntimeConfigInput$sha:String$stack:ID!$type:RunType)" +
		"{runTrigger(stack: $stack, commitSha: $sha, runType: $type, runtimeConfig: $runtimeConfig){id}}"
	triggerForce = "mutation($forceApply:ForceApplyMode$runtimeConfig:RuntimeConfigInput$sha:String$stack:ID!$type:RunType)" +
		"{runTrigger(stack: $stack, commitSha: $sha, runType: $type, runtimeConfig: $runtimeConfig, forceApply: $forceApply){id}}"
)

// known has the field of each operation and the types of its variables.
var known = map[string]struct {
	field     string
	variables map[string]string
}{
	apiKeyUser:   {"apiKeyUser", map[string]string{"id": "text", "secret": "text"}},
	debugInfo:    {"debugInfo", nil},
	stackName:    {"stack", map[string]string{"id": "text"}},
	stackBranch:  {"stack", map[string]string{"id": "text"}},
	trigger:      {"runTrigger", map[string]string{"runtimeConfig": "null", "sha": "text or null", "stack": "text", "type": "run type"}},
	triggerForce: {"runTrigger", map[string]string{"forceApply": "null", "runtimeConfig": "null", "sha": "text or null", "stack": "text", "type": "run type"}},
}

// An operation is what a request asks for.
type operation struct {
	query, field string
	variables    object
}

// parse checks a request as far as it does not depend on the account. The error says
// what no right client does; an operation that was found is returned with it.
func parse(r Request) (*operation, error) {
	var body struct {
		Query     *string
		Variables object
	}
	d := json.NewDecoder(strings.NewReader(r.Body))
	d.DisallowUnknownFields()
	if err := d.Decode(&body); err != nil || body.Query == nil {
		return nil, errors.New("the body is no JSON with a query and variables")
	}
	found, ok := known[*body.Query]
	if !ok {
		return nil, fmt.Errorf("an operation that the stand-in does not know: %.300q", *body.Query)
	}
	o := &operation{*body.Query, found.field, body.Variables}
	if err := checkHeader(r, o); err != nil {
		return o, fmt.Errorf("%s: %w", o.field, err)
	}
	if names := slices.Sorted(maps.Keys(o.variables)); !slices.Equal(names, slices.Sorted(maps.Keys(found.variables))) {
		return o, fmt.Errorf("%s: other variables than its own: %q", o.field, names)
	}
	for name, kind := range found.variables {
		if v := o.variables[name]; !isOf(kind, v) {
			return o, fmt.Errorf("%s: the variable %s is no %s", o.field, name, kind)
		}
	}
	return o, nil
}

func isOf(kind string, v any) bool {
	text, isText := v.(string)
	switch kind {
	case "text":
		return isText && text != ""
	case "null":
		return v == nil
	case "text or null":
		return v == nil || isText && text != ""
	}
	return text == "TRACKED" || text == "PROPOSED"
}

func checkHeader(r Request, o *operation) error {
	h := r.Header
	switch {
	case r.Method != http.MethodPost || r.Path != "/graphql":
		return fmt.Errorf("it is %s %s, not POST /graphql", r.Method, r.Path)
	case h.Get("Content-Type") != "application/json":
		return fmt.Errorf("the content type is %q", h.Get("Content-Type"))
	case len(h.Values(metadata)) > 1 || len(h.Get(metadata)) > maxMetadata:
		return fmt.Errorf("the metadata comes more than once, or has more than %d bytes", maxMetadata)
	case o.field != "runTrigger" && h.Values(metadata) != nil:
		return errors.New("it has metadata")
	}
	if o.field == "apiKeyUser" {
		if h.Values("Authorization") != nil {
			return errors.New("it bears a token")
		}
		return nil
	}
	switch {
	case !strings.HasPrefix(h.Get("Authorization"), "Bearer ") || len(h.Values("Authorization")) != 1:
		return errors.New("it bears no token")
	case h.Get("Spacelift-Client-Type") != "spacectl" || h.Get("Spacelift-Client-Os") == "":
		return errors.New("it does not say which client sends it")
	}
	return nil
}
