"""Numbers of payment cards, also beside other digits, and of bank accounts: both have check digits."""

import re
from collections import Counter

Counts = Counter[str]

# What people put between the groups of a number, also as URLs have it.
GAP = r"(?:[\s.·+_\u00ad\u200b-\u200d\u2060\u2010-\u2015\u2212-]|%(?:25)?(?:20|2[dD])|%[cC]2%[aA]0)"
# Digits that begin and end a word, and groups of them. Possessive, so that no text is read twice.
_NUMBERS = re.compile(rf"(?<![^\W_])\d++(?:{GAP}{{1,3}}+\d++)*+(?![^\W_])")
_GROUP = re.compile(r"\d+")
_ENCODED_GAP = re.compile(r"%(?:25)?2[0dD]|%[cC]2%[aA]0")
# Issuers by their first digits, with the lengths of their numbers.
_ISSUERS = tuple(
    (re.compile(first), frozenset(lengths))
    for first, lengths in (
        (r"4", (13, 16, 19)),
        (r"5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720", (16,)),
        (r"3[47]", (15,)),
        (r"30[0-59]|3[689]", (14,)),
        (r"6011|64[4-9]|65|60|508|81|82|35(?:2[89]|[3-8])|220[0-4]|9792", (16,)),
        (r"62|8171", (16, 17, 18, 19)),
        (r"5018|5020|5038|5893|6304|6390|67(?:0[69]|59|6[1-3])", (13, 14, 15, 16, 17, 18, 19)),
        (r"506(?:099|1)|65000|6500[12]", (16, 18, 19)),
    )
)
MIN_CARD_NUMBER = 10**12
_MAX_CARD_NUMBER = 10**19
# How the groups of American Express and Diners are written; those of all others are equally long.
_OTHER_GROUPS = ((4, 6, 5), (4, 6, 4))
_MAX_GROUPS = 7
# The sum of the digits of twice a digit.
_DOUBLED = str.maketrans("0123456789", "0246813579")
_ZERO = ord("0")
_FIRST_DIGITS = frozenset("2345689")

# Lengths of account numbers by country, from the registry of ISO 13616.
_COUNTRIES = {
    15: "NO",
    16: "BE",
    18: "DK FO FI GL NL SD",
    19: "MK SI",
    20: "AT BA EE KZ LT LU MN XK",
    21: "CH HR LI LV",
    22: "BG BH CR DE GB GE IE ME RS VA",
    23: "AE GI IL IQ OM SO TL",
    24: "AD CZ ES MD PK RO SA SE SK TN VG",
    25: "LY PT ST",
    26: "IS TR",
    27: "BI DJ FR GR IT MC MR SM",
    28: "AL AZ BY CY DO GT HU LB NI PL SV",
    29: "BR EG PS QA UA",
    30: "JO KW MU YE",
    31: "MT SC",
    32: "LC",
    33: "RU",
}
_IBAN_LENGTHS = {code: length for length, codes in _COUNTRIES.items() for code in codes.split()}
_IBAN = re.compile(r"(?<![^\W_])[A-Za-z]{2}\d\d(?:[ \u00a0\u202f-]?[A-Za-z0-9]){11,40}+")


def redact_cards(text: str, counts: Counts) -> str:
    """The text with `[card]` for the numbers of cards."""
    return _NUMBERS.sub(lambda found: _without_cards(found[0], counts), text)


