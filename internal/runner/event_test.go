package runner

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// FuzzEvent compares with another JSON parser what an event says: every input
// is in the payload, and none of the payload's is passed over.
func FuzzEvent(f *testing.F) {
	for _, payload := range []string{
		`{"inputs":{"reason":"weekly","dry":false,"n":-1,"half":0.5,"none":null,"list":[],"o":{}}}`,
		`{"inputs":null}`, `{}`, `[]`, ``, `{"inputs":{"a":"\u0061\n","\u0061b":"ä"}}`,
		`{"inputs":{"a":"b"},"Inputs":{"a":"c"}}`, `{"inputs":{"n":1e3,"m":-0,"big":9223372036854775808}}`,
		`{"inputs":{"a":"\ud83d\ude00","a":"x"}}`, "{\"inputs\":{\"a\":\"\xff\"}}",
	} {
		f.Add(payload)
	}
	f.Fuzz(func(t *testing.T, payload string) {
		in, err := parseInputs("inputs", payload)
		if err != nil {
			if in.Known {
				t.Errorf("%+v counts as known, with the error %v", in, err)
			}
			return
		}
		if !in.Known {
			t.Error("the inputs of a payload that was read are not known")
		}
		decoder := json.NewDecoder(strings.NewReader(payload))
		decoder.UseNumber()
		var event map[string]any
		if err := decoder.Decode(&event); err != nil {
			t.Fatalf("encoding/json refuses it: %v", err)
		}
		inputs, ok := event["inputs"].(map[string]any)
		if !ok && event["inputs"] != nil {
			t.Fatalf("inputs were read from %v", event["inputs"])
		}
		for name := range in.Text {
			if _, ok := inputs[name]; !ok {
				t.Errorf("the input %q is not in the payload", name)
			}
		}
		for name, value := range inputs {
			text, isText := in.Text[name]
			isOther := slices.Contains(in.Other, name)
			switch value := value.(type) {
			case nil:
				if isText || isOther {
					t.Errorf("the input %q is null and was read", name)
				}
			case string, bool:
				if !isText || isOther || text != fmt.Sprint(value) {
					t.Errorf("the input %q is %q, want %v", name, text, value)
				}
			case json.Number:
				_, err := strconv.ParseInt(value.String(), 10, 64)
				integer := err == nil && value != "-0"
				if isText != integer || isOther == integer || isText && text != value.String() {
					t.Errorf("the input %q is %q, want %v", name, text, value)
				}
			default:
				if isText || !isOther {
					t.Errorf("the input %q is %q, and is %T", name, text, value)
				}
			}
		}
	})
}
