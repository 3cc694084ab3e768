"""Meta's error codes: what each means for the message, for the house, and in words for the owner.

The table is data. Sources: Cloud API, "Error codes"; the actions are those of the big open peers, tightened by our own rule that
nothing is ever sent again blindly: RETRY stands only where the code itself says that the message was not taken. The same code in a
`failed` status is another matter (`Verdict.late`): there Meta says that the message did not arrive.
"""

import re
from collections.abc import Mapping
from datetime import timedelta

from bot.channel import Failure, Remedy, Verdict
from bot.channel.whatsapp.wire import Node, integer, node, text

_MANAGER = "see the WhatsApp Manager"
_RESUME = "then 'comeback desk resume'; nothing in the queue is lost"
_TOKEN = "make a new token and set COMEBACK_WHATSAPP_TOKEN; nothing in the queue is lost"  # noqa: S105 - words, no token


def _stop(sentence: str, advice: str, remedy: Remedy = Remedy.STOP_ALL) -> Verdict:
    """Nothing can be sent until the owner acts; the message keeps its place in the queue."""
    return Verdict(Failure.RETRY, sentence, remedy, advice=advice)


def _stop_marketing(sentence: str, advice: str, **pause: float) -> Verdict:
    return Verdict(Failure.RETRY, sentence, Remedy.STOP_MARKETING, timedelta(**pause), advice=advice)


def _refused(sentence: str, remedy: Remedy = Remedy.NONE, advice: str = "") -> Verdict:
    return Verdict(Failure.REFUSED, sentence, remedy, advice=advice)


def _pause(sentence: str, **length: float) -> Verdict:
    return Verdict(Failure.RETRY, sentence, Remedy.PAUSE_NUMBER, timedelta(**length))


def _later(sentence: str, tries: int | None = None, **pause: float) -> Verdict:
    return Verdict(Failure.RETRY, sentence, Remedy.NONE, timedelta(**pause), tries)


# "Unknown error", "service unavailable": Meta's own docs call them temporary, but none says that the message was not taken. An inner
# time-out after it was handed on looks the same, and a second discount message is worse than none. In a `failed` status they say that
# it did not arrive: then it is tried three times in all.
_PERHAPS_TAKEN = Verdict(Failure.UNKNOWN, "WhatsApp had trouble of its own; nobody can say whether the message was sent", tries=3)

_NO_TEMPLATE_FIT = _refused(
    "the template and what was filled into it do not fit", advice="compare the flow with the approved template: 'comeback templates'"
)
_PERMISSION = _stop(
    "the token may not send from this number", f"give the system user the WhatsApp permissions, make a new token, {_RESUME}"
)
_NO_SUCH_NUMBER = _stop("WhatsApp does not know this phone number id, or it was deleted", f"correct COMEBACK_WHATSAPP_NUMBER, {_RESUME}")

