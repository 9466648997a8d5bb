"""Sweeps: a grid of runs that share scores and reference log-probs, and what it says about the trade-off."""
