module github.com/fairlead-go/fairlead/internal/bench

go 1.26

require (
	github.com/failsafe-go/failsafe-go v0.9.8
	github.com/fairlead-go/fairlead v0.0.0
	github.com/hashicorp/go-retryablehttp v0.7.8
)

require (
	github.com/bits-and-blooms/bitset v1.24.4 // indirect
	github.com/cenkalti/backoff/v4 v4.3.0 // indirect
	github.com/hashicorp/go-cleanhttp v0.5.2 // indirect
	github.com/hashicorp/golang-lru/v2 v2.0.7 // indirect
	github.com/influxdata/tdigest v0.0.1 // indirect
	go.yaml.in/yaml/v4 v4.0.0 // indirect
)

replace github.com/fairlead-go/fairlead => ../..
