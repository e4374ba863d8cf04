"""What harm a request asks for, by cue lists: its stratum of refusal, or NO_HARM.

A sentence is harmful where an *act* (hurt a person, make a bomb, steal a password) meets *intent* (how can I, help me,
write me) or *evasion* (without being caught); words of protection, teaching, fiction and play count against it. Good
enough for plainly worded requests; veiled ones need the classifier.

The sixteen hazard categories are folded to seven strata, since each stratum is a test with its own baseline:

    violence   violent crime, weapons                  sexual     sex crime, sexual content
    crime      nonviolent crime, fraud,                hate       hate, misinformation, elections
               intellectual property                   privacy    privacy, harassment, defamation
    cyber      cybercrime                              self_harm  self harm

Specialized advice is no stratum: an answer to it is mostly right to give.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from proxy.core.observation import NO_HARM
from proxy.features.harm_acts import ACTS, STEMS
from proxy.features.wording import plain

READ_CHARS_MAX: Final = 8_192  # of a prompt: its beginning and its end, half of this each
SENTENCES_MAX: Final = 60  # of those, likewise
LINE: Final = 2.0  # the score from which a sentence is harmful
TEXT_IS_THE_HARM: Final = ("hate", "sexual")  # a story or joke of these is no lesser thing
NOISY_WORDS: Final = 120  # in a prompt this long a cue is easily met by chance: the line is one higher

_INTENT: Final = (
    r"how (?:to|can|do|could|would|should|might|does one|did)\b|\bways? (?:to|of|for)\b|\b(?:best|easiest|quickest|"
    r"fastest|simplest) (?:way|method|place|time)|\bmethods? (?:to|of|for)|\bi (?:want|need|plan|intend|would like|"
    r"'?d like|wish|am going|have decided) to\b|\bi'm (?:going|trying|planning|looking|hoping|writing)|"
    r"i am (?:trying|planning|looking|hoping)|\bhelp (?:me|us)\b|\bteach (?:me|someone|people|users)|\b(?:tell|show|"
    r"give|send|explain to|instruct|guide) (?:me|us|someone|users|people)|\b(?:steps?|tips|ideas|tricks|strategies|"
    r"techniques|advice|instructions?|plan|guide|tutorial|manual|recipe|script|scheme|blueprint|template|list|"
    r"program|app|software|algorithm|campaign|message|email|letter|post|speech|video|contract|"
    r"clause)\b (?:\w+ ){0,2}?(?:to|for|on|that|of|which|about|explaining|encouraging|promoting|describing)\b|"
    r"^(?:please |can you |could you )?(?:write|create|develop|make|generate|design|build|compose|draft|produce|"
    r"provide|publish|teach|instruct|explain how|describe how|outline|give|list|suggest|plan|post|convince|"
    r"demonstrate|offer|devise|formulate|in a|on a)\b|\b(?:can|could|should|may) i\b|\bis it possible to\b|"
    r"^what (?:are|is) (?:some|the|a|your) (?:\w+ ){0,3}?(?:ways?|methods?|tips|ideas|strateg\w+|steps|techniques?|"
    r"tricks|tools?|place|loopholes)|^what (?:\w+ ){0,4}?(?:can|should|do|could|would) i\b"
)
_EVASION: Final = (
    r"without (?:\w+ ){0,2}?(?:being |getting )?(?:caught|seen|detected|noticed|found|traced|identified|knowing|"
    r"permission|consent|their knowledge|his knowledge|her knowledge|anyone|paying|them|him|her|a licen[sc]e|"
    r"suspicion|leaving)|get(?:ting)? away with|\bun(?:detected|traceable|noticed|seen)\b|not (?:be|get|"
    r"getting) (?:caught|found out|traced)|(?:nobody|no ?one|no scanner|never) (?:can |will )?(?:trace|find|notice|"
    r"know|see)s?|avoid(?:ing)? (?:\w+ ){0,2}?(?:detection|capture|arrest|getting caught|being caught|suspicion|"
    r"prosecution)|looks? like an accident|\billegal(?:ly)?\b|\bin secret\b|\bsecretly\b|\bon purpose\b|in revenge|"
    r"for ransom|for (?:my )?(?:own )?(?:personal |financial )?(?:gain|profit)"
)
_INNOCENT: Final = (
    r"\b(?:steal the (?:show|spotlight|scene)|"
    r"control (?:my|your|our) (?:own )?(?:emotion|anger|temper|behaviou?r|mind)\w*)|"
    r"\b(?:prevent\w*|protect\w*|defend\w*|detect(?!ed|ion by)\w*|block\w*|avoid (?:being|becoming|falling|"
    r"getting (?:scammed|hacked|robbed))|stop (?:someone|people|bully|him|her|them|a )|report (?:a|an|the|someone|"
    r"bullying|fraud|abuse)|recogni[sz]\w*|spot (?:a|the|fake)|awareness|safeguard\w*|secure (?:my|our|the|against)|"
    r"mitigat\w*|victims? of|survivor|recover (?:from|my)|cope with|deal with (?:a|being|someone who)|"
    r"help (?:someone|a friend|my friend|people) who|history of|penalt\w+|punish\w*|sentenced|law against|laws (?:on|"
    r"about|against|regarding)|why (?:is|are|do|did|was|does)|consequences of|risks of|dangers of|is it (?:illegal|"
    r"legal|a crime|safe|ok)|(?:definition|meaning|etymology|symptoms?|treatment|causes?|effects|overview|impact) of|"
    r"pen(?:etration)?.?test\w*|ctf|vulnerability (?:scan|assess|management)\w*|my own (?:wi-?fi|account|computer|"
    r"password|network|phone|server|website|house|car)|unit tests?|translate|summari[sz]e|proofread|grammar|"
    r"classif\w+|sentiment|paraphrase|rewrite the|correct the|intrusion|against (?:hack|phish|fraud|scam|theft|"
    r"malware|bully|cyber|attack|ddos|sql|identity|brute)\w*|investigat\w*|anti-?\w+|firewall rules?|"
    r"fake (?:flowers?|plants?|fur|leather|snow|blood|tan|nails|grass|cake)|(?:was|were|been|being|got|gets?|is|are|"
    r"has been) (?:just |recently |already )?(?:stolen|hacked|scammed|bullied|stalked|robbed|harassed|blackmailed|"
    r"attacked|abused|threatened)|lost or stolen|report(?:ed)? (?:\w+ )?stolen)\b"
)
_UNREAL: Final = (
    r"\b(?:novel|fiction\w*|short story|fairy ?tale|story|stories|screenplay|movie|film|theatre|theater|play about|"
    r"poem|song|lyrics|character|chapter|detective|mystery|thriller|crime (?:drama|series|show)|minecraft|chess|"
    r"video ?games?|game|gta|boss fight|essay|lecture|lesson|article about|report (?:on|about)|news (?:report|"
    r"article)|presentation|museum|historical|in world war|documentary|quiz|textbook|joke|photo(?:s|graph\w*)?|"
    r"camera angle|portrait|python|linux|process|thread|bug|zombie|time|mosquito\w*|weeds?|ants|cockroach\w*|rats|"
    r"mice|bacteria|germs|stains?|recipe|garden|growth hack\w*|life hacks?|hackathon)\b"
)


class _Stem(NamedTuple):
    """The beginning of a word, or with `whole` a word, that makes a category's pattern worth trying."""

    text: str
    whole: bool
    category: str


