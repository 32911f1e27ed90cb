package cloudgrpc

import (
	"context"
	"io"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// SendMsg sends a message, or waits until it can be sent. As long as the attempt
// may be replaced its failure isn't the caller's business.
func (s *clientStream) SendMsg(m any) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	kept := !s.decided && s.log.add(m)
	var failed *opened
	for {
		for !kept && !s.decided && (s.current == nil || s.current == failed) {
			s.changed.Wait()
		}
		to := s.current
		if to == nil {
			return s.unsent(kept)
		}
		err := s.send(to, m)
		switch {
		case err == nil:
			if !kept {
				s.log.lose()
			}
			return nil
		case s.answer.Load() == to, to.fault != nil:
			return err
		case kept:
			return nil
		}
		failed = to // nothing of m was sent there
	}
}

// unsent is the result of a message that no attempt has got.
func (s *clientStream) unsent(kept bool) error {
	s.raise()
	if kept || !s.desc.ClientStreams {
		return nil
	}
	return io.EOF // RecvMsg knows more
}

// send hands a message over to gRPC. The caller holds mu, which is released
// meanwhile.
func (s *clientStream) send(to *opened, m any) error {
	err := s.hand(to, m)
	if isRequestsFault(err) && !to.released && !to.route.isRefused() {
		to.fault = err
	}
	if to.isOver() {
		s.mu.Unlock()
		to.release()
		s.mu.Lock()
	}
	return err
}

// isRequestsFault reports whether an error of SendMsg says that the message
// can't be sent anywhere: it can't be encoded, or is too large. Whatever is wrong
// with the stream is told by io.EOF, or by the code of a context or of a
// connection that couldn't be had for a retry.
func isRequestsFault(err error) bool {
	if err == nil || err == io.EOF {
		return false
	}
	code := status.Code(err)
	return code == codes.Internal || code == codes.ResourceExhausted
}

// CloseSend says that there are no more messages.
func (s *clientStream) CloseSend() error {
	s.mu.Lock()
	s.log.closed = true
	to := s.current
	s.mu.Unlock()
	if to == nil {
		return nil
	}
	return to.CloseSend()
}

// fate waits until the stream's fate is known, and returns the answer or what
// the caller is told if there is none.
func (s *clientStream) fate() (*opened, error) {
	if o := s.answer.Load(); o != nil {
		return o, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for !s.decided {
		s.changed.Wait()
	}
	s.raise()
	return s.answer.Load(), s.err
}

// RecvMsg receives a message.
func (s *clientStream) RecvMsg(m any) error {
	o, err := s.fate()
	if o == nil {
		return err
	}
	err = o.RecvMsg(m)
	if err == nil && s.desc.ServerStreams {
		return nil
	}
	// gRPC has said so already, unless an interceptor answers in its place.
	o.finished(err)
	return o.explain(err)
}

// Header waits for the answer's headers. As with gRPC's own streams, it returns
// nothing if the stream ended without; RecvMsg tells why.
func (s *clientStream) Header() (metadata.MD, error) {
	if o, _ := s.fate(); o != nil {
		return o.Header()
	}
	return nil, nil
}

// Trailer returns the trailer of the answer, or of the last attempt if there was
// none. As with gRPC's own streams, it is there once RecvMsg has returned an
// error.
func (s *clientStream) Trailer() metadata.MD {
	s.mu.Lock()
	o := s.last
	decided := s.decided
	s.mu.Unlock()
	if !decided || o == nil {
		return nil
	}
	return o.Trailer()
}

// Context returns the context of the answer's stream. Before there is an answer
// it is the caller's context, with the values, such as the peer, of the attempt
// under way. It ends with the stream.
func (s *clientStream) Context() context.Context {
	if o := s.answer.Load(); o != nil {
		return o.Context()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.early.Context == nil {
		s.early.stream = s
		s.early.Context, s.endEarly = context.WithCancel(s.ctx)
		if s.over {
			s.endEarly()
		}
	}
	return s.early
}

// earlyContext is the context of a stream that may still move: that of an attempt
// would end with it.
type earlyContext struct {
	context.Context
	stream *clientStream
}

// Value asks the attempt for what the caller's context hasn't got.
func (c earlyContext) Value(key any) any {
	if v := c.Context.Value(key); v != nil {
		return v
	}
	c.stream.mu.Lock()
	o := c.stream.current
	c.stream.mu.Unlock()
	if o == nil {
		return nil
	}
	return o.Context().Value(key)
}
