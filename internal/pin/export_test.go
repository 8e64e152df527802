package pin

// A Said is what the text of a ref says.
type Said struct {
	Kind       Kind
	Host       string
	Repository string // owner/name, or empty
	Base       string
	Version    string
	Commit     string
	Style      Style
	Rule       string // that the text breaks by itself
}

func said(t target) Said {
	s := Said{Kind: t.kind, Host: t.host, Base: t.base, Version: t.version, Commit: t.commit, Style: t.style, Rule: t.rule}
	if t.repository != (Repository{}) {
		s.Repository = t.repository.String()
	}
	return s
}

// ParseUses reads the value of `uses:`.
func ParseUses(s string) Said { return said(parseUses(s)) }

// ParsePlugin reads the source of a plugin.
func ParsePlugin(s string) Said { return said(parsePlugin(s)) }

// Says returns what the text of a ref says, and its comment.
func (r *Ref) Says() Said { return said(r.target) }

// Kind returns what a ref names.
func (r *Ref) Kind() Kind { return r.kind }

// Place returns where the text of a ref stands in its file, and whether it stands
// there as it is.
func (r *Ref) Place() (start, end int, asItIs bool) { return r.start, r.end, r.spliceable }

// Refs returns the entries of a lockfile as refs.
func (l *Lock) Refs() []*Ref { return l.refs }

// Compare finds the refs of a file again in a text that should have the same.
func (f *File) Compare(text []byte) error { return f.compare(text, nil, nil) }
