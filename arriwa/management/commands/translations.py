"""`manage.py translations`: brings the catalogs of texts up to date and compiles them."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from arriwa.translations import catalog_path, catalog_update, untranslated


class Command(BaseCommand):
    """Texts without a translation are listed; with --check nothing is written and they fail the command."""

    help = "Update and compile the catalogs of texts; list what is not translated."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """--check writes nothing."""
        parser.add_argument("--check", action="store_true", help="write nothing; fail when a text is missing")

    def handle(self, *args: Any, check: bool, **options: Any) -> None:
        """Exit status 1 when something is missing and --check is given."""
        missing = 0
        for language, _ in settings.LANGUAGES:
            if language == settings.LANGUAGE_CODE:
                continue
            texts = untranslated(language) if check else catalog_update(language)
            for text in texts:
                self.stdout.write(f"{language}: {text.singular!r}")
            missing += len(texts)
            self.stdout.write(f"{catalog_path(language)}: {len(texts)} texts are not translated")
        if check and missing:
            raise SystemExit(1)
