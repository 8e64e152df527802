package shellwords_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign-ci/countersign/internal/shellwords"
)

func TestSplit(t *testing.T) {
	for command, want := range map[string][]string{
		"terraform plan":                      {"terraform", "plan"},
		" \t make \t -j4 \t ":                 {"make", "-j4"},
		"make":                                {"make"},
		`echo 'a  b' "c  d" e\ \ f`:           {"echo", "a  b", "c  d", "e  f"},
		`a 'b'"c"d\e`:                         {"a", "bcde"},
		`a '' "" ''""`:                        {"a", "", "", ""},
		`""`:                                  {""},
		`'a' b`:                               {"a", "b"},
		`a '$x ` + "`y`" + ` \ " #'`:          {"a", "$x `y` \\ \" #"},
		"a 'b\nc' \"d\ne\"":                   {"a", "b\nc", "d\ne"},
		"a 'b\r\x01\x7f\v'":                   {"a", "b\r\x01\x7f\v"},
		`a "\$x \` + "`y\\`" + ` \" \\ ' \n"`: {"a", "$x `y` \" \\ ' \\n"},
		"a \"b\\\nc\"":                        {"a", "bc"},
		"a b\\\nc \\\n d":                     {"a", "bc", "d"},
		"a \\\n":                              {"a"},
		"a b\\\tc":                            {"a", "b\tc"},
		`a \$x \* \~ \# \; \' \" \\ \{b,c\}`:  {"a", "$x", "*", "~", "#", ";", "'", `"`, `\`, "{b,c}"},
		"a b#c ''#d HEAD~1 x=1 y:z":           {"a", "b#c", "#d", "HEAD~1", "x=1", "y:z"},
		"a ! if then":                         {"a", "!", "if", "then"},
		"a A=b 'B='c":                         {"a", "A=b", "B=c"},
		"a , . - + % ^ @ ] / _ ! = :":         {"a", ",", ".", "-", "+", "%", "^", "@", "]", "/", "_", "!", "=", ":"},
		"1A=b =b -A=b":                        {"1A=b", "=b", "-A=b"},
		`A\=b`:                                {"A=b"},
		`"A"=b`:                               {"A=b"},
		`'if' b`:                              {"if", "b"},
		`i\f b`:                               {"if", "b"},
		"iffy":                                {"iffy"},
		"bücher 本 🦊":                          {"bücher", "本", "🦊"},
		"sh -c 'a | b > $c'":                  {"sh", "-c", "a | b > $c"},
		"a '\u00a0\u2028\u202e\ufeff'":        {"a", "\u00a0\u2028\u202e\ufeff"},
	} {
		got, err := shellwords.Split(command)
		if err != nil {
			t.Errorf("Split(%q): %v", command, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("Split(%q):\n%s", command, diff)
		}
	}
}

func TestSplitRefuses(t *testing.T) {
	type test struct{ command, want string }
	tests := []test{
		{"", "the command is empty"},
		{" \t \\\n ", "the command is empty"},
		{"a \x00", "character 3 of the command: there is a NUL byte"},
		{"a '\x00'", "character 4 of the command: there is a NUL byte"},
		{"a '\xff'", "the command is not UTF-8"},
		{"a 'b", "character 3 of the command: a quote is not closed"},
		{`a "b`, "character 3 of the command: a quote is not closed"},
		{`a "b\"`, "character 3 of the command: a quote is not closed"},
		{`a "b\`, "character 3 of the command: a quote is not closed"},
		{`a 'b\''`, "character 7 of the command: a quote is not closed"},
		{`ü b\`, "character 4 of the command: a backslash stands at the end"},
		{`a "$b"`, "character 4 of the command: a shell would expand $"},
		{`a "b` + "`c`" + `"`, "character 5 of the command: a shell would expand `"},
		{`a "\\$b"`, "character 6 of the command: a shell would expand $"},
		{"a #b", "character 3 of the command: a shell would not take # as text"},
		{"#a", "character 1 of the command: a shell would not take # as text"},
		{"a \\\n#b", "character 5 of the command: a shell would not take # as text"},
		{"a ~", "character 3 of the command: a shell would not take ~ as text"},
		{"~/a", "character 1 of the command: a shell would not take ~ as text"},
		{"a b=~", "character 5 of the command: a shell would not take ~ as text"},
		{"a b:~c", "character 5 of the command: a shell would not take ~ as text"},
		{"a 'b='~", "character 7 of the command: a shell would not take ~ as text"},
		{"a ''~", "character 5 of the command: a shell would not take ~ as text"},
		{"a \\\n~", "character 5 of the command: a shell would not take ~ as text"},
		{"a \u00a0b", `character 3 of the command: '\u00a0' stands outside quotes`},
		{"a \u202eb", `character 3 of the command: '\u202e' stands outside quotes`},
		{"a b\r", `character 4 of the command: '\r' stands outside quotes`},
		{"a \\\rb", `character 4 of the command: '\r' stands outside quotes`},
		{"a\vb", `character 2 of the command: '\v' stands outside quotes`},
		{"a\nb", `character 2 of the command: '\n' stands outside quotes`},
		{"a\n", `character 2 of the command: '\n' stands outside quotes`},
		{"A=b c", "the command begins with an assignment"},
		{"A= ", "the command begins with an assignment"},
		{`A="b" c`, "the command begins with an assignment"},
		{"_a1+=b", "the command begins with an assignment"},
		{"A\\\n=b", "the command begins with an assignment"},
		{"%1", "the command begins with %, which names a job of the shell"},
		{"'%1'", "the command begins with %, which names a job of the shell"},
		{"%'1'", "the command begins with %, which names a job of the shell"},
		{"i\\\nf", `the command begins with "if", a reserved word of the shell`},
	}
	for c := range strings.SplitSeq("; & | < > ( ) ` $ * ? [ { }", " ") {
		for _, form := range []string{"a %", "a b%", "a %b", "%a", "a ''%", "a $%"} {
			tests = append(tests, test{command: strings.ReplaceAll(form, "%", c)})
		}
	}
	for word := range strings.SplitSeq("! if then else elif fi do done case esac while until for in select function time ]] coproc", " ") {
		tests = append(tests, test{word, `the command begins with "` + word + `", a reserved word of the shell`}, test{word + " a", ""})
	}
	for _, test := range tests {
		words, err := shellwords.Split(test.command)
		var refusal *shellwords.Error
		if !errors.As(err, &refusal) {
			t.Errorf("Split(%q) = %q, %v, want a refusal", test.command, words, err)
			continue
		}
		if test.want != "" && err.Error() != test.want {
			t.Errorf("Split(%q): %q, want %q", test.command, err, test.want)
		}
		if refusal.Hint() == "" || words != nil {
			t.Errorf("Split(%q): %q, hint %q", test.command, words, refusal.Hint())
		}
	}
}
