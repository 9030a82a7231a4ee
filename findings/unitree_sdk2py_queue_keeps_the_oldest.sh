#!/usr/bin/env bash
# unitree_sdk2py: a subscriber with a queue keeps the OLD states and throws the new ones away.
#
# One would have sworn: ChannelSubscriber.Init(handler, queueLen=10) keeps the last
#   ten samples, as DDS's "keep last" and every ROS queue do, so a handler that
#   was held up continues with what is recent.
# What happens: a full queue refuses the new sample and says so to nobody. While
#   the handler is held up for half a second in which 100 states arrive, it is then
#   given the first ten of them (states 1 to 10) and never the other 89; with a
#   handler a little too slow, every state it gets is a whole queue old.
# Versions: unitree_sdk2py-dimos 1.0.3 (PyPI's build of Unitree's SDK for Python),
#   cyclonedds 11.0.1; on the loopback interface, no robot.
# Consequence for a user of a GO2 bridge: a control loop written with the SDK acts,
#   after a hiccup, on the robot's state from before the hiccup, and believes it new;
#   without a queue (queueLen=0) the handler gets the newest. Look at the tick or
#   the stamp in the state.
# Documented: no.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv venv
venv/bin/pip --disable-pip-version-check -q install cyclonedds==11.0.1 numpy==2.2.6
venv/bin/pip --disable-pip-version-check -q install --no-deps unitree_sdk2py-dimos==1.0.3
timeout 120 venv/bin/python - <<'EOF'
import re
import sys
import threading
import time
from importlib.metadata import version

from unitree_sdk2py.core import channel
from unitree_sdk2py.idl.std_msgs.msg.dds_ import String_

print({name: version(name) for name in ("unitree_sdk2py-dimos", "cyclonedds")})
# Its trace goes to this folder.
channel.ChannelConfigHasInterface = re.sub(
    "<OutputFile>.*</OutputFile>", "<OutputFile>cdds.log</OutputFile>", channel.ChannelConfigHasInterface)
channel.ChannelFactoryInitialize(77, "lo")
publisher = channel.ChannelPublisher("rt/finding_state", String_)
publisher.Init()


seen, go_on = [], threading.Event()


def handler(sample):
    seen.append(int(sample.data))
    go_on.wait(30)


subscriber = channel.ChannelSubscriber("rt/finding_state", String_)
subscriber.Init(handler, 10)
time.sleep(1.0)
for number in range(100):
    publisher.Write(String_(str(number)))
    time.sleep(0.005)
time.sleep(0.5)
go_on.set()
time.sleep(0.5)
after_pause = list(seen)
publisher.Write(String_("100"))
time.sleep(0.5)
print("handled, expected [0, 90, ..., 99] and then 100, seen", after_pause, "and then", seen[len(after_pause):])
surprising = after_pause == list(range(11)) and seen[11:] == [100]
sys.exit(0 if surprising else "the behaviour has changed")
EOF
