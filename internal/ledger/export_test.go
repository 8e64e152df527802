package ledger

// ParseRecord parses what an entry holds.
func ParseRecord(text string) (Record, bool) { return parseRecord(text) }

// Text is what an entry holds.
func (r Record) Text() string { return r.text() }

// Entry is the name of the first entry of a use.
func (u Use) Entry() (string, error) { return u.entry() }

// NewRecord makes the record of a use.
func NewRecord(u Use) Record { return newRecord(u) }

// SetStep makes f be called after each step of Create, which fails with its error.
func (d *Dir) SetStep(f func(string) error) { d.step = f }
