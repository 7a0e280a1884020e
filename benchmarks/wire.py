"""Requests as bytes, made before the clock runs."""

from uuid import UUID, uuid4

from benchmarks.world import World
from booking_api.catalog.schemas import ProductDefinition


def make_request(
    world: World, method: str, target: str, token: str, body: str | None = None, *, key: bool = False
) -> bytes:
    """One request as an app sends it; with `key`, under an idempotency key of its own."""
    lines = [
        f"{method} {target} HTTP/1.1",
        f"Host: 127.0.0.1:{world.stage.settings.port}",
        "User-Agent: booking-api-bench",
        "Accept: application/json",
        "Accept-Language: en",
        f"Authorization: Bearer {token}",
    ]
    if key:
        lines.append(f"Idempotency-Key: {uuid4()}")
    if body is not None:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return ("\r\n".join(lines) + "\r\n\r\n" + (body or "")).encode()


def hold_body(product: ProductDefinition, slot_id: UUID | str) -> str:
    """One adult on a slot."""
    return f'{{"slot_id":"{slot_id}","option_id":"{product.options[0].id}","items":[{{"unit":"adult"}}]}}'


CONFIRMATION = '{"contact":{"name":"Ada Lovelace","email":"ada@example.org"},"payment":{"method":"on_site"}}'


def express_body(product: ProductDefinition, slot_id: UUID | str) -> str:
    """From a known slot to a pass in one request."""
    return f'{hold_body(product, slot_id)[:-1]},"confirm":true,{CONFIRMATION[1:]}'


def scan_body(code: str, nonce: str) -> str:
    return f'{{"code":"{code}","gate":"North","nonce":"{nonce}"}}'
