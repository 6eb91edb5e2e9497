"""The *test* button for Meta: the token, its permissions, and whether it sees each chosen asset."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings as django_settings
from django.utils.translation import gettext as _

from arriwa.outbox.enqueue import real_now
from integrations.base.checks import CheckResult, Health, register_check
from integrations.base.errors import CredentialRefused, Rejected
from integrations.base.urls import platform_url
from integrations.meta.access import meta_settings
from integrations.meta.graph import GraphToken, graph_request, graph_url
from integrations.meta.login_client import LoginClient, TokenInfo
from integrations.models import Asset, Connection

#: What the effects of a connection need.
SCOPES = ("ads_management", "whatsapp_business_manage_events")
#: What reading a business's assets needs.
READING = "business_management"
SOON = timedelta(days=14)
#: What an access has to see; catalogs are shown by WhatsApp, and no call of ours needs to read one.
_SEEN = (Asset.Kind.AD_ACCOUNT, Asset.Kind.DATASET, Asset.Kind.GOOD_PIXEL, Asset.Kind.NOISE_PIXEL)


def check(connection: Connection) -> CheckResult:
    """Looks into the token and reads each asset. Raises the errors of `graph_request`."""
    access = meta_settings(connection)
    credential = GraphToken(access.token, access.app_secret)
    info = _looked_into(credential.token, credential.app_secret)
    facts: dict[str, object] = {"scopes": list(info.scopes) if info else []}
    if info is not None and not info.is_valid:
        refused = CredentialRefused("The token is dead: reconnect.", platform_code=info.reason)
        told = _("Facebook no longer accepts the access (%(code)s): sign in again.")
        return CheckResult(Health.BROKEN, told % {"code": info.reason}, facts, refused=refused)
    # The first call of all: a dead token shows here, whatever debugging it said.
    graph_request("GET", _url("me"), settings=credential, session=None, params={"fields": "id"})
    assets = assets_of(connection)
    unseen = [_named(kind, number) for kind, number in assets if not _sees(credential, kind, number)]
    facts["assets"] = len(assets)
    if unseen:
        told = _("The access does not see: %(assets)s. Sign in again and tick them.") % {
            "assets": ", ".join(unseen)
        }
        # Ticking helps nobody who took this back at Facebook; it is asked for when people sign in.
        if info is not None and READING not in info.scopes:
            told += " " + _missing([READING])
        return CheckResult(Health.BROKEN, told, facts)
    problems = _problems(info)
    if problems:
        return CheckResult(Health.WARNING, " ".join(problems), facts)
    return CheckResult(Health.OK, _("Meta answers, and the access sees every chosen asset."), facts)


def assets_of(connection: Connection) -> list[tuple[str, str]]:
    """(kind, id at Meta) of what the connection works with."""
    chosen = connection.assets.filter(kind__in=_SEEN).order_by("kind", "external_id")
    return [(str(kind), str(number)) for kind, number in chosen.values_list("kind", "external_id")]


def _looked_into(token: str, app_secret: str) -> TokenInfo | None:
    """None for another app's token, such as a system user's, which only that app may look into."""
    app_id, secret = django_settings.META_APP_ID, django_settings.META_APP_SECRET
    if not (app_id and secret) or app_secret not in ("", secret):
        return None
    try:
        return LoginClient(platform_url("meta"), app_id, secret).debug(token)
    except Rejected as error:
        if error.platform_code == "app_id":
            return None
        raise


def _sees(credential: GraphToken, kind: str, number: str) -> bool:
    node = f"act_{number}" if kind == Asset.Kind.AD_ACCOUNT else number
    try:
        graph_request("GET", _url(node), settings=credential, session=None, params={"fields": "id"})
    except CredentialRefused as error:
        # The token as such works: only this asset is not among what was ticked.
        if (error.platform_code or "").partition("/")[0] in ("10", "200", "294"):
            return False
        raise
    except Rejected:
        return False
    return True


def _url(node: str) -> str:
    return graph_url(platform_url("meta"), node)


def _named(kind: str, number: str) -> str:
    return f"{Asset.Kind(kind).label} {number}"


def _missing(scopes: list[str]) -> str:
    told = _("Permissions are missing: %(scopes)s. Sign in again and allow them.")
    return told % {"scopes": ", ".join(scopes)}


def _problems(info: TokenInfo | None) -> list[str]:
    if info is None:
        return []
    found = []
    lacking = [scope for scope in SCOPES if scope not in info.scopes]
    if lacking:
        found.append(_missing(lacking))
    ends = min((at for at in (info.expires_at, info.data_access_expires_at) if at), default=None)
    if ends is not None and ends - real_now() < SOON:
        told = _("The access ends on %(day)s: sign in again before.")
        found.append(told % {"day": ends.date().isoformat()})
    return found


register_check("meta", check)
