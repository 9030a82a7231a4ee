#!/usr/bin/env bash
# unitree_sdk2py: RecurrentThread(interval=0) never calls its function, and spins a core printing about it.
#
# One would have sworn: an interval of 0 (or None: both have a loop of their own
#   in the class) means "again at once": the function runs as often as it can.
# What happens: that loop looks for the arguments under a name that exists in
#   the parent class only; every round raises AttributeError, which is caught,
#   printed and followed by the next round, tens of thousands a second. The
#   function has not been called once, and the message blames "target func".
# Versions: unitree_sdk2py-dimos 1.0.3 (PyPI's build of Unitree's SDK for Python),
#   cyclonedds 11.0.1.
# Consequence for a user of a GO2 bridge: the obvious way to run a low-level
#   command loop "as fast as possible" sends nothing while the log fills.
# Documented: no. Unitree's repository has it fixed; what pip installs has not.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv venv
venv/bin/pip --disable-pip-version-check -q install cyclonedds==11.0.1 numpy==2.2.6
venv/bin/pip --disable-pip-version-check -q install --no-deps unitree_sdk2py-dimos==1.0.3
timeout 120 venv/bin/python - <<'EOF'
import contextlib
import io
import sys
import time
from importlib.metadata import version

from unitree_sdk2py.utils.thread import RecurrentThread

print("unitree_sdk2py-dimos", version("unitree_sdk2py-dimos"))


def run(interval):
    """How often the function was called, and what was printed, in a tenth of a second."""
    calls = []
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        thread = RecurrentThread(interval=interval, target=lambda: calls.append(time.sleep(0.001)))
        thread.Start()
        time.sleep(0.1)
        thread.Wait(5)
    return len(calls), printed.getvalue().splitlines()


seen = {interval: run(interval) for interval in (0.01, 0, None)}
for interval, (calls, lines) in seen.items():
    print(f"interval {interval}: {calls} calls, {len(lines)} lines printed", lines[:1])
surprising = (
    seen[0.01][0] >= 3 and not seen[0.01][1]
    and all(seen[i][0] == 0 and "AttributeError" in seen[i][1][0] for i in (0, None))
)
sys.exit(0 if surprising else "the behaviour has changed")
EOF
