"""What people are written about their sessions, in our languages. Pure."""


def sign_in_letter(language: str, organisation: str, code: str) -> tuple[str, str]:
    """Subject and body of the message that carries a sign-in code of a member of staff."""
    if language == "de":
        return (
            f"Ihre Anmeldung bei {organisation}",
            f"Melden Sie sich mit dem Code {code} an. Er gilt zehn Minuten und nur einmal. "
            "Wenn Sie ihn nicht angefordert haben, ist nichts zu tun.",
        )
    return (
        f"Sign in at {organisation}",
        f"Sign in with the code {code}. It works once, for ten minutes. If you didn't ask for it, there is nothing to do.",
    )


def contact_letter(language: str, organisation: str, code: str) -> tuple[str, str]:
    """Subject and body of the message with whose code a customer proves that the address is theirs."""
    if language == "de":
        return (
            f"Ihr Code für {organisation}",
            f"Mit dem Code {code} bestätigen Sie, dass diese Adresse Ihre ist. Er gilt zehn Minuten und nur einmal. "
            "Wenn Sie ihn nicht angefordert haben, ist nichts zu tun.",
        )
    return (
        f"Your code for {organisation}",
        f"With the code {code} you confirm that this address is yours. It works once, for ten minutes. "
        "If you didn't ask for it, there is nothing to do.",
    )


def replaced_letter(language: str, organisation: str) -> tuple[str, str]:
    """Subject and body of the message that an address is no contact any more."""
    if language == "de":
        return (
            f"Ihre Kontaktdaten bei {organisation} wurden geändert",
            "Diese Adresse wurde bei Ihren Kontaktdaten durch eine andere ersetzt. Wenn Sie das nicht waren, melden Sie "
            f"sich bei {organisation}. Sonst ist nichts zu tun.",
        )
    return (
        f"Your contact details at {organisation} were changed",
        "This address was replaced by another one in your contact details. If that wasn't you, get in touch with "
        f"{organisation}. Otherwise there is nothing to do.",
    )


def claimed_letter(language: str, organisation: str, *, undone: bool) -> tuple[str, str]:
    """Subject and body of the message that bookings went to another phone, or back to the one that they came from."""
    if language == "de":
        what = "wieder auf dem Gerät, auf dem sie gemacht wurden" if undone else "jetzt auf einem anderen Gerät"
        return (
            f"Ihre Buchungen bei {organisation} sind auf einem anderen Gerät",
            f"Buchungen von Ihnen sind {what}. Pässe, die hier gespeichert waren, gelten nicht mehr. Wenn Sie das nicht "
            "waren, können Sie es in der App dreißig Tage lang rückgängig machen.",
        )
    what = "back on the device on which they were made" if undone else "on another device now"
    return (
        f"Your bookings at {organisation} are on another device",
        f"Bookings of yours are {what}. Passes that were saved here are no longer good. If that wasn't you, the app can "
        "undo it for thirty days.",
    )


def opened_letter(language: str, organisation: str, *, by_staff: bool) -> tuple[str, str]:
    """Subject and body of the message that a booking was opened on another device."""
    if language == "de":
        who = "mit Hilfe unserer Mitarbeitenden" if by_staff else "mit einem Code an die Adresse, die dort steht,"
        return (
            f"Ihre Buchung bei {organisation} wurde auf einem anderen Gerät geöffnet",
            f"Eine Ihrer Buchungen wurde {who} auf einem anderen Gerät geöffnet. Sie bleiben angemeldet. "
            "In der App sehen Sie, wo Sie angemeldet sind, und können jede Sitzung beenden.",
        )
    who = "with the help of our staff" if by_staff else "with a code sent to the address that it names"
    return (
        f"Your booking at {organisation} was opened on another device",
        f"One of your bookings was opened on another device {who}. You stay signed in. "
        "The app shows where you are signed in, and there you can end each session.",
    )


def reused_letter(language: str, organisation: str, *, staff: bool) -> tuple[str, str]:
    """Subject and body of the message that a session was ended because somebody else seems to have its token."""
    if language == "de":
        back = (
            "Melden Sie sich mit einem Code neu an." if staff else "Mit der Buchungsnummer öffnen Sie die Buchung neu."
        )
        return (
            f"Ihre Sitzung bei {organisation} wurde beendet",
            "Ein alter Schlüssel eines Ihrer Geräte wurde noch einmal benutzt, vielleicht aus einer Kopie. Zur Sicherheit "
            f"wurde die Sitzung dieses Geräts beendet. {back}",
        )
    back = "Sign in again with a code." if staff else "Open your booking again with its reference."
    return (
        f"Your session at {organisation} was ended",
        "An old key of one of your devices was used once more, perhaps from a copy. To be safe, the session of that "
        f"device was ended. {back}",
    )
