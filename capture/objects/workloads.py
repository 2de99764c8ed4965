"""What makes pods from a template."""

from __future__ import annotations

from capture.objects.base import Camel, LabelPairs, Object, Reference
from capture.objects.monitors import ScrapeNotes
from capture.objects.pods import PodSpec

__all__ = [
    "JobSpec",
    "JobTemplate",
    "PodTemplate",
    "Selected",
    "SelectedByMap",
    "SelectedByMapSpec",
    "SelectedSpec",
    "Selector",
    "TemplateMeta",
    "Templated",
    "TemplatedSpec",
]


class TemplateMeta(Camel):
    """The metadata of a template."""

    labels: LabelPairs | None = None
    annotations: ScrapeNotes | None = None


class PodTemplate(Camel):
    """``spec.template`` of a workload."""

    metadata: TemplateMeta | None = None
    spec: PodSpec | None = None

    @property
    def labels(self) -> LabelPairs:
        """The labels of the pods to be made."""
        return (self.metadata and self.metadata.labels) or {}

    @property
    def notes(self) -> ScrapeNotes:
        """What its annotations ask for."""
        return (self.metadata and self.metadata.annotations) or ScrapeNotes()


class JobSpec(Camel):
    """The spec of a Job, in a CronJob."""

    template: PodTemplate | None = None


class JobTemplate(Camel):
    """``spec.jobTemplate`` of a CronJob."""

    spec: JobSpec | None = None


class TemplatedSpec(Camel):
    """The spec of a workload."""

    template: PodTemplate | None = None
    job_template: JobTemplate | None = None
    schedule: str | None = None
    """Of a CronJob."""
    suspend: bool | None = None
    workload_ref: Reference | None = None
    """A Rollout may have another workload's template in place of its own."""


class Templated(Object):
    """Anything that makes pods from a template; Jobs and CronJobs have no selector to go by."""

    spec: TemplatedSpec | None = None

    @property
    def template(self) -> PodTemplate | None:
        """The template of the pods, wherever the kind keeps it."""
        if self.spec is None:
            return None
        job = self.spec.job_template
        return job.spec.template if job and job.spec else self.spec.template

    @property
    def schedule(self) -> str:
        """When it runs; empty for what is no CronJob."""
        if self.spec is None or not self.spec.schedule:
            return ""
        return self.spec.schedule + (", suspended" if self.spec.suspend else "")

    @property
    def lender(self) -> tuple[str, str] | None:
        """(kind, name) of the workload whose template it uses in place of its own."""
        source = self.spec.workload_ref if self.spec else None
        return (source.kind, source.name) if source else None

    @property
    def chosen(self) -> LabelPairs:
        """The labels that it knows its pods by."""
        return {}


class Selector(Camel):
    """A label selector; what else it may say names no labels to use."""

    match_labels: LabelPairs | None = None


class SelectedSpec(TemplatedSpec):
    """The spec of a workload with a label selector."""

    selector: Selector | None = None


class Selected(Templated):
    """A Deployment, StatefulSet, DaemonSet, ReplicaSet or Rollout."""

    spec: SelectedSpec | None = None

    @property
    def chosen(self) -> LabelPairs:
        """``spec.selector.matchLabels``."""
        return (self.spec and self.spec.selector and self.spec.selector.match_labels) or {}


class SelectedByMapSpec(TemplatedSpec):
    """The spec of a workload whose selector is a plain map."""

    selector: LabelPairs | None = None


class SelectedByMap(Templated):
    """A ReplicationController or DeploymentConfig: by default it selects its template's labels."""

    spec: SelectedByMapSpec | None = None

    @property
    def chosen(self) -> LabelPairs:
        """``spec.selector``."""
        template = self.template
        return (self.spec and self.spec.selector) or (template.labels if template else {})
