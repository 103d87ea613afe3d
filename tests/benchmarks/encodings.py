"""How often the first guess of an encoding is right: ``python tests/benchmarks/encodings.py``.

Files as people upload them: a header, addresses in ASCII, and few names that are not. Counted is
in how many of them the first guess makes the same text as the encoding that the file was written
in. charset-normalizer and chardet are measured beside it where they are installed.
"""

from __future__ import annotations

import importlib.util
import random
from collections.abc import Callable

from flask_mailbox_import.reading.decoding import rank_encodings

NAMES: dict[str, tuple[tuple[str, ...], str]] = {
    "Western European": (
        ("cp1252", "mac_roman", "cp850"),
        "Müller Jäger Größe Weiß François Hélène Benoît José Muñoz Peña João Conceição Åse Jørgen",
    ),
    "Central European": (
        ("cp1250", "iso8859-2"),
        "Łukasz Żółć Wiśniewski Dvořák Růžička Šimůnek Žižka Szűcs Tőkés Ľuboš Kováč Đorđe Čović",
    ),
    "Turkish": (("cp1254",), "Işık Çağlar Gökçe Yılmaz Şahin Öztürk Doğan İbrahim"),
    "Baltic": (("cp1257",), "Jānis Bērziņš Kalniņš Ozoliņš Žukauskas Šimkus Jõgi Mägi"),
    "Russian": (("cp1251", "koi8-r"), "Анна Иванова Сергей Петров Ольга Кузнецова Дмитрий"),
    "Greek": (("cp1253",), "Γιώργος Παπαδόπουλος Μαρία Νικολάου Ελένη Κωνσταντίνου"),
    "Hebrew": (("cp1255",), "דוד כהן שרה לוי משה מזרחי רחל"),
    "Arabic": (("cp1256",), "محمد أحمد فاطمة علي حسن خالد مريم"),
    "Japanese": (("cp932", "euc_jp"), "佐藤太郎 鈴木花子 高橋一郎 田中美香 渡辺直人 山本裕子"),
    "Chinese": (("gb18030",), "王小明 李芳 张伟 刘洋 陈静 杨丽 赵敏"),
    "Taiwanese": (("big5",), "陳美玲 林志豪 黃淑芬 張家豪 李雅婷 吳宗翰"),
    "Korean": (("cp949",), "김민수 이지은 박서준 최영희 정수진 강현우"),
}
ROWS = (1, 3, 10, 50)
FILES = 20


def ours(data: bytes) -> str | None:
    return next(iter(rank_encodings(data)), None)


def charset_normalizer(data: bytes) -> str | None:
    best = importlib.import_module("charset_normalizer").from_bytes(data).best()
    return best and best.encoding


def chardet(data: bytes) -> str | None:
    found: str | None = importlib.import_module("chardet").detect(data)["encoding"]
    return found


def installed() -> list[Callable[[bytes], str | None]]:
    """Return the guessers that can be measured here."""
    others = (charset_normalizer, chardet)
    return [ours, *(each for each in others if importlib.util.find_spec(each.__name__))]


def file_of(names: list[str], chance: random.Random, rows: int) -> str:
    """Return a file in which each row has a name that is not in ASCII."""
    lines = ["email,password,smtphost,imaphost,displayname"]
    for number in range(rows):
        name = " ".join(chance.sample(names, 2))
        lines.append(f"user{number}@example.com,pw{number},smtp.example.com,,{name}")
    return "\n".join(lines) + "\n"


def is_right(guess: str | None, data: bytes, text: str) -> bool:
    try:
        return guess is not None and data.decode(guess) == text
    except (UnicodeError, LookupError):
        return False


def main() -> None:
    guessers = installed()
    print(f"{'language':<18}{'rows':>5}" + "".join(f"{each.__name__:>20}" for each in guessers))
    totals = dict.fromkeys(guessers, 0)
    files = 0
    for language, (encodings, names) in NAMES.items():
        for rows in ROWS:
            chance = random.Random(f"{language} {rows}")
            right = dict.fromkeys(guessers, 0)
            for encoding in encodings:
                for _ in range(FILES):
                    text = file_of(names.split(), chance, rows)
                    data = text.encode(encoding)
                    for each in guessers:
                        right[each] += is_right(each(data), data, text)
            count = FILES * len(encodings)
            files += count
            for each in guessers:
                totals[each] += right[each]
            shares = "".join(f"{right[each] / count:>20.0%}" for each in guessers)
            print(f"{language:<18}{rows:>5}{shares}")
    print(f"{'all':<18}{'':>5}" + "".join(f"{totals[each] / files:>20.1%}" for each in guessers))


if __name__ == "__main__":
    main()
