"""The two windows: for 24 hours after the customer wrote free texts reach them; for 72 after an ad nothing costs anything.

Cloud API: outside the customer service window only templates are taken, a free text fails with error 131047. Who came by an ad that
opens a chat (or a button on a page), and is answered within 24 hours, has opened a free entry point besides: until 72 hours after that
answer no message is charged, of whatever category. It is about money alone: a free text needs the 24 hours all the same.
"""

from datetime import datetime, timedelta

LENGTH = timedelta(hours=24)
SAFETY = timedelta(minutes=5)  # the message's way to the platform, and clocks that disagree
FREE_ANSWER = timedelta(hours=24)  # from the message that came by an ad to our first answer, else nothing is free
FREE_LENGTH = timedelta(hours=72)  # from that answer


def is_open(last_wrote_at: datetime | None, now: datetime) -> bool:
    """Whether a free text that is sent now still arrives inside the window. None: they never wrote."""
    return last_wrote_at is not None and now - last_wrote_at < LENGTH - SAFETY


def is_free(free_until: datetime | None, now: datetime) -> bool:
    """Whether a message that arrives now costs nothing, because the person came by an ad. None: they did not."""
    return free_until is not None and now < free_until
