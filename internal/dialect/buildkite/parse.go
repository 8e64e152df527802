package buildkite

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/buildkite/go-pipeline"
	"github.com/buildkite/go-pipeline/ordered"
	"github.com/buildkite/go-pipeline/warning"
	"gopkg.in/yaml.v3"
)

// A PipelineError says why a pipeline can be neither signed nor checked.
type PipelineError struct {
	Reason       string // what is wrong
	Advice       string // what to do
	Rule         string // the rule of package report that refuses it, or empty
	Line, Column int    // where, both from 1; 0 where it is the whole
}

func (e *PipelineError) Error() string {
	if e.Line == 0 {
		return e.Reason
	}
	return fmt.Sprintf("line %d, column %d: %s", e.Line, e.Column, e.Reason)
}

// Hint returns what to do about the error.
func (e *PipelineError) Hint() string { return e.Advice }

// A document is a pipeline, and the tree that it was read from. There is one
// tree for both, so what is said of a place is said of what go-pipeline read.
type document struct {
	pipeline *pipeline.Pipeline
	env      []pair // the variables for all steps
	fields   []pair // of the pipeline, none where it is a list of steps
	steps    []step
}

// A step is one step of a pipeline, with where it stands.
type step struct {
	parsed  pipeline.Step
	command *pipeline.CommandStep // nil for any other step
	node    *yaml.Node
	fields  []pair // none for a step that is one word
	name    string // for messages: its key, label or number
	group   bool
}

const advicePipeline = "refused; the documentation of Buildkite has the form of a pipeline, and `buildkite-agent pipeline upload --dry-run` shows what it is read as"

// parse reads a pipeline as go-pipeline does: anchors and merges are resolved, a
// list is taken for the steps. It refuses what two readers could read in two ways.
// Errors are of type *PipelineError.
func parse(text []byte) (*document, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	tree, more := new(yaml.Node), new(yaml.Node)
	switch err := decoder.Decode(tree); {
	case err == io.EOF:
		return nil, &PipelineError{Reason: "the pipeline is empty", Advice: advicePipeline}
	case err != nil:
		return nil, &PipelineError{Reason: "the pipeline is not YAML: " + strings.TrimPrefix(err.Error(), "yaml: "), Advice: advicePipeline}
	}
	// go-pipeline reads the first document, the agent uploads all of them.
	if err := decoder.Decode(more); err != io.EOF {
		return nil, &PipelineError{
			Reason: "the text goes on after the pipeline", Advice: "keep each pipeline in a file of its own", Line: more.Line, Column: more.Column,
		}
	}
	if err := uniqueNames(tree); err != nil {
		return nil, err
	}
	d := &document{pipeline: new(pipeline.Pipeline)}
	if err := ordered.Unmarshal(tree, d.pipeline); err != nil && warning.As(err) == nil {
		return nil, &PipelineError{Reason: fmt.Sprintf("the pipeline cannot be read: %.300v", err), Advice: advicePipeline}
	}
	root := follow(tree.Content[0])
	list := root
	if root.Kind == yaml.MappingNode {
		d.fields = members(root)
		list = follow(get(d.fields, "steps"))
		d.env = members(follow(get(d.fields, "env")))
	}
	var err error
	d.steps, err = steps(nil, "", d.pipeline.Steps, list)
	return d, err
}

// steps appends the steps of a list, and those of its groups behind each group.
// They are as many as go-pipeline read, in the same order.
func steps(to []step, number string, parsed pipeline.Steps, list *yaml.Node) ([]step, error) {
	if len(parsed) > 0 && (list == nil || len(list.Content) != len(parsed)) {
		return nil, &PipelineError{Reason: "the steps cannot be told apart", Advice: advicePipeline}
	}
	for i, p := range parsed {
		s := step{parsed: p, node: list.Content[i], fields: members(follow(list.Content[i]))}
		n := fmt.Sprintf("%s%d", number, i+1)
		s.name = name(s.fields, n)
		s.command, _ = p.(*pipeline.CommandStep)
		group, ok := p.(*pipeline.GroupStep)
		s.group = ok
		to = append(to, s)
		if ok {
			var err error
			if to, err = steps(to, n+".", group.Steps, follow(get(s.fields, "steps"))); err != nil {
				return nil, err
			}
		}
	}
	return to, nil
}

// name returns what a step is called in messages.
func name(fields []pair, number string) string {
	for _, field := range []string{"key", "id", "identifier", "label", "name", "group"} {
		if v := follow(get(fields, field)); v != nil && v.Kind == yaml.ScalarNode && v.Tag != "!!null" && v.Value != "" {
			return fmt.Sprintf("step %.80q", v.Value)
		}
	}
	return "step " + number
}

// unknown tells why a step cannot be handled: it is of no known type, or it can be
// read as one step or another. It is empty for a step that can.
func (s *step) unknown() string {
	if _, ok := s.parsed.(*pipeline.UnknownStep); ok {
		return "is of no known type, so it is not known what of it must be signed"
	}
	names := make([]string, len(s.fields))
	for i, f := range s.fields {
		names[i] = f.name
	}
	return ambiguous(names, s.command != nil, s.group)
}

// ambiguous tells why a step with these fields can be read in two ways.
// go-pipeline leaves `command` out where there is `commands` too, and takes a step
// with a `type` for what that says whatever else it has. Steps in anything but a
// group are not looked at.
func ambiguous(fields []string, command, group bool) string {
	has := func(f string) bool { return slices.Contains(fields, f) }
	switch {
	case has("command") && has("commands"):
		return "has both command and commands, so it is not known which of them runs"
	case !command && (has("command") || has("commands") || has("plugins")):
		return "has a command or plugins, and its type is one that is not signed"
	case !group && has("steps"):
		return "has steps and is not a group, so it is not known whether they run"
	}
	return ""
}

// unsafe returns the first number in a signed field of a step that is not safe.
func (s *step) unsafe() *yaml.Node {
	for _, f := range s.fields {
		if signedField(f.name) {
			if n := unsafeNumber(f.value); n != nil {
				return n
			}
		}
	}
	return nil
}

// uniqueNames refuses a mapping with a name that stands there twice (YAML 1.2.2
// section 3.2.1.1), of which another reader may take the other one.
func uniqueNames(n *yaml.Node) error {
	if n.Kind == yaml.MappingNode {
		seen := make(map[string]bool, len(n.Content)/2)
		for i := 0; i < len(n.Content)-1; i += 2 {
			key := follow(n.Content[i])
			if key.Kind != yaml.ScalarNode {
				continue // go-pipeline refuses it
			}
			if seen[key.Value] {
				return &PipelineError{
					Reason: fmt.Sprintf("the name %.60q stands there twice", key.Value),
					Advice: "keep one of them", Line: n.Content[i].Line, Column: n.Content[i].Column,
				}
			}
			seen[key.Value] = true
		}
	}
	for _, c := range n.Content {
		if err := uniqueNames(c); err != nil {
			return err
		}
	}
	return nil
}
