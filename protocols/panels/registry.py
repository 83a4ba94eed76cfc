"""The adapters by the name that the configuration gives them."""

from collections.abc import Mapping
from typing import Final

from protocols.panels.adapter import Adapter
from protocols.panels.gst200 import Gst200
from protocols.panels.gst500 import Gst500
from protocols.panels.jbf193k import Jbf193k
from protocols.panels.jbf5010 import Jbf5010
from protocols.panels.ld128 import Ld128
from protocols.panels.n3030 import N3030
from protocols.panels.simplex import Simplex
from protocols.panels.tx3004 import Tx3004

ADAPTERS: Final[Mapping[str, type[Adapter]]] = {
    kind.name: kind for kind in (Gst200, Gst500, Jbf193k, Jbf5010, Ld128, N3030, Simplex, Tx3004)
}
