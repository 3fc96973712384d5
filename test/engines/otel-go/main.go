// A program as somebody else would write it: the stock OTLP/gRPC exporters of OpenTelemetry for Go, without a credential.
// It makes spans, a counter and log records for a while, waits until all is exported, and prints how many it made.
//
//	exporter ENDPOINT COUNT INTERVAL_MS
package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploggrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/log"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/sdk/trace"
)

const (
	batchEvery   = 200 * time.Millisecond
	firstRetry   = 500 * time.Millisecond
	lastRetry    = 2 * time.Second
	patience     = time.Minute
	queuedAtMost = 100_000
)

func main() {
	if err := run(context.Background(), os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) != 3 {
		return fmt.Errorf("usage: exporter ENDPOINT COUNT INTERVAL_MS")
	}
	endpoint := args[0]
	count, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	interval, err := strconv.Atoi(args[2])
	if err != nil {
		return err
	}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { fmt.Fprintln(os.Stderr, err) }))
	who := resource.NewSchemaless(attribute.String("service.name", "piped"), attribute.String("project-id", "forged"))

	spanExporter, err := otlptracegrpc.New(ctx, otlptracegrpc.WithEndpointURL(endpoint),
		otlptracegrpc.WithRetry(otlptracegrpc.RetryConfig{Enabled: true, InitialInterval: firstRetry, MaxInterval: lastRetry, MaxElapsedTime: patience}),
		otlptracegrpc.WithTimeout(patience))
	if err != nil {
		return err
	}
	metricExporter, err := otlpmetricgrpc.New(ctx, otlpmetricgrpc.WithEndpointURL(endpoint),
		otlpmetricgrpc.WithRetry(otlpmetricgrpc.RetryConfig{Enabled: true, InitialInterval: firstRetry, MaxInterval: lastRetry, MaxElapsedTime: patience}),
		otlpmetricgrpc.WithTimeout(patience))
	if err != nil {
		return err
	}
	logExporter, err := otlploggrpc.New(ctx, otlploggrpc.WithEndpointURL(endpoint),
		otlploggrpc.WithRetry(otlploggrpc.RetryConfig{Enabled: true, InitialInterval: firstRetry, MaxInterval: lastRetry, MaxElapsedTime: patience}),
		otlploggrpc.WithTimeout(patience))
	if err != nil {
		return err
	}
	spans := trace.NewTracerProvider(trace.WithResource(who), trace.WithBatcher(spanExporter,
		trace.WithBatchTimeout(batchEvery), trace.WithExportTimeout(patience), trace.WithMaxQueueSize(queuedAtMost)))
	metrics := metric.NewMeterProvider(metric.WithResource(who), metric.WithReader(metric.NewPeriodicReader(metricExporter,
		metric.WithInterval(500*time.Millisecond), metric.WithTimeout(patience))))
	logs := sdklog.NewLoggerProvider(sdklog.WithResource(who), sdklog.WithProcessor(sdklog.NewBatchProcessor(logExporter,
		sdklog.WithExportInterval(batchEvery), sdklog.WithExportTimeout(patience), sdklog.WithMaxQueueSize(queuedAtMost))))

	tracer := spans.Tracer("go-exporter")
	made, err := metrics.Meter("go-exporter").Int64Counter("go.spans")
	if err != nil {
		return err
	}
	logger := logs.Logger("go-exporter")
	for i := range count {
		name := fmt.Sprintf("go %d", i)
		_, span := tracer.Start(ctx, name)
		span.End()
		made.Add(ctx, 1)
		var record log.Record
		record.SetTimestamp(time.Now())
		record.SetBody(attribute.StringValue(name))
		logger.Emit(ctx, record)
		time.Sleep(time.Duration(interval) * time.Millisecond)
	}
	for _, shutdown := range []func(context.Context) error{spans.Shutdown, metrics.Shutdown, logs.Shutdown} {
		if err := shutdown(ctx); err != nil {
			return err
		}
	}
	fmt.Println(count)
	return nil
}
