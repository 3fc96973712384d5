// Jaeger's module has a `replace` directive, which `go install …@version` refuses and a dependant doesn't inherit.
// So this module requires it and repeats the directive; go.sum pins what it is built of.
module spanpass.invalid/jaeger

go 1.25.0

require github.com/jaegertracing/jaeger v1.76.0

replace github.com/Shopify/sarama => github.com/Shopify/sarama v1.33.0
