"""Errors as OpenAI's interface tells them: {"error": {message, type, param, code}}."""

from __future__ import annotations

from typing import Any

from ..errors import EngineError, OptionError, TextError

RETRY_S = 1


class ApiError(Exception):
    """A request that is answered with an error."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        retry_s: int | None = None,
    ) -> None:
        """`param` names what of the request is to blame; `retry_s` when it may be sent again."""
        super().__init__(message)
        self.status = status
        self.code = code
        self.param = param
        self.retry_s = retry_s

    @property
    def body(self) -> dict[str, Any]:
        """The JSON of the answer."""
        return {
            "error": {
                "message": str(self),
                "type": _kind(self.status),
                "param": self.param,
                "code": self.code,
            }
        }

    @property
    def headers(self) -> dict[str, str]:
        """What the answer's head says beside its status."""
        headers = {} if self.retry_s is None else {"Retry-After": str(self.retry_s)}
        if self.status == 401:
            headers["WWW-Authenticate"] = "Bearer"
        return headers


def _kind(status: int) -> str:
    if status == 429:
        return "rate_limit_error"
    return "server_error" if status >= 500 else "invalid_request_error"


def to_api_error(error: Exception) -> ApiError:
    """What the engine raised, as the answer to a request."""
    if isinstance(error, ApiError):
        return error
    if isinstance(error, TextError):
        return ApiError(400, str(error), code="invalid_input", param="input")
    if isinstance(error, OptionError):
        return ApiError(400, str(error), code="invalid_value")
    if isinstance(error, EngineError):
        return ApiError(500, str(error), code="engine_error")
    return ApiError(500, "found a fault in the server, wanted none; see its log", code="fault")


def busy(open_count: int, wanted: int) -> ApiError:
    """Too many at once."""
    return ApiError(
        429,
        f"found {open_count} requests spoken or waiting, wanted fewer than {wanted}; "
        f"ask again in {RETRY_S} s",
        code="busy",
        retry_s=RETRY_S,
    )
