"""How often the guess of an encoding is right: ``python tests/benchmarks/encodings.py``.

Files as people upload them: a header, addresses in ASCII, and few cells that are not. These have
names, or nothing but a symbol such as "£" or a no-break space. Counted is in how many files the
first guess, or one of the first three, makes the same text as the encoding that the file was
written in. Guesses that make the same text count once, as the question shows them.
charset-normalizer and chardet are measured beside ours where they are installed.
"""

from __future__ import annotations

import importlib.util
import itertools
import random
from collections import Counter
from collections.abc import Callable, Iterator

from flask_mailbox_import.reading.decoding import rank_encodings

WESTERN, CENTRAL = ("cp1252", "mac_roman", "cp850"), ("cp1250", "iso8859-2")
NAMES: dict[str, tuple[tuple[str, ...], str]] = {
    "German": (WESTERN, "Müller Jäger Größe Weiß Schröder Günther Voß Köhler Björn Jürgen Böhm"),
    "French": (WESTERN, "François Hélène Benoît Gaëlle Desprès Anaïs Jérôme Zoé Lefèvre André"),
    "Spanish": (WESTERN, "José Muñoz Peña Núñez Íñigo Begoña Martín Ángel García Jesús Mónica"),
    "Portuguese": (WESTERN, "João Conceição Guimarães Gonçalves Inês Luís Antônio Araújo Simões"),
    "Italian and Dutch": (WESTERN, "Niccolò Nicolò Giosuè Donà Daniël Zoë Joëlle Loïs Esmée"),
    "Nordic": (WESTERN, "Åse Jørgen Mäkinen Söderström Håkan Bjørn Kjær Søren Ødegård Väinö Öberg"),
    "Polish": (
        CENTRAL,
        "Łukasz Żółć Wiśniewski Michał Świątek Gołąb Elżbieta Zając Paweł Małgorzata Jędrzej",
    ),
    "Czech and Slovak": (
        CENTRAL,
        "Dvořák Růžička Šimůnek Žižka Ľuboš Kováč Jiří Němec Kateřina Štěpán Tomáš Novotná",
    ),
    "Hungarian": (CENTRAL, "Szűcs Tőkés Horváth Erzsébet Gergő László Kovács Szabó Ödön Fürst"),
    "Croatian, Slovenian": (CENTRAL, "Đorđe Čović Željko Marušić Matjaž Gašper Kučera Šarić Žagar"),
    "Turkish": (
        ("cp1254",),
        "Işık Çağlar Gökçe Yılmaz Şahin Öztürk Doğan İbrahim Ayşe Gülşen Çelik Kılıç Yıldırım",
    ),
    "Baltic": (
        ("cp1257",),
        "Jānis Bērziņš Kalniņš Ozoliņš Žukauskas Šimkus Jõgi Mägi Pētersone Līga Agnė Šarūnas",
    ),
    "Russian": (
        ("cp1251", "koi8-r"),
        "Анна Иванова Сергей Петров Ольга Кузнецова Дмитрий Юлия Щербаков Наталья Фёдоров",
    ),
    "Greek": (
        ("cp1253",),
        "Γιώργος Παπαδόπουλος Μαρία Νικολάου Ελένη Κωνσταντίνου Σοφία Δημήτρης Αθανασίου",
    ),
    "Hebrew": (("cp1255",), "דוד כהן שרה לוי משה מזרחי רחל יעקב פרץ מרים"),
    "Arabic": (("cp1256",), "محمد أحمد فاطمة علي حسن خالد مريم يوسف عائشة"),
    "Japanese": (
        ("cp932", "euc_jp"),
        "佐藤太郎 鈴木花子 高橋一郎 田中美香 渡辺直人 山本裕子 伊藤翔太 中村陽子 小林健",
    ),
    "Chinese": (("gb18030",), "王小明 李芳 张伟 刘洋 陈静 杨丽 赵敏 周杰 吴秀兰"),
    "Taiwanese": (("big5",), "陳美玲 林志豪 黃淑芬 張家豪 李雅婷 吳宗翰 蔡怡君 許俊宏"),
    "Korean": (("cp949",), "김민수 이지은 박서준 최영희 정수진 강현우 윤서연 조성민"),
}
#: Cells whose only letter that is not ASCII is a symbol. Of a password, any symbol may be part.
NOTES = (
    *("costs £5", "20€", "20°C", "2019–2020", "Sales — Berlin", "© Ann Ltd", "Acme® Ltd"),
    *("ACME™", "½ day", "20 m²", "5 µm", "Ann´s", "¿Que?", "¡Hola!"),
    *("« Shop »", "»Ann«", "• Ann", "more…", "5 ‰", "50¢", "¥500"),
    *("§ 5", "Ann’s Shop", "O’Brien", "“Ann” Smith", "Ann\xa0Smith", "note\xa0"),
)
PASSWORDS = ("p{}ss", "pass{}", "{}pass", "Passw{}rd", "Summer{}20", "{}100", "x{}9q!Lm", "{}")
SYMBOLS = "£€°–—©®™½²µ´¿¡«»•…‰¢¥§’“\xa0"
ENCODINGS_OF_SYMBOLS = ("cp1252", "mac_roman", "cp850")
ROWS = (1, 2, 5, 20)
FILES = 20
HEADER = "email,password,smtphost,imaphost,displayname\n"

