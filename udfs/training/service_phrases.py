"""What people say on service calls whatever they feel, written for this project.

Comments on the web know "thank you" as joy and "sorry" as remorse; on a call both are mostly
formulas. The neutral phrases teach that; the others keep it from being taught too well.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

SENTIMENTS = ("negative", "neutral", "positive")
NUM_EXAMPLES = 2_000
SEED = 0

NEUTRAL = """\
hello thank you for calling {company} my name is {name} how can i help you today
good morning {company} this is {name} speaking how may i help you
good afternoon you are through to {name} at {company} what can i do for you
hi this is {name} from {company}
hi {name} i am calling about my {thing}
hello my name is {name} and i would like to ask about my {thing}
i need to update my {thing}
i would like to change my {thing} please
i want to know the status of my {thing}
could you tell me the balance of my {thing}
can i have your name please
may i have your full name and your date of birth
and what is your phone number please
could you spell that for me
could you say that again please
sorry could you repeat that
i'm sorry i did not catch that could you repeat it
um sorry what was the {thing} number again
sorry which day did you say
pardon
one moment please
let me check that for you
bear with me one moment while i look that up
please hold the line while i transfer you
let me pull up your account
thank you for holding
thank you for waiting i have your {thing} here
thank you that has been updated
okay thank you
alright thank you
thanks
no thank you
no thanks that is all
no that is everything for today thank you
that will be all thanks
is there anything else i can help you with
is there anything else i can do for you today
anything else today
you are welcome
sure i can help you with that
i would be happy to help you with that
of course let me do that for you
yes of course
certainly
thank you for calling {company} have a great day
thanks for calling have a nice day
have a good day goodbye
have a good evening bye bye
you have a good one
you too bye
you too take care
thank you goodbye
bye
goodbye
okay bye bye
yes please
yes
yeah
no
okay
uh huh
mm hmm
right
alright
got it
um
uh let me see
hmm let me look
[noise]
[laughter]
it is {digits}
my number is {digits}
the {thing} number is {digits} {digits}
that is {digits} euros and {digits} cents
at {digits} o'clock on monday
on tuesday at {digits} in the morning
it ends in {digits}
the amount is {digits} dollars
my address is {digits} station road
from my savings account to my checking account
which account would you like to use
which {thing} is this about
i have sent you a confirmation by email
your {thing} has been scheduled for friday
your {thing} will arrive in three to five working days
the transfer has been completed
i just wanted to confirm my {thing}
i have a question about my {thing}
what are your opening hours
how long does it take
what do i need to bring
that is correct
yes that is right
no it is the other one
i will call back later
so that was {digits} is that correct
please enter your {thing} number followed by the hash key
""".splitlines()

NEGATIVE = """\
i have been on hold for {digits} minutes and nobody helps me
this is the third time i am calling about the same {thing}
thank you for nothing
thanks but that does not help me at all
i am sorry but this is not acceptable
with all due respect this is ridiculous
i would appreciate it if someone finally did their job
nobody called me back as you promised
you promised me a new {thing} two weeks ago and nothing has come
i want to speak to a manager
i want to cancel everything
i am really disappointed with {company}
that is not what i was told last time
you keep telling me the same thing and my {thing} is still broken
please stop transferring me from one person to the next
i am very upset about this
this is a waste of my time
i lost a lot of money because of your mistake
you charged me twice again
i do not understand why this is so difficult
honestly i am fed up with your {thing}
that is completely useless
i have called you {digits} times now and nobody can tell me anything
i have been waiting for my {thing} for {digits} weeks
nobody can tell me where my {thing} is
nobody answers the phone at {company}
my {thing} still does not work
your {thing} has never worked properly
it was supposed to be here yesterday and it is not
why does this always take so long
why was i charged for something i never ordered
i was charged {digits} dollars too much
i did not agree to that
your colleague was very unfriendly
the man on the phone just hung up on me
you have got to be kidding me
this is going nowhere
i have already told you that {digits} times
i already gave this information to your colleague
that is what everybody tells me and then nothing happens
i am losing my patience
i am worried that i will not get my money back
i am afraid that somebody has taken money from my account
i am going to lose my job because of this
i will never buy anything from you again
i want my money back right now
i will take this to a lawyer
no that is not good enough
great so i have to wait again
well that is just perfect another {digits} days without a {thing}
""".splitlines()

POSITIVE = """\
oh that is wonderful thank you so much you have been so helpful
great that worked perfectly
that is fantastic news thank you
you really saved my day
wow that was quick i am impressed
i am so happy that this is solved
thank you so much {name} you are amazing
that is such a relief thank you
best service i have ever had
i really appreciate your patience you were so kind
perfect that is exactly what i wanted
awesome i love the new {thing}
oh good i was hoping you would say that
yay that is lovely
that was so easy thank you
that is really kind of you
you have made my day
i am very pleased with {company}
excellent that is even better than i thought
thank you so much for your help i am really grateful
i have to say your service is great
i am glad that we found a way
super i am looking forward to it
""".splitlines()

HELD_OUT = {
    "neutral": """\
