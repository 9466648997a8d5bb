"""Sentences that the training of the built-in toxicity scorer adds to its labelled data.

The labelled rows hardly know a harmless "kill", "dead", "suck" or "breast", and seldom a threat without a rude word, so
both are made here from templates of our own. No sentence of ``benchmarks/toxicity/sentences.yaml`` is among them.
"""

from __future__ import annotations

from itertools import product
from random import Random
from typing import Any

__all__ = ["HARMFUL", "HARMLESS", "IDENTITIES", "WORDS", "made_rows"]

PER_TEMPLATE = 40
"""At most so many sentences of one template, so that none outweighs the labelled rows.

Those that name an identity are all used: a word for people must weigh nothing by itself.
"""

_WORDS = {
    "identity": (
        "gay|lesbian|bisexual|transgender|trans|queer|straight|black|white|brown|asian|african|"
        "arab|latino|mexican|chinese|indian|muslim|jewish|christian|catholic|hindu|buddhist|"
        "atheist|disabled|deaf|blind|autistic|old|young|female|male|immigrant|refugee"
    ),
    "person": "person|man|woman|people|men|women|student|teacher|nurse|friend|family|couple",
    "stop": "kill|terminate|stop|interrupt|end|shut down|force-quit|kill off|drop|destroy",
    "stopped": "killed|terminated|stopped|interrupted|aborted|dropped|destroyed|evicted",
    "thing": (
        "process|server|job|thread|worker|session|query|connection|container|script|child process|"
        "background task|virtual machine|pod|shell|program|browser tab|instance|node|service"
    ),
    "tail": (
        "with a signal|by its id|and start it again|if it hangs|after a timeout|before you deploy|"
        "from the terminal|when it stops responding|that uses too much memory|without losing data|"
        "on Linux|in Python"
    ),
    "fault": "crashes|hangs|dies|fails|freezes|explodes|stalls|panics",
    "cause": (
        "the disk is full|a lock is held too long|memory runs out|the parent exits|two threads race|"
        "it gets a bad packet|the cable is pulled|the license has expired"
    ),
    "spare": (
        "dead code|an orphan record|the garbage data|a stale lock|the core dump|dirty pages|"
        "the black list|the stupid default|an ugly hack|a brute-force search|the master branch|"
        "a dead link"
    ),
    "body": ("star|planet|comet|galaxy|black hole|neutron star|supernova|whirlpool|drain|pump|vacuum|straw"),
    "pulls": "sucks in|swallows|pulls in|eats|tears apart|blows away|absorbs|heats",
    "stuff": "gas|dust|water|light|air|everything nearby|its neighbour|the hot plasma",
    "animal": (
        "lions|wolves|spiders|ants|wasps|snakes|sharks|cats|eagles|rats|pigs|cows|monkeys|dogs|"
        "roosters|donkeys|black bears|hyenas|mosquitoes|leeches"
    ),
    "does": "kill|hunt|attack|bite|eat|poison|chase|sting|mate|with|fight",
    "prey": "mice|insects|rabbits|young deer|other males|fish|frogs|their rivals|birds|sheep",
    "organ": ("breast|penis|vagina|anus|testicles|uterus|prostate|nipple|buttocks|genitals|bowel|bladder|colon|cervix"),
    "ailment": "cancer|an infection|pain|bleeding|swelling|an injury|a rash|inflammation|a lump",
    "disease": ("depression|dementia|autism|bipolar disorder|HIV|cancer|epilepsy|anorexia|addiction|herpes|a stroke"),
    "sexual": "sex|sexual intercourse|masturbation|an orgasm|oral sex|pregnancy|an erection",
    "number": "two|three|five|eleven|dozens|hundreds|thousands",
    "victims": "people|soldiers|children|women|refugees|miners|police officers|passengers|protesters",
    "harmed": "killed|wounded|murdered|shot|kidnapped|found dead|executed|injured|tortured",
    "event": "an earthquake|an attack|a shooting|the civil war|a plane crash|a fire|the riots|an explosion",
    "crime": "murder|fraud|rape|assault|theft|stalking|treason|manslaughter|a hate crime|arson",
    "insult": "stupid|idiot|moron|loser|fool|jerk|dumb|ugly|crazy|pathetic",
    "annoyance": ("The heat|My back|This headache|The suspense|All that homework|The traffic|My new shoes|The waiting"),
    "treat": "the new film|your garden|that recipe|the concert|his first book|the sea|a slice of pie",
    "slip": "forgot my umbrella|missed the bus|lost my ticket|left the light on|read the wrong page",
    "harm": "kill|hurt|beat|stab|shoot|strangle|punch|burn|destroy|find and hurt|cut",
    "target": "you|him|her|them|your family|your children|that man|all of you",
    "when": "tonight|tomorrow|one day|soon|when you sleep|if you come back|with my bare hands",
    "contempt": (
        "criminals|vermin|disgusting|inferior|animals|dirty|stupid|lazy|parasites|a disease|not human|worthless"
    ),
}

