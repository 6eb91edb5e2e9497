"""What each step of an onboarding does at Gupshup: calls alone, no database. Every one may be repeated."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from integrations.base.errors import Rejected, RemoteError, Throttled
from integrations.gupshup import ACCOUNT_MODES, HOOK_HEADER, MESSAGE_MODES
from integrations.gupshup import onboarding_steps as steps
from integrations.gupshup.answers import read_error
from integrations.gupshup.client import TemplateInfo, WabaInfo
from integrations.gupshup.onboarding_client import OnboardingClient
from integrations.gupshup.partner_client import PartnerClient
from integrations.gupshup.reading import as_list, as_text
from integrations.gupshup.template_forms import TemplateDraft, form

#: Version -> tag of our subscription and what it carries.
SUBSCRIPTIONS = {3: ("arriwa-v3", MESSAGE_MODES), 2: ("arriwa-v2", ACCOUNT_MODES)}


@dataclass(slots=True)
class Work:
    """One step with all that it needs."""

    step: str
    way: str
    #: For steps before there is an app.
    partner: PartnerClient | None = None
    partner_token: str = field(default="", repr=False)
    #: For all others.
    client: OnboardingClient | None = None
    app_token: str = field(default="", repr=False)
    app_id: str = ""
    names: Sequence[str] = ()
    region: str = ""
    contact: Mapping[str, str] = field(default_factory=dict, repr=False)
    language: str = "en"
    hook_url: str = ""
    hook_secret: str = field(default="", repr=False)
    #: Versions whose test call has not come: their subscriptions are made anew.
    again: Sequence[int] = ()
    renew: bool = False
    coexistence: bool = False
    waba_id: str = ""
    drafts: Sequence[TemplateDraft] = ()
    message: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(slots=True)
class Told:
    """How a step went. `code` says why it waits or failed, `said` in the platform's words."""

    state: str = steps.DONE
    code: str = ""
    said: str = ""
    facts: dict[str, Any] = field(default_factory=dict)


def words_of(error: RemoteError) -> str:
    """The platform's own words of a refusal."""
    return read_error(error.answer)[1] or error.message


def app_make(work: Work) -> Told:
    """Makes the app under the first of `names` that is free; one of ours is taken over (a lost answer)."""
    assert work.partner is not None
    for name in work.names:
        try:
            app_id = work.partner.app_create(work.partner_token, name)
        except Rejected as error:
            if error.status != 409:
                raise
            app_id = work.partner.app_list(work.partner_token).get(name, "")
        if app_id:
            return Told(facts={"app_id": app_id, "app_name": name})
    return Told(steps.FAILED, "name_taken")


def region_set(work: Work) -> Told:
    """Where the app's data lives, when somebody chose it."""
    if not work.region:
        return Told(steps.SKIPPED)
    assert work.partner is not None
    work.partner.app_region(work.partner_token, work.app_id, work.region)
    return Told()


def contact_set(work: Work) -> Told:
    """Contact, and the WhatsApp Business app beside us when it was asked for."""
    client = _client(work)
    client.contact_set(name=work.contact["name"], email=work.contact["email"], phone=work.contact["phone"])
    if work.coexistence:
        client.coexistence_on()
    return Told()


def subscriptions_ensure(work: Work) -> Told:
    """Both subscriptions, got or made by their tags; others are left alone."""
    client = _client(work)
    known = {one.tag: one for one in client.subscription_list()}
    for version, (tag, modes) in SUBSCRIPTIONS.items():
        found = known.get(tag)
        good = found is not None and found.url == work.hook_url and found.active
        if good and version not in work.again:
            continue
        if found is not None:
            client.subscription_delete(found.id)
        headers = {HOOK_HEADER: work.hook_secret}
        client.subscription_create(url=work.hook_url, tag=tag, modes=modes, headers=headers, version=version)
    return Told(steps.WAITING, "test_call")


def link_get(work: Work) -> Told:
    """The signup page; an expired one is renewed only when the owner asks."""
    client = _client(work)
    try:
        if work.way == steps.MIGRATE:
            return Told(facts={"link": client.whitelist(work.waba_id)})
        link = client.link_get(renew=work.renew, user=work.contact.get("email", ""), language=work.language)
    except Rejected as error:
        said = words_of(error)
        if "expired" in said.lower():
            return Told(steps.FAILED, "link_expired", said)
        if "max links" in said.lower():
            return Told(steps.FAILED, "max_links", said)
        raise
    return Told(facts={"link": link})


