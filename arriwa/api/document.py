"""What the API's own document tells beyond its views. Apart, for the views load `authentication`."""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the document names a sign-in by token; it registers itself."""

    target_class = "arriwa.api.authentication.BearerAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        """HTTP bearer, as OpenAPI 3 writes it."""
        return {"type": "http", "scheme": "bearer"}


class BrowserScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the document names the browser's session."""

    target_class = "arriwa.api.authentication.BrowserAuthentication"
    name = "browser"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        """A cookie, as OpenAPI 3 writes it."""
        return {"type": "apiKey", "in": "cookie", "name": "sessionid"}
