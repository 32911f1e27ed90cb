package cloudgrpc

import "encoding/json"

// withPolicy returns the service config with our policy in it. What isn't a JSON
// object is left for gRPC to refuse.
func withPolicy(config string) string {
	if config == "" {
		return policyOnly
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal([]byte(config), &fields); err != nil || fields == nil {
		return config
	}
	delete(fields, "loadBalancingPolicy")
	fields["loadBalancingConfig"] = json.RawMessage(`[{"` + PolicyName + `": {}}]`)
	merged, err := json.Marshal(fields)
	if err != nil {
		return config // can't be: it was JSON
	}
	return string(merged)
}
