"""The status of a running server as a table in the terminal."""

import sys
import time
from collections.abc import Callable, Mapping
from typing import Any, cast

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

Json = Any  # what a JSON document holds, at any depth

_INTERVAL_S = 1.0
_WIDTH_IN_A_PIPE = 120
_COLUMNS = ("#", "ADDRESS", "VIA", "TIME", "MBIT/S", "LOSS %", "JITTER ms", "RTT ms", "DROPPED")
_LEFT_COLUMNS = 3


def show(fetch: Callable[[], Mapping[str, object]]) -> None:
    """Show what `fetch` gives: again each second in a terminal until interrupted, else once."""
    console = Console(width=None if sys.stdout.isatty() else _WIDTH_IN_A_PIPE)
    if not console.is_terminal:
        console.print(view(fetch()))
        return
    with Live(view(fetch()), console=console, auto_refresh=False, screen=True) as live:
        while True:
            time.sleep(_INTERVAL_S)
            live.update(view(fetch()), refresh=True)


def view(document: Mapping[str, object]) -> Group:
    """The summary and the table of viewers of one status document."""
    status = cast(Json, document)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for number, title in enumerate(_COLUMNS):
        table.add_column(title, justify="left" if 0 < number < _LEFT_COLUMNS else "right", no_wrap=True)
    for viewer in status["viewers"]:
        table.add_row(*_row(viewer))
    return Group(*_summary(status), Text(), table if status["viewers"] else Text("No viewers"))


def _summary(status: Json) -> list[Text]:
    source, video, health = status["source"], status["video"], status["health"]
    picture = f"{video['width']}x{video['height']}" if video else "no picture yet"
    restarts = sum(source["restarts"].values())
    lines = [
        Text(f"vstream {status['version']}, up {_duration(status['uptime_s'])}, port {status['rtsp']['port']}"),
        Text(
            f"{source['name']}: {picture}, {source['fps']:.1f} frames/s, {source['bitrate_bps'] / 1e6:.2f} Mbit/s, "
            f"{restarts} restarts"
        ),
    ]
    for what in ("live", "ready"):
        verdict = health[what]
        lines.append(Text(f"{what}: {verdict['reason']}", style="" if verdict["ok"] else "bold red"))
    return lines


def _row(viewer: Json) -> list[str]:
    return [
        str(viewer["viewer"]),
        viewer["address"],
        viewer["transport"] + ("" if viewer["playing"] else " (paused)"),
        _duration(viewer["seconds"]),
        f"{viewer['bitrate_bps'] / 1e6:.2f}",
        _known(viewer["loss"], 100),
        _known(viewer["jitter_s"], 1000),
        _known(viewer["round_trip_s"], 1000),
        str(viewer["frames_dropped"]),
    ]


def _known(value: float | None, factor: int) -> str:
    return "-" if value is None else f"{value * factor:.1f}"


def _duration(seconds: float) -> str:
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    return f"{days}d " * bool(days) + f"{hour:02}:{minute:02}:{second:02}"
