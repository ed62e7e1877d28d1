"""The table that each bench prints: ours beside the peer, the floor and what the project wants to reach."""

from collections.abc import Sequence
from typing import NamedTuple

HEADINGS = ("what", "ours", "peer", "floor", "reach", "verdict")


class Row(NamedTuple):
    """One measured thing; None where there is nothing to measure, or no goal."""

    what: str
    ours: float | None
    peer: float | None = None
    floor: float | None = None
    reach: float | None = None


def print_table(title: str, rows: Sequence[Row]) -> None:
    """Print the rows as a Markdown table under a title, which names the unit."""
    cells = [HEADINGS, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(HEADINGS))]
    print(f"\n{title}\n")
    for number, line in enumerate(cells):
        print("| " + " | ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)) + " |")
        if number == 0:
            print("|" + "|".join("-" * (width + 2) for width in widths) + "|")
    print(flush=True)


def verdict(ours: float | None, reach: float | None) -> str:
    """Say whether the goal, an upper bound, is reached; a dash where there is none."""
    if ours is None or reach is None:
        return "-"
    return "reached" if ours <= reach else f"missed by {ours / reach - 1:.0%}"


def _cells(row: Row) -> tuple[str, ...]:
    reach = "-" if row.reach is None else f"<= {_number(row.reach)}"
    numbers = (_number(row.ours), _number(row.peer), _number(row.floor))
    return (row.what, *numbers, reach, verdict(row.ours, row.reach))


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.2f}" if value < 100 else f"{value:.0f}"
