package runspec

import (
	"errors"
	"fmt"
	"math"

	"github.com/countersign-ci/countersign/internal/jose"
)

// Parse reads a spec from a JSON value. It refuses an unknown version, an
// unknown field, a value of another type and an empty text.
func Parse(v jose.Value) (*Spec, error) {
	if v.Kind != jose.Object {
		return nil, fmt.Errorf("the spec is %s where an object is expected", v.Kind)
	}
	s := &Spec{}
	for _, m := range v.Members {
		switch err := s.set(m.Name, m.Value); {
		case errors.Is(err, errUnknownField):
			return nil, fmt.Errorf("the spec %w", err)
		case err != nil:
			return nil, fmt.Errorf("the spec's field %s %w", m.Name, err)
		}
	}
	if s.Version != Version {
		return nil, fmt.Errorf("the spec has no version; %d is expected", Version)
	}
	return s, nil
}

// ParseText reads a spec from a JSON text.
func ParseText(text string) (*Spec, error) {
	v, err := jose.ParseJSON(text)
	if err != nil {
		return nil, err
	}
	return Parse(v)
}

// errUnknownField leaves the name out: a spec may come in a token that is
// refused, and nothing of it is quoted.
var errUnknownField = errors.New("has a field that is not known here; a newer signer may have set a limit with it")

func (s *Spec) set(name string, v jose.Value) (err error) {
	if f, ok := FieldNamed(name); ok {
		return setText(f.Of(s), v)
	}
	switch name {
	case "version":
		if n, err := v.Int(); err != nil || n != Version {
			return fmt.Errorf("is not %d, the version that is known here", Version)
		}
		s.Version = Version
	case "commands":
		s.Commands, err = ParseCommands(v)
	case "inputs":
		s.Inputs, err = ParseTexts(v)
	case "artifacts":
		s.Artifacts, err = parseArtifacts(v)
	case "signer":
		s.Signer, err = parseSigner(v)
	default:
		return errUnknownField
	}
	return err
}

// elements hands each member of an object or each element of an array to f.
func elements(v jose.Value, kind jose.Kind, f func(jose.Member) error) error {
	if v.Kind != kind {
		return fmt.Errorf("is %s where %s is expected", v.Kind, kind)
	}
	return v.Each(f)
}

func setText(to *string, v jose.Value) error {
	if v.Kind != jose.String {
		return fmt.Errorf("is %s where a string is expected", v.Kind)
	}
	if v.Text == "" {
		return errors.New("is empty, which limits nothing")
	}
	*to = v.Text
	return nil
}

// ParseCommands reads an array of texts, none of them empty.
func ParseCommands(v jose.Value) ([]string, error) {
	commands := []string{}
	err := elements(v, jose.Array, func(m jose.Member) error {
		var command string
		err := setText(&command, m.Value)
		commands = append(commands, command)
		return err
	})
	return commands, err
}

// ParseTexts reads an object whose values are texts, as a spec holds inputs.
func ParseTexts(v jose.Value) (map[string]string, error) {
	inputs := map[string]string{}
	return inputs, elements(v, jose.Object, func(m jose.Member) error {
		if m.Value.Kind != jose.String {
			return fmt.Errorf("has %s as a value where a string is expected", m.Value.Kind)
		}
		inputs[m.Name] = m.Value.Text
		return nil
	})
}

func parseSigner(v jose.Value) (*Signer, error) {
	s := &Signer{}
	return s, elements(v, jose.Object, func(m jose.Member) error {
		switch m.Name {
		case "repository":
			return setText(&s.Repository, m.Value)
		case "workflow_ref":
			return setText(&s.WorkflowRef, m.Value)
		case "run_id":
			return setText(&s.RunID, m.Value)
		case "run_attempt":
			n, err := m.Value.Int()
			if err != nil || n < 1 || n > math.MaxInt32 {
				return errors.New("has a run_attempt that is no attempt")
			}
			s.RunAttempt = int(n)
			return nil
		case "actor":
			return setText(&s.Actor, m.Value)
		case "sha":
			return setText(&s.SHA, m.Value)
		}
		return errors.New("has a field that is not known here")
	})
}
