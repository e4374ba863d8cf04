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
from proxy.features.wording import plain

READ_CHARS_MAX: Final = 8_192  # of a prompt: its beginning and its end, half of this each
SENTENCES_MAX: Final = 60
LINE: Final = 2.0  # the score from which a sentence is harmful
NOISY_WORDS: Final = 120  # in a prompt this long a cue is easily met by chance: the line is one higher

_WHO: Final = (
    r"(?:[\w'-]+ ){0,4}?(?:someone|somebody|anyone|people|persons?|him|her|them|others|neighbou?r|colleague|co-?worker|boss|"
    r"classmate|landlord|cousin|stranger|room-?mate|politician|owner|friend|manager|wife|husband|spouse|girlfriend|"
    r"boyfriend|ex|partner|brother|sister|mother|mom|mum|father|dad|parents?|grand\w+|uncle|aunt|child|children|kids?|"
    r"teen\w*|teacher|students?|man|men|woman|women|girl|boy|victims?|famil(?:y|ies)|crowd|public|employees?|customers?|"
    r"police\w*|officers?|president|judge|witness|dogs?|cats?|animals?|pets?|minorit(?:y|ies)|civilians|rival|enem(?:y|ies)|"
    r"patients?|elderly|seniors?|tenant|guest|celebrit(?:y|ies)|immigrants?|muslims?|jews?|protesters?|competitors?|"
    r"bully|ladies|lady|guy|nurse|doctor|driver|guard|relatives?|daughter|son|citizens|voters|clients?|investors?)\b"
)
_MAKE: Final = (
    r"(?:mak|build|construct|assembl|creat|develop|cod(?:e|ing)|program|writ|design|produc|put(?:ting)? together|set(?:ting)? up|"
    r"manufactur|craft|generat|buy|get(?:ting)?|obtain|acquir|purchas|sell|smuggl|traffic|plant(?:ing)?|detonat|hid(?:e|ing)|"
    r"conceal|carry|sneak|3d.print|order|ship|turn|launch|deploy|spread|install|distribut|releas|us(?:e|ing)|run|start|cook|"
    r"synthesi[sz]|grow|import|export|modify|convert|send)\w*"
)
_GAP: Final = r"(?:[\w'/-]+ ){0,5}?"

