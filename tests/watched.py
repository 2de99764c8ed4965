"""A watch that runs while a test changes the cluster, and objects to change it with."""

from __future__ import annotations

import json
import threading
import time
from contextlib import contextmanager
from functools import partial

from api_server import ApiServer

from capture.changes import Change, add
from capture.cluster import connect
from capture.feed import Patience
from capture.resources import RESOURCES, Resource
from capture.sightings import Sightings
from capture.snapshot import take_inventory
from capture.watch import Watch
from netpol.inventory import Inventory

HASTY = Patience(first=0.005, most=0.05, tries=400)
"""Errors of the server are over soon here."""


class Watched:
    """What a watch has told so far."""

    def __init__(self, api: ApiServer, watch: Watch, take=None) -> None:
        self.api, self.watch, self.told = api, watch, []
        self.error: Exception | None = None
        self._take = take or (lambda _: None)
        self._seen = threading.Condition()
        self._marks: dict[Resource, int] = {}
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            for some in self.watch.changes():
                self._take(some)
                with self._seen:
                    self.told += some
                    for one in some:
                        if one.type == "BOOKMARK":
                            meta = json.loads(one.state[1])["metadata"]
                            self._marks[one.resource] = int(meta["resourceVersion"])
                    self._seen.notify_all()
        except Exception as error:  # noqa: BLE001 - looked at where it is waited for
            self.error = error

    def settle(self, *plurals: str) -> None:
        """Wait until everything has been told that has happened until now, and nothing is left
        on its way."""
        wanted = [one for one in RESOURCES if one.plural in (plurals or ("pods",))]
        while True:
            version = self.api.mark()
            with self._seen:
                done = partial(self._reached, wanted, version)
                if self._seen.wait_for(done, timeout=0.1):
                    return
            assert self.error is None
            assert self._thread.is_alive()

    def _reached(self, wanted: list[Resource], version: int) -> bool:
        return all(self._marks.get(one, 0) >= version for one in wanted)

    def stop(self) -> None:
        self.watch.stop()
        self._thread.join()

    def inventory(self) -> Inventory:
        return inventory_of(self.told)

    def lines(self) -> str:
        return b"".join(one.line for one in self.told).decode()


def inventory_of(changes: list[Change]) -> Inventory:
    notices = []
    seen = Sightings()
    add(changes, seen, "there", notices.append)
    found = take_inventory(seen, notices.append)
    assert not notices
    return found


@contextmanager
def watching(api: ApiServer, tmp_path, *, notices=None, take=None, **options):
    """A watch of the server until the end of the block."""
    told = [] if notices is None else notices
    cluster = connect(str(api.kubeconfig(tmp_path / "kubeconfig")), None, told.append)
    with Watch(cluster, told.append, **{"patience": HASTY, **options}) as watch:
        one = Watched(api, watch, take)
        try:
            yield one
        finally:
            one.stop()
    cluster.close()


def wait_for(happened, seconds: float = 60.0) -> None:
    """Until something is so; far beyond what it can take."""
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.005)


def pod(name, ip="", space="shop", uid="", started="2026-01-01T00:00:00Z", phase="Running", **meta):
    status = {"phase": phase, "startTime": started}
    if ip:
        status |= {"podIP": ip, "podIPs": [{"ip": ip}]}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": space,
            "uid": uid or f"uid-{name}",
            "creationTimestamp": started,
            "annotations": {"secret": "hush"},
            **meta,
        },
        "spec": {
            "nodeName": "node-1",
            "containers": [
                {
                    "name": "main",
                    "image": "x",
                    "command": ["hush"],
                    "env": [{"name": "PASSWORD", "value": "hush"}],
                    "ports": [{"containerPort": 8080}],
                }
            ],
        },
        "status": status,
    }


def obj(kind, name, version="v1", space="shop", **rest):
    meta = {"name": name, "uid": f"uid-{name}", **({"namespace": space} if space else {})}
    return {"apiVersion": version, "kind": kind, "metadata": meta, **rest}
