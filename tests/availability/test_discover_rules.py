"""Distances and boxes: at the date line, around the poles, on the line of the circle."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from booking_api.availability.discover_rules import Box, Point, box_around, distance_m, read_point
from booking_api.core.errors import Invalid

points = st.builds(Point, st.floats(-90, 90), st.floats(-180, 180))
HALF_WAY_ROUND_M = math.pi * 6_371_008.8


def within(box: Box, point: Point) -> bool:
    """As the statement asks."""
    return box.south <= point.latitude <= box.north and (
        box.west <= point.longitude <= box.east or box.other_west <= point.longitude <= box.other_east
    )


@given(points, points, st.floats(1, 20_037_600))
def test_a_box_has_everything_that_is_no_farther_away(center: Point, point: Point, radius_m: float):
    if distance_m(center, point) <= radius_m:
        assert within(box_around(center, radius_m), point)


@given(points, st.floats(0, 2 * math.pi), st.floats(1, 20_000_000))
def test_a_box_has_its_circle(center: Point, bearing: float, radius_m: float):
    angle, latitude = radius_m / 6_371_008.8, math.radians(center.latitude)
    sine = math.sin(latitude) * math.cos(angle) + math.cos(latitude) * math.sin(angle) * math.cos(bearing)
    there = math.asin(max(-1.0, min(1.0, sine)))
    east = math.atan2(
        math.sin(bearing) * math.sin(angle) * math.cos(latitude), math.cos(angle) - math.sin(latitude) * math.sin(there)
    )
    longitude = (center.longitude + math.degrees(east) + 540) % 360 - 180
    point = Point(math.degrees(there), longitude)
    assert within(box_around(center, radius_m * 1.000001), point)


@given(points, points)
def test_it_is_as_far_there_as_back_and_never_beyond_the_other_side(a: Point, b: Point):
    assert distance_m(a, b) == pytest.approx(distance_m(b, a), abs=0.01)
    assert 0 <= distance_m(a, b) <= HALF_WAY_ROUND_M
    assert distance_m(a, a) == 0


@pytest.mark.parametrize(
    ("a", "b", "kilometres"),
    [
        (Point(52.5208, 13.4094), Point(48.8584, 2.2945), 880),
        (Point(40.6413, -73.7781), Point(33.9416, -118.4085), 3974),
        (Point(-17, 179.9), Point(-17, -179.9), 21.3),
        (Point(90, 0), Point(90, 135), 0),
        (Point(89.99, 0), Point(89.99, 180), 2.22),
        (Point(0, 0), Point(0, 180), 20015),
    ],
)
def test_distances_that_are_known(a: Point, b: Point, kilometres: float):
    assert distance_m(a, b) / 1000 == pytest.approx(kilometres, rel=0.005, abs=0.001)


def test_a_box_is_no_larger_than_it_must_be():
    assert box_around(Point(52.5, 13.4), 10_000) == pytest.approx((52.41, 52.59, 13.252, 13.548, 1, 0), abs=0.001)
    assert box_around(Point(-17, 179.95), 20_000) == pytest.approx(
        (-17.18, -16.82, 179.762, 180, -180, -179.862), abs=0.001
    )
    assert box_around(Point(-17, -179.95), 20_000) == pytest.approx(
        (-17.18, -16.82, -180, -179.762, 179.862, 180), abs=0.001
    )
    assert box_around(Point(-89.99, 20), 20_000) == pytest.approx((-90, -89.81, -180, 180, 1, 0), abs=0.001)
    assert box_around(Point(0, 0), 30_000_000) == (-90, 90, -180, 180, 1, 0)


def test_points_are_read():
    assert read_point("52.52, 13.4") == Point(52.52, 13.4)
    assert read_point("-90,+180") == Point(-90, 180)
    for outside in ("90.1,0", "0,180.1", "-91,0", "0,-999"):
        with pytest.raises(Invalid) as caught:
            read_point(outside)
        assert [error.pointer for error in caught.value.errors] == ["/query/near"]
