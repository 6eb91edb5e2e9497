"""What the API's own document tells beyond its views. Apart, for the views load `authentication`."""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema


class ApiTokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the document names our way to sign in; it registers itself."""

    target_class = "arriwa.api.authentication.ApiTokenAuthentication"
    name = "apiToken"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        """HTTP bearer, as OpenAPI 3 writes it."""
        return {"type": "http", "scheme": "bearer"}
