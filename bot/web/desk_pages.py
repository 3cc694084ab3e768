"""The desk in a browser, at `/desk`: who waits, a conversation as it goes on, take over, answer, hand back.

Everything is a plain form that works without JavaScript. With it, htmx sends the forms and takes from the page that answers what has
changed, and one stream (server-sent events) keeps the page up to date: the server renders the same parts again and sends those that
differ from what the page has. The page says what it has (`since`), so nothing is lost between its making and its connecting.
"""

import asyncio
import re
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from http import HTTPStatus
from urllib.parse import parse_qs, urlsplit

from aiohttp import ClientConnectionResetError, web

from bot.desk import actions, board, enclosure
from bot.desk.board import Board, Case
from bot.store import desk
from bot.store.database import Database, StoreUnavailable
from bot.store.model import from_epoch
from bot.store.shelf import Shelf
from bot.store.step import Step
from bot.web.desk_files import NOT_OURS, Sent, handed_out, read_form
from bot.web.desk_session import Gate, Session, Sessions
from bot.web.desk_view import FILES, Looks, render

__all__ = ["PATH", "DeskPages", "Looks", "add_to"]

COOKIE = "comeback_desk"
PATH = "/desk"
MAX_FORM = 2**16  # bytes; 4,096 characters of four bytes each, percent-encoded, and the fields beside them
MAX_NAME = 40
BODY_SECONDS = 5.0
LOOK_SECONDS = 1.0  # between two looks at the store for a page that is open
DIGEST = 12  # hexadecimal digits that tell one state of a part from another
FILE_SECONDS = 365 * 24 * 3600  # a file that changes gets another address
PING_SECONDS = 15.0  # proxies close what is silent for half a minute
MAX_STREAMS = 200  # pages that are kept up to date at once
DONE_SECONDS = 1.5  # an answer to a form waits this long for the action to be worked off, so that the page shows it
DONE_LOOK_SECONDS = 0.03

PARTS = ("title", "notice", "board", "head", "person", "lines")  # of a page, as its version tells them
SAFE_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
        "media-src 'self'; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",  # links lead to shops; `no-referrer` would also hide the origin of our own forms
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}

Form = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Trouble:
    """Why a form was not done, and what its writer had written."""

    sentence: str
    draft: str = ""


