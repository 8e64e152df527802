package shellwords_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign-ci/countersign/internal/shellwords"
)

// A shell is what Split is compared with.
type shell struct {
	name    string // of the program, which stands before its arguments
	locale  string
	prelude string // what it runs first
	before  string // what stands before a command to have it print its words
}

// words has a shell print the number of words, and the words, each ended by a
// NUL byte.
const words = `words() { printf '%s\0' "$#" "$@"; }
`

var shells = []shell{
	{"sh", "C", words, "words "},
	{"dash", "C", words, "words "},
	{"bash", "C", words, "words "},
	{"bash", "C.UTF-8", words, "words "},
	{"bash --posix", "C.UTF-8", words, "words "},
	// The command itself, none of whose programs there is.
	{"bash", "C", "command_not_found_" + strings.Replace(words, "words", "handle", 1), " "},
}

// split returns what a shell makes of commands. Each has to be one command, for
// one shell reads all of them; a command that it does not read ends it.
func (s shell) split(t testing.TB, commands []string) [][]string {
	t.Helper()
	program := strings.Fields(s.name)
	path, err := exec.LookPath(program[0])
	if err != nil {
		t.Skip(err)
	}
	// There are files for patterns to match, and variables and a home folder to
	// be expanded.
	dir := t.TempDir()
	for _, name := range []string{"a", "b", "aa", "ab", "-a", "=a", ".a", "'", `\`} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var script strings.Builder
	script.WriteString(s.prelude)
	for _, command := range commands {
		script.WriteString("eval " + quote(s.before+command) + "\n")
	}
	cmd := exec.Command(path, append(program[1:], "/dev/stdin")...)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=/nonexistent", "HOME=/home/octocat", "a=1 2", "b=3", "LC_ALL=" + s.locale}
	cmd.Stdin = strings.NewReader(script.String())
	var complaints strings.Builder
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	fields := strings.Split(string(out), "\x00")
	var all [][]string
	for len(fields) > 1 {
		n, _ := strconv.Atoi(fields[0])
		if n < 1 || n >= len(fields) {
			break
		}
		all, fields = append(all, fields[1:n+1]), fields[n+1:]
	}
	if len(all) < len(commands) {
		t.Fatalf("%s stopped at %q: %v %s", s.name, commands[len(all)], err, complaints.String())
	}
	return all
}

// compare splits commands and has each shell split those that are not refused.
func compare(t testing.TB, s shell, commands []string) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("the files here have names that Windows has not")
	}
	var accepted []string
	var want [][]string
	for _, command := range commands {
		words, err := shellwords.Split(command)
		if err != nil || s.before == " " && runs(words[0]) {
			continue
		}
		accepted, want = append(accepted, command), append(want, words)
	}
	if len(accepted) == 0 {
		return
	}
	got := s.split(t, accepted)
	bad := 0
	for i := range accepted {
		if diff := cmp.Diff(want[i], got[i]); diff != "" {
			t.Errorf("%s splits %q otherwise:\n%s", s.name, accepted[i], diff)
			if bad++; bad == 10 {
				break
			}
		}
	}
	t.Logf("%d of %d commands", len(accepted), len(commands))
}

// runs tells whether a shell runs a word without looking for a program.
func runs(word string) bool {
	return strings.Contains(word, "/") || word == ":" || word == "." || word == ""
}

func quote(word string) string { return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'" }

// All short texts made of what a shell may take for more than text.
func TestSplitAsShells(t *testing.T) {
	wide := strings.Split("a b 1 = : ~ # ! % ^ - + . , @ / ] } ? * $ ` ; & | < > ( ) ' \" \\", " ")
	wide = append(wide, " ", "\t", "\n", "\x01", "\x7f", "ü", "\u00a0", "\u0088")
	narrow := strings.Split("a = ~ # ! ' \" \\", " ")
	narrow = append(narrow, " ", "\n")
	most := combine(combine(nil, "", wide, 3), "", narrow, 5)
	fewer := combine(combine(nil, "", wide, 2), "", narrow, 3)
	for _, s := range shells {
		t.Run(s.name+" "+s.locale+" "+s.before, func(t *testing.T) {
			if s.before == " " { // a process for each command
				compare(t, s, fewer)
			} else {
				compare(t, s, most)
			}
		})
	}
}

// combine adds all texts of up to so many parts.
func combine(texts []string, text string, parts []string, most int) []string {
	if text != "" {
		texts = append(texts, text)
	}
	if most > 0 {
		for _, part := range parts {
			texts = combine(texts, text+part, parts, most-1)
		}
	}
	return texts
}

func TestSplitKeywords(t *testing.T) {
	out, err := exec.Command("bash", "-c", "compgen -k").Output()
	if err != nil {
		t.Skip("there is no bash that lists its reserved words")
	}
	for word := range strings.FieldsSeq(string(out)) {
		if got, err := shellwords.Split(word + " a"); err == nil {
			t.Errorf("Split(%q) = %q, want an error", word+" a", got)
		}
	}
}

func FuzzSplit(f *testing.F) {
	for _, command := range []string{
		"terraform plan -var 'region=eu west'", `a "b\"c" d\ e`, "a \\\n b", "A=b c", "a b=~ c", "a {b,c}", "if a", "a 'ü' # b",
		"a \"\\\\\" '' \"\"", "a\tb", "a $'b'", "a [b]", "a !b", "a\x01'\x01'",
	} {
		f.Add(command)
	}
	f.Fuzz(func(t *testing.T, command string) {
		for _, s := range shells {
			if _, err := exec.LookPath(strings.Fields(s.name)[0]); err == nil {
				compare(t, s, []string{command})
			}
		}
	})
}

// Whatever the words are, they come back from quotes.
func FuzzQuoted(f *testing.F) {
	f.Add("", "", "")
	f.Add("if", "A=b", "~")
	f.Add("it's", "a\n\tb", `\"$x`)
	f.Add("%1", "#", "ü\u00a0\x01\x7f\r")
	f.Fuzz(func(t *testing.T, a, b, c string) {
		if strings.HasPrefix(a, "%") {
			a = "./" + a
		}
		want := []string{a, b, c}
		for i, word := range want {
			want[i] = strings.ReplaceAll(strings.ToValidUTF8(word, "?"), "\x00", "?")
		}
		got, err := shellwords.Split(quote(want[0]) + " " + quote(want[1]) + "\t" + quote(want[2]))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}
