"""Each overlay renders, fits Kubernetes' schemas, and names only what exists."""

from collections.abc import Sequence
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from tests.k8s.manifests import (
    COMPONENTS,
    CONFIG,
    ENVIRONMENT_NAMES,
    K8S,
    OVERLAYS,
    SECRET,
    STREAMER,
    Manifest,
    container,
    environment,
    example_secret,
    find,
    needs_kustomize,
    overlay,
    pod,
    ports,
    render,
    with_component,
    workload,
)
from vstream import __version__
from vstream.config.load import load_settings

# Their schemas come with the operators that define them, not with Kubernetes.
CUSTOM_GROUPS = ("monitoring.coreos.com", "argoproj.io")
FOLDERS = [K8S / "overlays" / name for name in OVERLAYS] + [K8S / "device-plugin", K8S / "monitoring", K8S / "argocd"]

pytestmark = needs_kustomize
each_overlay = pytest.mark.parametrize("name", OVERLAYS)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_fits_kubernetes_schemas(folder: Path) -> None:
    check(render(folder))


@pytest.mark.parametrize("on", ["development", "fleet"])
@pytest.mark.parametrize("name", COMPONENTS)
def test_a_component_fits_kubernetes_schemas(name: str, on: str, tmp_path: Path) -> None:
    check(with_component(name, tmp_path, on))


@pytest.mark.parametrize("name", ["privileged", "software-encoder", "tls"])
def test_a_component_changes_the_pods_of_a_fleet(name: str, tmp_path: Path) -> None:
    """A patch whose target is not there does nothing, without a word."""
    assert pod(with_component(name, tmp_path, "fleet")) != pod(overlay("fleet"))


def check(manifests: Sequence[Manifest]) -> None:
    for manifest in manifests:
        if manifest["apiVersion"].split("/")[0] not in CUSTOM_GROUPS:
            kubernetes_validate.validate(manifest, kubernetes_validate.latest_version(), strict=True)


@each_overlay
def test_each_variable_is_a_setting_with_a_value_that_it_allows(name: str, tmp_path: Path) -> None:
    values = environment(overlay(name))
    assert values.keys() <= ENVIRONMENT_NAMES
    if "RTSP_PASSWORD_FILE" in values:
        (tmp_path / "password").write_text(example_secret()["RTSP_PASSWORD"])
        values["RTSP_PASSWORD_FILE"] = str(tmp_path / "password")
    assert not load_settings({}, values).warnings


@each_overlay
def test_names_and_ports_are_those_that_people_were_told(name: str) -> None:
    manifests = overlay(name)
    assert workload(manifests)["metadata"]["labels"] == {"app": STREAMER}
    assert workload(manifests)["spec"]["selector"] == {"matchLabels": {"app": STREAMER}}
    assert pod(manifests)["nodeSelector"] == {"camera": "true"}
    assert find(manifests, "ConfigMap", CONFIG)
    service = find(manifests, "Service")["spec"]
    assert service["selector"] == {"app": STREAMER}
    assert {(port["port"], port["protocol"]) for port in service["ports"]} == {
        (8554, "TCP"),
        (8000, "UDP"),
        (8001, "UDP"),
        (9090, "TCP"),
    }
    for port in service["ports"]:
        assert ports(manifests)[port["targetPort"]] == (port["port"], port["protocol"])


@each_overlay
def test_the_container_gets_what_a_pi_can_spare(name: str) -> None:
    resources = container(overlay(name))["resources"]
    assert resources["requests"] == {"memory": "100Mi", "cpu": "100m"}
    assert resources["limits"] == {"memory": "200Mi", "cpu": "1000m", "squat.ai/camera": 1}


@pytest.mark.parametrize("name", ["development", "production"])
def test_one_pod_that_ends_before_the_next_begins(name: str) -> None:
    specification = workload(overlay(name))["spec"]
    assert (specification["replicas"], specification["strategy"]) == (1, {"type": "Recreate"})


def test_a_fleet_runs_one_on_each_node() -> None:
    manifests = overlay("fleet")
    assert workload(manifests)["kind"] == "DaemonSet"
    assert pod(manifests)["hostNetwork"] is True
    assert "PodDisruptionBudget" not in {manifest["kind"] for manifest in manifests}


@each_overlay
def test_the_grace_period_outlasts_the_shutdown(name: str) -> None:
    manifests = overlay(name)
    assert pod(manifests)["terminationGracePeriodSeconds"] > float(environment(manifests)["SHUTDOWN_GRACE_S"]) + 1


def test_video_is_what_each_overlay_promises() -> None:
    wanted = {"development": ("1280", "720", "15", "baseline"), "production": ("1920", "1080", "30", "main")}
    names = ("STREAM_WIDTH", "STREAM_HEIGHT", "STREAM_FPS", "H264_PROFILE")
    for name, video in wanted.items():
        assert tuple(environment(overlay(name))[key] for key in names) == video
    assert environment(overlay("production"))["H264_LEVEL"] == "4.1"


