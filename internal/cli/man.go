package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func (a *app) man() *cobra.Command {
	return &cobra.Command{
		Use:   "man",
		Short: "Print the manual page",
		Long:  "Print the manual page countersign(1), in roff. It says of each command what --help says.",
		Example: `  countersign man | man -l -
  countersign man >/usr/local/share/man/man1/countersign.1`,
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.print([]byte(manPage(c.Root())))
		},
	}
}

// manPage returns the manual page of all commands, in the macros of man(7). It is the
// same wherever and whenever it is made.
func manPage(root *cobra.Command) string {
	var m manual
	m.line(".TH COUNTERSIGN 1 \"\" \"countersign " + roff(Version) + "\" \"Countersign\"")
	m.line(".nh\n.ad l") // no hyphen that nobody wrote stands in a name
	m.section("NAME")
	m.line(roff(root.Name()) + ` \- ` + roff(root.Short))
	m.section("SYNOPSIS")
	m.line(`\fBcountersign\fR \fICOMMAND\fR [\fIflags\fR]`)
	m.section("DESCRIPTION")
	m.text(root.Long)
	m.section("COMMANDS")
	m.commands(root)
	m.section("EXAMPLES")
	m.code(root.Example)
	m.section("ENVIRONMENT")
	m.definitions(variables)
	m.section("EXIT STATUS")
	m.definitions(exitCodes)
	m.section("FILES")
	m.definitions(usedFiles)
	m.section("SEE ALSO")
	m.line(strings.Join([]string{`\fBgit\fR(1)`, `\fBgh\fR(1)`, `\fBopenssl\fR(1)`}, ",\n"))
	m.line(".PP\n" + roff("https://github.com/countersign-ci/countersign"))
	return m.String()
}

// A definition is a term and what it means.
type definition struct{ term, text string }

var variables = []definition{
	{"COUNTERSIGN_<NAME>", "Each flag that the command line does not give, in capitals and with _ for each hyphen: COUNTERSIGN_KEY for --key. A flag that repeats has its values one a line. A key, a token and a spec may be the content itself. hook reads none of them."},
	{"COUNTERSIGN_SECRET", "The secret that signer and verifier share, in place of a key."},
	{"COUNTERSIGN_GITHUB_TOKEN, GITHUB_TOKEN, GH_TOKEN", "The token for GitHub's API; the first that is set counts. It is sent to the host of the API alone."},
	{"GITHUB_API_URL, GITHUB_GRAPHQL_URL", "The API of another GitHub server."},
	{"GITHUB_*, BUILDKITE_*", "What the run or the job at hand is, as its runner or agent says it."},
	{"ACTIONS_ID_TOKEN_REQUEST_URL, ACTIONS_ID_TOKEN_REQUEST_TOKEN", "Where sign --keyless gets the identity of a job; a runner sets them where the job has the permission id-token: write."},
	{"SPACELIFT_API_KEY_ENDPOINT, SPACELIFT_API_KEY_ID, SPACELIFT_API_KEY_SECRET", "The account that sign --trigger starts runs in, and its API key. SPACELIFT_API_TOKEN with SPACELIFT_API_ENDPOINT is a token in place of a key."},
	{"INPUT_<NAME>", "In the Action, where INPUT_MODE is set, in place of COUNTERSIGN_<NAME>."},
	{"COUNTERSIGN_VERIFIED_SPEC, COUNTERSIGN_VERIFIED_<FIELD>", "What exec verified, for the command that it executes."},
}

var exitCodes = []definition{
	{"0", "What was asked for holds."},
	{"1", "It is refused: at least one finding blocks."},
	{"2", "It was used wrongly: flags, config or keys."},
	{"3", "Undecided: the network, the API or the disk failed. Nothing was accepted and nothing was written."},
}

var usedFiles = []definition{
	{configName, "How the pins of a repository are checked and updated. Nothing in it decides about trust in tokens."},
	{"the file that hook --config names", "Whom a worker trusts, which belongs to the worker's owner."},
}

// A manual is a page that is being written.
type manual struct{ strings.Builder }

