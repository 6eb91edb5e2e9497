"""Guards of pages that come before an organization."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, cast
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from tenants.models import Organization, User

View = Callable[..., HttpResponse]


class SignedInRequest(HttpRequest):
    """A request of somebody who is signed in, with or without an organization."""

    user: User
    organization: Organization | None


def signed_in(view: View) -> View:
    """Leads strangers to `/` and back here afterwards."""

    @functools.wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not request.user.is_authenticated:
            here = request.get_full_path() if request.method == "GET" else "/start"
            return HttpResponseRedirect("/?" + urlencode({"next": here}))
        return view(cast(SignedInRequest, request), *args, **kwargs)

    return guarded
