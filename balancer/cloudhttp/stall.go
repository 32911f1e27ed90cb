package cloudhttp

import (
	"fmt"
	"sync"
	"time"
)

// stallWatch watches for an answer that stops coming while it is being read.
type stallWatch struct {
	after   time.Duration
	body    *body
	sending *upload // the caller's body

	mu      sync.Mutex
	timer   *time.Timer // made by the first read
	reading bool
	since   time.Time // the read began, or more of the caller's body was sent
	sent    int64     // of the caller's body by then
	fired   bool
}

// begin is called before a read, end after it. end reports whether the answer
// was given up meanwhile.
func (w *stallWatch) begin() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.reading, w.since, w.sent = true, time.Now(), w.sending.read.Load()
	if w.timer == nil {
		w.timer = time.AfterFunc(w.after, w.over)
	} else {
		w.timer.Reset(w.after)
	}
}

func (w *stallWatch) end() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.reading = false
	w.timer.Stop()
	return w.fired
}

// over closes the body under its reader. The timer may be late: the read it was
// set for may have ended, and another begun.
func (w *stallWatch) over() {
	if w.isOver() {
		w.body.ReadCloser.Close()
	}
}

func (w *stallWatch) isOver() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.reading {
		return false
	}
	if sent := w.sending.read.Load(); sent != w.sent {
		w.since, w.sent = time.Now(), sent
	}
	if left := w.after - time.Since(w.since); left > 0 {
		w.timer.Reset(left)
		return false
	}
	w.fired = true
	return true
}

// stallError says that an answer stopped coming. It is a net.Error.
type stallError struct{ after time.Duration }

func (e *stallError) Error() string {
	return fmt.Sprintf("cloudhttp: nothing more of the answer came for %v", e.after)
}
func (e *stallError) Timeout() bool   { return true }
func (e *stallError) Temporary() bool { return true }
