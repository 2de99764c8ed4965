"""What Prometheus is told to scrape: by the Prometheus operator's objects, or by annotations.

Sources: monitoring.coreos.com (Prometheus, ServiceMonitor and PodMonitor v1, PrometheusAgent
v1alpha1); the annotations are those of Prometheus's example configuration for Kubernetes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from capture.objects.base import Camel, LabelPairs, Object
from netpol.policy import Requirement

__all__ = ["MONITORING", "Monitor", "Prometheus", "ScrapeNotes", "ScrapedPort", "Selection"]

MONITORING = "monitoring.coreos.com"
"""The API group."""


class ScrapeNotes(msgspec.Struct, gc=False, omit_defaults=True):
    """The annotations of a pod or Service that ask to be scraped; no others are read."""

    scrape: str | None = msgspec.field(default=None, name="prometheus.io/scrape")
    port: str | None = msgspec.field(default=None, name="prometheus.io/port")

    @property
    def asked(self) -> bool:
        """Whether it is to be scraped."""
        return self.scrape == "true"

    @property
    def number(self) -> int | None:
        """The port of the pods, where it is given."""
        text = self.port or ""
        return int(text) if text.isascii() and text.isdigit() and 0 < int(text) < 65536 else None


class _Expression(Camel):
    key: str
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist"]
    values: list[str] | None = None


class Selection(Camel):
    """A label selector; an empty one is met by everything."""

    match_labels: LabelPairs | None = None
    match_expressions: list[_Expression] | None = None

    def met(self, labels: Mapping[str, str]) -> bool:
        """Whether these labels meet it."""
        wanted = (self.match_labels or {}).items()
        return all(labels.get(key) == (value or "") for key, value in wanted) and all(
            Requirement(one.key, one.operator, tuple(one.values or ())).holds(labels.get(one.key))
            for one in self.match_expressions or ()
        )


class _Namespaces(Camel):
    any: bool | None = None
    match_names: list[str] | None = None


class ScrapedPort(Camel):
    """One of a monitor's endpoints."""

    port: str | None = None
    """The name of a Service's port, or, of a PodMonitor, of a container's."""
    port_number: int | None = None
    target_port: int | str | None = None


class _MonitorSpec(Camel):
    selector: Selection | None = None
    namespace_selector: _Namespaces | None = None
    endpoints: list[ScrapedPort] | None = None
    pod_metrics_endpoints: list[ScrapedPort] | None = None


class Monitor(Object):
    """A ServiceMonitor or PodMonitor."""

    spec: _MonitorSpec | None = None

    @property
    def ports(self) -> list[ScrapedPort]:
        """What is scraped of each Service or pod."""
        spec = self.spec or _MonitorSpec()
        return [*(spec.endpoints or ()), *(spec.pod_metrics_endpoints or ())]

    def looks_into(self, namespace: str) -> bool:
        """Whether it is about Services or pods of that namespace at all."""
        where = (self.spec or _MonitorSpec()).namespace_selector or _Namespaces()
        return bool(where.any) or namespace in (where.match_names or (self.metadata.space,))

    def chooses(self, labels: Mapping[str, str]) -> bool:
        """Whether it is about a Service or pod with these labels."""
        return ((self.spec or _MonitorSpec()).selector or Selection()).met(labels)


class _PrometheusSpec(Camel):
    service_monitor_selector: Selection | None = None
    service_monitor_namespace_selector: Selection | None = None
    pod_monitor_selector: Selection | None = None
    pod_monitor_namespace_selector: Selection | None = None


class Prometheus(Object):
    """A Prometheus or PrometheusAgent of the operator."""

    spec: _PrometheusSpec | None = None

    def takes(self, kind: str, monitor: Monitor, namespace: Mapping[str, str]) -> bool:
        """Whether it scrapes what a monitor is about; ``namespace``: the labels of the monitor's.

        Without a selector of monitors it takes none, without one of namespaces those of its own.
        """
        spec = self.spec or _PrometheusSpec()
        if kind == "PodMonitor":
            chosen, where = spec.pod_monitor_selector, spec.pod_monitor_namespace_selector
        else:
            chosen, where = spec.service_monitor_selector, spec.service_monitor_namespace_selector
        if where is None:
            near = monitor.metadata.space == self.metadata.space
        else:
            near = where.met(namespace)
        labels = {key: value or "" for key, value in (monitor.metadata.labels or {}).items()}
        return near and chosen is not None and chosen.met(labels)