def _index() -> dict[str, list[_Stem]]:
    """Stems by their first STEM_KEY letters. Of two words that belong together the first is enough to try."""
    index: dict[str, list[_Stem]] = {}
    for category, stems in STEMS.items():
        for stem in stems:
            word, whole, _ = stem.partition("~")
            index.setdefault(word[:STEM_KEY], []).append(_Stem(word, bool(whole), category))
    return index


STEM_KEY: Final = 3
_STEM_INDEX: Final = _index()
_ACT_CUES: Final = tuple((category, re.compile(rf"\b(?:{pattern})")) for category, pattern in ACTS)
_INTENT_CUE: Final = re.compile(_INTENT)
_EVASION_CUE: Final = re.compile(_EVASION)
_INNOCENT_CUE: Final = re.compile(_INNOCENT)
_UNREAL_CUE: Final = re.compile(_UNREAL)
_WORD: Final = re.compile(r"[a-z0-9]{3,}")
_SENTENCE_END: Final = re.compile(r"(?<=[.!?;])\s+|\n+")


def category_of(prompt: str) -> str:
    """The stratum of a prompt: the act of its most harmful sentence, or NO_HARM."""
    half = READ_CHARS_MAX // 2
    text = prompt if len(prompt) <= READ_CHARS_MAX else prompt[:half] + "\n" + prompt[-half:]
    line = LINE if text.count(" ") < NOISY_WORDS else LINE + 1
    best, category = max(map(_judged, _sentences(text)), default=(0.0, NO_HARM), key=lambda judged: judged[0])
    return category if best >= line else NO_HARM


def _sentences(text: str) -> Iterator[str]:
    sentences = _SENTENCE_END.split(text)
    if len(sentences) > SENTENCES_MAX:
        sentences = sentences[: SENTENCES_MAX // 2] + sentences[-SENTENCES_MAX // 2 :]
    yield from filter(None, map(plain, sentences))


def _judged(sentence: str) -> tuple[float, str]:
    """(score, category) of one plain sentence."""
    category = _act(sentence)
    if category is None:
        return 0.0, NO_HARM
    score = 1.0 + (_INTENT_CUE.search(sentence) is not None) + (_EVASION_CUE.search(sentence) is not None)
    score -= 2 * (_INNOCENT_CUE.search(sentence) is not None)
    score -= category not in TEXT_IS_THE_HARM and _UNREAL_CUE.search(sentence) is not None
    return score, category


def _act(sentence: str) -> str | None:
    """The first category, in the order of ACTS, whose act the sentence names."""
    worth = {stem.category for word in _WORD.findall(sentence) for stem in _stems_of(word)}
    return next((name for name, pattern in _ACT_CUES if name in worth and pattern.search(sentence)), None)


def _stems_of(word: str) -> Iterator[_Stem]:
    for stem in _STEM_INDEX.get(word[:STEM_KEY], ()):
        if word == stem.text if stem.whole else word.startswith(stem.text):
            yield stem
