// Package realclients has no code of its own: its tests put fairlead's
// transport under clients and before servers that others wrote, and compare
// every body with the origin's. A client gets the whole body or an error, also
// while a cloud is killed; never one that is silently short.
//
//	cd internal/realclients && go test ./...
//
// The clients are net/http's with redirects and cookies, minio-go (S3, upload
// in parts), coder/websocket, and otelhttp around the transport and inside of
// it. The servers are go-httpbin (trailers,
// server-sent events, drip, redirects) and gofakes3, each one origin behind two
// front processes that are the clouds, and nginx (gzip, ranges, 304, HEAD, large
// bodies), one process in each cloud. TestNginx is skipped where nginx isn't
// installed, unless CI=true.
//
// The module is one of its own, so that none of these becomes a dependency of
// the library's users.
package realclients
