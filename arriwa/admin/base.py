"""How tables are shown to staff: to be read; changed through services alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from unfold.admin import ModelAdmin

from arriwa.common.errors import ArriwaError
from arriwa.common.redaction import redact
from tenants.audit import Actor
from tenants.staff import staff_actor


class ReadOnly(ModelAdmin):
    """Whitelisted fields, none of them to be changed; nothing is added or deleted here."""

    list_fullwidth = True
    show_full_result_count = False

    def has_module_permission(self, request: HttpRequest) -> bool:
        """The site has let them in already."""
        return True

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Staff may look."""
        return True

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Rows come from services."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Rows are changed by services."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Rows are deleted by services."""
        return False


class OfOrganization(ReadOnly):
    """A table of the organization that was entered; the menu shows it only then."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        """After an organization was entered."""
        return getattr(request, "staff_organization", None) is not None


def shown_json(value: Any) -> SafeString:
    """JSON to be read, without what looks like a secret or a phone."""
    return format_html("<pre>{}</pre>", json.dumps(redact(value), indent=1, ensure_ascii=False, default=str))


def masked(text: str, keep: int = 4) -> str:
    """The first characters, to tell two apart."""
    return f"{text[:keep]}•••" if text else ""


def actor_of(request: HttpRequest) -> Actor:
    """Who acts in the site."""
    return staff_actor(request.user)  # type: ignore[arg-type]


def each(request: HttpRequest, rows: QuerySet[Any], act: Callable[[Any], Any], done: str) -> None:
    """Does one thing to every chosen row, each by itself; tells what came of it."""
    count = 0
    for row in rows:
        try:
            act(row)
            count += 1
        except ArriwaError as error:
            messages.error(request, f"{named(row)}: {error.message}")
    if count:
        messages.success(request, _("%(what)s: %(count)s") % {"what": done, "count": count})


def named(row: Model) -> str:
    """A row's name in messages."""
    return str(row)[:80]
