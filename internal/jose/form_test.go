package jose

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/gowebpki/jcs"
)

// FuzzAppendString compares with what RFC 8785's reference makes of any text.
func FuzzAppendString(f *testing.F) {
	for _, s := range []string{
		"", "dist/app.tgz", "a\"b\\c/d", "\b\f\n\r\t\x00\x1f\x7f", "\u2028<>&'", "ä😀\ufffd", "a\xffb\xed\xa0\x80", "\xff",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		text, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		want, err := jcs.Transform(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := AppendString([]byte("x"), s); string(got) != "x"+string(want) {
			t.Errorf("AppendString(%q) = %s, want x%s", s, got, want)
		}
	})
}

// FuzzCanonical compares what the parser says of the form of claims with RFC 8785's
// reference.
func FuzzCanonical(f *testing.F) {
	for _, text := range []string{
		`{}`, ` {}`, `{} `, `{"a":1,"b":2}`, `{"b":1,"a":2}`, `{"a": 1}`, `{"a":[1, 2]}`, `{"a":[ ]}`, `{"a":[true,false,null]}`,
		`{"a":1.0}`, `{"a":-0}`, `{"a":-1}`, `{"a":1e3}`, `{"a":1e400}`, `{"a":0.1}`, `{"a":1e+21}`, `{"a":1e21}`, `{"a":1E+21}`,
		`{"a":9007199254740993}`, `{"a":9007199254740992}`, `{"a":123456789012345}`, `{"a":100000000000000000000}`, `{"a":1000000000000000000000}`,
		`{"a":"\/"}`, `{"a":"\u002f"}`, `{"a":"\n\u001f\b\f\r\t\"\\"}`, `{"a":"\u000a"}`, `{"a":"\u001F"}`, `{"a":"\ud83d\ude00"}`,
		"{\"\U0001f600\":2,\"\ufb33\":1}", "{\"\ufb33\":1,\"\U0001f600\":2}", "{\"a\":1,\"a\u0301\":2}", `{"":1,"a":{"b":{"d":1,"c":2}}}`,
		`{"\u0061":1}`, "{\"a\":\"\x7f\u2028\"}",
	} {
		f.Add(text)
	}
	form := Form{Claims: []string{}, MoreClaims: true}
	f.Fuzz(func(t *testing.T, text string) {
		token, err := ParseClaims(form, text)
		if err != nil {
			return
		}
		canonical, err := jcs.Transform([]byte(text))
		if want := err == nil && string(canonical) == text; token.Canonical != want {
			t.Errorf("that %q is canonical is %t; the form is %q, error %v", text, token.Canonical, canonical, err)
		}
	})
}

type pieces []string

func (p pieces) WriteCanonical(w io.Writer) error {
	for _, s := range p {
		if s == "" {
			return errors.New("nothing to write")
		}
		if _, err := io.WriteString(w, s); err != nil {
			return err
		}
	}
	return nil
}