VERDICTS: Mapping[int, Verdict] = {
    # token, permission, payment, registration: the owner must act
    0: _stop("WhatsApp did not accept the access token", _TOKEN, Remedy.RENEW_TOKEN),
    190: _stop("the access token is no longer valid", _TOKEN, Remedy.RENEW_TOKEN),
    3: _PERMISSION,
    10: _PERMISSION,
    131005: _PERMISSION,
    131031: _stop("WhatsApp locked the account", f"ask for a review in the WhatsApp Manager, {_RESUME}"),
    368: _stop("WhatsApp blocked the account for a while for breaking a policy", f"{_MANAGER} until when; once that is over, {_RESUME}"),
    131042: _stop("there is a problem with the account's payment method", f"mend it in the WhatsApp Manager, {_RESUME}"),
    131037: _stop("the number's display name is not approved yet", f"wait for it, or choose another in the WhatsApp Manager, {_RESUME}"),
    131045: _stop("the number's registration with the Cloud API is broken", f"register the number again, {_RESUME}"),
    133006: _stop("the number must be verified before it is registered", f"verify and register it in the WhatsApp Manager, {_RESUME}"),
    133010: _stop("the number is not registered with the Cloud API", f"register it in the WhatsApp Manager, {_RESUME}"),
    133015: _stop("the number was deleted a moment ago", f"wait five minutes, register it again, {_RESUME}"),
    33: _NO_SUCH_NUMBER,
    # too fast, or not now: surely not taken
    4: _pause("the app called WhatsApp too often", minutes=5),
    80007: _pause("the account called WhatsApp too often", minutes=5),
    133016: _pause("the number was registered and taken off too often", hours=1),
    130429: Verdict(Failure.RETRY, "more messages a second than this number may send", Remedy.SLOW_DOWN, timedelta(seconds=2)),
    131057: _pause("the number is in maintenance, or its throughput is being raised", minutes=1),  # Cloud API: a raise takes that long
    131056: Verdict(Failure.RETRY, "too many messages to this person in a short time", Remedy.PAUSE_PAIR),
    132069: _later("the form in this template may be sent ten times an hour at most now", hours=1),
    134101: _later("the template is still being made ready", minutes=10),
    131053: _later("the file could not be uploaded: look at its address and type", tries=2, seconds=10),
    # quality: no more marketing until staff looked
    131048: _stop_marketing(
        "too many people blocked or reported this number: marketing stops",
        f"look at whom you write to and how often, and at the quality in the WhatsApp Manager, {_RESUME}",
        hours=6,
    ),
    131064: _stop_marketing(
        "templates were sent in the wrong category: marketing stops",
        f"give promotional templates the category marketing, {_RESUME}",
        days=1,
    ),
    131063: _stop_marketing(
        "marketing is switched off for this account on the Cloud API",
        f"set COMEBACK_WHATSAPP_MARKETING_API=fallback, {_RESUME}",
        hours=6,
    ),
    # the template
    132015: Verdict(Failure.RETRY, "the template is paused because too many people disliked it", Remedy.HOLD_TEMPLATE),
    132016: _refused(
        "the template was disabled because too many people disliked it", Remedy.DROP_TEMPLATE, "write another and use it in the flow"
    ),
    132007: _refused("the template breaks a content policy", Remedy.DROP_TEMPLATE, "write it anew, or ask for a review"),
    132068: _refused("the form in this template is blocked", Remedy.DROP_TEMPLATE, f"mend the form: {_MANAGER}"),
    132001: _refused(
        "there is no approved template of this name in this language", Remedy.ASK_TEMPLATES, "create it: 'comeback templates push'"
    ),
    134100: _refused("only marketing templates may be sent this way", Remedy.ASK_TEMPLATES),
    132000: _NO_TEMPLATE_FIT,
    132008: _NO_TEMPLATE_FIT,
    132012: _NO_TEMPLATE_FIT,
    132018: _NO_TEMPLATE_FIT,
    132005: _refused("the template became too long with what was filled in", advice="shorten it, or what is filled in"),
    # this person
    131049: Verdict(Failure.RETRY, "this person gets enough marketing already, says WhatsApp", Remedy.PAUSE_PERSON, timedelta(days=1), 2),
    131050: _refused("this person stopped marketing messages in WhatsApp", Remedy.OPT_OUT),
    130472: _refused("this person is in an experiment of WhatsApp's and gets no marketing"),
    131026: _refused("WhatsApp cannot deliver to this person: no account, an old app, or terms not accepted", Remedy.UNREACHABLE),
    130497: _refused("the account may not write to people in this country", Remedy.CLOSE_COUNTRY, f"{_MANAGER} which countries are open"),
    131021: _refused("sender and recipient are the same number", Remedy.UNREACHABLE),
    131030: _refused(
        "a test number may only write to the phones on its allow list", advice="add the phone there, or use the shop's own number"
    ),
    131062: _refused("this template needs the person's phone number", Remedy.USE_PHONE),
    131047: _refused("more than 24 hours since the customer wrote: only a template may be sent", Remedy.USE_TEMPLATE),
    130403: _refused("this person is on the business's own block list", advice="take them off it to write to them"),
    # this message
    100: _refused("WhatsApp did not understand the message: a part of it is wrong"),
    131008: _refused("WhatsApp did not understand the message: a part of it is missing"),
    131009: _refused("WhatsApp did not understand the message: a part of it has a wrong value"),
    131051: _refused("WhatsApp does not know this type of message"),
    131052: _refused("the customer's file could not be fetched"),
    131055: _refused("this way of sending is not allowed for the message"),
    135000: _refused("WhatsApp did not understand the message"),
    # a number without storage at Meta: a matter of webhooks, not of messages
    131035: _refused("WhatsApp could not deliver its webhook, and keeps nothing for this number", advice="'comeback doctor' looks at it"),
    131036: _refused("WhatsApp keeps nothing for this number", advice=f"{_MANAGER}: local storage"),
    # nobody knows
    1: _PERHAPS_TAKEN,
    2: _PERHAPS_TAKEN,
    131000: _PERHAPS_TAKEN,
    131016: _PERHAPS_TAKEN,
    133004: _PERHAPS_TAKEN,
    134102: _PERHAPS_TAKEN,
}

