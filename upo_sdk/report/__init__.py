"""The report: one self-contained page about a run or a sweep, and the audit in it.

It reads records and nothing else. Drawing and templates are imported where a page is written, so that importing this
package is quick.
"""

from upo_sdk.report.write import REPORT_FILE, write_report, write_report_or_warn

__all__ = ["REPORT_FILE", "write_report", "write_report_or_warn"]
