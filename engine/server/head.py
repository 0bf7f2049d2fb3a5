"""HEAD, by which health checks and proxies ask: the head of what GET answers."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send


class HeadMiddleware:
    """Has a request of HEAD answered as GET. Sending no body is the server's part."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "HEAD":
            scope = {**scope, "method": "GET"}  # a copy: the server has to know that it was HEAD
        await self._app(scope, receive, send)
