"""Options about live sources, for every command that takes SOURCES…, and what they amount to."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from netpol.cli.options import Duration, Moment
from netpol.cli.sections import in_section
from netpol.errors import NetpolError

if TYPE_CHECKING:
    from capture.live import Wanted

__all__ = ["live_options", "refuse_idle", "wanted"]

Command = TypeVar("Command", bound=Callable[..., Any])

_META: Final = "netpol.live"
_NANO: Final = 1_000_000_000
_UNITS: Final = frozenset("smhd")
"""A duration ends with one of them, a point in time does not."""


class _Since(Moment):
    """A point in time, or how long before now."""

    def convert(
        self, value: str | int, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """``10m``, or as a Moment."""
        if isinstance(value, str) and value[-1:] in _UNITS:
            return time.time_ns() - round(Duration().convert(value, param, ctx) * _NANO)
        return super().convert(value, param, ctx)


def _keep(ctx: click.Context, param: click.Parameter, value: object) -> None:
    """They are about how to reach a source, not about what a command does: kept beside it."""
    ctx.meta.setdefault(_META, {})[param.name] = value


_option = in_section("Servers that are asked: hubble://, unix://, goldmane://")
_FILE: Final = click.Path(exists=True, dir_okay=False)
_OPTIONS: Final[tuple[tuple[str, dict[str, Any]], ...]] = (
    (
        "--since",
        {
            "type": _Since(),
            "help": "Ask for flows from then on, 10m (before now) or 2026-11-02T09:14:07Z. Without"
            " it, for all that the server still has, or with --follow for what comes.",
        },
    ),
    ("--until", {"type": _Since(), "help": "Ask for flows until then."}),
    (
        "--last",
        {
            "type": click.IntRange(min=1),
            "help": "Ask for so many of the newest flows.",
        },
    ),
    (
        "--tls-ca",
        {
            "type": _FILE,
            "help": "The CA that signed the server's certificate (PEM); without it,"
            " whom the system trusts.",
        },
    ),
    ("--tls-cert", {"type": _FILE, "help": "The certificate that says who we are."}),
    ("--tls-key", {"type": _FILE, "help": "The private key of --tls-cert."}),
    (
        "--tls-server-name",
        {
            "metavar": "NAME",
            "help": "The name in the server's certificate, if not the host's.",
        },
    ),
    ("--plaintext", {"is_flag": True, "help": "Speak without TLS."}),
)


def live_options(command: Command) -> Command:
    """How live sources are reached, and what they are asked for."""
    for name, rest in reversed(_OPTIONS):
        command = _option(name, expose_value=False, callback=_keep, **rest)(command)
    return command


def refuse_idle(paths: Iterable[str]) -> None:
    """Raises NetpolError where a server's flows are narrowed down and there is no server.

    Whoever gives a file and --since would take all of the file for the part that was asked for.
    """
    from capture.inputs import live

    given: dict[str, Any] = click.get_current_context().meta.get(_META, {})
    idle = [f"--{name}" for name in ("since", "until", "last") if given.get(name) is not None]
    if idle and not any(live(path) for path in paths):
        raise NetpolError(
            f"{' and '.join(idle)} can only be asked of a server, and there is none among the"
            " sources",
            hint="files and stores are read as a whole; leave the option out",
        )


def wanted(*, follow: bool = False, interval: float = 5.0) -> Wanted:
    """What the present command's options say; the parameters as in :class:`Wanted`."""
    from capture.grpc_door import Tls
    from capture.live import Wanted

    given: dict[str, Any] = click.get_current_context().meta.get(_META, {})
    return Wanted(
        since=given.get("since"),
        until=given.get("until"),
        last=given.get("last") or 0,
        follow=follow,
        interval=interval,
        tls=Tls(
            plaintext=bool(given.get("plaintext")),
            ca=given.get("tls_ca") or "",
            cert=given.get("tls_cert") or "",
            key=given.get("tls_key") or "",
            server_name=given.get("tls_server_name") or "",
        ),
    )
