"""One life of a crowd: a person's acts and timers, in order, through the house's own work; and the news of what came of them.

The house is real: `worker` decides what starts, waits, is sent and why, and policy is asked at each sending. Only rows are kept on paper,
a message arrives at once, and every code can be made.
"""

import re
from collections.abc import Callable, Iterable
from datetime import datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum
from heapq import heappop, heappush
from typing import Any, cast

from bot.channel import Channel
from bot.channel.event import ChannelEvent, DeliveryStatus, MessageReceived, PreferenceChanged, StatusChanged
from bot.flow import money, position, reply
from bot.flow.as_read import extras
from bot.flow.codec import decode_content, decode_run
from bot.flow.facts import Money
from bot.flow.model import Answer, AskStep
from bot.flow.revision import Revision
from bot.flow.rules import StaffHours
from bot.flow.run import Content, Run, TemplateMessage, Text, Waiting, read_button_payload
from bot.policy.decision import Consent, Control, Reason
from bot.rehearsal.habits import STAFF_DAY, Habits
from bot.rehearsal.news import News, Tell, What
from bot.rehearsal.paper import Paper, Rows, Timer, Values
from bot.rehearsal.people import spread
from bot.rehearsal.shopper import Act, Emptied, Filled, Heard, Moved, Ordered, Pressed, Shopper, SwitchedOff, Wrote
from bot.rehearsal.wordings import wordings_of
from bot.shop.event import CartChanged, ConsentState, OrderChanged, OrderStatus, ShopConsent, ShopEvent, ShopperChanged
from bot.shop.event import Shopper as Buyer
from bot.store import discounts, outbox
from bot.store.contacts import Resolved
from bot.store.database import Database
from bot.store.discounts import Verdict, Wanted
from bot.store.inbox import Entry
from bot.store.model import Source
from bot.store.outbox import Claim, Claimed, Held
from bot.store.step import Step, from_micros
from bot.worker import customer, discounter, flows, shopping, staff, timers
from bot.worker.playbook import House, Playbook
from bot.worker.sender import Sender

NUMBER = "100000000000000"
SHOP = "rehearsal"
STAFF = "Sam"
MAX_ROUNDS = 1_000  # of work at one moment of one person: flows that feed each other must not hang the crowd
AT_ONCE = 16  # messages or codes looked at together; a person seldom has two
NOT_ON_WHATSAPP = 131026  # Cloud API: the receiver cannot be reached
BEFORE_CHECKOUT = timedelta(days=30)  # when they agreed, as the shop remembers it
NO_ANSWER = "no answer"
ANYTHING_ELSE = "anything else"
SERVICE = "service"  # Meta's category of a free text
HOUSE_TEXT = "confirmation of a stop"
_DID_NOT_START = "did not start: "
_DATES = re.compile(r"it ran on \S+, and")
_REASONS = frozenset(Reason)


class StaffDoes(StrEnum):
    """What staff do with a conversation that was handed to them."""

    TAKE = staff.TAKE
    RETURN = staff.RETURN


class WatchedPaper(Paper):
    """A store on paper that remembers how runs and conversations changed, until that is told."""

    def __init__(self) -> None:
        super().__init__()
        self.saves: list[Run] = []
        self.controls: list[Control] = []

    def run_save(self, values: Values) -> Rows:
        self.saves.append(decode_run(values["body"]))
        return super().run_save(values)

    def conversation_set_control(self, values: Values) -> Rows:
        self.controls.append(Control(values["control"]))
        return super().conversation_set_control(values)


class Postman(Sender):
    """The sender's decisions without its waiting: here a message arrives at once."""

    def __init__(self, paper: Paper, house: Callable[[], House]) -> None:
        super().__init__(cast(Database, paper), cast(Channel, None), house, owner=SHOP)  # of the store only its epoch is asked

    def claim(self, house: House) -> Step[Claim]:
        """What may go now; what waits or is dropped is told to the house as ever."""
        claim, _ = yield from self._look(house, AT_ONCE)
        return claim


