package main

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// The service is what protoc would make of this:
//
//	service Routing {
//	  // Route answers with a route to a place.
//	  rpc Route(StringValue) returns (StringValue);
//	  // Follow sends the positions of a vehicle, from the given number on.
//	  rpc Follow(Int64Value) returns (stream Int64Value);
//	}
//
// Its messages are well-known types, so that there is nothing to generate.

const serviceName = "routing.v1.Routing"

type routing interface {
	Route(context.Context, *wrapperspb.StringValue) (*wrapperspb.StringValue, error)
	Follow(*wrapperspb.Int64Value, grpc.ServerStreamingServer[wrapperspb.Int64Value]) error
}

var routingDesc = grpc.ServiceDesc{
	ServiceName: serviceName,
	HandlerType: (*routing)(nil),
	Methods:     []grpc.MethodDesc{{MethodName: "Route", Handler: handleRoute}},
	Streams:     []grpc.StreamDesc{{StreamName: "Follow", Handler: handleFollow, ServerStreams: true}},
}

func handleRoute(s any, ctx context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
	to := new(wrapperspb.StringValue)
	if err := decode(to); err != nil {
		return nil, err
	}
	return s.(routing).Route(ctx, to)
}

func handleFollow(s any, stream grpc.ServerStream) error {
	from := new(wrapperspb.Int64Value)
	if err := stream.RecvMsg(from); err != nil {
		return err
	}
	return s.(routing).Follow(from, &grpc.GenericServerStream[wrapperspb.Int64Value, wrapperspb.Int64Value]{ServerStream: stream})
}

// routingClient makes calls of the service.
type routingClient struct{ conn grpc.ClientConnInterface }

// Route returns a route, and the cloud that it is from.
func (c routingClient) Route(ctx context.Context, to string) (route, cloud string, err error) {
	var answer wrapperspb.StringValue
	var header metadata.MD
	err = c.conn.Invoke(ctx, "/"+serviceName+"/Route", wrapperspb.String(to), &answer, grpc.Header(&header))
	return answer.Value, cloudOf(header), err
}

// Follow begins to follow a vehicle.
func (c routingClient) Follow(ctx context.Context, from int64) (grpc.ServerStreamingClient[wrapperspb.Int64Value], error) {
	stream, err := c.conn.NewStream(ctx, &routingDesc.Streams[0], "/"+serviceName+"/Follow")
	if err != nil {
		return nil, err
	}
	s := &grpc.GenericClientStream[wrapperspb.Int64Value, wrapperspb.Int64Value]{ClientStream: stream}
	if err := s.Send(wrapperspb.Int64(from)); err != nil {
		return nil, err
	}
	return s, s.CloseSend()
}

// servedBy is the header that names the cloud of an answer.
const servedBy = "served-by"

func cloudOf(header metadata.MD) string {
	if values := header.Get(servedBy); len(values) > 0 {
		return values[0]
	}
	return ""
}
