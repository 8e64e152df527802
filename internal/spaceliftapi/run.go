package spaceliftapi

import (
	"context"
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"

	"github.com/Masterminds/semver/v3"
)

// A RunType is what Spacelift does with a run.
type RunType string

// The types of runs that can be started.
const (
	Tracked  RunType = "TRACKED"  // plan, and apply: a deployment
	Proposed RunType = "PROPOSED" // plan: a preview
)

// maxToken is what fits into the header of the run's metadata, in bytes.
const maxToken = 8 << 10

// A Run is a run that is to be started.
type Run struct {
	Stack string // the id
	SHA   string // of the commit, in full
	Type  RunType
	Token string // goes into the run's metadata
}

// idForm is the form of a slug. It has no characters but those that stand for
// themselves in a URL, and is no name of a folder above.
var idForm = regexp.MustCompile(`^[A-Za-z0-9_-][A-Za-z0-9._-]*$`)

func isID(s string) bool { return len(s) <= 255 && idForm.MatchString(s) }

// CheckStack refuses with a [RunError] what cannot be the id of a stack.
func CheckStack(id string) error {
	if !isID(id) {
		return &RunError{
			Reason: fmt.Sprintf("%.120q cannot be the id of a stack", id),
			Advice: "give the id, which is the last part of the stack's page, of letters, digits and - _ .",
		}
	}
	return nil
}

// Check refuses with a [RunError] what cannot be started, before anything is asked.
func (r *Run) Check() error {
	if err := CheckStack(r.Stack); err != nil {
		return err
	}
	_, err := hex.DecodeString(r.SHA)
	switch {
	case err != nil || len(r.SHA) != 40 && len(r.SHA) != 64 || strings.ToLower(r.SHA) != r.SHA:
		return &RunError{
			Reason: fmt.Sprintf("%.120q is no commit's digest in full", r.SHA),
			Advice: "give all of its 40 or 64 digits in lower case",
		}
	case r.Type != Tracked && r.Type != Proposed:
		return &RunError{
			Reason: fmt.Sprintf("%.120q is no type of a run", r.Type),
			Advice: fmt.Sprintf("give %s or %s", Tracked, Proposed),
		}
	case len(r.Token) > maxToken:
		return &RunError{
			Reason: fmt.Sprintf("the token has %d bytes, and a run's metadata takes %d", len(r.Token), maxToken),
			Advice: "sign less: commands and inputs take the most room",
		}
	case !isToken(r.Token):
		return &RunError{
			Reason: "the run has no token, or one that cannot stand in a header",
			Advice: "sign one; it has no space and no line end",
		}
	}
	return nil
}

// Trigger starts a run and returns the URL of its page. The error is a [RunError], or
// wraps [ErrLost] where it is not known whether the run was started; any other means
// that it was not.
func (c *Client) Trigger(ctx context.Context, r Run) (runURL string, err error) {
	if err := r.Check(); err != nil {
		return "", err
	}
	c.run = r.Token
	defer func() { c.run = "" }()
	o := operation{
		name: "runTrigger", query: queryTrigger, metadata: r.Token, starts: true,
		variables: map[string]any{"stack": r.Stack, "sha": r.SHA, "type": string(r.Type), "runtimeConfig": nil},
	}
	if r.Type == Tracked && c.knowsForceApply(ctx) {
		o.query, o.variables["forceApply"] = queryTriggerForce, nil
	}
	data, err := c.do(ctx, o)
	if err != nil {
		return "", err
	}
	run, _ := data.object("runTrigger")
	id, ok := run.text("id")
	if !ok || !isID(id) {
		return "", c.lost("the answer has no run, or none with an id that can be one")
	}
	return c.at.JoinPath("stack", r.Stack, "run", id).String(), nil
}

// knowsForceApply tells whether runTrigger has the argument forceApply, as it does
// where the server is Spacelift's own, or from 5.1.0 on. Where that cannot be told,
// the form without it is for every server.
func (c *Client) knowsForceApply(ctx context.Context) bool {
	if c.forceApply == nil {
		knows := false
		if data, err := c.do(ctx, operation{name: "debugInfo", query: queryVersion}); err == nil {
			info, _ := data.object("debugInfo")
			version, ok := info.text("selfHostedVersion")
			knows = ok && isForceApplyVersion(version) || info.null("selfHostedVersion")
		}
		c.forceApply = &knows
	}
	return *c.forceApply
}

// isForceApplyVersion looks at a version as spacectl does: 5.1.0-rc1 is 5.1.0, and an
// empty one Spacelift's own server.
func isForceApplyVersion(version string) bool {
	if version == "" {
		return true
	}
	v, err := semver.NewVersion(version)
	return err == nil && (v.Major() > 5 || v.Major() == 5 && v.Minor() >= 1)
}
