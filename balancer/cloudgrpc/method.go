package cloudgrpc

import (
	"context"
	"strings"
	"sync"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
)

// method is what the protobuf descriptor of a method says.
type method struct {
	streams    bool // or nobody knows
	idempotent bool
}

// methods remembers what descriptors say: they don't change. There are no more of
// them than the program has methods.
var methods sync.Map // from full name to method

// methodOf looks up /package.Service/Method among the descriptors that are
// linked into the program.
func methodOf(fullName string) method {
	if m, ok := methods.Load(fullName); ok {
		return m.(method)
	}
	name := strings.ReplaceAll(strings.TrimPrefix(fullName, "/"), "/", ".")
	descriptor, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(name))
	if err != nil {
		return method{streams: true} // not remembered: names that callers make up have no end
	}
	d, ok := descriptor.(protoreflect.MethodDescriptor)
	if !ok {
		return method{streams: true}
	}
	m := method{streams: d.IsStreamingClient() || d.IsStreamingServer()}
	if options, ok := d.Options().(*descriptorpb.MethodOptions); ok {
		level := options.GetIdempotencyLevel()
		m.idempotent = level == descriptorpb.MethodOptions_NO_SIDE_EFFECTS || level == descriptorpb.MethodOptions_IDEMPOTENT
	}
	methods.Store(fullName, m)
	return m
}

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
