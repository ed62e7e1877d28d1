"""One viewer's requests for keyframes, as many of them as are passed on."""

from vstream.feedback import FullIntraRequest

INTERVAL_US = 1_000_000
"""A keyframe costs every viewer, so one viewer is granted no more than one in this time."""


class KeyframeDemand:
    """What comes too soon after the latest grant is granted later, unless a keyframe came by itself meanwhile."""

    def __init__(self) -> None:
        self._granted_us: int | None = None
        self._waiting_since_us: int | None = None
        self._newest_command: FullIntraRequest | None = None

    def is_repeated(self, command: FullIntraRequest) -> bool:
        """Whether this command was heard before; one that got lost is sent again with its number."""
        repeated = command == self._newest_command
        self._newest_command = command
        return repeated

    def ask(self, now_us: int) -> None:
        """The viewer cannot go on without a keyframe newer than this."""
        self._waiting_since_us = now_us

    def grants(self, keyframe_us: int | None, now_us: int) -> bool:
        """Whether to ask the encoder now; `keyframe_us` is when the newest keyframe was sent."""
        if self._waiting_since_us is None:
            return False
        if keyframe_us is not None and keyframe_us > self._waiting_since_us:
            self._waiting_since_us = None
            return False
        if self._granted_us is not None and now_us - self._granted_us < INTERVAL_US:
            return False
        self._granted_us, self._waiting_since_us = now_us, None
        return True