class DeskPages:
    """The desk's application. `clock` is UTC; `wake` is called when staff did something; files are on the `shelf`; `ticks` are seconds
    that only rise."""

    def __init__(
        self,
        store: Database,
        clock: Callable[[], datetime],
        wake: Callable[[], None],
        password: str,
        looks: Looks,
        shelf: Shelf,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store, self._clock, self._wake, self._looks, self._shelf = store, clock, wake, looks, shelf
        self._sessions, self._gate = Sessions(ticks), Gate(password, ticks)
        self._closing = asyncio.Event()
        self._streams = 0

    def application(self) -> web.Application:
        """The aiohttp application, to be mounted at `PATH`."""
        app = web.Application(middlewares=[_safe, _own_forms_only])
        app.router.add_get("", self._board)
        app.router.add_get("/login", self._ask_password)
        app.router.add_post("/login", self._login)
        app.router.add_post("/logout", self._logout)
        app.router.add_post("/resume", self._resume)
        app.router.add_get("/live", self._live)
        app.router.add_get("/file/{name}", self._file)
        app.router.add_get(r"/{contact:\d{1,9}}", self._case)
        app.router.add_get(r"/{contact:\d{1,9}}/live", self._live)
        app.router.add_get(r"/{contact:\d{1,9}}/file/{whose:in|out}/{message:\d{1,18}}", self._attachment)
        app.router.add_post(r"/{contact:\d{1,9}}/{action:take|answer|back|block|arrived|again}", self._act)
        app.on_shutdown.append(self._close)
        return app

    async def _close(self, _: web.Application) -> None:
        """Streams end at once, so that a stop need not wait for them."""
        self._closing.set()

    async def _file(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if name not in FILES:
            raise web.HTTPNotFound
        path, content_type = FILES[name]
        answer = web.Response(text=path.read_text("utf-8"), content_type=content_type)
        answer.enable_compression()
        answer.headers["Cache-Control"] = f"max-age={FILE_SECONDS}, immutable"
        return answer

    # coming and going

    async def _ask_password(self, request: web.Request) -> web.Response:
        if self._visitor(request):
            raise web.HTTPSeeOther(PATH)
        return self._login_page(HTTPStatus.OK)

    async def _login(self, request: web.Request) -> web.Response:
        form = await _form(request)
        address, staff = request.remote or "", " ".join(form.get("staff", "").split())
        pause = self._gate.pause(address)
        if pause:
            wait = str(int(pause) + 1)
            page = self._login_page(HTTPStatus.TOO_MANY_REQUESTS, staff, f"That was wrong too often. Try again in {wait} seconds.")
            page.headers["Retry-After"] = wait
            return page
        if not self._gate.opens(form.get("password", ""), address):
            return self._login_page(HTTPStatus.FORBIDDEN, staff, "This is not the desk's password.")
        if not 1 <= len(staff) <= MAX_NAME or not staff.isprintable():
            trouble = f"Give the name that colleagues know you by, up to {MAX_NAME} characters."
            return self._login_page(HTTPStatus.UNPROCESSABLE_ENTITY, "", trouble)
        self._sessions.end(request.cookies.get(COOKIE, ""))
        answer = web.HTTPSeeOther(PATH)
        answer.set_cookie(
            COOKIE,
            self._sessions.begin(staff),
            path=PATH,
            httponly=True,
            samesite="Lax",
            secure=_over_https(request),
            max_age=None,
        )
        raise answer

    async def _logout(self, request: web.Request) -> web.Response:
        await self._own_form(request)
        self._sessions.end(request.cookies.get(COOKIE, ""))
        answer = web.HTTPSeeOther(f"{PATH}/login")
        answer.del_cookie(COOKIE, path=PATH)
        raise answer

    def _login_page(self, status: HTTPStatus, staff: str = "", trouble: str = "") -> web.Response:
        return _html(render("login.html", looks=self._looks, staff=staff, trouble=trouble), status)

    def _visitor(self, request: web.Request, *, used: bool = True) -> Session | None:
        return self._sessions.find(request.cookies.get(COOKIE, ""), used=used)

    def _session(self, request: web.Request) -> Session:
        session = self._visitor(request)
        if session is None and request.headers.get("HX-Request"):
            raise web.HTTPNoContent(headers={"HX-Redirect": f"{PATH}/login"})  # the whole page goes, not a piece of it
        if session is None:
            raise web.HTTPSeeOther(f"{PATH}/login")
        return session

    # looking

    async def _attachment(self, request: web.Request) -> web.StreamResponse:
        """A file of a thread, to whoever is at the desk: to be looked at or saved, never to become part of a page."""
        self._session(request)
        if request.headers.get("HX-Request"):
            raise web.HTTPForbidden(text="a file is opened by itself")
        contact, message = int(request.match_info["contact"]), int(request.match_info["message"])
        find = desk.file_that_came if request.match_info["whose"] == "in" else desk.file_of_ours
        return handed_out(await self._store.read(find(contact, message)), self._shelf)

    async def _board(self, request: web.Request) -> web.Response:
        session = self._session(request)
        parts = await self._parts(session, None)
        return _html(render("board.html", looks=self._looks, session=session, case=None, parts=parts, version=_version(parts)))

    async def _case(self, request: web.Request) -> web.Response:
        return await self._case_page(self._session(request), int(request.match_info["contact"]))

    async def _case_page(
        self, session: Session, contact: int, status: HTTPStatus = HTTPStatus.OK, trouble: _Trouble | None = None
    ) -> web.Response:
        now, seen = self._clock(), await self._seen(contact)
        if isinstance(seen[1], Case) and seen[1].contact != contact:
            raise web.HTTPSeeOther(f"{PATH}/{seen[1].contact}")
        text = render(
            "case.html",
            looks=self._looks,
            session=session,
            case=seen[1],
            now=now,
            parts=(parts := self._rendered(session, *seen, now)),
            version=_version(parts),
            trouble=trouble,
            accepted=enclosure.ACCEPTED,
            accepted_words=enclosure.IN_WORDS,
            page=f"{int(now.timestamp())}-{secrets.token_hex(8)}",
        )
        return _html(text, status)

    async def _seen(self, contact: int | None) -> tuple[Board, Case | None]:
        def step() -> Step[tuple[Board, Case | None]]:
            return (yield from board.board(self._clock())), (None if contact is None else (yield from board.case(contact)))

        try:
            return await self._store.read(step())
        except actions.NotFound:
            raise web.HTTPNotFound(text="there is no such conversation") from None

    async def _parts(self, session: Session, contact: int | None) -> dict[str, str]:
        return self._rendered(session, *(await self._seen(contact)), self._clock())

    def _rendered(self, session: Session, listed: Board, case: Case | None, now: datetime) -> dict[str, str]:
        """The parts of a page that change, by the id of the element they stand in."""
        shared = {"looks": self._looks, "session": session, "now": now, "case": case}
        parts: dict[str, str] = {name: render(f"part_{name}.html", board=listed, **shared) for name in ("title", "notice", "board")}
        if case is not None:
            parts |= {name: render(f"part_{name}.html", **shared) for name in ("head", "person", "lines")}
        return parts

    async def _live(self, request: web.Request) -> web.StreamResponse:
        """The stream of a page: its parts whenever they differ from what it has."""
        if self._visitor(request, used=False) is None:
            raise web.HTTPUnauthorized
        if self._streams >= MAX_STREAMS:
            raise web.HTTPServiceUnavailable
        contact = request.match_info.get("contact")
        since = request.headers.get("Last-Event-ID") or request.query.get("since", "")
        stream = web.StreamResponse(headers={**SAFE_HEADERS, "Content-Type": "text/event-stream", "X-Accel-Buffering": "no"})
        await stream.prepare(request)
        self._streams += 1
        try:
            with suppress(ClientConnectionResetError, StoreUnavailable):
                await self._keep_up(stream, request, int(contact) if contact else None, since)
        finally:
            self._streams -= 1
        return stream

    async def _keep_up(self, stream: web.StreamResponse, request: web.Request, contact: int | None, since: str) -> None:
        silent = 0.0
        while not self._closing.is_set():
            session = self._visitor(request, used=False)
            if session is None:
                await stream.write(b"event: over\ndata:\n\n")
                return
            parts = await self._parts(session, contact)
            if news := _event(parts, since):
                since, silent = _version(parts), 0.0
                await stream.write(news)
            elif silent >= PING_SECONDS:
                silent = 0.0
                await stream.write(b": still here\n\n")
            silent += LOOK_SECONDS
            with suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), LOOK_SECONDS)

    # acting

    async def _act(self, request: web.Request) -> web.Response:
        session, sent = await self._own_form(request)
        contact, action = int(request.match_info["contact"]), request.match_info["action"]
        draft = sent.fields.get("text", "")
        if sent.trouble:
            return await self._case_page(session, contact, HTTPStatus.UNPROCESSABLE_ENTITY, _Trouble(f"Not sent: {sent.trouble}", draft))
        try:
            entry = await self._store.run(self._step(session, contact, action, sent))
        except actions.NotFound:
            raise web.HTTPNotFound(text="there is no such conversation") from None
        except actions.Taken as fault:
            trouble = _Trouble(f"{fault.staff} has this conversation now. Nothing was done.", draft)
            return await self._case_page(session, contact, HTTPStatus.CONFLICT, trouble)
        except actions.Outdated as fault:
            trouble = _Trouble(f"Not sent yet: {fault}. Read on, then send again.", draft)
            return await self._case_page(session, contact, HTTPStatus.CONFLICT, trouble)
        except actions.Refused as fault:
            return await self._case_page(session, contact, HTTPStatus.UNPROCESSABLE_ENTITY, _Trouble(f"Not sent: {fault}", draft))
        except StoreUnavailable:
            raise web.HTTPServiceUnavailable(text="the database cannot be used now: nothing was done, go back and try again") from None
        if entry is not None:
            self._store.arrivals.note_names(await self._store.read(actions.names(str(contact))))  # what is just about to go looks again
            self._wake()
            await self._done(entry)
        raise web.HTTPSeeOther(f"{PATH}/{contact}#text")

    async def _resume(self, request: web.Request) -> web.Response:
        """Whatever stopped the sending was mended, says somebody at the desk."""
        await self._own_form(request)
        await self._store.run(actions.resume())
        self._wake()
        raise web.HTTPSeeOther(PATH)

    def _step(self, session: Session, contact: int, action: str, sent: Sent) -> Step[int | None]:
        """The action as one step; None when this very form was sent before."""
        who, now, form = str(contact), self._clock(), sent.fields
        if not (yield from _first_time(form.get("page", ""))):
            return None
        match action:
            case "take":
                return (yield from actions.take_free(who, session.staff, now, away_from=form.get("away_from", "")))
            case "answer":
                said, seen = form.get("text", ""), _whole(form.get("seen", ""))
                return (yield from actions.answer(who, session.staff, said, now, seen=seen, enclosed=sent.enclosed))
            case "arrived" | "again":
                message = _whole(form.get("message", ""))
                return (yield from actions.decide_own(who, session.staff, message, now, arrived=action == "arrived"))
            case "block":
                return (yield from actions.block_own(who, session.staff, now))
            case _:
                return (yield from actions.hand_back_own(who, session.staff, now))

    async def _done(self, entry: int) -> None:
        """Until the action is worked off, or a short while."""
        with suppress(TimeoutError, StoreUnavailable):
            async with asyncio.timeout(DONE_SECONDS):
                while not await self._store.read(desk.is_done(entry)):  # noqa: ASYNC110 - another process may work it off
                    await asyncio.sleep(DONE_LOOK_SECONDS)

    async def _own_form(self, request: web.Request) -> tuple[Session, Sent]:
        """The form of somebody at the desk, with the token of one of their own pages; where it may have one, with its file."""
        session = self._session(request)
        if request.content_type == "multipart/form-data" and request.match_info.get("action") == "answer":
            sent = await read_form(request, self._shelf, session.token)
        else:
            sent = Sent(await _form(request))
        if not secrets.compare_digest(sent.fields.get("token", "").encode(), session.token.encode()):
            raise web.HTTPForbidden(text=NOT_OURS)
        return session, sent


