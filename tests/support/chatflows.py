"""Pages below /chatflows as a member without scripts sees them."""

from __future__ import annotations

import re
import uuid
from html import unescape
from typing import Any

from django.test import Client

from integrations.models import Asset, Connection
from tenants.models import Membership, User
from tenants.workspaces.models import Workspace

HERE = "/chatflows/playbook"
_INPUT = re.compile(r'<input[^>]*name="(?P<name>/[^"]*)"[^>]*value="(?P<value>[^"]*)"')
_AREA = re.compile(r'<textarea[^>]*name="(?P<name>/[^"]*)"[^>]*>\n(?P<value>[^<]*)</textarea>')
_SELECT = re.compile(r'<select[^>]*name="(?P<name>/[^"]*)".*?</select>', re.S)


class Browser:
    """A member in front of the pages of one workspace, without scripts."""

    def __init__(self, organization: Any, workspace: Workspace, role: str) -> None:
        self.user = User.objects.create(username=str(uuid.uuid4()), first_name="Ана")
        Membership.objects.create(user=self.user, organization=organization, role=role)
        self.client = Client(headers={"accept-language": "en"})
        self.client.force_login(self.user, backend="tenants.signin.backends.FacebookSessions")
        session = self.client.session
        session["organization"], session["workspace"] = str(organization.id), str(workspace.id)
        session.save()

    def get(self, url: str, **query: str) -> str:
        answer = self.client.get(url, query, follow=True)
        assert answer.status_code == 200, (url, answer.status_code)
        return str(answer.content.decode())

    def post(self, url: str, follow: bool = True, **data: Any) -> Any:
        return self.client.post(url, data, follow=follow)

    def form(self, url: str) -> dict[str, str]:
        """The editor's fields as they stand, with what the form hides."""
        return fields_of(self.get(url))


def fields_of(page: str) -> dict[str, str]:
    found = {m["name"]: unescape(m["value"]) for m in (*_INPUT.finditer(page), *_AREA.finditer(page))}
    for match in _SELECT.finditer(page):
        chosen = re.search(r'value="([^"]*)" selected', match[0])
        found[match["name"]] = chosen[1] if chosen else ""
    for name in ("base", "outline"):
        hidden = re.search(rf'name="{name}" value="([^"]*)"', page)
        found[name] = unescape(hidden[1]) if hidden else ""
    return found


def ready(organization: Any, model: Workspace, source: Workspace) -> None:
    """Copies of the source's accounts, so that the workspace is open."""
    for row in Connection.objects.filter(workspace=source, platform__in=["gupshup", "meta", "stripe"]):
        secrets, assets = row.secrets(), list(row.assets.all())
        row.pk = uuid.uuid4()
        row.workspace = model
        row.set_secrets(secrets)
        row.save(force_insert=True)
        for asset in assets:
            Asset.objects.create(connection=row, kind=asset.kind, external_id=asset.external_id)
