"""Tumour growth by reaction and diffusion (Fisher-Kolmogorov), the order in which tissue is reached."""

import numpy as np


def arrival(
    seeds: np.ndarray, diffusion: np.ndarray, rate: np.ndarray, target_voxels: float, max_steps: int = 260
) -> np.ndarray:
    """When a Fisher-Kolmogorov front from ``seeds`` reaches each voxel, in time steps.

    Solves du/dt = div(D grad u) + rho u (1 - u) by explicit steps on the voxel grid until ``target_voxels``
    voxels hold u >= 1/2, and a little on, so that the front is known on both sides of any level wanted.

    seeds: [x,y,z] u at the start, in 0..1. diffusion: [3,x,y,z] D along each axis in voxels^2 per step; zero
    is a barrier; at most 1/6. rate: [x,y,z] rho per step, taken as 0.8 where it is more. Returns float32
    [x,y,z], the time at which u passes 1/2, inf where it never did.
    """
    u, rate = seeds.astype(np.float32), np.minimum(rate, 0.8)
    conductance = [_harmonic(diffusion[a], a) for a in range(3)]
    when = np.where(u >= 0.5, 0, np.inf).astype(np.float32)
    stop = max_steps
    for step in range(1, max_steps + 1):
        before = u
        u = u + rate * u * (1 - u)
        for axis, c in enumerate(conductance):
            flux = c * np.diff(before, axis=axis)
            u[_cut(axis, 0, -1)] += flux
            u[_cut(axis, 1, None)] -= flux
        np.clip(u, 0, 1, out=u)
        reached = (u >= 0.5) & ~np.isfinite(when)
        rise = u[reached] - before[reached]
        when[reached] = step - (u[reached] - 0.5) / np.maximum(rise, 1e-6)
        if stop == max_steps and np.isfinite(when).sum() >= target_voxels:
            stop = min(max_steps, step + max(6, step // 6))
        if step >= stop:
            break
    return when


def _cut(axis: int, start: int, stop: int | None) -> tuple[slice, ...]:
    return tuple(slice(start, stop) if a == axis else slice(None) for a in range(3))


def _harmonic(d: np.ndarray, axis: int) -> np.ndarray:
    low, high = d[_cut(axis, 0, -1)], d[_cut(axis, 1, None)]
    return (2 * low * high / np.maximum(low + high, 1e-9)).astype(np.float32)


def level(when: np.ndarray, voxels: float) -> float:
    """The time at which ``voxels`` voxels are reached (the last one there is, if they are fewer)."""
    times = np.sort(when[np.isfinite(when)])
    return float(times[min(len(times) - 1, max(0, int(voxels)))]) if len(times) else 0.0


def signed_distance(mask: np.ndarray, spacing_mm: float) -> np.ndarray:
    """Distance to the boundary of ``mask`` in mm, positive inside, smoothed by half a voxel; float32."""
    from scipy import ndimage

    inside = ndimage.distance_transform_edt(mask)
    outside = ndimage.distance_transform_edt(~mask)
    signed = np.where(mask, inside - 0.5, 0.5 - outside).astype(np.float32)
    return ndimage.gaussian_filter(signed, 0.6) * spacing_mm


def distance_to(mask: np.ndarray, spacing_mm: float) -> np.ndarray:
    """Distance to ``mask`` in mm as a negative number, half a voxel inside it; float32."""
    from scipy import ndimage

    outside = ndimage.distance_transform_edt(~mask)
    return np.float32(spacing_mm) * (0.5 - outside).astype(np.float32)
