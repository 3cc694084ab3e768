"""The question Meta asks a webhook receiver before it sends anything, and what is wrong with an answer, in words."""

import secrets

import aiohttp

TIMEOUT = aiohttp.ClientTimeout(total=5)
SHOWN = 60  # characters of a wrong answer
UNAUTHORISED = (401, 403)


async def trouble_with(url: str, verify_token: str) -> str:
    """Asks `GET url?hub.mode=subscribe&hub.challenge=...&hub.verify_token=...`. Empty when it answers as Meta wants, else a sentence."""
    challenge = str(secrets.randbelow(10**10))
    query = {"hub.mode": "subscribe", "hub.challenge": challenge, "hub.verify_token": verify_token}
    try:
        async with (
            aiohttp.ClientSession(timeout=TIMEOUT) as http,
            http.get(url, params=query, allow_redirects=False) as answer,
        ):
            status, text = answer.status, (await answer.text(errors="replace")).strip()
    except aiohttp.InvalidURL:
        return f"{url} is no web address"
    except TimeoutError:
        return f"{url} does not answer within {TIMEOUT.total:.0f} seconds"
    except aiohttp.ClientError as error:
        return f"{url} cannot be reached ({error.__class__.__name__}): is your bot running there?"
    return _judged(status, text, challenge)


def _judged(status: int, text: str, challenge: str) -> str:
    if status in UNAUTHORISED:
        return f"your bot answers {status}: it knows another verify token than the one given here"
    if 300 <= status < 400:
        return f"your bot answers {status}, a redirect: Meta does not follow those, give the address it leads to"
    if status == 404:
        return "your bot answers 404: there is nothing at this path for a GET"
    if status == 405:
        return "your bot answers 405: the path takes no GET, but Meta asks by GET first"
    if status != 200:
        return f"your bot answers {status}: it must answer 200 with the challenge"
    if text == challenge:
        return ""
    if text.strip('"') == challenge:
        return "your bot answers the challenge in quotes, as JSON: it must be the bare text"
    return f"your bot must answer with hub.challenge ({challenge}) and nothing else, not “{text[:SHOWN]}”"
