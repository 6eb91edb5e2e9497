"""What the sandbox's judge knows of words: greetings, hesitation, synonyms, keyboard mash. Pure."""

from __future__ import annotations

import re
from itertools import pairwise

GREETINGS = re.compile(
    r"(здравствуй\w*|привет\w*|добр\w+ (день|вечер|утро)|салам\w*|hi|hello|hey|good (morning|day|evening))"
    r"([ ,!.]+(there|всем|вам))?"
)
HESITATION = re.compile(
    r"\b(may ?be|perhaps|not sure|no idea|don ?t know|dont know|idk|dunno|unsure|hard to say|it depends|"
    r"может|возможно|наверно\w*|не знаю|незнаю|хз|не уверен\w*|не решил\w*|сложно сказать|подумаю|"
    r"пока думаю|затрудняюсь|зависит|как получится|еще не)\b"
)
STOPWORDS = frozenset(
    [
        *("the", "and", "for", "this", "that", "from", "with", "our", "your", "something", "more", "than"),
        *("или", "для", "это", "этом", "этот", "что", "как", "мой", "моя", "мне", "нас", "вас", "под", "про"),
    ]
)
#: Words that mean the same: a stem of four letters or more stands for its endings too.
SYNONYMS: tuple[tuple[str, ...], ...] = (
    ("instagram", "insta", "ig", "reels", "инста", "инсте", "инсту", "инсты", "рилс", "рилз"),
    ("facebook", "fb", "фейсбук", "фб"),
    ("tiktok", "тикток", "тик-ток"),
    ("site", "website", "landing", "google", "сайт", "лендинг", "гугл", "яндекс"),
    ("messenger", "whatsapp", "telegram", "мессенджер", "ватсап", "вотсап", "телеграм", "тг"),
    ("referral", "recommend", "friends", "word of mouth", "рекоменд", "сарафан", "знаком"),
    ("school", "course", "teach", "tutor", "academy", "школ", "курс", "обуч", "образован", "репетитор"),
    ("shop", "store", "ecommerce", "clothes", "магазин", "товар", "одежд", "маркетплейс", "косметик"),
    ("realty", "realtor", "estate", "property", "apartment", "недвижим", "риелтор", "риэлтор", "квартир"),
    (
        "service",
        "salon",
        "clinic",
        "lawyer",
        "repair",
        "услуг",
        "салон",
        "клиник",
        "юрист",
        "ремонт",
        "стомат",
    ),
    ("now", "today", "asap", "immediately", "urgent", "сейчас", "сегодня", "сразу", "срочно"),
    ("later", "someday", "позже", "потом", "попозже"),
    ("month", "week", "soon", "месяц", "недел", "скоро"),
    ("other", "else", "другое", "иное"),
    ("yes", "yeah", "yep", "sure", "ok", "да", "ага", "угу", "конечно", "ок"),
    ("no", "nope", "нет", "неа", "нету"),
)
#: What a refusal of the named option means, when such an option is offered.
PUT_OFF = (SYNONYMS[11], SYNONYMS[15])
NEGATIONS = frozenset(["не", "not", "no", "кроме", "except", "без", "without"])
_KNOWN_SHORT = frozenset(
    [word for group in SYNONYMS for word in group if len(word) < 4]
    + ["я", "мы", "smm", "crm", "b2b", "b2c", "seo", "pr", "it", "hr", "hi", "hey", "вы", "и", "a", "i"]
)
_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm", "йцукенгшщзхъ", "фывапролджэ", "ячсмитьбю", "1234567890")
_VOWELS = frozenset("aeiouyаеёиоуыэюя")


def normal(text: str) -> str:
    """Lower case, ё as е, punctuation as spaces, single spaces."""
    text = text.lower().replace("ё", "е")
    return " ".join(re.sub(r"[^\w]+|_", " ", text).split())


def stands_for(word: str, stem: str) -> bool:
    """True when `word` is `stem`, or begins with it and the stem has four letters or more."""
    return word == stem or (len(stem) >= 4 and word.startswith(stem))


def alike(one: str, other: str) -> bool:
    """True for two forms of one word: the shorter but for its last two letters begins both."""
    if one == other:
        return True
    shorter = min(len(one), len(other))
    return shorter >= 4 and one[: max(4, shorter - 2)] == other[: max(4, shorter - 2)]


def is_mash(word: str) -> bool:
    """True for a word struck at random: a run along a row of keys, no vowels, one letter again and again."""
    if word in _KNOWN_SHORT or word.isdigit():
        return False
    letters = [letter for letter in word if letter.isalpha()]
    if len(letters) < 3:
        return True
    if len(set(letters)) <= 2 and len(letters) >= 4:
        return True
    if _in_runs(word) >= 0.7 * len(word) and len(word) >= 4:
        return True
    vowels = sum(letter in _VOWELS for letter in letters)
    return vowels == 0 or (len(letters) >= 6 and vowels / len(letters) < 0.2)


def _in_runs(word: str) -> int:
    """How many letters lie in runs of four or more neighbouring keys, in one direction."""
    place = {key: (row, column) for row, keys in enumerate(_ROWS) for column, key in enumerate(keys)}
    steps = []
    for one, other in pairwise(word):
        here, there = place.get(one), place.get(other)
        near = here and there and here[0] == there[0] and abs(here[1] - there[1]) == 1
        steps.append(there[1] - here[1] if near and here and there else 0)
    total = run = 0
    for step, before in zip([*steps, 0], [0, *steps], strict=True):
        if step and step == before:
            run += 1
            continue
        total += run + 1 if run >= 3 else 0
        run = 1 if step else 0
    return total
