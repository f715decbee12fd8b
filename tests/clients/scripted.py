"""Pages that do nothing but run a script, on an origin of their own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from tests.clients.browser import NODE_MODULES

PAGE = """<!doctype html>
<meta charset="utf-8">
<title>page</title>
<body>
{libraries}
<script>
window.finished = (async () => {{
{script}
}})();
</script>
"""


class Pages:
    """Where pages with scripts are."""

    def __init__(self) -> None:
        self.origin = ""
        self._pages: list[str] = []

    def page(self, script: str, *libraries: str) -> str:
        """The address of a page; what the script returns is what the page comes to."""
        tags = "\n".join(f'<script src="/npm/{each}"></script>' for each in libraries)
        self._pages.append(PAGE.format(script=script, libraries=tags))
        return f"{self.origin}/{len(self._pages) - 1}/"

    async def answer(self, request: web.Request) -> web.Response:
        """The page with a number."""
        text = self._pages[int(request.match_info["number"])]
        return web.Response(text=text, content_type="text/html")


@asynccontextmanager
async def pages() -> AsyncIterator[Pages]:
    """Serve pages, and the packages of npm, on a free port until the block ends."""
    found = Pages()
    app = web.Application()
    app.router.add_static("/npm", NODE_MODULES)
    app.router.add_get("/{number}/", found.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        found.origin = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield found
    finally:
        await runner.cleanup()