class Stage:
    """What all lives share: the owner's files, the paper, the time, the desk."""

    def __init__(self, playbook: Playbook, begins: datetime, habits: Habits, tell: Tell, paper: WatchedPaper) -> None:
        self.playbook = playbook
        self.begins = begins
        self.habits = habits
        self.tell = tell
        self.paper = paper
        self.now = begins
        self.postman = Postman(paper, lambda: self.house)
        self.desk = playbook.rules.staff_hours or _every_day()
        self._house = House(playbook, SHOP, NUMBER, begins)

    @property
    def house(self) -> House:
        """The house at this moment."""
        if self._house.now != self.now:
            self._house = House(self.playbook, SHOP, NUMBER, self.now)
        return self._house

    def desk_opens(self, moment: datetime) -> datetime:
        """The moment itself while somebody is at the desk, else when somebody is again."""
        timezone = self.playbook.rules.timezone
        return moment if self.desk.is_open(moment, timezone) else self.desk.next_open(moment, timezone)


def _every_day() -> StaffHours:
    start, end = STAFF_DAY
    return StaffHours(frozenset(range(7)), time(start), time(end))


class Life:
    """One person's days. `live` plays them."""

    def __init__(self, stage: Stage, shopper: Shopper) -> None:
        self.stage = stage
        self.paper = stage.paper
        self.shopper = shopper
        self.contact = 0
        self.plans: list[tuple[datetime, int, Act | StaffDoes]] = []
        self.plans_made = self.messages = 0
        self.questions: dict[int, Run] = {}  # the runs whose question is open, by id
        self.known: set[int] = set()  # the runs that were told of
        self.answer = (0, "")  # the run whose question is answered now, and how
        self.audits = self.consents = 0  # so many were told of
        self.over: set[int] = set()  # the messages that were told to be over

    @property
    def now(self) -> datetime:
        return self.stage.now

    @property
    def house(self) -> House:
        return self.stage.house

    def tell(self, what: What, flow: str | None = None, **more: Any) -> None:
        self.stage.tell(self.shopper.person, News(self.now, what, flow or "", **more))

    # ---- time

    def live(self, length: timedelta) -> None:
        """From the first day to the last."""
        self.stage.now = self.stage.begins
        self.contact = self.paper.admit(self.shopper.person.phone, self.now)
        self.introduce()
        self.plan(self.shopper.month(self.now, length))
        ends = self.now + length
        while (moment := self.next_moment()) is not None and moment < ends:
            self.stage.now = max(self.now, moment)
            self.happen()

    def introduce(self) -> None:
        """The shop tells of them, and of what they bought before."""
        self.shop(ShopperChanged(self.now, self.buyer(), self.agreements()))
        for at, order in self.shopper.past(self.now):
            self.shopper.did(order)
            self.tell(What.ORDERED, text=order.because, minor=order.total.minor)
            self.shop(self.told(order, OrderStatus.DELIVERED, at))
        self.settle()

    def next_moment(self) -> datetime | None:
        """When something happens next, to the house or to them."""
        due = self.paper.next_due()
        if not self.plans:
            return due
        return self.plans[0][0] if due is None else min(due, self.plans[0][0])

    def plan(self, plans: Iterable[tuple[datetime, Act | StaffDoes]]) -> None:
        for at, act in plans:
            self.plans_made += 1  # of two at one moment the first planned comes first
            heappush(self.plans, (at, self.plans_made, act))

    def happen(self) -> None:
        """What is due at this moment: timers, then what people do, then what comes of it."""
        for timer in self.paper.due_timers(self.now):
            self.fire(timer)
        while self.plans and self.plans[0][0] <= self.now:
            _, _, act = heappop(self.plans)
            if isinstance(act, StaffDoes):
                self.work(staff.did(self.house, 0, self.contact, act, NUMBER, {"staff": STAFF}))
            elif self.shopper.still_wants(act):
                self.do(act)
                self.shopper.did(act)
        self.settle()

    # ---- what happens to the house

    def work(self, step: Step[Any]) -> None:
        """The house works something off; what came of it is told."""
        self.paper.run(step)
        self.look()

    def fire(self, timer: Timer) -> None:
        self.answer = (timer.subject, NO_ANSWER) if timer.kind == flows.RUN_TIMER else (0, "")
        body = {"subject": timer.subject, "generation": timer.generation, "due": timer.due}
        self.work(timers.due(self.house, self.contact, timer.kind, body))

    def do(self, act: Act) -> None:
        """They do something."""
        self.answer = 0, ""
        match act:
            case Filled(cart, lines, total):
                self.tell(What.CART, text=cart, minor=total.minor)
                self.shop(CartChanged(self.now, cart, self.buyer(), lines, total, f"https://shop.example/{cart}"))
            case Emptied(cart):
                self.tell(What.EMPTIED, text=cart)
                self.shop(CartChanged(self.now, cart, self.buyer(), (), Money(0, self.shopper.currency)))
            case Ordered():
                self.tell(What.ORDERED, text=act.because, minor=act.total.minor)
                self.use_code(act)
                self.shop(self.told(act, OrderStatus.PLACED, self.now))
                self.plan(self.shopper.after_order(act, self.now))
            case Moved(order, status):
                self.shop(self.told(order, status, self.now))
            case Wrote(text):
                self.hear(MessageReceived(self.message_id(), self.now, "text", text))
            case Pressed(title, payload):
                self.hear(MessageReceived(self.message_id(), self.now, "button", title, payload))
            case SwitchedOff():
                self.channel(PreferenceChanged(self.now, wants_marketing=False))

    def hear(self, message: MessageReceived) -> None:
        self.tell(What.WROTE, text=message.text)
        self.answer = self.meant(message)
        self.channel(message)

    def channel(self, event: ChannelEvent) -> None:
        entry = Entry(0, Source.WHATSAPP, "", NUMBER, self.contact, b"", self.now, self.now, 0, None)
        self.work(customer.told(self.house, entry, self.contact, event))

    def shop(self, event: ShopEvent) -> None:
        self.work(shopping.told(self.house, SHOP, Resolved(self.contact), event))

    def message_id(self) -> str:
        self.messages += 1
        return f"wamid.{self.contact}.{self.messages}"

    # ---- as the shop tells it

    def buyer(self) -> Buyer:
        who = self.shopper.person
        return Buyer(who.phone, None, None, who.first_name, who.language, who.told_country, who.told_zone)

    def agreements(self) -> tuple[ShopConsent, ...]:
        agreed = self.shopper.person.agreed
        if agreed is Consent.UNKNOWN:
            return ()
        return (ShopConsent("whatsapp", ConsentState(agreed.value), self.now - BEFORE_CHECKOUT, "checkout"),)

    def told(self, order: Ordered, status: OrderStatus, at: datetime) -> OrderChanged:
        """An order's event; the house keeps when it was placed from the first."""
        key = order.order
        return OrderChanged(
            at=at,
            order=key,
            number=f"#{key}",
            status=status,
            shopper=self.buyer(),
            lines=order.lines,
            total=order.total,
            placed_at=at,
            checkout=order.cart,
            tracking_link=f"https://shop.example/t/{key}",
            reorder_link=f"https://shop.example/r/{key}",
            discount_codes=(order.code,) if order.code else (),
        )

    def use_code(self, order: Ordered) -> None:
        made = next((one for one in self.paper.discounts.values() if one["code"] == order.code), None)
        if made is not None and from_micros(made["ends"]) > self.now:
            off = made["amount_minor"] or int(order.total.minor * Decimal(made["percent"]) / 100)
            self.tell(What.CODE_USED, self.paper.runs[made["run"]]["flow"], minor=min(off, order.total.minor))

    # ---- what the house does of its own accord

    def settle(self) -> None:
        """Until there is nothing to do at this moment."""
        for _ in range(MAX_ROUNDS):
            if self.paper.wants_code():
                for one in self.paper.run(discounts.wanted(self.now, AT_ONCE)):
                    self.make(one)
            due = self.paper.next_message()
            if due is None or due > self.now:
                return
            claim = self.paper.run(self.stage.postman.claim(self.house))
            for held in claim.held:
                self.hold(held)
            self.look()
            for claimed in claim.claimed:
                self.deliver(claimed)
            if not (claim.held or claim.claimed):
                return  # it waits for another one's turn

    def make(self, wanted: Wanted) -> None:
        code = wanted.discount
        worth = f"{code.percent}%" if code.amount is None else f"{money.amount(code.amount)} {code.amount.currency}"
        if self.paper.run(discounter.made_at_once(wanted, self.house)) is Verdict.FREE:
            self.tell(What.CODE, self.paper.runs[wanted.run]["flow"], text=worth)
        self.answer = 0, ""
        self.work(timers.code_decided(self.house, wanted.id))

    def hold(self, held: Held) -> None:
        message = self.paper.outbox[held.id]
        if held.until is None:
            self.over.add(held.id)
            self.about(What.DROPPED, message, text=held.why)
        elif held.news:
            self.about(What.WAITS, message, text=held.why, until=held.until)

    def deliver(self, claimed: Claimed) -> None:
        message = self.paper.outbox[claimed.id]
        provider_id = f"wamid.out.{claimed.id}"
        self.paper.run(outbox.sent(claimed.id, provider_id, held=False))
        content = claimed.content
        self.about(What.SENT, message, content, text=self.category(content, message["flow"]), free_text=isinstance(content, Text))
        if not self.shopper.person.on_whatsapp:
            self.about(What.FAILED, message, text="not on WhatsApp")
            failed = StatusChanged(provider_id, self.now, DeliveryStatus.FAILED, claimed.key, NOT_ON_WHATSAPP)
            self.channel(failed)
            return
        run = decode_run(self.paper.runs[message["run"]]["body"]) if message["run"] else None
        heard = Heard(content, bool(message["marketing"]), bool(message["reply"]), lambda: self.words(run), self.code(run, content))
        self.plan(self.shopper.hears(heard, self.now))

    # ---- what is said of it

    def look(self) -> None:
        """Tell what changed since the last look."""
        paper = self.paper
        if paper.saves:
            for run in paper.saves:
                self.moved(run)
            paper.saves.clear()
        if len(paper.audits) > self.audits:
            for noted in paper.audits[self.audits :]:
                self.noted(noted["about"], noted["text"])
            self.audits = len(paper.audits)
            self.tell_cancelled()  # nothing is cancelled without a note
        if len(paper.consents) > self.consents:
            for said in paper.consents[self.consents :]:
                if said["effective"] and said["channel"] == "whatsapp":
                    self.tell(What.CONSENT, text=said["state"], step=said["method"])
            self.consents = len(paper.consents)
        if paper.controls:
            for control in paper.controls:
                self.tell(What.CONTROL, text=control)
            if paper.controls[-1] is Control.WAITING:
                self.call_staff()
            paper.controls.clear()

    def noted(self, about: str, text: str) -> None:
        """A sentence was left under the person."""
        if text.startswith(_DID_NOT_START):
            self.tell(What.NOT_STARTED, about, text=_DATES.sub("it ran not long ago, and", text.removeprefix(_DID_NOT_START)))

    def tell_cancelled(self) -> None:
        for message in self.paper.outbox.values():
            if message["state"] == "cancelled" and message["id"] not in self.over and message["why"] not in _REASONS:
                self.over.add(message["id"])
                self.about(What.CANCELLED, message, text=message["why"])

    def moved(self, run: Run) -> None:
        """A run stands somewhere else."""
        if run.id not in self.known:
            self.known.add(run.id)
            self.tell(What.STARTED, run.flow)
        before = self.questions.get(run.id)
        if before is not None and (before.generation != run.generation or run.waiting is not Waiting.ANSWER):
            del self.questions[run.id]
            whose, answer = self.answer
            by_them = whose == run.id and run.outcome not in ("opted out", "left to staff")
            self.tell(What.ANSWERED, run.flow, step=before.position, text=answer if by_them else run.outcome or NO_ANSWER)
        if run.waiting is Waiting.ANSWER and run.id not in self.questions:
            self.questions[run.id] = run
            self.tell(What.ASKED, run.flow, step=run.position)
        if run.outcome is not None:
            self.tell(What.ENDED, run.flow, text=run.outcome)

    def call_staff(self) -> None:
        """Somebody at the desk will take the conversation, answer, and hand it back."""
        habits, dice = self.stage.habits, self.shopper.rng
        takes = self.stage.desk_opens(self.now) + spread(habits.staff_answer_median, dice, sigma=0.7)
        self.plan([(takes, StaffDoes.TAKE), (takes + habits.staff_talk, StaffDoes.RETURN)])

    def about(self, what: What, message: Values, content: Content | None = None, **more: Any) -> None:
        """News of a message; `content` where it was read already."""
        flow, revision = message["flow"], self.stage.playbook.library.flows.get(message["flow"])
        step = wordings_of(revision, self.language()).step_of(content or decode_content(message["content"])) if revision else HOUSE_TEXT
        kind = {"marketing": bool(message["marketing"]), "reply": bool(message["reply"]), "by_flow": message["author"] == "flow"}
        self.tell(what, flow, step=step, **kind, **more)

    def category(self, content: Content, flow: str | None) -> str:
        """Meta's category, by which a message is paid."""
        revision = self.stage.playbook.library.flows.get(flow or "")
        if not isinstance(content, TemplateMessage) or revision is None:
            return SERVICE
        return revision.templates[content.name].category.value

    def language(self) -> str:
        return self.stage.playbook.language_of(self.shopper.person.language)

    # ---- questions

    def meant(self, message: MessageReceived) -> tuple[int, str]:
        """The run whose question a message answers, and which answer it is."""
        run = next(reversed(self.questions.values()), None)
        if run is None:
            return 0, ""
        press = read_button_payload(message.payload or "")
        answers, revision = self.answers(run)
        in_place = press is not None and (press.run, press.generation) == (run.id, run.generation)
        number = press.answer if press and in_place else reply.meant(revision, answers, message.text, self.language())
        return run.id, _spoken(answers[number]) if number is not None and number < len(answers) else "not understood"

    def words(self, run: Run | None) -> tuple[str, ...]:
        """The words the open question of a run understands, in their language."""
        if run is None or run.waiting is not Waiting.ANSWER:
            return ()
        answers, revision = self.answers(run)
        return tuple(revision.translate(word, self.language()) for answer in answers for word in answer.words)

    def answers(self, run: Run) -> tuple[tuple[Answer, ...], Revision]:
        revision = self.stage.playbook.library.flows[run.flow]
        here = position.find(revision.flow, run.position)
        return here.step.answers if here and isinstance(here.step, AskStep) else (), revision

    def code(self, run: Run | None, content: Content) -> str | None:
        """The code a message brings."""
        if run is None or run.discount is None:
            return None
        code = run.discount.code
        told = (content.body, content.code or "") if isinstance(content, TemplateMessage) else (content.body, *extras(content))
        return code if any(code in words for words in told) else None


def _spoken(answer: Answer) -> str:
    return answer.button or ", ".join(answer.words) or ANYTHING_ELSE
