"""Spoilt files of every layout: errors of ours, bounded time and memory, no other data in silence.

HALOS_NIGHTLY=N takes the Nth thousand of cases.
"""

from __future__ import annotations

import json
import os
import selectors
import sys
from collections.abc import Iterator
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any

import pytest

from adapters.testing.gallery import gallery
from adapters.testing.mutation import changed_in_silence, copied, mutated

CASES, MANY = 150, 1000
NIGHT = int(os.environ.get("HALOS_NIGHTLY", "1"))
# A gigabyte beyond what the readers themselves need, for files of some kilobytes.
MEMORY = 2**30
SECONDS = 30.0
# A plain table says nowhere how many rows it has: one that was cut between two lines looks whole.
UNCOUNTED = {"powder", "spec", "ascii", "bm29", "mri_signal_table", "dynamx", "xifdr"}


class Readers:
    """The readers in a process of their own, started anew when a case took it down or was too slow."""

    def __init__(self) -> None:
        self.process: Popen[bytes] | None = None

    def ask(self, path: Path) -> dict[str, Any]:
        process = self.process = self.process or self._started()
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(json.dumps({"path": str(path)}).encode() + b"\n")
        process.stdin.flush()
        with selectors.DefaultSelector() as ready:
            ready.register(process.stdout, selectors.EVENT_READ)
            answered = ready.select(SECONDS)
        line = process.stdout.readline() if answered else b""
        if not line:
            self.stop()
            died = f"the process died ({process.returncode})" if answered else f"no answer in {SECONDS:g} s"
            return {"fault": died}
        found: dict[str, Any] = json.loads(line)
        return found

    def _started(self) -> Popen[bytes]:
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        command = [sys.executable, "-W", "ignore", "-m", "adapters.testing.mutation", str(MEMORY)]
        process = Popen(command, stdin=PIPE, stdout=PIPE, env=environment)
        # The first answer waits for imports; an absent file is answered at once after them.
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(b'{"path": "/absent"}\n')
        process.stdin.flush()
        assert process.stdout.readline()
        return process

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.communicate()
        self.process = None


@pytest.fixture(scope="module")
def readers() -> Iterator[Readers]:
    found = Readers()
    yield found
    found.stop()


@pytest.fixture(scope="module")
def originals(
    tmp_path_factory: pytest.TempPathFactory, readers: Readers
) -> dict[str, tuple[Path, dict[str, Any]]]:
    """Every run of the gallery, whole, and what readers make of it."""
    made = {}
    for name, write in gallery().items():
        path = write(tmp_path_factory.mktemp(name.replace("/", "_")))
        made[name] = (path, readers.ask(path))
    return made


def survivors(numbers: range, originals: Any, readers: Readers, folder: Path) -> list[str]:
    """What went wrong, case by case."""
    wrong = []
    names = sorted(originals)
    for number in numbers:
        name = names[number % len(names)]
        path, before = originals[name]
        spoilt = copied(path, folder / str(number))
        way = mutated(spoilt, number)
        after = readers.ask(spoilt)
        if "fault" in after:
            wrong.append(f"case {number}, {name}, {way}: {after['fault']}\n{after.get('trace', '')}")
        elif name in UNCOUNTED and way.startswith("cut") and spoilt.read_bytes().endswith(b"\n"):
            continue
        elif other := changed_in_silence(before, after, way):
            wrong.append(f"case {number}, {name}, {way}: {other} differ in silence")
    return wrong


def test_every_run_of_the_gallery_is_read_whole(originals: Any) -> None:
    unread = {name: found for name, (_, found) in originals.items() if "sums" not in found}

    # Three text layouts do not say the unit of q, which is then asked for.
    assert {found["error"] for found in unread.values()} <= {"MissingMetadataError"}, unread


def test_spoilt_files_are_answered_in_our_words(originals: Any, readers: Readers, tmp_path: Path) -> None:
    wrong = survivors(range(CASES), originals, readers, tmp_path)

    assert not wrong, "\n\n".join(wrong)


@pytest.mark.slow
@pytest.mark.skipif("HALOS_NIGHTLY" not in os.environ, reason="the nightly form: set HALOS_NIGHTLY")
def test_a_thousand_spoilt_files_are_answered_in_our_words(
    originals: Any, readers: Readers, tmp_path: Path
) -> None:
    first = CASES + (NIGHT - 1) * MANY
    wrong = survivors(range(first, first + MANY), originals, readers, tmp_path)

    assert not wrong, "\n\n".join(wrong)
