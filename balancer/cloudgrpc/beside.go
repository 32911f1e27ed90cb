package cloudgrpc

import (
	"context"
	"errors"
	"io"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/fairlead-go/fairlead/balancer"
	"github.com/fairlead-go/fairlead/health"
)

// unaryCall is one call as its attempts share it. All but a hedge are made in the
// goroutine of the call and write where the caller reads. A hedge has a copy of the
// question and an answer of its own, which the caller's goroutine copies if it wins.
type unaryCall struct {
	*dialed
	service, method string
	req, reply      any
	cc              *grpc.ClientConn
	invoke          grpc.UnaryInvoker
	opts            []grpc.CallOption
	answer          protoreflect.MessageType // of reply, which an attempt may be writing to; nil: not hedged
	first           route                    // that of the first attempt, which is all that most calls make

	mu   sync.Mutex // held while the question is copied
	over bool       // it is the caller's again, who may change it
}

// hedged is what a hedge has got.
type hedged struct {
	reply           proto.Message
	header, trailer metadata.MD
	peer            peer.Peer
}

// try makes an attempt.
func (u *unaryCall) try(ctx context.Context, at balancer.Attempt) (*hedged, health.Outcome, error) {
	if at.Hedge() {
		return u.hedge(ctx, at)
	}
	rt := &u.first
	if at.Number() > 1 {
		rt = new(route)
	}
	opts := rt.lead(ctx, u.hub, u.service, u.method, at, u.opts)
	outcome, err := u.make(rt, u.req, u.reply, opts)
	return nil, outcome, err
}

// make has gRPC make an attempt. If what gRPC repeats ends while its message is sent,
// gRPC may end the call with io.EOF.
func (u *unaryCall) make(rt *route, req, reply any, opts []grpc.CallOption) (health.Outcome, error) {
	err := u.invoke(rt, u.method, req, reply, u.cc, opts...)
	if errors.Is(err, io.EOF) {
		err = errSending
	}
	return rt.result(err, u.cc)
}

// hedge makes an attempt beside another one.
func (u *unaryCall) hedge(ctx context.Context, at balancer.Attempt) (*hedged, health.Outcome, error) {
	req := u.question()
	if req == nil {
		at.Unsent()
		return nil, health.Outcome{Reason: reasonGivenUp}, context.Cause(ctx)
	}
	h := &hedged{reply: u.answer.New().Interface()}
	var reply any = h.reply
	if _, ok := u.reply.(proto.Message); !ok {
		reply = protoadapt.MessageV1Of(h.reply)
	}
	rt := new(route)
	opts := rt.lead(ctx, u.hub, u.service, u.method, at, h.divert(u.opts))
	outcome, err := u.make(rt, req, reply, opts)
	return h, outcome, err
}

// question copies what is asked, as the caller may change it when another attempt has
// been answered. It returns nil if that is so already.
func (u *unaryCall) question() any {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.over {
		return nil
	}
	copied := proto.Clone(messageOf(u.req))
	if _, ok := u.req.(proto.Message); !ok {
		return protoadapt.MessageV1Of(copied)
	}
	return copied
}

// end gives the question back to the caller, and the answer of a hedge that has won.
func (u *unaryCall) end(won *hedged, err error) {
	u.mu.Lock()
	u.over = true
	u.mu.Unlock()
	if won == nil {
		return
	}
	if err == nil {
		reply := messageOf(u.reply)
		proto.Reset(reply)
		proto.Merge(reply, won.reply)
	}
	for _, o := range u.opts {
		switch o := o.(type) {
		case grpc.HeaderCallOption:
			*o.HeaderAddr = won.header
		case grpc.TrailerCallOption:
			*o.TrailerAddr = won.trailer
		case grpc.PeerCallOption:
			*o.PeerAddr = won.peer
		}
	}
}

// divert returns the options of a call with those replaced that say where gRPC writes
// to.
func (h *hedged) divert(opts []grpc.CallOption) []grpc.CallOption {
	own := make([]grpc.CallOption, len(opts))
	for i, o := range opts {
		switch o.(type) {
		case grpc.HeaderCallOption:
			o = grpc.Header(&h.header)
		case grpc.TrailerCallOption:
			o = grpc.Trailer(&h.trailer)
		case grpc.PeerCallOption:
			o = grpc.Peer(&h.peer)
		}
		own[i] = o
	}
	return own
}

// messageOf returns a message of protobuf, nil if it is none: then nobody knows how to
// copy it.
func messageOf(m any) proto.Message {
	switch m := m.(type) {
	case proto.Message:
		return m
	case protoadapt.MessageV1:
		return protoadapt.MessageV2Of(m)
	}
	return nil
}
