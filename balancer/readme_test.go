package balancer

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestReadme: the config of the README is complete, and stays valid with the tiers
// and contracts that it goes on with. So does what it shows of capacities, which
// leaves out what was said before.
func TestReadme(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	var file, capacities string
	blocks := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(string(readme), -1)
	for _, block := range blocks {
		switch text := block[1]; {
		case strings.Contains(text, "version: 1"), strings.HasPrefix(text, "tiers:"), strings.HasPrefix(text, "contracts:"):
			file += text
			if _, err := ParseConfig([]byte(file)); err != nil {
				t.Errorf("%v\n%s", err, file)
			}
		case strings.Contains(text, "capacity:"):
			capacities = "version: 1\n" + strings.Replace(text, "clouds:\n", "clouds:\n  onprem: {weight: 70}\n", 1)
		}
	}
	cfg, err := ParseConfig([]byte(file))
	if err != nil || len(cfg.Tiers) == 0 || len(cfg.Contracts) == 0 {
		t.Errorf("not all of it was found: %v\n%s", err, file)
	}
	cfg, err = ParseConfig([]byte(capacities))
	if err != nil || cfg.Instances == 0 {
		t.Errorf("capacities: %v\n%s", err, capacities)
	}
}
