"""What feedback declares."""

from booking_api.core.capability import Capability, Tag
from booking_api.core.personal import FEEDBACK, NOT
from booking_api.feedback import routes
from booking_api.feedback.events import FeedbackLow

CAPABILITY = Capability(
    name="feedback",
    tags=[
        Tag("Feedback", "One question at the right moment, and what the answers add up to.", 70),
    ],
    routes=routes.ROUTES,
    events=[FeedbackLow],
    personal={
        "feedback": {**dict.fromkeys(("step", "kind", "channel"), NOT), "text": FEEDBACK},
        "feedback_asked": dict.fromkeys(("step", "kind", "channel"), NOT),
        "feedback_prompt": dict.fromkeys(("step", "kind", "question"), NOT),
    },
)
