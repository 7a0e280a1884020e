"""Health, readiness and metrics."""

import re
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import httpx
import msgspec
from litestar import Litestar

from booking_api.app import open_runtime
from booking_api.core.db.queries import beat
from booking_api.core.runtime import Runtime


async def test_a_process_that_runs_is_healthy(api: httpx.AsyncClient) -> None:
    answer = await api.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    assert answer.headers["cache-control"] == "no-store"


async def test_a_missing_worker_is_reported_but_does_not_make_it_unready(api: httpx.AsyncClient) -> None:
    answer = await api.get("/readyz")
    assert answer.status_code == 200
    assert answer.json()["workers"] == 0
    assert any("No worker" in warning for warning in answer.json()["warnings"])


async def test_a_worker_that_lives_is_counted(api: httpx.AsyncClient, runtime: Runtime) -> None:
    now = datetime.now(UTC)
    async with runtime.pool.acquire() as db:
        await beat(db, uuid4(), now, now - timedelta(days=1))
        await beat(db, uuid4(), now - timedelta(seconds=60), now - timedelta(days=1))
    assert (await api.get("/readyz")).json() == {"status": "ready", "workers": 1}


async def test_a_backlog_is_reported(api: httpx.AsyncClient, runtime: Runtime) -> None:
    published = datetime.now(UTC) - timedelta(minutes=5)
    async with runtime.pool.acquire() as db:
        await db.execute(
            "insert into event (org_id, id, type, subject_id, data, created_at) values ($1, $1, 'x', $1, '{}', $2)",
            uuid4(), published,
        )  # fmt: skip
    answer = (await api.get("/readyz")).json()
    assert datetime.fromisoformat(answer["oldest_waiting_event_at"]) == published
    assert len(answer["warnings"]) == 2
    text = (await api.get("/metrics")).text
    line = next(line for line in text.splitlines() if line.startswith("booking_api_oldest_waiting_event_seconds "))
    assert float(line.rpartition(" ")[2]) >= 300


async def test_an_old_schema_is_not_ready(api: httpx.AsyncClient, runtime: Runtime) -> None:
    async with runtime.pool.acquire() as db:
        await db.execute("delete from schema_migrations where version = (select max(version) from schema_migrations)")
    answer = await api.get("/readyz")
    assert answer.status_code == 503
    assert "booking-api migrate" in answer.json()["detail"]
    async with runtime.pool.acquire() as db:
        await db.execute("drop table schema_migrations")
    assert (await api.get("/readyz")).status_code == 503


async def test_without_a_database_it_is_unready_but_healthy(app: Litestar, runtime: Runtime) -> None:
    gone = msgspec.structs.replace(runtime.settings, pool_wait_seconds=0.3, pool_size=1)
    async with open_runtime(gone) as cut:
        app.state.runtime = cut
        taken = await cut.pool.acquire()  # Nothing is left for anybody else.
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://testserver") as client:
            unready = await client.get("/readyz")
            assert (unready.status_code, unready.json()["code"]) == (503, "overloaded")
            assert unready.headers["content-type"] == "application/problem+json"
            assert (await client.get("/healthz")).status_code == 200
            metrics = await client.get("/metrics")
            assert metrics.status_code == 200
            assert "booking_api_database_up 0.0" in metrics.text
        await cut.pool.release(taken)


async def test_metrics_are_in_the_format_of_prometheus(api: httpx.AsyncClient) -> None:
    await api.get("/healthz")
    answer = await api.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert "booking_api_requests_total{" in answer.text
    for name in ("database_up 1.0", "workers 0.0", "jobs_queued 0.0", "jobs_running 0.0", "jobs_failed 0.0"):
        assert f"booking_api_{name}" in answer.text


OF_THE_INSTALLATION = """\
# HELP booking_api_database_up Whether the database answers.
# TYPE booking_api_database_up gauge
booking_api_database_up 1.0
# HELP booking_api_workers Worker processes seen in the last 15 seconds.
# TYPE booking_api_workers gauge
booking_api_workers 2.0
# HELP booking_api_oldest_waiting_event_seconds Age of the oldest event that no worker has relayed.
# TYPE booking_api_oldest_waiting_event_seconds gauge
booking_api_oldest_waiting_event_seconds 0.0
# HELP booking_api_jobs_queued Jobs that wait.
# TYPE booking_api_jobs_queued gauge
booking_api_jobs_queued 3.0
# HELP booking_api_jobs_running Jobs under way.
# TYPE booking_api_jobs_running gauge
booking_api_jobs_running 2.0
# HELP booking_api_jobs_failed Jobs that were given up and wait for a person.
# TYPE booking_api_jobs_failed gauge
booking_api_jobs_failed 1.0
"""
OF_REQUESTS = [
    "# HELP booking_api_requests_total Requests answered.",
    "# TYPE booking_api_requests_total counter",
    "# HELP booking_api_request_seconds Time from the first byte read to the last one sent.",
    "# TYPE booking_api_request_seconds histogram",
]


async def test_every_figure_has_the_name_and_the_text_that_dashboards_know(
    api: httpx.AsyncClient, runtime: Runtime
) -> None:
    now = datetime.now(UTC)
    async with runtime.pool.acquire() as db:
        for _ in range(2):
            await beat(db, uuid4(), now, now - timedelta(days=1))
        for status in ("queued", "picked", "failed", "queued", "queued", "picked"):
            await db.execute(
                "insert into pgqueuer (priority, entrypoint, status) values (0, 'x', $1::text::pgqueuer_status)", status
            )
    answer = (await api.get("/metrics")).text
    names = set(re.findall(r"^# HELP (\w+)", OF_THE_INSTALLATION, re.MULTILINE))
    known = [line for line in answer.splitlines() if names & set(line.split())]
    assert known == OF_THE_INSTALLATION.splitlines()
    for line in OF_REQUESTS:
        assert f"{line}\n" in answer
    assert 'booking_api_request_seconds_bucket{le="0.002",method="' in answer


async def test_a_path_with_an_id_is_counted_once_and_not_for_each_id(api: httpx.AsyncClient) -> None:
    for _ in range(3):
        await api.get(f"/v1/bookings/{uuid4()}")
    text = (await api.get("/metrics")).text
    assert not any(str(part).count("-") == 4 for line in text.splitlines() for part in line.split("/"))
