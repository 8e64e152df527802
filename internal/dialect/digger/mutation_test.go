package digger_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/countersign-ci/countersign/internal/dialect/digger"
	"github.com/countersign-ci/countersign/internal/jose"
)

// share tells whether an algorithm is tested with the change of that number: HS256,
// the fastest, with all, and the others with an equal share, or less of one where
// they are slow to verify.
func share(p pair, i int) bool {
	a := p.private.Algorithm()
	n := len(algorithms)
	if isSlow(p) {
		n *= 8
	}
	return a == "HS256" || i%n == slices.Index(algorithms, a)
}

func isSlow(p pair) bool { return slices.Contains([]string{"ES384", "ES512"}, p.private.Algorithm()) }

// TestChangedValue changes each value of a spec in an envelope, and adds, renames and
// removes members and elements.
func TestChangedValue(t *testing.T) {
	t.Parallel()
	eachSpec(t, func(t *testing.T, spec string) {
		signed, _ := split(t, sign(t, keys(t, "HS256"), spec))
		var tree any
		d := json.NewDecoder(strings.NewReader(signed))
		d.UseNumber()
		if err := d.Decode(&tree); err != nil {
			t.Fatal(err)
		}
		changes := changesOf(t, tree)
		if len(changes) < 200 {
			t.Fatalf("%d changes", len(changes))
		}
		eachAlgorithm(t, func(t *testing.T, p pair) {
			_, s := split(t, sign(t, p, spec))
			// The order of members and white space do not count.
			if got := open(t, p, envelope(encodeJSON(t, tree), s)).Text; form(t, got) != form(t, spec) {
				t.Errorf("written otherwise it comes out as %s", got)
			}
			for i, changed := range changes {
				if share(p, i) {
					o, err := digger.Open(p.public, envelope(changed, s))
					wantRefused(t, changed, o, err, jose.ErrBadSignature)
				}
			}
		})
	})
}

