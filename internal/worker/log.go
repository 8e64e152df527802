package worker

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"time"
)

// A LogError says why a line did not get into the log, which is as it was unless
// the error says that it is not.
type LogError struct {
	File   string
	Reason string
	Advice string
	Cause  error // what the system said, or nil
}

func (e *LogError) Error() string {
	text := fmt.Sprintf("%q %s", e.File, e.Reason)
	if e.Cause != nil {
		text += ": " + bare(e.Cause).Error()
	}
	return text
}

// Hint returns what to do about the error.
func (e *LogError) Hint() string { return e.Advice }

func (e *LogError) Unwrap() error { return e.Cause }

// lockWait bounds the wait for other writers, each of which takes microseconds.
// Whoever may read the log could hold the lock for ever.
var lockWait = 10 * time.Second

// Append writes a line, which has no line end, to the end of a trusted file; it
// makes the file, with mode 0600, where there is none. Several processes may do so
// at once. It does not wait until the disk has the line: that takes longer than
// all else that a hook does, and nothing is decided by what the log says. An error
// is a *TrustError or a *LogError.
func Append(path string, line []byte) error {
	if bytes.ContainsAny(line, "\r\n") {
		return &LogError{path, "takes no line with a line end inside", "write one line at a time", nil}
	}
	f, err := openTrustedLog(path)
	if err != nil {
		return err
	}
	locked := make(chan error, 1)
	go func() { locked <- lock(f) }()
	select {
	case err = <-locked:
	case <-time.After(lockWait):
		go func() { <-locked; f.Close() }()
		return &LogError{path, "is locked by another process", "find that process with fuser or lsof, and end it", nil}
	}
	if err == nil {
		err = appendLine(f, line)
	}
	if closeErr := f.Close(); err == nil { // which lifts the lock
		err = closeErr
	}
	if err != nil {
		return &LogError{path, "cannot be written", "check the disk and who may write there", err}
	}
	return nil
}

// appendLine writes a line to a file that nobody else writes to now.
func appendLine(f *os.File, line []byte) error {
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	text := make([]byte, 0, len(line)+2)
	if size > 0 {
		var last [1]byte
		if _, err := f.ReadAt(last[:], size-1); err != nil {
			return err
		}
		if last[0] != '\n' {
			text = append(text, '\n') // a writer was killed
		}
	}
	text = append(append(text, line...), '\n')
	_, err = f.Write(text)
	if err == nil {
		return nil
	}
	// Part of the line may be there.
	if undo := f.Truncate(size); undo != nil {
		return fmt.Errorf("%w, and part of the line may be left: %w", bare(err), bare(undo))
	}
	return err
}
