"""Products on their way out: sent when the link is up, kept with the reason while it is not, each once."""

from __future__ import annotations

import fcntl
import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from adapters.errors import AdapterError
from adapters.stores.crossing import Limits, Parcel, packed
from adapters.stores.errors import LinkError, NotForCrossingError, ProductError, StoreError
from adapters.stores.link import Access, Place, opened
from adapters.stores.products import MANIFEST
from adapters.stores.receipt import FOLDER as RECEIPTS
from adapters.stores.receipt import Receipt, find_receipt, forget_receipt
from adapters.stores.transfer import Sent, hand_over
from deployments.site.notes import Note, Notes, Stage, durably

FIRST_PAUSE_S, LONGEST_PAUSE_S = 2.0, 300.0
FIRST_ASK_S, LONGEST_ASK_S = 1.0, 60.0
EVERY_S = 1.0
# What was altered on the way may arrive whole the next time.
MOST_SENDINGS = 3
LINK = "link.json"

Written = Callable[..., Any]
Say = Callable[[str], None]


@dataclass(frozen=True)
class Pause:
    """Why the link was not up at the last try, and when to try again."""

    reason: str = ""
    tries: int = 0
    due: float = 0.0


@dataclass(frozen=True)
class There:
    """What lies at the receiving end: products first, then receipts, so that none is missed between."""

    place: Place
    names: frozenset[str]
    receipts: frozenset[str]

    @classmethod
    def at(cls, place: Place) -> There:
        """As it is now."""
        return cls(place, frozenset(place.names()), frozenset(place.names(RECEIPTS)))

    def receipt(self, name: str) -> Receipt | None:
        """What it says of a product, None if nothing yet."""
        return find_receipt(self.place, name) if f"{name}.json" in self.receipts else None


