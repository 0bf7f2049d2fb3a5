"""Errors in the shape of OpenAI's API: {"error": {message, type, param, code}}."""

from __future__ import annotations

from typing import Any

from ..errors import EngineError, OptionError, TextError

RETRY_S = 1


class ApiError(Exception):
    """An error that is sent to the client.

    status: of the HTTP response. code: a short name for programs. param: the parameter of the
    request that is to blame. retry_s: seconds after which the request may be repeated.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        retry_s: int | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.param = param
        self.retry_s = retry_s

    @property
    def is_server_error(self) -> bool:
        """Whether the server is to blame, and not the request."""
        return self.status >= 500

    @property
    def body(self) -> dict[str, Any]:
        """The JSON of the response."""
        kind = "invalid_request_error"
        if self.status == 429:
            kind = "rate_limit_error"
        if self.is_server_error:
            kind = "server_error"
        return {
            "error": {
                "message": str(self),
                "type": kind,
                "param": self.param,
                "code": self.code,
            }
        }

    @property
    def headers(self) -> dict[str, str]:
        """The headers that belong to the status."""
        headers: dict[str, str] = {}
        if self.retry_s is not None:
            headers["Retry-After"] = str(self.retry_s)
        if self.status == 401:
            headers["WWW-Authenticate"] = "Bearer"
        return headers


def to_api_error(error: Exception) -> ApiError:
    """The error to send for whatever was raised while a request was handled."""
    if isinstance(error, ApiError):
        return error
    if isinstance(error, TextError):
        return ApiError(400, str(error), code="invalid_input", param="input")
    if isinstance(error, OptionError):
        return ApiError(400, str(error), code="invalid_value")
    if isinstance(error, EngineError):
        return ApiError(500, str(error), code="engine_error")
    return ApiError(500, "found a fault in the server, wanted none; see its log", code="fault")


def busy_error(message: str) -> ApiError:
    """Status 429, with the time after which to try again."""
    return ApiError(429, message, code="busy", retry_s=RETRY_S)


def too_many_requests(open_count: int, limit: int) -> ApiError:
    """Status 429 for one request more than `limit`."""
    return busy_error(
        f"found {open_count} requests spoken or waiting, wanted fewer than {limit}; "
        f"ask again in {RETRY_S} s"
    )
