package jose

import (
	"encoding/hex"
	"fmt"
	"math/big"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gowebpki/jcs"
)

func canonical(t testing.TB, text string) (string, error) {
	t.Helper()
	v, err := ParseJSON(text)
	if err != nil {
		t.Fatalf("%.200q: %v", text, err)
	}
	form, err := Canonicalize(v)
	if err != nil && form != nil {
		t.Errorf("%.200q: %q beside the error %v", text, form, err)
	}
	return string(form), err
}

// TestCanonicalizeVectors goes through the examples of RFC 8785. That of numbers has
// some that share their form with others.
func TestCanonicalizeVectors(t *testing.T) {
	t.Parallel()
	needVectors(t)
	dir := filepath.Join(vectorsDir, "rfc8785")
	for _, name := range []string{"arrays", "french", "structures", "unicode", "values", "weird"} {
		input := string(readFile(t, filepath.Join(dir, "input", name+".json")))
		if name == "values" {
			_, err := canonical(t, input)
			wantOutcome(t, err, ErrUnsafeInteger)
			input = strings.NewReplacer("333333333.33333329", "333333333.3333333", "1E30", "1E15").Replace(input)
		}
		want, err := hex.DecodeString(strings.Join(strings.Fields(string(readFile(t, filepath.Join(dir, "outhex", name+".txt")))), ""))
		if err != nil {
			t.Fatal(err)
		}
		wanted := strings.ReplaceAll(string(want), "1e+30", "1000000000000000")
		if got, err := canonical(t, input); err != nil || got != wanted {
			t.Errorf("%s: %v\n got %s\nwant %s", name, err, got, wanted)
		}
	}
}

func TestCanonicalize(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		` { "b" : [ 1 , 2.50 ] , "a" : null } `: `{"a":null,"b":[1,2.5]}`,
		`"\u00e4\u003c\/\u0007\ud83d\ude00"`:    "\"ä</\\u0007😀\"",
		` true `:                                "true", `{}`: `{}`, `[ ]`: `[]`, "\"\x7f\u2028\"": "\"\x7f\u2028\"", `"\u0000"`: `"\u0000"`,
		"{\"\\ufb33\":1,\"\\ud83d\\ude00\":2}": "{\"😀\":2,\"\ufb33\":1}", // by UTF-16
		"1.0":                                  "1", "1e2": "100", "100": "100", "1E+02": "100", "1000e-1": "100", "0.1": "0.1", "1e-1": "0.1", "0.10": "0.1",
		"0": "0", "-0": "0", "-0.0e0": "0", "0e999999999": "0", "0e99999999999999999999": "0", "-1": "-1",
		"9007199254740991": "9007199254740991", "-9007199254740991": "-9007199254740991", "9007199254740991.0": "9007199254740991",
		"4.5e15": "4500000000000000", "2251799813685249.5": "2251799813685249.5", "1e-7": "1e-7", "5e-324": "5e-324", "2.2250738585072014e-308": "2.2250738585072014e-308",
		"0.30000000000000004": "0.30000000000000004", "1" + strings.Repeat("0", 400) + "e-400": "1", "0." + strings.Repeat("0", 399) + "1e400": "1",
		"1e0000000000000000000000000000000001": "10", "1e-0000000000000000000000000000000001": "0.1",
	} {
		if got, err := canonical(t, text); err != nil || got != want {
			t.Errorf("%.100s is %s, want %s; error %v", text, got, want, err)
		}
	}
}

// TestCanonicalizeUnsafe has numbers that another one shares its form with, or that
// have none.
func TestCanonicalizeUnsafe(t *testing.T) {
	t.Parallel()
	for _, number := range []string{
		"9007199254740992", "9007199254740993", "-9007199254740992", "-9007199254740993", "9007199254740992.0", "9.007199254740992e15",
		"9007199254740991.9", "9007199254740991.4", "9007199254740991.00000000001", "18446744073709551616", "1e16", "1e300", "-1e300",
		"4503599627370497.5", "0.10000000000000000001", "0.1000000000000000055511151231257827", "0.10000000000000001", "1.00000000000000000000001", "333333333.33333329",
		"1e400", "-1e400", "1e-400", "-1e-400", "4e-324", "1e-324", "2e-324", "1e999999999", "1e-999999999", "1e99999999999999999999", "1e-99999999999999999999",
		// Of an exponent this long strconv takes the first five digits, which makes it 1.
		"0." + strings.Repeat("0", 9999) + "1e100000",
		"1" + strings.Repeat("0", 400), "0." + strings.Repeat("0", 400) + "1", strings.Repeat("1", 100000) + "e-99999",
	} {
		for _, form := range []string{"%s", "[0,%s]", `{"a":{"b":[[],{"c":%s}]}}`} {
			_, err := canonical(t, fmt.Sprintf(form, number))
			if err == nil {
				t.Errorf("%.100s in %s has a form", number, form)
				continue
			}
			wantOutcome(t, err, ErrUnsafeInteger)
			if strings.Contains(err.Error(), number[:min(len(number), 5)]) {
				t.Errorf("the error quotes %.100s: %v", number, err)
			}
		}
		if form, err := canonical(t, fmt.Sprintf("%q", number)); err != nil || form != `"`+number+`"` {
			t.Errorf("as a text: %s, error %v", form, err)
		}
	}
}

