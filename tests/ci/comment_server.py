"""A server that has the comments of one request, as the APIs of GitHub and GitLab have them."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any


class CommentServer:
    """Answers about comments, and notes which token asked."""

    def __init__(self, comments_path: str, comment_path: str, token_header: str) -> None:
        """`comments_path` has all comments of the request, `comment_path` one, by its number."""
        self._comments_path = comments_path
        self._comment_path = comment_path
        self.token_header = token_header
        self.comments: list[str] = []
        self.tokens: set[str] = set()
        self.is_read_only = False
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(self))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> CommentServer:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, method: str, path: str, content: dict[str, Any]) -> tuple[int, Any]:
        """Status and content."""
        place = path.partition("?")[0]
        if place == self._comments_path and method == "GET":
            listed = enumerate(self.comments, start=1)
            return 200, [{"id": number, "body": body} for number, body in listed]
        if self.is_read_only:
            return 403, {"message": "Resource not accessible by integration"}
        if place == self._comments_path and method == "POST":
            self.comments.append(content["body"])
            return 201, {}
        parent, _, number = place.rpartition("/")
        if parent == self._comment_path and method in ("PATCH", "PUT"):
            self.comments[int(number) - 1] = content["body"]
            return 200, {}
        return 404, {"message": "Not Found"}


def _handler_of(server: CommentServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            server.tokens.add(self.headers.get(server.token_header, ""))
            size = int(self.headers.get("Content-Length", 0))
            content = json.loads(self.rfile.read(size) or b"{}")
            status, answer = server.answer(self.command, self.path, content)
            body = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PATCH = do_PUT = _answer  # noqa: N815

        def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002
            return

    return Handler
