"""The door to a cluster: the kubernetes client, asked for lists and watches and for nothing else.

Answers stay bytes: the client's own classes would take ten times as long, and keep everything.
The client is imported when a cluster is asked for, not before.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from capture.resources import RESOURCES, Resource
from netpol.errors import NetpolError
from netpol.notices import Notice, Tell

if TYPE_CHECKING:
    from kubernetes.client import ApiClient, Configuration
    from kubernetes.client.exceptions import ApiException
    from urllib3 import BaseHTTPResponse

__all__ = ["Cluster", "LostError", "RefusedError", "Stream", "connect"]

_IN_CLUSTER: Final = "KUBERNETES_SERVICE_HOST"
_KUBECONFIG: Final = "~/.kube/config"
_HINT: Final = (
    "set KUBECONFIG (`netpol inventory record` takes --kubeconfig FILE and --context NAME, too); a"
    " file or folder of that name is written ./cluster"
)
_CONNECT_SECONDS: Final = 10.0
_READ_SECONDS: Final = 60.0
"""Without a byte; a watch may be silent for as long as it was asked for."""
_CHUNK: Final = 64 * 1024
_LONGEST: Final = 16 * 1024 * 1024
"""Of an event, in bytes: what etcd stores is a tenth of it."""
_CORE: Final = {
    "configmaps": "list_namespaced_config_map",
    "namespaces": "list_namespace",
    "nodes": "list_node",
    "pods": "list_pod_for_all_namespaces",
    "replicationcontrollers": "list_replication_controller_for_all_namespaces",
    "services": "list_service_for_all_namespaces",
}
"""The client has a function for each kind of the core group, and one for those of all others."""


class RefusedError(Exception):
    """The API server says no; ``status`` is that of HTTP, 0 where TLS does not come about."""

    def __init__(self, status: int, message: str, retry_after: float = 0.0) -> None:
        super().__init__(f"{status} {message}" if status else message)
        self.status = status
        self.message = message
        self.retry_after = retry_after


class LostError(Exception):
    """The connection broke, or never came about."""


class Stream:
    """What the API server answers, as it comes. Must be closed."""

    def __init__(self, response: BaseHTTPResponse) -> None:
        self._response = response

    def body(self) -> bytes:
        """All of it. Raises LostError."""
        with _lost():
            return self._response.read()

    def lines(self) -> Iterator[bytes]:
        """Each whole line once it is there. Raises LostError; a line that breaks off is none."""
        rest = b""
        with _lost():
            for chunk in self._response.stream(_CHUNK):
                *whole, rest = (rest + chunk).split(b"\n")
                yield from filter(None, whole)
                if len(rest) > _LONGEST:
                    raise LostError(f"an event is longer than {_LONGEST:,} bytes")

    def interrupt(self) -> None:
        """Let whoever is waiting for more wait no longer; from another thread."""
        with suppress(AttributeError, OSError, RuntimeError, ValueError):
            self._response.shutdown()

    def close(self) -> None:
        """Done with it: the connection is not used again unless all was read."""
        self._response.close()


class Cluster:
    """An API server that answers."""

    def __init__(self, client: ApiClient) -> None:
        from kubernetes.client import CoreV1Api, CustomObjectsApi

        self._client = client
        self._core = CoreV1Api(client)
        self._custom = CustomObjectsApi(client)
        self.server: str = client.configuration.host

    def open(
        self, resource: Resource, query: Mapping[str, str | int], *, seconds: int = 0
    ) -> Stream:
        """Ask for a list or, with ``watch``, for what happens for that many seconds.

        Raises RefusedError or LostError.
        """
        from kubernetes.client.exceptions import ApiException

        asked = dict(query)
        if seconds:
            asked["timeout_seconds"] = seconds
        if resource.name:
            asked["field_selector"] = f"metadata.name={resource.name}"
        timeout = (_CONNECT_SECONDS, _READ_SECONDS + seconds)
        try:
            with _lost():
                call = self._call(resource)
                return Stream(call(**asked, _preload_content=False, _request_timeout=timeout))
        except ApiException as error:
            raise _refused(error) from error

    def close(self) -> None:
        """Close the connections that wait for a next request."""
        self._client.close()  # type: ignore[no-untyped-call]

    def _call(self, resource: Resource) -> Callable[..., BaseHTTPResponse]:
        call: Callable[..., BaseHTTPResponse]
        if resource.group:
            where = resource.group, resource.version, resource.plural
            return lambda **rest: self._custom.list_cluster_custom_object(*where, **rest)  # type: ignore[return-value]
        call = getattr(self._core, _CORE[resource.plural])
        return (lambda **rest: call(resource.namespace, **rest)) if resource.namespace else call


class _lost:  # noqa: N801 - reads as what it does
    """Whatever breaks a connection becomes a LostError."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        from urllib3.exceptions import HTTPError

        if isinstance(error, HTTPError | OSError):
            raise LostError(_reason(error)) from error


