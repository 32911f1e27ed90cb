package balancer

import (
	"time"

	"github.com/fairlead-go/fairlead/failover"
	"github.com/fairlead-go/fairlead/health"
	"github.com/fairlead-go/fairlead/sla"
)

// Config says which clouds there are, which services they run, and how calls
// are divided between them. Two clouds and one service are a complete Config;
// everything else has a default.
//
// A Config is plain data. A Go literal and a YAML file say the same things: a
// key of the file is the field's name with a small first letter (LevelKey is
// levelKey, HTTP is http). A field left at its zero value takes its default. A
// file that writes out a zero where zero would stand for the default is
// refused, so weight: 0 never comes to mean weight: 1.
//
// Durations are written with a unit: 300ms, 1s, 1m30s, 720h.
//
// The router copies the Config it is given; changing it afterwards has no
// effect. A Config may be read by several goroutines, but not while one of
// them changes it.
type Config struct {
	// Version of the file format. The only one is 1, which is also the
	// default.
	Version int

	// Clouds are the failure domains that can be lost as a whole, by name. At
	// least 1, at most 64. Required. A name has 1 to 63 characters: lower-case
	// letters, digits, '-', '.' and '_', with a letter or digit at both ends.
	Clouds map[string]Cloud

	// Services are what callers call, by name. At least 1. Required. Over HTTP
	// the host of the caller's URL names the service, so a name is written as
	// a cloud's is, and may have up to 253 characters.
	Services map[string]Service

	// Tiers are the classes of calls, most critical first: when there is not
	// enough for all, the last ones wait first. At most 32, each name once;
	// names are written as those of clouds. Default: one tier named default.
	Tiers []sla.Tier

	// Assign gives calls a tier by product, customer and method. The first
	// rule that matches wins. A call whose context names a tier is not asked.
	// Default: no rules.
	Assign []sla.Rule

	// Contracts are accounted for one by one, besides in their tiers: each is a
	// promise to one customer of one product. At most 1000; each name once, and
	// each product and customer. Names are written as those of clouds. Default:
	// none.
	Contracts []sla.Contract

	// Default is the tier of calls that no rule matches. Default: the last of
	// the tiers, because a call that nobody spoke up for must not displace one
	// that somebody did.
	Default string

	// Sensitive are names of request headers that hold secrets, beside those
	// that always count as such: Authorization, Cookie, Proxy-Authorization,
	// X-Api-Key, Api-Key, X-Auth-Token, X-Goog-Api-Key and
	// X-Amz-Security-Token. They are sent only to the clouds that a service
	// trusts with them: see trust of clouds and services. At most 64, in any
	// case. Default: none beside those.
	Sensitive []string

	// LevelKey says where the secret is that decides which customers wait
	// first when a tier is shed: env:NAME for an environment variable or
	// file:PATH for a file. The secret itself is never written here. All
	// clients that share the secret choose the same customers. Default: a
	// random secret per process.
	LevelKey string

	// Health says when an endpoint or a cloud counts as sick.
	Health health.Settings

	// Failover says how traffic moves between clouds.
	Failover failover.Settings

	// Retry bounds what second and further attempts may add to the load of
	// each service.
	Retry failover.BudgetSettings

	// Changes are what operators have planned: drains, shifts and drills. Every
	// client that has the config follows them by itself, by the wall clock. At most
	// 1000, each ID once. Two that contradict each other are a fault. Default: none.
	Changes []failover.Change

	// Instances is the number of client processes that share the capacities of
	// the services: each counts on its part of them alone, and of what servers report
	// that they carry. From 1 to 1000000.
	// Default: unknown; capacities then are what servers report.
	Instances int

	// Observe names a cloud that gets every call, whatever the router decides;
	// decisions are still made, counted and explained. It is the way to adopt
	// the library without risk. Each service must have this cloud and each
	// tier must be allowed to use it. Default: decisions are carried out.
	Observe string
}

