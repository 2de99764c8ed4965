"""Documents as YAML that every reader takes for the same: kubectl, PyYAML, Go and JavaScript."""

from __future__ import annotations

from typing import Any, Final

import yaml

from netpol.scalars import meaning

__all__ = ["dump"]

_SAFE_DUMPER: Final[Any] = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class _Dumper(_SAFE_DUMPER):  # type: ignore[misc]
    """The C dumper, without aliases."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def _write_text(dumper: yaml.representer.SafeRepresenter, text: str) -> yaml.ScalarNode:
    # The dumper quotes by PyYAML's own rules; kubectl also takes `1e3` and `y` for other things.
    style = None if isinstance(meaning(text), str) else "'"
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _write_text)


def dump(document: dict[str, object]) -> str:
    """One document as YAML: block style, keys as given, no aliases, quotes only where needed."""
    text: str = yaml.dump(
        document,
        Dumper=_Dumper,
        sort_keys=False,
        default_flow_style=False,
        allow_unicode=True,
        width=2**31 - 1,
    )
    return text
