"""Pure decisions about getting back to a booking: who is sent a code, and with which words."""

from booking_api.core.text.addresses import same_email, same_phone


def recovery_recipient(
    email: str | None, phone: str | None, given_email: str | None, given_phone: str | None, country: str | None = None
) -> str | None:
    """Where to send a recovery code: to the booking's own address, and only if the one given is the same, however it is
    written. National phone numbers are those of the country."""
    if given_email and email and same_email(given_email, email):
        return email
    if given_phone and phone and same_phone(given_phone, phone, country):
        return phone
    return None


def recovery_message(language: str, organisation: str, code: str) -> tuple[str, str]:
    """Subject and body of the message that carries a recovery code."""
    if language == "de":
        return (
            f"Ihr Code für {organisation}",
            f"Mit dem Code {code} öffnen Sie Ihre Buchung. Er gilt zehn Minuten und nur einmal. "
            "Wenn Sie ihn nicht angefordert haben, ist nichts zu tun.",
        )
    return (
        f"Your code for {organisation}",
        f"Open your booking with the code {code}. It works once, for ten minutes. "
        "If you didn't ask for it, there is nothing to do.",
    )
