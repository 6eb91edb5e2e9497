"""Lists as Vuexy asks for them: q, page, itemsPerPage → {<plural>, total<Plural>, …} (design 6)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.core.paginator import Paginator
from django.db.models import QuerySet
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

MOST_PER_PAGE = 100


def whole_number(request: Request, name: str, default: int, most: int) -> int:
    """A positive query parameter. Raises ValidationError naming it."""
    text = request.query_params.get(name, str(default))
    # Length first: int() refuses very long texts with an error of its own.
    if len(text) > 9 or not text.isascii() or not text.isdigit() or not 1 <= int(text) <= most:
        raise ValidationError({name: [f"Give a whole number from 1 to {most}."]})
    return int(text)


def page_of(
    request: Request, rows: QuerySet[Any] | Sequence[Any], plural: str
) -> tuple[list[Any], dict[str, Any]]:
    """The asked-for page's rows and the envelope's counts."""
    size = whole_number(request, "itemsPerPage", 10, MOST_PER_PAGE)
    number = whole_number(request, "page", 1, 1_000_000)
    pages = Paginator(rows, size)
    page = pages.get_page(number)
    counts = {
        f"total{plural[:1].upper()}{plural[1:]}": pages.count,
        "total": pages.count,
        "totalPages": pages.num_pages,
        "page": page.number,
    }
    return list(page.object_list), counts
