"""The overlays as kubectl renders them, and the parts of them that tests look at."""

import functools
import json
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from vstream.config.settings import SETTINGS

Manifest = Mapping[str, Any]

ROOT = Path(__file__).parents[2]
K8S = ROOT / "k8s"
OVERLAYS = ("development", "production", "fleet")
COMPONENTS = ("auth", "host-network", "privileged", "software-encoder", "tls")
STREAMER = "video-streamer"
CONFIG = "video-streamer-config"
SECRET = "video-streamer-auth"
ENVIRONMENT_NAMES = frozenset(setting.environment for setting in SETTINGS)

_FIRST_WITH_COMPONENTS = 21


def _kustomize() -> list[str]:
    """The command that renders a folder; empty where this machine has none."""
    if shutil.which("kustomize"):
        return ["kustomize", "build"]
    if shutil.which("kubectl"):
        answer = subprocess.run(
            ["kubectl", "version", "--client", "--output=json"], capture_output=True, text=True, check=True
        )
        minor = json.loads(answer.stdout)["clientVersion"]["minor"]
        if int(minor.rstrip("+")) >= _FIRST_WITH_COMPONENTS:
            return ["kubectl", "kustomize"]
    return []


KUSTOMIZE = _kustomize()
needs_kustomize = pytest.mark.skipif(
    not KUSTOMIZE,
    reason="no kustomize, and no kubectl 1.21 or newer (Debian 12 has 1.20: its kustomize knows no components)",
)


@functools.cache
def render(folder: Path) -> Sequence[Manifest]:
    """Every object that a folder under k8s/ gives."""
    done = subprocess.run([*KUSTOMIZE, str(folder)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return list(yaml.safe_load_all(done.stdout))


def overlay(name: str) -> Sequence[Manifest]:
    return render(K8S / "overlays" / name)


def with_component(name: str, folder: Path, on: str = "development") -> Sequence[Manifest]:
    """An overlay and one component more; `folder` is where to write what that takes."""
    link = folder / "k8s"
    if not link.exists():
        shutil.copytree(K8S, link)
    trial = link / "trial" / f"{on}-{name}"
    trial.mkdir(parents=True)
    content = {"resources": [f"../../overlays/{on}"], "components": [f"../../components/{name}"]}
    (trial / "kustomization.yaml").write_text(yaml.safe_dump(content))
    return render(trial)


def find(manifests: Sequence[Manifest], kind: str, name: str = STREAMER) -> Manifest:
    found = [manifest for manifest in manifests if (manifest["kind"], manifest["metadata"]["name"]) == (kind, name)]
    assert len(found) == 1, f"{len(found)} objects are {kind} {name}"
    return found[0]


def workload(manifests: Sequence[Manifest]) -> Manifest:
    """The Deployment or DaemonSet that runs the streamer."""
    kinds = {manifest["kind"] for manifest in manifests}
    return find(manifests, "Deployment" if "Deployment" in kinds else "DaemonSet")


def pod(manifests: Sequence[Manifest]) -> Manifest:
    spec: Manifest = workload(manifests)["spec"]["template"]["spec"]
    return spec


def container(manifests: Sequence[Manifest]) -> Manifest:
    (only,) = pod(manifests)["containers"]
    found: Manifest = only
    return found


def example_secret() -> Mapping[str, str]:
    manifest = yaml.safe_load((K8S / "components/auth/secret.example.yaml").read_text())
    assert manifest["metadata"]["name"] == SECRET
    content: Mapping[str, str] = manifest["stringData"]
    return content


def environment(manifests: Sequence[Manifest]) -> dict[str, str]:
    """What the kubelet would put into the container's environment."""
    values: dict[str, str] = {}
    streamer = container(manifests)
    for source in streamer["envFrom"]:
        values |= find(manifests, "ConfigMap", source["configMapRef"]["name"])["data"]
    for variable in streamer.get("env", ()):
        reference = variable["valueFrom"]["secretKeyRef"]
        assert reference["name"] == SECRET
        values[variable["name"]] = example_secret()[reference["key"]]
    return values


def ports(manifests: Sequence[Manifest]) -> Mapping[str, tuple[int, str]]:
    """Number and protocol of each of the container's ports, by name."""
    return {port["name"]: (port["containerPort"], port["protocol"]) for port in container(manifests)["ports"]}


def probes(manifests: Sequence[Manifest]) -> Mapping[str, tuple[int, str]]:
    """Port and path of each probe, by the field it stands in."""
    streamer, numbers = container(manifests), ports(manifests)
    kinds = ("startupProbe", "livenessProbe", "readinessProbe")
    return {kind: (numbers[streamer[kind]["httpGet"]["port"]][0], streamer[kind]["httpGet"]["path"]) for kind in kinds}
