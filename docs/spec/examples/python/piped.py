"""A piped in Python: it enrolls a key, exports the traces of its deployments with the stock OTLP exporter, and renews the key.

    SPANPASS_ENROLLMENT_TOKEN=… python piped.py enroll --control-plane https://pass.example.com --key-file key.json
    python piped.py run --key-file key.json --endpoint https://gateway.example.com:4318
    python piped.py renew --key-file key.json
    python piped.py vectors ../../vectors
"""

import argparse
import itertools
import json
import logging
import os
import sys
import time

import requests
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

import spanpass
from vectors import judge_vectors


def deploy(options):
    """Traces deployments, and renews the key at two thirds of its life. What is refused, the exporter logs."""
    session = requests.Session()
    session.auth = spanpass.Pass(options.key_file, options.life)
    # The session would take a password from ~/.netrc otherwise.
    session.trust_env = False
    # Who it is stands in the credential: the gateway stamps it on the resource.
    provider = TracerProvider(resource=Resource({"service.name": "piped"}))
    provider.add_span_processor(
        BatchSpanProcessor(OTLPSpanExporter(endpoint=f"{options.endpoint}/v1/traces", session=session))
    )
    tracer = provider.get_tracer("piped-python")
    for number in itertools.count(1) if options.deployments == 0 else range(1, options.deployments + 1):
        renew_when_due(options.key_file)
        with tracer.start_as_current_span("Deploy", attributes={"deployment-id": f"python-{number}"}):
            with tracer.start_as_current_span("K8S_SYNC"):
                pass
        provider.force_flush()
        time.sleep(options.every)
    provider.shutdown()


def renew_when_due(path):
    file, _ = spanpass.read_key_file(path)
    issued_at = file.get("issuedAt")
    if issued_at is None or time.time() < issued_at + (file["notAfter"] - issued_at) * 2 / 3:
        return
    try:
        spanpass.renew(path)
    except (spanpass.Refused, OSError) as error:
        logging.warning("renewal: %s", error)


def say(file):
    print(f"{file['piped']} of {file['project']}: key {file['kid']} until {time.ctime(file['notAfter'])}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("command", choices=["enroll", "run", "renew", "vectors"])
    parser.add_argument("folder", nargs="?")
    parser.add_argument("--key-file", default="key.json")
    parser.add_argument("--control-plane", default="http://127.0.0.1:9085")
    parser.add_argument("--endpoint", default="http://127.0.0.1:4318", help="the gateway, for OTLP/HTTP")
    parser.add_argument("--deployments", type=int, default=1, help="how many to run; 0 for no end")
    parser.add_argument("--every", type=float, default=1, help="seconds between two")
    parser.add_argument("--life", type=int, default=300, help="of a credential, in seconds")
    options = parser.parse_args()
    match options.command:
        case "enroll":
            token = os.environ["SPANPASS_ENROLLMENT_TOKEN"]
            say(spanpass.enroll(options.control_plane, token, options.key_file))
        case "renew":
            say(spanpass.renew(options.key_file))
        case "run":
            deploy(options)
        case "vectors":
            json.dump(judge_vectors(options.folder), sys.stdout)


if __name__ == "__main__":
    try:
        main()
    except (spanpass.Refused, OSError) as error:
        sys.exit(str(error))
