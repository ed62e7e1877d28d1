"""The kustomize overlay that runs vstream without privileges on the very Pi that is probed."""

import re
from json import dumps
from pathlib import Path

from vstream.config.kinds import shown
from vstream.config.settings import SETTINGS, Settings
from vstream.errors import CameraError
from vstream.probe.checks.device_nodes import PATTERNS, UDEV
from vstream.probe.checks.dma_heap import PATTERN as HEAPS
from vstream.probe.machine import Machine

_VIDEO_GROUP = 44
# A decoder that nothing here uses, and cameras that libcamera's pipelines for the Pi do not take.
_USELESS = re.compile(r"hevc|rpivid|uvc", re.IGNORECASE)
_ENCODER = re.compile(r"codec-encode", re.IGNORECASE)
_BASE_SETS = re.compile(r"\w+_port|rtsp_username|rtsp_password_file|rtsp_tls_\w+|stream_source")


def overlay(settings: Settings, machine: Machine) -> str:
    """A kustomization.yaml for a folder under k8s/overlays.

    Raises:
        CameraError: there are no camera device files to hand to a pod.
    """
    files = [path for pattern in (*PATTERNS, HEAPS) for path in machine.find(pattern)]
    files = [path for path in files if not _USELESS.search(_name(machine, path))]
    if not any(path.name.startswith("media") for path in files):
        raise CameraError("no /dev/media* here, so a pod could not be given a camera; run this on the Pi itself")
    has_encoder = settings.h264_encoder != "x264" and any(_ENCODER.search(_name(machine, path)) for path in files)
    node = _node(machine)
    names, gids = [machine.name_of(path) for path in files], _gids(files)
    parts = [
        _introduction(machine, node, names, gids),
        _kustomization(settings, has_encoder),
        _streamer_patch(node, gids),
        _plugin_patch(node, names),
        _settings_patch(settings),
    ]
    return "".join(parts)


def _node(machine: Machine) -> str:
    """The host's name as kubelet gives it; hostname(5) allows comments beside it."""
    lines = (machine.text("/etc/hostname") or "").splitlines()
    return next((line.strip() for line in lines if line.strip() and not line.startswith("#")), "this-pi").lower()


def _name(machine: Machine, path: Path) -> str:
    """What the driver calls a device."""
    return machine.text(f"/sys/class/video4linux/{path.name}/name") or ""


def _gids(files: list[Path]) -> list[int]:
    """The groups that own the files; root's own is not handed to a pod."""
    return sorted({path.stat().st_gid for path in files} - {0}) or [_VIDEO_GROUP]


def _introduction(machine: Machine, node: str, names: list[str], gids: list[int]) -> str:
    devices = " ".join(f"--device={name}" for name in names)
    groups = " ".join(f"--group-add={gid}" for gid in gids)
    return f"""\
# vstream on {node} ({machine.model or "a machine of unknown make"}), without privileges. Save this as
# k8s/overlays/{node}/kustomization.yaml, then:
#   kubectl label node {node} camera=true
#   kubectl apply -k k8s/overlays/{node}
# A container by itself takes: {devices} {groups} --volume={UDEV}:{UDEV}:ro
"""


def _kustomization(settings: Settings, has_encoder: bool) -> str:
    components = ["auth"] if settings.rtsp_auth else []
    components += [] if has_encoder else ["software-encoder"]
    listed = "".join(f"  - ../../components/{name}\n" for name in components)
    return f"""\
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources:
  - ../../base
  # With the files of this Pi alone. Where k8s/device-plugin serves other nodes, too, leave this line and its patch out.
  - ../../device-plugin
{"components:" + chr(10) + listed if listed else ""}patches:
"""


def _streamer_patch(node: str, gids: list[int]) -> str:
    return f"""\
  - target:
      kind: Deployment
      name: video-streamer
    patch: |
      apiVersion: apps/v1
      kind: Deployment
      metadata:
        name: video-streamer
      spec:
        template:
          spec:
            nodeSelector:
              kubernetes.io/hostname: {dumps(node)}
            securityContext:
              supplementalGroups: {dumps(gids)}
"""


def _plugin_patch(node: str, names: list[str]) -> str:
    first, *others = [f"- {{path: {dumps(name)}}}" for name in names]
    # The numbers of the others may change from one start of the Pi to the next.
    listed = [first, *(f"{other[:-1]}, optional: true}}" for other in others)]
    paths = "".join(f"                        {line}\n" for line in listed)
    return f"""\
  - target:
      kind: DaemonSet
      name: camera-device-plugin
    patch: |
      apiVersion: apps/v1
      kind: DaemonSet
      metadata:
        name: camera-device-plugin
        namespace: kube-system
      spec:
        template:
          spec:
            nodeSelector:
              kubernetes.io/hostname: {dumps(node)}
            containers:
              - name: camera-device-plugin
                args:
                  - --device
                  - |
                    name: camera
                    groups:
                      - paths:
{paths}\
                        - {{path: {UDEV}, type: Mount, readOnly: true}}
"""


def _settings_patch(settings: Settings) -> str:
    """What was set for the probe, but for what the base has to decide (ports) and what a Secret holds."""
    given = {
        setting.environment: shown(getattr(settings, setting.name))
        for setting in SETTINGS
        if settings.given(setting.name) and not setting.is_secret and not _BASE_SETS.fullmatch(setting.name)
    }
    if not given:
        return ""
    lines = "".join(f"        {name}: {dumps(value)}\n" for name, value in given.items())
    return f"""\
  - target:
      kind: ConfigMap
      name: video-streamer-config
    patch: |
      apiVersion: v1
      kind: ConfigMap
      metadata:
        name: video-streamer-config
      data:
{lines}"""
