package cloudgrpc

import (
	"context"
	"maps"
	"strings"
	"sync"
	"sync/atomic"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/fairlead-go/fairlead/balancer"
)

// method is what the protobuf descriptor of a method says.
type method struct {
	streams    bool // or nobody knows
	idempotent bool
}

// methods remembers what descriptors say: they don't change. There are no more of
// them than the program has methods, but names without a descriptor may be made
// up, so of those it remembers mostUnknown.
var methods sync.Map // from full name to method

const mostUnknown = 1000

var unknown atomic.Int32 // methods without a descriptor

// methodOf looks up /package.Service/Method among the descriptors that are
// linked into the program.
func methodOf(fullName string) method {
	if m, ok := methods.Load(fullName); ok {
		return m.(method)
	}
	name := strings.ReplaceAll(strings.TrimPrefix(fullName, "/"), "/", ".")
	descriptor, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(name))
	d, ok := descriptor.(protoreflect.MethodDescriptor)
	if err != nil || !ok {
		m := method{streams: true}
		if unknown.Load() < mostUnknown {
			unknown.Add(1)
			methods.Store(strings.Clone(fullName), m)
		}
		return m
	}
	m := method{streams: d.IsStreamingClient() || d.IsStreamingServer()}
	if options, ok := d.Options().(*descriptorpb.MethodOptions); ok {
		level := options.GetIdempotencyLevel()
		m.idempotent = level == descriptorpb.MethodOptions_NO_SIDE_EFFECTS || level == descriptorpb.MethodOptions_IDEMPOTENT
	}
	methods.Store(fullName, m)
	return m
}

// call returns what the router is asked for when no interceptor has asked it. For a
// method that was picked for before it is there already, soonest for the one that came
// last of all: most clients have few methods.
func (p *policy) call(fullName string) *balancer.Call {
	if last := p.last.Load(); last != nil && last.Method == fullName {
		return last
	}
	if known := p.calls.Load(); known != nil {
		if call := (*known)[fullName]; call != nil {
			return call
		}
	}
	call := &balancer.Call{Service: p.service, Protocol: balancer.GRPC, Method: fullName}
	if methodOf(fullName).streams {
		call.Stream = balancer.ClientStream // nobody will say when its headers come
	}
	p.last.Store(call)
	p.keep(call)
	return call
}

// keep remembers a call for the next pick. The map is replaced, never changed, so
// that picks read it without a lock; names may be made up, so it is bounded.
func (p *policy) keep(call *balancer.Call) {
	for {
		was := p.calls.Load()
		is := map[string]*balancer.Call{call.Method: call}
		if was != nil {
			if len(*was) >= mostCalls {
				return
			}
			maps.Copy(is, *was)
		}
		if p.calls.CompareAndSwap(was, &is) {
			return
		}
	}
}

// mostCalls is the number of methods for which a policy remembers a call.
const mostCalls = 200

type idempotentKey struct{}

// WithIdempotent declares that calls made with the context may be carried out
// twice, so that they are tried again even when an attempt may have reached its
// server. Methods whose protobuf option idempotency_level says so need no
// declaration.
func WithIdempotent(ctx context.Context) context.Context {
	return context.WithValue(ctx, idempotentKey{}, true)
}

// isIdempotent reports whether a call may be carried out twice.
func (s *settings) isIdempotent(ctx context.Context, fullName string) bool {
	if declared, _ := ctx.Value(idempotentKey{}).(bool); declared {
		return true
	}
	return methodOf(fullName).idempotent || s.idempotent != nil && s.idempotent(fullName)
}
