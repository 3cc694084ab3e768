"""The desk's pages without a browser: who comes in, whose forms count, who has a conversation, and what a customer's words become."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import aiohttp
import pytest
from aiohttp import web

from bot.policy.decision import Control
from bot.web.desk_pages import COOKIE, MAX_FORM, PATH
from bot.web.desk_session import FREE_TRIES, IDLE_SECONDS, LONGEST_PAUSE_SECONDS, LONGEST_SECONDS, Gate, Sessions
from bot.web.desk_view import pieces
from tests.worker.bench import DAY, PEPE

from .desk import PASSWORD, SAME_SITE, Front, Visitor

HOSTILE = [
    '<img src=x onerror="alert(1)">',
    "<script>alert(1)</script>",
    "{{ 7*7 }}{% raw %}{{ ''.__class__ }}",
    "</li></ol><h1>Owned</h1>",
    "x\n\nevent: over\ndata: y",
    "javascript:alert(1) data:text/html,<b>x</b>",
    'https://a.example/"onmouseover="alert(1)',
]


def routes(app: web.Application, method: str) -> list[str]:
    """Every path of the desk, with something in its places."""
    found = {
        (route.resource.canonical, route.method) for resource in app.router.resources() for route in resource if route.resource is not None
    }
    filled = {"{contact}": "1", "{action}": "take", "{name}": "desk.css", "{whose}": "in", "{message}": "1"}
    paths = []
    for path, its_method in sorted(found):
        if its_method == method:
            for place, value in filled.items():
                path = path.replace(place, value)
            paths.append(path.removeprefix(PATH))
    return paths


# ---- beside a conversation


async def test_what_brought_the_person_back_stands_beside_the_conversation(front: Front) -> None:
    bench = front.bench
    await bench.reminded()
    await bench.status(bench.channel.sent[-1], "delivered")
    await bench.work()
    bench.now += DAY
    await bench.order("o1", order_number="#77<b>")
    await bench.work()
    async with front.visitor("Ana") as visitor:
        page = await visitor.get(f"/{await bench.contact()}")
    assert "cart reminder: order #77&lt;b&gt; (after its message)" in page.text


# ---- coming in


async def test_without_a_session_there_is_only_the_door(front: Front, lola: int) -> None:
    async with front.visitor() as visitor:
        open_paths = {"/login", "/file/desk.css"}
        assert len(routes(front.app, "GET")) >= 6
        for path in set(routes(front.app, "GET")) - open_paths:
            page = await visitor.get(path)
            assert page.status == 401 if path.endswith("live") else page.headers.get("Location") == "/desk/login", path
            assert "Hello" not in page.text
        for path in set(routes(front.app, "POST")) - open_paths:
            assert (await visitor.post(path)).headers["Location"] == "/desk/login", path


async def test_a_form_sent_by_script_after_the_session_has_ended_leads_the_whole_page_to_the_door(front: Front, lola: int) -> None:
    async with front.visitor() as visitor:
        for path in ("", f"/{lola}"):
            page = await visitor.get(path, headers={"HX-Request": "true"})
            assert (page.status, page.headers["HX-Redirect"], page.text) == (204, "/desk/login", "")
        page = await visitor.post(f"/{lola}/take", headers={**SAME_SITE, "HX-Request": "true"})
        assert (page.status, page.headers["HX-Redirect"]) == (204, "/desk/login")
    assert (await front.control())[0] is Control.WAITING


async def test_whoever_knows_the_password_is_let_in_with_a_cookie_no_script_can_read(front: Front) -> None:
    async with front.visitor() as visitor:
        page = await visitor.login("Sam")
        assert (page.status, page.headers["Location"]) == (303, "/desk")
        cookie = page.headers["Set-Cookie"]
        assert re.search(rf"{COOKIE}=[\w-]{{43}};", cookie)
        assert {"HttpOnly", "Path=/desk", "SameSite=Lax"} <= set(cookie.split("; "))
        assert "Secure" not in cookie
        assert (await visitor.get()).status == 200


@pytest.mark.parametrize("headers", [{"X-Forwarded-Proto": "https"}, {"Origin": "https://bot.example"}])
async def test_behind_https_the_cookie_never_travels_without_it(front: Front, headers: dict[str, str]) -> None:
    async with front.visitor() as visitor:
        page = await visitor.login("Sam", headers={**SAME_SITE, **headers})
        assert "Secure" in page.headers["Set-Cookie"]


async def test_a_session_that_somebody_brought_along_is_not_taken_on(front: Front) -> None:
    async with front.visitor() as visitor:
        visitor.session.cookie_jar.update_cookies({COOKIE: "chosen-by-somebody-else"})
        page = await visitor.login("Sam")
        assert "chosen-by-somebody-else" not in page.headers["Set-Cookie"]


async def test_guessers_wait_longer_each_time_even_with_the_right_word(front: Front) -> None:
    async with front.visitor() as visitor:
        for _ in range(FREE_TRIES):
            assert (await visitor.login("Sam", "wrong")).status == 403
        pauses = []
        for _ in range(4):
            refused = await visitor.login("Sam")
            assert refused.status == 429
            pauses.append(int(refused.headers["Retry-After"]))
            front.ticks[0] += pauses[-1]
            assert (await visitor.login("Sam", "wrong")).status == 403
        assert pauses == sorted(pauses)
        assert pauses[-1] > 2 * pauses[0]
        front.ticks[0] += LONGEST_PAUSE_SECONDS
        assert (await visitor.login("Sam")).status == 303


@pytest.mark.parametrize("staff", ["", "   ", "x" * 41, "a\x07b"])
async def test_colleagues_must_be_able_to_tell_who_it_is(front: Front, staff: str) -> None:
    async with front.visitor() as visitor:
        assert (await visitor.login(staff)).status == 422


async def test_logging_out_ends_the_session_everywhere(front: Front) -> None:
    async with front.visitor("Sam") as visitor:
        page = await visitor.get()
        cookies = {cookie.key: cookie.value for cookie in visitor.session.cookie_jar}
        assert (await visitor.post("/logout", token=page.field("token"))).status == 303
        visitor.session.cookie_jar.update_cookies(cookies)
        assert (await visitor.get()).headers["Location"] == "/desk/login"


def test_sessions_end_when_nobody_is_there_and_after_a_week() -> None:
    now = [0.0]
    sessions = Sessions(lambda: now[0])
    name = sessions.begin("Sam")
    assert name not in repr(vars(sessions))
    while now[0] < LONGEST_SECONDS:
        assert sessions.find(name) is not None
        now[0] += IDLE_SECONDS
    now[0] += 1
    assert sessions.find(name) is None
    name = sessions.begin("Sam")
    now[0] += IDLE_SECONDS / 2
    assert sessions.find(name, used=False) is not None
    now[0] += IDLE_SECONDS / 2 + 1
    assert sessions.find(name) is None


def test_only_the_whole_password_opens() -> None:
    gate = Gate(PASSWORD, lambda: 0.0)
    assert not any(gate.opens(guess, "a") for guess in ("", PASSWORD[:-1], PASSWORD + " ", PASSWORD.upper(), "\ud800"))
    assert gate.opens(PASSWORD, "b")


# ---- whose forms count


@pytest.mark.parametrize(
    "headers",
    [{"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "https://evil.example"}, {"Origin": "null"}],
)
async def test_a_form_of_another_site_does_nothing(front: Front, lola: int, headers: dict[str, str]) -> None:
    async with front.visitor("Sam") as visitor:
        token = (await visitor.get()).field("token")
        paths = routes(front.app, "POST")
        assert len(paths) == 4
        for path in paths:
            assert (await visitor.post(path, headers=headers, token=token, staff="Sam", password=PASSWORD)).status == 403, path
        assert (await front.control())[0] is Control.WAITING


async def test_a_form_without_the_sessions_token_does_nothing(front: Front, lola: int) -> None:
    async with front.visitor("Sam") as visitor, front.visitor("Eve") as other:
        for token in ("", "x", "é", (await other.get()).field("token")):
            assert (await visitor.post(f"/{lola}/take", token=token)).status == 403
            assert (await visitor.post("/logout", token=token)).status == 403
        assert (await front.control())[0] is Control.WAITING


async def test_forms_have_a_size_and_a_kind(front: Front) -> None:
    async with front.visitor("Sam") as visitor:
        assert (await visitor.post("/login", staff="Sam", password="x" * MAX_FORM)).status == 413
        async with visitor.session.post(visitor.url + "/login", json={}, headers=SAME_SITE) as answer:
            assert answer.status == 415
        async with visitor.session.post(
            visitor.url + "/login",
            data=b"staff=%FF%FE",
            headers={**SAME_SITE, "Content-Type": "application/x-www-form-urlencoded"},
        ) as answer:
            assert answer.status < 500


async def test_every_answer_says_what_a_browser_may_do_with_it(front: Front, lola: int) -> None:
    async with front.visitor("Sam") as visitor:
        for path in ("", f"/{lola}", "/999999", "/file/live.js", "/file/htmx.min.js", "/file/..%2Fbase.html", "/nothing"):
            headers = (await visitor.get(path)).headers
            policy = headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy
            assert "unsafe" not in policy
            assert headers["X-Content-Type-Options"] == "nosniff"


# ---- who has a conversation


async def test_take_over_answer_and_hand_back_are_plain_forms(front: Front, lola: int) -> None:
    async with front.visitor("Sam") as visitor:
        assert "Asked for a person" in (await visitor.get()).text
        done = await visitor.act(lola, "take")
        assert (done.status, done.headers["Location"]) == (303, f"/desk/{lola}#text")
        assert await front.control() == (Control.HUMAN, "Sam")
        page = await visitor.get(f"/{lola}")
        assert "You have it; the bot is silent." in page.text
        await visitor.act(lola, "answer", text="Sam here.\r\nHow can I help?")
        await front.control()
        assert front.bench.channel.sent[-1].content.body == "Sam here.\nHow can I help?"
        await visitor.act(lola, "back")
        assert (await front.control())[0] is Control.BOT


async def test_the_longest_wait_stands_first(front: Front, lola: int) -> None:
    front.bench.now += timedelta(minutes=20)
    for text in ("hello", "a person please"):
        await front.bench.writes(text, PEPE)
        await front.bench.go()
    pepe = await front.bench.contact(PEPE)
    async with front.visitor("Sam") as visitor:
        text = (await visitor.get()).text
        assert 0 < text.index(f'href="/desk/{lola}"') < text.index(f'href="/desk/{pepe}"')
        assert "waits 20 min" in text


async def test_what_somebody_else_has_is_not_taken_unless_they_are_named(front: Front, lola: int) -> None:
    async with front.visitor("Sam") as sam, front.visitor("Eva") as eva:
        await sam.act(lola, "take")
        await front.control()
        early = await eva.get(f"/{lola}")
        for action, fields in (("take", {}), ("answer", {"text": "my <draft>"}), ("back", {}), ("take", {"away_from": "Ada"})):
            page = await eva.act(lola, action, early, **fields)
            assert page.status == 409, action
            assert "Sam has this conversation now" in page.text
        refused = await eva.act(lola, "answer", early, text="my <draft>")
        assert "my &lt;draft&gt;</textarea>" in refused.text
        assert await front.control() == (Control.HUMAN, "Sam")
        assert early.field("away_from") == "Sam"
        assert (await eva.act(lola, "take", early, away_from="Sam")).status == 303
        assert await front.control() == (Control.HUMAN, "Eva")


async def test_of_two_who_reach_for_it_at_once_one_gets_it(front: Front, lola: int) -> None:
    async with front.visitor("Sam") as sam, front.visitor("Eva") as eva:
        for _ in range(10):
            pages = [await sam.get(f"/{lola}"), await eva.get(f"/{lola}")]
            done = await asyncio.gather(sam.act(lola, "take", pages[0]), eva.act(lola, "take", pages[1]))
            assert sorted(page.status for page in done) == [303, 409]
            winner = sam if done[0].status == 303 else eva
            assert await front.control() == (Control.HUMAN, "Sam" if winner is sam else "Eva")
            await winner.act(lola, "back")
            await front.control()


async def test_an_answer_to_what_is_no_longer_the_last_word_is_held_back_once(front: Front, lola: int) -> None:
    async with front.visitor("Sam") as visitor:
        page = await visitor.get(f"/{lola}")
        await front.bench.writes("Never mind!")
        await front.bench.go()
        held = await visitor.act(lola, "answer", page, text="About your question")
        assert held.status == 409
        assert "a new message came in meanwhile" in held.text
        assert "Never mind!" in held.text
        sent = await visitor.act(lola, "answer", held, text="About your question")
        assert sent.status == 303


async def test_a_double_click_sends_once(front: Front, lola: int) -> None:
    async with front.visitor("Sam") as visitor:
        page = await visitor.get(f"/{lola}")
        before = len(front.bench.channel.sent)
        done = await asyncio.gather(*(visitor.act(lola, "answer", page, text="Once") for _ in range(3)))
        assert [one.status for one in done] == [303, 303, 303]
        await front.control()
        assert [sent.content.body for sent in front.bench.channel.sent[before:]] == ["Once"]


async def test_when_the_reply_window_is_closed_it_says_so_and_sends_nothing(front: Front, lola: int) -> None:
    async with front.visitor("Sam") as visitor:
        page = await visitor.get(f"/{lola}")
        assert "You can answer for another 23 h 55 min." in page.text
        front.bench.now += 2 * DAY
        refused = await visitor.act(lola, "answer", page, text="Still there?")
        assert refused.status == 422
        assert "They have not written for 24 hours." in refused.text
        assert "Still there?</textarea>" in refused.text


async def test_nobody_is_nobody(front: Front) -> None:
    async with front.visitor("Sam") as visitor:
        assert (await visitor.get("/999")).status == 404
        token = (await visitor.get()).field("token")
        assert (await visitor.post("/999/take", token=token)).status == 404


# ---- what a customer's words become


@pytest.mark.parametrize("text", HOSTILE)
async def test_what_a_customer_writes_is_never_markup(front: Front, lola: int, text: str) -> None:
    await front.bench.writes(text)
    await front.bench.go()
    async with front.visitor("Sam") as visitor:
        for page in (await visitor.get(), await visitor.get(f"/{lola}")):
            for mark in (
                "<img",
                "<script>alert",
                "<h1>Owned",
                '"onmouseover',
                'href="javascript',
                'href="data:text',
                'onerror="',
            ):
                assert mark not in page.text


async def test_only_web_addresses_become_links(front: Front, lola: int) -> None:
    await front.bench.writes("see (https://casa.example/a?b=1&c=2), ftp://x.example and javascript:alert(1)")
    await front.bench.go()
    async with front.visitor("Sam") as visitor:
        text = (await visitor.get(f"/{lola}")).text
    links = re.findall(r'<a href="(\w+:[^"]*)"([^>]*)>', text)
    assert links == [("https://casa.example/a?b=1&amp;c=2", ' rel="noopener noreferrer nofollow" target="_blank"')]


@pytest.mark.parametrize("text", ["", "a https://x.example/. b", "HTTPS://X.example", "http://", "https://.", "x" * 5000])
def test_pieces_are_the_text(text: str) -> None:
    assert "".join(piece.text for piece in pieces(text)) == text


# ---- live


@asynccontextmanager
async def stream(visitor: Visitor, path: str, **headers: str) -> AsyncIterator[aiohttp.StreamReader]:
    async with visitor.session.get(visitor.url + path, headers=headers) as answer:
        assert answer.status == 200
        assert answer.content_type == "text/event-stream"
        yield answer.content


async def next_event(reader: aiohttp.StreamReader, seconds: float = 5.0) -> dict[str, str]:
    async with asyncio.timeout(seconds):
        found: dict[str, str] = {}
        while line := (await reader.readline()).decode().rstrip("\n"):
            name, _, value = line.partition(": ")
            found[name] = f"{found[name]}\n{value}" if name in found else value
        return found


def part(event: dict[str, str], name: str, swap: str = "innerHTML") -> str:
    """What an event puts into a place of the page, and how."""
    found = re.search(rf'<div id="{name}" hx-swap-oob="{swap}">(.*?)</div>(?=\n<div id=|$)', event["data"], re.DOTALL)
    assert found, name
    return found[1]


async def test_what_happened_between_the_page_and_its_stream_comes_first(front: Front, lola: int) -> None:
    async with front.visitor("Sam") as visitor:
        page = await visitor.get(f"/{lola}")
        await front.bench.writes("In between")
        await front.bench.go()
        async with stream(visitor, f"/{lola}/live?since={page.since}") as reader:
            event = await next_event(reader)
            assert event["event"] == "parts"
            assert "In between" in part(event, "lines", "rows")
            await front.bench.writes("And now\nthis")
            await front.bench.go()
            assert "And now\nthis" in part(await next_event(reader), "lines", "rows")
        last = event["id"]
        async with stream(visitor, f"/{lola}/live?since={page.since}", **{"Last-Event-ID": last}) as reader:
            assert "And now" in part(await next_event(reader), "lines", "rows")


async def test_only_what_changed_is_sent_and_a_line_keeps_its_name(front: Front, lola: int) -> None:
    async with front.visitor("Sam") as visitor:
        page = await visitor.get(f"/{lola}")
        first = re.findall(r'<li id="(line-\w+-\d+)"', page.text)
        assert len(set(first)) == len(first) > 2
        async with stream(visitor, f"/{lola}/live?since={page.since}") as reader:
            front.bench.now += timedelta(seconds=50)
            for _ in range(2):
                await front.bench.writes("ok")
            await front.bench.go()
            event = await next_event(reader)
            while 'id="lines"' not in event["data"]:
                event = await next_event(reader)
            assert 'id="person"' not in event["data"]
            now = re.findall(r'<li id="(line-\w+-\d+)"', part(event, "lines", "rows"))
        assert now[: len(first)] == first
        assert len(set(now)) == len(now) == len(first) + 2  # the same words within the same second are two lines
        assert (await visitor.get(f"/{lola}")).text.count("<title>(1) ") == 1


async def test_a_page_that_is_up_to_date_is_sent_nothing(front: Front, lola: int) -> None:
    async with front.visitor("Sam") as visitor:
        page = await visitor.get(f"/{lola}")
        async with stream(visitor, f"/{lola}/live?since={page.since}") as reader:
            with pytest.raises(TimeoutError):
                await next_event(reader, 1.6)


async def test_a_stream_ends_when_its_visitor_has_logged_out(front: Front, lola: int) -> None:
    async with front.visitor("Sam") as visitor:
        page = await visitor.get(f"/{lola}")
        async with stream(visitor, f"/{lola}/live?since={page.since}") as reader:
            await visitor.post("/logout", token=page.field("token"))
            assert (await next_event(reader))["event"] == "over"
            assert reader.at_eof() or await reader.read() == b""
