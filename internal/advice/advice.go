// Package advice is what errors tell people to do. It has the error of whatever asks
// others, such as servers, ledgers and the runner, which says what is wrong apart from
// what to do; the command line prints these as `error:` and `hint:`. And it tells which
// known word somebody may have meant.
//
// A package gives the error a name of its own by an alias and says there what its
// errors hold and what they leave out.
package advice

// An Error says what is wrong and what to do.
type Error struct {
	Reason string // what is wrong
	Advice string // what to do
	Cause  error  // may be nil
}

func (e *Error) Error() string {
	if e.Cause == nil {
		return e.Reason
	}
	return e.Reason + ": " + e.Cause.Error()
}

// Hint returns what to do about the error.
func (e *Error) Hint() string { return e.Advice }

func (e *Error) Unwrap() error { return e.Cause }
