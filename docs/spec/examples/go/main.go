// A piped in Go: it enrolls a key, exports the traces of its deployments with the stock OTLP exporter, and renews the key.
//
//	SPANPASS_ENROLLMENT_TOKEN=… piped enroll -control-plane https://pass.example.com -key-file key.json
//	piped run -key-file key.json -endpoint https://gateway.example.com:4317
//	piped renew -key-file key.json
//	piped vectors ../../vectors
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"syscall"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"google.golang.org/grpc"

	"spanpass.invalid/piped/pass"
)

func main() {
	log.SetFlags(0)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("usage: piped enroll | run | renew | vectors")
	}
	flags := flag.NewFlagSet(args[0], flag.ContinueOnError)
	keyFile := flags.String("key-file", "key.json", "where the key is kept")
	controlPlane := flags.String("control-plane", "http://127.0.0.1:9085", "who accepts the key")
	endpoint := flags.String("endpoint", "http://127.0.0.1:4317", "the gateway, for OTLP/gRPC")
	deployments := flags.Int("deployments", 1, "how many to run; 0 for no end")
	every := flags.Duration("every", time.Second, "time between two")
	life := flags.Duration("life", 5*time.Minute, "of a credential")
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	switch args[0] {
	case "enroll":
		return say(pass.Enroll(ctx, *controlPlane, os.Getenv("SPANPASS_ENROLLMENT_TOKEN"), *keyFile))
	case "renew":
		return say(pass.Renew(ctx, *keyFile))
	case "run":
		return deploy(ctx, *keyFile, *endpoint, *deployments, *every, *life)
	case "vectors":
		verdicts, err := judgeVectors(flags.Arg(0))
		if err != nil {
			return err
		}
		return json.NewEncoder(os.Stdout).Encode(verdicts)
	}
	return fmt.Errorf("%s is no command", args[0])
}

func say(file *pass.KeyFile, err error) error {
	if err == nil {
		fmt.Printf("%s of %s: key %s until %s\n", file.Piped, file.Project, file.KID, time.Unix(file.NotAfter, 0).UTC())
	}
	return err
}

// deploy traces deployments, and renews the key at two thirds of its life. What was refused is told, and the last
// refusal is what it ends with.
func deploy(ctx context.Context, keyFile, endpoint string, count int, every, life time.Duration) error {
	source, err := pass.NewSource(keyFile, endpoint, life)
	if err != nil {
		return err
	}
	exporter, err := otlptracegrpc.New(ctx, otlptracegrpc.WithEndpointURL(endpoint),
		otlptracegrpc.WithDialOption(grpc.WithPerRPCCredentials(source)))
	if err != nil {
		return err
	}
	// Who it is stands in the credential: the gateway stamps it on the resource.
	who := resource.NewSchemaless(attribute.String("service.name", "piped"))
	provider := sdktrace.NewTracerProvider(sdktrace.WithResource(who), sdktrace.WithBatcher(exporter))
	defer provider.Shutdown(context.WithoutCancel(ctx))
	tracer := provider.Tracer("piped-go")

	var refused error
	for number := 1; count == 0 || number <= count; number++ {
		if err := renewWhenDue(ctx, keyFile); err != nil {
			log.Printf("renewal: %v", err)
		}
		deployment, span := tracer.Start(ctx, "Deploy")
		span.SetAttributes(attribute.String("deployment-id", fmt.Sprintf("go-%d", number)))
		_, stage := tracer.Start(deployment, "K8S_SYNC")
		stage.End()
		span.End()
		if refused = provider.ForceFlush(ctx); refused != nil {
			log.Printf("deployment %d: %v", number, refused)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(every):
		}
	}
	return refused
}

func renewWhenDue(ctx context.Context, path string) error {
	file, _, err := pass.ReadKeyFile(path)
	if err != nil || file.IssuedAt == 0 {
		return err
	}
	if due := file.IssuedAt + (file.NotAfter-file.IssuedAt)*2/3; time.Now().Unix() < due {
		return nil
	}
	_, err = pass.Renew(ctx, path)
	return err
}
