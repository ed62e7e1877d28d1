"""The pod security standard "restricted" of Kubernetes' documentation, control by control, against what is rendered."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.k8s.manifests import (
    COMPONENTS,
    K8S,
    OVERLAYS,
    Manifest,
    find,
    needs_kustomize,
    overlay,
    pod,
    render,
    with_component,
)

VOLUMES = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}
PRIVILEGES = {
    "host-network": {"hostNetwork", "hostPort"},
    "privileged": {"privileged", "allowPrivilegeEscalation", "capabilities", "hostPath"},
}

pytestmark = needs_kustomize


def violations(specification: Manifest) -> set[str]:
    """The fields of a pod's specification that "restricted" does not allow."""
    found = {field for field in ("hostNetwork", "hostPID", "hostIPC") if specification.get(field)}
    for volume in specification.get("volumes", ()):
        found |= volume.keys() - VOLUMES - {"name"}
    of_pod = specification.get("securityContext", {})
    for container in (*specification["containers"], *specification.get("initContainers", ())):
        found |= set(_of_container(container, of_pod))
    return found | {"sysctls"} if of_pod.get("sysctls") else found


def _of_container(container: Manifest, of_pod: Manifest) -> Iterator[str]:
    own = container.get("securityContext", {})
    context = {**of_pod, **own}
    if own.get("privileged"):
        yield "privileged"
    if own.get("allowPrivilegeEscalation") is not False:
        yield "allowPrivilegeEscalation"
    capabilities = own.get("capabilities", {})
    if capabilities.get("drop") != ["ALL"] or set(capabilities.get("add", ())) - {"NET_BIND_SERVICE"}:
        yield "capabilities"
    if context.get("runAsNonRoot") is not True:
        yield "runAsNonRoot"
    if context.get("runAsUser") == 0:
        yield "runAsUser"
    if context.get("seccompProfile", {}).get("type") not in {"RuntimeDefault", "Localhost"}:
        yield "seccompProfile"
    if own.get("procMount", "Default") != "Default":
        yield "procMount"
    if any(port.get("hostPort") for port in container.get("ports", ())):
        yield "hostPort"


def enforced(manifests: Sequence[Manifest]) -> str:
    level: str = find(manifests, "Namespace")["metadata"]["labels"]["pod-security.kubernetes.io/enforce"]
    return level


@pytest.mark.parametrize("name", ["development", "production"])
def test_overlays_are_restricted(name: str) -> None:
    assert violations(pod(overlay(name))) == set()
    assert enforced(overlay(name)) == "restricted"


def test_a_fleet_leaves_it_for_the_hosts_network_alone() -> None:
    assert violations(pod(overlay("fleet"))) == PRIVILEGES["host-network"]
    assert enforced(overlay("fleet")) == "privileged"


@pytest.mark.parametrize("name", COMPONENTS)
def test_a_component_leaves_it_only_as_its_comments_say(name: str, tmp_path: Path) -> None:
    manifests = with_component(name, tmp_path)
    found = violations(pod(manifests))
    assert found == PRIVILEGES.get(name, set())
    assert enforced(manifests) == ("privileged" if found else "restricted")
    if found:
        (namespace,) = [file for file in (K8S / "components" / name).iterdir() if file.name == "namespace.yaml"]
        comment = [line for line in namespace.read_text().splitlines() if line.strip().startswith("#")]
        assert any(word in " ".join(comment) for word in ("hostNetwork", "privileged")), comment


@pytest.mark.parametrize("name", OVERLAYS)
def test_nothing_but_a_tmp_in_memory_can_be_written(name: str) -> None:
    specification = pod(overlay(name))
    (container,) = specification["containers"]
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    writable = {mount["mountPath"] for mount in container["volumeMounts"] if not mount.get("readOnly")}
    assert writable == {"/tmp"}
    assert specification["automountServiceAccountToken"] is False


def test_the_device_plugin_has_root_and_its_directories_and_nothing_more() -> None:
    manifest = find(render(K8S / "device-plugin"), "DaemonSet", "camera-device-plugin")
    assert violations(manifest["spec"]["template"]["spec"]) == {"hostPath", "runAsNonRoot"}
