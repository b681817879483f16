"""What is not named cannot be opened, whatever code runs and wherever links inside files lead."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import h5py
import pytest

from deployments.site import fence

TRIED = """
import json, socket, subprocess, sys
from pathlib import Path
from deployments.site.fence import put_up
root, out, secret, master = map(Path, sys.argv[1:])
assert put_up([root], [out], network=False)
import h5py

def opens(path): return path.read_text()
def inside(path): return h5py.File(path)["entry"][()]
def writes(path): path.write_text("x")
def child(path):
    subprocess.run([sys.executable, "-c", f"open({str(path)!r})"], check=True, capture_output=True)
def calls(port): socket.create_connection(("127.0.0.1", port), timeout=2)
def spies(process): return Path(f"/proc/{process}/environ").read_bytes()

def tried(do, what):
    try:
        do(what)
        return "done"
    except Exception as error:
        return type(error).__name__

import os
print(json.dumps({
    "read below a root": tried(opens, root / "a.txt"),
    "write to results": tried(writes, out / "b.txt"),
    "read outside": tried(opens, secret),
    "read outside by a link": tried(opens, root / "link.txt"),
    "read outside by a link in a file": tried(inside, master),
    "read outside in a child": tried(child, secret),
    "read inside in a child": tried(child, root / "a.txt"),
    "write below a root": tried(writes, root / "c.txt"),
    "change below a root": tried(writes, root / "a.txt"),
    "connect": tried(calls, 1),
    "read what the parent was told": tried(spies, os.getppid()),
}))
"""


@pytest.fixture(scope="module")
def tried(tmp_path_factory) -> dict[str, str]:
    if fence.version() < 4:
        pytest.skip("Landlock is not installed")
    folder = tmp_path_factory.mktemp("fence")
    root, out, outside = (folder / name for name in ("root", "out", "outside"))
    for each in (root, out, outside):
        each.mkdir()
    (root / "a.txt").write_text("a")
    (outside / "secret.txt").write_text("secret")
    (root / "link.txt").symlink_to(outside / "secret.txt")
    with h5py.File(outside / "secret.h5", "w") as file:
        file["entry"] = 42
    with h5py.File(root / "master.h5", "w") as file:
        file["entry"] = h5py.ExternalLink(str(outside / "secret.h5"), "entry")
    places = map(str, (root, out, outside / "secret.txt", root / "master.h5"))
    done = subprocess.run(
        [sys.executable, "-c", TRIED, *places], capture_output=True, text=True, check=True, cwd=Path("/")
    )
    said: dict[str, str] = json.loads(done.stdout)
    return said


@pytest.mark.parametrize("what", ["read below a root", "write to results", "read inside in a child"])
def test_what_is_named_can_be_used(tried, what):
    assert tried[what] == "done"


@pytest.mark.parametrize(
    "what",
    [
        "read outside",
        "read outside by a link",
        "write below a root",
        "change below a root",
        "connect",
        "read what the parent was told",
    ],
)
def test_what_is_not_named_is_denied(tried, what):
    assert tried[what] == "PermissionError"


@pytest.mark.parametrize("what", ["read outside by a link in a file", "read outside in a child"])
def test_neither_libraries_nor_children_can_get_around_it(tried, what):
    assert tried[what] != "done"
