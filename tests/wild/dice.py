"""Random choices, the same in every run: what Hypothesis is too slow for at ten thousands."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Any, TypeVar

T = TypeVar("T")

NAMESPACES = ("a", "b", "c")
LABELS = {
    "app": ("web", "api", "db"),
    "tier": ("front", "back", ""),
    "app.kubernetes.io/name": ("shop", "api"),
    "pod-template-hash": ("1", "2"),
}
TEAMS = ("red", "blue")
ACCOUNTS = ("default", "robot")
PORTS = (1, 53, 79, 80, 81, 443, 8080, 65535)
PORT_NAMES = ("http", "db", "nobody-has-it")
BLOCKS = {
    4: (
        *("0.0.0.0/0", "10.0.0.0/8", "10.1.0.0/24", "10.1.0.0/29", "10.1.0.4/32", "10.2.0.0/24"),
        *("192.0.2.0/24", "192.0.2.0/28", "192.0.2.9/32", "198.51.100.0/25", "128.0.0.0/1"),
    ),
    6: ("::/0", "fd00:1::/64", "fd00:1::4/128", "fd00:2::/120", "2001:db8::/32", "2001:db8::9/128"),
}
NAMES = ("api.example.org", "a.b.example.org", "example.org", "www.example.net")


class Dice(Random):
    def one_in(self, number: int) -> bool:
        return self.randrange(number) == 0

    def some(self, make: Callable[[], T], least: int, most: int) -> list[T]:
        return [make() for _ in range(self.randint(least, most))]

    def few(self, values: Sequence[T], least: int, most: int) -> list[T]:
        """Different ones."""
        return self.sample(list(values), min(len(values), self.randint(least, most)))

    def maybe(self, table: dict[str, Any], key: str, value: Any, number: int = 2) -> None:
        """One time in ``number`` the member, else none; ``value`` may be a function."""
        if self.one_in(number):
            table[key] = value() if callable(value) else value


def label_selector(
    dice: Dice, keys: dict[str, Sequence[str]] = LABELS, spoilt: bool = False
) -> dict[str, Any]:
    """A metav1.LabelSelector; ``spoilt``: rarely one that the API server refuses."""

    def expression() -> dict[str, Any]:
        key = dice.choice(list(keys))
        operator = dice.choice(("In", "NotIn", "Exists", "DoesNotExist"))
        few = dice.few([*keys[key], "elsewhere"], 1, 2) if operator in ("In", "NotIn") else []
        if spoilt and dice.one_in(150):
            few = [] if few else ["x"]
        return {"key": key, "operator": operator, **({"values": few} if few else {})}

    found: dict[str, Any] = {}
    if dice.one_in(4):
        return dice.choice(({}, {"matchLabels": {}}, {"matchExpressions": []}))
    if not dice.one_in(3):
        found["matchLabels"] = {key: dice.choice(keys[key]) for key in dice.few(list(keys), 1, 1)}
    if not found or dice.one_in(4):
        found["matchExpressions"] = dice.some(expression, 1, 2)
    return found


def space_selector(dice: Dice, spoilt: bool = False) -> dict[str, Any]:
    keys = {"team": TEAMS, "kubernetes.io/metadata.name": NAMESPACES}
    return label_selector(dice, keys, spoilt)
