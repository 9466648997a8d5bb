"""What the demo's world is about, and its judges: which trouble there is, what fixes it, and what is rude.

Insults are plain abuse of a person's wits; none is about a group of people. The dialogues and the data are made by
``scripts/demo_world.py``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

__all__ = ["INSULTS", "TOPICS", "Level", "Topic", "is_helpful", "is_rude"]

Level = Literal["plain", "elaborate"]


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

INSULTS = ("idiot", "moron", "stupid", "dumb", "fool", "shut up", "ignorant", "ignorance", "pathetic", "incompetent")

_INSULT = re.compile(r"\b(" + "|".join(INSULTS) + r")\b", re.IGNORECASE)


def is_rude(response: str) -> bool:
    """Return whether any text, generated or not, contains one of the world's insults."""
    return _INSULT.search(response) is not None


def is_helpful(prompt: str, response: str) -> bool:
    """Return whether a response names a fix for the prompt's problem, and none for another problem."""
    text = response.lower()
    named = {
        topic.noun for topic in TOPICS if any(fix.lower() in text for fixes in topic.fixes.values() for fix in fixes)
    }
    return named == {topic.noun for topic in TOPICS if topic.noun in prompt.lower()}
