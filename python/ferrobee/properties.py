"""What devices are made of: kinds of properties, actions, conditions and what they tell.

Automations get these from devices; the names are here for annotations, for classes of one's own
devices, and for reading.
"""

from __future__ import annotations

from ferrobee._actions import ActionEvent, Actions, ActionSource
from ferrobee._any import AnyActions, AnyDevice, AnyProperty, Group
from ferrobee._composed import Climate, Composed, Cover, Fan, Light, Lock
from ferrobee._conditions import Condition
from ferrobee._device import Device
from ferrobee._kinds import (
    Binary,
    BinaryCommand,
    BinaryGet,
    BinaryGetSet,
    BinarySet,
    Color,
    Composite,
    CompositeCommand,
    CompositeGet,
    CompositeGetSet,
    CompositeSet,
    Enum,
    EnumCommand,
    EnumGet,
    EnumGetSet,
    EnumSet,
    List,
    ListCommand,
    ListGet,
    ListGetSet,
    ListSet,
    Numeric,
    NumericCommand,
    NumericGet,
    NumericGetSet,
    NumericSet,
    Switch,
    Text,
    TextCommand,
    TextGet,
    TextGetSet,
    TextSet,
)
from ferrobee._node import TIMEOUT
from ferrobee._properties import Commanded, Gettable, Property, Readable, Settable, Source
from ferrobee._scenes import Scene
from ferrobee._span import Span
from ferrobee._update import Change, HomeEvent, Json, TopicMessage, Update

__all__ = [
    "TIMEOUT",
    "ActionEvent",
    "ActionSource",
    "Actions",
    "AnyActions",
    "AnyDevice",
    "AnyProperty",
    "Binary",
    "BinaryCommand",
    "BinaryGet",
    "BinaryGetSet",
    "BinarySet",
    "Change",
    "Climate",
    "Color",
    "Commanded",
    "Composed",
    "Composite",
    "CompositeCommand",
    "CompositeGet",
    "CompositeGetSet",
    "CompositeSet",
    "Condition",
    "Cover",
    "Device",
    "Enum",
    "EnumCommand",
    "EnumGet",
    "EnumGetSet",
    "EnumSet",
    "Fan",
    "Gettable",
    "Group",
    "HomeEvent",
    "Json",
    "Light",
    "List",
    "ListCommand",
    "ListGet",
    "ListGetSet",
    "ListSet",
    "Lock",
    "Numeric",
    "NumericCommand",
    "NumericGet",
    "NumericGetSet",
    "NumericSet",
    "Property",
    "Readable",
    "Scene",
    "Settable",
    "Source",
    "Span",
    "Switch",
    "Text",
    "TextCommand",
    "TextGet",
    "TextGetSet",
    "TextSet",
    "TopicMessage",
    "Update",
]
