"""Where errands are run: in processes of this machine, or on a Dask cluster; its door is here."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Any, Final

from capture.errand import Errand, Runner
from netpol.errors import NetpolError
from netpol.store.parcel import Parcel

__all__ = ["on_dask", "on_this_machine"]

_RETRIES: Final = 5
"""Times that an errand is run again whose worker was lost, or that failed."""
_WAIT: Final = "20s"
"""For the scheduler to answer."""


@contextmanager
def on_this_machine(jobs: int) -> Iterator[Runner]:
    """So many processes."""
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(jobs, mp_context=context)
    try:
        yield lambda call, *rest: _Local(pool.submit(call, *rest))
    finally:
        pool.shutdown(cancel_futures=True)


class _Local:
    """An errand in a process of this machine."""

    def __init__(self, future: Future[list[Parcel]]) -> None:
        self._future = future
        self.done, self.cancel = future.done, future.cancel

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
        # Not pure: what a file holds may have changed since it was read last.
        def submit(call: Callable[..., list[Parcel]], *rest: object) -> Errand:
            return _Away(client.submit(call, *rest, pure=False, retries=_RETRIES))

        yield submit


class _Away:
    """An errand of a worker; one whose worker is lost is run again by another one."""

    def __init__(self, future: Any) -> None:  # noqa: ANN401 - Dask's have no types
        self._future = future
        self.done, self.cancel = future.done, future.cancel

    def result(self) -> list[Parcel]:
        """What it brought."""
        from distributed.scheduler import KilledWorker

        try:
            found: list[Parcel] = self._future.result()
        except KilledWorker as error:
            raise NetpolError(
                f"every worker that read it was lost: {error}",
                hint="look whether workers have enough memory",
            ) from error
        return found
