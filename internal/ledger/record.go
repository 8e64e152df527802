package ledger

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strconv"
	"strings"
	"time"
)

// A Record is what an entry holds. The nonce makes each one unlike all others.
type Record struct {
	Repository string `json:"repository"`
	RunID      string `json:"run_id"`
	Attempt    int    `json:"run_attempt"`
	Nonce      string `json:"nonce"` // 32 lower-case hex digits
}

const maxRecord = 4 << 10

func newRecord(u Use) Record {
	var nonce [16]byte
	_, _ = rand.Read(nonce[:]) // does not fail
	return Record{u.Repository, u.RunID, u.Attempt, hex.EncodeToString(nonce[:])}
}

// text is the JSON of a record.
func (r Record) text() string {
	text, err := json.Marshal(r)
	if err != nil {
		panic(err) // strings and a number
	}
	return string(text)
}

// parseRecord parses what text returns, to the byte; git may have put a line end
// behind it.
func parseRecord(text string) (r Record, ok bool) {
	text = strings.TrimSuffix(text, "\n")
	if len(text) > maxRecord || json.Unmarshal([]byte(text), &r) != nil || r.text() != text ||
		r.Attempt < 0 || !isHex(r.Nonce, 32) {
		return Record{}, false
	}
	return r, true
}

// entry is the name of a token's first entry.
func (u Use) entry() (string, error) {
	// Without a zero byte in it the issuer ends where it should.
	if u.Issuer == "" || strings.ContainsRune(u.Issuer, 0) || u.ID == "" {
		return "", &Error{Reason: "a token without an issuer or an id cannot be used once", Advice: adviceSign}
	}
	key := sha256.Sum256([]byte(u.Issuer + "\x00" + u.ID))
	name := u.Expires.UTC().Format(time.DateOnly) + "/" + hex.EncodeToString(key[:])
	if _, ok := dayOf(name); !ok || u.Expires.IsZero() {
		return "", &Error{Reason: "a token whose expiry is no date cannot be used once", Advice: adviceSign}
	}
	return name, nil
}

// parseDay parses a day in exactly the form of an entry's name.
func parseDay(text string) (time.Time, bool) {
	day, err := time.Parse(time.DateOnly, text)
	return day, err == nil && day.Format(time.DateOnly) == text
}

// dayOf returns the day of an entry, or false where the name is no entry's.
func dayOf(name string) (time.Time, bool) {
	text, key, _ := strings.Cut(name, "/")
	day, ok := parseDay(text)
	return day, ok && isKey(key)
}

// isKey tells whether a text is what stands behind the day in an entry's name.
func isKey(text string) bool {
	key, attempt, later := strings.Cut(text, "-")
	if later {
		n, err := strconv.Atoi(attempt)
		if err != nil || n < 2 || strconv.Itoa(n) != attempt {
			return false
		}
	}
	return isHex(key, 2*sha256.Size)
}

// isHex tells whether a text is so many lower-case hex digits.
func isHex(text string, digits int) bool {
	return len(text) == digits && strings.Trim(text, "0123456789abcdef") == ""
}