func TestClaimsCanonical(t *testing.T) {
	t.Parallel()
	c := Claims{
		Issuer: "https://github.com/acme/widgets", Audience: "a<b>&\u2028", Subject: "\"\\\n", ID: "ä",
		IssuedAt: time.Unix(1795312800, 0), NotBefore: time.Unix(-1, 0), Expires: time.Unix(1<<40, 0),
		Private: map[string]any{
			"\ufb33": 1, "\U0001f600": 2.50, "": nil, "z": map[string]any{"b": []int{}, "a": "x"}, "sub": "another",
			"raw": json.RawMessage(` {"b" : 1.0, "a" : "\u00e4"} `),
		},
	}
	all := map[string]any{
		"iss": c.Issuer, "aud": c.Audience, "jti": c.ID, "iat": 1795312800, "nbf": -1, "exp": 1 << 40,
	}
	for name, v := range c.Private {
		all[name] = v
	}
	text, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	want, err := jcs.Transform(text)
	if err != nil {
		t.Fatal(err)
	}
	got, err := c.Canonical()
	if err != nil || !bytes.Equal(got, want) || cap(got) != len(got) {
		t.Errorf("the claims are\n%s, want\n%s; room for %d, error %v", got, want, cap(got), err)
	}

	c.Private = map[string]any{"spec": pieces{`{"a":`, `[1,2]}`}}
	p := keyPair(t, "EdDSA")
	token, err := Sign(runForm, p.signing, c)
	if err != nil {
		t.Fatal(err)
	}
	opened := wantAccepted(t, runForm, p.verifying, token)
	if spec, _ := opened.Claims.Get("spec"); spec.Text != `{"a":[1,2]}` || !opened.Canonical {
		t.Errorf("the spec is %s, canonical: %t", spec.Text, opened.Canonical)
	}
	c.Private["spec"] = pieces{"{", ""}
	if token, err := Sign(runForm, p.signing, c); err == nil || token != "" {
		t.Errorf("a value that cannot be written is signed: %q, %v", token, err)
	}
}

// long returns an array of n elements, the last one as given.
func long(n int, element, last string) string {
	return "[" + strings.Repeat(element+",", n-1) + last + "]"
}

var longForm = Form{Claims: []string{"list"}, LongArrays: true}

func TestLongArrays(t *testing.T) {
	t.Parallel()
	const element = `{"path":"\u0061","n":[1,{"x":2}]}`
	for _, n := range []int{1, longArray, longArray + 1, 3 * longArray} {
		text := `{"list":` + long(n, element, `"end"`) + `}`
		short, err := ParseClaims(Form{Claims: longForm.Claims}, text)
		if err != nil {
			t.Fatal(err)
		}
		token, err := ParseClaims(longForm, text)
		if err != nil {
			t.Fatal(err)
		}
		want, _ := short.Claims.Get("list")
		got, _ := token.Claims.Get("list")
		if len(want.Members) != n || want.Len() != n || got.Len() != n || got.Text != want.Text || got.Kind != Array {
			t.Errorf("%d elements: %d kept, lengths %d and %d", n, len(want.Members), want.Len(), got.Len())
		}
		if kept := len(got.Members); kept != 0 && kept != n || (kept == 0) != (n > longArray) {
			t.Errorf("%d elements: %d are kept of a long array", n, kept)
		}
		for _, v := range []Value{want, got} {
			var members []string
			err := v.Each(func(m Member) error {
				members = append(members, fmt.Sprint(m.Name, m.Value.Kind, m.Value.Text, m.Value.Members))
				return nil
			})
			if err != nil || len(members) != n {
				t.Fatalf("%d of %d elements; error %v", len(members), n, err)
			}
			for i, m := range members {
				if w := want.Members[i]; m != fmt.Sprint(w.Name, w.Value.Kind, w.Value.Text, w.Value.Members) {
					t.Errorf("the element %d of %d is %s", i, n, m)
				}
			}
			at, stop := 0, errors.New("stop")
			if err := v.Each(func(Member) error { at++; return stop }); err != stop || at != 1 {
				t.Errorf("Each goes on after an error: %d, %v", at, err)
			}
		}
	}
}

