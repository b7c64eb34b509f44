"""Countries as customers write them, and the groups that speak of several of them."""

from __future__ import annotations

import re
from functools import lru_cache

_EUROPEAN_UNION = """
Austria austrian, Belgium belgian, Bulgaria bulgarian, Croatia croatian, Cyprus cypriot, Czechia czech|czech republic,
Denmark danish, Estonia estonian, Finland finnish, France french, Germany german, Greece greek, Hungary hungarian,
Ireland irish|republic of ireland, Italy italian, Latvia latvian, Lithuania lithuanian, Luxembourg luxemburg,
Malta maltese, Netherlands dutch|holland, Poland, Portugal portuguese, Romania romanian, Slovakia slovak|slovakian,
Slovenia slovenian, Spain spanish, Sweden swedish
"""
_EUROPE = """
Albania albanian, Andorra, Armenia armenian, Azerbaijan, Belarus belarusian, Bosnia bosnian|bosnia and herzegovina,
Georgia georgian, Great Britain uk|u.k.|united kingdom|britain|british|england|english|scotland|scottish|wales|welsh,
Iceland icelandic, Kosovo, Liechtenstein, Moldova moldovan, Monaco, Montenegro, North Macedonia macedonia,
Northern Ireland, Norway norwegian, Russia russian, San Marino, Serbia serbian, Switzerland swiss,
Turkey turkish|türkiye, Ukraine ukrainian, Vatican
"""
_WORLD = """
Afghanistan, Algeria algerian, Angola, Argentina argentinian, Australia australian, Bahamas, Bahrain, Bangladesh,
Barbados, Belize, Benin, Bhutan, Bolivia, Botswana, Brazil brazilian, Brunei, Burkina Faso, Burundi, Cambodia, Cameroon,
Canada canadian, Cape Verde, Chad, Chile chilean, China chinese, Colombia colombian, Congo, Costa Rica, Cuba cuban,
Djibouti, Dominican Republic, Ecuador, Egypt egyptian, El Salvador, Eritrea, Ethiopia, Fiji, Gabon, Gambia, Ghana,
Guatemala, Guinea, Guyana, Haiti, Honduras, Hong Kong, India indian, Indonesia indonesian, Iran iranian, Iraq iraqi,
Israel israeli, Ivory Coast, Jamaica, Japan japanese, Jordan, Kazakhstan, Kenya kenyan, Kuwait, Kyrgyzstan, Laos,
Lebanon lebanese, Lesotho, Liberia, Libya, Madagascar, Malawi, Malaysia malaysian, Maldives, Mali, Mauritius,
Mexico mexican, Mongolia, Morocco moroccan, Mozambique, Myanmar burma, Namibia, Nepal, New Zealand, Nicaragua, Niger,
Nigeria nigerian, North Korea, Oman, Pakistan pakistani, Panama, Papua New Guinea, Paraguay, Peru peruvian,
Philippines, Puerto Rico, Qatar, Rwanda, Samoa, Saudi Arabia, Senegal, Seychelles, Sierra Leone, Singapore, Somalia,
South Africa south african, South Korea korea|korean, Sri Lanka, Sudan, Suriname, Syria, Taiwan taiwanese, Tajikistan,
Tanzania, Thailand thai, Togo, Tonga, Trinidad, Tunisia, Turkmenistan, Uganda, United Arab Emirates uae|dubai,
United States usa|u.s.a.|u.s.|america|american, Uruguay, Uzbekistan, Vanuatu, Venezuela, Vietnam, Yemen, Zambia,
Zimbabwe
"""
_CHINESE = """
奥地利 austria, 比利时 belgium, 保加利亚 bulgaria, 克罗地亚 croatia, 捷克 czechia, 丹麦 denmark, 爱沙尼亚 estonia,
芬兰 finland, 法国 france, 德国 germany, 希腊 greece, 匈牙利 hungary, 爱尔兰 ireland, 意大利 italy, 拉脱维亚 latvia,
立陶宛 lithuania, 卢森堡 luxembourg, 荷兰 netherlands, 波兰 poland, 葡萄牙 portugal, 罗马尼亚 romania, 西班牙 spain,
瑞典 sweden, 英国 great britain, 冰岛 iceland, 挪威 norway, 俄罗斯 russia, 瑞士 switzerland, 土耳其 turkey,
乌克兰 ukraine, 阿根廷 argentina, 澳大利亚 australia, 澳洲 australia, 巴西 brazil, 加拿大 canada, 智利 chile,
中国 china, 埃及 egypt, 香港 hong kong, 印度 india, 印度尼西亚 indonesia, 伊朗 iran, 以色列 israel, 日本 japan,
马来西亚 malaysia, 墨西哥 mexico, 新西兰 new zealand, 巴基斯坦 pakistan, 菲律宾 philippines, 沙特阿拉伯 saudi arabia,
新加坡 singapore, 南非 south africa, 韩国 south korea, 台湾 taiwan, 泰国 thailand, 美国 united states, 越南 vietnam
"""
_COMMON_WORDS = frozenset({"china", "turkey", "jordan", "chad", "georgia", "guinea"})

