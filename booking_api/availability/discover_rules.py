"""What is near: distances on the globe, and the box around a circle by which an index finds places. Pure."""

import math
from typing import NamedTuple

from booking_api.core.errors import invalid

EARTH_RADIUS_M = 6_371_008.8
SLACK_DEGREES = 1e-9
"""A box is a tenth of a millimetre larger than its circle, so that rounding loses nobody who stands on the line."""


class Point(NamedTuple):
    """WGS 84, in degrees."""

    latitude: float
    longitude: float


class Box(NamedTuple):
    """All latitudes from south to north, and all longitudes within one of two ranges: there are two across the date line,
    and of one the second is empty."""

    south: float
    north: float
    west: float
    east: float
    other_west: float = 1.0
    other_east: float = 0.0


def read_point(text: str) -> Point:
    """`latitude,longitude` as a point. Raises `Invalid`."""
    latitude, longitude = (float(part) for part in text.split(","))
    if abs(latitude) > 90 or abs(longitude) > 180:
        raise invalid("/query/near", "A latitude is from -90 to 90 degrees, a longitude from -180 to 180.")
    return Point(latitude, longitude)


def box_around(center: Point, radius_m: float) -> Box:
    """The smallest box of latitudes and longitudes with everything that is no farther away."""
    angle = min(radius_m / EARTH_RADIUS_M, math.pi)
    south = center.latitude - math.degrees(angle) - SLACK_DEGREES
    north = center.latitude + math.degrees(angle) + SLACK_DEGREES
    if south <= -90 or north >= 90:  # A circle around a pole has every longitude.
        return Box(max(south, -90.0), min(north, 90.0), -180.0, 180.0)
    width = math.degrees(math.asin(min(1.0, math.sin(angle) / math.cos(math.radians(center.latitude)))))
    west, east = center.longitude - width - SLACK_DEGREES, center.longitude + width + SLACK_DEGREES
    if west < -180:
        return Box(south, north, -180.0, east, west + 360, 180.0)
    if east > 180:
        return Box(south, north, west, 180.0, -180.0, east - 360)
    return Box(south, north, west, east)


def distance_m(a: Point, b: Point) -> float:
    """Along the great circle, in metres; within half a percent of what the ellipsoid says."""
    latitude_a, latitude_b = math.radians(a.latitude), math.radians(b.latitude)
    half_north = math.sin((latitude_b - latitude_a) / 2)
    half_east = math.sin(math.radians(b.longitude - a.longitude) / 2)
    square = half_north**2 + math.cos(latitude_a) * math.cos(latitude_b) * half_east**2
    return 2 * EARTH_RADIUS_M * math.asin(min(1.0, math.sqrt(square)))
