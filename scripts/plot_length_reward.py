"""Draw docs/images/length.svg from the reward functions themselves: python scripts/plot_length_reward.py [FILE]."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from upo_plugins.length.objective import maximum_reward, target_reward

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["DEFAULT", "draw"]

DEFAULT = Path(__file__).parents[1] / "docs" / "images" / "length.svg"
WANTED, WIDTH, LONGEST = 120, 0.3, 360
LEFT, TOP, PLOT_WIDTH, PLOT_HEIGHT = 60, 20, 540, 220
CURVES: tuple[tuple[str, str, Callable[[float, float, float], float]], ...] = (
    (f"target={WANTED}", "#1f5fa8", target_reward),
    (f"maximum={WANTED}", "#c2571a", maximum_reward),
)


def x_of(length: float) -> float:
    """Return the horizontal position of a length, in pixels."""
    return LEFT + PLOT_WIDTH * length / LONGEST


def y_of(reward: float) -> float:
    """Return the vertical position of a reward, in pixels."""
    return TOP + PLOT_HEIGHT * (1 - reward)


def curve(reward: Callable[[float, float, float], float], colour: str, dash: str) -> str:
    """Return one reward as a line over all lengths."""
    points = " ".join(f"{x_of(n):.1f},{y_of(reward(n, WANTED, WIDTH)):.1f}" for n in range(0, LONGEST + 1, 2))
    return f'<polyline fill="none" stroke="{colour}" stroke-width="2.5" stroke-dasharray="{dash}" points="{points}"/>'


def text(x: float, y: float, words: str, anchor: str = "middle", colour: str = "#333") -> str:
    """Return a label."""
    return f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}" fill="{colour}">{words}</text>'


def line(x1: float, y1: float, x2: float, y2: float) -> str:
    """Return a thin grey line."""
    return f'<line x1="{x1:.0f}" y1="{y1:.0f}" x2="{x2:.0f}" y2="{y2:.0f}" stroke="#ccc"/>'


def draw() -> str:
    """Return the picture as SVG."""
    right, bottom = LEFT + PLOT_WIDTH, TOP + PLOT_HEIGHT
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {right + 20} {bottom + 60}" role="img">',
        "<title>Length reward against the number of words</title>",
        "<style>text { font: 13px sans-serif }</style>",
        f'<rect width="{right + 20}" height="{bottom + 60}" fill="#fff"/>',
    ]
    for reward in (0, 0.25, 0.5, 0.75, 1):
        parts += [line(LEFT, y_of(reward), right, y_of(reward)), text(LEFT - 8, y_of(reward) + 4, f"{reward:g}", "end")]
    for length in range(0, LONGEST + 1, 60):
        parts += [line(x_of(length), bottom, x_of(length), bottom + 5), text(x_of(length), bottom + 20, str(length))]
    parts.append(text(LEFT + PLOT_WIDTH / 2, bottom + 45, f"length of the response (words), width={WIDTH:g}"))
    for row, (label, colour, reward_of) in enumerate(CURVES):
        parts.append(curve(reward_of, colour, "7 4" if row else "none"))
        parts.append(text(right - 10, TOP + 25 + 20 * row, label, "end", colour))
    return "\n".join([*parts, "</svg>"]) + "\n"


if __name__ == "__main__":
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(draw(), encoding="utf-8")
    print(f"wrote {path}")
