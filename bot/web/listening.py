"""Where the applications are reached: a port for the world, a Unix socket for this machine's user."""

import asyncio
import contextlib
import itertools
import os
from pathlib import Path

from aiohttp import web

from bot.web.doorstep import Delivered, Doorstep
from bot.web.port import BACKLOG, Port

CLOSE_SECONDS = 3.0  # how long a stop waits for requests that are being answered


class Listening:
    """Opens applications, and closes them in the opposite order: the door to the world first opens last."""

    def __init__(self) -> None:
        self._runners: list[web.AppRunner] = []
        self._sockets: list[Path] = []
        self._doorsteps: dict[Doorstep, list[asyncio.Server]] = {}

    async def on_port(self, application: web.Application, port: Port, delivered: Delivered | None = None) -> str:
        """Answer on a port, which from now on is closed from here; returns the URL. With `delivered` (`Door.delivered`) WhatsApp's
        deliveries take the short way."""
        url = port.url
        runner = await self._runner(application)
        if delivered is None:
            for one in port.sockets:
                await web.SockSite(runner, one, backlog=BACKLOG).start()
            return url
        assert runner.server is not None  # it is set up
        doorstep = Doorstep(delivered, runner.server)
        loop = asyncio.get_running_loop()
        self._doorsteps[doorstep] = [await loop.create_server(doorstep, sock=one, backlog=BACKLOG) for one in port.sockets]
        return url

    async def on_socket(self, application: web.Application, path: Path) -> None:
        """Listen on a Unix socket that only this user may open."""
        with contextlib.suppress(FileNotFoundError):
            path.unlink()  # noqa: ASYNC240 - left by a process that was killed; at start-up, microseconds
        runner = await self._runner(application)
        before = os.umask(0o177)  # the socket's permissions are its password
        try:
            await web.UnixSite(runner, str(path)).start()
        finally:
            os.umask(before)
        self._sockets.append(path)

    async def close(self) -> None:
        """Stop listening; requests under way are finished."""
        for server in itertools.chain(*self._doorsteps.values()):
            server.close()
        await asyncio.gather(*(doorstep.close(CLOSE_SECONDS) for doorstep in self._doorsteps), self._close_runners())
        self._doorsteps.clear()
        for path in self._sockets:
            with contextlib.suppress(FileNotFoundError):
                path.unlink()

    async def _close_runners(self) -> None:
        for runner in reversed(self._runners):
            await runner.cleanup()

    async def _runner(self, application: web.Application) -> web.AppRunner:
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=CLOSE_SECONDS)
        await runner.setup()
        self._runners.append(runner)
        return runner