# What Meta has against a template that is to be created (`error_subcode`).
TEMPLATE_FAULTS: Mapping[int, str] = {
    2388040: "a text of the template is too long",
    2388047: "the template's header has a form that is not allowed",
    2388072: "the template's body has a form that is not allowed",
    2388073: "the template's footer has a form that is not allowed",
    2388293: "the template has too many placeholders for so few words",
    2388299: "a text of the template begins or ends with a placeholder",
    2388019: "the account has as many templates as it may have",
    2388024: "there is a template of this name in this language already",
}

# Graph API: all of 200 to 299 are missing permissions.
_PERMISSION_CODES = range(200, 300)

# Graph API: with error 100, there is nothing by this id, or the token may not see it.
_NOTHING_THERE = 33

SERVER_ERROR = 500


def for_code(code: int, status: int = 400, subcode: int | None = None) -> Verdict:
    """What an error code of Meta's means; `status` is the HTTP status it came with (for a `failed` status: none, so leave it).

    A code that is not in the table means "refused" with a 4xx, and "nobody knows" with a 5xx.
    """
    if code in _PERMISSION_CODES:
        return _PERMISSION
    if (code, subcode) == (100, _NOTHING_THERE):
        return _NO_SUCH_NUMBER
    if found := VERDICTS.get(code):
        return found
    if status >= SERVER_ERROR:
        return _PERHAPS_TAKEN
    return _refused(f"WhatsApp refused the message with error {code}")


# Meta's own words help the owner, but may repeat a phone number or an id.
_LONG_NUMBER = re.compile(r"\+?\d[\d\s().-]{5,}\d")
_LONGEST_DETAIL = 300  # a line or two on a page


def explain(error: Node, status: int = 400) -> str:
    """A sentence for the owner about an `error` object of Meta's: ours, then Meta's own details with long numbers blacked out."""
    code = integer(error.get("code"))
    sentence = "WhatsApp gave no reason" if code is None else _sentence(code, status, integer(error.get("error_subcode")))
    details = (
        text(error.get("error_user_msg"))
        or text(node(error.get("error_data")).get("details"))
        or text(error.get("message"))
        or text(error.get("title"))
    )
    if details is None:
        return sentence
    return f"{sentence} (WhatsApp: {_LONG_NUMBER.sub('...', details)[:_LONGEST_DETAIL]})"


def _sentence(code: int, status: int, subcode: int | None) -> str:
    return TEMPLATE_FAULTS.get(subcode or 0) or for_code(code, status, subcode).sentence
