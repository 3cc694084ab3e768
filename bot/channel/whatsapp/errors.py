"""Meta's error codes: what each means for the message, for the house, and in words for the owner.

The table is data. Sources: Cloud API, "Error codes"; the actions are those of the big open peers, tightened by our own rule that
nothing is ever sent again blindly: RETRY stands only where the code itself says that the message was not taken.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from bot.channel import Failure, Remedy
from bot.channel.whatsapp.wire import Node, integer, node, text


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an error code means. `sentence` is for the owner; `retry_after` the least time before the next try.

    For a `failed` status the message's fate is settled by the status itself: then only remedy, time and sentence matter.
    """

    failure: Failure
    sentence: str
    remedy: Remedy = Remedy.NONE
    retry_after: timedelta | None = None


_RETRY, _REFUSED, _UNKNOWN = Failure.RETRY, Failure.REFUSED, Failure.UNKNOWN


def _stop_all(sentence: str) -> Verdict:
    """Nothing can be sent until the owner acts; the message keeps its place in the queue."""
    return Verdict(_RETRY, sentence, Remedy.STOP_ALL)


def _refused(sentence: str, remedy: Remedy = Remedy.NONE) -> Verdict:
    return Verdict(_REFUSED, sentence, remedy)


def _pause(sentence: str, **length: float) -> Verdict:
    return Verdict(_RETRY, sentence, Remedy.PAUSE_NUMBER, timedelta(**length))


# "Unknown error", "service unavailable": Meta's own docs call them temporary, but none says that the message was not taken. An inner
# time-out after it was handed on looks the same, and a second discount message is worse than none.
_PERHAPS_TAKEN = "WhatsApp had trouble of its own; nobody can say whether the message was sent"

_NO_TEMPLATE_FIT = "the template and what was filled into it do not fit: compare the flow with the approved template"

_PERMISSION = "the token may not send from this number: give the system user the WhatsApp permissions and make a new token"