WORDS = {name: tuple(words.split("|")) for name, words in _WORDS.items()}
"""What stands for each name in a template."""

IDENTITIES = (
    "I am a {identity} {person}.",
    "I'm {identity}.",
    "I am {identity} and proud of it.",
    "My {person} is {identity}.",
    "She is a {identity} {person}.",
    "He met a {identity} {person} at work.",
    "They are {identity} {person} from our town.",
    "The {identity} {person} next door helped us move.",
    "Many {identity} {person} live here.",
    "As a {identity} {person}, I enjoyed this book.",
    "How can we support {identity} {person} at school?",
    "The {identity} community celebrates a holiday today.",
)
"""Templates of harmless sentences that name an identity, labelled 0."""

HARMLESS = (
    "You can {stop} the {thing} {tail}.",
    "How can I {stop} a {thing} {tail}?",
    "{stop} the {thing} {tail}.",
    "The {thing} was {stopped} because {cause}.",
    "The {thing} {fault} when {cause}.",
    "The {thing} is dead because {cause}.",
    "Remove {spare} before the {thing} {fault}.",
    "A {body} {pulls} {stuff}.",
    "The {body} sucks up {stuff}.",
    "It is a black or white {body}.",
    "The {animal} {does} {prey}.",
    "Some {animal} die after they {does} {prey}.",
    "Dead {animal} are food for {animal}.",
    "{organ} {ailment} should be seen by a doctor.",
    "The {organ} may hurt after {sexual}.",
    "What causes {ailment} of the {organ}?",
    "Is {sexual} safe for people with {disease}?",
    "She was treated for {disease} last year.",
    "People with {disease} may think of death.",
    "{number} {victims} were {harmed} in {event}.",
    "The {victims} had been {harmed} during {event}.",
    "He was accused of {crime} after {event}.",
    "The trial for {crime} begins in May.",
    'The word "{insult}" is an insult.',
    "Someone called me {insult} at work and it hurt.",
    "Children should not be called {insult}.",
    "I feel so {insult}, I {slip}.",
    "I am such a {insult}: I {slip}.",
    "{annoyance} is killing me.",
    "I'm dying to see {treat}.",
    "I am crazy about {treat}.",
    "{treat} was damn good.",
    "Shoot me a message about {treat}.",
    "You killed it with {treat}!",
)
"""Templates of other sentences labelled 0."""

HARMFUL = (
    "I will {harm} {target}.",
    "I'm going to {harm} {target} {when}.",
    "I want to {harm} {target}.",
    "Somebody should {harm} {target} {when}.",
    "{target} should die.",
    "I hope {target} will die {when}.",
    "You deserve to be {harmed}.",
    "You are so {insult}.",
    "You {insult}, go away.",
    "All {identity} people are {contempt}.",
    "{identity} {person} are {contempt}.",
    "I hate {identity} people.",
    "We should {harm} all {identity} people.",
)
"""Templates of sentences labelled 1."""


def made_rows(seed: int = 0) -> list[dict[str, Any]]:
    """Return the sentences of all templates with their labels, the same for the same seed."""
    made = [
        (0, [text for template in IDENTITIES for text in _filled(template)]),
        (0, [text for template in HARMLESS for text in _some(template, seed)]),
        (1, [text for template in HARMFUL for text in _some(template, seed)]),
    ]
    return [{"text": text, "label": label} for label, texts in made for text in texts]


def _some(template: str, seed: int) -> list[str]:
    texts = _filled(template)
    return texts if len(texts) <= PER_TEMPLATE else Random(seed).sample(texts, PER_TEMPLATE)  # noqa: S311 - no secret


def _filled(template: str) -> list[str]:
    names = [name for name in WORDS if f"{{{name}}}" in template]
    choices = product(*(WORDS[name] for name in names))
    texts = sorted({template.format(**dict(zip(names, words, strict=True))) for words in choices})
    return [text[0].upper() + text[1:] for text in texts]
