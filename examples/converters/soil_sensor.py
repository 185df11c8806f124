"""A converter for a soil sensor that nobody supports: put into `converters/` of the data directory.

It measures moisture in a cluster of its vendor's, and its battery in its own way.
"""

from ferrobee.converters import Cluster, Definition, Int16, Model, Numeric, Temperature, Uint8

GARDEN = Cluster(0xFC55, manufacturer=0x1289)


class SoilSensor(Definition):
    match = Model("garden.soil.2")
    model, vendor, description = "GS-2", "Garden", "Soil sensor"

    temperature = Temperature()
    moisture = Numeric("%", sources=[GARDEN.attr(0x0001, Int16) / 10], description="Of the soil")
    battery = Numeric("%", sources=[GARDEN.attr(0x0002, Uint8)], description="Of the battery")
