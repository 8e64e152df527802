package ledger

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/countersign-ci/countersign/internal/advice"
)

// An Error says why a token is not let pass, or why entries were not removed.
type Error = advice.Error

// ErrUsed is wrapped by the error for a token that was used already.
var ErrUsed error = &Error{
	Reason: "the token was used already",
	Advice: "a token works once; ask for the run again, with a new token",
}

func isUsed(err error) bool { return errors.Is(err, ErrUsed) }

const (
	adviceSign     = "sign a new token with countersign sign"
	adviceLater    = "nothing was accepted; try again later"
	adviceLost     = "nothing was accepted, and the token may count as used; ask for the run again, with a new token"
	adviceForm     = "somebody else wrote it; give the ledger a repository or a directory of its own"
	adviceDir      = "the ledger's directory must be there, and this user must be able to write to it; it is not created, for an empty one forgets all uses"
	adviceLocation = "give --ledger as github, github:OWNER/REPO or dir:PATH"
	adviceRemove   = "see what holds it; what was removed stays removed, and prune may be run again"
)

// foreign is the error for what stands where an entry should, and is none.
func foreign(what string) error {
	return &Error{Reason: what + " is in the place of the token's entry in the ledger", Advice: adviceForm}
}

// failed is the error of a step in a directory. The paths of the system's own
// errors are dropped.
func failed(what string, err error, advice string) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	return &Error{Reason: fmt.Sprintf("the ledger's directory: %s", what), Advice: advice, Cause: err}
}
