package main

import (
	"errors"
	"net/http"
	"strings"

	"connectrpc.com/connect"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	pb "github.com/fairlead-go/fairlead/internal/conformance/conformancev1"
)

// errorOf says in the suite's words how a call failed.
func errorOf(err error) *pb.Error {
	var e *connect.Error
	if !errors.As(err, &e) {
		return &pb.Error{Code: pb.Code_CODE_UNKNOWN, Message: proto.String(err.Error())}
	}
	out := &pb.Error{Code: pb.Code(e.Code()), Message: proto.String(e.Message())}
	for _, d := range e.Details() {
		out.Details = append(out.Details, &anypb.Any{TypeUrl: "type.googleapis.com/" + d.Type(), Value: d.Bytes()})
	}
	return out
}

// metadataOf returns the headers and trailers that came with an error.
func metadataOf(err error) http.Header {
	var e *connect.Error
	if !errors.As(err, &e) {
		return nil
	}
	return e.Meta()
}

func headersOf(h http.Header) []*pb.Header {
	var out []*pb.Header
	for name, values := range h {
		out = append(out, &pb.Header{Name: name, Value: values})
	}
	return out
}

// grpcErrorOf says in the suite's words how a call of grpc-go's failed.
func grpcErrorOf(err error) *pb.Error {
	s := status.Convert(err)
	return &pb.Error{Code: pb.Code(s.Code()), Message: proto.String(s.Message()), Details: s.Proto().GetDetails()}
}

// grpcHeadersOf returns metadata as the suite writes it: what is binary in
// base64.
func grpcHeadersOf(md metadata.MD) []*pb.Header {
	var out []*pb.Header
	for name, values := range md {
		if strings.HasSuffix(name, "-bin") {
			encoded := make([]string, len(values))
			for i, v := range values {
				encoded[i] = connect.EncodeBinaryHeader([]byte(v))
			}
			values = encoded
		}
		out = append(out, &pb.Header{Name: name, Value: values})
	}
	return out
}
