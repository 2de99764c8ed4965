"""What kube-proxy does, as text for ``nft``: addresses of Services become those of pods.

As in its nftables mode: a vmap chooses one of the backends' chains, node ports are taken at every
address of the node, and what comes by one is marked and masqueraded, so that it finds its way back.
Backends take turns, that none is left out; kube-proxy throws dice.
"""

from __future__ import annotations

from collections.abc import Iterator

from lab import describe as d

__all__ = ["MASQUERADE", "rules"]

MASQUERADE = 0x4000
"""The bit of a packet's mark that says it will leave as the node's own."""


def rules() -> str:
    chains = list(_chains())
    jumps = "\n".join(jump for _, jump in chains)
    bodies = "\n".join(body for body, _ in chains)
    pods = {4: "10.244.0.0/16", 6: "fd00:10:244::/48"}
    inside = {4: f"{pods[4]}, 172.30.0.0/24", 6: f"{pods[6]}, fd00:172:30::/64"}
    return f"""
table inet kube-proxy {{
{bodies}
chain services {{
{jumps}
}}
chain prerouting {{ type nat hook prerouting priority dstnat; jump services; }}
chain output {{ type nat hook output priority -100; jump services; }}
chain postrouting {{
  type nat hook postrouting priority srcnat;
  meta mark and {MASQUERADE} == {MASQUERADE} masquerade
  ip saddr {pods[4]} ip daddr != {{ {inside[4]} }} masquerade
  ip6 saddr {pods[6]} ip6 daddr != {{ {inside[6]} }} masquerade
}}
}}
"""


def _chains() -> Iterator[tuple[str, str]]:
    """For each port of a Service its chains, and the rules that lead there."""
    for one in (d.KUBERNETES, *d.SERVICES):
        for protocol, port, target, node_port in one.ports:
            if not one.addresses:
                continue
            version = 6 if ":" in one.addresses[0] else 4
            name = f"{one.namespace}-{one.name}-{protocol.lower()}-{port}"
            ends = _ends(one, protocol, target, version)
            bodies = [
                f"chain {name}-{n} {{ meta l4proto {protocol.lower()} dnat {end}; }}"
                for n, end in enumerate(ends)
            ]
            turns = ", ".join(f"{n} : goto {name}-{n}" for n in range(len(ends)))
            bodies.append(f"chain {name} {{ numgen inc mod {len(ends)} vmap {{ {turns} }}; }}")
            family = "ip6" if version == 6 else "ip"
            jumps = [
                f"{family} daddr {one.addresses[0]} {protocol.lower()} dport {port} goto {name}"
            ]
            if node_port:
                jumps.append(
                    f"fib daddr type local meta nfproto ipv4 {protocol.lower()} dport {node_port}"
                    f" meta mark set meta mark or {MASQUERADE} goto {name}"
                )
            yield "\n".join(bodies), "\n".join(jumps)


def _ends(service: d.Service, protocol: str, target: int | str, version: int) -> list[str]:
    if service is d.KUBERNETES:
        return ["ip to {}:{}".format(*d.API_SERVER)]
    pods = d.backends(service)
    if version == 6:
        return [f"ip6 to [{p.addresses[1]}]:{d.target(p, protocol, target)}" for p in pods]
    return [f"ip to {p.addresses[0]}:{d.target(p, protocol, target)}" for p in pods]
