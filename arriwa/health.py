"""/healthz: the process lives. /readyz: it can serve, that is, the database answers and is migrated."""

from __future__ import annotations

from django.db import Error, connection
from django.http import HttpRequest, JsonResponse


def healthz(request: HttpRequest) -> JsonResponse:
    """200 as long as the process answers."""
    return JsonResponse({"status": "ok"})


def readyz(request: HttpRequest) -> JsonResponse:
    """200 when queries work and the schema is there, else 503 with the reason."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM public.receipts_receipt")
            waiting = cursor.fetchone()
    except Error as error:
        return JsonResponse({"status": "unavailable", "reason": type(error).__name__}, status=503)
    return JsonResponse({"status": "ready", "receiptsWaiting": waiting[0] if waiting else 0})