// What is dropped is checked as what is kept.
func TestLongArraysStrict(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat("[", maxDepth-1) + strings.Repeat("]", maxDepth-1)
	for name, last := range map[string]string{
		"null": `null`, "null below": `{"a":[null]}`, "duplicate": `{"a":1,"a":2}`, "escaped duplicate": `{"a":1,"\u0061":2}`,
		"surrogate": `"\ud800"`, "zero": `01`, "comma": `1,`, "none": ``, "two": `1 2`, "control": "\"\n\"", "deep": deep, "open": `{`, "bracket": `]`, "UTF-8": "\"\xff\"",
	} {
		text := `{"list":` + long(2*longArray, `{"a":1}`, last) + `}`
		if _, err := ParseClaims(longForm, text); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s at the end of a long array: %v", name, err)
		}
	}
	for name, text := range map[string]string{
		"an object":            `{"list":{` + many(maxKept, `"%d":1`) + `}}`,
		"arrays":               `{"list":[` + many(maxKept/longArray+1, long(longArray, "1", "%d")) + `]}`,
		"an element":           `{"list":` + long(2*longArray, `1`, `{`+many(maxKept, `"%d":1`)+`}`) + `}`,
		"objects in an object": `{"list":{` + many(maxKept/2, `"%d":{"a":1}`) + `}}`,
	} {
		if _, err := ParseClaims(longForm, text); !errors.Is(err, ErrMalformed) || !strings.Contains(err.Error(), "values") {
			t.Errorf("%s of too many values: %v", name, err)
		}
		if _, err := ParseClaims(Form{Claims: longForm.Claims}, text); err != nil {
			t.Errorf("%s where values are not counted: %v", name, err)
		}
	}
	// Elements of long arrays do not count.
	if _, err := ParseClaims(longForm, `{"list":`+long(2*maxKept, `{"a":[1]}`, `1`)+`}`); err != nil {
		t.Errorf("a long array: %v", err)
	}
}

// many returns n members, each by its number.
func many(n int, format string) string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf(format, i)
	}
	return strings.Join(all, ",")
}

// The members of what was dropped are written over, those of what is kept never.
func TestLongArraysKeep(t *testing.T) {
	t.Parallel()
	list := long(longArray+2, `{"a":1,"b":2}`, `{"c":3}`)
	text := `{"after":{"x":` + list + `,"y":{"d":4}},"before":{"e":5},"list":` + list + `,"z":[{"f":6},` + list + `,{"g":7},{"h":{"i":8}}]}`
	form := longForm
	form.MoreClaims = true
	token, err := ParseClaims(form, text)
	if err != nil {
		t.Fatal(err)
	}
	short, err := ParseClaims(Form{Claims: []string{}, MoreClaims: true}, text)
	if err != nil {
		t.Fatal(err)
	}
	var wantSame func(path string, got, want Value)
	wantSame = func(path string, got, want Value) {
		if got.Kind != want.Kind || got.Text != want.Text || got.Len() != want.Len() {
			t.Errorf("%s is %.100s, want %.100s", path, got.Text, want.Text)
		}
		if len(got.Members) == 0 {
			return
		}
		for i, m := range got.Members {
			if m.Name != want.Members[i].Name {
				t.Errorf("%s has %q, want %q", path, m.Name, want.Members[i].Name)
			}
			wantSame(path+"/"+m.Name, m.Value, want.Members[i].Value)
		}
	}
	wantSame("", token.Claims, short.Claims)
}

// A text is decoded piece by piece as it would be at once.
func TestDecodePieces(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, 2, 3, 767, 768, 769, 1024, 1536, 5000} {
		want := strings.Repeat("\xfb\xff\x00a", n)[:n]
		text := encode(want)
		got, err := Decode(text)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%d octets (-want +got):\n%s\nerror %v", n, diff, err)
		}
		for _, bad := range []string{text + "=", text + "A===", "+" + text, text + "/", text + "\n", "\r" + text, text + " "} {
			if got, err := Decode(bad); err == nil || got != "" {
				t.Errorf("decoded %.20q… of %d", bad, len(bad))
			}
		}
	}
	for _, bad := range []string{"A", "AB", "AAB", strings.Repeat("A", 1024) + "B", strings.Repeat("A", 1025), strings.Repeat("A", 1024) + "AB", strings.Repeat("A", 1024) + "AAB"} {
		if _, err := Decode(bad); err == nil {
			t.Errorf("decoded %q, which has unused bits or half an octet", bad[max(0, len(bad)-4):])
		}
	}
}
