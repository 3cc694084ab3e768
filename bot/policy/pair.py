"""How often one number may write to one person.

Cloud API: one message in 6 seconds; up to 45 at once, borrowed from the time to come; beyond it requests fail (131056). So each message
is a debt of 6 seconds, and nobody may owe more than 45 of them.
"""

from datetime import datetime, timedelta

EACH = timedelta(seconds=6)
AT_ONCE = 44  # of 45: their clock is not ours
MOST_DEBT = EACH * (AT_ONCE - 1)  # before one more


def may_go_at(free_at: datetime | None, now: datetime) -> datetime:
    """From when on one more message may go. `free_at`: when what went before is paid off; None: nothing ever went."""
    return now if free_at is None else max(now, free_at - MOST_DEBT)


def free_after(free_at: datetime | None, now: datetime) -> datetime:
    """When all is paid off once a message goes now."""
    return max(now, free_at or now) + EACH


def barred_until(until: datetime) -> datetime:
    """The debt of somebody who may not be written to before a time, because the platform counts otherwise."""
    return until + MOST_DEBT
