"""A small ray caster in numpy: spheres, turned boxes and the inside of a room, lit by points or a sun, hard shadows.

Lengths are metres, y is up. Rays are float32 [N, 3]; a distance of infinity means no hit. Light is linear, 0 to about 1.
"""

from dataclasses import dataclass, field

import numpy as np

NEAR = np.float32(1e-3)


@dataclass
class Solid:
    """`half` are the half edges of a box or room, or the radius three times. A room is seen from inside.

    `colours` are two linear RGB that `pattern` mixes (plain, checker, stripes or clouds) with `scale` metres a feature;
    a room has such a coat for its floor, walls and ceiling each. `glow` is light of its own.
    """

    shape: str
    centre: np.ndarray
    half: np.ndarray
    turn: float = 0.0
    coats: list = field(default_factory=list)
    glow: float = 0.0
    shine: float = 0.0
    label: int = 0
    instance: int = 0

    def local(self, vectors):
        """Vectors in the axes of the solid."""
        if self.turn == 0.0:
            return vectors
        c, s = np.float32(np.cos(self.turn)), np.float32(np.sin(self.turn))
        return np.stack([c * vectors[:, 0] - s * vectors[:, 2], vectors[:, 1],
                         s * vectors[:, 0] + c * vectors[:, 2]], 1)

    def outer(self, vectors):
        """The way back."""
        other = Solid(self.shape, self.centre, self.half, -self.turn)
        return other.local(vectors)

    def hit(self, origins, directions):
        """Distances [N] to the nearest point in front."""
        if self.shape == "sphere":
            return _sphere(origins - self.centre, directions, self.half[0])
        near, far = _slabs(self.local(origins - self.centre), self.local(directions), self.half)
        if self.shape == "room":
            return np.where(far > NEAR, far, np.inf)
        return np.where((near <= far) & (near > NEAR), near, np.inf)

    def normals(self, points):
        """Unit normals [N, 3] that look at the eye, and the axis [N] of the face in the solid's own axes."""
        place = self.local(points - self.centre)
        if self.shape == "sphere":
            unit = (points - self.centre) / self.half[0]
            return unit, np.ones(len(points), np.int64)
        axis = np.abs(np.abs(place) / self.half - 1).argmin(1)
        rows = np.arange(len(points))
        unit = np.zeros_like(place)
        unit[rows, axis] = np.sign(place[rows, axis]) * (-1 if self.shape == "room" else 1)
        return self.outer(unit), axis


def _sphere(start, directions, radius):
    middle = dot(start, directions)
    inside = middle * middle - dot(start, start) + radius * radius
    root = np.sqrt(np.maximum(inside, 0))
    near = -middle - root
    return np.where((inside > 0) & (near > NEAR), near, np.inf)


def _slabs(start, directions, half):
    with np.errstate(divide="ignore", invalid="ignore"):
        inverse = 1 / np.where(np.abs(directions) < 1e-7, np.float32(1e-7), directions)
    first, second = (-half - start) * inverse, (half - start) * inverse
    near, far = np.minimum(first, second), np.maximum(first, second)
    return (np.maximum(np.maximum(near[:, 0], near[:, 1]), near[:, 2]),
            np.minimum(np.minimum(far[:, 0], far[:, 1]), far[:, 2]))


def dot(a, b):
    """Products [N] of the rows of two [N, 3]."""
    return np.einsum("ij,ij->i", a, b)


def length_of(a):
    """Lengths [N, 1] of the rows of [N, 3]."""
    return np.sqrt(dot(a, a))[:, None]


