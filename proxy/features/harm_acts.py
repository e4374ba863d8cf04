"""The acts that harm, by stratum: patterns of plain, lower-case text, and the words that make each worth trying."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_WHO: Final = (
    r"(?:[\w'-]+ ){0,4}?(?:someone|somebody|anyone|people|persons?|him|her|them|others|neighbou?r|colleague|"
    r"co-?worker|boss|classmate|landlord|cousin|stranger|room-?mate|politician|owner|friend|manager|wife|husband|"
    r"spouse|girlfriend|boyfriend|ex|partner|brother|sister|mother|mom|mum|father|dad|parents?|grand\w+|uncle|aunt|"
    r"child|children|kids?|teen\w*|teacher|students?|man|men|woman|women|girl|boy|victims?|famil(?:y|ies)|crowd|"
    r"public|employees?|customers?|police\w*|officers?|president|judge|witness|dogs?|cats?|animals?|pets?|"
    r"minorit(?:y|ies)|civilians|rival|enem(?:y|ies)|patients?|elderly|seniors?|tenant|guest|celebrit(?:y|ies)|"
    r"immigrants?|muslims?|jews?|protesters?|competitors?|bully|ladies|lady|guy|nurse|doctor|driver|guard|relatives?|"
    r"daughter|son|citizens|voters|clients?|investors?)\b"
)
_MAKE: Final = (
    r"(?:mak|build|construct|assembl|creat|develop|cod(?:e|ing)|program|writ|design|produc|put(?:ting)? together|"
    r"set(?:ting)? up|manufactur|craft|generat|buy|get(?:ting)?|obtain|acquir|purchas|sell|smuggl|traffic|"
    r"plant(?:ing)?|detonat|hid(?:e|ing)|conceal|carry|sneak|3d.print|order|ship|turn|launch|deploy|spread|install|"
    r"put|plac|distribut|releas|us(?:e|ing)|run|start|cook|synthesi[sz]|grow|import|export|modify|convert|send)\w*"
)
_GAP: Final = r"(?:[\w'/-]+ ){0,5}?"

ACTS: Final[tuple[tuple[str, str], ...]] = (
    (
        "self_harm",
        r"(?:commit|attempt|encourag|promot|plan|contemplat|consider)\w* (?:[\w-]+ ){0,3}?(?:suicide|self-?harm|"
        r"self-?injur\w+)|(?:kill|hurt|harm|cut|cutting|hang|starv|injur|poison|drown|overdos)\w* (?:myself|yourself|"
        r"themsel\w+|himself|herself|oneself)|(?:end|ending|take|taking) (?:my|your|their|his|her|"
        r"one's) (?:own )?life|suicide (?:method|note|pact|bomb)\w*|(?:painless|easiest|quickest|best) (?:way|"
        r"method)s? (?:to|of) (?:die|dying|suicide|overdose)|pro-?ana\b|anorexi\w+ (?:tips|challenge)|(?:encourag|"
        r"promot|convinc|develop|hid)\w* (?:[\w'-]+ ){0,5}?(?:anorexia|bulimia|eating disorder|self-harm|suicide|"
        r"overdose|starv\w+)|overdose on|(?:stop|avoid) eating (?:for|to|completely|altogether)|make myself (?:vomit|"
        r"throw up|sick)|self-?mutilat\w*|want to die|hide (?:my|the) (?:cuts|scars|bruises)",
    ),
    (
        "sexual",
        r"(?:rape|raping|molest\w*|grop(?:e|ing)|grooming (?:a|young)|sexual(?:ly)? (?:assault|abus|harass|exploit|"
        r"violen)\w*|sextort\w*|revenge porn|date.?rape|upskirt\w*|bestiality|incest|sex traffick\w+|prostitut\w+|"
        r"voyeur\w*|non-?consensual|sexual predator|roofie)|(?:writ|creat|generat|describ|tell|giv|mak|roleplay|"
        rf"produc|provid|show|share)\w* {_GAP}(?:erotic\w*|porn\w*|sexually explicit|explicit sex\w*|nude\w*|smut|"
        r"sex (?:scene|story|tape)|sexual (?:content|encounter|fantas\w+|acts?|description\w*)|lewd|nsfw|kinky|"
        r"fetish\w*|explicit (?:content|stor\w+|descri\w+))|(?:have sex|sleep) with (?:a |my )?(?:\w+ )?(?:drunk|"
        rf"unconscious|sleeping|student|patient|animal)|(?:drug|coerc|forc|blackmail|trick)\w* {_GAP}(?:in ?to|"
        r"to have|for) (?:sex|sleep\w*|nude)",
    ),
    (
        "violence",
        r"(?:hurt|injur|harm|attack|stab|shoot|kill|murder|poison|strangl|kidnap|abduct|assault|tortur|assassinat|"
        r"drown|chok|rob|mug|behead|maim|lynch|ambush|suffocat|dismember|bomb|massacr|hijack|terrori[sz]|"
        rf"abus)\w* {_WHO}|beat(?:ing)? up|(?:gang|someone) to beat|beat {_WHO} (?:up|badly|senseless|to)|"
        rf"push {_WHO} (?:down|off|in front|under)|threaten\w* (?:to (?:kill|hurt|harm)|{_WHO})|death threat|"
        rf"violent attack|(?:commit|get away with|plan)\w* {_GAP}(?:murder|homicide|genocide|arson|assault|massacre|"
        r"terroris\w*|mass shooting|honou?r killing|lynching|robbery|attack on)|(?:poison|drug|rat poison|"
        rf"venom) (?:in|into) (?:the |a |his |her |their )?{_GAP}(?:food|drink|water|coffee|tea|meal|cup)|(?:hir|find|"
        rf"becom|contact)\w* {_GAP}(?:hitman|hit man|assassin)|(?:start|pick)\w* a fight|incit\w* {_GAP}(?:violence|"
        rf"riot|unrest)|promot\w* {_GAP}violence|dispose of {_GAP}(?:body|corpse)|terrorist (?:attack|act)|(?:join|"
        rf"recruit)\w* {_GAP}(?:isis|terrorist|militia|extremist)|human traffick\w+|hijack\w* {_GAP}(?:plane|car|bus|"
        rf"ship|truck)|(?:derail|sabotag|blow(?:ing)? up|burn(?:ing)? down|set(?:ting)? fire to|bomb(?:ing)?) {_GAP}"
        r"(?:train|plane|building|house|school|church|mosque|synagogue|car|shop|store|office|bridge|stadium|barn|"
        r"flat|power (?:plant|grid)|dam)",
    ),
    (
        "violence",
        rf"{_MAKE} {_GAP}(?:bombs?|explosives?|grenades?|molotov\w*|fire ?bomb|napalm|nerve (?:gas|agent)|sarin|ricin|"
        r"anthrax|mustard gas|chemical weapons?|biological weapons?|bioweapon|nuclear (?:weapon|device|bomb)|"
        r"dirty bomb|landmine|ammunition|silencer|ghost guns?|guns?|firearms?|rifles?|pistols?|weapons?|poison(?:s|"
        r"ous gas)?|cyanide|thermite|ied|assault rifle|flamethrower|toxic gas|chlorine gas|deadly virus|detonator)\b",
    ),
    (
        "cyber",
        rf"\bhack(?:s|ing|ed)?\b (?:in ?to|{_WHO}|(?!my own){_GAP}(?:account|e-?mail|phone|computer|network|system|"
        r"server|wi-?fi|database|laptop|website|router|camera|facebook|instagram|bank|device|atm|car|grid|satellite|"
        rf"school|hospital|machine|it)s?\b)|(?:break|breaking|get|getting|log|logging|tap) in ?to {_GAP}(?:account|"
        r"e-?mail|phone|computer|network|system|server|wi-?fi|database|laptop|website|router|camera|facebook|"
        rf"instagram)|{_MAKE} {_GAP}(?:malware|ransomware|spyware|keylogger|trojan|worm|rootkit|botnet|phishing|"
        r"computer virus|virus(?:es)? (?:to|that)|backdoor|ddos|denial.of.service|exploit (?:for|that|to)|"
        r"password cracker|spam\b|malicious (?:code|software|program|script|link|app\w*|macro|file))|(?:steal|crack|"
        rf"guess|brute.?forc|phish|harvest|intercept|sniff)\w* {_GAP}(?:password|login|credential|"
        r"credit card (?:number|info|data|detail)|bank details|session cookie|online banking|pin code)|(?:take over|"
        rf"hijack|compromis)\w* {_GAP}(?:account|computer|webcam|network|session|server)|(?:phish|ddos|sql injection|"
        r"man-in-the-middle|brute.?force|cyber.?attack)\w* (?:attack|someone|against|on|page|email|message|campaign|"
        rf"site|to)|attack\w* {_GAP}(?:website|server|network|infrastructure|grid|system)s?\b|(?:bypass|disabl|defeat|"
        rf"circumvent|evad|exploit)\w* {_GAP}(?:security|firewall|authentication|antivirus|encryption|drm|paywall|"
        rf"two.factor|captcha|vulnerabilit\w+)|infect\w* {_GAP}(?:computer|device|system|network|phone)|virus (?:to|"
        r"in) every",
    ),
    (
        "privacy",
        r"(?:stalk|spy(?:ing)? on|dox+|blackmail|harass|cyber-?bull(?:y|ying)|bully|wiretap|eavesdrop|defam|slander|"
        r"humiliat|intimidat|gaslight|impersonat|surveil|catfish|discredit|sham(?:e|ing)|frame)(?:ing|e|ed|"
        rf"es)? {_GAP}(?:{_WHO}|on|home|phone|calls|conversation|online|without|them\w*|a |the |my )|(?:track|follow|"
        rf"watch|record|film|photograph|monitor|listen)(?:ing)? {_WHO} {_GAP}(?:without|secretly|in secret|phone|"
        r"location|car)|secretly (?:track|record|film|watch|monitor|follow|install|photograph|listen|take)|(?:hid|"
        rf"plac|put|install)\w* {_GAP}(?:spy|hidden|secret) (?:camera|microphone|tracker)|spy ?cam|(?:spread|start|"
        rf"mak|creat|post|circulat|plant|invent)\w* {_GAP}(?:lies|rumou?rs?|gossip|false (?:accusation|stor\w+|"
        r"information|claims?)|defamatory \w+) ?(?:to|about|that|on|of|against)?|(?:find|get|obtain|publish|leak|"
        rf"reveal|access|look up|gather|sell)\w* {_GAP}(?:home address|where \w+ (?:\w+ ){{0,2}}?(?:live|sleep|"
        r"work)s?|personal (?:information|data|details)|private (?:information|data|photos?|messages?|conversations?|"
        r"details)|medical records?|social security number|confidential \w+|browsing history|location data|"
        rf"phone records)|(?:ruin|destroy|tarnish|damag|sabotag|undermin|harm|smear)\w* {_GAP}(?:reputation|career|"
        rf"self-?(?:confidence|esteem)|credibility|marriage|business)|(?:mak|creat)\w* {_GAP}(?:deep ?fakes?|"
        rf"revenge porn)|invad\w* {_GAP}privacy|(?:read|intercept|access)\w* {_GAP}(?:messages?|mail|e-?mails?|"
        rf"diar(?:y|ies)|letters|texts) of {_WHO}|(?:read|intercept|access)\w* {_GAP}(?:someone|wife|husband|"
        rf"girlfriend|boyfriend|employee|neighbou?r|partner|spouse|people|other)\w*(?:'s)? {_GAP}(?:messages|"
        rf"e-?mails?|mail|texts|phone|account)|(?:falsely accus|false accusation)\w*|make {_WHO} (?:look bad|cry|"
        r"feel (?:bad|dirty|small|worthless)|leave|quit|fear)",
    ),
    (
        "hate",
        r"(?:hate speech|hate crimes?|racial slurs?|white suprem\w+|ethnic cleansing|neo-?nazi\w*|racist|sexist|"
        r"homophobic|transphobic|antisemiti\w+|xenophob\w*|islamophob\w*|misogyn\w+|hate (?:group|message|mail|"
        r"campaign|comments)|derogatory|bigot\w*)|(?:discriminat|dehumani[sz]|segregat|persecut|demoni[sz]|stereotyp|"
        rf"insult|mock|degrad|offend|stigmati[sz]|marginali[sz])\w* (?:against )?{_GAP}(?:women|men|people|"
        r"immigrants?|minorit\w+|muslims?|jews?|jewish|christians?|gays?|black|asians?|latin\w+|disabled|transgender|"
        r"race|ethnic\w*|religio\w+|gender|older|elderly|employees?|lgbt\w*|applicants?|tenants?|group)|(?:fire|"
        rf"firing|not hir\w+|refus\w+ to hire|deny|denying|exclud\w+) {_GAP}(?:women|pregnant|disabled|black|muslim|"
        rf"jewish|gay|older|transgender|immigrant|minorit)\w*|{_MAKE} {_GAP}(?:fake news|disinformation|"
        r"misinformation|propaganda|conspiracy theor\w+|false (?:information|narrative|news)|hoax)|(?:spread|"
        rf"manipulat|distort|falsif|fabricat|fak|misrepresent|doctor)\w* {_GAP}(?:information|news|public opinion|"
        r"election|voters?|evidence|data|history|historical|research|results|statistics|records?|media|studies|facts|"
        rf"audio)|(?:rig|suppress|steal|hack|interfere (?:with|in)|discourag|buy)\w* {_GAP}(?:election|"
        r"votes?|voters?|voting|turnout|ballots?)|radicali[sz]\w*|brainwash\w*|holocaust denial|"
        rf"deny(?:ing)? the holocaust|subliminal|(?:control|manipulat|exploit)\w* {_GAP}(?:behaviou?r|emotions?|"
        r"people|someone|mind|brainwaves|vulnerab\w+|population|others)",
    ),
    (
        "crime",
        r"(?:steal|rob|burgl|shoplift|pickpocket|embezzl|loot|swindl|defraud|scam|con|cheat|extort|brib)\w* (?:from |"
        rf"on |out of )?(?:{_WHO}|{_GAP}(?:car|bike|money|shop|store|bank|house|jewell?er\w*|museum|phone|wallet|"
        r"purse|identit\w+|cloth\w*|data|donations?|company|funds|packages?|goods|official|inspector|tax\w*|exam|"
        r"test|insurance|art\w*|trade secret\w*|samples?|artifacts?|election|casino|atm|savings|bike|items?|property|"
        r"cargo|research|design|idea|electricity|medicine|drugs)s?\b)|\b(?:steal|shoplift|embezzl|forg(?:e|ing)|"
        r"counterfeit|launder|plagiari[sz]|smuggl|vandali[sz]|loot|bootleg|brib(?:e|ing)|defraud|scam|pickpocket|"
        rf"extort)(?:e|es|ing|ed|ting)?\b|{_MAKE} {_GAP}(?:fake|counterfeit|forged|false|fraudulent|stolen|illegal|"
        rf"illicit|pirated) \w+|{_MAKE} {_GAP}(?:scam|fraud|ponzi|pyramid scheme|con game)|(?:commit|perpetrat|"
        rf"get away with|carry out|engage in|help\w* \w+ commit)\w* {_GAP}(?:fraud|theft|crime|burglary|robbery|"
        r"larceny|perjury|tax evasion|embezzlement|plagiarism|identity theft|extortion|vandalism|drunk driving|"
        r"shoplifting|insider trading|treason|smuggling|bribery|arson|forgery)|(?:trick|deceiv|manipulat|con|lur|"
        rf"persuad|pressur)\w* {_WHO} (?:in ?to|out of|to) (?:giv|send|pay|buy|shar|reveal|hand|sign|invest|tell|"
        r"transfer|believ|\w+ing|their|his|her)|(?:evad|avoid paying|dodg|cheat\w* on|hid\w* income|"
        rf"underreport)\w* {_GAP}tax\w*|fak(?:e|ing) (?:(?:an?|the|my|your) )?(?:\w+ )?(?:passport|id\b|"
        r"identification|insurance|invoice|charity|receipt|prescription|documents?|currency|money|job|ticket|review|"
        r"signature|evidence|check|cheque|claim)|(?:mak|cook|grow|sell|buy|manufactur|synthesi[sz]|deal|smuggl|"
        rf"traffic|import|obtain|distribut|order)\w* {_GAP}(?:meth\b|methamphetamine|cocaine|heroin|fentanyl|lsd|mdma|"
        r"ecstasy|ketamine|crack|illegal drugs|drugs\b|opioids|narcotics|marijuana|cannabis|steroids|moonshine)|"
        rf"pick\w* (?:a |the )?lock|break\w* in ?to {_GAP}(?:house|home|car|flat|apartment|building|safe|locker|store|"
        r"shop|office|warehouse|museum)|hotwir\w*|(?:without|no) (?:any )?(?:papers|licen[sc]e|background check)|"
        rf"price.?fix\w*|insider trading|money launder\w*|ponzi|pyramid scheme|pirat(?:e|ing) {_GAP}(?:movie|software|"
        r"film|music|game|book)|sneak\w* in ?to|(?:illegal|stolen|counterfeit) (?:goods|items|drugs|phones?|cars?|"
        rf"organs?|antiquit\w+|wildlife|ivory)|(?:dump|dispos)\w* {_GAP}(?:toxic|hazardous|chemical|radioactive) \w+|"
        rf"(?:evad|avoid|escap|bribe|lie to|fool)\w* {_GAP}(?:police|customs|arrest|law enforcement|security guards?|"
        rf"speeding ticket|tax authorit\w+)|tax evasion|tamper\w* with|(?:exploit|forc\w+|coerc\w*) {_GAP}(?:workers|"
        r"labou?r|migrants|loophole)",
    ),
)

# A word must begin with one of these ("~" ends a word) before its category's pattern is tried: a plain search is quick.
STEMS: Final[Mapping[str, tuple[str, ...]]] = {
    "violence": tuple(
        "hurt injur harm attack stab shoot kill murder poison strangl kidnap abduct assault tortur assass drown chok "
        "rob~ robb mug~ mugg behead maim lynch ambush suffocat dismember bomb massacr hijack terror abus beat push "
        "threat violen homicid genocid arson rat~poison venom hitman hit~man fight~ riot unrest body corpse isis "
        "militia extremist traffick derail sabotag blow burn fire~ firebomb explosi grenade molotov napalm nerve "
        "sarin ricin anthrax mustard weapon nuclear landmine ammunition silencer gun~ guns~ firearm ghost rifle "
        "pistol cyanide thermite ied~ flamethrower toxic chlorine deadly detonat drug".split()
    ),
    "cyber": tuple(
        "hack break breaking get~in getting log~ logg tap~ tapp malware ransom spyware keylog trojan worm rootkit "
        "botnet phish virus backdoor ddos denial exploit password spam malicious login credential credit bank cookie "
        "pin~ hijack compromis take~over injection middle brute cyber attack bypass disabl defeat circumvent evad "
        "infect".split()
    ),
    "crime": tuple(
        "steal rob~ robb burgl shoplift pickpocket embezzl loot swindl defraud scam con~ conn coning cheat extort "
        "brib forg counterfeit launder plagiari smuggl vandali bootleg blackmail fake false fraud stolen illegal "
        "illicit pirat ponzi pyramid theft crime larceny perjury evasion drunk insider treason trick deceiv manipulat "
        "lure lurin persuad pressur evad tax meth~ methamph cocaine heroin fentanyl lsd mdma ecstasy ketamine crack "
        "drugs opioid narcotic marijuana cannabis steroid moonshine lock~ break hotwir papers licen background price "
        "sneak dump dispos avoid escap fool~ lie~ tamper exploit forc coerc commit perpetrat".split()
    ),
    "privacy": tuple(
        "stalk spy dox blackmail harass bully bullie cyberbull cyber~bull wiretap eavesdrop defam slander humiliat "
        "intimidat gaslight impersonat surveil catfish discredit sham frame framing track follow watch record film "
        "photograph monitor listen secret hidden lies rumo gossip false address where personal private medical social "
        "confidential browsing location phone ruin destroy tarnish damag sabotag undermin harm smear deepfake "
        "deep~fake porn privacy intercept read access accus make~ making~".split()
    ),
    "hate": tuple(
        "hate racial suprem ethnic nazi racis sexis homophob transphob islamophob antisemit misogyn derogatory bigot "
        "discriminat dehumani segregat persecut demoni stereotyp insult mock degrad offend stigmati marginali fire~ "
        "firing hire~ hiring deny exclu news disinformation misinformation propaganda conspiracy hoax false "
        "information spread manipulat distort falsif fabricat fake faki misrepresent doctor rig~ rigg suppress "
        "interfer influenc discourag vote voting voter elect radicali brainwash holocaust subliminal control exploit "
        "xenophob".split()
    ),
    "self_harm": tuple(
        "suicid self~ selfinj myself yourself themsel himself herself oneself life painless easiest quickest best "
        "pro~ana proana anorex bulimi disorder overdos starv eating mutilat die~ dying cuts scars bruises".split()
    ),
    "sexual": tuple(
        "rape raping molest grop groom sex~ sexual sext porn date upskirt bestial incest prostitut voyeur "
        "nonconsensual non~consensual roofie erotic nude smut lewd nsfw kinky fetish explicit sleep".split()
    ),
}
