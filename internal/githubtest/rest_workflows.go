package githubtest

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

const (
	workflowFolder = ".github/workflows/"
	maxInputs      = 65535 // bytes, of all as JSON
)

// A Dispatch is a run that was started by workflow_dispatch.
type Dispatch struct {
	ID         int64  // of the run
	Repository string // owner/name
	Workflow   string // .github/workflows/<file>
	Ref        string // in full
	SHA        string // the head of the ref when the run was started
	// Inputs are those that were sent, and of the others the defaults.
	Inputs map[string]string
}

// OnDispatch sets a function that is called for each run that is started, after its
// answer is decided and before it is sent. It may call any method.
func (s *Server) OnDispatch(f func(Dispatch)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.onDispatch = f
}

// Dispatches returns the runs that were started.
func (s *Server) Dispatches() []Dispatch {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.dispatches)
}

// CommitFile puts a commit with a file's content on a branch and returns its id. A
// branch that does not exist starts from the default branch.
func (r *Repo) CommitFile(branch, path, content string) string {
	r.s.t.Helper()
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	full := "refs/heads/" + branch
	parent := r.commitOf(r.objects[cmp.Or(r.refs[full], r.refs["refs/heads/"+r.branch])])
	if parent == nil {
		r.s.errorf("%s has no branch to start %s from", r.fullName(), branch)
		return ""
	}
	files := r.flatten(parent.tree)
	files[path] = entry{mode: fileMode, kind: blobKind, oid: r.putBlob(content).oid}
	o := r.putCommit(r.writeTree(files).oid, "Write "+path, r.tick(), parent.oid)
	r.setRef(full, o.oid)
	return o.oid
}

// A trigger is workflow_dispatch below `on` in a workflow.
type trigger struct {
	Inputs map[string]struct {
		Required bool
		Type     string
		Default  yaml.Node
		Options  []string
	}
}

// postDispatch starts a run. GitHub knows a workflow that stands on the default
// branch; one that ran from another branch once it knows too, and here it does not.
func postDispatch(c *call) *reply {
	if c.request.Header.Get("Authorization") == "" {
		return problem(http.StatusUnauthorized, "Requires authentication")
	}
	path := workflowFolder + c.params["workflow_id"]
	if _, ok := c.repo.workflow(c.repo.refs["refs/heads/"+c.repo.branch], path); !ok {
		return gone()
	}
	full := c.repo.fullRef(c.in.text("ref"))
	commit := c.repo.commitOf(c.repo.objects[c.repo.refs[full]])
	if commit == nil || !strings.HasPrefix(full, "refs/heads/") && !strings.HasPrefix(full, "refs/tags/") {
		return unprocessed("No ref found for: %s", c.in.text("ref"))
	}
	text, _ := c.repo.workflow(commit.oid, path)
	t, err := parseTrigger(text)
	switch {
	case err != nil:
		return unprocessed("Failed to parse workflow: %v", err)
	case t == nil:
		return unprocessed("Workflow does not have 'workflow_dispatch' trigger")
	}
	inputs, refused := t.inputs(c.in.input("inputs"))
	if refused != nil {
		return refused
	}
	d := Dispatch{
		ID: 9_000_000_001 + int64(len(c.s.dispatches)), Repository: c.repo.fullName(), Workflow: path,
		Ref: full, SHA: commit.oid, Inputs: inputs,
	}
	c.s.dispatches = append(c.s.dispatches, d)
	answer := &reply{status: http.StatusNoContent, header: http.Header{}}
	if c.in.flag("return_run_details") {
		run := fmt.Sprintf("/actions/runs/%d", d.ID)
		answer = answerJSON(http.StatusOK, shapeOf{
			"workflow_run_id": d.ID, "run_url": c.repoURL() + run, "html_url": c.repoHTML() + run,
		})
	}
	if hook := c.s.onDispatch; hook != nil {
		answer.hook = func() { hook(d) }
	}
	return answer
}

func unprocessed(format string, args ...any) *reply {
	return problem(http.StatusUnprocessableEntity, fmt.Sprintf(format, args...))
}

// workflow returns a file at a commit or a tag of one.
func (r *Repo) workflow(oid, path string) (text string, ok bool) {
	o := r.commitOf(r.objects[oid])
	if o == nil {
		return "", false
	}
	e, ok := r.at(o.tree, path)
	if !ok || e.kind != blobKind {
		return "", false
	}
	return r.objects[e.oid].content, true
}

// parseTrigger returns nil for a workflow that is not triggered by workflow_dispatch.
func parseTrigger(text string) (*trigger, error) {
	var file struct{ On yaml.Node }
	if err := yaml.Unmarshal([]byte(text), &file); err != nil {
		return nil, err
	}
	const name = "workflow_dispatch"
	switch file.On.Kind {
	case yaml.ScalarNode:
		if file.On.Value == name {
			return &trigger{}, nil
		}
	case yaml.SequenceNode:
		var events []string
		if err := file.On.Decode(&events); err != nil {
			return nil, err
		}
		if slices.Contains(events, name) {
			return &trigger{}, nil
		}
	case yaml.MappingNode:
		var events map[string]yaml.Node
		if err := file.On.Decode(&events); err != nil {
			return nil, err
		}
		if n, ok := events[name]; ok {
			t := &trigger{}
			return t, n.Decode(t)
		}
	}
	return nil, nil
}

// inputs returns the inputs of a run, or GitHub's refusal of those that were sent.
func (t *trigger) inputs(sent arguments) (map[string]string, *reply) {
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	if err := e.Encode(sent); err != nil || len(bytes.TrimSpace(text.Bytes())) > maxInputs {
		return nil, unprocessed("inputs are too large.")
	}
	var unexpected []string
	for _, name := range slices.Sorted(maps.Keys(sent)) {
		if _, ok := t.Inputs[name]; !ok {
			unexpected = append(unexpected, name)
		}
	}
	if unexpected != nil {
		names, _ := json.Marshal(unexpected)
		return nil, unprocessed("Unexpected inputs provided: %s", names)
	}
	inputs := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(t.Inputs)) {
		declared, value := t.Inputs[name], ""
		if v := sent[name]; v != nil {
			value = fmt.Sprint(v)
		}
		switch {
		case value != "":
		case !declared.Default.IsZero():
			value = declared.Default.Value
		case declared.Required:
			return nil, unprocessed("Required input '%s' not provided", name)
		case declared.Type == "boolean":
			value = "false"
		}
		if declared.Type == "choice" && value != "" && !slices.Contains(declared.Options, value) {
			return nil, unprocessed("Provided value '%s' for input '%s' not in the list of allowed values", value, name)
		}
		inputs[name] = value
	}
	return inputs, nil
}
