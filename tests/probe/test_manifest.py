"""The overlay that is printed for a Pi: kubectl renders it with k8s/, and it stays "restricted"."""

import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from tests.k8s.manifests import K8S, Manifest, container, environment, find, needs_kustomize, pod, render
from tests.k8s.test_pod_security import enforced, violations
from tests.probe.machines import laptop, node, pi4, pi5, subject, write
from vstream.errors import CameraError
from vstream.probe.manifest import overlay

Make = Callable[[Path], None]


def rendered(tmp_path: Path, make: Make, **settings: str) -> Sequence[Manifest]:
    """What kubectl makes of k8s/ with the overlay printed on a machine."""
    made = subject(tmp_path / "machine", make, given=settings)
    shutil.copytree(K8S, tmp_path / "k8s")
    folder = tmp_path / "k8s/overlays/this-pi"
    folder.mkdir()
    (folder / "kustomization.yaml").write_text(overlay(made.settings, made.machine))
    return render(folder)


def offered(manifests: Sequence[Manifest]) -> list[dict[str, object]]:
    """The paths that the device plugin hands to the pod."""
    plugin = find(manifests, "DaemonSet", "camera-device-plugin")["spec"]["template"]["spec"]["containers"][0]
    flag, text = plugin["args"]
    described = yaml.safe_load(text)
    assert (flag, described["name"]) == ("--device", "camera")
    (group,) = described["groups"]
    paths: list[dict[str, object]] = group["paths"]
    return paths


@needs_kustomize
@pytest.mark.parametrize("make", [pi4, pi5])
def test_it_renders_and_fits_kubernetes_schemas(make: Make, tmp_path: Path) -> None:
    for manifest in rendered(tmp_path, make):
        kubernetes_validate.validate(manifest, kubernetes_validate.latest_version(), strict=True)


@needs_kustomize
def test_it_stays_restricted_with_the_group_of_the_device_files(tmp_path: Path) -> None:
    manifests = rendered(tmp_path, pi4)
    assert (violations(pod(manifests)), enforced(manifests)) == (set(), "restricted")
    assert pod(manifests)["securityContext"]["supplementalGroups"] == [os.getegid() or 44]
    assert container(manifests)["resources"]["limits"]["squat.ai/camera"] == 1


@needs_kustomize
def test_the_plugin_hands_out_what_is_there_and_no_more(tmp_path: Path) -> None:
    def make(root: Path) -> None:
        pi5(root)
        node(root, "video2", "uvcvideo: a webcam")

    paths = offered(rendered(tmp_path, make))
    assert {path["path"] for path in paths if path.get("type") != "Mount"} == {
        "/dev/media0",
        "/dev/media1",
        "/dev/video0",
        "/dev/video4",
        "/dev/video20",
        "/dev/v4l-subdev0",
        "/dev/dma_heap/linux,cma",
        "/dev/dma_heap/vidbuf_cached",
    }
    assert [path for path in paths if path.get("type") == "Mount"] == [
        {"path": "/run/udev", "type": "Mount", "readOnly": True}
    ]


@needs_kustomize
@pytest.mark.parametrize(
    ("make", "encoder", "memory"), [(pi4, "auto", "200Mi"), (pi5, "auto", "400Mi"), (pi4, "x264", "400Mi")]
)
def test_an_encoder_in_software_gets_what_it_takes(make: Make, encoder: str, memory: str, tmp_path: Path) -> None:
    manifests = rendered(tmp_path, make, h264_encoder=encoder)
    assert container(manifests)["resources"]["limits"]["memory"] == memory


@needs_kustomize
def test_plugin_and_streamer_stay_on_this_node(tmp_path: Path) -> None:
    manifests = rendered(tmp_path, pi4)
    plugin = find(manifests, "DaemonSet", "camera-device-plugin")["spec"]["template"]["spec"]
    for specification in (pod(manifests), plugin):
        assert specification["nodeSelector"] == {"camera": "true", "kubernetes.io/hostname": "pi-4"}


def test_a_comment_beside_the_hosts_name_is_no_part_of_it(tmp_path: Path) -> None:
    made = subject(tmp_path, pi4)
    write(tmp_path, {"/etc/hostname": "# set by cloud-init\n\nPi-4\n"})
    printed = overlay(made.settings, made.machine)
    assert yaml.safe_load(printed)["kind"] == "Kustomization"
    assert 'kubernetes.io/hostname: "pi-4"' in printed


@needs_kustomize
def test_what_was_set_is_set_there(tmp_path: Path) -> None:
    chosen = {"stream_width": "1280", "stream_height": "720", "camera_hflip": "true", "rtsp_port": "9000"}
    manifests = rendered(tmp_path, pi4, camera_controls="AwbMode=Daylight, Brightness=0.1", **chosen)
    values = environment(manifests)
    assert (values["STREAM_WIDTH"], values["STREAM_HEIGHT"], values["CAMERA_HFLIP"]) == ("1280", "720", "true")
    assert values["CAMERA_CONTROLS"] == "AwbMode=Daylight, Brightness=0.1"
    assert (values["RTSP_PORT"], values["STREAM_SOURCE"]) == ("8554", "camera")


@needs_kustomize
def test_a_password_comes_from_the_secret_and_is_not_printed(tmp_path: Path) -> None:
    settings = {"rtsp_auth": "true", "rtsp_username": "me", "rtsp_password": "correct horse"}
    manifests = rendered(tmp_path, pi4, **settings)
    assert environment(manifests)["RTSP_USERNAME"] == "viewer"
    assert "correct horse" not in (tmp_path / "k8s/overlays/this-pi/kustomization.yaml").read_text()


def test_without_a_camera_there_is_nothing_to_print(tmp_path: Path) -> None:
    made = subject(tmp_path, laptop)
    with pytest.raises(CameraError, match="/dev/media"):
        overlay(made.settings, made.machine)
