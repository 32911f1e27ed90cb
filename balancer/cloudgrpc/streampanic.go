package cloudgrpc

import (
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// errGoexit is the error of a stream whose goroutine was ended by what it called.
var errGoexit = status.Error(codes.Internal, "the goroutine that opens the stream was ended")

// giveUp ends a stream whose attempt, or the callback of one, panicked in the
// stream's own goroutine, or ended it. Nobody could recover from that there: the
// caller's next call panics instead.
func (s *clientStream) giveUp(panicked any) {
	s.mu.Lock()
	s.decided, s.err, s.panicked = true, errGoexit, panicked
	s.current, s.log = nil, replayLog{}
	s.changed.Broadcast()
	s.mu.Unlock()
	s.end()
}

// raise panics in the caller's goroutine with what the stream's own panicked with.
func (s *clientStream) raise() {
	if s.panicked != nil {
		panic(s.panicked)
	}
}

// unlocked calls gRPC, or what is chained before it, without mu, which the caller
// holds, also if that panics.
func (s *clientStream) unlocked(call func() error) error {
	s.mu.Unlock()
	defer s.mu.Lock()
	return call()
}

// hand gives a message to a stream. The caller holds mu.
func (s *clientStream) hand(to *opened, m any) error {
	s.sending = to
	defer func() {
		s.sending = nil
		s.changed.Broadcast()
	}()
	return s.unlocked(func() error { return to.ClientStream.SendMsg(m) })
}
