"""Whom to ask what and when, which answers fit, and what scores add up to. Pure."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from booking_api.core.errors import unprocessable
from booking_api.feedback.schemas import AskRow, PromptRow, Scale
from booking_api.feedback.summary_schemas import AskCount, KindSummary, ScoreCount, SummaryGroup, TrendPoint

EDITABLE = timedelta(hours=1)
OPEN = timedelta(days=1)
"""How long an unanswered ask is shown again before it counts as ignored."""

RANGES: dict[str, range] = {"ces": range(1, 8), "csat": range(1, 6), "nps": range(11)}
"""The scores of each kind."""
LOW: dict[str, int] = {"ces": 3, "csat": 2, "nps": 6}
"""The highest score of each kind that counts as low."""
LABELS: dict[str, dict[str, tuple[str, str]]] = {
    "ces": {"en": ("Very difficult", "Very easy"), "de": ("Sehr schwierig", "Sehr einfach")},
    "csat": {"en": ("Very dissatisfied", "Very satisfied"), "de": ("Sehr unzufrieden", "Sehr zufrieden")},
    "nps": {"en": ("Not at all likely", "Extremely likely"), "de": ("Sehr unwahrscheinlich", "Sehr wahrscheinlich")},
}
KIND_ORDER = ("ces", "csat", "nps", "text")


# asking -----------------------------------------------------------------------------------------------------------


def in_share(customer_id: UUID, prompt_id: UUID, share_percent: int) -> bool:
    """Whether a prompt's share includes the customer: always the same for the two, and kept when the share grows."""
    digest = hashlib.sha256(customer_id.bytes + prompt_id.bytes).digest()
    return int.from_bytes(digest[:8], "big") % 100 < share_percent


def scale_of(kind: str, language: str) -> Scale | None:
    """The scale of a kind with its ends named, None where there is nothing to score."""
    if (scores := RANGES.get(kind)) is None:
        return None
    labels = LABELS[kind]
    low, high = labels.get(language, labels["en"])
    return Scale(min=scores[0], max=scores[-1], min_label=low, max_label=high)


class OpenAsk(msgspec.Struct, frozen=True):
    """An ask that is still open, to be shown again."""

    ask: AskRow
    prompt: PromptRow


class Ask(msgspec.Struct, frozen=True):
    """A prompt that is due; it will be the customer's ask of this number."""

    prompt: PromptRow
    number: int


def decide(
    prompts: Sequence[PromptRow], asks: Sequence[AskRow], step: str, booking_id: UUID | None, now: datetime
) -> OpenAsk | Ask | None:
    """What to ask now. `prompts` are the active ones whose share includes the customer, `asks` theirs, latest first.

    An open ask of this step (and booking, where one is meant) is shown again. Otherwise the prompt that this customer
    was asked longest ago is due, unless anything was asked within its pause or it asked about this booking before.
    """
    by_id = {prompt.id: prompt for prompt in prompts}
    for ask in asks:
        prompt = by_id.get(ask.prompt_id)
        open_still = not ask.answered and now - ask.asked_at < OPEN
        if (
            prompt
            and open_still
            and (ask.step, ask.kind) == (step, prompt.kind)
            and booking_id in (None, ask.booking_id)
        ):
            return OpenAsk(ask, prompt)
    last_asked = {ask.prompt_id: ask.number for ask in reversed(asks)}
    asked_about_this = {ask.prompt_id for ask in asks if booking_id is not None and ask.booking_id == booking_id}
    for prompt in sorted(prompts, key=lambda prompt: last_asked.get(prompt.id, 0)):
        paused = bool(asks) and now - asks[0].asked_at < timedelta(days=prompt.pause_days)
        if not paused and prompt.id not in asked_about_this:
            return Ask(prompt, asks[0].number + 1 if asks else 1)
    return None


# answers ----------------------------------------------------------------------------------------------------------


def check_answer(kind: str, score: int | None, text: str | None) -> None:
    """Raises `Unprocessable` for a score that the kind doesn't have, or an answer that says nothing."""
    if (scores := RANGES.get(kind)) is None:
        if score is not None:
            raise unprocessable("/score", "Feedback of kind text has no score.")
        if text is None or not text.strip():
            raise unprocessable("/text", "Feedback of kind text needs a text.")
    elif score is None:
        raise unprocessable("/score", f"Feedback of kind {kind} needs a score from {scores[0]} to {scores[-1]}.")
    elif score not in scores:
        raise unprocessable("/score", f"A score of kind {kind} is from {scores[0]} to {scores[-1]}.")


