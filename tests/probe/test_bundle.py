"""What goes into a bundle, and what must not."""

import json
import os
import stat
import tarfile
from pathlib import Path

import pytest

from tests.probe.machines import POD_ENVIRONMENT, pi4, pod, program, subject, write
from vstream.probe import bundle
from vstream.probe.kubernetes import pod_view
from vstream.probe.subject import Subject

PASSWORD = "correct horse battery"
REPORT = {"report.json": "{}", "report.txt": "a table"}


def members(file: Path) -> dict[str, str]:
    found = {}
    with tarfile.open(file) as archive:
        for entry in archive:
            content = archive.extractfile(entry)
            assert content is not None
            found[entry.name.removeprefix("vstream-probe/")] = content.read().decode()
    return found


def written(made: Subject, file: Path, *log: str) -> dict[str, str]:
    bundle.write(file, REPORT, log, made.settings, made.machine)
    return members(file)


def test_logs_settings_and_the_kernels_lines_are_in_it(tmp_path: Path) -> None:
    made = subject(tmp_path / "pi", pi4, stream_width="1280")
    program(tmp_path / "pi", "dmesg", "echo 'imx708 10-001a: camera module ID 0x0301'; echo 'eth0: link becomes ready'")
    program(tmp_path / "pi", "journalctl", "echo 'vstream: Pipeline crashed'")
    found = written(made, tmp_path / "b.tar.gz", "a line of the probe")
    assert json.loads(found["settings.json"])["STREAM_WIDTH"]["value"] == 1280
    assert found["dmesg.txt"] == "imx708 10-001a: camera module ID 0x0301\n"
    assert "Pipeline crashed" in found["service.log"]
    assert "a line of the probe" in found["probe.log"]
    assert "camera_auto_detect=1" in found["config.txt"]
    assert (found["report.json"], found["report.txt"]) == ("{}\n", "a table\n")


@pytest.mark.parametrize("in_file", [False, True])
def test_no_secret_is_in_it(in_file: bool, tmp_path: Path) -> None:
    (tmp_path / "password").write_text(PASSWORD)
    secret = {"rtsp_password_file": str(tmp_path / "password")} if in_file else {"rtsp_password": PASSWORD}
    made = subject(
        tmp_path / "pod", pod, environment=POD_ENVIRONMENT, rtsp_auth="true", rtsp_username="viewer", given=secret
    )
    program(tmp_path / "pod", "journalctl", f"echo 'opened rtsp://someone:hidden-words@10.0.0.7/video {PASSWORD}'")
    everything = "\n".join(written(made, tmp_path / "b.tar.gz", f"tried {PASSWORD}").values())
    for secret_text in (PASSWORD, "hidden-words", "TOKEN"):
        assert secret_text not in everything
    assert "opened rtsp://***@10.0.0.7/video" in everything


def test_a_password_with_an_at_sign_leaves_no_rest(tmp_path: Path) -> None:
    made = subject(tmp_path / "pi", pi4, rtsp_auth="true", rtsp_username="viewer", rtsp_password="be@rer of w@ter")
    log = "opened rtsp://viewer:be@rer of w@ter@10.0.0.7/video and rtsp://one:hid@den@10.0.0.8/"
    everything = "\n".join(written(made, tmp_path / "b.tar.gz", log).values())
    assert "opened rtsp://***" in everything
    assert not [part for part in ("rer", "w@ter", "hid", "den") if f"{part}@10" in everything]
    assert "rtsp://***@10.0.0.8/" in everything


def test_text_that_is_not_unicode_does_not_keep_it_from_being_written(tmp_path: Path) -> None:
    """As the name of a file from the command line, of which Python keeps the bytes that are not UTF-8 as surrogates."""
    made, file = subject(tmp_path / "pi", pi4), tmp_path / "b.tar.gz"
    found = written(made, file, os.fsdecode(b"no such file: vid\xe9o.h264"))
    assert found["probe.log"] == "no such file: vid\\udce9o.h264\n"


def test_a_folder_is_no_place_to_write_it_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made, folder = subject(tmp_path / "pi", pi4), tmp_path / "folder"
    folder.mkdir()
    monkeypatch.chdir(folder)
    with pytest.raises(OSError, match=r"'\.'$"):
        bundle.write(Path(), REPORT, (), made.settings, made.machine)
    assert list(folder.iterdir()) == []


def test_only_its_owner_may_read_it(tmp_path: Path) -> None:
    file = tmp_path / "b.tar.gz"
    written(subject(tmp_path / "pi", pi4), file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b.tar.gz", "pi"]


def test_a_kernels_log_that_cannot_be_read_is_told_of(tmp_path: Path) -> None:
    made = subject(tmp_path / "pi", pi4)
    program(tmp_path / "pi", "dmesg", "echo 'dmesg: read kernel buffer failed: Operation not permitted' >&2; exit 1")
    assert "sudo" in written(made, tmp_path / "b.tar.gz")["dmesg.txt"]


def test_what_a_pod_sees(tmp_path: Path) -> None:
    made = subject(tmp_path / "pod", pod, environment=POD_ENVIRONMENT)
    write(tmp_path / "pod", {"/dev/media0": "", "/dev/sda": ""})
    view = pod_view(made.machine)
    assert view["namespace"] == "video-streamer"
    assert view["environment"] == {"KUBERNETES_SERVICE_HOST": "10.43.0.1", "KUBERNETES_SERVICE_PORT": "443"}
    assert view["devices"] == ["/dev/media0"]
    assert view["mounts"] == [
        {"target": "/", "options": "ro,relatime", "type": "overlay"},
        {"target": "/tmp", "options": "rw,nosuid", "type": "tmpfs"},
    ]
    limits = view["limits"]
    assert isinstance(limits, dict)
    assert (limits["memory_max"], limits["cpu_max"]) == ("209715200", "100000 100000")


def test_outside_of_kubernetes_there_is_no_pod(tmp_path: Path) -> None:
    assert "kubernetes.json" not in written(subject(tmp_path / "pi", pi4), tmp_path / "b.tar.gz")
