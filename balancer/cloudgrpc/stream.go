package cloudgrpc

import (
	"context"
	"io"
	"sync"
	"sync/atomic"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/fairlead-go/fairlead/balancer"
	"github.com/fairlead-go/fairlead/health"
)

// stream makes streaming calls. Until a server answers, by headers at the latest
// with its first message, an attempt may be replaced by one at another cloud,
// which is sent again what the caller has sent: see [replayLog]. From then on the
// caller's stream is that attempt's (gRFC A6).
//
// As without this package, it returns when there is a connection for the stream,
// or with the error that there is none. What happens afterwards is told by
// RecvMsg.
func (d *dialed) stream(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, open grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	service, ok := serviceOf(cc)
	if !ok {
		return open(ctx, desc, cc, method, opts...)
	}
	s := &clientStream{
		dialed: d, ctx: ctx, desc: desc, cc: cc, method: method, open: open,
		call: balancer.Call{Service: service, Protocol: balancer.GRPC, Method: method, Idempotent: d.isIdempotent(ctx, method), Stream: streamingOf(desc), OneByOne: true, Wait: waitsForReady(cc, method, opts)},
		log:  replayLog{single: !desc.ClientStreams},
	}
	s.opts, s.onFinish = withoutOnFinish(opts)
	s.changed.L = &s.mu
	if s.call.Wait {
		leaveIdle(cc)
	}
	go s.run()
	s.mu.Lock()
	defer s.mu.Unlock()
	for !s.begun && !s.decided {
		s.changed.Wait()
	}
	if !s.begun {
		s.raise()
		return nil, s.err
	}
	return s, nil
}

// clientStream is a stream as its caller sees it. A goroutine of its own makes
// the attempts, and ends when the stream's fate is known: there is an answer, or
// no further attempt. After that the caller's goroutines use the answer's stream
// themselves.
type clientStream struct {
	*dialed
	ctx      context.Context // the caller's
	desc     *grpc.StreamDesc
	cc       *grpc.ClientConn
	method   string
	open     grpc.Streamer
	call     balancer.Call
	opts     []grpc.CallOption
	onFinish []func(error) // the caller's
	answer   atomic.Pointer[opened]

	// mu is never held while gRPC is called.
	mu      sync.Mutex
	changed sync.Cond // broadcast when something below has changed
	log     replayLog
	begun   bool                     // some attempt got a stream
	current *opened                  // where messages go; nil between attempts
	last    *opened                  // the last one that got a stream
	sending *opened                  // a message is on its way into its stream; nil: none
	decided bool                     // the fate is known: answer or err
	err     error                    // what RecvMsg returns if there is no answer
	failed  []balancer.AttemptReport // the attempts before

	panicked any // what its goroutine panicked with, if it did

	early    earlyContext // what Context has returned before there was an answer
	endEarly context.CancelFunc
	over     bool // the stream has ended
}

// run makes the attempts.
func (s *clientStream) run() {
	returned := false
	defer func() {
		if !returned {
			s.giveUp(recover())
		}
	}()
	o, err := balancer.Do(s.ctx, s.hub.router, s.call, s.try, (*opened).drop)
	if err != nil && isNowhere(err) {
		leaveIdle(s.cc)
	}
	s.decide(o, err)
	returned = true
}

