"""A small API server on loopback: lists in pages, watches as chunked streams, and everything that
goes wrong with either, on demand.

What it does is what the Kubernetes documentation ("API concepts") and apiserver's own behaviour
say: one version counts all changes; a watch goes on from any version that is still remembered, else
410 Gone comes as a status or as an ERROR event; pages are of the version of the first one.
"""

from __future__ import annotations

import json
import socket
import ssl
import struct
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

Object = dict
Key = tuple[str, str]


def path_of(item: Object) -> str:
    """The collection that an object is in."""
    group, _, version = item["apiVersion"].rpartition("/")
    kind = item["kind"].lower()
    plural = f"{kind}es" if kind.endswith("s") else f"{kind}s"
    plural = f"{kind[:-1]}ies" if kind.endswith("y") else plural
    return f"/apis/{group}/{version}/{plural}" if group else f"/api/{version}/{plural}"


@dataclass
class Refusal:
    """What is answered in place of an answer."""

    status: int
    times: int = 1
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None
    on: Callable[[str, dict[str, str]], bool] = lambda _path, _query: True


@dataclass
class ApiServer:
    """The cluster's state and history; ``url`` once it runs."""

    tls: tuple[Path, Path] | None = None
    """Certificate and key."""
    token: str = ""
    served: set[str] | None = None
    """The collections there are; None: whatever is asked for."""
    forbidden: set[str] = field(default_factory=set)
    gone_amid: bool = False
    """410 comes as an event in a stream that began well."""
    piece: int = 0
    """Streams come in chunks of so many bytes, with a rest in between."""
    rest: float = 0.0
    torn: int = 0
    """So many of the next events break off in their middle, and the connection with them."""
    page: int = 0
    """Pages are never larger."""

    objects: dict[str, dict[Key, Object]] = field(default_factory=dict)
    log: list[tuple[int, str, str, Object]] = field(default_factory=list)
    version: int = 100
    oldest: int = 100
    """Versions before it are forgotten."""
    refusals: list[Refusal] = field(default_factory=list)
    asked: deque[tuple[str, dict[str, str]]] = field(default_factory=deque)
    """Every request, as path and query."""
    down: bool = False
    """Connections are closed as soon as they are made."""
    url: str = ""

    def __post_init__(self) -> None:
        self.lock = threading.Condition()
        self._pages: dict[str, tuple[int, list[Object]]] = {}
        self._epoch = 0
        self._cut = 0
        self._end = 0
        self._marks = 0
        self._http: ThreadingHTTPServer | None = None
        self._streams: set[object] = set()

    def __enter__(self) -> ApiServer:
        server = self

        class Handler(_Handler):
            api = server

        class Quiet(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, request, client_address) -> None:
                """A client that has gone is no news."""

        self._http = Quiet(("127.0.0.1", 0), Handler)
        if self.tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*self.tls)
            self._http.socket = context.wrap_socket(
                self._http.socket, server_side=True, do_handshake_on_connect=False
            )
        scheme = "https" if self.tls else "http"
        self.url = f"{scheme}://127.0.0.1:{self._http.server_address[1]}"
        threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_) -> None:
        self.down = True
        self.cut()
        self._http.shutdown()
        self._http.server_close()

    def kubeconfig(self, file: Path, *, ca: Path | None = None, **cluster) -> Path:
        """A kubeconfig for it."""
        known = {
            "server": self.url,
            **({"certificate-authority": str(ca)} if ca else {}),
            **cluster,
        }
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "here",
            "clusters": [{"name": "c", "cluster": known}],
            "users": [{"name": "u", "user": {"token": self.token} if self.token else {}}],
            "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u"}}],
        }
        file.write_text(json.dumps(config))
        return file

    # What happens in the cluster.

    def apply(self, *items: Object) -> None:
        """Objects come or change."""
        with self.lock:
            for item in items:
                path, meta = path_of(item), item["metadata"]
                known = self.objects.setdefault(path, {})
                key = meta.get("namespace", ""), meta["name"]
                self._happen(path, "MODIFIED" if key in known else "ADDED", key, item)

    def delete(self, *items: Object) -> None:
        """Objects go."""
        with self.lock:
            for item in items:
                path, meta = path_of(item), item["metadata"]
                key = meta.get("namespace", ""), meta["name"]
                self._happen(path, "DELETED", key, self.objects[path][key])

    def _happen(self, path: str, kind: str, key: Key, item: Object) -> None:
        self.version += 1
        item = {**item, "metadata": {**item["metadata"], "resourceVersion": str(self.version)}}
        if kind == "DELETED":
            del self.objects[path][key]
        else:
            self.objects[path][key] = item
        self.log.append((self.version, path, kind, item))
        self.lock.notify_all()

    def mark(self) -> int:
        """Every stream gets a bookmark of a version of its own."""
        with self.lock:
            self.version += 1
            version = self.version
        self._signal("_marks")
        return version

    def cut(self) -> None:
        """Every stream breaks off, amid an object."""
        self._signal("_cut", wait=True)

    def end(self) -> None:
        """Every stream ends as it does when its time is up."""
        self._signal("_end", wait=True)

    def forget(self) -> None:
        """History before now is lost, and so are the pages of lists that were begun."""
        with self.lock:
            self.version += 1
            self.oldest = self.version
            self._pages.clear()

    def _signal(self, name: str, *, wait: bool = False) -> None:
        with self.lock:
            setattr(self, name, getattr(self, name) + 1)
            self.lock.notify_all()
            there = set(self._streams)
            self.lock.wait_for(lambda: not wait or self._streams.isdisjoint(there))

    # What it answers.

    def refusal(self, path: str, query: dict[str, str]) -> Refusal | None:
        with self.lock:
            self.asked.append((path, query))
            for one in self.refusals:
                if one.times and one.on(path, query):
                    one.times -= 1
                    return one
        return None

    def tear(self) -> bool:
        with self.lock:
            self.torn, torn = max(self.torn - 1, 0), self.torn
        return torn > 0

    def chosen(self, path: str, query: dict[str, str]) -> tuple[str, Callable[[Key], bool]]:
        """The collection of a path, and which of its objects are meant."""
        parts = path.split("/namespaces/")
        name = query.get("fieldSelector", "").removeprefix("metadata.name=")
        space = ""
        if len(parts) == 2 and "/" in parts[1]:
            space, _, plural = parts[1].partition("/")
            path = f"{parts[0]}/{plural}"
        return path, lambda key: key[0] == space and key[1] == name if space else True

    def list_page(self, path: str, query: dict[str, str]) -> tuple[int, Object]:
        collection, chosen = self.chosen(path, query)
        with self.lock:
            if token := query.get("continue"):
                if token not in self._pages:
                    return 410, status(410, "the continue token has expired", "Expired")
                version, items = self._pages.pop(token)
            else:
                known = self.objects.get(collection, {})
                version = self.version
                items = [known[key] for key in sorted(known) if chosen(key)]
            limit = int(query.get("limit", 0)) or len(items)
            limit = min(limit, self.page or limit)
            more = ""
            if len(items) > limit:
                more = f"{collection}@{version}+{len(items)}.{time.monotonic_ns()}"
                self._pages[more] = version, items[limit:]
        bare = [{k: v for k, v in one.items() if k not in ("kind", "apiVersion")} for one in items]
        meta = {"resourceVersion": str(version), "continue": more}
        return 200, {"kind": "SomeList", "metadata": meta, "items": bare[:limit]}

    def events(self, path: str, query: dict[str, str]) -> Iterator[bytes | None]:
        """The lines of a watch; None where it breaks off."""
        one = object()
        with self.lock:
            # At once: whoever waits for this stream to end has not yet said so to it.
            self._streams.add(one)
            heard = self._cut, self._end, self._marks
        try:
            yield from self._told(*self.chosen(path, query), int(query["resourceVersion"]), heard)
        finally:
            with self.lock:
                self._streams.discard(one)
                self.lock.notify_all()

    def _told(
        self,
        collection: str,
        chosen: Callable[[Key], bool],
        version: int,
        heard: tuple[int, int, int],
    ) -> Iterator[bytes | None]:
        cut, end, marks = heard
        with self.lock:
            if version < self.oldest:
                yield line("ERROR", status(410, "too old resource version", "Expired"))
                return
            place = next((i for i, one in enumerate(self.log) if one[0] > version), len(self.log))
        while True:
            with self.lock:
                while (len(self.log), self._cut, self._end, self._marks) == (
                    place,
                    cut,
                    end,
                    marks,
                ):
                    self.lock.wait()
                fresh, place = self.log[place:], len(self.log)
                now, done, broken = self.version, self._end > end, self._cut > cut
                marked, marks = self._marks > marks, self._marks
            for _, where, kind, item in fresh:
                meta = item["metadata"]
                if where == collection and chosen((meta.get("namespace", ""), meta["name"])):
                    yield line(kind, item)
            if marked:
                yield line("BOOKMARK", {"kind": "x", "metadata": {"resourceVersion": str(now)}})
            if broken:
                yield None
            if broken or done:
                return


