"""Where errands are run: in processes of this machine, or on a Dask cluster; its door is here."""

from __future__ import annotations

import multiprocessing
import pickle
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from capture.dealing import Dealing, Promise
from capture.errand import Errand, Runner, learned
from capture.folded import Settings
from netpol.errors import NetpolError
from netpol.store import Input
from netpol.store.parcel import Parcel

__all__ = ["on_dask", "on_this_machine"]

_RETRIES: Final = 5
"""Times that an errand is run again whose worker was lost, or that failed."""
_WAIT: Final = "20s"
"""For the scheduler to answer."""
_ALONE: Final = 300
"""Seconds that a cluster may be without any worker: new ones take their time to come."""


@contextmanager
def on_this_machine(jobs: int) -> Iterator[Runner]:
    """So many processes."""
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(jobs, mp_context=context)
    try:
        yield _Pool(pool, jobs)
    finally:
        pool.shutdown(cancel_futures=True)


@dataclass(frozen=True, slots=True)
class _Pool:
    """Sends errands to processes."""

    pool: ProcessPoolExecutor
    jobs: int

    def room(self) -> int:
        """Each has something to go on with when it has done."""
        return 2 * self.jobs

    def send(self, *about: Any) -> Errand:  # noqa: ANN401 - as Runner has it
        """A file as a whole."""
        return _Local(self.pool.submit(learned, *about))


class _Local:
    """An errand in a process of this machine."""

    def __init__(self, future: Future[list[Parcel]]) -> None:
        self._future = future
        self.done, self.cancel = future.done, future.cancel

    def pieces(self) -> tuple[int, int]:
        """It is one."""
        return int(self.done()), 1

    def result(self) -> list[Parcel]:
        """What it brought."""
        try:
            return self._future.result()
        except BrokenProcessPool as error:
            raise NetpolError(
                "a process that read flows was ended from outside",
                hint="give fewer --jobs where memory is short",
            ) from error


@contextmanager
def on_dask(address: str) -> Iterator[Runner]:
    """The workers of a Dask cluster. Raises NetpolError where there is none."""
    try:
        from distributed import Client
    except ImportError as error:
        hint = "install it with: pip install 'netpol-generator[dask]'"
        raise NetpolError(f"{error}", where=address, hint=hint) from error
    try:
        client = Client(address, timeout=_WAIT, set_as_default=False)  # type: ignore[no-untyped-call]
    except (OSError, ValueError, TimeoutError) as error:
        hint = "give the address of a scheduler: tcp://host:8786"
        raise NetpolError(f"no Dask cluster answers: {error}", where=address, hint=hint) from error
    with client:
        yield _Workers(client)


class _Workers:
    """Sends errands to the workers of a cluster."""

    def __init__(self, client: Any) -> None:  # noqa: ANN401 - Dask's have no types
        self._client = client
        self._settings: tuple[Settings, Promise] | None = None
        self._last = time.monotonic()
        """When there was a worker last."""

    def room(self) -> int:
        """Each thread of each worker has something to go on with when it has done.

        Raises NetpolError where there has been no worker for too long.
        """
        threads: dict[str, int] = self._client.nthreads()
        if threads:
            self._last = time.monotonic()
        elif time.monotonic() - self._last > _ALONE:
            raise NetpolError(
                f"the Dask cluster has had no worker for {_ALONE} seconds",
                hint="the same command goes on from here when there is one again",
            )
        return max(2, 2 * sum(threads.values()))

    def send(
        self, path: str, source: str | None, settings: Settings, known: tuple[Input, ...]
    ) -> Errand:
        """A file in pieces, where it is large."""
        if self._settings is None or self._settings[0] is not settings:
            self._settings = settings, self.submit(bytes, pickle.dumps(settings))
        return Dealing(self.submit, self._settings[1], path, source, known)

    def submit(self, call: Callable[..., object], *rest: object) -> Promise:
        """Have a worker call something."""
        given = [one.future if isinstance(one, _Promise) else one for one in rest]
        # Not pure: what a file holds may have changed since it was read last.
        return _Promise(self._client.submit(call, *given, pure=False, retries=_RETRIES))


class _Promise:
    """What a worker makes; when that is lost, another one makes it again."""

    def __init__(self, future: Any) -> None:  # noqa: ANN401 - Dask's have no types
        self.future = future
        self.done, self.cancel = future.done, future.cancel

    def result(self) -> Any:  # noqa: ANN401 - of whatever was called
        """It."""
        from distributed.scheduler import KilledWorker

        try:
            return self.future.result()
        except KilledWorker as error:
            raise NetpolError(
                f"every worker that read it was lost: {error}",
                hint="look whether workers have enough memory",
            ) from error
        except (CancelledError, OSError) as error:
            raise NetpolError(
                f"the Dask cluster has gone: {error}",
                hint="the same command goes on from here when there is one again",
            ) from error
