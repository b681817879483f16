"""What crosses a wire, kept and put together again, to count it and to search it.

`python wire.py INTERFACE FILE` keeps every frame until it is killed; `streams(FILE)` gives what each
TCP connection carried, in order, one direction each.
"""

from __future__ import annotations

import errno
import socket
import struct
import sys
from collections import defaultdict
from pathlib import Path

ALL, IP, TCP = 0x0003, 0x0800, 6
# From <linux/if_packet.h> and <asm/socket.h>: the buffer may be larger than others may ask for.
SO_RCVBUFFORCE, BUFFER = 33, 2**26
LARGEST = 2**17
# source, source port, destination, destination port
Flow = tuple[str, int, str, int]


def keep(interface: str, path: Path) -> None:
    """Write every frame of an interface into a file, each behind its length."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ALL)) as listener:
        listener.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFER)
        listener.bind((interface, 0))
        with path.open("wb", buffering=0) as file:
            sys.stdout.write("listening\n")
            sys.stdout.flush()
            while True:
                try:
                    frame = listener.recv(LARGEST)
                except OSError as error:
                    # The plug was pulled; what comes after it is put in again is heard by the same ear.
                    if error.errno != errno.ENETDOWN:
                        raise
                    continue
                file.write(struct.pack("<I", len(frame)) + frame)


def streams(path: Path) -> dict[Flow, bytes]:
    """What each connection carried, by its two ends; a piece that was sent twice counts once."""
    pieces: dict[Flow, dict[int, bytes]] = defaultdict(dict)
    for frame in frames(path.read_bytes()):
        if (found := _tcp(frame)) is not None:
            flow, number, payload = found
            if len(payload) > len(pieces[flow].get(number, b"")):
                pieces[flow][number] = payload
    return {flow: _joined(found) for flow, found in pieces.items()}


def frames(content: bytes) -> list[bytes]:
    """Whole frames; one that is just being written is left out."""
    found, at = [], 0
    while at + 4 <= len(content):
        (size,) = struct.unpack_from("<I", content, at)
        if at + 4 + size > len(content):
            break
        found.append(content[at + 4 : at + 4 + size])
        at += 4 + size
    return found


def _tcp(frame: bytes) -> tuple[Flow, int, bytes] | None:
    if len(frame) < 34 or struct.unpack_from("!H", frame, 12)[0] != IP or frame[23] != TCP:
        return None
    packet = frame[14:]
    header, total = (packet[0] & 15) * 4, struct.unpack_from("!H", packet, 2)[0]
    segment = packet[header : total or None]
    near, far, number = struct.unpack_from("!HHI", segment)
    payload = segment[(segment[12] >> 4) * 4 :]
    flow = (socket.inet_ntoa(packet[12:16]), near, socket.inet_ntoa(packet[16:20]), far)
    return (flow, number, payload) if payload else None


def _joined(pieces: dict[int, bytes]) -> bytes:
    """Pieces by their numbers, which start anywhere and wrap around."""
    first = next(iter(pieces))
    order = sorted(pieces, key=lambda number: (number - first + 2**31) % 2**32)
    content, end = bytearray(), None
    for number in order:
        fresh = 0 if end is None else max(0, (end - number) % 2**32 if (end - number) % 2**32 < 2**31 else 0)
        content += pieces[number][fresh:]
        if end is None or (number + len(pieces[number]) - end) % 2**32 < 2**31:
            end = (number + len(pieces[number])) % 2**32
    return bytes(content)


if __name__ == "__main__":
    keep(sys.argv[1], Path(sys.argv[2]))
