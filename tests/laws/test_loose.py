"""What SQL adds up before attribution is what attribution makes of every row by itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from random import Random
from sqlite3 import Connection

from histories import ADDRESSES, BEGIN, LENGTH, SECOND, VIP, history, recorded

from capture.snapshot import read_inventory
from netpol import store
from netpol.answers import HOUR
from netpol.eras import always, eras
from netpol.flow import Account, Flow
from netpol.inventory import Inventory
from netpol.learn import Learned, learn
from netpol.peers import Endpoint
from netpol.sketch import EMPTY, Sketch
from netpol.store import Identity, Input, Taken, Who

HISTORIES, FLOWS = 40, 120
GUARD = 2 * SECOND


def side(random: Random) -> Endpoint:
    """Mostly an address; sometimes somebody whom the source names, or an entity at an address."""
    address = random.choice((*ADDRESSES, *ADDRESSES, VIP, "198.51.100.7", "169.254.20.10"))
    if random.random() < 0.9:
        return Endpoint(ip=address)
    named = Endpoint(namespace="shop", pods=("db-1",))
    return random.choice((named, Endpoint(ip=ADDRESSES[0], entities=frozenset({"host"}))))


def flow(random: Random) -> Flow:
    first = round((BEGIN + random.uniform(-100, LENGTH + 100)) * SECOND)
    last = first + round(random.choice((0, 1, 30)) * SECOND)
    records = random.randint(1, 3)
    reports = (("Dst", 1), ("Src", records)) if random.random() < 0.2 else ()
    told = Sketch.of(random.randrange(1 << 64) for _ in range(records))
    apart = not reports and random.random() < 0.3
    answered = {"answered": records} if random.random() < 0.8 else {}
    return Flow(
        client=side(random),
        server=side(random),
        protocol="TCP",
        port=random.choice((8080, 53)),
        certain=random.random() < 0.8,
        records=records,
        count=records,
        distinct=told if apart else EMPTY,
        reports=reports,
        first=first,
        last=last,
        hours=frozenset(range(first // HOUR, last // HOUR + 1)),
        signals={**answered, "forward": records},
        source="packets" if apart else "test",
    )


@contextmanager
def kept(path: Path, random: Random, known: Inventory) -> Iterator[store.Store]:
    """A store of random flows, in two inputs."""
    era = random.choice((always, eras(known, GUARD)))
    with store.opened(path, write=True) as into:
        for number in range(2):
            new = Input(
                id=0,
                source="test",
                name="",
                start=0,
                closed=True,
                identity=Identity(length=1, digest=bytes([number]), begin=b"", marks=b""),
            )
            flows = [flow(random) for _ in range(FLOWS)]
            store.take(into, Taken(input=new, flows=flows, account=Account(), era=era))
        yield into


def test_rows_that_are_added_up_are_attributed_alike(tmp_path: Path) -> None:
    added = 0
    for seed in range(HISTORIES):
        random, file = Random(seed), tmp_path / "cluster.json"
        file.write_text(recorded(history(random), random, lag=0))
        known = read_inventory([str(file)], lambda _: None)
        with kept(tmp_path / f"{seed}.db", random, known) as one, one.snapshot() as db:
            plain = learn(store.flows(db), known, Account(), GUARD)
            shares: list[Flow] = []
            flows = list(store.named(db))
            some = learn(flows, known, Account(), GUARD, loose=partial(listed, shares, db))
        assert list(some.accepted) == list(plain.accepted)
        assert facts(some) == facts(plain)
        added += sum(one.records for one in shares if one.client.namespace)
    assert added > 1000  # or it would be about next to nothing
    print(f"\n{added:,} records of {HISTORIES * 2 * FLOWS * 2:,} or so were added up")


def listed(into: list[Flow], db: Connection, who: Who) -> list[Flow]:
    into += store.loose(db, who)
    return into


def facts(learned: Learned) -> tuple[object, ...]:
    crosscheck = learned.crosscheck
    return learned.held, learned.unattributed, learned.inventory, learned.records, crosscheck
