package cloudhttp

import (
	"fmt"
	"sync"
	"time"
)

// stall watches for an answer that stops coming while it is being read.
type stall struct {
	after   time.Duration
	body    *body
	sending *loan // the caller's body; nil if there is none

	mu      sync.Mutex
	timer   *time.Timer // made by the first read
	reading bool
	since   time.Time // the read began, or more of the caller's body was sent
	sent    int64     // of the caller's body by then
	fired   bool
}

// begin is called before a read, end after it. end reports whether the answer
// was given up meanwhile.
func (s *stall) begin() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reading, s.since, s.sent = true, time.Now(), s.sending.progress()
	if s.timer == nil {
		s.timer = time.AfterFunc(s.after, s.over)
	} else {
		s.timer.Reset(s.after)
	}
}

func (s *stall) end() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reading = false
	s.timer.Stop()
	return s.fired
}

// over closes the body under its reader. The timer may be late: the read it was
// set for may have ended, and another begun.
func (s *stall) over() {
	if s.isOver() {
		s.body.ReadCloser.Close()
	}
}

func (s *stall) isOver() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.reading {
		return false
	}
	if sent := s.sending.progress(); sent != s.sent {
		s.since, s.sent = time.Now(), sent
	}
	if left := s.after - time.Since(s.since); left > 0 {
		s.timer.Reset(left)
		return false
	}
	s.fired = true
	return true
}

// stallError says that an answer stopped coming. It is a net.Error.
type stallError struct{ after time.Duration }

func (e *stallError) Error() string {
	return fmt.Sprintf("cloudhttp: nothing more of the answer came for %v", e.after)
}
func (e *stallError) Timeout() bool   { return true }
func (e *stallError) Temporary() bool { return true }
