"""Searching: a page of slots between two places, and a month of a whole category."""

import random
from collections.abc import Iterator
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from benchmarks.loads.base import MeasuredOperation
from benchmarks.pgbench import run_limit
from benchmarks.schemas import LimitRun
from benchmarks.wire import make_request
from benchmarks.world import PER_DAY, ZONE, RowProgress, World, departure, offer, slot_of
from booking_api.catalog.schemas import ProductDefinition
from booking_api.catalog.write_schemas import NewPlace, NewProduct
from booking_api.catalog.writing import save_places, save_products
from booking_api.core.clock import utc_now
from booking_api.core.runtime import acquire
from booking_api.inventory.write_schemas import NewSlot

CATEGORY_SHARE = 10
"""One tenth of all slots are between the same two places: the category."""
ROWS = 20
SEARCHED_DAYS = 7
CALENDAR_DAYS = 31


class Timetable:
    """Slots between many pairs of places, and many lines between one."""

    def __init__(self, world: World, slots: int) -> None:
        self.world = world
        self.days = 200 if slots >= 200_000 else 45
        of_one_line = self.days * PER_DAY
        self.category_lines = max(1, slots // CATEGORY_SHARE // of_one_line)
        self.routes = max(1, (slots - self.category_lines * of_one_line) // of_one_line)
        self.slots = (self.category_lines + self.routes) * of_one_line

    @property
    def today(self) -> date:
        return utc_now().astimezone(ZoneInfo(ZONE)).date()

    async def load(self, progress: RowProgress) -> None:
        world, now = self.world, utc_now()
        pairs = [(f"A{number}", f"B{number}") for number in range(1, self.routes + 1)] + [("CATA", "CATB")]
        named = [NewPlace(code=code, name=f"Place {code}", time_zone=ZONE) for pair in pairs for code in pair]
        async with acquire(world.stage.runtime) as db, db.transaction():
            places, _, _ = await save_places(db, world.org_id, named, now)
            lines = [departure(f"line-{a}", places[a], places[b]) for a, b in pairs[:-1]]
            lines += [
                departure(f"category-{number}", places["CATA"], places["CATB"]) for number in range(self.category_lines)
            ]
            await save_products(db, world.org_id, [NewProduct(line) for line in lines], now)
        await offer(world.stage, world.org_id, self._all_slots(lines), progress)

    def _all_slots(self, lines: list[ProductDefinition]) -> Iterator[NewSlot]:
        # Day by day, as timetables come in.
        hours = [timedelta(hours=6 + 3 * number) for number in range(PER_DAY)]
        midnight = utc_now().astimezone(ZoneInfo(ZONE)).replace(hour=0, minute=0, second=0, microsecond=0)
        for day in range(self.days):
            start = midnight + timedelta(days=1 + day)
            for line in lines:
                for hour in hours:
                    code = f"{line.code} {start.date()} {hour.seconds // 3600}"
                    yield slot_of(line, code, start + hour, minutes=90, capacity=180)


class Reading(MeasuredOperation):
    success = "200"
    repeats = True

    def __init__(self, world: World, timetable: Timetable) -> None:
        super().__init__(world)
        self.timetable = timetable

    def expected(self, successes: int) -> dict[str, int]:  # noqa: ARG002
        """Reading changes nothing."""
        return dict.fromkeys(("bookings", "claims", "events", "stored"), 0)


class Search(Reading):
    """`GET /v1/availability` for a random pair of places and a random week; a full page of 20."""

    name = "search"

    @property
    def title(self) -> str:  # type: ignore[override]
        return f"search over {self.timetable.slots:,} slots, {ROWS} rows"

    @property
    def last_day(self) -> int:
        return self.timetable.days - SEARCHED_DAYS

    async def make_requests(self, count: int) -> list[bytes]:
        pick, world = random.Random(1), self.world  # noqa: S311 - spreads a load
        requests: list[bytes] = []
        # From all pairs and weeks, because a list that repeats would find its answers' parts in every cache.
        for _ in range(count):
            route = pick.randint(1, self.timetable.routes)
            first = self.timetable.today + timedelta(days=1 + pick.randint(0, self.last_day))
            last = first + timedelta(days=SEARCHED_DAYS - 1)
            target = f"/v1/availability?origin=A{route}&destination=B{route}&from={first}&to={last}&limit={ROWS}"
            requests.append(make_request(world, "GET", target, world.app_key))
        return requests

    async def run_limit(self, seconds: float, guess_per_s: float, clients: int) -> LimitRun:
        variables = {
            "org": self.world.org_id, "routes": self.timetable.routes, "days": self.last_day, "rows": ROWS + 1,
            "today": self.timetable.today + timedelta(days=1),
        }  # fmt: skip
        return await run_limit(self.stage, "search", variables, seconds, guess_per_s, clients=clients)


class CalendarMonth(Reading):
    """`GET /v1/availability/calendar` for a month between two places, asked for by everybody at once."""

    first_guess_per_s = 100.0
    origin: str
    destination: str

    @property
    def lines(self) -> int:
        return 1

    @property
    def title(self) -> str:  # type: ignore[override]
        return f"calendar, one month of {self.lines * PER_DAY * CALENDAR_DAYS:,} slots"

    async def make_requests(self, count: int) -> list[bytes]:
        first = self.timetable.today + timedelta(days=1)
        last = first + timedelta(days=CALENDAR_DAYS - 1)
        places = f"origin={self.origin}&destination={self.destination}"
        target = f"/v1/availability/calendar?{places}&from={first}&to={last}"
        return [make_request(self.world, "GET", target, self.world.app_key)] * min(count, 100)

    async def run_limit(self, seconds: float, guess_per_s: float, clients: int) -> LimitRun:
        variables = {
            "org": self.world.org_id, "today": self.timetable.today + timedelta(days=1), "origin": self.origin,
            "destination": self.destination,
        }  # fmt: skip
        return await run_limit(self.stage, "calendar", variables, seconds, guess_per_s, clients=clients)


class CategoryCalendar(CalendarMonth):
    name = "calendar"
    origin, destination = "CATA", "CATB"

    @property
    def lines(self) -> int:
        return self.timetable.category_lines


class LineCalendar(CalendarMonth):
    name = "calendar_line"
    origin, destination = "A1", "B1"
