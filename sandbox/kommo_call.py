"""A request to the fake Kommo, its refusals and lists. Source: reference/crm_pay_audiences.md A3."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from sandbox.core import World
from sandbox.kommo_account import Account, Invalid

Answer = tuple[int, Any]
PAGE = 250
MAX_WRITE = 250


class Problem(Exception):
    """An answer of application/problem+json."""

    def __init__(
        self, status: int, title: str, detail: str, errors: list[dict[str, Any]] | None = None
    ) -> None:
        super().__init__(detail)
        self.status, self.title, self.detail, self.errors = status, title, detail, errors

    def body(self) -> dict[str, Any]:
        """The body; validation errors as Kommo nests them."""
        body: dict[str, Any] = {
            "title": self.title,
            "type": f"https://httpstatus.es/{self.status}",
            "status": self.status,
            "detail": self.detail,
        }
        return body | ({"validation-errors": self.errors} if self.errors else {})


@dataclass
class Call:
    """One authenticated request, its path after /api/v4/ split at slashes."""

    world: World
    account: Account
    method: str
    path: list[str]
    query: dict[str, list[str]]
    body: Any
    now: int
    lag: float
    base: str

    def first(self, name: str, default: str = "") -> str:
        """The first value of a query parameter."""
        return self.query.get(name, [default])[0]


def refusal(errors: list[tuple[str, Invalid]]) -> Problem:
    """The refusal of a batch, with the errors of its elements by number."""
    return Problem(
        400,
        "Bad Request",
        "Request validation failed",
        [{"request_id": number, "errors": error.errors} for number, error in errors],
    )


def elements(call: Call, most: int) -> list[dict[str, Any]]:
    """The elements of a batch. Raises Problem when there are none or too many."""
    body = call.body
    if not isinstance(body, list) or not body or not all(isinstance(item, dict) for item in body):
        raise Problem(400, "Bad Request", "The body must be a non-empty array of objects")
    if len(body) > most:
        raise Problem(400, "Bad Request", f"At most {most} elements per request")
    return body


def each(elements: list[dict[str, Any]], function: Callable[[dict[str, Any]], Any]) -> list[Any]:
    """The function's answer for each element; refuses the whole batch when one is refused."""
    answers, errors = [], []
    for number, element in enumerate(elements):
        try:
            answers.append(function(element))
        except Invalid as error:
            errors.append((str(number), error))
    if errors:
        raise refusal(errors)
    return answers


def href(account: Account, kind: str, number: int) -> str:
    """The address of an entity."""
    return f"https://{account.subdomain}.kommo.com/api/v4/{kind}/{number}"


def page(call: Call, name: str, rows: list[Any], **more: Any) -> Answer:
    """One page of a list; 204 when it is empty."""
    try:
        page, limit = int(call.first("page", "1")), int(call.first("limit", "50"))
    except ValueError:
        raise Problem(400, "Bad Request", "page and limit must be integers") from None
    if page < 1 or not 1 <= limit <= PAGE:
        raise Problem(400, "Bad Request", f"limit must be between 1 and {PAGE}")
    part = rows[(page - 1) * limit : page * limit]
    if not part:
        return 204, None
    links = {"self": {"href": call.base}}
    if len(rows) > page * limit:
        query = {key: values[0] for key, values in call.query.items()} | {"page": str(page + 1)}
        links["next"] = {"href": f"{call.base}?{urlencode(query)}"}
    return 200, {"_page": page, "_links": links, "_embedded": {name: part}} | more
