"""A program as somebody else would write it: the stock OTLP exporters of OpenTelemetry for Python, without a credential.

It makes spans, a counter and log records for a while, waits until all is exported, and prints how many it made.

    exporter.py grpc|http ENDPOINT COUNT INTERVAL_MS
"""

import importlib
import sys
import time

from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

PATIENCE_S = 60
PATIENCE_MS = 1000 * PATIENCE_S
QUEUED_AT_MOST = 100_000

protocol, endpoint = sys.argv[1:3]
count, interval_ms = map(int, sys.argv[3:5])


def exporter(module, name, path):
    found = getattr(importlib.import_module(f"opentelemetry.exporter.otlp.proto.{protocol}.{module}"), name)
    if protocol == "grpc":
        return found(endpoint=endpoint, insecure=True, timeout=PATIENCE_S)
    return found(endpoint=f"{endpoint}/v1/{path}", timeout=PATIENCE_S)


who = Resource({"service.name": "piped", "project-id": "forged"})
spans = TracerProvider(resource=who)
spans.add_span_processor(
    BatchSpanProcessor(
        exporter("trace_exporter", "OTLPSpanExporter", "traces"),
        max_queue_size=QUEUED_AT_MOST,
        schedule_delay_millis=200,
    )
)
reader = PeriodicExportingMetricReader(
    exporter("metric_exporter", "OTLPMetricExporter", "metrics"),
    export_interval_millis=500,
    export_timeout_millis=PATIENCE_MS,
)
metrics = MeterProvider(resource=who, metric_readers=[reader])
logs = LoggerProvider(resource=who)
logs.add_log_record_processor(
    BatchLogRecordProcessor(
        exporter("_log_exporter", "OTLPLogExporter", "logs"),
        max_queue_size=QUEUED_AT_MOST,
        schedule_delay_millis=200,
    )
)

tracer = spans.get_tracer("python-exporter")
made = metrics.get_meter("python-exporter").create_counter(f"python.{protocol}.spans")
logger = logs.get_logger("python-exporter")
for index in range(count):
    name = f"python {protocol} {index}"
    tracer.start_span(name).end()
    made.add(1)
    logger.emit(timestamp=time.time_ns(), body=name)
    time.sleep(interval_ms / 1000)

for provider in (spans, logs):
    provider.force_flush(PATIENCE_MS)
metrics.shutdown(PATIENCE_MS)
for provider in (spans, logs):
    provider.shutdown()
print(count)
