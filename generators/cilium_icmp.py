"""Cilium's ``icmps`` ↔ ICMP types. Source: ``pkg/policy/api/icmp.go``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from netpol.errors import NetpolError
from netpol.fields import Field
from netpol.net import PortSet

__all__ = ["MAX_FIELDS", "types", "written_types"]

MAX_FIELDS: Final = 40
"""Most ports, or ICMP fields, in one item of a rule."""
_FAMILIES: Final = {"IPv4": "ICMP", "IPv6": "ICMPv6"}
_FOUR: Final = {
    "EchoReply": 0,
    "DestinationUnreachable": 3,
    "Redirect": 5,
    "Echo": 8,
    "EchoRequest": 8,
    "RouterAdvertisement": 9,
    "RouterSelection": 10,
    "TimeExceeded": 11,
    "ParameterProblem": 12,
    "Timestamp": 13,
    "TimestampReply": 14,
    "Photuris": 40,
    "ExtendedEchoRequest": 42,
    "ExtendedEchoReply": 43,
}
_SIX: Final = {
    "DestinationUnreachable": 1,
    "PacketTooBig": 2,
    "TimeExceeded": 3,
    "ParameterProblem": 4,
    "EchoRequest": 128,
    "EchoReply": 129,
    "MulticastListenerQuery": 130,
    "MulticastListenerReport": 131,
    "MulticastListenerDone": 132,
    "RouterSolicitation": 133,
    "RouterAdvertisement": 134,
    "NeighborSolicitation": 135,
    "NeighborAdvertisement": 136,
    "RedirectMessage": 137,
    "RouterRenumbering": 138,
    "ICMPNodeInformationQuery": 139,
    "ICMPNodeInformationResponse": 140,
    "InverseNeighborDiscoverySolicitation": 141,
    "InverseNeighborDiscoveryAdvertisement": 142,
    "HomeAgentAddressDiscoveryRequest": 144,
    "HomeAgentAddressDiscoveryReply": 145,
    "MobilePrefixSolicitation": 146,
    "MobilePrefixAdvertisement": 147,
    "DuplicateAddressRequestCodeSuffix": 157,
    "DuplicateAddressConfirmationCodeSuffix": 158,
    "ExtendedEchoRequest": 160,
    "ExtendedEchoReply": 161,
}
_TYPES: Final = {"ICMP": _FOUR, "ICMPv6": _SIX}
"""Names of ICMP types (IANA registries, in Cilium's spelling); Cilium knows no others."""


def written_types(ports: PortSet) -> Iterator[dict[str, object]]:
    """A field per type. Raises NetpolError for codes, which Cilium has no words for."""
    for family, protocol in _FAMILIES.items():
        for low, high in ports.ranges(protocol):
            if low % 256 or high % 256 != 255:
                raise NetpolError("cilium cannot say ICMP codes, only types")
            for number in range(low // 256, high // 256 + 1):
                yield {"family": family, "type": number}


def types(field: Field) -> PortSet:
    """The types of one item of ``icmps``; none without fields."""
    fields = field["fields"].entries()
    if len(fields) > MAX_FIELDS:
        field["fields"].refuse(f"more than {MAX_FIELDS} fields")
    return PortSet.union(_type(entry) for entry in fields)


def _type(field: Field) -> PortSet:
    family = field["family"]
    protocol = _FAMILIES[family.choice(_FAMILIES) if family.given else "IPv4"]
    kind = field["type"].need()
    if not isinstance(kind.value, str):
        return PortSet.icmp(protocol, kind.whole(0, 255))
    if kind.value.isdecimal() and kind.value.isascii():
        return PortSet.icmp(protocol, Field(int(kind.value[:9]), kind.path).whole(0, 255))
    return PortSet.icmp(protocol, _TYPES[protocol][kind.choice(_TYPES[protocol])])
