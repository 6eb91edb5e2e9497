"""Tags that the pages share."""

from __future__ import annotations

from typing import Any

from django import forms, template
from django.template.loader_tags import BLOCK_CONTEXT_KEY
from django.utils.safestring import SafeString, mark_safe

register = template.Library()


@register.simple_tag(takes_context=True)
def block_again(context: template.Context, name: str) -> SafeString:
    """A block's text once more: the document's title is the heading too. Not within an include."""
    block = context.render_context[BLOCK_CONTEXT_KEY].get_block(name)
    # The block's own rendering has escaped what had to be.
    return mark_safe(str(block.render(context)).strip())


@register.filter
def described(field: forms.BoundField) -> Any:
    """The widget with what a screen reader needs: which texts describe it, and whether it is refused."""
    attrs: dict[str, str | bool] = {}
    ids = [f"{field.auto_id}_help"] if field.help_text else []
    if field.errors:
        ids.append(f"{field.auto_id}_error")
        attrs["aria-invalid"] = "true"
    if ids:
        attrs["aria-describedby"] = " ".join(ids)
    return field.as_widget(attrs=attrs)


@register.filter
def is_choice_list(field: forms.BoundField) -> bool:
    """Whether the field is drawn as a list of boxes or radio buttons."""
    return isinstance(field.field.widget, (forms.RadioSelect, forms.CheckboxSelectMultiple))


@register.filter
def is_checkbox(field: forms.BoundField) -> bool:
    """Whether the field is a single box, whose label stands beside it."""
    return isinstance(field.field.widget, forms.CheckboxInput)