// try makes an attempt, and returns it if the server answers with headers. With
// neither an attempt nor an error the stream has ended well, without a message.
func (s *clientStream) try(ctx context.Context, at balancer.Attempt) (*opened, health.Outcome, error) {
	rt := new(route)
	opts := rt.lead(ctx, s.hub, s.call.Service, s.method, at, s.opts)
	o := newOpened(s, rt)
	var err error
	o.ClientStream, err = s.open(rt, s.desc, s.cc, s.method, append(opts[:len(opts):len(opts)], grpc.OnFinish(o.finished))...)
	if err == nil {
		s.enter(o)
		headers, _ := o.Header()
		gone := s.ctx.Err()
		if headers != nil && gone == nil {
			at.Keep()
			return o, health.Outcome{Kind: health.OK, Reason: reasons[codes.OK]}, nil
		}
		if s.leave(o) {
			at.Final()
		}
		if headers != nil { // the caller had left before
			err = status.FromContextError(gone).Err()
		} else if err = o.RecvMsg(&emptypb.Empty{}); err == nil {
			err = errHeaderless
		}
	}
	outcome, err := rt.result(err, s.cc)
	switch {
	case err == io.EOF:
		return nil, outcome, nil
	case o.fault != nil:
		outcome, err = health.Outcome{Reason: reasonRequest}, o.fault
	}
	if outcome.Kind != health.OK {
		s.failed = append(s.failed, o.report(outcome, err))
	}
	return nil, outcome, err
}

// errHeaderless is about servers, or interceptors, that break the protocol. The
// message is lost: nobody knew what it should be.
var errHeaderless = status.Error(codes.Internal, "a message came without headers")

// reasonClosed is that of streams that end with their ClientConn.
const reasonClosed = "connection closed by its owner"

// closing reports whether the caller has closed the ClientConn.
func (s *clientStream) closing() bool { return s.cc.GetState() == connectivity.Shutdown }

// enter sends an attempt what was sent before, and makes it the one that messages
// go to. This doesn't wait for the server to read, which may wait for the caller
// to read the answer: gRPC takes as much at once as the log holds.
func (s *clientStream) enter(o *opened) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.sending != nil {
		s.changed.Wait() // into the stream of one that was cut: not for long
	}
	s.current = nil
	for i := 0; i < len(s.log.messages); i++ { // there may come more meanwhile
		if s.send(o, s.log.messages[i]) != nil {
			break // its headers won't come
		}
	}
	if s.log.closed {
		_ = s.unlocked(o.CloseSend)
	}
	s.begun, s.current, s.last = true, o, o
	s.changed.Broadcast()
}

// leave takes from an attempt that has failed what it gets. It reports whether
// there can be no other, as the log is incomplete.
func (s *clientStream) leave(o *opened) (final bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.current = nil
	s.changed.Broadcast()
	for s.sending != nil {
		s.changed.Wait() // not for long: the stream has ended
	}
	return s.log.lost
}

// decide says what has become of the stream. Whoever asked to be told of its end
// hears of it before the caller does.
func (s *clientStream) decide(o *opened, err error) {
	switch {
	case o != nil:
		o.adopt()
		s.answer.Store(o)
	case err == nil:
		err = io.EOF
		s.finish(nil)
	default:
		err = statusError(err)
		s.finish(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.decided, s.err, s.log = true, err, replayLog{}
	s.changed.Broadcast()
}

// finish calls those who asked to be told of the end of the call, once for all
// attempts, and ends its context.
func (s *clientStream) finish(err error) {
	for _, told := range s.onFinish {
		told(err)
	}
	s.end()
}

// end ends the stream's context.
func (s *clientStream) end() {
	s.mu.Lock()
	s.over = true
	end := s.endEarly
	s.mu.Unlock()
	if end != nil {
		end()
	}
}

// withoutOnFinish takes the callbacks out of a call's options, which are those of
// each attempt.
func withoutOnFinish(opts []grpc.CallOption) (others []grpc.CallOption, callbacks []func(error)) {
	for i, o := range opts {
		if f, ok := o.(grpc.OnFinishCallOption); ok {
			if callbacks == nil {
				others = append(others, opts[:i]...)
			}
			callbacks = append(callbacks, f.OnFinish)
		} else if callbacks != nil {
			others = append(others, o)
		}
	}
	if callbacks == nil {
		return opts, nil
	}
	return others, callbacks
}

func streamingOf(desc *grpc.StreamDesc) balancer.Streaming {
	switch {
	case desc.ClientStreams:
		return balancer.ClientStream
	case desc.ServerStreams:
		return balancer.ServerStream
	}
	return balancer.NoStream
}
