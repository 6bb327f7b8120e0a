"""``tinyaudio doctor``: which tools are here, which are missing, and how to get them."""

from __future__ import annotations

import dataclasses

from tinyaudio.cli.options import JsonOption, QuietOption, VerboseOption
from tinyaudio.cli.output import speaking


def doctor(json: JsonOption = False, quiet: QuietOption = False, verbose: VerboseOption = False) -> None:
    """Look for every tool tinyaudio uses: its version, what needs it, how to get it.

    Exits with 0 whether or not something is missing: most work needs only some of them.

    Example: tinyaudio doctor
    """
    with speaking(as_json=json, quiet=quiet, verbose=verbose) as output:
        from tinyaudio.core.tools import describe_tools

        with output.task("looking for tools"):
            reports = describe_tools()
        if json:
            output.result({"tools": [dataclasses.asdict(report) for report in reports]})
            return
        rows = [("yes" if report.found else "NO", report.name, report.version or "", report.needed_for) for report in reports]
        output.table("", ("here", "tool", "version", "needed for"), rows)
        for report in reports:
            if not report.found:
                output.note(f"{report.name}: {report.how}")
