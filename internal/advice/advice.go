// Package advice is the error of whatever asks others: servers, ledgers, the
// runner. It says what is wrong apart from what to do, which the command line prints
// as `error:` and `hint:`.
//
// A package gives it a name of its own by an alias and says there what its errors
// hold and what they leave out.
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
