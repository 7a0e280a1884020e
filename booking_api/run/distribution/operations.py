"""The verbs: look at a database, and distribute it."""

from collections.abc import Callable

from booking_api.core.db import Connection
from booking_api.core.process import StartFailed
from booking_api.run.distribution import queries
from booking_api.run.distribution.rules import LOCAL, broken_rules, make_plan, misplaced
from booking_api.run.distribution.schemas import Plan, SystemCatalogue


async def read_catalogue(db: Connection) -> SystemCatalogue:
    return SystemCatalogue(
        await queries.list_tables(db), await queries.list_keys(db), await queries.list_references(db),
        await queries.list_columns(db),
    )  # fmt: skip


async def look(db: Connection) -> Plan:
    """What is left to do; without Citus, everything. Raises `StartFailed` where the schema can't be distributed."""
    catalogue = await read_catalogue(db)
    if not catalogue.tables:
        raise StartFailed("The database is empty; run `booking-api migrate` first.")
    if broken := broken_rules(catalogue):
        raise StartFailed("The schema can't be distributed. " + " ".join(broken))
    distributed = await queries.list_distributed(db) if await queries.citus_is_there(db) else []
    try:
        plan = make_plan(catalogue, distributed)
    except ValueError as error:
        raise StartFailed(f"The schema can't be distributed. {error}") from None
    if wrong := misplaced(plan, distributed):
        raise StartFailed("Some tables were distributed in another way before; undo that first. " + " ".join(wrong))
    return plan


def as_sql(plan: Plan, shards: int) -> list[str]:
    """The plan as a script for the coordinator; what stays local stands in comments."""
    return [
        *(f"-- {name} stays local: {LOCAL[name]}" for name in plan.local),
        *(f"-- {name} is distributed already" for name in plan.done),
        *(
            f"select create_distributed_table('{name}', 'org_id', colocate_with => "
            + (f"'none', shard_count => {shards});" if name == plan.anchor else f"'{plan.anchor}');")
            for name in plan.todo
        ),
    ]


async def distribute(db: Connection, shards: int, tell: Callable[[str], None]) -> int:
    """Distributes what is left, each table in a transaction of its own; the number of tables.

    Safe to repeat, and to be cut short. Raises `StartFailed` without Citus or where the schema can't be distributed.
    """
    if not await queries.citus_is_there(db):
        raise StartFailed(
            "The extension citus is not in this database; run `create extension citus` on the coordinator as its owner, "
            "or look at the plan with --dry-run."
        )
    plan = await look(db)
    for table in plan.todo:
        if table == plan.anchor:
            await queries.distribute_first(db, table, shards)
        else:
            await queries.distribute_beside(db, table, plan.anchor)
        tell(table)
    return len(plan.todo)
