"""The remote brings the scene and takes it away."""

from ferrobee.models.ikea import E1743
from ferrobee.models.innr import RB_285_C
from ferrobee.testing import VirtualHome


async def test_the_upper_button_recalls_the_scene_and_the_lower_one_ends_it(
    home: VirtualHome,
) -> None:
    remote = home.add(E1743, "sofa_remote")
    lamps = [home.add(RB_285_C, "lamp_1"), home.add(RB_285_C, "lamp_2")]
    home.add_group("living_room", *lamps)
    home.load("movie_evening.py")
    await home.publish("zigbee2mqtt/living_room/set", {"state": "ON", "brightness": 40})
    await home.publish("zigbee2mqtt/living_room/set", {"scene_store": {"ID": 1, "name": "Movie"}})
    await home.advance("1s")
    await remote.press("on")
    assert home.sent("living_room") == [{"scene_recall": 1}]
    await remote.press("off")
    await home.advance("1s")
    assert [lamp.device.state.value for lamp in lamps] == ["OFF", "OFF"]