_ACTS: Final[tuple[tuple[str, str], ...]] = (
    (
        "violence",
        rf"(?:hurt|injur|harm|attack|stab|shoot|kill|murder|poison|strangl|kidnap|abduct|assault|tortur|assassinat|drown|"
        rf"chok|rob|mug|behead|maim|lynch|ambush|suffocat|dismember|bomb|massacr|hijack|terrori[sz]|abus)\w* {_WHO}|"
        rf"beat(?:ing)? up|(?:gang|someone) to beat|beat {_WHO} (?:up|badly|senseless|to)|push {_WHO} (?:down|off|in front|under)|"
        rf"threaten\w* (?:to (?:kill|hurt|harm)|{_WHO})|death threat|violent attack|(?:commit|get away with|plan)\w* {_GAP}"
        rf"(?:murder|homicide|genocide|arson|assault|massacre|terroris\w*|mass shooting|honou?r killing|lynching|robbery|attack on)|"
        rf"(?:poison|drug|rat poison|venom) (?:in|into) (?:the |a |his |her |their )?{_GAP}(?:food|drink|water|coffee|tea|meal|cup)|"
        rf"(?:hir|find|becom|contact)\w* {_GAP}(?:hitman|hit man|assassin)|"
        rf"(?:start|pick)\w* a fight|incit\w* {_GAP}(?:violence|riot|unrest)|promot\w* {_GAP}violence|dispose of {_GAP}(?:body|corpse)|"
        rf"terrorist (?:attack|act)|(?:join|recruit)\w* {_GAP}(?:isis|terrorist|militia|extremist)|human traffick\w+|hijack\w* {_GAP}(?:plane|car|bus|ship|truck)|"
        rf"(?:derail|sabotag|blow(?:ing)? up|burn(?:ing)? down|set(?:ting)? fire to|bomb(?:ing)?) {_GAP}"
        rf"(?:train|plane|building|house|school|church|mosque|synagogue|car|shop|store|office|bridge|stadium|barn|flat|power (?:plant|grid)|dam)",
    ),
    (
        "violence",
        rf"{_MAKE} {_GAP}(?:bombs?|explosives?|grenades?|molotov\w*|fire ?bomb|napalm|nerve (?:gas|agent)|sarin|ricin|anthrax|"
        rf"mustard gas|chemical weapons?|biological weapons?|bioweapon|nuclear (?:weapon|device|bomb)|dirty bomb|landmine|"
        rf"ammunition|silencer|ghost guns?|guns?|firearms?|rifles?|pistols?|weapons?|poison(?:s|ous gas)?|cyanide|thermite|ied|"
        rf"assault rifle|flamethrower|toxic gas|chlorine gas|deadly virus|detonator)\b",
    ),
    (
        "cyber",
        rf"\bhack(?:s|ing|ed)?\b (?!a?thon|er ?news|my own)|(?:break|breaking|get|getting|log|logging|tap) in ?to {_GAP}(?:account|e-?mail|"
        rf"phone|computer|network|system|server|wi-?fi|database|laptop|website|router|camera|facebook|instagram)|"
        rf"{_MAKE} {_GAP}(?:malware|ransomware|spyware|keylogger|trojan|worm|rootkit|botnet|phishing|computer virus|virus(?:es)? "
        rf"(?:to|that)|backdoor|ddos|denial.of.service|exploit (?:for|that|to)|password cracker|spam\b|malicious (?:code|software|"
        rf"program|script|link|app\w*|macro|file))|(?:steal|crack|guess|brute.?forc|phish|harvest|intercept|sniff|obtain|get)\w* "
        rf"{_GAP}(?:password|login|credential|credit card (?:number|info|data|detail)|bank details|session cookie|online banking|pin code)|"
        rf"(?:take over|hijack|compromis)\w* {_GAP}(?:account|computer|webcam|network|session|server)|"
        rf"(?:phish|ddos|sql injection|man-in-the-middle|brute.?force|cyber.?attack)\w* (?:attack|someone|against|on|page|email|message|campaign|site|to)|"
        rf"attack\w* {_GAP}(?:website|server|network|infrastructure|grid|system)s?\b|"
        rf"(?:bypass|disabl|defeat|circumvent|evad|exploit)\w* {_GAP}(?:security|firewall|authentication|antivirus|encryption|drm|paywall|two.factor|captcha|vulnerabilit\w+)|"
        rf"infect\w* {_GAP}(?:computer|device|system|network|phone)|virus (?:to|in) every",
    ),
    (
        "crime",
        rf"(?:steal|rob|burgl|shoplift|pickpocket|embezzl|loot|swindl|defraud|scam|con|cheat|extort|brib)\w* (?:from |on |out of )?"
        rf"(?:{_WHO}|{_GAP}(?:car|bike|money|shop|store|bank|house|jewell?er\w*|museum|phone|wallet|purse|identit\w+|cloth\w*|data|donations?|"
        rf"company|funds|packages?|goods|official|inspector|tax\w*|exam|test|insurance|art\w*|trade secret\w*|samples?|artifacts?|election|casino|atm|savings|bike|items?|property|cargo|research|design|idea|electricity|medicine|drugs)s?\b)|"
        rf"\b(?:steal|shoplift|embezzl|forg(?:e|ing)|counterfeit|launder|plagiari[sz]|smuggl|vandali[sz]|loot|bootleg|brib(?:e|ing)|defraud|scam|pickpocket|blackmail|extort)(?:e|es|ing|ed|ting)?\b|"
        rf"{_MAKE} {_GAP}(?:fake|counterfeit|forged|false|fraudulent|stolen|illegal|illicit|pirated) \w+|{_MAKE} {_GAP}(?:scam|fraud|ponzi|pyramid scheme|con game)|"
        rf"(?:commit|perpetrat|get away with|carry out|engage in|help\w* \w+ commit)\w* {_GAP}(?:fraud|theft|crime|burglary|robbery|larceny|"
        rf"perjury|tax evasion|embezzlement|plagiarism|identity theft|extortion|vandalism|drunk driving|shoplifting|insider trading|treason|smuggling|bribery|arson|forgery)|"
        rf"(?:trick|deceiv|manipulat|con|lur|persuad|pressur)\w* {_WHO} (?:in ?to|out of|to) (?:giv|send|pay|buy|shar|reveal|hand|sign|invest|tell|transfer|believ|\w+ing|their|his|her)|"
        rf"(?:evad|avoid paying|dodg|cheat\w* on|hid\w* income|underreport)\w* {_GAP}tax\w*|fake (?:passport|id\b|identification|insurance|invoice|charity|receipt|prescription|documents?|currency|money|job|ticket|review|signature|evidence|check|cheque|claim)|"
        rf"(?:mak|cook|grow|sell|buy|manufactur|synthesi[sz]|deal|smuggl|traffic|import|obtain|distribut|order)\w* {_GAP}(?:meth\b|methamphetamine|cocaine|heroin|"
        rf"fentanyl|lsd|mdma|ecstasy|ketamine|crack|illegal drugs|drugs\b|opioids|narcotics|marijuana|cannabis|steroids|moonshine)|"
        rf"pick\w* (?:a |the )?lock|break\w* in ?to {_GAP}(?:house|home|car|flat|apartment|building|safe|locker|store|shop|office|warehouse|museum)|hotwir\w*|"
        rf"(?:without|no) (?:any )?(?:papers|licen[sc]e|background check)|price.?fix\w*|insider trading|money launder\w*|ponzi|pyramid scheme|pirat(?:e|ing) {_GAP}(?:movie|software|film|music|game|book)|"
        rf"sneak\w* in ?to|(?:illegal|stolen|counterfeit) (?:goods|items|drugs|phones?|cars?|organs?|antiquit\w+|wildlife|ivory)|(?:dump|dispos)\w* {_GAP}(?:toxic|hazardous|chemical|radioactive) \w+|"
        rf"(?:evad|avoid|escap|bribe|lie to|fool)\w* {_GAP}(?:police|customs|arrest|law enforcement|security guards?|speeding ticket|tax authorit\w+)|tax evasion|tamper\w* with|(?:exploit|forc\w+|coerc\w*) {_GAP}(?:workers|labou?r|migrants|loophole)",
    ),
    (
        "privacy",
        rf"(?:stalk|spy(?:ing)? on|dox+|blackmail|harass|cyber-?bull(?:y|ying)|bully|wiretap|eavesdrop|defam|slander|humiliat|intimidat|gaslight|"
        rf"impersonat|surveil|catfish|discredit|sham(?:e|ing)|frame)(?:ing|e|ed|es)? {_GAP}(?:{_WHO}|on|home|phone|calls|conversation|online|without|them\w*|a |the |my )|"
        rf"(?:track|follow|watch|record|film|photograph|monitor|listen)(?:ing)? {_WHO} {_GAP}(?:without|secretly|in secret|phone|location|car)|secretly (?:track|record|film|watch|monitor|follow|install|photograph|listen|take)|"
        rf"(?:hid|plac|put|install)\w* {_GAP}(?:spy|hidden|secret) (?:camera|microphone|tracker)|spy ?cam|"
        rf"(?:spread|start|mak|creat|post|circulat|plant|invent)\w* {_GAP}(?:lies|rumou?rs?|gossip|false (?:accusation|stor\w+|information|claims?)|defamatory \w+) ?(?:to|about|that|on|of|against)?|"
        rf"(?:find|get|obtain|publish|leak|reveal|access|look up|gather|sell)\w* {_GAP}(?:home address|where \w+ (?:\w+ ){{0,2}}?(?:live|sleep|work)s?|personal (?:information|data|details)|private (?:information|data|photos?|messages?|conversations?|details)|"
        rf"medical records?|social security number|confidential \w+|browsing history|location data|phone records)|(?:ruin|destroy|tarnish|damag|sabotag|undermin|harm|smear)\w* {_GAP}(?:reputation|career|self-?(?:confidence|esteem)|credibility|marriage|business)|"
        rf"(?:mak|creat)\w* {_GAP}(?:deep ?fakes?|revenge porn)|invad\w* {_GAP}privacy|(?:read|intercept|access)\w* {_GAP}(?:someone|wife|husband|girlfriend|boyfriend|employee|neighbou?r|partner|spouse|people|other)\w*(?:'s)? {_GAP}(?:messages|e-?mails?|mail|texts|phone|account)|"
        rf"(?:falsely accus|false accusation)\w*|make {_WHO} (?:look bad|cry|feel (?:bad|dirty|small|worthless)|leave|quit|fear)",
    ),
    (
        "hate",
        rf"(?:hate speech|hate crimes?|racial slurs?|white suprem\w+|ethnic cleansing|neo-?nazi\w*|racist|sexist|homophobic|transphobic|antisemiti\w+|xenophob\w*|islamophob\w*|misogyn\w+|hate (?:group|message|mail|campaign|comments)|derogatory|bigot\w*)|"
        rf"(?:discriminat|dehumani[sz]|segregat|persecut|demoni[sz]|stereotyp|insult|mock|degrad|offend|stigmati[sz]|marginali[sz])\w* (?:against )?{_GAP}(?:women|men|people|immigrants?|minorit\w+|muslims?|jews?|jewish|christians?|gays?|black|asians?|latin\w+|disabled|transgender|"
        rf"race|ethnic\w*|religio\w+|gender|older|elderly|employees?|lgbt\w*|applicants?|tenants?|group)|(?:fire|firing|not hir\w+|refus\w+ to hire|deny|denying|exclud\w+) {_GAP}(?:women|pregnant|disabled|black|muslim|jewish|gay|older|transgender|immigrant|minorit)\w*|"
        rf"{_MAKE} {_GAP}(?:fake news|disinformation|misinformation|propaganda|conspiracy theor\w+|false (?:information|narrative|news)|hoax)|"
        rf"(?:spread|manipulat|distort|falsif|fabricat|fak|misrepresent|doctor)\w* {_GAP}(?:information|news|public opinion|election|voters?|evidence|data|history|historical|research|results|statistics|records?|media|studies|facts|audio)|"
        rf"(?:rig|suppress|steal|hack|interfere (?:with|in)|influenc|discourag|buy)\w* {_GAP}(?:election|votes?|voters?|voting|turnout|ballots?)|radicali[sz]\w*|brainwash\w*|holocaust denial|deny(?:ing)? the holocaust|subliminal|(?:control|manipulat|exploit)\w* {_GAP}(?:behaviou?r|emotions?|people|someone|mind|brainwaves|vulnerab\w+|population|others)",
    ),
    (
        "self_harm",
        r"(?:commit|attempt|encourag|promot|plan|contemplat|consider)\w* (?:[\w-]+ ){0,3}?(?:suicide|self-?harm|self-?injur\w+)|(?:kill|hurt|harm|cut|cutting|hang|starv|injur|poison|drown|overdos)\w* (?:myself|yourself|themsel\w+|himself|herself|oneself)|"
        r"(?:end|ending|take|taking) (?:my|your|their|his|her|one's) (?:own )?life|suicide (?:method|note|pact|bomb)\w*|(?:painless|easiest|quickest|best) (?:way|method)s? (?:to|of) (?:die|dying|suicide|overdose)|pro-?ana\b|anorexi\w+ (?:tips|challenge)|"
        r"(?:encourag|promot|convinc|develop|hid)\w* (?:[\w'-]+ ){0,5}?(?:anorexia|bulimia|eating disorder|self-harm|suicide|overdose|starv\w+)|overdose on|(?:stop|avoid) eating (?:for|to|completely|altogether)|make myself (?:vomit|throw up|sick)|self-?mutilat\w*|want to die|hide (?:my|the) (?:cuts|scars|bruises)",
    ),
    (
        "sexual",
        rf"(?:rape|raping|molest\w*|grop(?:e|ing)|grooming (?:a|young)|sexual(?:ly)? (?:assault|abus|harass|exploit|violen)\w*|sextort\w*|revenge porn|date.?rape|upskirt\w*|bestiality|incest|sex traffick\w+|prostitut\w+|voyeur\w*|non-?consensual|sexual predator|roofie)|"
        rf"(?:writ|creat|generat|describ|tell|giv|mak|roleplay|produc|provid|show|share)\w* {_GAP}(?:erotic\w*|porn\w*|sexually explicit|explicit sex\w*|nude\w*|smut|sex (?:scene|story|tape)|sexual (?:content|encounter|fantas\w+|acts?|description\w*)|lewd|nsfw|kinky|fetish\w*|explicit (?:content|stor\w+|descri\w+))|"
        rf"(?:have sex|sleep) with (?:a |my )?(?:\w+ )?(?:drunk|unconscious|sleeping|student|patient|animal)|(?:drug|coerc|forc|blackmail|trick)\w* {_GAP}(?:in ?to|to have|for) (?:sex|sleep\w*|nude)",
    ),
)  # fmt: skip