func encodeJSON(t testing.TB, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// changesOf returns the tree in JSON with one change each.
func changesOf(t testing.TB, tree any) (all []string) {
	t.Helper()
	var walk func(v any, put func(any) string)
	walk = func(v any, put func(any) string) {
		var others []any
		switch v := v.(type) {
		case map[string]any:
			with := func(name string, value any) map[string]any {
				m := maps.Clone(v)
				m[name] = value
				return m
			}
			others = append(others, []any{}, nil, with("added", nil), with("added", ""), with("Expiry", 1), with("", map[string]any{}))
			for _, name := range slices.Sorted(maps.Keys(v)) {
				without := maps.Clone(v)
				delete(without, name)
				renamed := maps.Clone(without)
				renamed[name+"_"] = v[name]
				upper := maps.Clone(without)
				upper[strings.ToUpper(name)] = v[name]
				others = append(others, without, renamed)
				if _, taken := v[strings.ToUpper(name)]; !taken && name != "" {
					others = append(others, upper)
				}
				walk(v[name], func(value any) string { return put(with(name, value)) })
			}
		case []any:
			others = append(others, map[string]any{}, nil, append(slices.Clone(v), nil), []any{v})
			for i := range v {
				others = append(others, slices.Delete(slices.Clone(v), i, i+1), slices.Insert(slices.Clone(v), i, any("added")))
				if i > 0 && encodeJSON(t, v[i]) != encodeJSON(t, v[i-1]) {
					swapped := slices.Clone(v)
					swapped[i], swapped[i-1] = swapped[i-1], swapped[i]
					others = append(others, swapped)
				}
				walk(v[i], func(value any) string {
					changed := slices.Clone(v)
					changed[i] = value
					return put(changed)
				})
			}
		case string:
			others = append(others, v+"a", " "+v, strings.ToUpper(v)+"\n", nil, []any{v})
			if v != "" {
				others = append(others, "", v[:len(v)-1])
			}
			if _, err := strconv.Atoi(v); err == nil {
				others = append(others, json.Number(v))
			}
		case json.Number:
			n, err := v.Float64()
			if err != nil {
				t.Fatal(err)
			}
			others = append(others, v.String(), nil, []any{v}, n/2+1, json.Number("0.5"))
			if n != 0 {
				others = append(others, -n, 0)
			}
		case bool:
			others = append(others, !v, nil, fmt.Sprint(v), 1)
		case nil:
			others = append(others, false, 0, "", "null", []any{}, map[string]any{})
		}
		for _, other := range others {
			all = append(all, put(other))
		}
	}
	walk(tree, func(v any) string { return encodeJSON(t, v) })
	// The spec itself is an object in any case.
	return slices.DeleteFunc(all, func(text string) bool { return !strings.HasPrefix(text, "{") })
}

// urlAlphabet is the alphabet of base64url (RFC 4648 section 5).
const urlAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

// changedBytes hands each text to f that is a text with one byte changed, added or
// removed, and the number of the byte: in one way at each, and in all ways at some.
func changedBytes(text string, f func(i int, changed string)) {
	for i := range len(text) {
		before, c, after := text[:i], text[i], text[i+1:]
		next := urlAlphabet[(strings.IndexByte(urlAlphabet, c)+1)%len(urlAlphabet)]
		f(i, before+string([]byte{next})+after)
		if i%41 != 0 && i != len(text)-1 {
			continue
		}
		for _, other := range []byte{c ^ 1, c ^ 0x20, ' ', '.', '\n', 0} {
			if other != c {
				f(i, before+string([]byte{other})+after)
			}
		}
		f(i, before+after)
		f(i, before+" "+text[i:])
		f(i, before+string([]byte{c})+text[i:])
	}
	for i, more := range []string{" ", "\n", "\r\n", "\x00", "A", "=", ".", "{}"} {
		f(i, text+more)
		f(i, more+text)
	}
}

// TestChangedSignature changes each byte of an envelope's signature.
func TestChangedSignature(t *testing.T) {
	t.Parallel()
	eachAlgorithm(t, func(t *testing.T, p pair) {
		spec, s := split(t, sign(t, p, "{}"))
		refused := func(changed string) {
			o, err := digger.Open(p.public, `{"spec":`+spec+`,"signature":{"signature":`+encodeJSON(t, changed)+`,"verify":false}}`)
			if changed != s && (o != nil || err == nil) {
				t.Errorf("accepted: %q for %q", changed, s)
			}
		}
		changedBytes(s, func(i int, changed string) {
			if !isSlow(p) || i%16 == 0 {
				refused(changed)
			}
		})
		// The last letter has bits that are not used.
		for i, c := range urlAlphabet {
			if !isSlow(p) || i%16 == 0 {
				refused(s[:len(s)-1] + string(c))
			}
		}
	})
}

// TestChangedEnvelope changes each byte of an envelope. What is accepted says the
// same.
func TestChangedEnvelope(t *testing.T) {
	t.Parallel()
	p := keys(t, "EdDSA")
	const spec = `{"job" : {"n":[1.0, 10e1,null], "commit":"\u0061b/"} ,"vcs":{"actor":"octocat"} }`
	want, accepted := form(t, spec), 0
	changedBytes(sign(t, p, spec), func(_ int, changed string) {
		o, err := digger.Open(p.public, changed)
		if err != nil {
			return
		}
		accepted++
		if form(t, o.Text) != want || o.Token.Expires != expires.Unix() || o.Spec.Actor != "octocat" || o.Spec.SHA != "ab/" {
			t.Errorf("%q comes out of %q", o.Text, changed)
		}
	})
	if accepted == 0 {
		t.Error("white space counts")
	}
}

// TestChangedDetached changes each byte of a spec and of its detached signature.
func TestChangedDetached(t *testing.T) {
	t.Parallel()
	eachSpec(t, func(t *testing.T, spec string) {
		eachAlgorithm(t, func(t *testing.T, p pair) {
			token := signDetached(t, p, spec)
			openDetached(t, p, spec, token)
			changedBytes(spec, func(i int, changed string) {
				if share(p, i) {
					o, err := digger.OpenDetached(p.public, changed, token)
					wantRefused(t, changed, o, err, jose.ErrBadSignature)
				}
			})
			for _, changed := range []string{strings.TrimSpace(spec), strings.ReplaceAll(spec, "\n", "\r\n"), form(t, spec), "", "{}"} {
				if changed != spec {
					o, err := digger.OpenDetached(p.public, changed, token)
					wantRefused(t, changed, o, err, jose.ErrBadSignature)
				}
			}
			changedBytes(token, func(i int, changed string) {
				if !share(p, i) {
					return
				}
				if o, err := digger.OpenDetached(p.public, spec, changed); o != nil || err == nil {
					t.Errorf("accepted: %q for %q", changed, token)
				}
			})
		})
	})
}

// TestChangedExpiry has another expiry.
func TestChangedExpiry(t *testing.T) {
	t.Parallel()
	eachSpec(t, func(t *testing.T, spec string) {
		eachAlgorithm(t, func(t *testing.T, p pair) {
			text := sign(t, p, spec)
			const expiry = `,"expiry":1795313400`
			if strings.Count(text, expiry) != 1 {
				t.Fatal("no expiry")
			}
			for _, changed := range []string{
				"", `,"expiry":1795313401`, `,"expiry":2795313400`, `,"expiry":-1795313400`, `,"expiry":1795313400.5`, `,"expiry":"1795313400"`, `,"expiry":null`, `,"Expiry":1795313400`,
				`,"expiry":1795313400,"Expiry":2795313400`, `,"expiry":1795313400,"a":{"expiry":2795313400}`, `,"expiry":[1795313400]`,
			} {
				o, err := digger.Open(p.public, strings.Replace(text, expiry, changed, 1))
				wantRefused(t, changed, o, err, jose.ErrBadSignature)
			}
		})
	})
}
