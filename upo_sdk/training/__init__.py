"""Training: from a plan to a trained model, with the adapter over transformers.Trainer in ``trainer``."""
