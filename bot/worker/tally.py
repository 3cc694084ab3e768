"""What is told while work goes on, for whoever counts it. Nothing here says whom it was about.

It is told as work is done, before its transaction is committed: what a failing transaction did is counted once a try.
"""

from bot.policy.decision import Reason
from bot.store.model import Source


class Tally:
    """Told, and forgotten: who wants to count overrides what interests them."""

    def worked_off(self, source: Source) -> None:
        """An inbox entry was worked off."""

    def buried(self, source: Source) -> None:
        """An inbox entry cannot be worked off: it is dead."""

    def run_started(self, flow: str) -> None:
        """A run began."""

    def run_ended(self, flow: str, outcome: str) -> None:
        """A run ended; `outcome` is the flow's own word for it, or the house's."""

    def not_sent(self, reason: Reason, *, for_good: bool) -> None:
        """Policy dropped a message, or makes it wait."""

    def sent(self, seconds: float) -> None:
        """The channel took a message, after that many seconds."""

    def failed(self, outcome: str, code: int | None, seconds: float) -> None:
        """The channel did not take it: retry, refused or unknown (`bot.channel.Failure`), with the platform's code where it gave one."""

    def arrived(self, status: str, code: int | None = None) -> None:
        """A message got further than was known: delivered, read or failed, with the platform's code where it gave one."""

    def stands_still(self, loop: str, *, still: bool) -> None:
        """A loop of the crew cannot go on, because nothing can be written; or it does again."""


SILENT = Tally()
