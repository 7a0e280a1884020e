"""`bench mobile`: what a booking costs a phone."""

from typing import Annotated

import typer

from booking_api.cli.console import note, run


def bench_mobile(
    url: Annotated[str, typer.Option(help="Of a running installation; without it a demo is started.")] = "",
    key: Annotated[str, typer.Option(help="A publishable key of it.")] = "",
    origin: Annotated[str, typer.Option(help="Place to go from.")] = "JFK",
    destination: Annotated[str, typer.Option(help="Place to go to.")] = "LAX",
    as_json: Annotated[bool, typer.Option("--json", help="One line of JSON instead of tables.")] = False,
) -> None:
    """Requests and bytes that a booking costs a phone: a first-time guest's, and a returning customer's."""
    import json
    from dataclasses import asdict

    from booking_api.bench.mobile import Exchange, book, demo_of_its_own

    if url:
        guest, returning = run(lambda: book(url, key, origin, destination))
    else:
        with demo_of_its_own() as (own_url, own_key):
            guest, returning = run(lambda: book(own_url, own_key, origin, destination))

    def total(exchanges: list[Exchange]) -> int:
        return sum(one.sent + one.received for one in exchanges)

    journeys = (("first-time guest, search to pass", guest, 6), ("returning customer who knows the slot", returning, 2))
    if as_json:
        print(json.dumps({name: {"requests": len(made), "bytes": total(made), "exchanges": [asdict(one) for one in made]}
                          for name, made, _ in journeys}))  # fmt: skip
        return
    for name, made, aim in journeys:
        print(f"{name}: {len(made)} request{'s' * (len(made) > 1)}, {total(made):,} bytes (aim: {aim} KB)")
        for one in made:
            print(f"  {one.what:16} {one.sent:>6,} sent {one.received:>7,} received ({one.unpacked:,} unpacked)")
    note("HTTP/1.1 with all headers on one open connection, bodies in br; TCP and TLS not counted.")