@pytest.mark.parametrize("name", ["production", "fleet"])
def test_the_password_is_a_file_of_the_secret(name: str) -> None:
    manifests = overlay(name)
    values = environment(manifests)
    assert set(example_secret()) == {"RTSP_USERNAME", "RTSP_PASSWORD"}
    assert (values["RTSP_AUTH"], "RTSP_PASSWORD" in values) == ("true", False)
    (volume,) = [volume for volume in pod(manifests)["volumes"] if "secret" in volume]
    (mount,) = [mount for mount in container(manifests)["volumeMounts"] if mount["name"] == volume["name"]]
    assert volume["secret"]["secretName"] == SECRET
    files = [f"{mount['mountPath']}/{item['path']}" for item in volume["secret"]["items"]]
    assert files == [values["RTSP_PASSWORD_FILE"]]
    assert pod(manifests)["securityContext"]["fsGroup"] == pod(manifests)["securityContext"]["runAsGroup"]


def test_tls_is_reached_wherever_rtsp_is(tmp_path: Path) -> None:
    manifests = with_component("tls", tmp_path)
    assert ports(manifests)["rtsps"] == (8322, "TCP")
    (port,) = [port for port in find(manifests, "Service")["spec"]["ports"] if port["name"] == "rtsps"]
    assert (port["port"], port["targetPort"]) == (8322, "rtsps")
    assert len(find(manifests, "Service")["spec"]["ports"]) == 5
    viewers, monitoring = find(manifests, "NetworkPolicy")["spec"]["ingress"]
    assert [port["port"] for port in viewers["ports"]] == ["rtsp", "rtp", "rtcp", "rtsps"]
    assert [port["port"] for port in monitoring["ports"]] == ["metrics"]


def test_the_certificate_is_as_cert_manager_names_it(tmp_path: Path) -> None:
    manifests = with_component("tls", tmp_path)
    (volume,) = [volume for volume in pod(manifests)["volumes"] if "secret" in volume]
    (mount,) = [mount for mount in container(manifests)["volumeMounts"] if mount["name"] == volume["name"]]
    assert (volume["secret"]["secretName"], mount["readOnly"]) == ("video-streamer-tls", True)
    values = environment(manifests)
    files = [f"{mount['mountPath']}/{key}" for key in ("tls.crt", "tls.key")]
    assert [values["RTSP_TLS_CERT"], values["RTSP_TLS_KEY"]] == files
    assert pod(manifests)["securityContext"]["fsGroup"] == pod(manifests)["securityContext"]["runAsGroup"]


@each_overlay
def test_no_overlay_makes_a_secret(name: str) -> None:
    assert "Secret" not in {manifest["kind"] for manifest in overlay(name)}


@each_overlay
def test_the_image_is_of_this_version(name: str) -> None:
    assert container(overlay(name))["image"] == f"vstream:{__version__}"


@each_overlay
def test_rtsp_is_for_the_private_network_and_metrics_are_for_monitoring(name: str) -> None:
    manifests = overlay(name)
    policy = find(manifests, "NetworkPolicy")["spec"]
    allowed = {
        str(source): {(ports(manifests)[port["port"]]) for port in rule["ports"]}
        for rule in policy["ingress"]
        for source in rule["from"]
    }
    monitoring = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}
    assert allowed == {
        str({"ipBlock": {"cidr": "10.0.0.0/8"}}): {(8554, "TCP"), (8000, "UDP"), (8001, "UDP")},
        str(monitoring): {(9090, "TCP")},
    }


def test_the_pod_asks_for_what_the_device_plugin_offers() -> None:
    plugin = find(render(K8S / "device-plugin"), "DaemonSet", "camera-device-plugin")["spec"]["template"]["spec"]
    flag, text = plugin["containers"][0]["args"]
    offered = yaml.safe_load(text)
    assert (flag, f"squat.ai/{offered['name']}") == ("--device", "squat.ai/camera")
    (group,) = offered["groups"]
    paths = [path["path"] for path in group["paths"]]
    assert len(paths) == len(set(paths))
    # A pattern would make one device of each of its matches.
    assert not [path for path in paths if set(path) & set("*?[")]
    assert {path["path"] for path in group["paths"] if not path.get("optional")} == {"/dev/media0", "/run/udev"}
    assert "/dev/video11" in paths
    assert plugin["nodeSelector"] == pod(overlay("production"))["nodeSelector"]


def test_argocd_finds_what_it_is_pointed_at() -> None:
    for application in render(K8S / "argocd"):
        assert (K8S.parent / application["spec"]["source"]["path"] / "kustomization.yaml").exists()
