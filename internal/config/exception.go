package config

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/countersign-ci/countersign/internal/advice"
	"github.com/countersign-ci/countersign/internal/report"
)

// An Exception lets findings about some repositories only warn, for a time.
type Exception struct {
	Repository string    // glob of owner/name
	Rule       string    // empty: every rule that can be excepted
	Reason     string    // why, for people
	Until      time.Time // the last day on which it counts: the start of it, in UTC
}

// Covers tells whether a finding of that rule about a repository, in the form
// owner/name, only warns now. It is never one that shows an attack.
func (e Exception) Covers(repository, rule string, now time.Time) bool {
	return slices.Contains(exceptable, rule) &&
		(e.Rule == "" || e.Rule == rule) &&
		now.Before(e.Until.AddDate(0, 0, 1)) &&
		matchName(e.Repository, repository)
}

// exceptable are the rules of pins that can be excepted.
var exceptable = []string{
	report.Unpinned, report.ShortDigest, report.UnknownRef, report.UnknownRepository, report.NotAllowed, report.Outdated,
}

// neverExcepted says of the other rules of pins why they are not.
var neverExcepted = map[string]string{
	report.DigestMismatch:  "a tag that was moved shows an attack until a person has looked at it and removed the pin",
	report.ImpostorCommit:  "a commit that the repository does not hold is the code of somebody else",
	report.MalformedDigest: "a digest that is none pins nothing and looks as if it did",
}

// date is the form of a day (RFC 3339 section 5.6, full-date).
const date = "2006-01-02"

var exceptionKeys = []key[Exception]{
	{name: "repository", required: true, read: func(v value, e *Exception) (err error) {
		e.Repository, err = v.repository()
		return err
	}},
	{name: "rule", read: func(v value, e *Exception) (err error) {
		e.Rule, err = v.rule()
		return err
	}},
	{name: "reason", required: true, read: func(v value, e *Exception) (err error) {
		e.Reason, err = v.text()
		if err == nil && strings.TrimSpace(e.Reason) == "" {
			err = v.errorf("say why it is excepted, and what will end that", "%q is empty", v.key)
		}
		return err
	}},
	{name: "until", required: true, read: func(v value, e *Exception) (err error) {
		e.Until, err = v.day()
		return err
	}},
}

func (v value) exception() (e Exception, err error) {
	err = mapping(v, exceptionKeys, &e)
	return e, err
}

// rule returns a rule that can be excepted.
func (v value) rule() (string, error) {
	s, err := v.text()
	if err != nil || slices.Contains(exceptable, s) {
		return s, err
	}
	hint := "rules that can be excepted are " + allOf(exceptable)
	if why, ok := neverExcepted[s]; ok {
		return "", v.errorf(hint, "%q cannot be excepted: %s", s, why)
	}
	reason := fmt.Sprintf("there is no rule %.40q of pins", s)
	if meant := advice.Nearest(s, exceptable); meant != "" {
		reason += fmt.Sprintf("; did you mean %q?", meant)
	}
	return "", v.errorf(hint, "%s", reason)
}

// day returns a date, in quotes or not.
func (v value) day() (time.Time, error) {
	advice := "write a day such as 2027-03-31"
	if v.Tag != timeTag {
		if _, err := v.text(); err != nil {
			return time.Time{}, v.wrongType("a date", advice)
		}
	}
	day, err := time.Parse(date, v.Value)
	if err != nil {
		err = v.errorf(advice, "%q has %.40q, which is no day", v.key, v.Value)
	}
	return day, err
}
