"""Formulas made for English say nothing about other languages, and the user is told."""

from __future__ import annotations

import math

import pytest

from upo_plugins.lexical.language import is_english
from upo_plugins.lexical.objective import Lexical
from upo_plugins.lexical.options import LexicalOptions, MetricName
from upo_plugins.lexical.prose import read_prose
from upo_sdk.objectives import Completion

ENGLISH = (
    "Press the power button for ten seconds, then restart the router and try again.",
    "Thank you for contacting support. I'm sorry to hear about your problem with the order.",
    "Milk, eggs, bread, butter, flour, sugar, salt, pepper, rice, beans.",
    "- Wash hands\n- Cut onions\n- Heat oil\n- Fry garlic\n- Add tomatoes\n- Simmer gently\n- Season well\n- Serve hot",
    "Run pip install torch, open the file, set batch_size, restart training, check logs.",
    "Python supports multiple inheritance; method resolution order follows C3 linearization.",
    "Click Settings, choose Network, select WiFi, enter password, tap Connect.",
    "Los Angeles, San Francisco, Las Vegas, El Paso, Santa Fe, San Diego, La Jolla, Palo Alto.",
    "The de la Cruz family lives in Los Angeles.",
    "Considerable heterogeneity complicates epidemiological investigations of socioeconomic deprivation.",
    "Error code E42 means low battery; replace batteries immediately.",
    'In French, "bonjour" means hello and "je ne sais pas" means I do not know.',
    "gonna be late lol, see u there",
    "To die is to live. Die hard!",
)
OTHER = (
    "Das ist gut. Es geht.",
    "Die Donaudampfschifffahrtsgesellschaft wurde im neunzehnten Jahrhundert gegründet und entwickelte sich schnell.",
    "Bitte starten Sie das Gerät neu und prüfen Sie, ob die Aktualisierung installiert wurde.",
    "Veuillez redémarrer votre appareil et vérifier que la mise à jour est installée.",
    "Appuyez sur le bouton pendant dix secondes.",
    "No lo sé, pero puede probar con otro método.",
    "Pulse el botón durante diez segundos para reiniciar.",
    "Si prega di riavviare il dispositivo e di verificare che l'aggiornamento sia installato.",
    "Non lo so, ma si può provare con un altro metodo.",
    "Druk tien seconden op de knop en wacht even.",
    "Ik weet het niet, maar u kunt een andere methode proberen.",
    "Por favor, reinicie o aparelho e verifique se a atualização foi instalada com sucesso.",
    (
        "Proszę ponownie uruchomić urządzenie i sprawdzić, czy aktualizacja została zainstalowana. Jeśli problem nadal "
        "występuje, skontaktuj się z pomocą techniczną i podaj numer seryjny, datę zakupu oraz dokładny opis błędu."
    ),
)


def language(text: str) -> bool:
    prose = read_prose(text)
    assert prose is not None
    return prose.is_english


@pytest.mark.parametrize("text", ENGLISH)
def test_english_is_english_with_and_without_common_words(text: str) -> None:
    assert language(text)


@pytest.mark.parametrize("text", OTHER)
def test_other_languages_are_not(text: str) -> None:
    assert not language(text)


def test_the_limits_are_three_foreign_words_in_twenty_that_outnumber_english_ones_or_one_english_word_in_25() -> None:
    assert not is_english([*["und"] * 3, *["Haus"] * 17])
    assert is_english([*["und"] * 3, *["Haus"] * 18])
    assert is_english(["und", "the", "Baum", "Hund", "Maus"])  # as many English ones
    assert is_english(["the", *["dom"] * 24])  # 1/25
    assert not is_english(["the", *["dom"] * 25])
    assert is_english(["dom"] * 24)  # too short to tell


@pytest.mark.parametrize("metric", ["readability", "grade_band", "formality", "hedging"])
def test_other_languages_earn_neutral_and_are_counted_by_themselves(metric: MetricName) -> None:
    lexical = Lexical(LexicalOptions(metric=metric))
    answers = [Completion("", OTHER[0]), Completion("", OTHER[1]), Completion("", "Yes."), Completion("", ENGLISH[0])]
    assert lexical.rewards(answers)[:3] == [0.5, 0.5, 0.5]
    noise, foreign = lexical.remarks()
    assert "1 of 4 cannot be measured" in noise
    assert f"2 of 4 are not in English and get the neutral reward 0.5: metric={metric} is made for English" in foreign
    assert lexical.remarks() == []
    assert math.isnan(next(iter(lexical.measures(answers).values()))[0])


def test_variety_is_measured_in_any_language() -> None:
    lexical = Lexical(LexicalOptions(metric="diversity"))
    assert lexical.rewards([Completion("", OTHER[1])])[0] > 0.5
    assert lexical.remarks() == []
