"""Keys, tokens and passwords in texts: by the forms of well-known services, and by their names."""

import base64
import binascii
import re
from collections import Counter

Counts = Counter[str]

# Each run of characters matches from its start only, or matching would be quadratic in the length of the text.
_START = r"(?:(?<![\w-])|(?<=%[0-9A-Fa-f]{2}))"
# As detect-secrets, gitleaks and the services' own pages describe them.
_TOKEN = re.compile(
    _START + "(?:"
    r"eyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*){0,3}"  # JWT, JWE
    r"|gh[pousr]_\w{16,}|github_pat_\w{20,}|gl(?:pat|dt|ptt|rt|soat|ft|imt|cbt|agent|oas)-[\w.-]{16,}"
    r"|npm_\w{30,}|pypi-[\w-]{30,}|rubygems_[0-9a-f]{40,}|dckr_(?:pat|oat)_[\w-]{20,}|hf_\w{30,}"
    r"|(?:sk|pk|rk)_(?:live|test|prod)_\w{10,}|(?:sk|rk|pk)_[A-Za-z0-9]{24,}|whsec_[\w+/=-]{16,}"
    r"|sk-(?:proj|ant|or|svcacct|admin|live|test)-[\w-]{16,}|sk-(?=[A-Za-z]*[0-9])[A-Za-z0-9]{20,}"
    r"|xox[abceoprs](?:[.-][\w%-]{10,})+|xapp-\d-[\w-]{10,}"
    r"|A(?:KIA|SIA|BIA|CCA|ROA|IDA)[0-9A-Z]{16}(?![\w-])"
    r"|AIza[\w-]{30,}|ya29\.[\w-]{20,}|GOCSPX-[\w-]{20,}|1//0[\w-]{30,}"
    r"|SG\.[\w-]{16,}\.[\w-]{16,}|key-[0-9a-f]{32}|xkeysib-[\w-]{30,}|[0-9a-f]{32}-us\d{1,2}"
    r"|(?:AC|SK)[0-9a-f]{32}(?![\w-])|sq0(?:atp|csp|idp)-[\w-]{20,}|EAA[A-Za-z0-9]{30,}"
    r"|do[oprt]_v1_[0-9a-f]{40,}|shp(?:at|ca|pa|ss|ua)_[0-9a-fA-F]{20,}|dapi[0-9a-f]{32}|hv[sb]\.[\w-]{20,}"
    r"|lin_api_\w{20,}|fig[duo]_[\w-]{20,}|PMAK-[\w-]{30,}|NR(?:AK|II|JS)-[\w-]{20,}|ntn_\w{30,}|secret_\w{40,}"
    r"|sntry[su]_[\w+/=-]{20,}|ph[cx]_\w{30,}|tskey-[\w-]{20,}|sbp_[0-9a-f]{30,}|ATATT3[\w=-]{30,}|dp\.[a-z]{2}\.\w{30,}"
    r"|glsa_\w{30,}|vc[ap]_\w{20,}|pat-(?:na|eu)\d-[\w-]{30,}|AGE-SECRET-KEY-1\w{40,}|r8_\w{30,}|gsk_\w{30,}"
    r"|\d{8,10}:AA[\w-]{30,}"  # Telegram
    ")"
    r"|-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]{0,30}PRIVATE KEY-----|\Z)"
    r"|(?<=hooks\.slack\.com/services/)[\w/]{16,}|(?<=/api/webhooks/)\d{10,}/[\w-]{20,}"
    r"|(?<=webhook\.office\.com/)[\w@/-]{20,}"
)
_BEARER = re.compile(r"(?i:\bbearer(?:\s|%20|\+|=|:\s?)[\"']?)[\w.~+/%-]{16,}=*")
_AUTHORIZATION = re.compile(
    r"(?i:\bauthorization[\"']?(?:\s?[:=]\s?|%3[aAdD](?:%20)?)\\*[\"']?"
    r"(?:(?:basic|bearer|token|digest|apikey|negotiate)(?:\s|%20))?)([\w.~+/=%-]{8,})"
)
_BASIC = re.compile(r"(?i:\bbasic\s)([A-Za-z0-9+/]{8,}={0,2})(?![\w+/=-])")
_COOKIES = re.compile(r"(?i:\b(?:set-)?cookies?[\"']?\s?[:=]\s?[\"']?)([^\s\"';=:]{1,100}=[^\"'\r\n]+)")

