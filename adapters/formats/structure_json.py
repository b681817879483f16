"""Descriptions of NeXus files that the ESS file writer takes: recognised, so that the refusal is plain."""

from __future__ import annotations

import gzip
import json
import zlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adapters.errors import AdapterError, CorruptFileError, LayoutError, NoSuchRunError
from adapters.model import Measurement, Readiness
from adapters.protocol import Confidence, Probe

GZIP = b"\x1f\x8b"
WORDS = ('"children"', '"module"', '"parameters"')
MOST_BYTES = 100_000_000


@dataclass(frozen=True, slots=True)
class StructureJson:
    """No reader of data: it says what the description holds, and where data would be."""

    name: str = "ess_structure_json"

    def probe(self, probe: Probe) -> Confidence:
        """CONTENT by the words of such a description near its beginning."""
        if not (probe.suffix == ".json" or probe.path.name.endswith(".json.gz")):
            return Confidence.NO
        head = probe.head
        if head.startswith(GZIP):
            try:
                head = zlib.decompressobj(31).decompress(head, 8192)
            except zlib.error:
                return Confidence.NO
        text = head.decode(errors="replace").lstrip()
        known = text.startswith("{") and any(word in text for word in WORDS)
        return Confidence.CONTENT if known else Confidence.NO

    def check(self, path: Path) -> Readiness:
        """Broken in any case: a description is no run."""
        try:
            self.open(path)
        except AdapterError as error:
            return Readiness.broken(str(error))
        raise AssertionError("a description cannot be opened")

    def open(self, path: Path) -> Measurement:
        """Raise what the description is, and what it describes."""
        counted = contents(path)
        if not counted:
            raise LayoutError(path, "an instrument described in JSON holds no data; open the run itself")
        streams = sum(counted[each] for each in ("ev44", "f144", "da00", "tdct", "ad00"))
        held = f"{counted['group']} groups, {counted['dataset']} datasets, {counted['NXdetector']} detectors"
        flowing = f"{streams} streams ({counted['ev44']} of events)"
        said = f"a description for the ESS file writer, of {held} and {flowing}, holds no data"
        raise LayoutError(path, f"{said}; open the file that was written from it")


def contents(path: Path) -> Counter[str]:
    """Groups, datasets, links, streams and NeXus classes of a description, counted; empty for other JSON."""
    if not path.is_file():
        raise NoSuchRunError(path)
    stored = path.read_bytes()
    try:
        if stored.startswith(GZIP):
            stored = zlib.decompressobj(31).decompress(stored, MOST_BYTES)
        tree = json.loads(stored)
    except (ValueError, zlib.error, gzip.BadGzipFile, RecursionError) as error:
        raise CorruptFileError(path, f"no JSON ({error})") from error
    counted: Counter[str] = Counter()
    waiting: list[Any] = [tree]
    while waiting:
        node = waiting.pop()
        if not isinstance(node, dict):
            continue
        if node.get("type") == "group":
            counted["group"] += 1
        if isinstance(node.get("module"), str):
            counted[node["module"]] += 1
        for attribute in node.get("attributes") or ():
            if isinstance(attribute, dict) and attribute.get("name") == "NX_class":
                counted[str(attribute.get("values"))] += 1
        children = node.get("children")
        waiting += children if isinstance(children, list) else []
    return counted


STRUCTURE_JSON = StructureJson()
