"""Alerts and dashboard: promtool's verdict, and that they ask only for what a running server exports."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.e2e.operating import Operator
from tests.e2e.server import serving
from tests.e2e.viewer import Viewer
from tests.k8s.manifests import K8S, ROOT, find, needs_kustomize, overlay, render

MONITORING = K8S / "monitoring"
ALERTS = MONITORING / "alerts.yaml"
# What Prometheus itself adds to a scrape.
SCRAPED = {"up": {"job", "instance", "namespace"}}
TARGET_LABELS = {"job", "instance", "namespace", "le"}

_METRIC = re.compile(r"\b(?:video_streamer|process)_[a-z_]+\b|\bup\b")
_SELECTOR = re.compile(r"([a-z_]+)\{([^}]*)\}")
_GROUPED = re.compile(r"by \(([^)]*)\)")

needs_promtool = pytest.mark.skipif(not shutil.which("promtool"), reason="no promtool")


def rules() -> list[Mapping[str, Any]]:
    (group,) = yaml.safe_load(ALERTS.read_text())["groups"]
    found: list[Mapping[str, Any]] = group["rules"]
    return found


def dashboard() -> Mapping[str, Any]:
    found: Mapping[str, Any] = json.loads((MONITORING / "dashboard.json").read_text())
    return found


def expressions() -> Iterator[str]:
    """Every PromQL expression of alerts and dashboard."""
    for rule in rules():
        yield rule["expr"]
    for panel in dashboard()["panels"]:
        yield from (target["expr"] for target in panel.get("targets", ()))
    yield from (annotation["expr"] for annotation in dashboard()["annotations"]["list"])
    for variable in dashboard()["templating"]["list"]:
        if variable["type"] == "query":
            yield variable["query"]["query"]


@pytest.fixture(scope="module")
def exported() -> Mapping[str, set[str]]:
    """Labels of each sample that a server with a viewer exports; of a family without samples its name alone."""
    operator = Operator()
    labels: dict[str, set[str]] = {}
    small = ("--width", "320", "--height", "240")
    with serving("test", *small, *operator.flags) as server, Viewer(server.url).play("udp"):
        for family in text_string_to_metric_families(operator.get("/metrics")[1]):
            labels.setdefault(family.name + ("_total" if family.type == "counter" else ""), set())
            for sample in family.samples:
                labels.setdefault(sample.name, set()).update(sample.labels)
    return labels


@needs_promtool
def test_promtool_accepts_the_rules() -> None:
    run("promtool", "check", "rules", str(ALERTS))


@needs_promtool
def test_alerts_fire_when_they_should_and_not_before() -> None:
    run("promtool", "test", "rules", str(MONITORING / "alerts-test.yaml"))


def test_each_alert_is_tested() -> None:
    tests = yaml.safe_load((MONITORING / "alerts-test.yaml").read_text())["tests"]
    checks = [check for test in tests for check in test["alert_rule_test"]]
    fires = {check["alertname"] for check in checks if check.get("exp_alerts")}
    rests = {check["alertname"] for check in checks if not check.get("exp_alerts")}
    assert fires == rests == {rule["alert"] for rule in rules()}


@needs_promtool
def test_the_dashboards_expressions_are_promql(tmp_path: Path) -> None:
    asked = [text for text in expressions() if not text.startswith("label_values(")]
    group = {"name": "all", "rules": [{"record": f"a:{n}", "expr": text} for n, text in enumerate(asked)]}
    file = tmp_path / "rules.yaml"
    file.write_text(yaml.safe_dump({"groups": [group]}))
    run("promtool", "check", "rules", str(file))


def test_the_operator_gets_the_same_rules() -> None:
    rule = yaml.safe_load((MONITORING / "prometheusrule.yaml").read_text())
    assert rule["spec"] == yaml.safe_load(ALERTS.read_text())


def test_only_metrics_that_a_server_exports_are_asked_for(exported: Mapping[str, set[str]]) -> None:
    names = {name for text in expressions() for name in _METRIC.findall(re.sub(r"\{[^}]*\}|by \([^)]*\)", "", text))}
    assert names - exported.keys() - SCRAPED.keys() == set()
    own = {name for name in exported if name.startswith("video_streamer_") and not name.endswith(("_created", "_sum"))}
    unseen = {name for name in own if not any(name.removesuffix("_count") in asked for asked in names)}
    assert unseen == set(), "the dashboard shows none of these"


def test_only_labels_that_a_metric_has_are_asked_for(exported: Mapping[str, set[str]]) -> None:
    known = dict(exported) | SCRAPED
    for text in expressions():
        for name, selector in _SELECTOR.findall(text):
            asked = set(re.findall(r"([a-z_]+)\s*=~?", selector))
            assert asked - TARGET_LABELS <= known[name], text
        for grouping in _GROUPED.findall(text):
            (name,) = set(_METRIC.findall(re.sub(r"\{[^}]*\}|by \([^)]*\)", "", text)))
            empty = name.endswith("requests_refused_total") and not known[name]
            assert empty or {label.strip() for label in grouping.split(",")} - TARGET_LABELS <= known[name], text


def test_each_alert_leads_to_a_section_that_exists() -> None:
    for rule in rules():
        file, _, anchor = rule["annotations"]["runbook"].partition("#")
        headings = re.findall(r"^#+ (.+)$", (ROOT / file).read_text(), re.MULTILINE)
        assert anchor in {re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_panels_have_numbers_of_their_own_and_do_not_overlap() -> None:
    panels = dashboard()["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    cells = [
        (x, y)
        for place in (panel["gridPos"] for panel in panels)
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) == 23


@needs_kustomize
def test_the_monitor_finds_the_service() -> None:
    manifests = render(MONITORING)
    monitor = find(manifests, "ServiceMonitor")["spec"]
    service = find(overlay("production"), "Service")
    assert monitor["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    (endpoint,) = monitor["endpoints"]
    assert endpoint["port"] in {port["name"] for port in service["spec"]["ports"]}
    shown = find(manifests, "ConfigMap", "video-streamer-dashboard")["data"]["dashboard.json"]
    assert json.loads(shown) == dashboard()


def run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
