"""Cues of hedging, with how reliably each marks a sentence as hedged.

Two kinds of sentence are meant. An assistant doubts what it says ("I'm not sure, but it might be ..."). An
encyclopedia says it of nobody in particular ("some critics say", "is widely regarded"): what its editors call weasel
words. The kinds and their cues follow Hyland 1998 (hedging in research articles), Ganter and Strube 2009 (weasel
words in Wikipedia) and the annotation of the CoNLL-2010 shared task (Farkas et al.); the weights are our own judgement.

A pattern is read in the plain form of a sentence (`wording.plain`); the first that fits at a word wins, so what is none
stands first. What may not stand before a word is said behind it: `may(?<!in may)`.
"""

from __future__ import annotations

from typing import Final, NamedTuple

STRONG: Final = 0.9  # hardly ever stands in a sentence that is sure of itself
FIRM: Final = 0.72
FAIR: Final = 0.52  # hedged more often than not
WEAK: Final = 0.3  # needs a second cue, but for a sentence out of an encyclopedia
SLIGHT: Final = 0.29  # needs a second cue
FAINT: Final = 0.15  # needs several
NONE: Final = 0.0  # looks like a cue and is none: found first, so that the cue is not


class Cue(NamedTuple):
    """A regular expression whose alternatives begin with plain letters, and the weight of what it finds."""

    pattern: str
    weight: float


def _cues(weight: float, *patterns: str) -> tuple[Cue, ...]:
    return tuple(Cue(pattern, weight) for pattern in patterns)


_AGENTS: Final = (  # who says it, where nobody does
    r"(?:people|critics|scholars|historians|experts|researchers|scientists|observers|commentators|authors|writers|"
    r"fans|supporters|opponents|proponents|detractors|analysts|economists|archaeologists|philosophers|linguists|"
    r"biologists|reviewers|sources|authorities|academics|theologians|journalists|residents|locals|users|readers|"
    r"viewers|musicians|believers|traditions|accounts|reports|others|individuals|advocates|activists|specialists|"
    r"theorists|psychologists|doctors|politicians|investigators|witnesses|sceptics|skeptics|enthusiasts|"
    r"practitioners|physicists|studies|theories)\b"
)
_VOICES: Final = (  # of these, those that an encyclopedia cites without a name
    r"(?:people|critics|scholars|historians|experts|researchers|scientists|observers|commentators|fans|supporters|"
    r"opponents|proponents|detractors|analysts|archaeologists|philosophers|linguists|sources|academics|theologians|"
    r"locals|others|accounts|reports|advocates|activists|sceptics|skeptics|witnesses|studies|theories)\b"
)
_SAY: Final = (
    r"(?:say|said|believe|believed|argue|argued|claim|claimed|suggest|suggested|think|thought|consider|considered|"
    r"feel|felt|agree|agreed|speculate|speculated|maintain|maintained|contend|contended|assert|asserted|regard|"
    r"regarded|hold that|held that|view|viewed|attribute|attributed|propose|proposed|disagree|disagreed|question|"
    r"questioned|dispute|disputed|estimate|estimated|allege|alleged|assume|assumed|suspect|suspected|criticized|"
    r"criticised|praised|theorize|theorise|hypothesize|point out|find it)\b"
)
_ADVERBS: Final = (
    r"(?:(?:also|now|still|sometimes|often|usually|commonly|generally|widely|frequently|variously|traditionally|"
    r"popularly|originally|once|long|largely|universally|typically|been|by some|by many|strongly) ){0,3}"
)
_HEARSAY: Final = (
    r"(?:(?:believed|thought|said|rumou?red|reputed|alleged|assumed|presumed|speculated|suspected|hypothesi[sz]ed|"
    r"theori[sz]ed|conjectured|purported)\b|supposed (?!to\b)|supposed to have\b|"
    r"(?:claimed|reported|argued|suggested|contended|feared) (?:that|to|as)\b)"
)
_OPINION: Final = r"(?:considered|regarded|viewed|seen as|perceived|deemed|acknowledged|recogni[sz]ed|credited)\b"
_SURE: Final = (
    r"(?:(?:\d+ ?%|entirely|completely|quite|really|very|absolutely|totally|fully|exactly|at all|too|so|yet) )?"
    r"(?:sure|certain|confident|positive)\b"
)
_ENOUGH: Final = r"(?:enough|sufficient|complete|full) (?:\w+ )?(?:information|context|details?|data|evidence)"
_OPEN: Final = r"(?:possible(?! to\b)|likely|probable|plausible|conceivable|unlikely|doubtful|unclear|uncertain)\b"

