"""`vstream probe`: runs the checks and gives the report in the form that was asked for."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path

from vstream.config import Settings
from vstream.errors import ConfigError
from vstream.probe import bundle, report
from vstream.probe.finding import failure
from vstream.probe.log_lines import LogLines, keep_log
from vstream.probe.machine import Machine
from vstream.probe.run import Checked, run
from vstream.probe.subject import Subject


def probe(settings: Settings, *, json: bool, snapshot: Path | None, bundle_file: Path | None) -> int:
    """Look at everything and print the report; gives the exit code: 0, 1 with warnings, 2 with failures."""
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # names and signs that the terminal's encoding lacks
    log = keep_log()
    subject = Subject(settings, Machine(), snapshot)
    with _progress() as progress:
        checked = run(subject, log, progress)
        if bundle_file is not None:
            progress("what to put into the bundle")
            checked += _bundle(bundle_file, subject, checked, log)
    if json:
        print(report.json(subject, checked))
    else:
        from vstream.probe import view

        view.show(checked)
        if bundle_file is not None and checked[-1].name != "bundle":
            print(f"All of it, with logs, is in {bundle_file}")
    return report.exit_code(checked)


def _bundle(file: Path, subject: Subject, checked: list[Checked], log: LogLines) -> list[Checked]:
    """Write the bundle; gives a finding where that failed."""
    from vstream.probe import view

    texts = {"report.json": report.json(subject, checked), "report.txt": view.text(checked)}
    try:
        bundle.write(file, texts, log.lines, subject.settings, subject.machine)
    except OSError as error:
        told = failure(f"{file} cannot be written: {error.strerror}", "name a file in a folder that can be written to")
        return [Checked("bundle", told, 0.0)]
    return []


def print_manifest(settings: Settings, *others: object) -> int:
    """Print the overlay for this Pi; `others` are the outputs that cannot be had beside it.

    Raises:
        CameraError: there are no camera device files here.
        ConfigError: another output was asked for, too.
    """
    if any(others):
        raise ConfigError(["--manifest cannot be combined with --json, --snapshot or --bundle: give it alone"])
    from vstream.probe.manifest import overlay

    print(overlay(settings, Machine()), end="")
    return 0


@contextmanager
def _progress() -> Iterator[Callable[[str], None]]:
    """Says on a terminal what is being looked at, as that takes seconds."""
    if not sys.stderr.isatty():
        yield lambda what: None
        return
    from rich.console import Console

    with Console(stderr=True).status("Looking at the machine") as status:
        yield lambda what: status.update(f"Looking at {what}")