Guesser = Callable[[bytes], list[str]]
#: What a file is of, its encoding, how many rows are not in ASCII, and its text.
File = tuple[str, str, int, str]


def ours(data: bytes) -> list[str]:
    return rank_encodings(data)


def charset_normalizer(data: bytes) -> list[str]:
    return [
        each.encoding for each in importlib.import_module("charset_normalizer").from_bytes(data)
    ]


def chardet(data: bytes) -> list[str]:
    found = importlib.import_module("chardet").detect_all(data)
    return [each["encoding"] for each in found if each["encoding"]]


def installed() -> list[Guesser]:
    """Return the guessers that can be measured here."""
    others = (charset_normalizer, chardet)
    return [ours, *(each for each in others if importlib.util.find_spec(each.__name__))]


def files_of_names() -> Iterator[File]:
    """Return files in which rows have a name that is not in ASCII."""
    for (language, (encodings, names)), rows in itertools.product(NAMES.items(), ROWS):
        chance = random.Random(f"{language} {rows}")
        for encoding, _ in itertools.product(encodings, range(FILES)):
            cells = [("pw", " ".join(chance.sample(names.split(), 2))) for _ in range(rows)]
            yield language, encoding, rows, text_of(cells)


def files_of_symbols() -> Iterator[File]:
    """Return files whose only letters that are not ASCII are one symbol, in notes or passwords."""
    for encoding, symbol, rows in itertools.product(ENCODINGS_OF_SYMBOLS, SYMBOLS, ROWS):
        chance = random.Random(f"{symbol} {rows}")
        notes = [each for each in NOTES if symbol in each]
        of_notes = [("pw", chance.choice(notes)) for _ in range(rows)]
        of_passwords = [(chance.choice(PASSWORDS).format(symbol), "Ann") for _ in range(rows)]
        for kind, cells in (("note", of_notes), ("password", of_passwords)):
            text = text_of(cells)
            if text.encode(encoding, "ignore").decode(encoding) == text:
                yield f"{kind}, {encoding}", encoding, rows, text


def text_of(cells: list[tuple[str, str]]) -> str:
    """Return a file with these passwords and names."""
    lines = (
        f"user{number}@example.com,{password},smtp.example.com,,{name}\n"
        for number, (password, name) in enumerate(cells)
    )
    return HEADER + "".join(lines)


def place_of(guesses: list[str], data: bytes, text: str) -> int | None:
    """Return how many other texts are guessed before the right one; None if it is not guessed."""
    readings: list[str] = []
    for guess in guesses:
        try:
            reading = data.decode(guess)
        except (UnicodeError, LookupError):
            continue
        if reading not in readings:
            readings.append(reading)
    return readings.index(text) if text in readings else None


def measure(title: str, files: Iterator[File], guessers: list[Guesser]) -> None:
    """Print the shares of files whose first guess is right, and one of the first three."""
    counts: Counter[tuple[str, int]] = Counter()
    right: Counter[tuple[str, int, str, int]] = Counter()
    for of, encoding, rows, text in files:
        data = text.encode(encoding)
        places = {each.__name__: place_of(each(data), data, text) for each in guessers}
        for line in ((of, rows), ("all", rows), ("all", 0)):
            counts[line] += 1
            for name, place in places.items():
                for most in (1, 3):
                    right[(*line, name, most)] += place is not None and place < most
    print(f"{title:<22}{'rows':>5}" + "".join(f"{each.__name__:>20}" for each in guessers))
    for line in sorted(counts, key=lambda line: (line[0] == "all", line[1] == 0)):
        shares = [
            " ".join(
                f"{right[(*line, each.__name__, most)] / counts[line]:>6.1%}" for most in (1, 3)
            )
            for each in guessers
        ]
        print(f"{line[0]:<22}{line[1] or '':>5}" + "".join(f"{each:>20}" for each in shares))
    print()


def main() -> None:
    guessers = installed()
    print("The first guess is right, and one of the first three is.\n")
    measure("names", files_of_names(), guessers)
    measure("symbols", files_of_symbols(), guessers)


if __name__ == "__main__":
    main()
