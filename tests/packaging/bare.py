"""A place with nothing in it but what is given: no network but loopback, nothing to write to, no privileges."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.e2e.players import FFMPEG, Player
from tests.e2e.server import Server
from tests.packaging.programs import serving

USER_ID = "65532"
_ENTER = Path(__file__).with_name("enter-bare")

needs_root = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("nsenter") is None or shutil.which("ip") is None,
    reason="namespaces are made by root, with nsenter and ip",
)


@dataclass(frozen=True)
class Place:
    """A server in such a place, and a player that is let into its network."""

    server: Server
    player: Player

    def play(self, transport: str, url: str = "") -> int:
        """Give the frames that the player decoded."""
        return self.player.finish(self.player.start(url or self.server.url, transport))


def entering(root: Path, program: str = "/usr/bin/vstream") -> list[str]:
    """Give the command that runs a program in `root`; it needs PATH, to find what leads there."""
    return ["unshare", "--mount", "--net", str(_ENTER), str(root), USER_ID, program]


@contextmanager
def serving_in(
    root: Path, source: str, *flags: str, given: Path | None = None, program: str = "/usr/bin/vstream"
) -> Iterator[Place]:
    """Serve from `root`; the files in `given` are found in /run, and a program that is there may write to /tmp."""
    place = {"PATH": os.environ["PATH"], "GIVEN": str(given or ""), "WRITABLE": "yes" if program[:5] == "/run/" else ""}
    with serving(entering(root, program), source, *flags, environment=place) as server:
        enter = ["nsenter", "--net", "--target", str(server.process.pid)]
        yield Place(server, replace(FFMPEG, command=lambda url, transport: enter + FFMPEG.command(url, transport)))