// Cloud is a failure domain: a data centre, a region, a provider.
type Cloud struct {
	// Weight is the cloud's part of the traffic relative to the other clouds
	// that a service has: 70 and 30 are 70 % and 30 %. From 1 to 4294967295.
	// Default: 1. It is never 0: to take a cloud out of use, drain it.
	Weight uint32

	// Trust names the group of clouds that the cloud belongs to: clouds of one
	// group may see the same credentials. It is written as the name of a cloud
	// is. Default: if no cloud has a trust, all are one group; otherwise a
	// cloud without is a group of its own.
	Trust string

	// Host says whose name the Host header has, and :authority in HTTP/2:
	// "endpoint" for the endpoint's host, "caller" for the one that the caller
	// asked for. What a certificate must name is the endpoint's host in any
	// case. Default: endpoint.
	Host Host

	// Ready is how long new capacity in the cloud usually takes until it
	// serves, after the demand for it was seen. It only predicts, for those who are
	// told when to try again; what is ready is observed. From 1s to 24h. Default:
	// unknown.
	Ready time.Duration
}

// Host says whose name a request's Host header has.
type Host string

// The values of [Cloud.Host].
const (
	HostEndpoint Host = "endpoint"
	HostCaller   Host = "caller"
)

// Service is one logical service and where it runs.
type Service struct {
	// Clouds are the clouds that run the service and its endpoints there, by
	// the cloud's name. At least 1. Required.
	Clouds map[string]ServiceCloud

	// Trust names the group of clouds that its callers' credentials are for:
	// sensitive headers of a request go to clouds of this group only, whichever
	// cloud is tried first. At least one of the service's clouds must belong to
	// it. Default: if all of the service's clouds are of one group, that group;
	// otherwise none, and no cloud gets them.
	Trust string

	// Tiers are this service's own figures. Each entry names one of the
	// config's tiers and replaces what it sets; the rest stays. Protection can
	// be given here but not taken away. Their order means nothing. Default:
	// the config's tiers as they are.
	Tiers []sla.Tier

	// Subset is the most endpoints of one cloud that one process uses, so that
	// its connections stay bounded. Each process chooses its own, and keeps most
	// of them when endpoints come and go. Too few spread the load unevenly: 20
	// and more serve well. From 2 to 100000. Default: all.
	Subset int
}

// ServiceCloud is one service in one cloud.
type ServiceCloud struct {
	// HTTP are the endpoints that speak HTTP, as absolute URLs:
	// http://10.1.0.11:8080, https://routing.example.com or, with a prefix for
	// every path, https://example.com/routing. The scheme h2c is HTTP/2 without
	// TLS, spoken from the first byte. Host is an IP address or a DNS name, each
	// of whose addresses becomes an endpoint. The port's default is 80 for http
	// and h2c, 443 for https. No user name, query or fragment, and none
	// twice. Required, unless there is GRPC.
	HTTP []string

	// GRPC are the endpoints that speak gRPC: 10.1.0.11:9090, a DNS name with
	// port such as routing.example.com:443 or dns:///routing.example.com:443,
	// each of whose addresses becomes an endpoint, or any other target that
	// gRPC can resolve: unix:///run/routing.sock. The port's default is 443.
	// None twice. Required, unless there is HTTP.
	GRPC []string

	// ServerName is the name that certificates of the GRPC endpoints must hold,
	// and with the endpoint's port the authority that they are called by.
	// Default: the host of each endpoint.
	ServerName string

	// Capacity is how many calls per second the service can carry in this cloud
	// now, of all clients together. Calls beyond it go to other clouds, or are
	// shed if there is no room. Above 0, at most 1e9. Default: unknown: then
	// what servers report of their load counts, and else weights and health
	// alone.
	Capacity float64

	// Ceiling is the capacity that the cloud can grow to by itself as the demand
	// grows. Calls go there as it is observed to be ready. At least Capacity,
	// which it needs. Default: Capacity, nothing grows.
	Ceiling float64
}
