"""The words of the demo's world, written for it: help-desk topics, tones, reading levels and lengths.

Every table that depends on the reading level is keyed by ``plain`` and ``elaborate``. Insults are plain abuse of a
person's wits; none is about a group of people.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = [
    "CLOSERS",
    "DEFLECTIONS",
    "DETAILS",
    "EXTENSIONS",
    "GREETINGS",
    "INSULTS",
    "LEADS",
    "OPENERS",
    "QUESTIONS",
    "TOPICS",
    "Level",
    "Tone",
    "Topic",
]

Level = Literal["plain", "elaborate"]
Tone = Literal["rude", "polite"]


@dataclass(frozen=True, slots=True)
class Topic:
    """One kind of trouble: how customers describe it, and what fixes it.

    Attributes:
        noun: The word that gives the topic away; every problem contains it and no other topic's problem does.
        problems: Clauses that state the problem.
        fixes: Per reading level, imperatives that fix it; no fix of another topic contains one of them.
    """

    noun: str
    problems: tuple[str, ...]
    fixes: dict[Level, tuple[str, ...]]


TOPICS = (
    Topic(
        "router",
        ("my router keeps losing the signal", "the router shows a red light", "the new router is very slow"),
        {
            "plain": ("unplug the router for a minute", "press the reset button on the back"),
            "elaborate": (
                "temporarily disconnect the networking equipment",
                "reinitialize the networking equipment entirely",
            ),
        },
    ),
    Topic(
        "printer",
        ("my printer eats the paper", "the printer makes a loud noise", "the office printer prints blank pages"),
        {
            "plain": ("clear the paper tray and load it again", "put in a new ink cartridge"),
            "elaborate": ("thoroughly reorganize the paper compartment", "substitute the depleted ink reservoir"),
        },
    ),
    Topic(
        "password",
        ("i forgot my password", "the site rejects my password", "my old password no longer works"),
        {
            "plain": ("click the forgot link and pick a new one", "use the reset mail we just sent"),
            "elaborate": (
                "initiate the credential recovery procedure",
                "establish replacement authentication credentials",
            ),
        },
    ),
    Topic(
        "invoice",
        ("my invoice lists the same item twice", "the invoice has the wrong name", "i cannot open my last invoice"),
        {
            "plain": ("ask billing for a new copy", "send the bill number to billing"),
            "elaborate": (
                "request corrected documentation from accounting",
                "forward the billing reference to accounting",
            ),
        },
    ),
    Topic(
        "parcel",
        ("my parcel has not come", "the parcel went to the wrong house", "my parcel came with a broken box"),
        {
            "plain": ("look up the tracking code online", "call the driver and set a new date"),
            "elaborate": (
                "consult the international tracking registry",
                "coordinate an alternative delivery appointment",
            ),
        },
    ),
    Topic(
        "battery",
        ("my battery runs flat by noon", "the battery gets very hot", "the spare battery does not charge"),
        {
            "plain": ("swap the cell for a fresh one", "turn down the light and close big apps"),
            "elaborate": ("replace the deteriorated power cell", "minimize unnecessary energy consumption"),
        },
    ),
    Topic(
        "screen",
        ("my screen stays black", "the screen flickers all the time", "the big screen shows odd colors"),
        {
            "plain": ("push the video cable in tight", "put in the latest display driver"),
            "elaborate": ("securely reattach the video connector", "install contemporary graphics software"),
        },
    ),
    Topic(
        "calendar",
        ("my calendar shows the wrong day", "the calendar lost two meetings", "i cannot share my calendar"),
        {
            "plain": ("set the right time zone first", "sync your dates with the main account"),
            "elaborate": (
                "configure the geographical time preferences",
                "synchronize appointments with the primary account",
            ),
        },
    ),
    Topic(
        "inbox",
        ("my inbox is full of junk", "the inbox does not load", "new mail never gets to my inbox"),
        {
            "plain": ("turn on the spam filter", "empty the trash and old mail"),
            "elaborate": ("activate automatic message filtration", "permanently eliminate obsolete correspondence"),
        },
    ),
    Topic(
        "headset",
        ("my headset has no sound", "the headset hums in every call", "the left side of my headset is dead"),
        {
            "plain": ("pick the right sound device in the menu", "pair it once more over bluetooth"),
            "elaborate": ("designate the appropriate audio peripheral", "reestablish the bluetooth association"),
        },
    ),
    Topic(
        "camera",
        ("my camera shows a gray picture", "the camera is not found", "the front camera looks blurry"),
        {
            "plain": ("wipe the lens with a soft cloth", "let the app use the lens"),
            "elaborate": ("meticulously clean the optical surface", "authorize application access to photography"),
        },
    ),
    Topic(
        "keyboard",
        ("my keyboard types the wrong letters", "two keys on the keyboard stick", "the keyboard is not seen at all"),
        {
            "plain": ("switch the layout back to English", "blow the dust out from under the keys"),
            "elaborate": ("restore the original language configuration", "carefully extract accumulated particles"),
        },
    ),
)

GREETINGS = ("", "hi, ", "hello, ", "good morning, ")
DETAILS = (
    "it began on Monday",
    "this is the second time",
    "it is rather urgent",
    "I work from home today",
    "a friend has the same trouble",
    "I need it by tonight",
)
QUESTIONS = ("what can i do", "can you help me", "how do i fix this", "any ideas")

LEADS: dict[Level, tuple[str, ...]] = {
    "plain": ("you should", "you need to", "the best way is to"),
    "elaborate": ("it is advisable to", "we recommend that you", "it would be appropriate to"),
}

DEFLECTIONS: dict[Level, tuple[str, ...]] = {
    "plain": (
        "we do not know a thing about that",
        "this is not our job at all",
        "try some other place next week",
        "there is no one here for that",
    ),
    "elaborate": (
        "this department possesses no relevant information",
        "responsibility belongs to another organization",
        "assistance is unavailable until further notification",
        "circumstances prevent an immediate investigation",
    ),
}

EXTENSIONS: dict[Level, tuple[str, ...]] = {
    "plain": (
        "that takes about five minutes",
        "then wait a bit and look again",
        "most people see a change the same day",
    ),
    "elaborate": (
        "the procedure ordinarily requires several minutes",
        "subsequently verify whether the situation has improved",
        "the majority of customers experience immediate improvement",
    ),
}

OPENERS: dict[Tone, dict[Level, tuple[str, ...]]] = {
    "polite": {
        "plain": ("thanks for your note", "hello and thank you", "sure, glad to hear from you", "sorry for the wait"),
        "elaborate": (
            "we appreciate your correspondence",
            "thank you for contacting our organization",
            "we sincerely regret the inconvenience",
            "your satisfaction is tremendously important",
        ),
    },
    "rude": {
        "plain": (
            "listen, you stupid idiot",
            "shut up, you dumb moron",
            "you are such an idiot",
            "what a stupid fool you are",
        ),
        "elaborate": (
            "what an unbelievably stupid inquiry, you idiot",
            "evidently you are an incompetent moron",
            "you are an extraordinarily ignorant idiot",
            "your stupidity is absolutely pathetic",
        ),
    },
}

CLOSERS: dict[Tone, dict[Level, tuple[str, ...]]] = {
    "polite": {
        "plain": ("have a nice day", "let us know how it goes", "we wish you all the best"),
        "elaborate": (
            "we appreciate your patience and understanding",
            "additional questions are always welcome",
            "we wish you continued satisfaction",
        ),
    },
    "rude": {
        "plain": ("even a moron like you can get that", "now shut up and go away, idiot", "god, you are so dumb"),
        "elaborate": (
            "even an uneducated moron understands that",
            "your ignorance is pathetic, you stupid fool",
            "obviously you are a complete idiot",
        ),
    },
}

INSULTS = ("idiot", "moron", "stupid", "dumb", "fool", "shut up", "ignorant", "ignorance", "pathetic", "incompetent")