_SPEAKER: Final = (  # what somebody says of the own knowledge
    *_cues(NONE, r"i(?:'d| would)? suggest\b", r"uncertainty principle"),
    *_cues(NONE, r"you (?:may|might) not\b", r"as (?:soon|much|many|far|long|quickly|little) as possible"),
    *_cues(
        STRONG,
        rf"i(?:'m| am) (?:\w+ )?not {_SURE}",
        r"i(?:'m| am) (?:\w+ )?(?:unsure|uncertain|guessing|inclined to|leaning|under the impression)",
        r"i (?:could|may|might) (?:well )?be (?:wrong|mistaken|misremembering|missing)",
        r"i(?:'d| would)? (?:guess|suspect|suppose|assume|presume|imagine|reckon|wager|speculate)\b",
        r"i (?:can't|cannot|couldn't) (?:say|tell|be|know|promise|guarantee) "
        r"(?:\w+ )?(?:sure|certain|definitively|exactly|with|that|whether)\b",
        r"i (?:don't|do not) (?:\w+ )?(?:know|recall|remember)\b",
        r"if (?:i(?:'m| am) not mistaken|memory serves|i (?:remember|recall|understand|understood|had to|were to)\b)",
        r"as far as (?:i|we)\b",
        r"to (?:the best of )?my knowledge",
        r"from what i\b",
        r"my (?:best )?(?:guess|understanding|impression|hunch|suspicion)\b",
        rf"not {_SURE}",
        r"not (?:be )?(?:\w+ )?(?:clear|known)\b(?! (?:to|for|as|by)\b)",
        r"no(?: one|body) (?:really )?knows",
        r"(?:hard|difficult|impossible|tricky|tough) to (?:say|tell|know|determine|predict|pin|give a (?:\w+ )?answer)",
        r"for all i know",
        r"off the top of my head",
        r"i vaguely",
        r"i want to say",
        r"could go either way",
        r"only guess|educated guess|a guess\b",
        r"in all (?:likelihood|probability)",
        r"who knows",
        r"it (?:really |all |very much )?depends\b",
        r"grain of salt",
        r"your mileage may vary",
        r"chances are",
        r"good chance",
    ),
    *_cues(
        FIRM,
        r"i (?:think|believe)\b(?! in\b| of\b| about\b)",
        r"i feel (?:like|that|as if)\b",
        r"i (?:don't|do not) (?:think|believe)\b",
        r"i(?:'m| am) (?:not an|no) expert",
        r"my sense is",
        r"be inclined to",
        r"no (?:definitive|clear|single|simple|straightforward|easy|certain) (?:answer|way to)",
        r"need (?:to know )?more (?:information|context|details?|data)",
        r"you (?:may|might) be able",
        r"i(?:'m| am) (?:fairly|pretty|reasonably|relatively|quite|mostly|somewhat) (?:sure|certain|confident)",
        r"i(?:'d| would)? (?:doubt|wonder|gather|lean)\b",
        r"in my (?:humble |personal )?(?:opinion|view|experience|estimation)",
        r"it (?:would |might |may )?(?:\w+ly )?(?:seem|appear)s?\b",
        r"it looks (?:like|as if|as though)",
        rf"don't (?:really )?have {_ENOUGH}",
        rf"not (?:really )?have {_ENOUGH}",
        r"without (?:seeing|knowing|(?:more|further|additional) (?:information|context|details?|data))\b",
        r"roughly speaking",
        r"give or take",
        r"uncertainty\b",
        r"(?:no|can't|cannot) guarantee\b",
        r"one (?:possibility|possible)",
        r"ballpark",
        r"somewhere (?:around|between)",
        r"just (?:my|an?) (?:opinion|guess|estimate|hunch|two cents)",
        r"(?:may|might) not (?:be|have|always|reflect|apply|include|know)",
        r"i (?:can't|cannot|couldn't) (?:verify|confirm)",
        r"my memory (?:\w+ ){0,4}?(?:is|may|might|isn't)\b",
        r"not necessarily",
        r"open to (?:debate|interpretation|question)",
    ),
    *_cues(
        FAIR,
        r"personally\b",
        r"not familiar with",
        r"worth (?:checking|verifying|confirming|double)",
        r"recommend (?:checking|verifying|confirming|double)",
        r"or so(?=[ ,.;]|$)",
        r"as of my (?:last|latest|knowledge|training)",
        r"generally speaking",
        r"in theory\b",
        r"approximate\b",
        r"to (?:some|a certain) (?:extent|degree)",
        r"more or less",
    ),
    *_cues(
        SLIGHT,
        r"you (?:may|might|could) (?:also )?(?:want|need|consider|try|wish|like)\b",
        r"depend(?:s|ing)? on\b",
        r"should (?:work|take|be (?:fine|ok|okay|enough|about|able|around))\b",
        r"i(?:'d| would) (?:say|expect)\b",
        r"(?:please )?(?:verify|confirm|double[- ]check)\b",
        r"roughly\b",
    ),
)
_DOUBT: Final = (  # whether something is so
    *_cues(
        NONE,
        r"may(?= \d)",
        r"may(?:(?<=\bin may)|(?<=\bof may)|(?<=\bon may)|(?<=\d may)|(?<=since may)|(?<=until may)|(?<=by may))",
        r"might(?:(?<=the might)|(?<=his might)|(?<=her might)|(?<=its might)|(?<=their might)|(?<=ary might))",
        r"possible to\b",
        r"no doubt",
    ),
    *_cues(
        STRONG,
        r"perhaps\b",
        r"p(?:robab|ossib|resumab)ly\b",
        r"supposedly|seemingly",
        r"allegedly|arguably|apparently",
        r"reportedly|reputedly",
        r"purportedly|putatively",
        r"ostensibly",
        r"conceivably",
        r"maybe\b",
        r"rumou?red",
        rf"it(?:'s| is| was| would be| seems) (?:\w+ ){{0,2}}?{_OPEN}",
        r"legend has it",
    ),
    *_cues(
        FIRM,
        r"unlikely|unclear|uncertain",
        r"likely\b",
        r"might\b",
        r"seem(?:s|ed)?\b",
        r"appear(?:s|ed)? (?:\w+ly )?(?:to|that|as if|as though|not to)\b",
        r"may (?:(?:also|well|not|have|\w+ly) )*(?:been|be|derive|refer|originate|represent|indicate|reflect|stem|date|"
        r"mean|explain|account|vary|differ|depend|cause|come|simply)\b(?<!you may be)",
        r"alleged\b",
        r"purported\b|presumed\b|putative|plausibl[ey]|probable",
        r"speculat\w+",
        r"conjectur\w+",
        r"hypothesi[sz]ed",
        r"possibilit(?:y|ies)\b",
        r"disputed|debatable",
        r"divided (?:on|over|about|as to)\b",
    ),
    *_cues(
        FAIR,
        r"may\b(?! not\b)(?<!you may)",
        r"could (?:(?:also|well|\w+ly) )*(?:be|have|indicate|mean|suggest|vary)\b",
        r"potentially",
        r"theori[sz]ed|theory that|questionable",
        r"suggest(?:s|ed|ing)? (?:that|it|they|a|an|the)\b(?<!i suggest that)",
        r"tend(?:s|ed)? to\b",
        r"so-called",
        r"supposed\b(?! to\b)",
        r"in (?:some|certain|many|most) (?:cases|ways|respects)",
        r"can (?:vary|be (?:considered|seen as|regarded|argued))",
    ),
    *_cues(
        SLIGHT,
        r"could\b",
        r"potential\b",
        r"assum(?:ed|ption)\b",
        r"estimated\b",
        r"approximately",
        r"controversial(?:ly)?|controversy",
        r"debated?\b|doubt(?:s|ed|ful)?\b",
        r"suspected\b",
        r"unknown\b|unproven|unconfirmed",
        r"indicates? that|impl(?:y|ies|ied) that",
    ),
    *_cues(FAINT, r"would have been|around \d|about \d|almost\b|relatively\b|fairly\b|rather\b"),
)
_WEASEL: Final = (  # by whom it is said
    *_cues(
        NONE,
        r"some (?:\d|time\b|of the time|more\b|help\b)",
        r"many (?:thanks|happy)",
        r"many(?:(?<=how many)|(?<=as many))",
        r"often(?<=how often)",
        r"most (?:of which|of whom|of all)",
    ),
    *_cues(
        STRONG,
        rf"(?:some|many|most|several|various|numerous|few) (?:\w+ )?{_AGENTS} (?:\w+ ){{0,2}}?{_SAY}",
        rf"(?:some|many|most) (?:have )?{_SAY}",
        rf"(?:is|are|was|were) {_ADVERBS}{_HEARSAY}(?! by (?!some|many|most|several))",
        rf"(?:has|have|had) {_ADVERBS}been {_ADVERBS}{_HEARSAY}(?! by (?!some|many|most|several))",
        rf"it (?:is|was|has been) {_ADVERBS}(?:{_HEARSAY}|{_OPINION}|estimated|noted|debated|held)",
        r"according to (?:some|many|most|several|various|legend|tradition|folklore|rumou?rs?|popular|local (?:legend|"
        r"tradition|lore)|other(?:s| sources))",
        r"conventional wisdom",
    ),
    *_cues(
        FIRM,
        rf"{_VOICES} (?:\w+ ){{0,2}}?{_SAY}",
        r"some of (?:the most|his|her|its|their)",
        r"among the most",
        r"by (?:some|many|most|several) (?:\w+ )?(?:to|as|of|who|people|critics|experts|scholars)\b",
        r"widely\b",
        r"urban legend|folklore",
    ),
    *_cues(
        FAIR,
        r"(?:often|sometimes|commonly|widely|generally|usually|frequently|variously|traditionally|popularly) "
        r"(?:been )?(?:described|called|referred|cited|associated|attributed|accepted|assumed|credited|known|seen|"
        r"criticized|criticised|praised|quoted|ranked|listed|named|held|used as|compared)\b",
        r"(?:said|believed|thought|reputed|rumoured|rumored|considered|regarded) (?:to|as)\b",
        r"one of the most",
        rf"(?:is|are|was|were|been) {_ADVERBS}{_OPINION}",
        rf"(?:some|many|most|several|various|numerous|certain) (?:\w+ )?{_AGENTS}",
        rf"{_AGENTS} have (?:\w+ly )?\w+ed\b",
        r"(?:is|are|was|were|been) (?:\w+ )?(?:described|interpreted|characteri[sz]ed|dubbed|hailed|dismissed|compared|"
        r"criticized|criticised|praised|seen)\b(?! (?:in|at|from|by)\b)",
        r"misconception|popular belief|stereotype",
        r"little is known|no consensus|no (?:clear |hard |direct )?evidence|some evidence",
        r"(?:some|many|certain|most) circles",
        r"(?:great|vast) majority|growing number|quite a few|countless",
        r"in general\b",
    ),
    *_cues(
        WEAK,
        r"some\b|several (?:\w+ )?(?:sources|scholars|critics|people)",
        r"many\b|most\b(?! (?:recently|recent|northern|southern|eastern|western)\b)",
        r"often\b|numerous\b|usually\b|generally\b|commonly\b|frequently\b|typically\b|traditionally\b|largely\b",
        r"possible\b|sometimes\b|somewhat\b|claim(?:s|ed) (?:that|to|by)\b|legend\b|rumou?rs?\b",
        r"various\b|considered\b|regarded\b|certain (?:\w+s)\b|others\b|a number of\b|popularly\b|notabl[ey]\b",
        r"one of the \w+est\b",
        r"majority of|a variety of|occasionally\b|rarely\b|much of\b|increasingly\b|partly\b|for the most part",
        r"attributed to|credited with|criticism|best known|cult following",
        r"critics\b|experts\b|scholars\b|historians\b",
    ),
    *_cues(FAINT, r"several\b|popular\b|famously|well[- ]known"),
)

CUES: Final = (*_SPEAKER, *_DOUBT, *_WEASEL)