def signup_look(work: Work) -> Told:
    """Whether the owner has been through the signup, and what Meta made of it."""
    client = _client(work)
    if work.way == steps.MIGRATE:
        try:
            client.verify_move()
        except Rejected as error:
            return Told(steps.WAITING, "move", words_of(error))
    phone = client.app_details().phone
    if not phone:
        return Told(steps.WAITING, "signup")
    waba = client.waba_info()
    facts = {"number": _digits(phone), "waba_id": waba.waba_id, "number_id": _number_id(waba)}
    problem = _problem(waba)
    return Told(steps.FAILED, "name_refused", problem, facts) if problem else Told(facts=facts)


def number_register(work: Work) -> Told:
    """Registers the number."""
    _client(work).number_register()
    return Told()


def health_look(work: Work) -> Told:
    """Whether the number can send."""
    client = _client(work)
    details, health = client.app_details(), client.health()
    if not details.phone:
        return Told(steps.FAILED, "no_number")
    waba = client.waba_info()
    facts = {
        "number": _digits(details.phone),
        "waba_id": waba.waba_id,
        "number_id": _number_id(waba),
        "quality": waba.phone_quality,
        "limit": waba.messaging_limit,
        "can_send": waba.can_send_message,
        "account": waba.account_status,
        "balance": client.wallet_balance(),
    }
    problem = _problem(waba)
    if problem or waba.account_status == "BANNED":
        return Told(steps.FAILED, "name_refused" if problem else "banned", problem, facts)
    if details.live and health.healthy and not details.stopped:
        return Told(facts=facts)
    return Told(steps.WAITING, "health", health.reason, facts)


def templates_on(work: Work) -> Told:
    """Lets the app send templates."""
    _client(work).templates_on()
    return Told()


def user_ids_on(work: Work) -> Told:
    """People who hide their number reach the bot too."""
    _client(work).user_ids_on()
    return Told()


def templates_submit(work: Work) -> Told:
    """Submits what is missing and reads what became of the rest."""
    client = _client(work)
    rows = {(one.name, one.language): one for one in client.template_list()}
    told = Told()
    refused: dict[tuple[str, str], str] = {}
    for draft in work.drafts:
        key = (draft.name, draft.language)
        if key in rows:
            continue
        try:
            rows[key] = client.template_submit(form(draft))
        except Throttled:
            told.state, told.code = steps.WAITING, "template_rate"
            break
        except Rejected as error:
            refused[key] = words_of(error)
    mine = [rows[key] for draft in work.drafts if (key := (draft.name, draft.language)) in rows]
    told.facts = {"rows": mine, "refused": refused}
    if not told.code:
        _judge_templates(told, mine, refused)
    return told


def _judge_templates(told: Told, rows: list[TemplateInfo], refused: Mapping[Any, str]) -> None:
    bad = [row.name for row in rows if row.status in ("REJECTED", "FAILED", "DISABLED", "PAUSED")]
    bad += [name for name, _ in refused]
    if any(row.status not in ("APPROVED", "REJECTED", "FAILED", "DISABLED", "PAUSED") for row in rows):
        told.state, told.code = steps.WAITING, "review"
    elif bad:
        told.state, told.code, told.said = steps.FAILED, "template_rejected", ", ".join(sorted(bad))


def message_send(work: Work) -> Told:
    """One message to the owner's phone. Not repeated by itself: Gupshup knows no idempotency key."""
    sent = _client(work).send_message(work.message)
    return Told(facts={"gs_id": sent.gs_id})


CALLS: dict[str, Callable[[Work], Told]] = {
    steps.APP: app_make,
    steps.REGION: region_set,
    steps.CONTACT: contact_set,
    steps.SUBSCRIPTIONS: subscriptions_ensure,
    steps.LINK: link_get,
    steps.SIGNUP: signup_look,
    steps.REGISTER: number_register,
    steps.HEALTH: health_look,
    steps.TEMPLATES_ON: templates_on,
    steps.USER_IDS: user_ids_on,
    steps.TEMPLATES: templates_submit,
    steps.TEST_MESSAGE: message_send,
}


def _client(work: Work) -> OnboardingClient:
    assert work.client is not None
    return work.client


def _digits(phone: str) -> str:
    return "".join(c for c in phone if c.isdigit())


def _number_id(waba: WabaInfo) -> str:
    """Meta's id of the number; told since March 2026 under one of these names (UNSURE which)."""
    return as_text(waba.answer.get("phoneNumberId")) or as_text(waba.answer.get("phone_number_id"))


def _problem(waba: WabaInfo) -> str:
    """What Meta holds against the account, in its words; a mere notice does not count."""
    told = [as_text(one) for one in as_list(waba.answer.get("errors"))]
    return "; ".join(one for one in told if one)[:300]
