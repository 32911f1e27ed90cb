.PHONY: test race bench ci

test: ## what the README says
	go test ./...

race:
	go test -race -shuffle=on ./...

bench:
	go test -run '^$$' -bench . -cpu 1,2 ./...

ci: ## all that a change must pass, minutes
	CI=true bash .ci/run