def _without_cards(numbers: str, counts: Counts) -> str:
    """A run of groups of digits without the cards in it: `2 4111 1111 1111 1111 123` has one."""
    # The digits of an encoded gap are none of the number.
    plain = _ENCODED_GAP.sub(lambda found: " " * len(found[0]), numbers) if "%" in numbers else numbers
    groups = list(_GROUP.finditer(plain))
    sizes = [found.end() - found.start() for found in groups]
    if sum(sizes) < 13:
        return numbers
    if set(sizes) == {1}:  # digits that are all apart
        is_one = len(sizes) <= 19 and is_card("".join(found[0] for found in groups))
        counts["card"] += is_one
        return "[card]" if is_one else numbers
    parts, end = list[str](), 0
    for at, group in enumerate(groups):
        if sizes[at] == 1 or group.start() < end or group[0][0] not in _FIRST_DIGITS:
            continue
        last = _end_of_card(numbers, groups, sizes, at)
        if last is not None:
            parts += (numbers[end : group.start()], "[card]")
            counts["card"] += 1
            end = groups[last].end()
    return "".join(parts) + numbers[end:] if parts else numbers


def _end_of_card(numbers: str, groups: list[re.Match[str]], sizes: list[int], first: int) -> int | None:
    """The last group of a card that begins with the group `first`, the longest first."""
    length, ends = 0, list[int]()
    for last in range(first, min(len(sizes), first + _MAX_GROUPS)):
        length += sizes[last]
        if 13 <= length <= 19:
            ends.append(last)
    for last in reversed(ends):
        if not _written_as_card(sizes[first : last + 1]):
            continue
        if first == last and _is_decimal(numbers, groups[first]):
            continue
        if is_card("".join(found[0] for found in groups[first : last + 1])):
            return last
    return None


def _written_as_card(sizes: list[int]) -> bool:
    return (len(set(sizes[:-1])) <= 1 and sizes[-1] <= sizes[0]) or tuple(sizes) in _OTHER_GROUPS


def _is_decimal(numbers: str, group: re.Match[str]) -> bool:
    """Whether the digits are a part of a decimal number."""
    return numbers[group.start() - 1 : group.start()] == "." or numbers[group.end() : group.end() + 1] == "."


def is_card_number(number: float) -> bool:
    """Whether a whole number is that of a card."""
    return MIN_CARD_NUMBER <= number < _MAX_CARD_NUMBER and number == int(number) and is_card(str(int(number)))


def is_card(digits: str) -> bool:
    """Whether digits have an issuer, its length, and a valid check digit."""
    if not any(len(digits) in lengths and first.match(digits) for first, lengths in _ISSUERS):
        return False
    # Most numbers of 13 digits are those of products, a tenth of which would pass.
    return passes_luhn(digits) and not (len(digits) == 13 and is_product_number(digits))


def passes_luhn(digits: str) -> bool:
    """The check digit of card numbers (ISO/IEC 7812-1). Texts may be full of what could be one."""
    if not digits.isascii():
        digits = "".join(str(int(digit)) for digit in digits)
    added = digits[::-2] + digits[-2::-2].translate(_DOUBLED)
    return (sum(added.encode()) - len(added) * _ZERO) % 10 == 0


def is_product_number(digits: str) -> bool:
    """The check digit of products (GTIN)."""
    return (sum(map(int, digits[::-2])) + 3 * sum(map(int, digits[-2::-2]))) % 10 == 0


def is_book_number(digits: str) -> bool:
    """The check digit of books (ISBN of ten digits)."""
    weighed = sum((10 - at) * int(digit) for at, digit in enumerate(digits))
    return len(digits) == 10 and weighed % 11 == 0


def redact_bank_accounts(text: str, counts: Counts) -> str:
    """The text with `[iban]` for numbers of bank accounts."""
    return _IBAN.sub(lambda found: _without_account(found[0], counts), text)


def _without_account(text: str, counts: Counts) -> str:
    """The text behind an account, which is as long as its country says, stays."""
    length, end, account = _IBAN_LENGTHS.get(text[:2].upper(), 0), 0, ""
    while len(account) < length and end < len(text):
        account += text[end] if text[end].isalnum() else ""
        end += 1
    if not length or len(account) < length or text[end : end + 1].isalnum():
        return text
    if int("".join(str(int(each, 36)) for each in account[4:] + account[:4])) % 97 != 1:
        return text
    counts["iban"] += 1
    return f"[iban]{text[end:]}"