def add_to(application: web.Application, pages: DeskPages) -> None:
    """Serve the desk beside what the application serves already."""
    application.add_subapp(PATH, pages.application())


def _whole(number: str) -> int:
    """A message's number as a form says it; 0 for what is none."""
    return int(number) if number.isascii() and number.isdigit() and len(number) < 19 else 0


def _first_time(page: str) -> Step[bool]:
    seconds, _, name = page.partition("-")
    if not (seconds.isascii() and seconds.isdigit() and len(seconds) < 12 and 0 < len(name) < 40):
        return True  # no page of ours: nothing to compare with
    return (yield from desk.first_time(name, from_epoch(int(seconds))))


async def _form(request: web.Request) -> Form:
    """The fields of a form; the last one counts where a name comes twice."""
    if request.content_type != "application/x-www-form-urlencoded":
        raise web.HTTPUnsupportedMediaType
    if request.content_length is None or request.content_length > MAX_FORM:
        raise web.HTTPRequestEntityTooLarge(MAX_FORM, request.content_length or 0)
    try:
        async with asyncio.timeout(BODY_SECONDS):
            body = await request.read()
        fields = parse_qs(body.decode(), keep_blank_values=True, max_num_fields=20)
    except TimeoutError:
        raise web.HTTPRequestTimeout from None
    except ValueError:
        raise web.HTTPBadRequest(text="this does not read as a form") from None
    return {name: values[-1].replace("\r\n", "\n") for name, values in fields.items()}


