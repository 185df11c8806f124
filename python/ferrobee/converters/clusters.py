"""The clusters of the standard and of some vendors: `clusters.AnalogInput.present_value`.

Attributes and commands have the names that Zigbee2MQTT shows, as Python writes them. Commands that
clients send are in `commands` (a remote's `OnOff.commands.toggle`), those that servers send in
`notifications`. A cluster that is missing here is `Cluster(0xfcc0, manufacturer=0x115f)`.
"""

from __future__ import annotations

from ferrobee.converters.generated.clusters import *  # noqa: F403
from ferrobee.converters.generated.clusters import __all__ as __all__
