"""Services as an init system keeps them: real ones, begun again when they were killed."""

from __future__ import annotations

import signal
import subprocess
import threading
from pathlib import Path

# What a service manager waits before it begins anew.
PAUSE_S = 1.0


class Service:
    """A process that is begun again when it was killed or failed, as an init system does."""

    def __init__(self, name: str, command: list[str], log: Path, environment: dict[str, str]) -> None:
        self.name, self.command, self.log, self.environment = name, command, log, environment
        self.over = threading.Event()
        self.begin()
        self.keeper = threading.Thread(target=self._keep, daemon=True)
        self.keeper.start()

    def begin(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command, stdout=log, stderr=log, env=self.environment, start_new_session=True
            )

    def _keep(self) -> None:
        while True:
            self.process.wait()
            if self.over.wait(PAUSE_S):
                return
            self.begin()

    def kill(self) -> bool:
        """Without a warning; what it had begun must end by itself. False if it was not up."""
        up = self.process.poll() is None
        self.process.kill()
        return up

    def stop(self) -> None:
        self.over.set()
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.keeper.join()
