"""Traces, metrics and JSON logs. Every log line carries the trace it belongs to."""

import json
import logging
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from opentelemetry import metrics, trace
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.propagate import extract, inject
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter
from opentelemetry.trace import Span, SpanKind, Status, StatusCode

tracer = trace.get_tracer("portico")
meter = metrics.get_meter("portico")

_STANDARD = set(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


# PostgreSQL tells the contents of the row it refused, which may be a secret or a person's data.
_ROW = re.compile(r"\nDETAIL:.*?(?=\n\n(?:The above|During handling)|\Z)", re.DOTALL)


def cause(error: BaseException) -> str:
    """What went wrong, fit for logs, traces and tables: the class and the message, without a row's contents."""
    return f"{type(error).__name__}: {_ROW.sub('', str(error))}"


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, message, trace_id, the record's extras, the exception."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "service": self._service,
            "logger": record.name,
            "message": record.getMessage(),
        }
        context = trace.get_current_span().get_span_context()
        if context.is_valid:
            line["trace_id"] = f"{context.trace_id:032x}"
        line.update({k: v for k, v in vars(record).items() if k not in _STANDARD})
        if record.exc_info:
            line["exception"] = _ROW.sub("", self.formatException(record.exc_info))
        return json.dumps(line, default=str, ensure_ascii=False)


def setup(
    service: str, *, log_level: str = "INFO", traces_file: Path | None = None, otlp_endpoint: str | None = None
) -> None:
    """Once a process. Spans go to the OTLP endpoint (gRPC), to a file of JSON lines, to both, or nowhere."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter(service))
    logging.basicConfig(level=log_level.upper(), handlers=[handler], force=True)
    for chatty in ("aiormq", "aio_pika", "httpx", "httpcore"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    resource = Resource.create({"service.name": f"portico-{service}"})
    provider = TracerProvider(resource=resource)
    if otlp_endpoint:
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=otlp_endpoint)))
        reader = PeriodicExportingMetricReader(OTLPMetricExporter(endpoint=otlp_endpoint))
        metrics.set_meter_provider(MeterProvider(resource=resource, metric_readers=[reader]))
    if traces_file:
        traces_file.parent.mkdir(parents=True, exist_ok=True)
        out = traces_file.open("a", buffering=1)
        provider.add_span_processor(
            BatchSpanProcessor(
                ConsoleSpanExporter(out=out, formatter=lambda span: span.to_json(indent=None) + "\n"),
                schedule_delay_millis=500,
            )
        )
    trace.set_tracer_provider(provider)


def traceparent() -> str:
    """The current trace as a W3C traceparent header; empty outside a trace."""
    carrier: dict[str, str] = {}
    inject(carrier)
    return carrier.get("traceparent", "")


@contextmanager
def span(
    name: str,
    kind: SpanKind = SpanKind.INTERNAL,
    *,
    parent: str | None = None,
    attributes: Mapping[str, str | int] | None = None,
) -> Iterator[Span]:
    """A span; `parent` is a traceparent that came from elsewhere. An exception marks it as failed and goes on."""
    context = extract({"traceparent": parent}) if parent else None
    with tracer.start_as_current_span(
        name,
        context=context,
        kind=kind,
        attributes=dict(attributes or {}),
        record_exception=False,
        set_status_on_exception=False,
    ) as current:
        try:
            yield current
        except Exception as error:
            current.set_status(Status(StatusCode.ERROR, cause(error)))
            raise
