"""Which encoding a file that is not in Unicode is likely in, by its words; a guess, to be asked."""

from __future__ import annotations

import re
from unicodedata import combining, normalize

_WEST = "éèçêëàâîôïûùœ üöäßé íáéóñúüç ãçáéíóúêôâà öäåé øæåöéü éíóáèòàùì"
_EAST = "łńśążęóźć áéíýřčůšžěúňóďť áéíóöőúüű áéíčýšžľúňóôťďäĺŕ ćčžšđ"
_RUS, _UKR = "аоиенрвлтскмдйпяьугбчыюхзжфцшщэёъ", "аоиенврклтсмідуяпгйьбзючхжїєшцґщ"
_JAP = "佐藤鈴木高橋田中渡辺伊山本村小林加吉口松井上斎清水野原子美郎一太香陽介智里真明直裕翼花"
_CHI = (
    "王李张陈杨黄赵吴周徐孙马朱胡郭何林高罗小明华丽秀英玉兰桂梅建国文芳红平志春俊伟强敏静勇琳成刘好"
)
_TAI = (
    "王李張劉陳楊黃趙吳周徐孫馬朱胡郭何林高羅小明華軍"
    "麗娟秀英玉蘭桂梅建國海文芳紅雅婷怡君家豪宗翰淑美"
)
_KOR = (
    "김이박최정강조윤장임한지민서준현영은수하진성경미상"
    "숙순우재도예유원호훈연동주아나종희자옥선승보신광병철"
)
# A head start; by language the letters beyond ASCII, commonest first; of the double-byte
# encodings the lead bytes of the common characters, and what such a one is worth.
_ENCODINGS: dict[str, tuple[float, str, int, int, float]] = {
    "cp1252": (0.25, _WEST, 0, 0, 0),
    "mac_roman": (0.15, _WEST, 0, 0, 0),
    "cp850": (0.05, _WEST, 0, 0, 0),
    "cp437": (0, _WEST, 0, 0, 0),
    "cp1250": (0.1, _EAST, 0, 0, 0),
    "iso8859-2": (0.06, _EAST, 0, 0, 0),
    "cp1254": (0.15, "ışğüöçâ", 0, 0, 0),
    "cp1257": (0, "ėžąūšųčįę āīēšļņūžčģķ äõüöšž", 0, 0, 0),
    "cp1251": (0.05, f"{_RUS} {_UKR}", 0, 0, 0),
    "koi8-r": (0.05, _RUS, 0, 0, 0),
    "cp1253": (0.05, "αοςιρνητσλεάκίπμόδυγέώθήχβύφωζξψϊϋΐΰ", 0, 0, 0),
    "cp1255": (0, "יורהלאנשמבתדקחםעגןספטכזצךףץ", 0, 0, 0),
    "cp1256": (0, "اليمنردبعسحوةهفكقجشىصخزطتأغضثذظءئإآؤ", 0, 0, 0),
    "cp932": (0.05, _JAP, 0x82, 0x97, 0.75),
    "euc_jp": (0, _JAP, 0xA4, 0xCF, 0.68),
    "gb18030": (0, _CHI, 0xB0, 0xD7, 0.66),
    "big5": (0.05, _TAI, 0xA4, 0xC6, 0.55),
    "cp949": (0, _KOR, 0xB0, 0xC8, 0.7),
}
_TOKEN = re.compile(rb"[^\x00-\x2f\x3a-\x40]+")  # none of these is a character's second byte
_MARKS = "’–“”‘—…€«»•®™„°\xa0"
_UNLIKE = re.compile(r"[^\W\d_][–“‘„«•°—€]|[”»…™®–—•][^\W\d_]|\xa0[a-z]|^[ьъыςğß]|[ךםןףץς]\w|σ$")


def rank_encodings(data: bytes) -> list[str]:
    """Rank those encodings that can read all of *data*, the likeliest first."""
    tokens = list({t[:64]: None for t in _TOKEN.findall(data) if not t.isascii()})[:500]
    scores: dict[str, float] = {}
    for encoding, (head_start, *_) in _ENCODINGS.items():
        try:
            data.decode(encoding)
        except UnicodeDecodeError:
            continue
        text = "\n".join(token.decode(encoding, "ignore") for token in tokens)
        words = [w for w in re.split(r"[\x00-@\[-`{-\x7f]+", text) if not w.isascii()]
        scores[encoding] = head_start + sum(_worth(w, encoding) for w in words) / (len(words) or 1)
    return sorted(scores, key=lambda encoding: -scores[encoding])


def _worth(word: str, encoding: str) -> float:
    """Tell how like a word of the encoding's languages it is: 1 at most, below 0 if none."""
    _, alphabets, least, most, fair = _ENCODINGS[encoding]
    letters = [c for c in word if c > "\x7f" and c.isalpha()]
    plain = len(re.findall("[A-Za-z]", word))
    if any(c > "\x7f" and not (c.isalpha() or c in _MARKS or combining(c)) for c in word):
        return -1
    if _UNLIKE.search(word):
        return -0.7
    if not letters:
        return 0.7
    if most:
        codes = [c.encode(encoding) for c in letters]
        if plain or any(len(code) == 1 for code in codes):
            return -0.5
        if encoding == "big5":  # a second byte below A1 is of no EUC encoding
            fair += 0.25 * sum(code[1] < 0xA1 for code in codes) / len(codes)
        worths = [
            (1 if c in alphabets else fair) if least <= code[0] <= most else -0.3
            for c, code in zip(letters, codes, strict=True)
        ]
        return sum(worths) / len(codes)
    latin, caseless = letters[0] < "\u0250", word.lower() == word.upper()
    if not (caseless or word.istitle() or word.islower() or word.isupper()):
        return -0.6
    if len(letters) > plain + 1 if latin else plain:
        return -0.6
    if latin:
        turn = 0.07 * _turns(word) - 0.2 * (not plain)
    else:
        turn = 0 if caseless or word.istitle() else -0.12 if word.islower() else -0.25
    small = ["ı" if c == "İ" else c.lower() for c in letters]
    fits = [
        1 - 0.8 * sum(a.index(c) / len(a) for c in small) / len(small)
        for a in alphabets.split()
        if set(small) <= set(a)
    ]
    return max(fits, default=-0.3) + turn


def _turns(word: str) -> int:
    """Count how far vowels and consonants take turns about the letters beyond ASCII."""
    vowels = [normalize("NFD", c)[0] in "aeiouyAEIOUYøæœØÆŒı" for c in word]
    count = 0
    for at, c in enumerate(word):
        if c > "\x7f" and c.isalpha():
            near = sum(vowels[max(0, at - 1) : at] + vowels[at + 1 : at + 2])
            count += -near if vowels[at] else near - 1
    return count