hello you are speaking with tom what can i help you with
good evening this is kate from the help desk
what is the postcode please
sorry i missed that what was the last digit
excuse me could you say the street name once more
thank you i have found your file
thanks one second
okay thanks bye now
no i am good thank you
thank you for your call and enjoy the rest of your day
three eight double four
i am calling because i moved to a new flat
can you tell me when the shop closes
then i will put you through to the technical department
would you like to receive it by post or by email
it is a blue one with two buttons""".splitlines(),
    "negative": """\
this has been going on for a month and i have had enough
your website is a mess and nothing on it works
thanks for wasting my afternoon
i am sorry but you people have no idea what you are doing
how can it be so hard to send one letter
first you lose my file and now you want me to pay
i am so annoyed that i have to explain this again
she was rude and did not listen at all
i am scared that they will cut off the heating
that is simply a lie""".splitlines(),
    "positive": """\
thank you that is such good news
oh brilliant it works again
you were a great help i really mean it
i am thrilled with how fast that went
that is very sweet of you
i am delighted with the repair""".splitlines(),
}
"""Never trained on: a check that the lesson, not the phrases, was learned."""

_PHRASES = (NEGATIVE, NEUTRAL, POSITIVE)
_SHARES = (0.3, 0.5, 0.2)
_SLOTS = {
    "{company}": "acme insurance|northern bank|city power|blue telecom|riverside clinic",
    "{name}": "maria|john|ahmed|susan|peter miller|anna|david chen|laura",
    "{thing}": "account|order|contract|card|bill|policy|appointment|password|delivery|booking",
    "{digits}": "four|seven two|one nine zero|thirty five|eleven|five five eight|two hundred",
}


def phrase_rows() -> Iterator[dict[str, str]]:
    """The drawn phrases (split ``train``), and those kept for a test (split ``phrases``)."""
    for text, label in service_examples(NUM_EXAMPLES, SEED):
        yield {"text": text, "label": label, "split": "train"}
    for label, texts in HELD_OUT.items():
        for text in texts:
            yield {"text": text, "label": label, "split": "phrases"}


def service_examples(num_examples: int, seed: int) -> Iterator[tuple[str, str]]:
    """Phrases and labels in the shares of ``_SHARES``, neutral ones at times two in a row."""
    draw = random.Random(seed)  # noqa: S311 (not a secret)
    for _ in range(num_examples):
        label = draw.choices((0, 1, 2), _SHARES)[0]
        num_phrases = draw.choice((1, 1, 2)) if label == 1 else 1
        phrases = [draw.choice(_PHRASES[label]) for _ in range(num_phrases)]
        yield _filled(" ".join(phrases), draw), SENTIMENTS[label]


def _filled(phrase: str, draw: random.Random) -> str:
    for slot, words in _SLOTS.items():
        while slot in phrase:
            phrase = phrase.replace(slot, draw.choice(words.split("|")), 1)
    return phrase
