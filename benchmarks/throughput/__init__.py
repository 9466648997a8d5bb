"""Our training run against TRL's ``DPOTrainer``: speed, memory and loss, whole run against whole run.

    pip install -c constraints.txt -e '.[peer]'
    python -m benchmarks.throughput --quick                        # a small subset, to see that it works
    python -m benchmarks.throughput compare --shape 256/64 --shape 64/256 --size 20M --rounds 4 --output bench
    python -m benchmarks.throughput growth --output bench          # how time and memory grow
    python -m benchmarks.throughput report --output bench          # the tables again, from what was measured

Both sides train the same weights on the same rows with the same optimizer, as whole runs, in a fresh process per
measurement. The sides alternate round by round; with ``--step-by-step`` all run at once and take turns after every
step, which a machine of changing speed needs. Ratios are taken inside a round, and the median and the range over rounds
are shown. A side's first run finds empty caches: its figures for the whole run count. Later ones find scores and
reference log-probs done: their memory counts.

Every measurement is appended to ``measurements.jsonl`` in the output folder, so that short calls add up;
``results.json``, the tables and the figures are made from all of it.
"""
