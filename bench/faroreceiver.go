// The Faro receiver of Grafana Alloy by itself, for `python -m bench peers`: with its rate limit and
// its source maps off, and logs formatted and then dropped where a Loki would be told.
//
// Copy it to internal/cmd/faroreceiver/main.go of a checkout of grafana/alloy and `go build` it.
package main

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"strconv"
	"syscall"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/grafana/alloy/internal/component"
	"github.com/grafana/alloy/internal/component/common/loki"
	"github.com/grafana/alloy/internal/component/faro/receiver"
)

func main() {
	port, err := strconv.Atoi(os.Args[1])
	if err != nil {
		panic(err)
	}
	var args receiver.Arguments
	args.SetToDefault()
	args.Server.Port = port
	args.Server.RateLimiting.Enabled = false
	args.SourceMaps.Download = false
	logs := loki.NewLogsReceiver()
	args.Output.Logs = []loki.LogsReceiver{logs}
	go func() {
		for range logs.Chan() {
		}
	}()
	options := component.Options{
		ID:         "faro.receiver.bench",
		Logger:     slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
		Registerer: prometheus.NewRegistry(),
	}
	made, err := receiver.New(options, args)
	if err != nil {
		panic(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if err := made.Run(ctx); err != nil {
		panic(err)
	}
}