def _reason(error: BaseException) -> str:
    """What happened, without the objects that urllib3 writes before it."""
    text = str(error)
    return text.rpartition(">: ")[2] or type(error).__name__


class _Status(msgspec.Struct):
    """What the API server says when it says no."""

    message: str = ""


def _refused(error: ApiException) -> RefusedError:
    headers = {key.lower(): value for key, value in dict(error.headers or {}).items()}
    try:
        message = msgspec.json.decode(error.body or b"{}", type=_Status).message
    except ValueError:
        message = ""
    after = str(headers.get("retry-after", ""))
    reason = message or " ".join(str(error.reason).split())
    return RefusedError(error.status or 0, reason, float(after) if after.isdecimal() else 0.0)


def connect(kubeconfig: str | None, context: str | None, tell: Tell) -> Cluster:
    """The cluster of a kubeconfig file, of KUBECONFIG, or the one that this runs in.

    Nothing is asked of it yet. Raises NetpolError where none is named, or not so that it can be
    reached.
    """
    import urllib3
    from kubernetes.client import ApiClient, Configuration

    configuration = Configuration()
    try:
        _load(kubeconfig, context, configuration)
    except NetpolError:
        raise
    except Exception as error:  # whatever a broken file makes the client raise
        what = f"the way to the cluster cannot be read: {' '.join(str(error).split())}"
        raise NetpolError(what, where=kubeconfig or "", hint=_HINT) from error
    configuration.retries = False
    configuration.connection_pool_maxsize = 2 * len(RESOURCES)  # a watch, and a list beside it
    if not configuration.verify_ssl:
        message = "insecure-skip-tls-verify is set for it"
        tell(Notice(code="NP086", where=configuration.host, message=message))
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
    client = ApiClient(configuration)
    client.user_agent = "netpol"
    return Cluster(client)


def _load(kubeconfig: str | None, context: str | None, configuration: Configuration) -> None:
    """Where the API server is and who we are, as kubectl finds out."""
    from kubernetes.config import load_kube_config
    from kubernetes.config.incluster_config import (
        SERVICE_CERT_FILENAME,
        SERVICE_TOKEN_FILENAME,
        InClusterConfigLoader,
    )

    file = kubeconfig or os.environ.get("KUBECONFIG") or _KUBECONFIG
    found = [one for one in file.split(os.pathsep) if one and Path(one).expanduser().exists()]
    if found:
        load_kube_config(  # type: ignore[no-untyped-call]
            config_file=file,
            context=context,
            client_configuration=configuration,
            persist_config=False,
        )
    elif os.environ.get(_IN_CLUSTER) and not kubeconfig:
        loader = InClusterConfigLoader(  # type: ignore[no-untyped-call]
            token_filename=SERVICE_TOKEN_FILENAME, cert_filename=SERVICE_CERT_FILENAME
        )
        loader.load_and_set(configuration)  # type: ignore[no-untyped-call]
    else:
        raise NetpolError(
            "no such file, and this does not run in a cluster", where=file, hint=_HINT
        )
