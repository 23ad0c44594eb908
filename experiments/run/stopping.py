"""Signals that end a run: it stops between two steps, saves, and says how to go on."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any

CAUGHT = (signal.SIGINT, signal.SIGTERM)


class Interrupted(KeyboardInterrupt):
    """A signal ended the run.

    Args:
        number: of the signal.
        message: where the run stopped, and how to go on.

    Example:
        >>> Interrupted(signal.SIGTERM, "in epoch 2").exit_code
        143
    """

    def __init__(self, number: int, message: str = "") -> None:
        super().__init__(f"stopped by {signal.Signals(number).name}{f' {message}' if message else ''}")
        self.number = number

    @property
    def exit_code(self) -> int:
        """The usual exit code of a process that a signal ended: 128 and its number."""
        return 128 + self.number


class Signals:
    """Turns SIGINT and SIGTERM into `Interrupted`: at once, or, inside `deferred`, into the flag `caught`.

    Inside `deferred` the handler does nothing but set the flag, so that no file is half written; a second signal ends
    the run at once there too. Only the main thread of a process can handle signals; elsewhere this does nothing.

    Attributes:
        caught: number of the signal that was caught; None if there was none.

    Example:
        >>> import os
        >>> with Signals() as signals, signals.deferred():
        ...     os.kill(os.getpid(), signal.SIGTERM)
        ...     seen = signals.caught
        ...     signals.caught = None  # or else the end of the block raises
        >>> seen == signal.SIGTERM
        True
    """

    def __init__(self) -> None:
        self.caught: int | None = None
        self._deferred = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> "Signals":
        """Begin to handle the signals."""
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._handle) for number in CAUGHT}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give the signals their earlier handlers back."""
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        again = self.caught is not None
        self.caught = number
        if not self._deferred or again:
            raise Interrupted(number)

    @contextmanager
    def deferred(self) -> Iterator[None]:
        """Only set `caught` inside this block; its end raises `Interrupted` if a signal came."""
        self._deferred = True
        try:
            yield
        finally:
            self._deferred = False
        if self.caught is not None:
            raise Interrupted(self.caught)
