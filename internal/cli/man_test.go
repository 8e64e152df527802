package cli

import (
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/spf13/pflag"
)

func manual1(t *testing.T) string {
	t.Helper()
	code, stdout, stderr := (program{nil, http.DefaultClient}).run("man")
	if code != exitOK || stderr != "" {
		t.Fatalf("man ended with %d: %s", code, stderr)
	}
	return stdout
}

// TestMan has the page name every command, flag, choice and example.
func TestMan(t *testing.T) {
	page := manual1(t)
	if page != manual1(t) {
		t.Error("two pages differ")
	}
	for _, name := range []string{"NAME", "SYNOPSIS", "DESCRIPTION", "COMMANDS", "EXAMPLES", "ENVIRONMENT", "EXIT STATUS", "FILES", "SEE ALSO"} {
		if strings.Count(page, "\n.SH "+name+"\n") != 1 {
			t.Errorf("there is no section %s", name)
		}
	}
	for c := range everyCommand((&app{}).root()) {
		if c.HasSubCommands() {
			continue
		}
		_, section, found := strings.Cut(page, "\n.SS "+roff(c.CommandPath())+"\n")
		section, _, _ = strings.Cut(section, "\n.S")
		if !found {
			t.Errorf("there is no section %s", c.CommandPath())
		}
		c.Flags().VisitAll(func(flag *pflag.Flag) {
			kind, _ := pflag.UnquoteUsage(flag)
			line := "\n" + strings.TrimSuffix(`\fB\-\-`+roff(flag.Name)+`\fR \fI`+roff(kind)+`\fR`, ` \fI\fR`) + "\n"
			there := section
			if c.Name() == "exec" {
				there = page // with verify, whose flags it has
			}
			if flag.Name != "help" && !strings.Contains(there, line) {
				t.Errorf("%s has no %q", c.CommandPath(), line)
			}
		})
		for line := range strings.Lines(c.Example) {
			if !strings.Contains(section, roff(strings.TrimSpace(line))) {
				t.Errorf("%s has no example %q", c.CommandPath(), line)
			}
		}
	}
	for i, c := range page {
		if c > 126 || c < ' ' && c != '\n' {
			t.Fatalf("there is %q at %d", c, i)
		}
	}
	for _, line := range strings.Split(page, "\n") {
		if strings.HasPrefix(line, "'") || strings.HasSuffix(line, " ") {
			t.Errorf("there is a line %q", line)
		}
	}
}

// TestManFormatters has formatters read the page. There is no date in it, for the
// page of a version is to be the same on every day.
func TestManFormatters(t *testing.T) {
	page := manual1(t)
	for _, line := range []string{"mandoc -T lint -W warning", "groff -ww -man -Tutf8 -z"} {
		t.Run(line, func(t *testing.T) {
			words := strings.Fields(line)
			if _, err := exec.LookPath(words[0]); err != nil {
				t.Skip(err)
			}
			c := exec.Command(words[0], words[1:]...)
			c.Stdin = strings.NewReader(page)
			output, _ := c.CombinedOutput() // mandoc ends with 2 for a warning
			for complaint := range strings.Lines(string(output)) {
				if !strings.Contains(complaint, "missing date") {
					t.Error(complaint)
				}
			}
		})
	}
}

func TestRoff(t *testing.T) {
	for text, want := range map[string]string{
		"":                   "",
		"--key":              `\-\-key`,
		".github":            `\&.github`,
		"a.b\n.c":            "a.b\n\\&.c",
		"'tis":               `\(aqtis`,
		`\fBold`:             `\efBold`,
		"`a` \"b\" ^c ~d":    "\\(gaa\\(ga \\(dqb\\(dq \\(hac \\(tid",
		"ARG… ü":             `ARG\[u2026] \[u00FC]`,
		"a\tb\rc\x00d\x1bme": "a b c d me",
		"\U0001f511":         `\[u1F511]`,
	} {
		if got := roff(text); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
}

// unroff is what a formatter makes of what roff returns.
var unroff = strings.NewReplacer(`\&.`, ".", `\e`, `\`, `\-`, "-", `\(aq`, "'", `\(ga`, "`", `\(dq`, `"`, `\(ha`, "^", `\(ti`, "~")

func FuzzRoff(f *testing.F) {
	for _, seed := range []string{"--key", ".TH\n'br", `\\n[x]`, "a\n.b", "…", `\&.`, "\\\n.so /etc/passwd"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got := roff(text)
		for line := range strings.Lines(got) {
			if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
				t.Errorf("%q becomes the request %q", text, line)
			}
		}
		plain := utf8.ValidString(text)
		for _, c := range text {
			plain = plain && (c >= ' ' && c <= 126 || c == '\n')
		}
		if plain && unroff.Replace(got) != text {
			t.Errorf("%q becomes %q", text, got)
		}
		for _, c := range got {
			if c > 126 || c < ' ' && c != '\n' {
				t.Errorf("%q becomes %q", text, got)
			}
		}
	})
}