// line adds a line of roff.
func (m *manual) line(s string) { m.WriteString(s + "\n") }

func (m *manual) section(name string) { m.line(".SH " + name) }

// commands adds the commands below a command that have none below themselves.
func (m *manual) commands(of *cobra.Command) {
	for _, c := range of.Commands() {
		switch {
		case c.Hidden:
		case c.HasAvailableSubCommands():
			m.commands(c)
		default:
			m.command(c)
		}
	}
}

func (m *manual) command(c *cobra.Command) {
	m.line(".SS " + roff(c.CommandPath()))
	m.line(`\fB` + roff(synopsis(c)) + `\fR`)
	m.line(".PP")
	m.text(c.Long)
	inherited := m.inherited(c)
	c.Flags().VisitAll(func(flag *pflag.Flag) {
		if flag.Name != "help" && !slices.Contains(inherited, flag.Name) {
			m.flag(flag)
		}
	})
	m.line(".PP\nExamples:\n.PP")
	m.code(c.Example)
}

// inherited returns the flags of a command that stand with another one.
func (m *manual) inherited(c *cobra.Command) (names []string) {
	if c.Name() != "exec" {
		return nil
	}
	verify, _, err := c.Root().Find([]string{"verify"})
	if err != nil {
		return nil
	}
	m.line(".PP\nIt takes the flags of \\fBcountersign verify\\fR, and:")
	verify.Flags().VisitAll(func(flag *pflag.Flag) { names = append(names, flag.Name) })
	return names
}

func (m *manual) flag(flag *pflag.Flag) {
	kind, usage := pflag.UnquoteUsage(flag)
	m.line(".TP")
	name := `\fB\-\-` + roff(flag.Name) + `\fR`
	if kind != "" {
		name += ` \fI` + roff(kind) + `\fR`
	}
	m.line(name)
	if !slices.Contains([]string{"", "0", "0s", "false"}, flag.DefValue) {
		usage += fmt.Sprintf(" (default: %s)", flag.DefValue)
	}
	m.fill(usage)
}

// text adds paragraphs. Lines that are indented stay as they are.
func (m *manual) text(s string) {
	for i, paragraph := range strings.Split(s, "\n\n") {
		if i > 0 {
			m.line(".PP")
		}
		if strings.HasPrefix(paragraph, "  ") {
			m.code(paragraph)
			continue
		}
		m.fill(paragraph)
	}
}

// fill adds a text in short lines.
func (m *manual) fill(s string) {
	line := ""
	for _, word := range strings.Fields(s) {
		if len(line)+len(word) >= 60 {
			m.line(roff(line))
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	m.line(roff(line))
}

// code adds lines as they are.
func (m *manual) code(s string) {
	m.line(".RS 4\n.nf")
	for line := range strings.Lines(s) {
		m.line(roff(strings.TrimPrefix(strings.TrimSuffix(line, "\n"), "  ")))
	}
	m.line(".fi\n.RE")
}

func (m *manual) definitions(all []definition) {
	for _, d := range all {
		m.line(".TP\n\\fB" + roff(d.term) + "\\fR")
		m.fill(d.text)
	}
}

// roff returns a text for groff_char(7), as which it looks as it is: no line of it is a
// request, and what a formatter would turn into typographic signs can be copied.
func roff(text string) string {
	var b strings.Builder
	begins := true // a line
	for _, c := range text {
		switch s, special := signs[c]; {
		case special:
			b.WriteString(s)
		case c == '.' && begins:
			b.WriteString(`\&.`)
		case c > 126:
			fmt.Fprintf(&b, `\[u%04X]`, c)
		case c < ' ' && c != '\n':
			b.WriteByte(' ')
		default:
			b.WriteRune(c)
		}
		begins = c == '\n'
	}
	return b.String()
}

// signs are the characters that roff has another use for.
var signs = map[rune]string{
	'\\': `\e`, '-': `\-`, '\'': `\(aq`, '`': "\\(ga", '"': `\(dq`, '^': `\(ha`, '~': `\(ti`,
}