_INTENT: Final = (
    r"how (?:to|can|do|could|would|should|might|does one|did)\b|\bways? (?:to|of|for)\b|\b(?:best|easiest|quickest|fastest|simplest) (?:way|method|place|time)|"
    r"\bmethods? (?:to|of|for)|\bi (?:want|need|plan|intend|would like|'?d like|wish|am going|have decided) to\b|\bi'm (?:going|trying|planning|looking|hoping|writing)|i am (?:trying|planning|looking|hoping)|"
    r"\bhelp (?:me|us)\b|\bteach (?:me|someone|people|users)|\b(?:tell|show|give|send|explain to|instruct|guide) (?:me|us|someone|users|people)|\b(?:steps?|tips|ideas|tricks|strategies|techniques|advice|instructions?|plan|guide|tutorial|"
    r"manual|recipe|script|scheme|blueprint|template|list|program|app|software|algorithm|campaign|message|email|letter|post|speech|video|contract|clause)\b (?:\w+ ){0,2}?(?:to|for|on|that|of|which|about|explaining|encouraging|promoting|describing)\b|"
    r"^(?:please |can you |could you )?(?:write|create|develop|make|generate|design|build|compose|draft|produce|provide|publish|teach|instruct|explain how|describe how|outline|give|list|suggest|plan|post|convince|demonstrate|offer|devise|formulate|in a|on a)\b|"
    r"\b(?:can|could|should|may) i\b|\bis it possible to\b|^what (?:are|is) (?:some|the|a|your) (?:\w+ ){0,3}?(?:ways?|methods?|tips|ideas|strateg\w+|steps|techniques?|tricks|tools?|place|loopholes)|^what (?:\w+ ){0,4}?(?:can|should|do|could|would) i\b"
)
_EVASION: Final = (
    r"without (?:\w+ ){0,2}?(?:being |getting )?(?:caught|seen|detected|noticed|found|traced|identified|knowing|permission|consent|their knowledge|his knowledge|her knowledge|anyone|paying|them|him|her|a licen[sc]e|suspicion|leaving)|"
    r"get(?:ting)? away with|\bun(?:detected|traceable|noticed|seen)\b|not (?:be|get|getting) (?:caught|found out|traced)|(?:nobody|no ?one|no scanner|never) (?:can |will )?(?:trace|find|notice|know|see)s?|avoid(?:ing)? (?:\w+ ){0,2}?(?:detection|capture|arrest|getting caught|being caught|suspicion|prosecution)|"
    r"looks? like an accident|\billegal(?:ly)?\b|\bin secret\b|\bsecretly\b|\bon purpose\b|in revenge|for ransom|for (?:my )?(?:own )?(?:personal |financial )?(?:gain|profit)"
)
_INNOCENT: Final = (
    r"\b(?:prevent\w*|protect\w*|defend\w*|detect(?!ed|ion by)\w*|block\w*|avoid (?:being|becoming|falling|getting (?:scammed|hacked|robbed))|stop (?:someone|people|bully|him|her|them|a )|report (?:a|an|the|someone|bullying|fraud|abuse)|"
    r"recogni[sz]\w*|spot (?:a|the|fake)|awareness|safeguard\w*|secure (?:my|our|the|against)|mitigat\w*|victims? of|survivor|recover (?:from|my)|cope with|deal with (?:a|being|someone who)|help (?:someone|a friend|my friend|people) who|"
    r"history of|penalt\w+|punish\w*|sentenced|law against|laws (?:on|about|against|regarding)|why (?:is|are|do|did|was|does)|consequences of|risks of|dangers of|is it (?:illegal|legal|a crime|safe|ok)|"
    r"(?:definition|meaning|etymology|symptoms?|treatment|causes?|effects|overview|impact) of|pen(?:etration)?.?test\w*|ctf|vulnerability (?:scan|assess|management)\w*|my own (?:wi-?fi|account|computer|password|network|phone|server|website|house|car)|unit tests?|"
    r"translate|summari[sz]e|proofread|grammar|classif\w+|sentiment|paraphrase|rewrite the|correct the|intrusion|against (?:hack|phish|fraud|scam|theft|malware|bully|cyber|attack|ddos|sql|identity|brute)\w*|investigat\w*|anti-?\w+|firewall rules?|fake (?:flowers?|plants?|fur|leather|snow|blood|tan|nails|grass|cake)|"
    r"(?:was|were|been|being|got|gets?|is|are|has been) (?:just |recently |already )?(?:stolen|hacked|scammed|bullied|stalked|robbed|harassed|blackmailed|attacked|abused|threatened)|lost or stolen|report(?:ed)? (?:\w+ )?stolen)\b"
)
_UNREAL: Final = (
    r"\b(?:novel|fiction\w*|short story|fairy ?tale|story|stories|screenplay|movie|film|theatre|theater|play about|poem|song|lyrics|character|chapter|detective|mystery|thriller|crime (?:drama|series|show)|minecraft|chess|video ?games?|game|gta|boss fight|"
    r"essay|lecture|lesson|article about|report (?:on|about)|news (?:report|article)|presentation|museum|historical|in world war|documentary|quiz|textbook|joke|photo(?:s|graph\w*)?|camera angle|portrait|python|linux|process|thread|bug|zombie|time|mosquito\w*|weeds?|"
    r"ants|cockroach\w*|rats|mice|bacteria|germs|stains?|recipe|garden|growth hack\w*|life hacks?|hackathon)\b"
)


