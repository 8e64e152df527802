package config

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/countersign-ci/countersign/internal/advice"
)

// The tags of YAML that the library gives to values that are not quoted.
const (
	stringTag = "!!str"
	nullTag   = "!!null"
	boolTag   = "!!bool"
	intTag    = "!!int"
	floatTag  = "!!float"
	timeTag   = "!!timestamp"
	mergeTag  = "!!merge"
)

// A value is a node of a file, under the key that it stands for.
type value struct {
	*yaml.Node
	file string // its name
	key  string // with the keys above it, such as allow.owners; empty at the root
}

// errorf returns an error at the place of v.
func (v value) errorf(advice, format string, args ...any) error {
	return &Error{v.file, v.Line, v.Column, fmt.Sprintf(format, args...), advice}
}

// kind says what v is, for people.
func (v value) kind() string {
	switch v.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	}
	switch v.Tag {
	case nullTag:
		return "nothing"
	case boolTag:
		return "true or false"
	case intTag, floatTag:
		return "a number"
	case timeTag:
		return "a date"
	default:
		return "a text"
	}
}

// wrongType returns the error for a value that is not of the wanted type.
func (v value) wrongType(want, advice string) error {
	if v.key == "" {
		return v.errorf(advice, "the file has %s where %s is expected", v.kind(), want)
	}
	if v.Tag == nullTag {
		advice = "give it a value, or leave the key out"
	}
	return v.errorf(advice, "%q has %s where %s is expected", v.key, v.kind(), want)
}

// text returns what is quoted, or cannot be read as anything but a text.
func (v value) text() (string, error) {
	switch {
	case v.Kind != yaml.ScalarNode:
		return "", v.wrongType("a text", "write one text")
	case v.Tag != stringTag:
		return "", v.wrongType("a text", "put the text in quotes")
	}
	return v.Value, nil
}

func (v value) boolean() (bool, error) {
	if v.Tag != boolTag {
		return false, v.wrongType("true or false", "write true or false, without quotes")
	}
	return strings.EqualFold(v.Value, "true"), nil
}

// choice returns a text that is one of several.
func (v value) choice(choices ...string) (string, error) {
	s, err := v.text()
	if err == nil && !slices.Contains(choices, s) {
		err = v.errorf("write "+oneOf(choices), "%q has %.40q, which it cannot be", v.key, s)
	}
	return s, err
}

// items reads each item of a list.
func items[T any](v value, read func(value) (T, error)) ([]T, error) {
	if v.Kind != yaml.SequenceNode {
		return nil, v.wrongType("a list", "write a list, such as [a, b], or a line with - for each item")
	}
	var all []T
	for _, n := range v.Content {
		item, err := read(value{n, v.file, v.key})
		if err != nil {
			return nil, err
		}
		all = append(all, item)
	}
	return all, nil
}

// someOf reads a list that has at least one item: an empty one would say that
// there is nothing, and is more likely to have been meant to say nothing.
func (v value) someOf(read func(value) (string, error), advice string) ([]string, error) {
	all, err := items(v, read)
	if err == nil && len(all) == 0 {
		err = v.errorf(advice, "%q is an empty list", v.key)
	}
	return all, err
}

// atMost refuses a list, or a mapping, that is too long.
func (v value) atMost(n int, advice string) error {
	if len(v.Content) > n {
		return v.errorf(advice, "%q has more than %d items", v.key, n)
	}
	return nil
}

// A key is one that a mapping can have, and how its value gets into a T.
type key[T any] struct {
	name     string
	required bool
	read     func(value, *T) error
}

// mapping reads a mapping with those keys.
func mapping[T any](v value, keys []key[T], to *T) error {
	if v.Kind != yaml.MappingNode {
		return v.wrongType("a mapping", "write lines of the form key: value")
	}
	var given, names, required []string
	for _, k := range keys {
		names = append(names, k.name)
		if k.required {
			required = append(required, k.name)
		}
	}
	for i := 0; i < len(v.Content); i += 2 {
		name := v.Content[i].Value
		at := slices.Index(names, name)
		if at < 0 {
			return value{v.Content[i], v.file, v.key}.unknown(names)
		}
		if err := keys[at].read(value{v.Content[i+1], v.file, v.under(name)}, to); err != nil {
			return err
		}
		given = append(given, name)
	}
	for _, name := range required {
		if !slices.Contains(given, name) {
			return v.errorf(fmt.Sprintf("each of %q needs %s", v.key, allOf(required)), "%q is missing", v.under(name))
		}
	}
	return nil
}

// child returns what stands under a key of a mapping, and whether it is there.
func (v value) child(name string) (value, bool) {
	if v.Kind == yaml.MappingNode {
		for i := 0; i < len(v.Content); i += 2 {
			if v.Content[i].Value == name {
				return value{v.Content[i+1], v.file, v.under(name)}, true
			}
		}
	}
	return value{}, false
}

// under returns the full name of a key below v.
func (v value) under(name string) string {
	if v.key == "" {
		return name
	}
	return v.key + "." + name
}

// unknown returns the error for a key that is none of the known ones.
func (v value) unknown(known []string) error {
	meant, hint := advice.Nearest(v.Value, known), "there are "+allOf(known)
	if meant == "" {
		return v.errorf(hint, "there is no key %.40q", v.under(v.Value))
	}
	return v.errorf(hint, "there is no key %.40q; did you mean %q?", v.under(v.Value), v.under(meant))
}