VERDICTS: Mapping[int, Verdict] = {
    # token, permission, payment, registration: the owner must act
    0: _stop_all("WhatsApp did not accept the access token: make a new one"),
    190: _stop_all("the access token is no longer valid: make a new one"),
    3: _stop_all(_PERMISSION),
    10: _stop_all(_PERMISSION),
    131005: _stop_all(_PERMISSION),
    131031: _stop_all("WhatsApp locked the account: see the WhatsApp Manager"),
    368: _stop_all("WhatsApp blocked the account for a while for breaking a policy: see the WhatsApp Manager"),
    131042: _stop_all("there is a problem with the account's payment method"),
    131037: _stop_all("the number's display name is not approved yet"),
    131045: _stop_all("the number is not registered with the Cloud API"),
    133006: _stop_all("the number must be verified before it is registered"),
    133010: _stop_all("the number is not registered with the Cloud API"),
    133015: _stop_all("the number was deleted a moment ago: wait, then register it again"),
    33: _stop_all("WhatsApp does not know this phone number id, or it was deleted"),
    # too fast, or not now: surely not taken
    4: _pause("the app called WhatsApp too often", minutes=5),
    80007: _pause("the account called WhatsApp too often", minutes=5),
    130429: _pause("more messages a second than this number may send", seconds=5),
    131057: _pause("the number is in maintenance, or its throughput is being raised", minutes=2),
    131056: Verdict(_RETRY, "too many messages to this person in a short time", retry_after=timedelta(minutes=1)),
    132015: Verdict(_RETRY, "the template is paused because too many people disliked it", retry_after=timedelta(hours=3)),
    132069: Verdict(_RETRY, "the form in this template may be sent ten times an hour at most now", retry_after=timedelta(hours=1)),
    134101: Verdict(_RETRY, "the template is still being made ready", retry_after=timedelta(minutes=10)),
    # quality: no more marketing until staff looked
    131048: Verdict(_RETRY, "too many people blocked or reported this number: marketing stops", Remedy.STOP_MARKETING, timedelta(hours=6)),
    131064: Verdict(_RETRY, "templates were sent in the wrong category: marketing stops", Remedy.STOP_MARKETING, timedelta(days=1)),
    131063: _refused("marketing is switched off for this account on the Cloud API", Remedy.STOP_MARKETING),
    # this person
    131049: Verdict(_REFUSED, "this person gets enough marketing already, says WhatsApp", Remedy.PAUSE_PERSON, timedelta(days=1)),
    131050: _refused("this person stopped marketing messages in WhatsApp", Remedy.OPT_OUT),
    130472: _refused("this person is in an experiment of WhatsApp's and gets no marketing"),
    131026: _refused("WhatsApp cannot deliver to this person: no account, an old app, or terms not accepted", Remedy.UNREACHABLE),
    130497: _refused("the account may not write to people in this country", Remedy.UNREACHABLE),
    131021: _refused("sender and recipient are the same number", Remedy.UNREACHABLE),
    131030: _refused("a test number may only write to the phones on its allow list"),
    131062: _refused("this template needs the person's phone number"),
    131047: _refused("more than 24 hours since the customer wrote: only a template may be sent"),
    # this message
    100: _refused("WhatsApp did not understand the message: a part of it is wrong"),
    131008: _refused("WhatsApp did not understand the message: a part of it is missing"),
    131009: _refused("WhatsApp did not understand the message: a part of it has a wrong value"),
    131051: _refused("WhatsApp does not know this type of message"),
    131052: _refused("the customer's file could not be fetched"),
    131053: _refused("the file could not be uploaded: look at its address and type"),
    131055: _refused("this way of sending is not allowed for the message"),
    135000: _refused("WhatsApp did not understand the message"),
    132000: _refused(_NO_TEMPLATE_FIT),
    132008: _refused(_NO_TEMPLATE_FIT),
    132012: _refused(_NO_TEMPLATE_FIT),
    132018: _refused(_NO_TEMPLATE_FIT),
    132001: _refused("there is no approved template of this name in this language"),
    132005: _refused("the template became too long with what was filled in"),
    132007: _refused("the template breaks a content policy"),
    132016: _refused("the template was disabled because too many people disliked it"),
    132068: _refused("the form in this template is blocked"),
    134100: _refused("only marketing templates may be sent this way"),
    # nobody knows
    1: Verdict(_UNKNOWN, _PERHAPS_TAKEN),
    2: Verdict(_UNKNOWN, _PERHAPS_TAKEN),
    131000: Verdict(_UNKNOWN, _PERHAPS_TAKEN),
    131016: Verdict(_UNKNOWN, _PERHAPS_TAKEN),
    133004: Verdict(_UNKNOWN, _PERHAPS_TAKEN),
    134102: Verdict(_UNKNOWN, _PERHAPS_TAKEN),
}

# Graph API: all of 200 to 299 are missing permissions.
_PERMISSION_CODES = range(200, 300)

SERVER_ERROR = 500


def for_code(code: int, status: int = 400) -> Verdict:
    """What an error code of Meta's means; `status` is the HTTP status it came with (for a `failed` status: none, so leave it).

    A code that is not in the table means "refused" with a 4xx, and "nobody knows" with a 5xx.
    """
    if code in _PERMISSION_CODES:
        return _stop_all(_PERMISSION)
    if found := VERDICTS.get(code):
        return found
    if status >= SERVER_ERROR:
        return Verdict(_UNKNOWN, _PERHAPS_TAKEN)
    return _refused(f"WhatsApp refused the message with error {code}")


# Meta's own words help the owner, but may repeat a phone number or an id.
_LONG_NUMBER = re.compile(r"\+?\d[\d\s().-]{5,}\d")
_LONGEST_DETAIL = 300  # a line or two on a page


def explain(error: Node, status: int = 400) -> str:
    """A sentence for the owner about an `error` object of Meta's: ours, then Meta's own details with long numbers blacked out."""
    code = integer(error.get("code"))
    sentence = "WhatsApp gave no reason" if code is None else for_code(code, status).sentence
    details = (
        text(error.get("error_user_msg"))
        or text(node(error.get("error_data")).get("details"))
        or text(error.get("message"))
        or text(error.get("title"))
    )
    if details is None:
        return sentence
    return f"{sentence} (WhatsApp: {_LONG_NUMBER.sub('...', details)[:_LONGEST_DETAIL]})"