// TestCanonicalizeNumbers compares numbers near each other, and ways to write one, by
// exact arithmetic: they have one form if and only if they are equal.
func TestCanonicalizeNumbers(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	digits := func(n int) string {
		s := make([]byte, n)
		for i := range s {
			s[i] = "0123456789"[random.IntN(10)]
		}
		return string(s)
	}
	forms := map[string]string{} // the exact value of each form
	kept := 0
	for range 20000 {
		whole := strings.TrimLeft(digits(random.IntN(18)), "0")
		if whole == "" {
			whole = "0"
		}
		number := []string{"", "-"}[random.IntN(2)] + whole
		if n := random.IntN(20); n > 0 {
			number += "." + digits(n)
		}
		if random.IntN(2) == 0 {
			number += fmt.Sprintf("%c%s%d", "eE"[random.IntN(2)], []string{"", "+", "-"}[random.IntN(3)], random.IntN(30))
		}
		form, err := canonical(t, number)
		if err != nil {
			continue
		}
		kept++
		exact, ok := new(big.Rat).SetString(number)
		if !ok {
			t.Fatal(number)
		}
		value := exact.RatString()
		if other, ok := forms[form]; ok && other != value {
			t.Errorf("%s is the form of %s and of %s", form, other, value)
		}
		forms[form] = value
		if again, ok := new(big.Rat).SetString(form); !ok || again.Cmp(exact) != 0 {
			t.Errorf("%s has the form %s", number, form)
		}
	}
	if kept < 5000 || kept > 19000 {
		t.Errorf("%d of 20000 numbers have a form: the test tests little", kept)
	}
}

// FuzzCanonicalize has each value have a form that says the same, is its own form,
// and is what the library makes of it.
func FuzzCanonicalize(f *testing.F) {
	for _, text := range []string{
		runSpec, `[1.0,1e2,100,-0,0.1,5e-324]`, `[9007199254740991,0.30000000000000004]`, `9007199254740992`, `0.10000000000000000001`,
		`1e400`, `1e-400`, `1e999999999`, `0e999999999`, `"\u00e4\u003c\/\ud83d\ude00\uffff"`, `{"\ufb33":1,"\ud83d\ude00":{"b":[],"a":{}}}`, "\"\u2028\x7f\ufffd\"",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		v, err := ParseJSON(text)
		if err != nil {
			return
		}
		form, err := Canonicalize(v)
		if err != nil {
			wantOutcome(t, err, ErrUnsafeInteger)
			return
		}
		if library, err := jcs.Transform([]byte(text)); err != nil || string(library) != string(form) {
			t.Errorf("%q has the form %q, and of the library %q; error %v", text, form, library, err)
		}
		again, err := ParseJSON(string(form))
		if err != nil {
			t.Fatalf("%q has the form %q: %v", text, form, err)
		}
		wantSame(t, v, again)
		if twice, err := Canonicalize(again); err != nil || string(twice) != string(form) {
			t.Errorf("%q has the form %q; error %v", form, twice, err)
		}
	})
}

// wantSame compares values, but for the order of members.
func wantSame(t *testing.T, a, b Value) {
	t.Helper()
	if a.Kind != b.Kind || len(a.Members) != len(b.Members) {
		t.Fatalf("%q and %q", a.Text, b.Text)
	}
	switch a.Kind {
	case Number:
		// Of a zero's exponent no number is made.
		mantissa, _, _ := strings.Cut(strings.ToLower(a.Text), "e")
		if strings.Trim(mantissa, "-0.") == "" {
			if b.Text != "0" {
				t.Errorf("%s and %s", a.Text, b.Text)
			}
			return
		}
		x, xok := new(big.Rat).SetString(a.Text)
		y, yok := new(big.Rat).SetString(b.Text)
		if !xok || !yok || x.Cmp(y) != 0 {
			t.Errorf("%s and %s", a.Text, b.Text)
		}
	case String:
		if a.Text != b.Text {
			t.Errorf("%q and %q", a.Text, b.Text)
		}
	}
	for i, m := range a.Members {
		other := b.Members[i].Value
		if a.Kind == Object {
			var ok bool
			if other, ok = b.Get(m.Name); !ok {
				t.Fatalf("%q is lost", m.Name)
			}
		}
		wantSame(t, m.Value, other)
	}
}
