"""The names of browsers, programs and systems that devices have: a closed list, as anybody can make up a name.

The parser of user agents takes the name of most programs from the user agent itself (`x00001bot/1.0`), and every
new name would be a row of Postgres for ever. What is not listed is `OTHER`, or `OTHER_BOT` if it calls itself one.
"""

import re

OTHER, OTHER_BOT = "Other", "Other bot"

_BROWSERS = """
    Chrome, Chrome Mobile, Chrome Mobile WebView, Chrome Mobile iOS, Chromium, HeadlessChrome, Firefox,
    Firefox Mobile, Firefox iOS, Safari, Mobile Safari, Mobile Safari UI/WKWebView, Edge, Edge Mobile, IE,
    IE Mobile, Opera, Opera Mobile, Opera Mini, Opera GX, Opera Touch, Samsung Internet, Android, UC Browser,
    Yandex Browser, Vivaldi, Brave, Whale, Amazon Silk, DuckDuckGo, DuckDuckGo Mobile, MiuiBrowser,
    Huawei Browser, HeyTap Browser, VivoBrowser, QQ Browser, QQ Browser Mobile, Baidu Browser,
    Sogou Explorer, Maxthon, Coc Coc, Quark, Ecosia iOS, Ecosia Android, Puffin, Oculus Browser,
    Avast Secure Browser, Aloha Browser, Pale Moon, SeaMonkey, Waterfox, Epiphany, Konqueror, Falkon, Lynx,
    Ladybird, Electron, Facebook, Instagram, Pinterest, Snapchat, Twitter, TikTok, LinkedIn, WeChat Browser,
    LINE, KakaoTalk, Telegram, Slack Desktop Client, Microsoft Teams, Google, Outlook, Apple Mail,
    Thunderbird, PhantomJS, curl, Wget, HTTPie, Python Requests, Python aiohttp, Python-urllib,
    Go-http-client, Apache-HttpClient, okhttp, Java, axios, PostmanRuntime, CFNetwork, Googlebot, bingbot,
    YandexBot, Applebot, Baiduspider, DuckDuckBot, FacebookBot, Twitterbot, LinkedInBot, Pinterestbot,
    Slackbot, AhrefsBot, SemrushBot, PetalBot, GPTBot, ClaudeBot, CCBot, Bytespider, PingdomBot,
    NewRelicPingerBot, StatusCakeBot, Spider, unknown
"""
_SYSTEMS = """
    Windows, Windows Phone, Mac OS X, iOS, iPadOS, tvOS, WatchOS, Android, HarmonyOS, KaiOS, Linux, Ubuntu,
    Debian, Fedora, Red Hat, CentOS, openSUSE, Arch Linux, Gentoo, Chrome OS, FreeBSD, OpenBSD, NetBSD,
    Solaris, Tizen, webOS, Roku, Firefox OS, BlackBerry OS, Chromecast, unknown
"""


def _names(listed: str) -> frozenset[str]:
    return frozenset(re.split(r",\s+", listed.strip()))


BROWSERS = _names(_BROWSERS) | {OTHER, OTHER_BOT}
SYSTEMS = _names(_SYSTEMS) | {OTHER}
