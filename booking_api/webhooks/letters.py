"""What owners are written about webhooks, in our languages. Pure."""


def paused_letter(language: str, organisation: str, url: str, because: str) -> tuple[str, str]:
    """Subject and body of the message that nothing is sent to an endpoint any more."""
    if language == "de":
        why = "sagt, dass es ihn nicht mehr gibt (410)" if because == "gone" else "hat drei Tage lang nichts angenommen"
        return (
            f"Ein Webhook von {organisation} ist angehalten",
            f"Der Empfänger {url} {why}. Es wird nichts mehr gesendet, aber alles 30 Tage lang aufgehoben. Wenn er wieder "
            "empfängt, setzen Sie den Webhook fort: Alles, was wartet, wird dann in seiner Reihenfolge gesendet.",
        )
    why = "says that it is gone (410)" if because == "gone" else "has taken nothing for three days"
    return (
        f"A webhook of {organisation} is paused",
        f"The receiver {url} {why}. Nothing is sent to it any more, but everything is kept for 30 days. Once it works "
        "again, resume the webhook: all that waits is then sent in its order.",
    )