def _html(text: str, status: HTTPStatus = HTTPStatus.OK) -> web.Response:
    return web.Response(text=text, content_type="text/html", status=status)


def _version(parts: Mapping[str, str]) -> str:
    """What a page has that shows these parts: a digest each, one after the other."""
    return "".join(_digest(parts[name]) for name in PARTS if name in parts)


def _event(parts: Mapping[str, str], since: str) -> bytes:
    """The event that brings a page of version `since` up to date, empty when it is. htmx swaps each part into its place."""
    named = [name for name in PARTS if name in parts]
    news = [name for place, name in enumerate(named) if since[place * DIGEST :][:DIGEST] != _digest(parts[name])]
    if not news:
        return b""
    lines = re.split(r"\r\n|\r|\n", "\n".join(_swap(name, parts[name]) for name in news))  # what ends a line in a stream of events
    return "\n".join([f"id: {_version(parts)}", "event: parts", *(f"data: {line}" for line in lines), "", ""]).encode()


def _swap(name: str, part: str) -> str:
    if name == "title":
        return f"<title>{part}</title>"
    return f'<div id="{name}" hx-swap-oob="{"rows" if name == "lines" else "innerHTML"}">{part}</div>'


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:DIGEST]


def _over_https(request: web.Request) -> bool:
    """Whether the visitor's browser speaks https, be it to a proxy before us."""
    origin = request.headers.get("Origin", "")
    return request.secure or request.headers.get("X-Forwarded-Proto") == "https" or origin.startswith("https://")


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@web.middleware
async def _safe(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Every answer carries the safe headers, the refusals too."""
    try:
        answer = await handler(request)
    except web.HTTPException as refusal:
        refusal.headers.update(SAFE_HEADERS)
        raise
    if not answer.prepared:
        for name, value in SAFE_HEADERS.items():
            answer.headers.setdefault(name, value)  # a file says itself how long it may be kept
    return answer


@web.middleware
async def _own_forms_only(request: web.Request, handler: Handler) -> web.StreamResponse:
    """No page of another site may send a form here. Sec-Fetch-Site is the browser's own word; where it is missing, the origin is."""
    if request.method not in ("GET", "HEAD"):
        site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
        foreign = site != "same-origin" if site else origin is not None and urlsplit(origin).netloc != request.host
        if foreign:
            raise web.HTTPForbidden(text="this form came from another site")
    return await handler(request)