def line(kind: str, item: Object) -> bytes:
    return json.dumps({"type": kind, "object": item}).encode() + b"\n"


def status(code: int, message: str, reason: str = "") -> Object:
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": message,
        "reason": reason,
        "code": code,
    }


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    api: ApiServer

    def log_message(self, *_) -> None:
        """It is quiet."""

    def handle(self) -> None:
        if self.api.down:
            self._reset()
            return
        super().handle()

    def do_GET(self) -> None:
        split = urlsplit(self.path)
        query = {key: values[0] for key, values in parse_qs(split.query).items()}
        api, path = self.api, split.path
        if api.down:
            self._reset()
            return
        if refusal := api.refusal(path, query):
            self._refuse(refusal)
            return
        collection, _ = api.chosen(path, query)
        if api.token and self.headers.get("Authorization") != f"Bearer {api.token}":
            self._answer(401, status(401, "Unauthorized"))
        elif collection in api.forbidden:
            self._answer(403, status(403, f"cannot list {collection}"))
        elif api.served is not None and collection not in api.served:
            self._answer(404, None)
        elif query.get("watch") in ("true", "True", "1"):
            self._watch(path, query)
        else:
            self._answer(*api.list_page(path, query))

    def _refuse(self, refusal: Refusal) -> None:
        if refusal.status == 0:
            self._reset()
            return
        body = refusal.body or json.dumps(status(refusal.status, "try again")).encode()
        self._send(refusal.status, body, refusal.headers)

    def _answer(self, code: int, body: Object | None) -> None:
        self._send(code, b"404 page not found\n" if body is None else json.dumps(body).encode(), {})

    def _send(self, code: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        for key, value in headers.items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(body)

    def _watch(self, path: str, query: dict[str, str]) -> None:
        if not self.api.gone_amid and int(query["resourceVersion"]) < self.api.oldest:
            self._answer(410, status(410, "too old resource version", "Expired"))
            return
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.flush()
        for text in self.api.events(path, query):
            if text is None:
                whole = line("ADDED", {"kind": "Pod", "metadata": {"name": "half"}})
                self._chunk(whole[: len(whole) // 2])
                self._reset()
                return
            if b"BOOKMARK" not in text and self.api.tear():
                self._chunk(text[: len(text) // 2])
                self._reset()
                return
            size = self.api.piece or len(text)
            for start in range(0, len(text), size):
                self._chunk(text[start : start + size])
                if self.api.piece:
                    time.sleep(self.api.rest)
        self.wfile.write(b"0\r\n\r\n")

    def _chunk(self, text: bytes) -> None:
        self.wfile.write(b"%x\r\n%b\r\n" % (len(text), text))
        self.wfile.flush()

    def _reset(self) -> None:
        """As a server that crashes: no word of goodbye."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
