"""Variables that begin as ours do and that nothing reads: misspelt, or of another version."""

import difflib
import re
from collections.abc import Mapping

from service_kit.known_settings import KNOWN
from service_kit.settings import PREFIX

# Kubernetes tells pods of Services in such variables; a release called footfall has many of them.
_OF_KUBERNETES = re.compile(r"_SERVICE_(HOST|PORT)(_\w+)?$|_PORT(_\d+_(TCP|UDP|SCTP)(_\w+)?)?$")


def unknown(environ: Mapping[str, str]) -> dict[str, str | None]:
    """Each unknown variable of ours with the known one it is most like, if any."""
    return {
        name: next(iter(difflib.get_close_matches(name, KNOWN, n=1, cutoff=0.8)), None)
        for name in sorted(environ)
        if name.startswith(PREFIX) and name not in KNOWN and not _OF_KUBERNETES.search(name)
    }
