"""What isn't a rate against PostgreSQL: the picture of a pass, memory, several workers."""

import statistics
import time

import httpx
import msgspec

from benchmarks.loads.base import Remark, ask_once
from benchmarks.loads.confirm import Confirm
from benchmarks.loads.hold import Hold
from benchmarks.measure import Bench
from benchmarks.schemas import BenchPlan, Result
from benchmarks.world import World
from booking_api.core.process import StartFailed

PICTURES = 20
WORKERS = (1, 2, 4)
MEBIBYTE = 2**20


async def measure_picture(world: World, note: Remark) -> Result:
    """A pass's SVG and PNG one after the other over one connection: drawn, and again when the phone has it already."""
    note("picture: confirming bookings to draw the passes of")
    confirm = Confirm(world)
    await confirm.prepare()
    first: list[float] = []
    again: list[float] = []
    problems: list[str] = []
    urls: list[str] = []
    for request in await confirm.make_requests(PICTURES // 2):
        item = msgspec.json.decode(await ask_once(world, request))["bookings"][0]["items"][0]
        urls += [item["pass"]["svg_url"], item["pass"]["png_url"]]
    note("picture: drawing")
    async with httpx.AsyncClient(timeout=30, trust_env=False) as client:
        for url in urls:
            began = time.perf_counter()
            answer = await client.get(url)
            first.append(time.perf_counter() - began)
            if answer.status_code != 200:
                problems.append(f"{answer.status_code} for a picture: {answer.text[:200]}")
                continue
            began = time.perf_counter()
            known = await client.get(url, headers={"If-None-Match": answer.headers["etag"]})
            again.append(time.perf_counter() - began)
            if known.status_code != 304:
                problems.append(f"{known.status_code} for a picture that is known already")
    if not again:
        raise StartFailed(f"No picture was drawn: {problems[:1]}")
    return Result(
        op="picture", title="picture of a pass, drawn", connections=1, ours_per_s=round(1 / statistics.median(first), 1),
        p50_ms=round(statistics.median(first) * 1000, 2), p99_ms=round(max(first) * 1000, 2), exact=not problems,
        problems=problems[:10], facts={"known_already_ms": round(statistics.median(again) * 1000, 2)},
    )  # fmt: skip


def measure_memory(world: World) -> Result:
    """Of the process that answers, after everything that was measured before; shared pages counted in full."""
    processes = world.stage.worker_processes()
    if not processes:
        raise StartFailed("There is no process of the server to be weighed.")
    resident = [process.memory_info().rss / MEBIBYTE for process in processes]
    own = [process.memory_full_info().uss / MEBIBYTE for process in processes]
    return Result(
        op="memory", title="memory per worker", connections=0, ours_per_s=0.0,
        facts={"resident_mb": round(max(resident), 1), "unshared_mb": round(max(own), 1)},
    )  # fmt: skip


async def measure_workers(world: World, plan: BenchPlan, note: Remark) -> list[Result]:
    """Holds with several processes on one port, spread over the slots."""
    results: list[Result] = []
    try:
        for workers in WORKERS:
            note(f"workers: starting {workers}")
            await world.stage.start_server(workers)
            result = await Bench(Hold(world), plan, note).run()
            result.op, result.title = f"workers_{workers}", f"hold, spread, {workers} worker{'s' * (workers > 1)}"
            result.facts["resident_mb"] = [
                round(process.memory_info().rss / MEBIBYTE, 1) for process in world.stage.worker_processes()[:workers]
            ]
            results.append(result)
    finally:
        await world.stage.start_server()
    return results