class _Act(NamedTuple):
    category: str
    pattern: re.Pattern[str]


_ACT_CUES: Final = tuple(_Act(category, re.compile(rf"\b(?:{pattern})")) for category, pattern in _ACTS)
_INTENT_CUE: Final = re.compile(_INTENT)
_EVASION_CUE: Final = re.compile(_EVASION)
_INNOCENT_CUE: Final = re.compile(_INNOCENT)
_UNREAL_CUE: Final = re.compile(_UNREAL)
_SENTENCE_END: Final = re.compile(r"(?<=[.!?;])\s+|\n+")


def category_of(prompt: str) -> str:
    """The stratum of a prompt: the act of its most harmful sentence, or NO_HARM."""
    half = READ_CHARS_MAX // 2
    text = prompt if len(prompt) <= READ_CHARS_MAX else prompt[:half] + "\n" + prompt[-half:]
    line = LINE if text.count(" ") < NOISY_WORDS else LINE + 1
    best, category = max(map(_judged, _sentences(text)), default=(0.0, NO_HARM), key=lambda judged: judged[0])
    return category if best >= line else NO_HARM


def _sentences(text: str) -> Iterator[str]:
    for sentence in _SENTENCE_END.split(text)[:SENTENCES_MAX]:
        if words := plain(sentence):
            yield words


def _judged(sentence: str) -> tuple[float, str]:
    """(score, category) of one plain sentence."""
    acts = [act.category for act in _ACT_CUES if act.pattern.search(sentence)]
    if not acts:
        return 0.0, NO_HARM
    score = 1.0 + (_INTENT_CUE.search(sentence) is not None) + (_EVASION_CUE.search(sentence) is not None)
    score -= 2 * (_INNOCENT_CUE.search(sentence) is not None) + (_UNREAL_CUE.search(sentence) is not None)
    return score, acts[0]
