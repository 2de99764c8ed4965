"""Protobuf messages from tables of fields, and the door to the protobuf package.

Wire-compatible means: the same field numbers and kinds. So a table declares what is read and no
more, and the decoder, which is in C, keeps what it does not know as bytes. A message that is the
same in many records is declared as ``bytes``: what comes out is then its encoding, a key under
which its meaning is remembered, and nothing of it is decoded twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, TypeAlias

if TYPE_CHECKING:
    from google.protobuf.message import DecodeError

__all__ = ["TIMESTAMP", "Field", "Message", "Table", "decode_error", "messages"]

Field: TypeAlias = tuple[int, str]
"""Number, and kind: a scalar of protobuf in lower case, or a message of the same file; ``*`` in
front: repeated, ``?`` behind: that it is absent can be told from its default."""
Table: TypeAlias = Mapping[str, Field]

Message: TypeAlias = Any
"""What a class of :func:`messages` decodes to; its fields are known only at run time."""

TIMESTAMP: Final[Table] = {"seconds": (1, "int64"), "nanos": (2, "int32")}
"""``google.protobuf.Timestamp``."""


def messages(package: str, tables: Mapping[str, Table]) -> dict[str, type[Message]]:
    """A class for each table, by name; they are in no pool but their own."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    file = descriptor_pb2.FileDescriptorProto(
        name=f"{package}.proto", package=package, syntax="proto3"
    )
    for name, table in tables.items():
        message = file.message_type.add(name=name)
        for field, (number, kind) in table.items():
            _declare(message, field, number, kind, package)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    found = {name: pool.FindMessageTypeByName(f"{package}.{name}") for name in tables}
    return {name: message_factory.GetMessageClass(one) for name, one in found.items()}


def decode_error() -> type[DecodeError]:
    """What decoding raises."""
    from google.protobuf.message import DecodeError

    return DecodeError


def _declare(message: Message, name: str, number: int, kind: str, package: str) -> None:
    from google.protobuf.descriptor_pb2 import FieldDescriptorProto as Proto

    plain = kind.removeprefix("*").removesuffix("?")
    field = message.field.add(name=name, number=number)
    field.label = Proto.LABEL_REPEATED if kind.startswith("*") else Proto.LABEL_OPTIONAL
    if plain[0].isupper():
        field.type, field.type_name = Proto.TYPE_MESSAGE, f".{package}.{plain}"
    else:
        field.type = getattr(Proto, f"TYPE_{plain.upper()}")
    if kind.endswith("?"):
        # How protobuf tells presence in proto3: the only member of a oneof of its own.
        field.proto3_optional, field.oneof_index = True, len(message.oneof_decl)
        message.oneof_decl.add(name=f"_{name}")