_NOUNS_TOO = frozenset(
    [
        *("uk", "u.k.", "united kingdom", "britain", "england", "scotland", "wales", "holland", "luxemburg", "burma"),
        *("republic of ireland", "czech republic", "bosnia and herzegovina", "macedonia", "türkiye", "korea", "uae"),
        *("usa", "u.s.a.", "u.s.", "america"),
    ]
)
"""Of the other ways to write a country those that are no adjectives."""

_GROUPS = {
    "europe": r"europe(?!an)|欧洲",
    "eu": r"e\.?u\.?(?![a-z])|european union|欧盟",
    "all": r"(?:other|all|every|any|most) (?:other )?(?:countr\w+|destinations?)\b(?! (?:of|in|within) (?:the )?eu)"
    r"|abroad|worldwide|international\w*|overseas"
    r"|(?:any|every)where(?: else)?|elsewhere|rest of the world|其他国家|所有国家|各国|国外|海外|全球",
}


def countries(text: str, *, adjectives: bool = True) -> frozenset[str]:
    """The countries a text names, under one name each: `Dutch` and `holland` are `netherlands`.

    Args:
        text: in any case of letters, English or Chinese.
        adjectives: whether `Dutch` counts.
    """
    text = text.replace("’", "'")
    found = (match for match in _pattern().finditer(text) if _means_a_country(text, match))
    names = {_names()[match.group().lower()] for match in found if adjectives or not _is_adjective(match.group())}
    return frozenset(names)


def covers(text: str, country: str) -> bool:
    """Whether a text speaks of a group that the country belongs to: the EU, other countries, everywhere."""
    text, groups = text.lower(), ("all", *_groups().get(country, ()))
    return any(re.search(rf"(?<![a-z])(?:{_GROUPS[group]})", text) for group in groups)


def speaks_of_a_union(text: str) -> bool:
    """Whether a text speaks of the EU or Europe: what it says holds there."""
    return any(re.search(rf"(?<![a-z])(?:{_GROUPS[group]})", text.lower()) for group in ("eu", "europe"))


def _means_a_country(text: str, match: re.Match[str]) -> bool:
    """`China`, and `to china`; but not porcelain, nor poultry."""
    if match.group() not in _COMMON_WORDS:
        return True
    return re.search(r"\b(?:to|from|in)\s+$", text[: match.start()], re.IGNORECASE) is not None


def _is_adjective(word: str) -> bool:
    word = word.lower()
    return word.isascii() and word != _names()[word] and word not in _NOUNS_TOO


@lru_cache(maxsize=1)
def _names() -> dict[str, str]:
    """From every way to write a country to its name."""
    names = dict(entry.strip().split(" ", 1) for entry in " ".join(_CHINESE.split()).split(","))
    for country, others in _listed(_EUROPEAN_UNION + "," + _EUROPE + "," + _WORLD):
        names.update(dict.fromkeys((country, *others), country))
    return names


@lru_cache(maxsize=1)
def _groups() -> dict[str, tuple[str, ...]]:
    union = {country: ("eu", "europe") for country, _ in _listed(_EUROPEAN_UNION)}
    return {**{country: ("europe",) for country, _ in _listed(_EUROPE)}, **union}


def _listed(table: str) -> list[tuple[str, list[str]]]:
    """`Netherlands dutch|holland`: the name has capital letters, what else it is called has none."""
    rows = []
    for entry in " ".join(table.split()).split(","):
        match = re.fullmatch(r"\s*((?:[A-Z]\w*(?: and)?\s?)+)(.*?)\s*", entry)
        if match:
            rows.append((match[1].strip().lower(), [other for other in match[2].split("|") if other]))
    return rows


@lru_cache(maxsize=1)
def _pattern() -> re.Pattern[str]:
    """Longest first: Northern Ireland is not Ireland. Chinese has no spaces around a word."""
    names = sorted(_names(), key=len, reverse=True)
    chinese = "|".join(name for name in names if not name.isascii() and "\u3400" <= name[0] <= "\u9fff")
    others = "|".join(re.escape(name) for name in names if not "\u3400" <= name[0] <= "\u9fff")
    return re.compile(rf"{chinese}|(?<![\w-])(?:{others})(?![\w-])", re.IGNORECASE)
