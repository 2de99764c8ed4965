"""Writes the shop sample: the cluster, an hour of its traffic and changes, a week, and the truth.

    python samples/shop/make.py            rewrite the files
    python samples/shop/make.py --check    exit 1 if the files are not what this script writes

Everything comes from one description (`describe.py`, `services.py`, `needs.py`) and from dice with
fixed seeds, so the files are the same every time. Nothing of the product is used.
"""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path

import speak_aws
import speak_conntrack
import speak_enterprise
import speak_goldmane
import speak_pcap
from inventory import cluster
from needs import DNS_PORT, NAMES, NEEDED, NEVER
from noise import noise
from oddities import unwanted
from recording import recording
from records import Log
from shapes import reshape
from traffic import wanted
from week import week

Row = dict[str, str | bool]

HERE = Path(__file__).resolve().parent
FLOWS = "hubble.jsonl.gz"
WATCH = "watch.jsonl.gz"
EYES = (speak_goldmane, speak_enterprise, speak_pcap, speak_conntrack, speak_aws)
BEGIN, END = "<!-- counts: written by make.py -->\n", "<!-- end of counts -->\n"


def hour() -> Log:
    """Play the hour: what is wanted, what is not, what is noise, and a few odd shapes."""
    log = Log()
    wanted(log)
    unwanted(log)
    noise(log)
    reshape(log)
    return log


def truth() -> str:
    """Print the tables of `needs.py`: sorted, one row a line."""
    needed: list[Row] = []
    later: list[Row] = []
    for need in NEEDED:
        row: Row = {
            "client": need.client,
            "server": need.server,
            "protocol": need.protocol,
            "ports": str(need.port),
            "why": need.why,
            "seen": need.times > 0,
        }
        # Name resolution is needed whether or not this hour shows it; nothing else can be known
        # from an hour in which it does not happen.
        known = need.times > 0 or need.port == DNS_PORT
        (needed if known else later).append(row)
    never: list[Row] = [
        {
            "client": row.client,
            "server": row.server,
            "protocol": row.protocol,
            "ports": row.ports,
            "kind": row.kind,
            "why": row.why,
        }
        for row in NEVER
    ]
    names = json.dumps(NAMES)
    tables = {"needed": needed, "later": later, "never": never}
    printed = "".join(f'"{name}": {_rows(rows)},\n' for name, rows in tables.items())
    return f'{{{printed}"names": {names}}}\n'


def _rows(rows: list[Row]) -> str:
    key = ("client", "server", "protocol", "ports")
    ordered = sorted(rows, key=lambda row: tuple(str(row[part]) for part in key))
    return "[\n" + ",\n".join(f"  {json.dumps(row)}" for row in ordered) + "\n]"


def readme(log: Log) -> str:
    """Give the README with its counts brought up to date."""
    text = (HERE / "README.md").read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    table = "".join(f"| {tag} | {count:,} |\n" for tag, count in log.counts().items())
    return f"{before}{BEGIN}| mark | lines |\n| --- | ---: |\n{table}{END}{after}"


def eyes(log: Log) -> dict[str, bytes]:
    """Tell the same hour as other programs would have seen it."""
    conversations = log.tape.conversations
    told = [eye.files(conversations) for eye in EYES]
    return {f"eyes/{name}": data for files in told for name, data in files.items()}


def files() -> dict[str, bytes]:
    """Give what is in every file of the sample, by its path in this folder."""
    log = hour()
    written = {f"cluster/{name}.json": text for name, text in cluster().items()}
    written |= {FLOWS: log.text(), WATCH: recording()}
    written |= {"truth.json": truth(), "README.md": readme(log)} | week()
    return {name: text.encode() for name, text in written.items()} | eyes(log)


def current(name: str) -> bytes | None:
    path = HERE / name
    if not path.exists():
        return None
    data = path.read_bytes()
    # Compare what is inside: another zlib packs the same lines into other bytes.
    return gzip.decompress(data) if name.endswith(".gz") else data


def write(name: str, data: bytes) -> None:
    path = HERE / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(data, 9, mtime=0) if name.endswith(".gz") else data)


def main(arguments: list[str]) -> int:
    made = files()
    different = [name for name, text in made.items() if current(name) != text]
    if "--check" in arguments:
        for name in different:
            print(f"{name} is not what make.py writes", file=sys.stderr)
        return 1 if different else 0
    for name in different:
        write(name, made[name])
        print(f"wrote {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
