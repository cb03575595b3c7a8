"""The compiled loop of `core_eval.procrustes`, whose `similarity_error` is its plain twin.

Axis letters: N poses, J joints.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]

CAREFULLY = -1.0
"""In place of an error: the pose is too near to degenerate for this loop."""

_WELL_SEPARATED = 1e-2
"""Below this relative slope at the root, Newton's method and the adjugate lose digits."""

_CORRELATED = 1e-3
"""Below this root (1 for equal shapes), the poses have so little in common that Newton's steps may not have ended."""


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "nsz", "arcp"})
def align(prediction: Floats, target: Floats, errors: Floats) -> None:
    """Fill the (N,) errors of (N, J, 3) poses; NaN for coordinates without a finite extent."""
    joints = prediction.shape[1]
    x = np.empty((3, joints))
    y = np.empty((3, joints))
    q = np.empty(4)
    for pose in range(len(errors)):
        # Centre both.
        for axis in range(3):
            mx = 0.0
            my = 0.0
            for joint in range(joints):
                mx += prediction[pose, joint, axis]
                my += target[pose, joint, axis]
            mx /= joints
            my /= joints
            for joint in range(joints):
                x[axis, joint] = prediction[pose, joint, axis] - mx
                y[axis, joint] = target[pose, joint, axis] - my
        # Sums of products.
        xx = 0.0
        yy = 0.0
        a = b = c = d = e = f = g = h = i = 0.0
        for joint in range(joints):
            x0, x1, x2 = x[0, joint], x[1, joint], x[2, joint]
            y0, y1, y2 = y[0, joint], y[1, joint], y[2, joint]
            xx += x0 * x0 + x1 * x1 + x2 * x2
            yy += y0 * y0 + y1 * y1 + y2 * y2
            a += x0 * y0
            b += x0 * y1
            c += x0 * y2
            d += x1 * y0
            e += x1 * y1
            f += x1 * y2
            g += x2 * y0
            h += x2 * y1
            i += x2 * y2
        scale = np.sqrt(xx * yy)
        if not (scale > 0.0 and np.isfinite(scale)):
            errors[pose] = np.nan
            continue
        a, b, c = a / scale, b / scale, c / scale
        d, e, f = d / scale, e / scale, f / scale
        g, h, i = g / scale, h / scale, i / scale
        # Horn's matrix, upper triangle.
        h00 = a + e + i
        h01 = f - h
        h02 = g - c
        h03 = b - d
        h11 = a - e - i
        h12 = b + d
        h13 = c + g
        h22 = e - a - i
        h23 = f + h
        h33 = i - a - e
        # Characteristic polynomial l^4 + p2 l^2 + p1 l + p0 (the trace vanishes).
        p2 = -2.0 * (a * a + b * b + c * c + d * d + e * e + f * f + g * g + h * h + i * i)
        p1 = -8.0 * (a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g))
        m01 = h22 * h33 - h23 * h23
        m02 = h12 * h33 - h23 * h13
        m03 = h12 * h23 - h22 * h13
        m12 = h02 * h33 - h23 * h03
        m13 = h02 * h23 - h22 * h03
        m23 = h02 * h13 - h12 * h03
        p0 = (
            h00 * (h11 * m01 - h12 * m02 + h13 * m03)
            - h01 * (h01 * m01 - h12 * m12 + h13 * m13)
            + h02 * (h01 * m02 - h11 * m12 + h13 * m23)
            - h03 * (h01 * m03 - h11 * m13 + h12 * m23)
        )
        root = 1.0  # an upper bound, by the inequality of Cauchy and Schwarz
        slope = 0.0
        for _ in range(50):
            square = root * root
            slope = (4.0 * square + 2.0 * p2) * root + p1
            step = (((square + p2) * root + p1) * root + p0) / slope
            root -= step
            if abs(step) < 1e-15:
                break
        if not (root > _CORRELATED and slope > _WELL_SEPARATED * root * root * root):
            errors[pose] = CAREFULLY
            continue
        # A column of the adjugate of H - root I, the first that is large enough.
        d0 = h00 - root
        d1 = h11 - root
        d2 = h22 - root
        d3 = h33 - root
        norm = 0.0
        for column in range(4):
            if column == 0:
                q[0] = d1 * (d2 * d3 - h23 * h23) - h12 * (h12 * d3 - h23 * h13) + h13 * (h12 * h23 - d2 * h13)
                q[1] = -(h01 * (d2 * d3 - h23 * h23) - h12 * (h02 * d3 - h23 * h03) + h13 * (h02 * h23 - d2 * h03))
                q[2] = h01 * (h12 * d3 - h23 * h13) - d1 * (h02 * d3 - h23 * h03) + h13 * (h02 * h13 - h12 * h03)
                q[3] = -(h01 * (h12 * h23 - d2 * h13) - d1 * (h02 * h23 - d2 * h03) + h12 * (h02 * h13 - h12 * h03))
            elif column == 1:
                q[0] = -(h01 * (d2 * d3 - h23 * h23) - h02 * (h12 * d3 - h23 * h13) + h03 * (h12 * h23 - d2 * h13))
                q[1] = d0 * (d2 * d3 - h23 * h23) - h02 * (h02 * d3 - h23 * h03) + h03 * (h02 * h23 - d2 * h03)
                q[2] = -(d0 * (h12 * d3 - h23 * h13) - h01 * (h02 * d3 - h23 * h03) + h03 * (h02 * h13 - h12 * h03))
                q[3] = d0 * (h12 * h23 - d2 * h13) - h01 * (h02 * h23 - d2 * h03) + h02 * (h02 * h13 - h12 * h03)
            elif column == 2:
                q[0] = h01 * (h12 * d3 - h13 * h23) - h02 * (d1 * d3 - h13 * h13) + h03 * (d1 * h23 - h12 * h13)
                q[1] = -(d0 * (h12 * d3 - h13 * h23) - h02 * (h01 * d3 - h13 * h03) + h03 * (h01 * h23 - h12 * h03))
                q[2] = d0 * (d1 * d3 - h13 * h13) - h01 * (h01 * d3 - h13 * h03) + h03 * (h01 * h13 - d1 * h03)
                q[3] = -(d0 * (d1 * h23 - h13 * h12) - h01 * (h01 * h23 - h13 * h02) + h03 * (h01 * h12 - d1 * h02))
            else:
                q[0] = -(h01 * (h12 * h23 - h13 * d2) - h02 * (d1 * h23 - h13 * h12) + h03 * (d1 * d2 - h12 * h12))
                q[1] = d0 * (h12 * h23 - h13 * d2) - h02 * (h01 * h23 - h13 * h02) + h03 * (h01 * d2 - h12 * h02)
                q[2] = -(d0 * (d1 * h23 - h13 * h12) - h01 * (h01 * h23 - h13 * h02) + h03 * (h01 * h12 - d1 * h02))
                q[3] = d0 * (d1 * d2 - h12 * h12) - h01 * (h01 * d2 - h12 * h02) + h02 * (h01 * h12 - d1 * h02)
            norm = q[0] * q[0] + q[1] * q[1] + q[2] * q[2] + q[3] * q[3]
            # The four columns are q_k q times the slope: the largest has at least a quarter of the whole.
            if norm >= 0.2 * slope * slope:
                break
        inverse = 1.0 / norm
        w, u, v, t = q[0], q[1], q[2], q[3]
        gain = root * yy / scale  # optimal scale = sum of gains / sum of squares of the prediction
        gain *= inverse
        r00 = gain * (w * w + u * u - v * v - t * t)
        r01 = gain * 2.0 * (u * v - w * t)
        r02 = gain * 2.0 * (u * t + w * v)
        r10 = gain * 2.0 * (u * v + w * t)
        r11 = gain * (w * w - u * u + v * v - t * t)
        r12 = gain * 2.0 * (v * t - w * u)
        r20 = gain * 2.0 * (u * t - w * v)
        r21 = gain * 2.0 * (v * t + w * u)
        r22 = gain * (w * w - u * u - v * v + t * t)
        total = 0.0
        for joint in range(joints):
            x0, x1, x2 = x[0, joint], x[1, joint], x[2, joint]
            e0 = r00 * x0 + r01 * x1 + r02 * x2 - y[0, joint]
            e1 = r10 * x0 + r11 * x1 + r12 * x2 - y[1, joint]
            e2 = r20 * x0 + r21 * x1 + r22 * x2 - y[2, joint]
            total += np.sqrt(e0 * e0 + e1 * e1 + e2 * e2)
        errors[pose] = total / joints
