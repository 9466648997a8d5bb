"""The one place where errors become messages and exit codes."""

from __future__ import annotations

import difflib
import os
import sys
import traceback
from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperCommand, TyperGroup

from upo_cli.option_names import spelling_of
from upo_cli.output import print_error, print_json
from upo_sdk.errors import UPOError
from upo_sdk.ranks import is_first_to_fail

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["BoundaryGroup", "StrictCommand", "UsageError", "wants_json_lines"]

INTERRUPTED = 130

_TYPERS_USAGE_ERROR: Any = typer.BadParameter.__base__  # Typer does not export it by name


class UsageError(UPOError):
    """A command or option that does not exist, or an argument that is missing."""

    code = "usage"


class BoundaryGroup(TyperGroup):
    """Ends with 2 for bad input, 1 for a run that failed, 130 when interrupted; a bug keeps its traceback."""

    def main(self, args: Sequence[str] | None = None, *_: Any, **extra: Any) -> Any:
        """Run a command; turn what it raises into a message and end the process with an exit code."""
        arguments = list(sys.argv[1:] if args is None else args)
        as_json, as_lines = "--json" in arguments, wants_json_lines(arguments)
        extra.pop("standalone_mode", None)
        try:
            returned = super().main(arguments, standalone_mode=False, **extra)
        except UPOError as error:
            if os.environ.get("UPO_DEBUG") == "1":
                traceback.print_exc()
            sys.exit(_report(error, arguments, as_json=as_json, as_lines=as_lines))
        except _TYPERS_USAGE_ERROR as error:
            sys.exit(_report(_usage_error(error), arguments, as_json=as_json, as_lines=as_lines))
        except typer.Abort as error:
            if isinstance(error.__cause__, EOFError):  # Typer takes it for a closed terminal, which is never asked
                raise _as_bug(error.__cause__) from None
            sys.exit(INTERRUPTED)
        except Exception as error:
            if not is_first_to_fail(f"{type(error).__name__}: {error}"):
                sys.exit(1)
            _as_bug(error)
            raise
        sys.exit(returned if isinstance(returned, int) else 0)


class StrictCommand(TyperCommand):
    """Refuses an option of one value that is given more than once: all but the last would be lost."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse a command line.

        Raises:
            UsageError: An option is repeated that has one value.
        """
        _, _, order = self.make_parser(ctx).parse_args(args=list(args))
        given: Counter[Any] = Counter(order)
        for option, times in given.items():
            if times > 1 and option.param_type_name == "option" and not (option.multiple or option.is_flag):
                flag = option.opts[0]
                one_file = " with all rows in one file" if flag == "--data" else ""
                raise UsageError(
                    f"{flag} is given {times} times, but takes one value",
                    where=ctx.command_path,
                    fix=f"give {flag} once{one_file}",
                )
        return super().parse_args(ctx, args)


def _as_bug(error: BaseException) -> BaseException:
    error.add_note("This is a bug, not your mistake: please report it with the lines above.")
    return error


def wants_json_lines(arguments: list[str]) -> bool:
    """Whether a command line asks for JSON lines; looked at before it is parsed, so that its errors are lines too."""
    words = [word.replace("-", "_") for word in arguments]
    return "__log_format=jsonl" in words or ("__log_format", "jsonl") in pairwise(words)


def _report(error: UPOError | None, arguments: list[str], *, as_json: bool, as_lines: bool) -> int:
    if error is None:
        return 2
    if not is_first_to_fail(error.what):
        return error.exit_code
    if as_lines:
        from upo_cli.json_lines import error_line

        error_line(error)
    if as_json:
        place = {"what": error.what, "where": error.where, "fix": error.fix}
        print_json({"error": {"code": error.code, **place}})
    elif not as_lines:
        print_error(error, spelling_of(arguments[0] if arguments else ""))
    return error.exit_code


def _usage_error(error: Any) -> UsageError | None:
    if type(error).__name__ == "NoArgsIsHelpError":  # its message is the help, which is already printed
        return None
    command = getattr(error.ctx, "command_path", "upo")
    option = error.option_name if hasattr(error, "possibilities") else None
    what, found, command_names = error.format_message().partition(" Did you mean ")
    suggestion = f"did you mean {command_names} " if found else ""
    if option is not None:
        what, suggestion = f"no such option: {option}", _suggest_option(option, error.ctx)
    return UsageError(
        what[:1].lower() + what[1:].rstrip("."),
        where=command,
        fix=f"{suggestion}{command} --help lists what there is",
    )


def _suggest_option(typed: str, context: Any) -> str:
    """Return a suggestion for an option: a close one, else one that contains what was typed."""
    known = {
        flag.lstrip("-").replace("-", "_"): flag
        for parameter in (context.command.params if context else ())
        for flag in parameter.opts
    }
    word = typed.lstrip("-").replace("-", "_")
    names = difflib.get_close_matches(word, known, n=1) or [name for name in known if word and word in name]
    return f"did you mean '{known[names[0]]}'? " if names else ""
