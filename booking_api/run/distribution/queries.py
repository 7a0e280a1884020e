"""What distribution reads from PostgreSQL's catalogue and asks of Citus."""

from booking_api.core.db import Connection, execute, fetch_all, fetch_value
from booking_api.run.distribution.schemas import Column, Distributed, Reference, Table, UniqueKey


async def list_tables(db: Connection) -> list[Table]:
    return await fetch_all(
        db,
        Table,
        """
        select t.relname as name, p.relname as parent, t.relispartition as is_partition,
          array(
            select coalesce(a.attname::text, '(expression)')
            from pg_partitioned_table d
            cross join unnest(d.partattrs::int2[]) with ordinality as k (attnum, place)
            left join pg_attribute a on a.attrelid = t.oid and a.attnum = k.attnum
            where d.partrelid = t.oid order by k.place
          ) as partition_key,
          o.attname is not null as has_org_id,
          coalesce(o.attnotnull and o.atttypid = 'uuid'::regtype, false) as org_id_fits,
          exists (select from pg_index x where x.indrelid = t.oid and x.indisprimary) as has_primary_key,
          array(select g.tgname::text from pg_trigger g where g.tgrelid = t.oid and not g.tgisinternal) as triggers
        from pg_class t
        left join pg_attribute o on o.attrelid = t.oid and o.attname = 'org_id' and not o.attisdropped
        left join pg_inherits i on i.inhrelid = t.oid and i.inhseqno = 1
        left join pg_class p on p.oid = i.inhparent
        where t.relnamespace = 'public'::regnamespace and t.relkind in ('r', 'p')
        order by t.relname
        """,
    )


async def list_keys(db: Connection) -> list[UniqueKey]:
    return await fetch_all(
        db,
        UniqueKey,
        """
        select t.relname as table, i.relname as name,
          array(
            select coalesce(a.attname::text, '(expression)')
            from unnest(x.indkey::int2[]) with ordinality as k (attnum, place)
            left join pg_attribute a on a.attrelid = t.oid and a.attnum = k.attnum
            where k.place <= x.indnkeyatts order by k.place
          ) as columns
        from pg_index x
        join pg_class i on i.oid = x.indexrelid
        join pg_class t on t.oid = x.indrelid
        where t.relnamespace = 'public'::regnamespace and (x.indisunique or x.indisexclusion)
        order by t.relname, i.relname
        """,
    )


async def list_references(db: Connection) -> list[Reference]:
    """Foreign keys, without those that partitions have from their table."""
    return await fetch_all(
        db,
        Reference,
        """
        select t.relname as table, c.conname as name, p.relname as parent,
          array(
            select a.attname::text from unnest(c.conkey) with ordinality as k (attnum, place)
            join pg_attribute a on a.attrelid = c.conrelid and a.attnum = k.attnum order by k.place
          ) as columns,
          array(
            select a.attname::text from unnest(c.confkey) with ordinality as k (attnum, place)
            join pg_attribute a on a.attrelid = c.confrelid and a.attnum = k.attnum order by k.place
          ) as parent_columns,
          c.confdeltype::text as on_delete, c.confupdtype::text as on_update
        from pg_constraint c
        join pg_class t on t.oid = c.conrelid
        join pg_class p on p.oid = c.confrelid
        where t.relnamespace = 'public'::regnamespace and c.contype = 'f' and c.conparentid = 0
        order by t.relname, c.conname
        """,
    )


async def list_columns(db: Connection) -> list[Column]:
    return await fetch_all(
        db,
        Column,
        """
        select t.relname as table, a.attname as name, a.attidentity <> '' as is_identity,
          pg_get_expr(d.adbin, d.adrelid) as expression,
          y.typtype in ('r', 'm') and y.typnamespace = 'public'::regnamespace as own_range
        from pg_class t
        join pg_attribute a on a.attrelid = t.oid and a.attnum > 0 and not a.attisdropped
        join pg_type y on y.oid = a.atttypid
        left join pg_attrdef d on d.adrelid = t.oid and d.adnum = a.attnum
        where t.relnamespace = 'public'::regnamespace and t.relkind in ('r', 'p')
        order by t.relname, a.attnum
        """,
    )


async def citus_is_there(db: Connection) -> bool:
    """Asked by its function, because a database may have the extension in any schema."""
    return await fetch_value(db, "select exists (select from pg_proc where proname = 'create_distributed_table')")


async def list_distributed(db: Connection) -> list[Distributed]:
    """What Citus knows already. Only where Citus is there."""
    return await fetch_all(
        db,
        Distributed,
        """
        select table_name::text as table, citus_table_type as kind, distribution_column as column,
          colocation_id::int as colocation
        from citus_tables order by table_name::text
        """,
    )


async def distribute_first(db: Connection, table: str, shards: int) -> None:
    """The table that decides how many shards there are, and where."""
    await execute(
        db,
        "select create_distributed_table($1::text::regclass, 'org_id', colocate_with => 'none', shard_count => $2)",
        table,
        shards,
    )


async def distribute_beside(db: Connection, table: str, anchor: str) -> None:
    """A table whose rows are to lie on the same node as those of `anchor` with the same organisation."""
    await execute(
        db,
        "select create_distributed_table($1::text::regclass, 'org_id', colocate_with => $2)",
        table,
        anchor,
    )
