"""Whether our preference losses are TRL's: value and gradient on the same random tensors.

    pip install -e '.[peer]'
    python -m benchmarks.trl_equality [--seeds 5] [--write docs/reference/trl-equality.md]

TRL's own methods run (``DPOTrainer._compute_loss``, ``KTOTrainer._compute_loss``, ``CPOTrainer`` and ``ORPOTrainer``
``.get_batch_loss_metrics``); in place of a language model stands a table of log-probs, the leaf of both gradients.
Exits 1 when an error exceeds 1e-5.
"""
