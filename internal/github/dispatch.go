package github

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/countersign-ci/countersign/internal/pin"
)

// GitHub's limits for a dispatch ("Create a workflow dispatch event").
const (
	maxInputs      = 25
	maxInputsBytes = 65535 // of the inputs as JSON
)

// A Dispatch is a run that is to be started by workflow_dispatch, with a token as
// one of its inputs.
type Dispatch struct {
	Repository pin.Repository
	Workflow   string            // the name of its file, such as deploy.yml
	Ref        string            // of a branch or a tag, such as refs/heads/main
	Inputs     map[string]string // without the token's own
	TokenInput string            // the input that carries the token
	Token      string
	Secrets    []string // what in the inputs is to stay out of errors
}

// A DispatchError says that no run can be started as it was asked for. None was, and
// to ask again changes nothing.
type DispatchError struct {
	Reason string // what is wrong
	Advice string // what to do
}

func (e *DispatchError) Error() string { return e.Reason }

// Hint returns what to do about the error.
func (e *DispatchError) Hint() string { return e.Advice }

const (
	adviceName     = "correct the name; nothing was asked"
	adviceDispatch = "give a token with the permission actions: write for that repository, and contents: read"
)

// workflowFile has no characters but those that stand for themselves in a URL.
var workflowFile = regexp.MustCompile(`^[A-Za-z0-9._-]+\.ya?ml$`)

// Check refuses what GitHub would not take, before anything is asked. The ref may be
// a short name, or empty.
func (d *Dispatch) Check() error {
	if checkRepository(d.Repository) != nil {
		return &DispatchError{fmt.Sprintf("%.120q cannot be the name of a repository", d.Repository), adviceName}
	}
	if !workflowFile.MatchString(d.Workflow) || len(d.Workflow) > maxRef {
		return &DispatchError{
			fmt.Sprintf("%.120q cannot be dispatched as a workflow", d.Workflow),
			"give the name of a file in .github/workflows, such as deploy.yml, of letters, digits and . _ -",
		}
	}
	if d.Ref != "" {
		if _, err := fullRefs(d.Ref); err != nil {
			return err
		}
	}
	if d.TokenInput == "" || !utf8.ValidString(d.TokenInput) {
		return &DispatchError{fmt.Sprintf("%.120q cannot be the name of an input", d.TokenInput), adviceName}
	}
	if d.Inputs[d.TokenInput] != "" {
		return &DispatchError{fmt.Sprintf("the input %.100q is the token's own", d.TokenInput), "give it no other value"}
	}
	inputs := d.inputs()
	if len(inputs) > maxInputs {
		return &DispatchError{
			fmt.Sprintf("there are %d inputs with that of the token, and a dispatch takes %d", len(inputs), maxInputs),
			"sign fewer inputs: several values may stand in one as JSON",
		}
	}
	text, err := encode(inputs)
	switch {
	case err != nil:
		return err
	case len(text) > maxInputsBytes:
		return &DispatchError{
			fmt.Sprintf("the inputs with the token are %d bytes, and a dispatch takes %d", len(text), maxInputsBytes),
			"sign less: commands and inputs take the most room, for the token has them too",
		}
	}
	return nil
}

// inputs returns all inputs with the token's own.
func (d *Dispatch) inputs() map[string]string {
	all := map[string]string{}
	maps.Copy(all, d.Inputs)
	all[d.TokenInput] = d.Token
	return all
}

// encode returns JSON without the escapes that make it fit for HTML: they count too.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

// Dispatch starts a run and returns the URL of its page, empty where the server does
// not give it. The error is a [DispatchError], or wraps [ErrLost] where it is not known
// whether the run was started; any other means that it was not.
func (c *Client) Dispatch(ctx context.Context, d Dispatch) (runURL string, err error) {
	if err := d.Check(); err != nil {
		return "", err
	}
	a, err := c.postDispatch(ctx, &d, map[string]any{"return_run_details": true})
	if err == nil && a.status == http.StatusUnprocessableEntity && bytes.Contains(a.body, []byte("return_run_details")) {
		// An older server knows no such key, and has started nothing.
		a, err = c.postDispatch(ctx, &d, map[string]any{})
	}
	if err != nil {
		return "", err
	}
	host := c.rest.BaseURL.Host
	switch {
	case a.status == http.StatusNoContent:
		return "", nil
	case a.status == http.StatusOK:
		var details struct {
			URL string `json:"html_url"`
		}
		if text := bytes.TrimSpace(a.body); !json.Valid(text) || text[0] != '{' {
			return "", lost(host, errors.New("the answer is no JSON, or has another form than GitHub's"), false)
		}
		if json.Unmarshal(a.body, &details) != nil || !isPage(details.URL) {
			return "", nil
		}
		return details.URL, nil
	case a.status < http.StatusMultipleChoices:
		return "", lost(host, fmt.Errorf("it answered %d", a.status), false)
	}
	return "", c.notDispatched(&d, a)
}

