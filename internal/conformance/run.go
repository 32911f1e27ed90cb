package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	pb "github.com/fairlead-go/fairlead/internal/conformance/conformancev1"
)

// serviceName is the only service of the suite's server.
const serviceName = "connectrpc.conformance.v1.ConformanceService"

// runHTTP runs a case over HTTP, by whichever protocol it wants.
func runHTTP(ctx context.Context, w world, test *pb.ClientCompatRequest) (*pb.ClientResponseResult, error) {
	connection, done, err := w.open(test)
	if err != nil {
		return nil, err
	}
	defer done()
	c, err := newHTTPCall(ctx, connection, test)
	if err != nil {
		return nil, err
	}
	defer c.cancel()
	switch method := test.GetMethod(); method {
	case "Unary":
		err = unary[pb.UnaryRequest, pb.UnaryResponse](c)
	case "IdempotentUnary":
		err = unary[pb.IdempotentUnaryRequest, pb.IdempotentUnaryResponse](c)
	case "Unimplemented":
		err = unary[pb.UnimplementedRequest, pb.UnimplementedResponse](c)
	case "ServerStream":
		err = serverStream(c)
	case "ClientStream":
		err = clientStream(c)
	case "BidiStream":
		err = bidiStream(c)
	default:
		err = fmt.Errorf("the service has no method %q", method)
	}
	if err != nil {
		return nil, err
	}
	return c.result, nil
}

// call is a call that a test case describes.
type call struct {
	test   *pb.ClientCompatRequest
	ctx    context.Context
	cancel context.CancelFunc
	result *pb.ClientResponseResult
}

func newCall(ctx context.Context, test *pb.ClientCompatRequest) (*call, error) {
	if name := test.GetService(); name != serviceName {
		return nil, fmt.Errorf("there is no service %q", name)
	}
	c := &call{test: test, result: new(pb.ClientResponseResult)}
	if test.TimeoutMs != nil {
		c.ctx, c.cancel = context.WithTimeout(ctx, milliseconds(*test.TimeoutMs))
	} else {
		c.ctx, c.cancel = context.WithCancel(ctx)
	}
	return c, nil
}

// httpCall is a call through an HTTP client.
type httpCall struct {
	*call
	client  *http.Client
	url     string
	options []connect.ClientOption
}

func newHTTPCall(ctx context.Context, connection *connection, test *pb.ClientCompatRequest) (*httpCall, error) {
	options, err := optionsOf(test)
	if err != nil {
		return nil, err
	}
	c, err := newCall(ctx, test)
	if err != nil {
		return nil, err
	}
	return &httpCall{
		call:    c,
		client:  &http.Client{Transport: connection.http},
		url:     serverOf(test).scheme() + "://" + service + "/" + serviceName + "/" + test.GetMethod(),
		options: options,
	}, nil
}

// optionsOf returns how the case's client speaks.
func optionsOf(test *pb.ClientCompatRequest) ([]connect.ClientOption, error) {
	options := []connect.ClientOption{connect.WithReadMaxBytes(int(test.MessageReceiveLimit))}
	switch test.Protocol {
	case pb.Protocol_PROTOCOL_CONNECT:
	case pb.Protocol_PROTOCOL_GRPC:
		options = append(options, connect.WithGRPC())
	case pb.Protocol_PROTOCOL_GRPC_WEB:
		options = append(options, connect.WithGRPCWeb())
	default:
		return nil, fmt.Errorf("no client for %v", test.Protocol)
	}
	switch test.Codec {
	case pb.Codec_CODEC_PROTO:
	case pb.Codec_CODEC_JSON:
		options = append(options, connect.WithProtoJSON())
	default:
		return nil, fmt.Errorf("no client for %v", test.Codec)
	}
	switch test.Compression {
	case pb.Compression_COMPRESSION_UNSPECIFIED, pb.Compression_COMPRESSION_IDENTITY:
		options = append(options, connect.WithAcceptCompression("gzip", nil, nil))
	case pb.Compression_COMPRESSION_GZIP:
		options = append(options, connect.WithSendGzip())
	default:
		return nil, fmt.Errorf("no client for %v", test.Compression)
	}
	if test.UseGetHttpMethod {
		options = append(options, connect.WithHTTPGet(), connect.WithIdempotency(connect.IdempotencyNoSideEffects))
	}
	return options, nil
}

// only reads the one message that the call is to send.
func (c *call) only(m proto.Message) error {
	if n := len(c.test.RequestMessages); n != 1 {
		return fmt.Errorf("the case has %d messages, not 1", n)
	}
	return c.test.RequestMessages[0].UnmarshalTo(m)
}

// addHeaders adds the headers that the call is to send.
func (c *httpCall) addHeaders(h http.Header) {
	for _, header := range c.test.RequestHeaders {
		for _, v := range header.Value {
			h.Add(header.Name, v)
		}
	}
}

// received notes a message of the answer, and cancels the call if it is the
// one after which the case wants that.
func (c *call) received(p *pb.ConformancePayload) {
	if p == nil {
		p = new(pb.ConformancePayload)
	}
	c.result.Payloads = append(c.result.Payloads, p)
	after, ok := c.test.GetCancel().GetCancelTiming().(*pb.ClientCompatRequest_Cancel_AfterNumResponses)
	if ok && len(c.result.Payloads) == int(after.AfterNumResponses) {
		c.cancel()
	}
}

// cancelBeforeClose cancels the call if the case wants that before all is
// sent.
func (c *call) cancelBeforeClose() {
	if c.test.GetCancel().GetBeforeCloseSend() != nil {
		c.cancel()
	}
}

// cancelLater cancels the call if the case wants that some time after all is
// sent, while the caller waits for the answer.
func (c *call) cancelLater() {
	if wait, ok := c.cancelAfterClose(); ok {
		time.AfterFunc(wait, c.cancel)
	}
}

// waitAndCancel cancels the call if the case wants that some time after all is
// sent, before it asks for the answer.
func (c *call) waitAndCancel() {
	if wait, ok := c.cancelAfterClose(); ok {
		time.Sleep(wait)
		c.cancel()
	}
}

// cancelAfterClose reports how long after all is sent the case wants the call
// canceled, if it does.
func (c *call) cancelAfterClose() (time.Duration, bool) {
	if c.test.Cancel == nil {
		return 0, false
	}
	switch when := c.test.Cancel.CancelTiming.(type) {
	case nil:
		return 0, true
	case *pb.ClientCompatRequest_Cancel_AfterCloseSendMs:
		return milliseconds(when.AfterCloseSendMs), true
	}
	return 0, false
}

// failed notes how the call failed.
func (c *httpCall) failed(err error) { c.result.Error = errorOf(err) }

// ended notes the headers and trailers of the answer.
func (c *httpCall) ended(headers, trailers http.Header) {
	c.result.ResponseHeaders, c.result.ResponseTrailers = headersOf(headers), headersOf(trailers)
}

// pause waits as long as the case wants before each message of a stream.
func (c *call) pause() { time.Sleep(milliseconds(c.test.RequestDelayMs)) }

func milliseconds(n uint32) time.Duration { return time.Duration(n) * time.Millisecond }
