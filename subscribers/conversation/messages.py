"""What the bot says: content of each message and the values of its template (L15, L20, L21, R3). Pure."""

from __future__ import annotations

from arriwa.common.money import minor_to_major
from subscribers.content import Buttons, Content, LinkButton, Menu, Option, ProductCards, Template, Text
from subscribers.conversation.option_ids import option_id, product_option_id
from subscribers.conversation.types import Facts, Send, Snapshot
from subscribers.playbook.document import Product, Question

_MOST_BUTTONS = 3


def localised(texts: dict[str, str], facts: Facts) -> str:
    """The text in the lead's language, else in the playbook's default one, else ""."""
    return texts.get(facts.language) or texts.get(facts.playbook.default_language, "")


def price(amount_minor: int, currency: str) -> str:
    """An amount as a person reads it: (90000, "USD") -> "900 USD"; (90050, "USD") -> "900.50 USD"."""
    major = minor_to_major(amount_minor, currency)
    return f"{major:f} {currency}" if major % 1 else f"{int(major)} {currency}"


def question(snapshot: Snapshot, facts: Facts) -> Send:
    """The open question, with its options."""
    asked = facts.playbook.questions[snapshot.question]
    return _asking(f"question:{asked.key}", localised(asked.texts, facts), asked, snapshot, facts)


def reprompt(snapshot: Snapshot, facts: Facts) -> Send:
    """The open question in other words: the text of attempt n is reprompts[n - 1] (L18)."""
    asked = facts.playbook.questions[snapshot.question]
    texts = asked.reprompts.get(facts.language) or asked.reprompts[facts.playbook.default_language]
    text = texts[min(snapshot.attempt, len(texts)) - 1]
    return _asking(f"reprompt:{asked.key}", text, asked, snapshot, facts)


def text(key: str, facts: Facts, purpose: str = "text") -> Send:
    """A sentence of the playbook."""
    body = localised(facts.playbook.texts[key], facts)
    return Send(purpose, Text(body), _params(body))


def cards(snapshot: Snapshot, facts: Facts) -> Send:
    """The offer: product cards, or without a catalog the same products as buttons or a list (L20).

    A known customer, who was asked nothing, is greeted with the text for them.
    """
    playbook = facts.playbook
    body = localised(playbook.texts["cards_body"], facts)
    if facts.known_customer and not snapshot.answers:
        body = localised(playbook.texts.get("known_customer", {}), facts) or body
    if playbook.catalog_id:
        content: Content = ProductCards(
            header=localised(playbook.texts["cards_header"], facts),
            body=body,
            catalog_id=playbook.catalog_id,
            section=localised(playbook.texts["cards_section"], facts),
            products=tuple(product.key for product in playbook.products),
        )
    else:
        options = tuple(_product_option(product, facts) for product in playbook.products)
        content = (
            Buttons(body, options)
            if len(options) <= _MOST_BUTTONS
            else Menu(body, localised(playbook.texts["products_button"], facts), options)
        )
    return Send("cards", content, _params(body))


def payment_link(product: Product, url: str, facts: Facts) -> Send:
    """The payment link under a button. Template values: product, price, URL."""
    title, amount = localised(product.titles, facts), price(product.amount_minor, product.currency)
    body = localised(facts.playbook.texts["link_body"], facts)
    body = body.replace("{price}", amount).replace("{product}", title)
    label = localised(facts.playbook.texts["link_label"], facts)
    return Send("payment_link", LinkButton(body, label, url), _params(title, amount, url))


def receipt(product: Product, amount_minor: int, currency: str, facts: Facts) -> Send:
    """The receipt with the accesses, always a template (L21). Values: product, amount paid, accesses."""
    ref = facts.playbook.templates["receipt"]
    params = _params(
        localised(product.titles, facts),
        price(amount_minor, currency),
        localised(product.accesses, facts),
    )
    content = Template(localised(ref.names, facts), localised(ref.languages, facts), params)
    return Send("receipt", content, params)


def _asking(purpose: str, body: str, asked: Question, snapshot: Snapshot, facts: Facts) -> Send:
    options = tuple(
        Option(
            option_id(snapshot.question, option.value, snapshot.turn),
            localised(option.titles, facts),
            localised(option.descriptions, facts) if asked.form == "list" else "",
        )
        for option in asked.options
    )
    content: Content
    if asked.form == "buttons":
        content = Buttons(body, options)
    elif asked.form == "list":
        content = Menu(body, localised(asked.menu_button, facts), options)
    else:
        content = Text(body)
    return Send(purpose, content, _params(body))


def _product_option(product: Product, facts: Facts) -> Option:
    return Option(
        product_option_id(product.key),
        localised(product.titles, facts),
        price(product.amount_minor, product.currency),
    )


def _params(*values: str) -> tuple[str, ...]:
    """Template values: Meta refuses line breaks, tabs and runs of spaces in them."""
    return tuple(" ".join(value.split()) for value in values)
