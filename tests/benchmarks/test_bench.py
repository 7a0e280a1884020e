"""The whole command, so short that its figures mean nothing: every operation, every limit, every proof."""

import json
import tempfile
import xml.etree.ElementTree as ET
from itertools import pairwise
from pathlib import Path

import pytest

from benchmarks.run import OPERATIONS
from tests.processes import run_benchmarks

RATES = (
    "hold", "hold_hot", "hold_hot_slow_disk", "confirm", "scan", "express", "search", "calendar", "calendar_line", "discover",
)  # fmt: skip


@pytest.fixture
def folder():
    """Not `tmp_path`: pytest deletes that of a run which is no longer among the latest three on the machine."""
    with tempfile.TemporaryDirectory(prefix="booking-bench-test-") as name:
        yield Path(name)


def figures_of(folder: Path, *arguments: str) -> dict:
    figures, chart = folder / "figures.json", folder / "chart.svg"
    done = run_benchmarks(
        *arguments, "--quick", "--rounds", "1", "--seconds", "0.3", "--json", str(figures), "--chart", str(chart),
        "--data-dir", str(folder),
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    ET.fromstring(chart.read_text())
    assert sorted(path.name for path in folder.iterdir()) == ["chart.svg", "figures.json"]
    return json.loads(figures.read_text())


def test_every_operation_is_measured_and_proven(folder):
    names = [name for name in OPERATIONS if name not in {"workers", "growth"}]
    report = figures_of(folder, *names, "--slots", "3000", "--connections", "16")
    results = {result["op"]: result for result in report["results"]}
    assert list(results) == names
    for name, result in results.items():
        assert result.get("exact", True), f"{name}: {result.get('problems')}"
    for name in RATES:
        assert results[name]["ours_per_s"] > 0
        assert results[name]["limit_per_s"] > 0
        assert results[name]["ratio"] > 0
        assert results[name]["p50_ms"] <= results[name]["p99_ms"]
    assert results["flash_sale"]["facts"]["sold"] == [300]
    assert results["flash_sale"]["facts"]["refused"] == [700]
    assert results["memory"]["facts"]["resident_mb"] > 0
    assert report["machine"]["cores"] >= 1
    assert report["settings"]["fsync"] == report["settings"]["synchronous_commit"] == "on"


def test_growth_compares_a_small_database_with_a_growing_one(folder):
    report = figures_of(folder, "growth", "--bookings", "20000", "--connections", "8")
    results = report["results"]
    assert [result["op"] for result in results] == ["growth_hold_20k", "growth_confirm_20k", "growth_scan_20k"]
    for result in results:
        assert result.get("exact", True), result.get("problems")
        assert result["facts"]["bookings"] == 20_000
        assert result["facts"]["compared_with_bookings"] == 10_000
    assert all(a["facts"]["database_gb"] <= b["facts"]["database_gb"] for a, b in pairwise(results))
