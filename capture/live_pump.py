"""Messages of a stream, taken by one thread and handed on in chunks to another.

Who waits for a message cannot do anything else, and a store wants what came so far at its time. The
two threads never work at once: there is one interpreter lock, and handing it over for every message
would cost more than the message.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from itertools import islice
from threading import Condition, Thread
from typing import Final, Protocol

from capture.grpc_door import LostError

__all__ = ["Messages", "Pump"]

CHUNK: Final = 512
"""Messages that are handed on at once; no more than twice as many wait to be."""
_GATHER: Final = 0.2
"""Seconds in which a chunk may grow."""


class Messages(Protocol):
    """What comes from a server, one after the other; raises LostError."""

    def __iter__(self) -> Iterator[bytes]: ...
    def cancel(self) -> None:
        """Come to an end; called by another thread."""


class Pump:
    """Reads ``messages`` in a thread of its own until they end. Must be stopped."""

    def __init__(self, messages: Messages) -> None:
        self._messages = messages
        self._ready: deque[bytes] = deque()
        self._change = Condition()
        self._stopped = False
        self.done = False
        """No more will come than :meth:`take` still gives."""
        self.error: LostError | None = None
        self._bug: BaseException | None = None
        self._thread = Thread(target=self._run, daemon=True, name="netpol-pump")
        self._thread.start()

    def _run(self) -> None:
        messages = iter(self._messages)
        try:
            for message in messages:
                self._ready.append(message)
                self._ready.extend(islice(messages, CHUNK - 1))  # each as it comes, in C
                if not self._room():
                    return
        except LostError as error:
            self.error = error
        except BaseException as bug:  # noqa: BLE001 - it is raised where it can be seen
            self._bug = bug
        finally:
            with self._change:
                self.done = True
                self._change.notify_all()

    def _room(self) -> bool:
        """Wait until what is ready was taken; whether to go on."""
        with self._change:
            self._change.notify_all()
            self._change.wait_for(lambda: self._stopped or len(self._ready) < CHUNK)
            return not self._stopped

    def take(self, seconds: float) -> list[bytes]:
        """What came; waits until there is a chunk, or the end, or for so long."""
        ready = self._ready
        with self._change:
            self._change.wait_for(
                lambda: self.done or len(ready) >= CHUNK, min(max(seconds, 0), _GATHER)
            )
            taken = [ready.popleft() for _ in range(len(ready))]
            self._change.notify_all()
        if self._bug is not None:
            raise self._bug
        return taken

    @property
    def ended(self) -> bool:
        """Everything was taken."""
        return self.done and not self._ready

    def stop(self) -> None:
        """Read no further."""
        self._messages.cancel()
        with self._change:
            self._stopped = True
            self._change.notify_all()
        self._thread.join()