class Outbox:
    """Products on their way to one receiving end.

    Several processes may put; one at a time sends. `written` is that of the audit log: it is
    called as `written("product sent", to=..., ...)` for each crossing.
    """

    def __init__(
        self,
        folder: Path,
        target: str,
        access: Access = Access(),  # noqa: B008 (frozen)
        *,
        limits: Limits = Limits(),  # noqa: B008 (frozen)
        written: Written | None = None,
    ) -> None:
        self.folder, self.target, self.access, self.limits = Path(folder), target, access, limits
        self._written = written or (lambda *_, **__: None)
        self._notes = Notes(self.folder)
        self._ask_pause, self._ask_due = FIRST_ASK_S, 0.0

    def put(self, product: Path) -> None:
        """Note that a committed product is to leave; what was noted before is not noted again."""
        product = Path(product).resolve()
        try:
            text = (product / MANIFEST).read_bytes()
        except OSError as error:
            raise ProductError(product, "it has no manifest, so it was never committed") from error
        self._notes.add(Note(str(product), hashlib.sha256(text).hexdigest()))

    def notes(self, *stages: Stage) -> list[Note]:
        """What is known of the products in these stages, of all if none is named."""
        return self._notes.of(*stages)

    def trouble(self) -> str:
        """Why nothing could be sent at the last try; empty if it could."""
        return self._pause().reason

    def flush(self, *, at_once: bool = False) -> list[Note]:
        """Send what is due and ask what became of what was sent; the notes that moved on.

        `at_once` does not wait for what is due later. Empty where another process is sending.
        """
        moved: list[Note] = []
        with self._alone() as ours:
            if ours and (going := self._due(at_once)):
                tries = self._pause().tries
                try:
                    with opened(self.target, self.access) as place:
                        self._go_on(going, There.at(place), moved)
                    self._link_is("", 0)
                except (StoreError, AdapterError) as error:
                    self._link_is(str(error), tries + 1)
        return moved

    def retry(self) -> int:
        """Let what was refused go once more, now that its cause is mended; how many that is."""
        with self._alone() as ours:
            refused = self.notes(Stage.REFUSED) if ours else []
            for note in refused:
                self._notes.move(note, Stage.WAITING, tries=note.tries + 1, sendings=0, due=0.0)
            return len(refused)

    @contextmanager
    def sending(self, say: Say) -> Iterator[None]:
        """Inside, a thread sends what is put, whoever puts it."""
        over = threading.Event()
        thread = threading.Thread(target=self._keep_sending, args=(over, say), daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join(self.access.patience_s)

    def _keep_sending(self, over: threading.Event, say: Say) -> None:
        before = ""
        while not over.wait(EVERY_S):
            try:
                moved, trouble = self.flush(), self.trouble()
            except OSError as error:
                moved, trouble = [], f"the outbox {self.folder} cannot be used: {error}"
            for note in moved:
                say(
                    f"{note.stage.value:<12} {note.name or note.product}"
                    + (note.reason and f": {note.reason}")
                )
            if trouble and trouble != before:
                say(trouble)
            before = trouble

    def _due(self, at_once: bool) -> list[Note]:
        now = time.time()
        self._notes.mend()
        waiting, sent = self.notes(Stage.WAITING), self.notes(Stage.SENT)
        if at_once:
            return [*waiting, *sent]
        if self._pause().due > now:
            return []
        asked = sent if now >= self._ask_due else []
        return [*(note for note in waiting if note.due <= now), *asked]

    def _go_on(self, going: list[Note], there: There, moved: list[Note]) -> None:
        for note in going:
            after = self._asked(note, there) if note.stage is Stage.SENT else self._sent(note, there)
            if after.stage is not note.stage:
                moved.append(after)
        # Who takes it in may take a while.
        self._ask_pause = FIRST_ASK_S if moved else min(self._ask_pause * 2, LONGEST_ASK_S)
        self._ask_due = time.time() + self._ask_pause

    def _sent(self, note: Note, there: There) -> Note:
        try:
            parcel = self._packed(note)
            sent = self._taken_before(parcel, there) or hand_over(parcel, there.place)
        except (ProductError, NotForCrossingError) as error:
            self._written("product kept back", to=self.target, product=note.product, reason=str(error))
            return self._notes.move(note, Stage.REFUSED, reason=str(error))
        except LinkError as error:
            held = self._again(note, error.reason)
            # Trouble with this one alone does not hold up the others; if the link is gone this says so.
            there.place.names()
            return held
        facts = {"key": sent.key, "sha256": sent.sha256, "files": sent.files, "bytes": sent.bytes}
        self._written("product sent", to=self.target, name=sent.name, **facts)
        went = {"bytes": sent.bytes, "sent": sent.sent, "kept": sent.kept}
        return self._notes.move(note, Stage.SENT, name=sent.name, sendings=note.sendings + 1, **went)

    def _packed(self, note: Note) -> Parcel:
        parcel = packed(Path(note.product), self.limits)
        if parcel.sha256 != note.sha256:
            raise ProductError(note.product, "another product lies in its place now")
        return parcel

    def _taken_before(self, parcel: Parcel, there: There) -> Sent | None:
        """A product that was taken in already: we were killed before we noted that it had gone."""
        receipt = there.receipt(parcel.name)
        if receipt is None:
            return None
        if not receipt.taken:
            # Of a sending before this one.
            forget_receipt(there.place, parcel.name)
            return None
        return Sent.of(parcel, 0)

    def _asked(self, note: Note, there: There) -> Note:
        """What the receiving end says of a product that was sent."""
        receipt = there.receipt(note.name)
        if receipt is None:
            lies_there = note.name in there.names
            return note if lies_there else self._again(note, "it vanished at the receiving end")
        moved = self._judged(note, receipt)
        forget_receipt(there.place, note.name)
        return moved

    def _judged(self, note: Note, receipt: Receipt) -> Note:
        if receipt.taken:
            return self._notes.move(note, Stage.RECEIVED)
        if note.sendings < MOST_SENDINGS:
            return self._again(note, receipt.reason)
        self._written("product refused there", to=self.target, name=note.name, reason=receipt.reason)
        return self._notes.move(note, Stage.REFUSED, reason=receipt.reason)

    def _again(self, note: Note, reason: str) -> Note:
        tries = note.tries + 1
        due = time.time() + pause_s(tries)
        return self._notes.move(note, Stage.WAITING, reason=reason, tries=tries, due=due)

    def _pause(self) -> Pause:
        try:
            return Pause(**json.loads((self.folder / LINK).read_text()))
        except FileNotFoundError:
            return Pause()

    def _link_is(self, reason: str, tries: int) -> None:
        due = time.time() + pause_s(tries) if tries else 0.0
        if (said := Pause(reason, tries, due)) != self._pause():
            durably(self.folder / LINK, asdict(said))

    @contextmanager
    def _alone(self) -> Iterator[bool]:
        # The system drops the lock when its process ends, however it ends, so none is ever stale.
        with (self.folder / "flush.lock").open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
                return
            yield True


def pause_s(tries: int) -> float:
    """How long to wait after so many failures: longer each time, but never very long."""
    return min(FIRST_PAUSE_S * 2.0 ** min(tries - 1, 30), LONGEST_PAUSE_S)