@dataclass
class Coat:
    """What a surface is painted with."""

    colours: np.ndarray
    pattern: str
    scale: float
    waves: np.ndarray

    def paint(self, place, axis):
        """Linear RGB [N, 3] at places in the solid's own axes."""
        if self.pattern == "plain":
            return np.broadcast_to(self.colours[0], place.shape)
        if self.pattern == "clouds":
            amount = 0.5 + 0.5 * np.sin(place / self.scale @ self.waves[:, :3].T + self.waves[:, 3]).mean(1)
        else:
            flat = place / self.scale
            flat[np.arange(len(flat)), axis] = 0.25
            cells = np.floor(flat).astype(np.int64)
            amount = (cells.sum(1) if self.pattern == "checker" else cells[:, 0] + cells[:, 2]) % 2
        return self.colours[0] + np.asarray(amount, np.float32)[:, None] * (self.colours[1] - self.colours[0])


@dataclass
class Scene:
    """`lights` are (place or direction, colour, is_sun); `sky` is the colour of rays that meet nothing."""

    solids: list
    eye: np.ndarray
    axes: np.ndarray
    slope: float
    lights: list
    ambient: np.ndarray
    sky: np.ndarray

    def rays(self, side: int):
        """Unit directions [side * side, 3] through the pixel centres, in reading order."""
        steps = ((np.arange(side, dtype=np.float32) + 0.5) / side * 2 - 1) * np.float32(self.slope)
        right, down = np.meshgrid(steps, steps)
        flat = np.stack([right.ravel(), -down.ravel(), np.ones(side * side, np.float32)], 1)
        directions = flat @ self.axes
        return (directions / length_of(directions)).astype(np.float32)

    def nearest(self, directions):
        """Distances [N] and the index of the solid met, -1 for none."""
        distances = np.stack([s.hit(self.eye[None], directions) for s in self.solids])
        index = distances.argmin(0)
        best = distances[index, np.arange(len(index))]
        return best, np.where(np.isfinite(best), index, -1)

    def draw(self, side: int):
        """Linear RGB [side, side, 3]."""
        directions = self.rays(side)
        distances, index = self.nearest(directions)
        image = self.sky * (0.75 + 0.5 * np.clip(directions[:, 1:2], 0, 1)) + np.zeros_like(directions)
        for number in np.unique(index[index >= 0]):
            seen = index == number
            points = self.eye + distances[seen, None] * directions[seen]
            image[seen] = self._shade(number, points, directions[seen])
        return image.reshape(side, side, 3)

    def _shade(self, number: int, points, directions):
        solid = self.solids[number]
        normals, axis = solid.normals(points)
        place = solid.local(points - solid.centre)
        if solid.shape == "room":
            which = np.where(axis != 1, 1, np.where(place[:, 1] < 0, 0, 2))
            paint = np.empty_like(points)
            for part, coat in enumerate(solid.coats):
                some = which == part
                paint[some] = coat.paint(place[some], axis[some])
        else:
            paint = solid.coats[0].paint(place, axis)
        light = np.broadcast_to(self.ambient * (1 + 0.25 * normals[:, 1:2]), points.shape).copy()
        gloss = np.zeros_like(light)
        for place_of_light, colour, sun in self.lights:
            towards = np.broadcast_to(place_of_light, points.shape) - (0 if sun else points)
            length = length_of(towards)
            towards = (towards / length).astype(np.float32)
            facing = dot(towards, normals)[:, None]
            strength = np.maximum(facing, 0) * (1 if sun else 1 / (0.4 + length * length))
            lit = facing[:, 0] > 0
            reach = np.full(lit.sum(), np.inf, np.float32) if sun else length[lit, 0]
            strength[lit] *= self._open(points[lit] + 2e-3 * normals[lit], towards[lit], reach)[:, None]
            light += strength * colour
            if solid.shine > 0:
                half = towards - directions
                half /= length_of(half) + 1e-6
                gloss += solid.shine * strength * np.maximum(dot(half, normals)[:, None], 0) ** 40 * colour
        return paint * (light + solid.glow) + gloss

    def _open(self, points, directions, reach):
        """1 where nothing lies between the points and the light, else 0. Rooms, lamps and the ground cast no shadow."""
        free = np.ones(len(points), np.float32)
        for solid in self.solids:
            if solid.shape != "room" and solid.glow == 0 and solid.centre[1] > 0:
                free[solid.hit(points, directions) < reach] = 0
        return free
