"""The report for people: a table in the terminal."""

import sys
from collections.abc import Sequence
from io import StringIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from vstream.probe.finding import Status
from vstream.probe.report import exit_code
from vstream.probe.run import Checked

_WIDTH_IN_A_PIPE = 140
_STYLES: dict[Status, str] = {"ok": "green", "skipped": "dim", "warning": "bold yellow", "failure": "bold red"}
_VERDICTS = (
    "Nothing is in the way of a picture.",
    "There are warnings: there may be a picture, but read them.",
    "There are failures: they keep the picture away.",
)


def show(checked: Sequence[Checked]) -> None:
    """Print the table and what it comes to."""
    _print(Console(width=None if sys.stdout.isatty() else _WIDTH_IN_A_PIPE), checked)


def text(checked: Sequence[Checked]) -> str:
    """The same as plain text."""
    out = StringIO()
    _print(Console(file=out, width=_WIDTH_IN_A_PIPE), checked)
    return out.getvalue()


def _print(console: Console, checked: Sequence[Checked]) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("CHECK", "IS", "SEEN, AND WHAT TO DO"):
        table.add_column(title, no_wrap=title != "SEEN, AND WHAT TO DO", overflow="fold")
    for one in checked:
        finding = one.finding
        style = _STYLES[finding.status]
        cell = Text(finding.seen, style="dim" if finding.status == "skipped" else "")
        if finding.advice:
            cell.append(f"\n-> {finding.advice}", style="bold")
        table.add_row(one.name.replace("_", " "), Text(finding.status, style=style), cell)
    console.print(table)
    console.print(Text(f"\n{_VERDICTS[exit_code(checked)]}", style="bold"))
