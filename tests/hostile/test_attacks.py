"""While a server is attacked two good viewers lose nothing, a newcomer gets in, and nothing is left of the attack.

How well it does is measured by `python -m bench.hostile`; here deadlines are generous, as machines are noisy.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.clips import encode
from tests.e2e.operating import Operator
from tests.e2e.server import serving
from tests.hostile.attack import Attack
from tests.hostile.attacks import ATTACKS
from tests.hostile.ordeal import undergo
from tests.hostile.target import Target, login_flags

GAP_LIMIT_MS = 2000
GROWTH_LIMIT_BYTES = 30_000_000
NEWCOMER_LIMIT_S = 20


@pytest.fixture(scope="module")
def broad_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three seconds at about 3 Mbit/s, so that queues fill."""
    path = tmp_path_factory.mktemp("clip") / "broad.h264"
    return encode(path, "keyint=30:bframes=0:qp=8", size="640x360")


@contextmanager
def attacked(clip: Path, attack: Attack, directory: Path) -> Iterator[Target]:
    operator = Operator()
    flags = [*operator.flags, *attack.flags, *(login_flags(directory) if attack.needs_login else ())]
    with serving(clip, *flags) as server:
        yield Target(server.url, server.process.pid, operator, attack.needs_login)


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: type(attack).__name__)
def test_others_notice_nothing(broad_clip: Path, attack: Attack, tmp_path: Path) -> None:
    with attacked(broad_clip, attack, tmp_path) as target:
        outcome = undergo(attack, target)
    assert (outcome.packets_lost, outcome.cut_off) == (0, 0)
    assert outcome.gap_ms < GAP_LIMIT_MS
    assert outcome.grown_bytes < GROWTH_LIMIT_BYTES
    assert outcome.newcomer_s < NEWCOMER_LIMIT_S