# Names of secrets, also as the end of another: `reset_password_token`.
_STRONG_NAMES = (
    # But `gtoken` and `jsonwebtoken` are packages.
    r"(?:(?<![a-z])|(?-i:(?=T))|(?<=access)|(?<=refresh)|(?<=auth)|(?<=csrf)|(?<=xsrf)|(?<=session)|(?<=api)|(?<=reset)"
    r"|(?<=user)|(?<=login)|(?<=bearer)|(?<=id)|(?<=security)|(?<=device)|(?<=confirmation)|(?<=\d[a-f]))(?:token|token_hash|tokenid)"
    r"|password|passwort|passwd|passphrase|passcode|pwd|secret|secretkey"
    r"|(?:api|access|private|secret|signing|encryption|auth|account|master|client)[_.-]?key|accesskeyid|access[_-]?key[_-]?id"
    r"|(?<![a-z])jwt|saml(?:request|response)|assertion|session[_.-]?id|sess[_-]?id|sessid|cfid|signature|(?:security|auth)[_-]?code"
    r"|oobcode|totp|otp|cvv|cvc|csrf|xsrf|code_verifier|code_challenge|authenticity_token|login[_-]?hash"
    r"|(?<![a-z])pin(?==\d{4,8}(?!\d))"
    r"|activation[_-]?key|reset[_-]?(?:key|code|hash)|confirm(?:ation)?[_-]?(?:key|code|hash)|verif(?:y|ication)[_-]?(?:key|code)"
    r"|invit(?:e|ation)[_-]?(?:key|code|hash)|magic[_-]?(?:link|key|code)|authorization"
)
# These say so only as a parameter of an address.
_WEAK_NAMES = (
    r"code|key|session|sig|auth|state|nonce|ticket|hash|hmac|sid|sess|pin|pass|pw|login|invite|invitation|magic|oauth_\w{1,20}"
    r"|connect\.sid|x-(?:amz|goog)-\w{1,30}|ott|st|uuid|guid|t|h|k|s|hdnea|hdnts|policy|key-pair-id|access|challenge|confirm|rp_key"
)
_EQUALS = r"(?:=|%(?:25)*3[dD])"
_VALUE = r"[^\s&\"'<>;,)}\[\]#\\]+"
_NAMED = re.compile(
    r"(?<![\w.$\[\]-])(?i:([\w.$\[-]{0,60}?)(?:"
    + _STRONG_NAMES
    + r")(?:\]|%5[dD])?)(?![\w-])(?:"
    + rf"{_EQUALS}(?!=)({_VALUE})"
    + r"|\\*[\"']\s?[:=]>?\s?\\*[\"']([^\"'\\]+)"
    + r"|\s?[:=]\s?[\"']([^\"']+)"
    + r"|:\s?((?=[A-Za-z_-]*\d)[\w./+~-]{12,}))"
)
_PARAMETER = re.compile(
    r"(?:(?<=[?&;#])|(?<=&amp;)|(?<=%3[fFbB])|(?<=%2[36])|(?<=%253[fFbB])|(?<=%252[36]))(?i:"
    + _WEAK_NAMES
    + rf"){_EQUALS}({_VALUE})"
)
# Not values, but what programs say about them.
_PHRASES = "null undefined true false none nan nil empty missing invalid required expired yes no"
_NO_VALUES = frozenset(_PHRASES.split())
_MIN_WEAK_LENGTH = 6
# What the patterns need at least. Looking for all of them would cost more than everything else.
may_have_token = re.compile(r"[=%:\"']|(?<![\w.~+-])[\w.~+-]{16}|asic |KEY-").search
_has_long_run = re.compile(r"(?<![\w-])[\w-]{16}|%|PRIVATE KEY").search
_has_value = re.compile(r"[=\"']|%(?:25)*3[dD]|:\s?[\w.-]{12}").search
_has_name = re.compile(
    "token|pass|pin=|pwd|secret|key|jwt|saml|assertion|sess|cfid|signature|code|otp|cvv|cvc|csrf|xsrf|hash|magic|authori"
).search


def redact_tokens(text: str, counts: Counts, ignored_names: frozenset[str] = frozenset()) -> str:
    """The text with `[token]` for keys, tokens and passwords. Parameters of `ignored_names` stay."""

    def replace(found: re.Match[str]) -> str:
        counts["token"] += 1
        return "[token]"

    def replace_group(found: re.Match[str]) -> str:
        """Only what one of the groups found; the others say what it is."""
        at = found.lastindex or 0
        value = found[at]
        name = found[0][: found.start(at) - found.start()].rstrip("=\"' :")
        if value.lower() in _NO_VALUES or value.startswith("[") or name in ignored_names:
            return found[0]
        counts["token"] += 1
        end = found.end(at) - found.start()
        return f"{found[0][: found.start(at) - found.start()]}[token]{found[0][end:]}"

    def replace_weak(found: re.Match[str]) -> str:
        return replace_group(found) if len(found[1]) >= _MIN_WEAK_LENGTH or "pin" in found[0].lower() else found[0]

    def replace_basic(found: re.Match[str]) -> str:
        return replace_group(found) if _is_basic(found[1]) else found[0]

    lower = text.lower()
    if "cookie" in lower:
        text = _COOKIES.sub(replace_group, text)
    if _has_long_run(text):
        text = _TOKEN.sub(replace, text)
    if "authorization" in lower:
        text = _AUTHORIZATION.sub(replace_group, text)
    if "bearer" in lower:
        text = _BEARER.sub(replace, text)
    if "basic" in lower:
        text = _BASIC.sub(replace_basic, text)
    if _has_name(lower) and _has_value(text):
        text = _NAMED.sub(replace_group, text)
    return _PARAMETER.sub(replace_weak, text) if "=" in text or "%" in text else text


def _is_basic(value: str) -> bool:
    """Whether it is a user name and a password, as HTTP has them."""
    try:
        decoded = base64.b64decode(value + "=" * (-len(value) % 4), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return False
    return ":" in decoded and decoded.isprintable()
