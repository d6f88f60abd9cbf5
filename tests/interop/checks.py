"""Named checks: each is tried, and its end printed as `ok NAME` or `not ok NAME: why`."""

import traceback

CHECKS = []


def check(function):
    """Marks a check; its name is what it shows."""
    CHECKS.append(function)
    return function


def run(prefix, call=lambda function: function()):
    """Tries every check; says whether all held."""
    failures = 0
    for function in CHECKS:
        name = f"{prefix}: {function.__name__.replace('_', ' ')}"
        try:
            call(function)
            print(f"ok {name}", flush=True)
        except Exception as error:  # whatever goes wrong is this check's failure
            failures += 1
            why = str(error).splitlines()[0] if str(error) else type(error).__name__
            print(f"not ok {name}: {why}", flush=True)
            traceback.print_exc()
    return failures == 0
