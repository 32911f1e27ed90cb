package cloudgrpc

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/fairlead-go/fairlead/health"
)

func TestOutcome(t *testing.T) {
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	here := context.Background()
	pushed := pushback{given: true, after: time.Second}
	said := func(c codes.Code) ending { return ending{err: status.Error(c, "x"), sent: true, received: true} }
	sent := func(c codes.Code) ending { return ending{err: status.Error(c, "x"), sent: true} }
	unsent := func(c codes.Code) ending { return ending{err: status.Error(c, "x")} }
	later := func(e ending) ending { e.pushback = pushed; return e }
	for _, test := range []struct {
		name string
		ctx  context.Context
		end  ending
		want health.Kind
	}{
		{"nothing came of the pick", here, ending{}, health.Neutral},
		{"a good answer", here, ending{sent: true, received: true}, health.OK},
		{"a good answer whose caller left", gone, ending{sent: true, received: true}, health.OK},
		{"the end of a stream", here, ending{err: io.EOF, sent: true, received: true}, health.OK},

		{"invalid argument", here, said(codes.InvalidArgument), health.OK},
		{"not found", here, said(codes.NotFound), health.OK},
		{"already exists", here, said(codes.AlreadyExists), health.OK},
		{"permission denied", here, said(codes.PermissionDenied), health.OK},
		{"failed precondition", here, said(codes.FailedPrecondition), health.OK},
		{"aborted", here, said(codes.Aborted), health.OK},
		{"out of range", here, said(codes.OutOfRange), health.OK},
		{"unimplemented", here, said(codes.Unimplemented), health.OK},
		{"unauthenticated", here, said(codes.Unauthenticated), health.OK},
		{"a customer's quota", here, said(codes.ResourceExhausted), health.OK},

		{"unknown", here, said(codes.Unknown), health.Failed},
		{"internal", here, said(codes.Internal), health.Failed},
		{"data loss", here, said(codes.DataLoss), health.Failed},
		{"unavailable", here, said(codes.Unavailable), health.Failed},
		{"a code that isn't", here, said(99), health.Failed},
		{"the server cancelled", here, said(codes.Canceled), health.Failed},
		{"the server's time was over", here, said(codes.DeadlineExceeded), health.TimedOut},

		{"the caller cancelled", gone, said(codes.Canceled), health.Neutral},
		{"the caller's time was over", gone, said(codes.DeadlineExceeded), health.Neutral},
		{"the caller cancelled before an answer", gone, sent(codes.Canceled), health.Neutral},
		{"no answer in time", gone, sent(codes.DeadlineExceeded), health.Neutral}, // the router knows why
		{"broken while the caller left", gone, sent(codes.Unavailable), health.Neutral},

		{"pushed back", here, later(said(codes.Unavailable)), health.Overloaded},
		{"pushed back by a limit", here, later(said(codes.ResourceExhausted)), health.Overloaded},
		{"a fault with pushback", here, later(said(codes.Internal)), health.Failed},

		{"no connection", here, unsent(codes.Unavailable), health.Refused},
		{"a connection that isn't to blame", here, ending{err: status.Error(codes.Unavailable, "x"), local: true}, health.Neutral},
		{"a connection that broke", here, sent(codes.Unavailable), health.Broken},
		{"a stream that was reset", here, sent(codes.Internal), health.Broken},
		{"can't be encoded", here, unsent(codes.Internal), health.Neutral},
		{"too large to send", here, sent(codes.ResourceExhausted), health.Neutral},
		{"no token", here, unsent(codes.Unauthenticated), health.Neutral},
		{"no status at all", here, ending{err: errors.New("x"), sent: true}, health.Broken},
	} {
		got := test.end.outcome(test.ctx)
		if got.Kind != test.want || got.Reason == "" {
			t.Errorf("%s: %v (%s), want %v", test.name, got.Kind, got.Reason, test.want)
		}
		if after := got.RetryAfter; (after == time.Second) != (test.want == health.Overloaded) {
			t.Errorf("%s: retry after %v", test.name, after)
		}
	}
}

func TestPushback(t *testing.T) {
	for _, test := range []struct {
		values []string
		want   pushback
	}{
		{nil, pushback{}},
		{[]string{"0"}, pushback{given: true}},
		{[]string{"1500"}, pushback{given: true, after: 1500 * time.Millisecond}},
		{[]string{"-1"}, pushback{given: true, never: true, after: mostPushback}},
		{[]string{"soon"}, pushback{given: true, never: true, after: mostPushback}},
		{[]string{""}, pushback{given: true, never: true, after: mostPushback}},
		{[]string{"2147483647"}, pushback{given: true, after: mostPushback}},
		{[]string{"99999999999"}, pushback{given: true, never: true, after: mostPushback}},
		{[]string{"1", "2"}, pushback{given: true, never: true, after: mostPushback}},
	} {
		if got := pushbackOf(metadata.MD{"grpc-retry-pushback-ms": test.values}); got != test.want {
			t.Errorf("%q: %+v, want %+v", test.values, got, test.want)
		}
	}
}

func FuzzPushback(f *testing.F) {
	f.Add("100")
	f.Fuzz(func(t *testing.T, value string) {
		p := pushbackOf(metadata.MD{"grpc-retry-pushback-ms": {value}})
		if !p.given || p.after < 0 || p.after > mostPushback {
			t.Errorf("%q: %+v", value, p)
		}
	})
}

func TestMethodOf(t *testing.T) {
	for name, want := range map[string]method{
		"/grpc.health.v1.Health/Check":             {},
		"/grpc.health.v1.Health/Watch":             {streams: true},
		"/grpc.testing.TestService/UnaryCall":      {},
		"/grpc.testing.TestService/FullDuplexCall": {streams: true},
		"/grpc.health.v1.Health":                   {streams: true},
		"/nobody.Knows/It":                         {streams: true},
		"":                                         {streams: true},
		"////":                                     {streams: true},
	} {
		if got := methodOf(name); got != want {
			t.Errorf("%q: %+v, want %+v", name, got, want)
		}
	}
}

func TestWithPolicy(t *testing.T) {
	for config, want := range map[string]string{
		"":     policyOnly,
		"{}":   `{"loadBalancingConfig":[{"fairlead.v1.CloudPolicy":{}}]}`,
		"null": "null",
		"[":    "[",
		`{"loadBalancingPolicy":"x","loadBalancingConfig":[{"y":{}}],"methodConfig":[]}`: `{"loadBalancingConfig":[{"fairlead.v1.CloudPolicy":{}}],"methodConfig":[]}`,
	} {
		if got := withPolicy(config); got != want {
			t.Errorf("%s: %s, want %s", config, got, want)
		}
	}
}