// postDispatch sends the request once, for a second one would start a second run.
func (c *Client) postDispatch(ctx context.Context, d *Dispatch, body map[string]any) (*answer, error) {
	body["ref"], body["inputs"] = d.Ref, d.inputs()
	text, err := encode(body)
	if err != nil {
		return nil, err
	}
	to := c.rest.BaseURL.JoinPath("repos", d.Repository.Owner, d.Repository.Name, "actions/workflows", d.Workflow, "dispatches")
	r, err := newPost(ctx, to, text)
	if err != nil {
		return nil, err
	}
	// Later versions of the API refuse return_run_details.
	r.Header.Set("X-GitHub-Api-Version", "2022-11-28")
	a, err := c.sender.send(r, manner{})
	if err != nil && ctx.Err() != nil && !errors.Is(err, ErrLost) {
		return nil, lost(to.Host, context.Cause(ctx), false) // it may have been sent
	}
	return a, err
}

// isPage tells whether a text is the URL of a page, and nothing else.
func isPage(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && u.User == nil && u.String() == text
}

// clean returns a text of the server without what it was sent, which it may repeat. A
// short value is no secret.
func (d *Dispatch) clean(text string) string {
	const secret = 20
	values := slices.Collect(maps.Values(d.inputs()))
	values = slices.DeleteFunc(values, func(value string) bool { return len(value) < secret })
	values = append(values, d.Secrets...)
	slices.SortFunc(values, func(a, b string) int { return len(b) - len(a) }) // one may be a part of another
	for _, value := range values {
		if value != "" {
			text = strings.ReplaceAll(text, value, "…")
		}
	}
	return text
}

// notDispatched is the error for an answer that is no success. An answer without a
// message is not GitHub's.
func (c *Client) notDispatched(d *Dispatch, a *answer) error {
	var said struct{ Message string }
	if json.Unmarshal(a.body, &said) != nil {
		said.Message = ""
	}
	message := d.clean(said.Message)
	says := func(text string) bool { return strings.Contains(message, text) }
	what := fmt.Sprintf("%s in %s", d.Workflow, d.Repository)
	failure := &DispatchError{
		Reason: fmt.Sprintf("%s does not take this dispatch at %s: %s", what, d.Ref, c.sender.quote(message)),
		Advice: "see the message; the workflow at that ref decides what it takes",
	}
	switch {
	case message == "":
	case says("disabled workflow") && (a.status == http.StatusForbidden || a.status == http.StatusUnprocessableEntity):
		failure.Reason = fmt.Sprintf("%s is disabled: %s", what, c.sender.quote(message))
		failure.Advice = "enable the workflow, on its page below Actions"
		return failure
	case a.status == http.StatusNotFound:
		failure.Reason = fmt.Sprintf("there is no workflow %s, or the token may not see it", what)
		failure.Advice = "the file is to be in .github/workflows on the default branch; " + adviceDispatch
		return failure
	case a.status != http.StatusUnprocessableEntity:
	case says("'workflow_dispatch' trigger"):
		failure.Advice = "add workflow_dispatch to `on` in the workflow at that ref"
		return failure
	case says("Unexpected inputs"):
		failure.Advice = fmt.Sprintf("declare what is sent in on.workflow_dispatch.inputs of the workflow at that ref, the input %.100q for the token too", d.TokenInput)
		return failure
	case says("Required input"):
		failure.Advice = "give it a value with --inputs, or a default in the workflow"
		return failure
	default:
		return failure
	}
	err := c.sender.refused(c.rest.BaseURL.Host, a.status, a.header, message)
	var e *Error
	if errors.As(err, &e) && a.status == http.StatusForbidden && e.Advice == adviceRead {
		e.Advice = adviceDispatch
	}
	return err
}
