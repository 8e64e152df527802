package runner_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign-ci/countersign/internal/report"
	"github.com/countersign-ci/countersign/internal/runner"
)

// What is expected follows from the rules of actions/toolkit
// (packages/core/src/command.ts): in data % is %25, CR %0D and LF %0A; in
// properties also : is %3A and , is %2C.

func TestMask(t *testing.T) {
	for value, want := range map[string]string{
		"a.b.c":          "::add-mask::a.b.c\n",
		"100%":           "::add-mask::100%25\n",
		"a\r\nb":         "::add-mask::a%0D%0Ab\n",
		"%0A::error::x":  "::add-mask::%250A::error::x\n",
		"a:b,c":          "::add-mask::a:b,c\n",
		"x\n::error::no": "::add-mask::x%0A::error::no\n",
	} {
		var b strings.Builder
		if err := runner.Mask(&b, value); err != nil {
			t.Fatal(err)
		}
		if b.String() != want {
			t.Errorf("Mask(%q) wrote %q, want %q", value, b.String(), want)
		}
	}
}

func TestAnnotate(t *testing.T) {
	tests := []struct {
		name     string
		findings []report.Finding
		want     string
	}{
		{"nothing", nil, ""},
		{"pass", []report.Finding{{Rule: "expired", Status: report.Pass, Message: "m"}}, ""},
		{"unknown status", []report.Finding{{Rule: "expired", Message: "m"}}, "::error title=Countersign%3A expired::m\n"},
		{
			"fail", []report.Finding{{Rule: "expired", Status: report.Fail, Message: "too late"}},
			"::error title=Countersign%3A expired::too late\n",
		},
		{
			"warn", []report.Finding{{Rule: "expired", Status: report.Warn, Message: "too late"}},
			"::warning title=Countersign%3A expired::too late\n",
		},
		{
			"one line a finding", []report.Finding{
				{Rule: "a", Status: report.Fail, Message: "1"}, {Rule: "b", Status: report.Pass, Message: "2"}, {Rule: "c", Status: report.Warn, Message: "3"},
			},
			"::error title=Countersign%3A a::1\n::warning title=Countersign%3A c::3\n",
		},
		{
			"file", []report.Finding{{Rule: "unpinned", Status: report.Fail, Message: "m", File: ".github/workflows/ci.yml", Line: 3, Column: 7}},
			"::error col=7,file=.github/workflows/ci.yml,line=3,title=Countersign%3A unpinned::m\n",
		},
		{
			"whole file", []report.Finding{{Rule: "bad-step-signature", Status: report.Fail, Message: "m", File: "pipeline.yml"}},
			"::error file=pipeline.yml,title=Countersign%3A bad-step-signature::m\n",
		},
		{
			"file from outside", []report.Finding{{Rule: "unpinned", Status: report.Fail, Message: "m", File: "a:b,c%d\r\ne\x1b.yml", Line: 1, Column: 1}},
			`::error col=1,file=a%3Ab%2Cc%25d\u000d\u000ae\u001b.yml,line=1,title=Countersign%3A unpinned::m` + "\n",
		},
		{
			"message from outside", []report.Finding{{Rule: "wrong-ref", Status: report.Fail, Message: "50%\r\n::error::x\x1b[2J\u202e, ##[add-mask]y: %0A"}},
			`::error title=Countersign%3A wrong-ref::50%25\u000d\u000a::error::x\u001b[2J\u202e, ##\u005badd-mask]y: %250A` + "\n",
		},
		{
			"message that is a command", []report.Finding{{Rule: "wrong-ref", Status: report.Warn, Message: " ::stop-commands::x"}},
			`::warning title=Countersign%3A wrong-ref::\u003a:stop-commands::x` + "\n",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var b strings.Builder
			if err := runner.Annotate(&b, test.findings); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, b.String()); diff != "" {
				t.Errorf("annotations (-want +got):\n%s", diff)
			}
		})
	}
}

// TestAnnotateMany writes as many annotations of a level as are shown, the last of which
// says how many there are.
func TestAnnotateMany(t *testing.T) {
	for _, test := range []struct{ errors, warnings, more int }{{9, 0, 0}, {10, 10, 0}, {11, 3, 2}, {100, 0, 91}, {0, 12, 3}} {
		var findings []report.Finding
		for range test.warnings {
			findings = append(findings, report.Finding{Rule: "b", Status: report.Warn, Message: "m", File: "f"})
		}
		for range test.errors {
			findings = append(findings, report.Finding{Rule: "a", Status: report.Fail, Message: "m", File: "f"}, report.Finding{Rule: "c", Status: report.Pass})
		}
		var b strings.Builder
		if err := runner.Annotate(&b, findings); err != nil {
			t.Fatal(err)
		}
		errors, warnings := strings.Count(b.String(), "::error "), strings.Count(b.String(), "::warning ")
		if errors != min(test.errors, 10) || warnings != min(test.warnings, 10) {
			t.Errorf("of %+v there are %d and %d", test, errors, warnings)
		}
		if more := fmt.Sprintf(" title=Countersign%%3A and more::%d findings more; the log lists them all\n", test.more); strings.Contains(b.String(), more) != (test.more > 0) || strings.Count(b.String(), " more") > 2 {
			t.Errorf("of %+v it writes %s", test, b.String())
		}
	}
}

func TestAnnotateError(t *testing.T) {
	for message, want := range map[string]string{
		"the key is no key":             "::error title=Countersign::the key is no key\n",
		"a\nb: 100%, ##[group]":         `::error title=Countersign::a\u000ab: 100%25, ##\u005bgroup]` + "\n",
		"::set-output name=verified::t": `::error title=Countersign::\u003a:set-output name=verified::t` + "\n",
		"":                              "::error title=Countersign::\n",
	} {
		var b strings.Builder
		if err := runner.AnnotateError(&b, message); err != nil {
			t.Fatal(err)
		}
		if b.String() != want {
			t.Errorf("AnnotateError(%q) wrote %q, want %q", message, b.String(), want)
		}
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errors.New("broken") }

// A secret that could not be masked must not be printed.
func TestCommandsUnwritable(t *testing.T) {
	if err := runner.Mask(brokenWriter{}, "x"); err == nil {
		t.Error("a mask counts as written")
	}
	if err := runner.AnnotateError(brokenWriter{}, "x"); err == nil {
		t.Error("an error counts as written")
	}
	if err := runner.Annotate(brokenWriter{}, []report.Finding{{Rule: "a", Status: report.Fail}}); err == nil {
		t.Error("an annotation counts as written")
	}
}
