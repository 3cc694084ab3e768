"""What a status says of a message's price is booked, with what the owner's list says that costs."""

from zoneinfo import ZoneInfo

from bot.channel.event import Pricing, StatusChanged
from bot.store import charges
from bot.store.charges import Counted
from bot.store.outbox import Sent
from bot.store.step import Step
from bot.worker.playbook import House

FREE = "free_"  # Cloud API: free_customer_service, free_entry_point, and whatever they call the next


def counted(house: House, message: Sent, event: StatusChanged) -> Step[None]:
    """Book a message once, whichever of its statuses tells its price first."""
    pricing = event.pricing
    place = (yield from charges.place_of(message)) if pricing is not None else None
    if pricing is None or place is None:
        return
    rules = house.playbook.rules
    day = event.at.astimezone(ZoneInfo(rules.timezone)).date()
    micros = 0 if is_free(pricing) else rules.prices.of(place, pricing.category)
    yield from charges.book(message, Counted(pricing.category, pricing.type, day, event.at), place, micros, rules.prices.currency)


def is_free(pricing: Pricing) -> bool:
    """Whether Meta takes nothing for a message. Its type says so, and `billable` only where there is none (Cloud API: it is going)."""
    return pricing.type.startswith(FREE) if pricing.type else pricing.billable is False
