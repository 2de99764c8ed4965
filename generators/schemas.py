"""What is known of the schemas of custom objects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from generators import admin_schema, calico_schema, cilium_schema
from generators.schema import Schema

__all__ = ["SCHEMAS"]

SCHEMAS: Final[Mapping[tuple[str, str], Schema]] = {
    **admin_schema.SCHEMAS,
    **calico_schema.SCHEMAS,
    **cilium_schema.SCHEMAS,
}
"""(apiVersion, kind) → schema."""
