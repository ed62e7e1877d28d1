"""The order of the checks, and what one that hangs or breaks costs the others: nothing but time that is bounded."""

import threading
import time
from pathlib import Path

import pytest

from tests.probe.machines import laptop, subject
from vstream.probe import run as probing
from vstream.probe.finding import Finding, ok
from vstream.probe.log_lines import LogLines
from vstream.probe.run import Check, Checked
from vstream.probe.subject import Subject

never = threading.Event()


def fine(_: Subject) -> Finding:
    return ok("all is well")


def broken(_: Subject) -> Finding:
    raise ValueError("a digit is missing")


def hanging(_: Subject) -> Finding:
    never.wait()
    return ok("at last")


def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, checks: dict[str, Check]) -> dict[str, Finding]:
    monkeypatch.setattr(probing, "OF_THE_MACHINE", checks)
    made = subject(tmp_path, laptop, "-")
    told: list[str] = []
    checked: list[Checked] = probing.run(made, LogLines(), told.append)
    assert told == ["the machine", "the camera", "the stream"]
    return {one.name: one.finding for one in checked}


def test_a_check_that_breaks_is_a_failure_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = results(tmp_path, monkeypatch, {"board": broken, "system": fine})
    assert found["board"].seen == "the check itself failed: ValueError: a digit is missing"
    assert (found["board"].status, found["system"].status) == ("failure", "ok")


def test_a_check_that_hangs_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = results(tmp_path, monkeypatch, {"board": hanging, "system": fine})
    assert (found["board"].status, found["system"].status) == ("failure", "ok")
    assert "no answer within 2 s" in found["board"].seen


def test_many_that_hang_do_not_add_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun_s = time.monotonic()
    found = results(tmp_path, monkeypatch, {f"check {number}": hanging for number in range(20)})
    assert time.monotonic() - begun_s < 30
    statuses = [found[f"check {number}"].status for number in range(20)]
    assert (statuses[0], statuses[-1]) == ("failure", "skipped")


def test_a_source_that_breaks_in_an_unforeseen_way_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr(probing, "run_trial", fail)
    made = subject(tmp_path, laptop, "test")
    checked = {one.name: one.finding for one in probing.run(made, LogLines(), lambda _: None)}
    assert (checked["encoder"].status, checked["encoder"].seen) == ("failure", "ZeroDivisionError: division by zero")
