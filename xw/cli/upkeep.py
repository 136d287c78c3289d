"""The handlers of gc and doctor."""

from xw import Swept
from xw.agent import functions
from xw.cli.call import Call, warn
from xw.cli.show import emit, tell
from xw.text import size


def gc(call: Call, days: int | None, dry_run: bool, verbose: bool) -> int:
    """Remove old mail; silent unless asked, or unless something cannot be removed."""
    swept = call.agent().gc(days, dry_run=dry_run)
    left = swept.errors
    if swept.busy and not call.json:
        if verbose:
            tell("another gc is running: nothing to do")
        return 0
    if call.json:
        return emit(swept.to_json(), left)
    if left:
        more = f"; and {len(left) - 1} more could not be removed" if len(left) > 1 else ""
        warn(f"{left[0]}{more}; the rest was removed")
    code = max((error.code for error in left), default=0)
    if swept.problem and verbose:
        warn(f"the copy on the hub stays until the next gc: {swept.problem}")
    if not left or verbose:
        _report(swept, "", dry_run, verbose)
    if swept.elsewhere:
        _report(swept.elsewhere, " on the hub", dry_run, verbose)
    return code


def _report(swept: Swept, where: str, dry_run: bool, verbose: bool) -> None:
    if dry_run:
        for path in (*swept.messages, *swept.attachments, *swept.scratch):
            tell(f"would remove {path}{where}")
    if verbose or dry_run:
        what = f"{len(swept.messages)} messages, attachments of {len(swept.attachments)}"
        unfinished = f"{len(swept.scratch)} unfinished files"
        tell(f"{'would remove' if dry_run else 'removed'}{where} {what}, {unfinished}, {size(swept.size)}")


def doctor(call: Call) -> int:
    """Print all findings; return 1 if anything is bad."""
    findings = functions.doctor(call.options)
    if call.json:
        emit(findings.to_json())
    else:
        for finding in findings:
            fix = f": {finding.fix}" if finding.fix and finding.level != "ok" else ""
            tell(f"{finding.level:4} {finding.what}{fix}")
    return int(any(finding.level == "bad" for finding in findings))
