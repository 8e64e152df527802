package config

import (
	"regexp"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
	"go.yaml.in/yaml/v3"
)

// A Stack is a stack of Spacelift and the files that belong to it.
type Stack struct {
	ID    string
	Paths []string // globs, at least one
}

// Stacks are the stacks of one repository, at least one, in the order of the file.
type Stacks []Stack

// Touched returns the ids of the stacks to which at least one of the paths belongs, in
// the order of the stacks. A path starts at the root of the repository and has slashes.
func (s Stacks) Touched(paths []string) (ids []string) {
	for _, stack := range s {
		if slices.ContainsFunc(paths, stack.has) {
			ids = append(ids, stack.ID)
		}
	}
	return ids
}

func (s Stack) has(path string) bool {
	return slices.ContainsFunc(s.Paths, func(glob string) bool {
		// The name of a folder means what lies in it, or it would silently mean nothing.
		return doublestar.MatchUnvalidated(glob, path) || strings.HasPrefix(path, glob+"/")
	})
}

// ParseStacks reads the file that `--stacks` names, which says what files of a
// repository belong to which stack of Spacelift:
//
//	version: 1
//	stacks:                   # ids, and the files that belong to them
//	  network: [infra/network/**, modules/**]
//	  app-prod:
//	    - infra/app/**
//
// An id has letters, digits, _ and -, at most 100. Files are globs as in a
// .github/countersign.yml, and case counts. A file may belong to several stacks, or
// to none.
//
// name is what errors call the file; they are of type *Error.
func ParseStacks(name string, text []byte) (Stacks, error) {
	root, err := document(name, text)
	if err != nil {
		return nil, err
	}
	if root == nil {
		return nil, &Error{name, 1, 1, "the file is empty, so there is no stack", adviceVersion}
	}
	v := value{root, name, ""}
	if err := v.version(); err != nil {
		return nil, err
	}
	var s Stacks
	if err := mapping(v, stacksKeys, &s); err != nil {
		return nil, err
	}
	if s == nil {
		return nil, v.errorf(adviceStacks, "%q is missing", "stacks")
	}
	return s, nil
}

const adviceStacks = "write the ids of stacks and their files, such as network: [infra/network/**]"

var stacksKeys = []key[Stacks]{
	{name: "version", read: func(value, *Stacks) error { return nil }},
	{name: "stacks", read: func(v value, s *Stacks) (err error) {
		*s, err = v.stacks()
		return err
	}},
}

// stackForm is that of the id of a stack, which has at most maxStackID bytes.
var stackForm = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

const maxStackID = 100

func (v value) stacks() (s Stacks, err error) {
	switch {
	case v.Kind != yaml.MappingNode:
		return nil, v.wrongType("a mapping", adviceStacks)
	case len(v.Content) == 0:
		return nil, v.errorf(adviceStacks, "%q has no stack", v.key)
	}
	for i := 0; i < len(v.Content); i += 2 {
		id := v.Content[i].Value
		if !stackForm.MatchString(id) || len(id) > maxStackID {
			return nil, value{v.Content[i], v.file, v.key}.errorf(
				"write the id of a stack, as it stands in its URL, such as app-prod", "%q has %.40q, which is no id of a stack", v.key, id)
		}
		paths, err := value{v.Content[i+1], v.file, v.under(id)}.fewOf(value.glob, "name the files of the stack, or leave the stack out")
		if err != nil {
			return nil, err
		}
		s = append(s, Stack{id, paths})
	}
	return s, nil
}
