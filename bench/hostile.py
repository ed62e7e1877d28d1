"""What attackers cost everybody else: each attack of the hostile suite against a server that two good viewers watch."""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench.errors import BenchError
from bench.options import Options, run
from bench.servers import running_server
from tests.e2e.operating import Operator
from tests.hostile.attack import Attack
from tests.hostile.attacks import ATTACKS
from tests.hostile.ordeal import Outcome, undergo
from tests.hostile.target import Target, login_flags

GAP_REACH_MS = 100.0
GROWTH_REACH_MB = 30.0
NEWCOMER_REACH_S = 2.0
HEADINGS = ("attack", "longest gap, ms", "packets lost", "memory grown, MB", "memory kept, MB", "newcomer plays, s")
GOALS = ("goal", f"< {GAP_REACH_MS:.0f}", "0", f"< {GROWTH_REACH_MB:.0f}", "-", f"< {NEWCOMER_REACH_S:.0f}")


def measure(_: Options) -> None:
    print(_line(HEADINGS), _line(["---"] * len(HEADINGS)), _line(GOALS), sep="\n", flush=True)
    for attack in ATTACKS:
        print(_line(_cells(attack, _outcome(attack))), flush=True)


def _outcome(attack: Attack) -> Outcome:
    with _attacked(attack) as target:
        try:
            outcome = undergo(attack, target)
        except AssertionError as error:
            raise BenchError(f"{attack.name}: {error}") from error
    if outcome.cut_off:
        raise BenchError(f"{attack.name}: {outcome.cut_off} good viewers were cut off")
    return outcome


@contextlib.contextmanager
def _attacked(attack: Attack) -> Iterator[Target]:
    operator = Operator()
    with tempfile.TemporaryDirectory() as directory:
        login = login_flags(Path(directory)) if attack.needs_login else []
        with running_server("vstream", *operator.flags, *attack.flags, *login) as server:
            yield Target(server.url, server.pid, operator, attack.needs_login)


def _cells(attack: Attack, outcome: Outcome) -> list[str]:
    return [
        attack.name,
        f"{outcome.gap_ms:.0f}",
        str(outcome.packets_lost),
        f"{outcome.grown_bytes / 1e6:.1f}",
        f"{outcome.kept_bytes / 1e6:.1f}",
        f"{outcome.newcomer_s:.2f}",
    ]


def _line(cells: list[str] | tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    run(measure, "What attackers cost everybody else.", seconds=None)
