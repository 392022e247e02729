"""What callers of a service line say: sentences for a small language model that goes beside the large one. `(a|b)` and `[c]` are choices."""

from __future__ import annotations

import itertools
import re

NUMBERS = "one two three four five six seven eight nine zero oh ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred"

PHRASES = """
(hello|hi|good morning|good afternoon) [there]
(hello|hi) i (need|want|would like) [some] help with (my|an|the) (order|account|bill|delivery|payment|package)
(hello|hi) this is (john|mary|anna|peter|david)
i (want|would like|need) to (know|ask|find out) (where|when|if|about) my (order|package|delivery) (is|arrives|has shipped|status)
i am calling (about|because of) (my|an|the) (order|account|bill|delivery|refund|package|invoice)
i have a (question|problem|complaint) (about|with) (my|an|the) (order|account|bill|delivery|refund|package|invoice)
(where is|what about|what is the status of|can you check|could you check|look up|please check|please look up|tell me about) (my|the|an) (order|package|delivery|refund) [please]
(can|could|would) you (please look up|look up|find|check|track|tell me about) (my|the) (order|package|delivery|account|number) [please|for me]
(has|is) my (order|package|delivery) (shipped|arrived|late|on its way|been shipped|been sent|been delivered|here) [yet]
(when|where) (will|does|is|did) (it|my order|my package|the delivery) (arrive|come|get here|be delivered|ship)
what is (my|the) (tracking number|order number|status|price|balance|delivery date|address)
(my|the|its) (order number|order|number|account number) is
(order|order number|number|it is order|my order is) (one|two|three|four|five|six|seven|eight|nine) hundred [please]
(order|order number|number|it is|my order is) (one|two|three|four|five) (zero|oh|one|two|three) (zero|oh|one|five|nine) [please]
(it is|it's) number (one|two|three|four) hundred and (one|ten|twenty|fifty)
i (want|would like|need|have) to (speak|talk) (to|with) (a|an|the) (human|person|real person|agent|manager|supervisor|representative|operator|specialist|someone) [please]
(can|could|may) i (speak|talk) (to|with) (a|an|the|your) (human|person|real person|agent|manager|supervisor|representative|operator|somebody) [please]
(transfer|connect|put) me (to|through to) (a|an|the|your) (human|person|real person|agent|manager|supervisor|representative|operator|sales department) [please]
(a|an) (human|agent|operator|representative|person|real person) please
(this is|that is) (ridiculous|unacceptable|not good enough|too slow|a disaster|very bad)
i am (very|really|so) (angry|upset|unhappy|disappointed) (about this|with this|with your service)
(play|can you play|please play) [me|some] (music|hold music|something) [while i wait|please]
(hold on|wait|one moment|just a moment|one second|just a second|please wait|give me a minute|give me a moment|i need more time) [please]
(yes|yeah|yes please|no|no thanks|okay|sure|right|correct|that's right|that is right|that's wrong|not quite|exactly|of course|maybe)
(yes|no) (that is|that's|it is|it's) (right|correct|wrong|not right|fine|good)
(thank you|thanks) [very much|so much|for your help|that was helpful]
(that is|that's) (all|everything|it) [thank you|thanks|for today]
(goodbye|bye|good bye|bye bye|have a nice day|see you)
(thank you|thanks|no thank you|okay) (goodbye|bye|good bye)
(stop|no wait|excuse me|sorry|wait a moment) i have (a|another|one more) (question|problem)
(stop|excuse me|sorry|one moment|never mind|forget it|listen)
(can|could) you (repeat|say) that [again] [please]
(what|pardon|sorry) (did you say|was that)
i (did not|didn't|could not|couldn't) (hear|understand|get|catch) (you|that|it)
i (want|would like|need) to (cancel|change|return|track|place|check|pay for|make) (my|an|the) (order|subscription|appointment|payment|delivery|account|reservation)
(can|could) i (cancel|change|return|track|get|have) (my|an|the|a) (order|refund|replacement|invoice|appointment|receipt|new one)
(what are|tell me) your (opening hours|hours|prices|address|phone number)
(are you|when are you) open (today|tomorrow|on saturday|on sunday)
my (email|email address|e-mail) is
(my|the) (email|email address) is (john|jane|mary|info|anna) (dot|underscore|dash) (smith|miller|doe|jones) at (example|gmail|yahoo|hotmail) dot (com|org|net)
(john|jane|mary|anna) at (example|gmail|yahoo|hotmail) dot (com|org|net)
i (do not|don't|would rather not|won't) (want to|like to|give you|tell you) (my email|my email address|that|my name)
(can|could) you (send|email) (it|me|that) (to|a) (me|copy|my email)
my (name|phone number|password|address|card) is
i forgot my (password|pin|user name|account number)
how (much|long|many) (is it|does it take|does it cost|will it take|do i have to wait)
i (need|want) (help|a refund|my money back|a new one|an answer|more information)
my (package|order|delivery|parcel) (is|has|was) (not arrived|late|damaged|lost|broken|not here|wrong|missing) [yet]
i have (not|never) (received|got|gotten) (it|my order|my package|anything|an email) [yet]
are you a (robot|machine|real person|human|computer)
(who are you|what can you do|how are you|help|help me)
press (one|two|three|zero|star|pound)
""".strip()

_CHOICE = re.compile(r"\(([^()]*)\)|\[([^\[\]]*)\]")
_MOST = 60  # of one line: all lines weigh alike


def sentences() -> list[str]:
    """All lines, spelled out."""
    return [sentence for line in PHRASES.splitlines() for sentence in _spelled_out(line)] + NUMBERS.split()


def _spelled_out(line: str) -> list[str]:
    choices, at = [], 0
    for found in _CHOICE.finditer(line):
        choices.append([line[at : found.start()]])
        optional = found[1] is None
        choices.append([*(["", ""] if optional else []), *(found[2] if optional else found[1]).split("|")])
        at = found.end()
    choices.append([line[at:]])
    combinations = list(itertools.product(*choices))
    step = max(1, len(combinations) // _MOST)
    if step > 1 and len(combinations) % step == 0:
        step += 1  # otherwise the last choice would always be the same
    return [" ".join("".join(parts).split()) for parts in combinations[::step]]
