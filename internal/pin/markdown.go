package pin

import (
	"bytes"
	"errors"
	"regexp"
	"strings"

	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

// blocksAndCode reads blocks, and of what stands in a line only code and what
// takes precedence over it. Links and emphasis tell nothing about code, and some
// texts take long with them.
var blocksAndCode = parser.NewParser(
	parser.WithBlockParsers(parser.DefaultBlockParsers()...),
	parser.WithInlineParsers(
		util.Prioritized(parser.NewCodeSpanParser(), 100),
		util.Prioritized(parser.NewAutoLinkParser(), 300),
		util.Prioritized(parser.NewRawHTMLParser(), 400),
	),
)

// markdown finds the refs in the examples of Markdown (CommonMark 0.31.2): code
// blocks, fenced or indented, and inline code. Code in a language that is no
// YAML is left alone.
func (f *Finder) markdown(file *File) error {
	source := bytes.TrimPrefix(file.Text, byteOrderMark)
	if tooDeep(source) {
		return errors.New("it has more quotes and lists in each other than anybody writes")
	}
	example := func(p passage) { f.example(file, p.moved(len(file.Text)-len(source))) }
	root := blocksAndCode.Parse(text.NewReader(source))
	err := ast.Walk(root, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch n := n.(type) {
		case *ast.FencedCodeBlock:
			if readsLanguage(string(n.Language(source))) {
				example(blockPassage(n.Lines(), source))
			}
		case *ast.CodeBlock:
			example(blockPassage(n.Lines(), source))
		case *ast.CodeSpan:
			if code, ok := n.FirstChild().(*ast.Text); ok && code.NextSibling() == nil {
				example(passage{code.Segment.Value(source), []piece{{0, code.Segment.Start}}})
			}
		}
		return ast.WalkContinue, nil
	})
	return err
}

// maxContainers is how many quotes and lists can begin on one line. Reading them
// takes as long as the square of their number.
const maxContainers = 300

// tooDeep tells whether a line has more marks of quotes and lists in front.
func tooDeep(source []byte) bool {
	for line := range bytes.Lines(source) {
		rest := bytes.TrimLeft(line, " \t")
		for n := 0; ; n++ {
			mark := containerMark.Find(rest)
			if len(mark) == 0 {
				break
			}
			if n == maxContainers {
				return true
			}
			rest = rest[len(mark):]
		}
	}
	return false
}

var containerMark = regexp.MustCompile(`^(?:>|[-+*][ \t]|[0-9]{1,9}[.)][ \t])[ \t]*`)

// readsLanguage tells whether code in a language may be YAML. A language that is
// not told may be any.
func readsLanguage(language string) bool {
	language = strings.ToLower(language)
	if i := strings.IndexAny(language, "{,:"); i >= 0 {
		language = language[:i]
	}
	switch language {
	case "", "yaml", "yml", "json", "json5", "jsonc", "text", "txt", "plain", "plaintext":
		return true
	}
	return false
}

// blockPassage joins the lines of a code block.
func blockPassage(lines *text.Segments, source []byte) passage {
	var p passage
	for i := range lines.Len() {
		line := lines.At(i)
		p.text = append(p.text, strings.Repeat(" ", line.Padding)...) // a tab of which only a part is indent
		p.pieces = append(p.pieces, piece{len(p.text), line.Start})
		p.text = append(p.text, source[line.Start:line.Stop]...)
	}
	return p
}

// example finds the refs in code, line by line where it is no YAML as a whole:
// because of an ellipsis or a placeholder, or for it is something else.
func (f *Finder) example(file *File, p passage) {
	if !bytes.ContainsAny(p.text, `@#\`) && !bytes.Contains(p.text, []byte("docker:")) {
		return // no ref is without one of these
	}
	if f.yaml(file, p, true) != nil {
		file.add(p, looseRefs(file.Name, p.text), nil)
	}
}

// looseRefs finds the refs that stand on lines of their own in text that is no
// YAML as a whole: `uses: …`, `- <plugin>` and `- <plugin>:`. Block texts are
// left out.
func looseRefs(name string, text []byte) []*Ref {
	var refs []*Ref
	block := -1 // the indent of the key of the block text that goes on
	for start := 0; start < len(text); {
		end := start + bytes.IndexByte(text[start:], '\n')
		if end < start {
			end = len(text)
		}
		line := string(bytes.TrimRight(text[start:end], "\r"))
		trimmed := strings.TrimLeft(line, " ")
		indent := len(line) - len(trimmed)
		if trimmed != "" && (block < 0 || indent <= block) {
			block = -1
			if startsBlock(trimmed) {
				block = indent
			}
			if r := looseRef(line, start); r != nil {
				r.File = name
				refs = append(refs, r)
			}
		}
		start = end + 1
	}
	return refs
}

// startsBlock tells whether a line ends with the header of a block text.
func startsBlock(line string) bool {
	line, _, _ = strings.Cut(line, " #")
	line = strings.TrimRight(strings.TrimRight(line, " "), "+-0123456789")
	return strings.HasSuffix(line, ": |") || strings.HasSuffix(line, ": >") || strings.HasSuffix(line, "- |") || strings.HasSuffix(line, "- >")
}

// looseRef returns the ref on a line that begins at an offset of its text, nil
// if there is none.
func looseRef(line string, offset int) *Ref {
	rest := strings.TrimLeft(line, " ")
	dashed := false
	for strings.HasPrefix(rest, "- ") {
		dashed, rest = true, strings.TrimLeft(rest[2:], " ")
	}
	value, uses := strings.CutPrefix(rest, "uses: ")
	value = strings.TrimLeft(value, " ")
	quote := ""
	if value != "" && (value[0] == '\'' || value[0] == '"') {
		quote, value = value[:1], value[1:]
	}
	before := len(line) - len(value)
	token, after := value, ""
	switch {
	case quote != "":
		var closed bool
		if token, after, closed = strings.Cut(value, quote); !closed {
			return nil
		}
	default:
		if i := strings.IndexAny(value, " \t"); i >= 0 {
			token, after = value[:i], value[i:]
		}
		if !uses && strings.HasSuffix(token, ":") {
			token, after = token[:len(token)-1], ":"+after
		}
	}
	isKey := strings.HasPrefix(after, ":")
	comment := strings.TrimLeft(strings.TrimPrefix(after, ":"), " \t")
	if comment != "" && comment[0] != '#' {
		return nil
	}
	r := &Ref{Text: token, start: offset + before, end: offset + before + len(token), spliceable: true}
	switch {
	case uses && !isKey && isActionExample(token):
		r.target = parseUses(token)
	case !uses && (dashed || isKey) && isPluginExample(token):
		r.target = parsePlugin(token)
	default:
		return nil
	}
	return r
}
