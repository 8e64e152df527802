package jose

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// decoded returns what encoding/json would make of a value, with numbers kept
// as they are written.
func decoded(v Value) any {
	switch v.Kind {
	case Null:
		return nil
	case Bool:
		return v.Text == "true"
	case Number:
		return json.Number(v.Text)
	case String:
		return v.Text
	case Array:
		elements := []any{}
		for _, m := range v.Members {
			elements = append(elements, decoded(m.Value))
		}
		return elements
	default:
		members := map[string]any{}
		for _, m := range v.Members {
			members[m.Name] = decoded(m.Value)
		}
		return members
	}
}

// wantAsDecoded checks that a value is what encoding/json reads in its text.
func wantAsDecoded(t testing.TB, v Value, text []byte) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var want any
	if err := d.Decode(&want); err != nil {
		t.Fatalf("encoding/json refuses what ParseJSON accepts, %q: %v", text, err)
	}
	if got := decoded(v); !reflect.DeepEqual(got, want) {
		t.Errorf("ParseJSON(%q) is %v, want %v", text, got, want)
	}
}

// TestJSONSuite goes through the texts of JSONTestSuite. Its own labels count
// but for duplicate names, which RFC 8259 leaves open and a token must not have.
func TestJSONSuite(t *testing.T) {
	needVectors(t)
	files, err := filepath.Glob(filepath.Join(vectorsDir, "jsontestsuite", "test_parsing", "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	ran := map[string]int{}
	for _, file := range files {
		// n_structure_no_data.json is empty and shall be.
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Base(file)
		ran[name[:2]]++
		v, err := ParseJSON(string(text))
		switch {
		case err == nil && strings.HasPrefix(name, "n_"):
			t.Errorf("%s is accepted: %.100q", name, text)
		case err == nil && strings.Contains(name, "_duplicated_key"):
			t.Errorf("%s is accepted: %.100q", name, text)
		case err == nil:
			wantAsDecoded(t, v, text)
		case strings.HasPrefix(name, "y_") && !strings.Contains(name, "_duplicated_key"):
			t.Errorf("%s is refused: %v", name, err)
		}
	}
	want := map[string]int{"y_": 95, "n_": 188, "i_": 35}
	if !reflect.DeepEqual(ran, want) {
		t.Errorf("texts that ran: %v, want %v", ran, want)
	}
}

func TestParseJSON(t *testing.T) {
	t.Parallel()
	nested := func(open, shut string, depth int) string {
		return strings.Repeat(open, depth) + strings.Repeat(shut, depth)
	}
	objects := func(depth int) string { return nested(`{"a":`, `}`, depth-1) }
	tests := []struct {
		name, text string
		want       string // a part of the error, or empty
	}{
		{"white space around", " \t\r\n{ \"a\" : [ 1 , 2 ] } \t\r\n", ""},
		{"names that differ in case", `{"exp":1,"EXP":2}`, ""},
		{"a name again in another object", `{"a":{"a":1},"b":[{"a":1},{"a":1}]}`, ""},
		{"an empty name", `{"":1}`, ""},
		{"all escapes", `"\"\\\/\b\f\n\r\t\u00e9\u20AC"`, ""},
		{"paired surrogates", `"\ud83d\ude00"`, ""},
		{"U+FFFD itself", `"\ufffd"`, ""},
		{"64 arrays", nested("[", "]", 64), ""},
		{"64 objects", strings.Replace(objects(64), ":}", ":{}}", 1), ""},
		{"64 deep, often", "[" + nested("[", "]", 63) + "," + nested("[", "]", 63) + "]", ""},

		{"duplicate names", `{"a":1,"a":2}`, `stands twice`},
		{"duplicate names and values", `{"a":1,"b":0,"a":1}`, `stands twice`},
		{"duplicate names, one escaped", `{"a":1,"\u0061":2}`, `stands twice`},
		{"duplicate names, both escaped", `{"\u002f":1,"\/":2}`, `stands twice`},
		{"duplicate names in pairs", `{"😀":1,"\ud83d\ude00":2}`, `stands twice`},
		{"duplicate empty names", `{"":1,"":2}`, `stands twice`},
		{"duplicate names in a nested object", `{"a":[{"b":{"c":1,"c":1}}]}`, `stands twice`},

		{"a lone high surrogate", `"\ud800"`, "unpaired surrogate"},
		{"a lone low surrogate", `"\udc00"`, "unpaired surrogate"},
		{"a high surrogate before text", `"\ud800abcdef"`, "unpaired surrogate"},
		{"two high surrogates", `"\ud800\ud800"`, "unpaired surrogate"},
		{"surrogates the wrong way round", `"\ude00\ud83d"`, "unpaired surrogate"},
		{"a high surrogate before another escape", `"\ud800\n"`, "unpaired surrogate"},
		{"a high surrogate before a cut escape", `"\ud800\u"`, "four digits"},
		{"a lone surrogate in a name", `{"\udfff":1}`, "unpaired surrogate"},
		{"a surrogate encoded as UTF-8", "\"\xed\xa0\x80\"", "not UTF-8"},
		{"bytes that are not UTF-8", "\"a\xff\"", "not UTF-8"},
		{"an overlong encoding", "\"\xc0\xaf\"", "not UTF-8"},
		{"a byte order mark", "\ufeff{}", "no JSON value"},
		{"UTF-16", "{\x00}\x00", "no name"},

		{"65 arrays", nested("[", "]", 65), "nested more than 64 deep"},
		{"65 objects", strings.Replace(objects(65), ":}", ":{}}", 1), "nested more than 64 deep"},
		{"65 deep, mixed", strings.Repeat(`[{"a":`, 32) + "[0]" + strings.Repeat("}]", 32), "nested more than 64 deep"},
		{"a flood of brackets", strings.Repeat("[", 1<<20), "nested more than 64 deep"},

		{"an object after the object", `{"a":1}{"a":2}`, "something comes after"},
		{"text after the object", `{} x`, "something comes after"},
		{"a comma after the object", `{},`, "something comes after"},
		{"a NUL after the object", "{}\x00", "something comes after"},
		{"nothing", "", "no JSON value"},
		{"white space alone", " \n", "no JSON value"},
		{"white space of Unicode", "\u00a0{}", "no JSON value"},

		{"a comma before the end", `{"a":1,}`, "no name"},
		{"a comma before the end of an array", `[1,]`, "no JSON value"},
		{"a name without quotes", `{a:1}`, "no name"},
		{"single quotes", `{'a':1}`, "no name"},
		{"a comment", `{"a":1/**/}`, "no comma or end"},
		{"no colon", `{"a" 1}`, "no colon"},
		{"no comma in an array", `[1 2]`, "no comma or end"},
		{"a raw line end in a string", "\"a\nb\"", "control character"},
		{"a raw NUL after an escape", "\"\\n\x00\"", "control character"},
		{"an unknown escape", `"\x41"`, "unknown escape"},
		{"a backslash at the end", `"\`, "unknown escape"},
		{"an escape with a sign", `"\u+041"`, "four digits"},
		{"an escape with an underscore", `"\u0_41"`, "four digits"},
		{"a string without an end", `"abc`, "without an end"},
		{"a string without an end after an escape", `"a\nbc`, "without an end"},
		{"a leading zero", `01`, "leading zero"},
		{"a plus sign", `+1`, "no JSON value"},
		{"a lone minus", `-`, "no JSON value"},
		{"no digit before the point", `.5`, "no JSON value"},
		{"no digit after the point", `1.`, "after its point"},
		{"no digit in the exponent", `1e+`, "in its exponent"},
		{"hexadecimal", `0x1`, "something comes after"},
		{"not a number", `NaN`, "no JSON value"},
		{"infinity", `-Infinity`, "no JSON value"},
		{"a literal in capitals", `True`, "no JSON value"},
		{"a literal that goes on", `nullx`, "something comes after"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			v, err := ParseJSON(test.text)
			switch {
			case test.want == "" && err != nil:
				t.Errorf("refused: %v", err)
			case test.want == "":
				wantAsDecoded(t, v, []byte(test.text))
			case err == nil:
				t.Error("accepted")
			case !strings.Contains(err.Error(), test.want):
				t.Errorf("the error is %q, want one with %q", err, test.want)
			}
		})
	}
}

// TestDuplicateNamesAtEverySize covers both ways in which duplicates are found,
// and the step from one to the other.
func TestDuplicateNamesAtEverySize(t *testing.T) {
	t.Parallel()
	text := func(names []string) string {
		var members []string
		for _, name := range names {
			members = append(members, fmt.Sprintf("%q:0", name))
		}
		return "{" + strings.Join(members, ",") + "}"
	}
	for _, size := range []int{2, 15, 16, 17, 18, 19, 40} {
		var names []string
		for i := range size {
			names = append(names, fmt.Sprintf("name%d", i))
		}
		if v, err := ParseJSON(text(names)); err != nil || len(v.Members) != size {
			t.Errorf("%d names: %d members, error %v", size, len(v.Members), err)
		}
		for twin := range size - 1 {
			names[size-1] = names[twin]
			if _, err := ParseJSON(text(names)); err == nil {
				t.Errorf("%d names of which the last equals number %d are accepted", size, twin)
			}
		}
	}
}

func TestValueText(t *testing.T) {
	t.Parallel()
	v, err := ParseJSON(` { "s" : "\u0061" , "o" : { "x" : [ 1.50 , true ] } , "n" : -0 , "z" : null } `)
	if err != nil {
		t.Fatal(err)
	}
	// A digest is made over text as it was written, so none may be lost.
	for name, want := range map[string]string{
		"s": "a", "o": `{ "x" : [ 1.50 , true ] }`, "n": "-0", "z": "null",
	} {
		if got, ok := v.Get(name); !ok || got.Text != want {
			t.Errorf("the text of %s is %q, want %q", name, got.Text, want)
		}
	}
	if _, ok := v.Get("S"); ok {
		t.Error("Get finds a name in another case")
	}
	if v, _ = ParseJSON(`[1]`); v.Kind != Array {
		t.Fatalf("an array is %s", v.Kind)
	}
	if _, ok := v.Get(""); ok {
		t.Error("Get finds an element of an array by the empty name")
	}
}

func TestInt(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int64{
		"0": 0, "1": 1, "-1": -1,
		"9223372036854775807":  math.MaxInt64,
		"-9223372036854775808": math.MinInt64,
	} {
		v, err := ParseJSON(text)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := v.Int(); got != want || err != nil {
			t.Errorf("%s is %d, error %v", text, got, err)
		}
	}
	for _, text := range []string{
		"1e3", "1E3", "1e0", "1.0", "0.0", "0e0", "-0", "-0.0", "1e30", "1.5",
		"9223372036854775808", "-9223372036854775809", "99999999999999999999999999",
		`"1"`, "true", "null", "[1]", "{}",
	} {
		v, err := ParseJSON(text)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := v.Int(); err == nil {
			t.Errorf("%s is taken for %d", text, got)
		}
	}
}
