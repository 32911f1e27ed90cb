package main

import (
	"errors"
	"net/http"

	"connectrpc.com/connect"
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
