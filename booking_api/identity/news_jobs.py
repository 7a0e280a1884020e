"""What customers are written about what somebody did who may be another: with their contact, or with their bookings."""

from cryptography.fernet import InvalidToken

from booking_api.core.db.event_queries import StoredEvent
from booking_api.core.log import log
from booking_api.core.runtime import Runtime, acquire
from booking_api.identity import codes, letters, queries
from booking_api.identity.events import BookingsClaimed, ContactReplaced
from booking_api.identity.letter_jobs import owner_of, write_to


async def tell_of_replacement(runtime: Runtime, event: StoredEvent) -> None:
    """Tells an address that it was replaced as a contact, so that whoever didn't do that hears of it."""
    replaced = ContactReplaced.of(event)
    try:
        contact = codes.open_contact(runtime.vault, replaced.contact)
    except InvalidToken:
        log.warning("contact_replaced.unreadable", event_id=event.id.hex)
        return
    async with acquire(runtime) as db:
        org = await queries.find_organisation(db, event.org_id)
    recipient = contact.email or contact.phone
    if org is not None and recipient is not None:
        await write_to(runtime, event, recipient, letters.replaced_letter(replaced.language, org.name))


async def tell_of_claim(runtime: Runtime, event: StoredEvent) -> None:
    """Tells a customer that bookings are on another phone now."""
    claimed = BookingsClaimed.of(event)
    async with acquire(runtime) as db:
        found = await owner_of(db, event, event.subject_id)
    if found is not None:
        org, address, language = found
        await write_to(runtime, event, address, letters.claimed_letter(language, org.name, undone=claimed.undone))
