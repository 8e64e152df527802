package config

import (
	"errors"
	"regexp"
	"strconv"
	"time"

	"go.yaml.in/yaml/v3"
)

// durationForm is that of a duration, or empty. Five digits keep the sum within
// 292 years, which is what a time.Duration holds. The schema has the same.
var durationForm = regexp.MustCompile(`^(?:([0-9]{1,5})d)?(?:([0-9]{1,5})h)?(?:([0-9]{1,5})m)?$`)

// errDuration leaves the value out: it may have been meant for another flag.
var errDuration = errors.New("a duration has days, hours and minutes, such as 7d, 36h or 1d12h30m")

// ParseDuration reads a duration of 0 or more in days of 24 hours, hours and
// minutes, in this order, each at most once and a whole number: 7d, 36h, 1d12h
// or 0.
func ParseDuration(s string) (time.Duration, error) {
	if s == "0" {
		return 0, nil
	}
	m := durationForm.FindStringSubmatch(s)
	if s == "" || m == nil {
		return 0, errDuration
	}
	var sum time.Duration
	for i, unit := range []time.Duration{24 * time.Hour, time.Hour, time.Minute} {
		n, _ := strconv.Atoi("0" + m[i+1])
		sum += time.Duration(n) * unit
	}
	return sum, nil
}

// duration returns the text of a duration. 0 needs no unit, and no quotes.
func (v value) duration() (string, error) {
	if v.Kind == yaml.ScalarNode && v.Tag == intTag && v.Value == "0" {
		return v.Value, nil
	}
	advice := errDuration.Error()
	s, err := v.text()
	if err != nil {
		return "", v.wrongType("a duration", advice)
	}
	if _, err := ParseDuration(s); err != nil {
		return "", v.errorf(advice, "%q has %.40q, which is no duration", v.key, s)
	}
	return s, nil
}
