"""How tabs, languages and texts of the playbook are called in the editor."""

from __future__ import annotations

from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

SECTIONS: Final[dict[str, str | Promise]] = {
    "questions": gettext_lazy("Questions"),
    "products": gettext_lazy("Products"),
    "texts": gettext_lazy("Texts"),
    "rules": gettext_lazy("Rules"),
    "names": gettext_lazy("Names"),
    "expert": gettext_lazy("Expert"),
}
#: Languages that can be added, in their own words.
LANGUAGES: Final = {
    "ru": "Русский",
    "en": "English",
    "kk": "Қазақша",
    "uz": "Oʻzbekcha",
    "ky": "Кыргызча",
    "uk": "Українська",
    "de": "Deutsch",
    "es": "Español",
    "pt": "Português",
    "tr": "Türkçe",
    "ar": "العربية",
}
TEXT_LABELS: Final[dict[str, str | Promise]] = {
    "known_customer": gettext_lazy("Greeting for a known customer"),
    "cards_header": gettext_lazy("Header of the product cards"),
    "cards_body": gettext_lazy("Offer after the last question"),
    "cards_section": gettext_lazy("Title of the cards' section"),
    "products_button": gettext_lazy("Button of the product list"),
    "link_body": gettext_lazy("Text above the payment button"),
    "link_label": gettext_lazy("Payment button"),
    "link_waiting": gettext_lazy("Answer while the payment is awaited"),
    "parked": gettext_lazy("When the attempts at a question are used up"),
    "unsupported": gettext_lazy("Answer to an image, a sticker, a voice message"),
    "answer_first": gettext_lazy("Answer to an order before the questions are done"),
    "choose_card": gettext_lazy("Answer while a choice is awaited"),
    "choose_again": gettext_lazy("Answer to the choice of an unknown product"),
    "already_paid": gettext_lazy("Answer after the sale"),
}
FORMS: Final = (
    ("buttons", gettext_lazy("Buttons (up to 3)")),
    ("list", gettext_lazy("List (up to 10)")),
    ("text", gettext_lazy("Free text")),
)
