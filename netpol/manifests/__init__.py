"""YAML and JSON documents in and out, the only place where PyYAML is used.

    files      which files a path stands for, and their bytes as UTF-8
    text       JSON text through a small window, cut into values
    json_reader, yaml_reader, yaml_builder   documents of either format
    listing    the elements of a ``List`` in place of the list
    loading    from paths to objects
    yaml_writer  documents as YAML
    spans, editing   small changes to texts that people wrote
    comments  names beside address blocks

Reading is safe and bounded (``bounds``), says what it could not read and goes on behind it.
"""

from netpol.manifests.bounds import MAX_BYTES, MAX_DEPTH, MAX_NODES, MAX_OBJECT
from netpol.manifests.comments import about, commented, comments
from netpol.manifests.document import Document, Entry
from netpol.manifests.editing import cut, edited
from netpol.manifests.loading import files, load, resources, scan, whole
from netpol.manifests.spans import parsed
from netpol.manifests.yaml_writer import dump

__all__ = [
    "MAX_BYTES",
    "MAX_DEPTH",
    "MAX_NODES",
    "MAX_OBJECT",
    "Document",
    "Entry",
    "about",
    "commented",
    "comments",
    "cut",
    "dump",
    "edited",
    "files",
    "load",
    "parsed",
    "resources",
    "scan",
    "whole",
]
