"""Who may talk to the workspace: the browser that opened the link, and nobody who was tricked into it.

Other pages in the same browser can reach 127.0.0.1, and a hostile name can be made to point there (DNS rebinding):
so every request must name us as its Host, none may come from another Origin, and the page needs a cookie that one
token buys once. The app's own calls carry Slack tokens instead; browsers never send those by themselves.
"""

import hmac
from collections.abc import Awaitable, Callable
from http import HTTPStatus

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Guard:
    """Checks where a request comes from. `port` is known once the socket is bound."""

    def __init__(self, new_secret: Callable[[], str]) -> None:
        self.port = 0
        self.token: str = new_secret()
        self._session: str = new_secret()
        self._used = False

    @property
    def cookie(self) -> str:
        """The cookie's name. Ports share cookies, so the port is in it."""
        return f"workspace-{self.port}"

    @web.middleware
    async def check(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Refuse strangers; put the protecting headers on every answer."""
        if not self._is_ours(request):
            response: web.StreamResponse = web.Response(text="Not for you.", status=HTTPStatus.FORBIDDEN)
        else:
            response = await _answered(request, handler)
        if not response.prepared:
            response.headers.update(HEADERS)
        return response

    def protect(self, response: web.StreamResponse) -> None:
        """Put the protecting headers on an answer that is sent piece by piece."""
        response.headers.update(HEADERS)

    def admit(self, request: web.Request, response: web.Response) -> bool:
        """Let in who brings the unused token, and give them the cookie on `response`."""
        token = request.query.get("token", "")
        if self._used or not hmac.compare_digest(token.encode(), self.token.encode()):
            return False
        self._used = True
        response.set_cookie(self.cookie, self._session, httponly=True, samesite="Strict", path="/")
        return True

    def knows(self, request: web.Request) -> bool:
        """Whether the request brings the cookie."""
        return hmac.compare_digest(request.cookies.get(self.cookie, "").encode(), self._session.encode())

    def is_page(self, request: web.Request) -> bool:
        """Whether our own page made this request, as far as the browser tells."""
        return self.knows(request) and request.headers.get("Sec-Fetch-Site", "same-origin") == "same-origin"

    def _is_ours(self, request: web.Request) -> bool:
        names = (f"127.0.0.1:{self.port}", f"localhost:{self.port}")
        origin = request.headers.get("Origin")
        return request.host in names and (origin is None or origin == f"http://{request.host}")


async def _answered(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except web.HTTPException as problem:
        return web.Response(text=problem.text, status=problem.status)
