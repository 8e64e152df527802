package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// MaxSize is the size of the largest file, in bytes.
const MaxSize = 256 << 10

// document returns the root of the only document in a text, or nil where there
// is nothing in it. No node below has an anchor, an alias or a tag of its own,
// and no mapping has a key twice or one that is not a scalar.
func document(name string, text []byte) (*yaml.Node, error) {
	if err := checkText(name, text); err != nil {
		return nil, err
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	var first, second yaml.Node
	switch err := decoder.Decode(&first); {
	case errors.Is(err, io.EOF):
		return nil, nil
	case err != nil:
		return nil, syntaxError(name, text, err)
	}
	switch err := decoder.Decode(&second); {
	case err == nil:
		v := value{&second, name, ""}
		return nil, v.errorf("a file has one document: remove the line ---", "there is a second document")
	case !errors.Is(err, io.EOF):
		return nil, syntaxError(name, text, err)
	}
	root := first.Content[0]
	if err := plain(value{root, name, ""}); err != nil {
		return nil, err
	}
	if root.Tag == nullTag && root.Value == "" {
		return nil, nil
	}
	return root, nil
}

// checkText checks the characters of a text, so that an error has the place,
// which the YAML library does not tell.
func checkText(name string, text []byte) error {
	if len(text) > MaxSize {
		return &Error{Name: name, Reason: "the file has more than 256 KiB", Advice: "a config file is short; is it another file?"}
	}
	line, column := 1, 0
	for rest := text; len(rest) > 0; {
		r, size := utf8.DecodeRune(rest)
		column++
		fail := func(reason, advice string) error { return &Error{name, line, column, reason, advice} }
		switch {
		case r == utf8.RuneError && size == 1:
			return fail("the text is not UTF-8", "save the file as UTF-8")
		case r == '\t':
			return fail("there is a tab", `use spaces; in a regular expression a tab is \t`)
		case r == '\n' || r == '\r' && !bytes.HasPrefix(rest, []byte("\r\n")):
			line, column = line+1, 0
		case unicode.In(r, unicode.Cc, unicode.Zl, unicode.Zp) && r != '\r':
			return fail(fmt.Sprintf("there is the control character %U", r), "remove it")
		}
		rest = rest[size:]
	}
	return nil
}

// Messages of the YAML library: with the line, and those of its parser, which
// counts lines from 0 where its scanner counts from 1.
var (
	yamlMessage   = regexp.MustCompile(`^yaml: (?:line (\d+): )?(.*)$`)
	lineEnd       = regexp.MustCompile(`\r\n?|\n`)
	parserMessage = regexp.MustCompile(`^did not find expected (?:'|<|key|node)`)
)

// syntaxError makes an error of what the YAML library says, which has no column
// and, for what stands on the first line, no line.
func syntaxError(name string, text []byte, err error) error {
	message, line := err.Error(), 0
	if m := yamlMessage.FindStringSubmatch(message); m != nil {
		message = m[2]
		line, _ = strconv.Atoi(m[1])
		if line == 0 || parserMessage.MatchString(message) {
			line++
		}
		// The end of a text without a line end counts as a line for the library.
		line = min(line, 1+len(lineEnd.FindAllIndex(text, -1)))
	}
	e := &Error{name, line, 0, "this is not YAML: " + message, "compare the indentation, colons and quotes with the example in the documentation"}
	switch {
	case strings.HasPrefix(message, "unknown anchor "):
		e.Line = lineOfAlias(text)
		e.Reason, e.Advice = "there is an alias", adviceStar
	case strings.Contains(message, "alphabetic or numeric character"):
		e.Advice = adviceStar
	}
	return e
}

const adviceStar = "put what starts with * or & in quotes, such as '*.md'; anchors and aliases are not read here"

var aliasMark = regexp.MustCompile(`(?m)^[^#'"\n]*?(?:^|[ ,:\[{-])\*[^ \n]`)

// lineOfAlias returns the line of the first alias, or 0.
func lineOfAlias(text []byte) int {
	at := aliasMark.FindIndex(text)
	if at == nil {
		return 0
	}
	return 1 + bytes.Count(text[:at[0]], []byte("\n"))
}

// plain refuses what makes YAML mean something else than it seems to. There can
// be no alias where there is no anchor.
func plain(v value) error {
	switch {
	case v.Anchor != "":
		return v.errorf(adviceStar, "there is an anchor")
	case v.Style&yaml.TaggedStyle != 0:
		return v.errorf("write the value without what starts with !; a text that looks like something else stands in quotes", "there is a tag")
	}
	lines := map[string]int{} // of the keys of a mapping
	for i, n := range v.Content {
		child := value{n, v.file, v.key}
		if v.Kind == yaml.MappingNode && i%2 == 0 {
			if err := child.plainKey(lines); err != nil {
				return err
			}
		}
		if err := plain(child); err != nil {
			return err
		}
	}
	return nil
}

// plainKey checks a key of a mapping, given the lines of those before it.
func (v value) plainKey(lines map[string]int) error {
	switch {
	case v.Tag == mergeTag:
		return v.errorf("write out what is meant", "there is a merge key, <<")
	case v.Kind == yaml.MappingNode || v.Kind == yaml.SequenceNode:
		return v.errorf("put a key that starts with [ or { in quotes", "a key is %s and has to be a text", v.kind())
	}
	if line, ok := lines[v.Value]; ok {
		return v.errorf("keep one of the two", "there is a second %.40q; the first is on line %d", v.Value, line)
	}
	lines[v.Value] = v.Line
	return nil
}