def is_low(kind: str, score: int | None) -> bool:
    """Whether somebody is to be told of this score."""
    return score is not None and kind in LOW and score <= LOW[kind]


# summary ----------------------------------------------------------------------------------------------------------


def local_midnight(day: date, zone: str) -> datetime:
    """The moment in UTC at which a local day begins."""
    return datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC)


def local_day(at: datetime, zone: str) -> date:
    """The day that it is in the zone."""
    return at.astimezone(ZoneInfo(zone)).date()


def week_name(monday: date) -> str:
    """The ISO 8601 name of the week: its year is the one that its Thursday lies in."""
    year, week, _ = monday.isocalendar()
    return f"{year}-W{week:02}"


def mean_of(scores: Mapping[int, int]) -> float | None:
    """The mean of scores (score → how often), rounded to two decimals."""
    count = sum(scores.values())
    return round(sum(score * times for score, times in scores.items()) / count, 2) if count else None


def nps_of(kind: str, scores: Mapping[int, int]) -> float | None:
    """Percentage of promoters (9, 10) less that of detractors (0–6), rounded to one decimal; None for other kinds."""
    count = sum(scores.values())
    if kind != "nps" or not count:
        return None
    promoters = sum(times for score, times in scores.items() if score >= 9)
    detractors = sum(times for score, times in scores.items() if score <= 6)
    return round(100 * (promoters - detractors) / count, 1)


def rate_of(answered: int, asked: int) -> float | None:
    return round(answered / asked, 3) if asked else None


def summarise(
    keys: Sequence[str], scores: Iterable[ScoreCount], asks: Iterable[AskCount], titles: Mapping[str, str], *,
    by_week: bool = False,
) -> list[SummaryGroup]:  # fmt: skip
    """The groups in the order of `keys`, each with its kinds. With `by_week` the keys are Mondays and become week names."""
    given: dict[tuple[str, str], list[ScoreCount]] = defaultdict(list)
    for row in scores:
        given[row.key, row.kind].append(row)
    asked = {(row.key, row.kind): row for row in asks}
    groups = []
    for key in keys:
        kinds = [
            _summarise_kind(kind, given.get((key, kind), []), asked.get((key, kind)))
            for kind in KIND_ORDER
            if (key, kind) in given or (key, kind) in asked
        ]
        asks_of_group, answers_of_group = sum(kind.asked for kind in kinds), sum(kind.answered for kind in kinds)
        groups.append(
            SummaryGroup(
                key=week_name(date.fromisoformat(key)) if by_week else key or None,
                title=titles.get(key),
                count=sum(kind.count for kind in kinds),
                asked=asks_of_group,
                answered=answers_of_group,
                response_rate=rate_of(answers_of_group, asks_of_group),
                kinds=kinds,
            )
        )
    return groups


def _summarise_kind(kind: str, rows: Sequence[ScoreCount], asks: AskCount | None) -> KindSummary:
    scores: Counter[int] = Counter()
    weeks: dict[date, Counter[int]] = defaultdict(Counter)
    counts: Counter[date] = Counter()
    for row in rows:
        counts[row.week] += row.count
        if row.score is not None:
            scores[row.score] += row.count
            weeks[row.week][row.score] += row.count
    return KindSummary(
        kind=kind,
        count=counts.total(),
        mean=mean_of(scores),
        distribution={str(score): scores[score] for score in RANGES.get(kind, ())},
        nps=nps_of(kind, scores),
        asked=asks.asked if asks else 0,
        answered=asks.answered if asks else 0,
        response_rate=rate_of(asks.answered, asks.asked) if asks else None,
        trend=[
            TrendPoint(
                week=week_name(monday), starts_on=monday, count=counts[monday],
                mean=mean_of(weeks[monday]), nps=nps_of(kind, weeks[monday]),
            )
            for monday in sorted(counts)
        ],
    )  # fmt: skip
