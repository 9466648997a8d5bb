"""The report: one self-contained page about a run or a sweep, and the audit in it.

Drawing and templates are imported where a page is written, so that importing this package is quick.
"""

from upo_sdk.report.distributions import DISTRIBUTIONS_FILE, Distributions, describe_distributions
from upo_sdk.report.record import record_for_report
from upo_sdk.report.samples import SAMPLES_FILE, Sample, read_samples, samples_of
from upo_sdk.report.write import REPORT_FILE, write_report, write_report_or_warn

__all__ = [
    "DISTRIBUTIONS_FILE",
    "REPORT_FILE",
    "SAMPLES_FILE",
    "Distributions",
    "Sample",
    "describe_distributions",
    "read_samples",
    "record_for_report",
    "samples_of",
    "write_report",
    "write_report_or_warn",
]
