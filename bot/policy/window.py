"""The reply window: for 24 hours after the customer wrote, free texts reach them.

Cloud API: outside the customer service window only templates are taken, a free text fails with error 131047.
"""

from datetime import datetime, timedelta

LENGTH = timedelta(hours=24)
SAFETY = timedelta(minutes=5)  # the message's way to the platform, and clocks that disagree


def is_open(last_wrote_at: datetime | None, now: datetime) -> bool:
    """Whether a free text that is sent now still arrives inside the window. None: they never wrote."""
    return last_wrote_at is not None and now - last_wrote_at < LENGTH - SAFETY
