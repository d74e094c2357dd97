"""A backend that tracks: `python backend.py URL KEY SPOOL NAME [fork]`. Prints each id once `track` has returned it.

Reads a line to end; then prints the counters of its processes, each with a line of its own.
"""

import json
import os
import sys
import threading
import time
from dataclasses import asdict

from footfall_client import Client, context

url, key, spool_dir, name, *mode = sys.argv[1:]
client = Client(url, key, release="1", spool_dir=spool_dir or None, wait=0.05, exit_timeout=30)
stopped = threading.Event()
out = threading.Lock()


def say(line: str) -> None:
    # One write, also for the other processes of the pipe.
    with out:
        os.write(1, f"{line}\n".encode())


def requests(worker: str) -> None:
    number = 0
    while not stopped.wait(0.004):
        number += 1
        user = f"{name}-{worker}-{number % 3}"
        with context(user_id=user, session_id=f"of-{user}"):
            event_id = client.track("feature_used", {"feature": user})
        say(f"{event_id} {user}")


def work(process: str) -> None:
    threads = [threading.Thread(target=requests, args=(f"{process}{thread}",)) for thread in range(2)]
    for thread in threads:
        thread.start()
    while os.read(wakes, 1):
        pass
    stopped.set()
    for thread in threads:
        thread.join()
    started = time.monotonic()
    client.close(30)
    say(json.dumps(asdict(client.counters) | {"seconds": time.monotonic() - started}))


# Its end closes this pipe, which ends the workers that are forked.
wakes, holds = os.pipe()
if mode == ["fork"]:
    # As gunicorn does with `preload_app`: the parent has tracked, and has its thread and its connection.
    say(f"{client.track('feature_used', {'feature': f'{name}-parent'}, user_id=f'{name}-parent')} {name}-parent")
    client.flush(1)
    say(f"{client.track('feature_used', {'feature': f'{name}-parent'}, user_id=f'{name}-parent')} {name}-parent")
    children = []
    for child in range(3):
        process = os.fork()
        if not process:
            os.close(holds)
            work(f"fork{child}-")
            os._exit(0)
        children.append(process)
    sys.stdin.readline()
    os.close(holds)
    for process in children:
        os.waitpid(process, 0)
    client.close()
    say(json.dumps(asdict(client.counters)))
else:
    worker = threading.Thread(target=work, args=("",))
    worker.start()
    sys.stdin.readline()
    os.close(holds)
    worker.join()
