package report

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
)

// What is used of SARIF, the Static Analysis Results Interchange Format, version
// 2.1.0 (OASIS Standard with Errata 01). The numbers are its sections.
type (
	sarifLog struct { // 3.13
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct { // 3.14
		Tool        sarifTool         `json:"tool"`
		Invocations []sarifInvocation `json:"invocations"`
		ColumnKind  string            `json:"columnKind"`
		Results     []sarifResult     `json:"results"` // an empty array where there are none, 3.14.23
	}
	sarifTool struct { // 3.18
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct { // 3.19
		Name           string      `json:"name"`
		Version        string      `json:"version,omitempty"`
		InformationURI string      `json:"informationUri"`
		Rules          []sarifRule `json:"rules"`
	}
	sarifInvocation struct { // 3.20
		ExecutionSuccessful bool `json:"executionSuccessful"`
	}
	sarifRule struct { // 3.49
		ID                   string             `json:"id"`
		ShortDescription     sarifText          `json:"shortDescription"`
		FullDescription      sarifText          `json:"fullDescription"`
		Help                 sarifText          `json:"help"`
		DefaultConfiguration sarifConfiguration `json:"defaultConfiguration"`
	}
	sarifConfiguration struct { // 3.50
		Level string `json:"level"`
	}
	sarifResult struct { // 3.27
		RuleID              string            `json:"ruleId"`
		RuleIndex           *int              `json:"ruleIndex,omitempty"`
		Level               string            `json:"level"`
		Message             sarifText         `json:"message"`
		Locations           []sarifLocation   `json:"locations"`
		PartialFingerprints map[string]string `json:"partialFingerprints"`
	}
	sarifLocation struct { // 3.28
		PhysicalLocation sarifPhysicalLocation `json:"physicalLocation"`
	}
	sarifPhysicalLocation struct { // 3.29
		ArtifactLocation sarifArtifactLocation `json:"artifactLocation"`
		Region           *sarifRegion          `json:"region,omitempty"`
	}
	sarifArtifactLocation struct { // 3.4
		URI       string `json:"uri"`
		URIBaseID string `json:"uriBaseId"`
	}
	sarifRegion struct { // 3.30
		StartLine   int `json:"startLine"`
		StartColumn int `json:"startColumn,omitempty"`
	}
	sarifText struct { // 3.11 and 3.12
		Text string `json:"text"`
	}
)

// SARIF returns the findings about files that did not pass as a SARIF 2.1.0 log
// file for code scanning; version is that of this program. A finding without a
// file, such as one about a token, is left out: GitHub refuses the whole log file
// for one result without a location (github/codeql-action, issue 2459).
func (r *Report) SARIF(version string) ([]byte, error) {
	rules := make([]sarifRule, 0, len(Rules))
	for _, rule := range Rules {
		first, _, _ := strings.Cut(rule.Means, ". ")
		rules = append(rules, sarifRule{
			ID:                   rule.ID,
			ShortDescription:     newSARIFText(strings.TrimSuffix(first, ".") + "."),
			FullDescription:      newSARIFText(rule.Means),
			Help:                 newSARIFText(rule.Hint),
			DefaultConfiguration: sarifConfiguration{Level: Fail.Level()},
		})
	}
	results := []sarifResult{}
	seen := map[string]int{}
	for _, f := range r.inFiles() {
		result := sarifResult{
			RuleID:    f.Rule,
			Level:     f.Status.Level(),
			Message:   newSARIFText(cmp.Or(f.Message, f.Rule)),
			Locations: []sarifLocation{{sarifPhysicalLocation{sarifArtifactLocation{relativeURI(f.File), "%SRCROOT%"}, nil}}},
		}
		if i := slices.IndexFunc(Rules, func(rule Rule) bool { return rule.ID == f.Rule }); i >= 0 {
			result.RuleIndex = &i
		}
		if f.Line > 0 {
			result.Locations[0].PhysicalLocation.Region = &sarifRegion{f.Line, max(f.Column, 0)}
		}
		// The line is no part of it, so a finding stays the same one when lines
		// move; the number tells like ones of a file apart. It is not named
		// primaryLocationLineHash: that is what GitHub's upload action computes
		// from the lines of the file, and it warns of every value that differs.
		hash := fmt.Sprintf("%x", sha256.Sum256([]byte(f.Rule+"\x00"+f.File+"\x00"+f.Message)))
		seen[hash]++
		result.PartialFingerprints = map[string]string{"countersign/v1": fmt.Sprintf("%s:%d", hash, seen[hash])}
		results = append(results, result)
	}
	return JSON(sarifLog{
		Schema:  "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
		Version: "2.1.0",
		Runs: []sarifRun{{
			Tool: sarifTool{sarifDriver{
				Name:           "Countersign",
				Version:        version,
				InformationURI: "https://github.com/countersign-ci/countersign",
				Rules:          rules,
			}},
			Invocations: []sarifInvocation{{ExecutionSuccessful: true}},
			ColumnKind:  "unicodeCodePoints",
			Results:     results,
		}},
	})
}

// sarifEscapes makes text of what would be a placeholder (3.11.5) or, as
// Printable does it, of what would be a link (3.11.6).
var sarifEscapes = strings.NewReplacer("{", "{{", "}", "}}", "](", `]\u0028`)

// newSARIFText returns s as a plain text message (3.11.3).
func newSARIFText(s string) sarifText { return sarifText{sarifEscapes.Replace(Printable(s))} }

// relativeURI returns a path as a relative-path reference (RFC 3986, section
// 4.2): no colon is left that would end a scheme and no slash that would begin
// an authority or an absolute path.
func relativeURI(path string) string {
	var b strings.Builder
	for i, c := range []byte(path) {
		unreserved := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-._~", c) >= 0
		if unreserved || c == '/' && i > 0 {
			b.WriteByte(c)
			continue
		}
		fmt.Fprintf(&b, "%%%02X", c)
	}
	return b.String()
}
