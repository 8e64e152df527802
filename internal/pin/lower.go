package pin

// Lower returns the text of a file with each digest pin in the commit style, for
// agents that know no digests. What they check out is the same. It refuses a
// digest that cannot be exchanged where it stands.
func Lower(f *File) ([]byte, error) {
	var edits []edit
	for _, r := range f.Refs {
		switch {
		case r.style != StyleGitSHA1 || r.commit == "":
		case !r.spliceable:
			return nil, &RoomError{f.Name, r.Line}
		default:
			edits = append(edits, edit{r.start, r.end, r.target.pinned("", r.commit, StyleCommit)})
		}
	}
	return splice(f, edits)
}
