package github

import (
	"context"
	"testing"
	"time"
)

// Requests that are told to wait at the same time wait at the same time. From
// outside this cannot be forced.
func TestWaitsAreShared(t *testing.T) {
	var slept time.Duration
	w := waits{turn: make(chan struct{}, 1), sleep: func(_ context.Context, d time.Duration) error {
		slept += d
		return nil
	}}
	for _, step := range []struct {
		d, since, want time.Duration // in seconds
	}{
		{20, 0, 20},
		{20, 0, 20},  // told at the same time
		{25, 0, 25},  // and to wait longer
		{10, 20, 30}, // told after the first wait
		{10, 30, 40},
		{20, 40, 60},
	} {
		if err := w.wait(t.Context(), step.d*time.Second, step.since*time.Second); err != nil || slept != step.want*time.Second {
			t.Errorf("%v: slept %v, %v", step, slept, err)
		}
	}
	if err := w.wait(t.Context(), time.Second, time.Minute); err != errWait || slept != time.Minute {
		t.Errorf("slept %v, %v", slept, err)
	}
	if err := w.wait(t.Context(), time.Second, 59*time.Second); err != nil {
		t.Error(err) // others waited for it
	}
}
