"""How learning went, as a picture: the only place where matplotlib is used."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from netpol.enough import Enough
from netpol.errors import NetpolError

__all__ = ["plot"]

_HOUR: Final = 3600


def plot(found: Enough, path: Path) -> None:
    """Distinct connections over time, with how many there are at least; PNG, SVG or PDF by name.

    Raises NetpolError where matplotlib is missing, or the format is not known to it.
    """
    try:
        import numpy as np
        from matplotlib.figure import Figure
    except ImportError as error:
        raise NetpolError(
            "a picture needs matplotlib", hint="pip install 'netpol-generator[plot]'"
        ) from error
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    times = [hour * _HOUR for hour, _ in found.curve]
    axes.step(
        np.array(times, "datetime64[s]"),
        [total for _, total in found.curve],
        where="post",
        label="seen",
    )
    if found.estimate is not None:
        low, high = found.estimate.total
        axes.axhspan(low, high, alpha=0.2, label="there are at least (95 %)")
    axes.set(xlabel="time, UTC", ylabel="distinct connections", title=_title(found))
    axes.set_ylim(bottom=0)
    axes.legend(loc="lower right")
    axes.grid(visible=True, alpha=0.3)
    figure.autofmt_xdate()
    try:
        figure.savefig(path)
    except ValueError as error:
        raise NetpolError(str(error), where=str(path), hint="call it .png or .svg") from error


def _title(found: Enough) -> str:
    if found.estimate is None:
        return "what was learned"
    return f"{found.estimate.coverage:.1%} of all activity is of known connections"
