// Traces one deployment with the spans of PipeCD's own piped, what is wrong with them included: only the trace id is derived from
// the deployment, so that Plan and Deploy are two roots; Plan has no status; the first stage that fails is told with the message of
// a deployment that succeeded; nothing is below a stage.
//
//	pipecd ENDPOINT PROJECT PIPED DEPLOYMENT_ID
package main

import (
	"context"
	"fmt"
	"hash/fnv"
	"os"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/sdk/trace"
	api "go.opentelemetry.io/otel/trace"
)

const work = 20 * time.Millisecond

func main() {
	if err := run(context.Background(), os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) != 4 {
		return fmt.Errorf("usage: pipecd ENDPOINT PROJECT PIPED DEPLOYMENT_ID")
	}
	endpoint, project, piped, deployment := args[0], args[1], args[2], args[3]
	exporter, err := otlptracegrpc.New(ctx, otlptracegrpc.WithEndpointURL(endpoint))
	if err != nil {
		return err
	}
	own, err := resource.Merge(resource.Default(), resource.NewSchemaless(
		attribute.String("service.name", "piped"),
		attribute.String("service.version", "v1.0.0"),
		attribute.String("service.namespace", project),
		attribute.String("service.instance.id", piped),
		attribute.String("project-id", project),
		attribute.String("piped-id", piped),
	))
	if err != nil {
		return err
	}
	provider := trace.NewTracerProvider(trace.WithBatcher(exporter), trace.WithResource(own), trace.WithSampler(trace.AlwaysSample()))

	ctx = ofDeployment(ctx, deployment)
	told := api.WithAttributes(
		attribute.String("application-id", "app-1"),
		attribute.String("deployment-id", deployment),
		attribute.String("labels", "env=prod"),
	)
	plan(ctx, provider.Tracer("controller/planner"), told)
	deploy(ctx, provider.Tracer("controller/scheduler"), told)
	return provider.Shutdown(ctx)
}

// A context with a trace id and no span: the SDK takes the id, and makes a root.
func ofDeployment(ctx context.Context, deployment string) context.Context {
	hash := fnv.New128a()
	hash.Write([]byte(deployment))
	return api.ContextWithSpanContext(ctx, api.NewSpanContext(api.SpanContextConfig{TraceID: api.TraceID(hash.Sum(nil))}))
}

func plan(ctx context.Context, tracer api.Tracer, told api.SpanStartEventOption) {
	_, span := tracer.Start(ctx, "Plan", told)
	time.Sleep(work)
	span.End()
}

func deploy(ctx context.Context, tracer api.Tracer, told api.SpanStartEventOption) {
	ctx, root := tracer.Start(ctx, "Deploy", told)
	stage := func(id, name string, code codes.Code, text string) {
		_, span := tracer.Start(ctx, name, told, api.WithAttributes(attribute.String("stage-id", id)))
		time.Sleep(work)
		span.SetStatus(code, text)
		span.End()
	}
	stage("s-1", "K8S_CANARY_ROLLOUT", codes.Ok, "")
	stage("s-2", "K8S_PRIMARY_ROLLOUT", codes.Error, "The deployment was completed successfully")
	stage("s-3", "ROLLBACK", codes.Ok, "")
	root.SetStatus(codes.Error, "Failed while executing stage K8S_PRIMARY_ROLLOUT")
	root.End()
}
