package main

import (
	"context"
	"fmt"
	"io"

	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	pb "github.com/fairlead-go/fairlead/internal/conformance/conformancev1"
)

// grpcCall is a call through grpc-go.
type grpcCall struct {
	*call
	conn    *grpc.ClientConn
	method  string
	options []grpc.CallOption
}

// runGRPC runs a case over gRPC.
func runGRPC(ctx context.Context, w world, test *pb.ClientCompatRequest) (*pb.ClientResponseResult, error) {
	connection, done, err := w.open(test)
	if err != nil {
		return nil, err
	}
	defer done()
	c, err := newGRPCCall(ctx, connection, test)
	if err != nil {
		return nil, err
	}
	defer c.cancel()
	switch method := test.GetMethod(); method {
	case "Unary":
		err = c.unary(new(pb.UnaryRequest), new(pb.UnaryResponse))
	case "Unimplemented":
		err = c.unary(new(pb.UnimplementedRequest), new(pb.UnimplementedResponse))
	case "ServerStream":
		err = grpcStream[pb.ServerStreamRequest, pb.ServerStreamResponse](c, &grpc.StreamDesc{ServerStreams: true})
	case "ClientStream":
		err = grpcStream[pb.ClientStreamRequest, pb.ClientStreamResponse](c, &grpc.StreamDesc{ClientStreams: true})
	case "BidiStream":
		err = grpcStream[pb.BidiStreamRequest, pb.BidiStreamResponse](c, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true})
	default:
		err = fmt.Errorf("the service has no method %q for gRPC", method)
	}
	if err != nil {
		return nil, err
	}
	return c.result, nil
}

func newGRPCCall(ctx context.Context, connection *connection, test *pb.ClientCompatRequest) (*grpcCall, error) {
	if test.Protocol != pb.Protocol_PROTOCOL_GRPC || test.Codec != pb.Codec_CODEC_PROTO {
		return nil, fmt.Errorf("no client for %v with %v", test.Protocol, test.Codec)
	}
	options := []grpc.CallOption{grpc.MaxCallRecvMsgSize(int(test.MessageReceiveLimit))}
	switch test.Compression {
	case pb.Compression_COMPRESSION_UNSPECIFIED, pb.Compression_COMPRESSION_IDENTITY:
	case pb.Compression_COMPRESSION_GZIP:
		options = append(options, grpc.UseCompressor(gzip.Name))
	default:
		return nil, fmt.Errorf("no client for %v", test.Compression)
	}
	c, err := newCall(ctx, test)
	if err != nil {
		return nil, err
	}
	for _, header := range test.RequestHeaders {
		for _, v := range header.Value {
			c.ctx = metadata.AppendToOutgoingContext(c.ctx, header.Name, v)
		}
	}
	return &grpcCall{call: c, conn: connection.grpc, method: "/" + serviceName + "/" + test.GetMethod(), options: options}, nil
}

// unary sends one message and gets one.
func (c *grpcCall) unary(request, response proto.Message) error {
	if err := c.only(request); err != nil {
		return err
	}
	c.cancelLater()
	var header, trailer metadata.MD
	err := c.conn.Invoke(c.ctx, c.method, request, response, append(c.options, grpc.Header(&header), grpc.Trailer(&trailer))...)
	if err != nil {
		c.failed(err)
	} else {
		c.received(payloadOf(response))
	}
	c.ended(header, trailer)
	return nil
}

// grpcStream sends and gets as many messages as the kind of stream allows: all of
// one before all of the other, or in turns.
func grpcStream[Req, Res any, In message[Req], Out message[Res]](c *grpcCall, desc *grpc.StreamDesc) error {
	stream, err := c.conn.NewStream(c.ctx, desc, c.method, c.options...)
	if err != nil {
		c.failed(err)
		return nil
	}
	more := true
	receive := func() {
		response := Out(new(Res))
		switch err := stream.RecvMsg(response); err {
		case nil:
			c.received(payloadOf(response))
			more = desc.ServerStreams
		case io.EOF:
			more = false
		default:
			c.failed(err)
			more = false
		}
	}
	inTurns := c.test.StreamType == pb.StreamType_STREAM_TYPE_FULL_DUPLEX_BIDI_STREAM
	err = send[Req, In](c.call, func(m *Req) error {
		if !more {
			return io.EOF
		}
		if err := stream.SendMsg(m); err != nil {
			return err
		}
		if inTurns {
			receive()
		}
		return nil
	})
	if err != nil {
		return err
	}
	c.cancelBeforeClose()
	if err := stream.CloseSend(); err != nil {
		return err
	}
	c.waitAndCancel()
	for more {
		receive()
	}
	header, _ := stream.Header() // if there is none, the error is known
	c.ended(header, stream.Trailer())
	return nil
}

// failed notes how the call failed.
func (c *grpcCall) failed(err error) { c.result.Error = grpcErrorOf(err) }

// ended notes the headers and trailers of the answer.
func (c *grpcCall) ended(header, trailer metadata.MD) {
	c.result.ResponseHeaders, c.result.ResponseTrailers = grpcHeadersOf(header), grpcHeadersOf(trailer)
}
