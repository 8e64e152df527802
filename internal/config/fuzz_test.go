package config_test

import (
	"testing"

	"github.com/countersign-ci/countersign/internal/config"
)

// FuzzParse has any text be refused with a place and a hint, or be a config that
// the schema accepts and that is the same when it is written and read again.
func FuzzParse(f *testing.F) {
	for _, c := range cases {
		if len(c.text) < 1<<12 {
			f.Add([]byte(c.text))
		}
	}
	f.Add([]byte(docExample(f)))
	schema := schema(f)
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := config.Parse(name, text)
		if err != nil {
			wantError(t, string(text), c, err)
			return
		}
		checkConfig(t, c, text)
		if v, ok := instance(string(text)); !ok || schema.Validate(v) != nil {
			t.Errorf("the schema refuses what Parse accepts: %v", schema.Validate(v))
		}
		again, err := config.Parse(name, render(t, c))
		if err != nil {
			t.Fatalf("written and read again: %v", err)
		}
		if diff := sameConfig(c, again); diff != "" {
			t.Errorf("written and read again (-first +second):\n%s", diff)
		}
	})
}

func FuzzParseBoomper(f *testing.F) {
	for _, c := range boomperCases {
		f.Add([]byte(c.text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := config.ParseBoomper(name, text)
		if err != nil {
			wantError(t, string(text), c, err)
			return
		}
		checkConfig(t, c, text)
		again, err := config.ParseBoomper(name, text)
		if err != nil || sameConfig(c, again) != "" {
			t.Errorf("read again: %v (-first +second):\n%s", err, sameConfig(c, again))
		}
		if sameConfig(c, &config.Config{Updates: c.Updates}) != "" {
			t.Errorf("there is more than updates: %+v", c)
		}
	})
}
