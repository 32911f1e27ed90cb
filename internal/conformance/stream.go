package main

import (
	"errors"
	"io"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	pb "github.com/fairlead-go/fairlead/internal/conformance/conformancev1"
)

// message is a pointer to a T that is a protobuf message.
type message[T any] interface {
	*T
	proto.Message
}

// payloadOf returns what an answer carries, if anything.
func payloadOf(m any) *pb.ConformancePayload {
	if m, ok := m.(interface{ GetPayload() *pb.ConformancePayload }); ok {
		return m.GetPayload()
	}
	return nil
}

// unary sends one message and gets one.
func unary[Req, Res any, In message[Req]](c *httpCall) error {
	request := connect.NewRequest(new(Req))
	if err := c.only(In(request.Msg)); err != nil {
		return err
	}
	c.addHeaders(request.Header())
	c.cancelLater()
	response, err := connect.NewClient[Req, Res](c.client, c.url, c.options...).CallUnary(c.ctx, request)
	if err != nil {
		c.failed(err)
		c.ended(nil, metadataOf(err))
		return nil
	}
	c.received(payloadOf(response.Msg))
	c.ended(response.Header(), response.Trailer())
	return nil
}

// serverStream sends one message and gets any number.
func serverStream(c *httpCall) error {
	request := connect.NewRequest(new(pb.ServerStreamRequest))
	if err := c.only(request.Msg); err != nil {
		return err
	}
	c.addHeaders(request.Header())
	client := connect.NewClient[pb.ServerStreamRequest, pb.ServerStreamResponse](c.client, c.url, c.options...)
	stream, err := client.CallServerStream(c.ctx, request)
	if err != nil {
		c.failed(err)
		c.ended(nil, metadataOf(err))
		return nil
	}
	c.waitAndCancel()
	for stream.Receive() {
		c.received(stream.Msg().GetPayload())
	}
	if err := stream.Err(); err != nil {
		c.failed(err)
	}
	c.ended(stream.ResponseHeader(), stream.ResponseTrailer())
	stream.Close()
	return nil
}

// clientStream sends any number of messages and gets one.
func clientStream(c *httpCall) error {
	client := connect.NewClient[pb.ClientStreamRequest, pb.ClientStreamResponse](c.client, c.url, c.options...)
	stream := client.CallClientStream(c.ctx)
	c.addHeaders(stream.RequestHeader())
	if err := send(c.call, stream.Send); err != nil {
		return err
	}
	c.cancelBeforeClose()
	c.cancelLater()
	response, err := stream.CloseAndReceive()
	if err != nil {
		c.failed(err)
		c.ended(nil, metadataOf(err))
		return nil
	}
	c.received(response.Msg.GetPayload())
	c.ended(response.Header(), response.Trailer())
	return nil
}

// bidiStream sends and gets any number of messages: all of one before all of
// the other, or in turns.
func bidiStream(c *httpCall) error {
	client := connect.NewClient[pb.BidiStreamRequest, pb.BidiStreamResponse](c.client, c.url, c.options...)
	stream := client.CallBidiStream(c.ctx)
	c.addHeaders(stream.RequestHeader())
	inTurns := c.test.StreamType == pb.StreamType_STREAM_TYPE_FULL_DUPLEX_BIDI_STREAM
	receive := func() bool {
		m, err := stream.Receive()
		switch {
		case err == nil:
			c.received(m.GetPayload())
		case !errors.Is(err, io.EOF):
			c.failed(err)
		}
		return err == nil
	}
	more := true
	err := send(c.call, func(m *pb.BidiStreamRequest) error {
		if !more {
			return io.EOF
		}
		if err := stream.Send(m); err != nil {
			return err
		}
		if inTurns {
			more = receive()
		}
		return nil
	})
	if err != nil {
		return err
	}
	c.cancelBeforeClose()
	if err := stream.CloseRequest(); err != nil && c.ctx.Err() == nil {
		return err
	}
	c.waitAndCancel()
	for more && receive() {
	}
	c.ended(stream.ResponseHeader(), stream.ResponseTrailer())
	stream.CloseResponse()
	return nil
}

// send gives the case's messages to one, one by one, until it fails. Then the
// server wants no more of them or the call was canceled; the answer will say
// which.
func send[T any, M message[T]](c *call, one func(*T) error) error {
	for i, any := range c.test.RequestMessages {
		m := new(T)
		if err := any.UnmarshalTo(M(m)); err != nil {
			return err
		}
		c.pause()
		if one(m) != nil {
			c.result.NumUnsentRequests = int32(len(c.test.RequestMessages) - i)
			return nil
		}
	}
	return nil
}
