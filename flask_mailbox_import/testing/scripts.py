"""Scripts of a ``ScriptedServer``: their type, and the dialogues of correct SMTP and IMAP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

#: A list of steps. A step is a list of its name and its arguments.
Script = Sequence[Sequence[object]]

#: The dialogue of an SMTP server that accepts a login: the steps of each stage. The last step of
#: a stage is the server's answer to it.
SMTP_DIALOGUE: Mapping[str, Script] = {
    "greeting": [["send", "220 BANNER\r\n"]],
    "ehlo": [["wait", "EHLO"], ["send", "250-BANNER\r\n250 STARTTLS\r\n"]],
    "starttls": [["wait", "STARTTLS"], ["send", "220 BANNER\r\n"]],
    "tls": [["tls", "good"]],
    "ehlo in tls": [["wait", "EHLO"], ["send", "250-BANNER\r\n250 AUTH PLAIN\r\n"]],
    "auth": [["wait", "AUTH"], ["send", "235 ok\r\n"]],
}

#: The same for IMAP. ``{tag}`` stands for the tag of the last command.
IMAP_DIALOGUE: Mapping[str, Script] = {
    "greeting": [["send", "* OK BANNER\r\n"]],
    "capability": [["wait", "CAPABILITY"], ["send", "* CAPABILITY STARTTLS\r\n{tag} OK\r\n"]],
    "starttls": [["wait", "STARTTLS"], ["send", "{tag} OK BANNER\r\n"]],
    "tls": [["tls", "good"]],
    "capability in tls": [["wait", "CAPABILITY"], ["send", "* CAPABILITY ID\r\n{tag} OK\r\n"]],
    "login": [["wait", "LOGIN"], ["send", "{tag} OK ok\r\n"]],
    "id": [["wait", "ID"], ["send", "* ID NIL\r\n{tag} OK\r\n"]],
    "select": [["wait", "EXAMINE"], ["send", "* 3 EXISTS\r\n{tag} OK\r\n"]],
}


def up_to(dialogue: Mapping[str, Script], stage: str, *steps: Sequence[object]) -> Script:
    """Return a script that follows a dialogue until one stage, and leaves out its answer.

    :param dialogue: ``SMTP_DIALOGUE`` or ``IMAP_DIALOGUE``.
    :param stage: the name of the stage. Its last step and all later stages are left out.
    :param steps: what the server does instead.
    :raises ValueError: the dialogue has no such stage.
    """
    if stage not in dialogue:
        raise ValueError(f"{stage!r} is no stage; the stages are {', '.join(dialogue)}")
    script: list[Sequence[object]] = []
    for name, answers in dialogue.items():
        if name == stage:
            script += answers[:-1]
            break
        script += answers
    return [*script, *steps]


def until_tls(dialogue: Mapping[str, Script]) -> Script:
    """Return the steps of a dialogue from its start until TLS is up."""
    return [*up_to(dialogue, "tls"), *dialogue["tls"]]
