"""Active appearance models: images that the model itself makes, and a toy world."""

import numpy as np
import pytest

from core_eval import InputError, Sample
from face_densereg.aam import method
from face_densereg.aam.features import edge_structure, sample_patches
from face_densereg.aam.fitting import fit_shape, step_equations, template_jacobian
from face_densereg.aam.model import AppearanceModel, shape_basis, train_appearance
from face_densereg.aligned import Frame, frame_of
from face_densereg.shape_model import fit_shape_model

REFERENCE = np.array([[14.0, 14.0], [46.0, 13.0], [30.0, 31.0], [15.0, 47.0], [45.0, 46.0]])
SIDE, PATCH, MODES = 61, 9, 3


def waves(seed):
    """Smooth functions of (x, y), one for each landmark and channel: sums of long waves, so that they can be evaluated
    anywhere."""
    rng = np.random.default_rng([5, seed])
    frequency, phase = rng.uniform(-0.35, 0.35, (len(REFERENCE), 2, 3, 2)), rng.uniform(0, 6, (len(REFERENCE), 2, 3))

    def value(landmark, x, y):
        turns = frequency[landmark, :, :, 0] * x[..., None, None] + frequency[landmark, :, :, 1] * y[..., None, None]
        return np.sin(turns + phase[landmark]).sum(-1)

    return value


FUNCTIONS = [waves(seed) for seed in range(1 + MODES)]


def tabulated(function):
    """(F,) appearance of a function at the pixels of the patches."""
    y, x = np.mgrid[:PATCH, :PATCH] - (PATCH - 1) / 2
    return np.array([function(p, x, y) for p in range(len(REFERENCE))]).ravel()


@pytest.fixture(scope="module")
def model():
    rng = np.random.default_rng(3)
    shapes = fit_shape_model(REFERENCE + 2.0 * rng.normal(size=(60, 1, 2)) * rng.normal(size=(60, 5, 2)), variance=0.7)
    frame = frame_of(shapes, SIDE, 0.55)
    modes = np.linalg.qr(np.array([tabulated(function) for function in FUNCTIONS[1:]]).T)[0].T
    mean = tabulated(FUNCTIONS[0])
    return AppearanceModel(
        frame, *shape_basis(shapes, frame), mean.astype(np.float32), modes.astype(np.float32), 0.01, PATCH
    )


def made(shape, weights):
    """Features (S, S, 2) of an image that the model explains exactly: each pixel belongs to the nearest landmark."""
    y, x = np.mgrid[:SIDE, :SIDE].astype(float)
    owner = np.hypot(x[..., None] - shape[:, 0], y[..., None] - shape[:, 1]).argmin(-1)
    image = np.empty((SIDE, SIDE, 2))
    for p in range(len(shape)):
        here = owner == p
        place = p, x[here] - shape[p, 0], y[here] - shape[p, 1]
        image[here] = FUNCTIONS[0](*place) + sum(w * f(*place) for w, f in zip(weights, FUNCTIONS[1:], strict=True))
    return image.astype(np.float32)


def disturbed(model, seed):
    """A shape of the model, another one about 2 px from it, and the picture of the first."""
    rng = np.random.default_rng([9, seed])
    size = np.minimum(model.deviations, 2.0)
    truth = rng.normal(size=len(size)) * size
    start = truth + rng.normal(size=len(size)) * size
    return model.shape(truth), model.shape(start), made(model.shape(truth), rng.normal(0, 0.4, MODES))


def naive_fit(model, features, start, steps=40):
    """Forward, additive, with a numerical Jacobian of the projected-out error."""

    def error(parameters):
        difference = (model.appearance(features, model.shape(parameters)) - model.mean).astype(float)
        return difference - model.modes.T.astype(float) @ (model.modes.astype(float) @ difference)

    parameters = model.parameters(start)
    for _ in range(steps):
        columns = [(error(parameters + h) - error(parameters - h)) / 0.5 for h in 0.25 * np.eye(len(parameters))]
        parameters = parameters - np.linalg.lstsq(np.array(columns).T, error(parameters), rcond=None)[0]
    return model.shape(parameters)


def distance(one, other):
    return np.linalg.norm(one - other, axis=-1).mean()


@pytest.mark.parametrize("seed", range(5))
def test_image_made_by_the_model_is_fitted_back_as_by_the_naive_twin(model, seed):
    truth, start, features = disturbed(model, seed)
    fitted = fit_shape(model, features, start, steps=30, prior=0.0)
    assert distance(start, truth) > 1.0
    assert distance(fitted, truth) < 0.05
    assert distance(fitted, naive_fit(model, features, start)) < 0.05


def test_step_is_that_of_shape_and_appearance_together(model):
    """The projected equations against the full ones, in which the appearance is not eliminated."""
    _, start, features = disturbed(model, 1)
    error = model.appearance(features, start) - model.mean
    normal, right = step_equations(model, error)
    weights = model.modes @ error
    jacobian = template_jacobian(model, model.mean + weights @ model.modes)
    both = np.hstack([jacobian, model.modes.T]).astype(float)
    full = np.linalg.lstsq(both, error - weights @ model.modes, rcond=None)[0]
    np.testing.assert_allclose(np.linalg.solve(normal, right), full[: len(right)], atol=1e-4)


def test_jacobian_is_what_a_shift_by_a_pixel_does(model):
    """Central differences of the template are those of the image when a landmark goes a pixel either way."""
    shape = np.round(model.frame.reference)
    features = made(shape, np.zeros(MODES))
    template = model.appearance(features, shape)
    patches = template_jacobian(model, template).reshape(len(shape), PATCH, PATCH, 2, -1)[:, 1:-1, 1:-1]
    for m in range(len(model.shapes)):
        moves = model.shapes[m].reshape(-1, 2)
        expected = 0.0
        for axis in (0, 1):
            step = np.eye(2)[axis]
            change = (model.appearance(features, shape + step) - model.appearance(features, shape - step)) / 2
            change = change.reshape(len(shape), PATCH, PATCH, 2)[:, 1:-1, 1:-1]
            expected = expected + change * moves[:, axis, None, None, None]
        np.testing.assert_allclose(patches[..., m], expected, atol=1e-4)


def test_prior_holds_the_shape_where_the_image_says_nothing(model):
    _, start, _ = disturbed(model, 2)
    flat = np.zeros((SIDE, SIDE, 2), np.float32)
    free = fit_shape(model, flat, start, steps=1, prior=0.0)
    held = fit_shape(model, flat, start, steps=1, prior=1e8)
    modes = slice(4, None)
    assert np.abs(model.parameters(held)).max() < 0.1
    assert np.abs(model.parameters(free)[modes]).max() > 0.1
    limit = 3.0 * model.deviations[modes] + 1e-9
    wild = model.shape(np.concatenate([np.zeros(4), 9 * model.deviations[modes]]))
    assert (np.abs(model.parameters(fit_shape(model, flat, wild, steps=5, prior=0.0))[modes]) <= limit).all()


def test_shape_basis_is_orthonormal_and_spans_the_similarities(model):
    np.testing.assert_allclose(model.shapes @ model.shapes.T, np.eye(len(model.shapes)), atol=1e-12)
    middle = model.frame.reference - model.frame.reference.mean(0)
    turned = 1.1 * middle @ np.array([[np.cos(0.2), np.sin(0.2)], [-np.sin(0.2), np.cos(0.2)]]) + [3.0, -2.0]
    shape = turned + model.frame.reference.mean(0)
    np.testing.assert_allclose(model.shape(model.parameters(shape)), shape, atol=1e-9)
    larger = model.frame.reference.mean(0) + 1.15 * middle
    assert np.abs(model.parameters(larger) / model.deviations)[:4].max() == pytest.approx(1.0)
    aside = model.frame.reference + np.array([0.1 * np.ptp(middle, axis=0).max(), 0.0])
    assert np.abs(model.parameters(aside) / model.deviations)[:4].max() == pytest.approx(1.0)


def test_patches_are_sampled_bilinearly():
    rng = np.random.default_rng(0)
    plane = np.stack([np.add.outer(2.0 * np.arange(20), 3.0 * np.arange(24))] * 2, -1).astype(np.float32)
    points = rng.uniform(6, 12, (4, 2))
    patches = sample_patches(plane, points, 5)
    grid = np.arange(5) - 2.0
    for point, patch in zip(points, patches, strict=True):
        expected = np.add.outer(2.0 * (point[1] + grid), 3.0 * (point[0] + grid))
        np.testing.assert_allclose(patch[..., 0], expected, rtol=1e-5)
    outside = sample_patches(plane, np.array([[-50.0, -50.0], [90.0, 90.0]]), 3)
    assert (outside[0] == plane[0, 0]).all()
    np.testing.assert_allclose(outside[1], np.broadcast_to(plane[-1, -1], (3, 3, 2)))


def test_features_do_not_depend_on_light_and_contrast():
    image = np.random.default_rng(1).integers(0, 120, (30, 30, 3)).astype(np.uint8)
    np.testing.assert_allclose(edge_structure(2 * image + 10), edge_structure(image), atol=0.02)
    assert np.abs(edge_structure(image)).max() <= 1.0
    assert np.abs(edge_structure(np.full((30, 30, 3), 9, np.uint8))).max() < 0.01


def toy(index):
    """A bright square with a dark cross, on noise; landmarks at its corners and middle."""
    rng = np.random.default_rng([11, index])
    image = rng.integers(0, 50, (64, 64, 3)).astype(np.uint8)
    size, x, y = rng.integers(24, 32), *rng.integers(8, 20, 2)
    image[y : y + size, x : x + size] = rng.integers(150, 250)
    half = size // 2
    image[y + half - 1 : y + half + 2, x + 3 : x + size - 3] = 60
    image[y + 3 : y + size - 3, x + half - 1 : x + half + 2] = 60
    corners = np.array([[0, 0], [1, 0], [0, 1], [1, 1]]) * (size - 1) + [x, y]
    points = np.vstack([corners, [[x + half, y + half]]]).astype(float)
    return Sample(f"toy-{index}", {"image": image}, {"points": points}, f"group-{index}")


def test_appearance_modes_are_principal_components():
    samples = [toy(index) for index in range(12)]
    shapes = fit_shape_model(np.array([sample.target["points"] for sample in samples]))
    frame = frame_of(shapes, 36, 0.6)
    pairs = [(sample.inputs["image"], sample.target["points"]) for sample in samples]
    trained = train_appearance(pairs, shapes, frame, patch=5, most=4, variance=1.0)
    rows = []
    for image, points in pairs:
        crop, inside = frame.crop(image, points)
        rows.append(sample_patches(edge_structure(crop.image), inside, 5).ravel())
    data = np.array(rows, float) - np.mean(rows, axis=0)
    _, singular, modes = np.linalg.svd(data, full_matrices=False)
    np.testing.assert_allclose(np.abs(np.sum(trained.modes * modes[:4], axis=1)), 1.0, atol=1e-3)
    assert trained.noise == pytest.approx((singular[4:] ** 2).sum() / data.size, rel=1e-3)
    with pytest.raises(InputError, match="two samples"):
        train_appearance(pairs[:1], shapes, frame, patch=5, most=4, variance=1.0)


@pytest.fixture(scope="module")
def trained():
    samples = [toy(index) for index in range(40)]
    return method.train(samples, fit_shape_model(np.array([sample.target["points"] for sample in samples])), "smoke")


def test_toy_world_is_fitted(trained):
    rng = np.random.default_rng(2)
    before, after = [], []
    for index in range(100, 115):
        image, truth = toy(index).inputs["image"], toy(index).target["points"]
        start = (truth - truth.mean(0)) * rng.uniform(0.9, 1.1) + truth.mean(0) + rng.normal(0, 2, 2)
        before.append(distance(start, truth))
        after.append(distance(trained.fit(image, start), truth))
    assert np.mean(after) < 0.4 * np.mean(before)


def test_fit_moves_with_the_image(trained):
    sample = toy(200)
    image, truth = sample.inputs["image"], sample.target["points"]
    fitted = trained.fit(image, truth + 1.5)
    large = trained.fit(np.kron(image, np.ones((2, 2, 1), np.uint8)), 2 * (truth + 1.5) + 0.5)
    np.testing.assert_allclose((large - 0.5) / 2, fitted, atol=0.35)


def test_nothing_found_stays_nothing_found(trained):
    start = np.full((5, 2), np.nan)
    assert np.isnan(trained.fit(toy(0).inputs["image"], start)).all()


def test_arrays_make_the_same_model(trained):
    again = method.from_arrays(trained.arrays(), trained.shapes)
    sample = toy(3)
    start = sample.target["points"] + 1.0
    np.testing.assert_array_equal(again.fit(sample.inputs["image"], start), trained.fit(sample.inputs["image"], start))
    with pytest.raises(InputError, match="budget"):
        method.train([sample], trained.shapes, "no such budget")


def test_frame_is_the_reference():
    frame = Frame(SIDE, REFERENCE)
    _, inside = frame.crop(np.zeros((90, 70, 3), np.uint8), REFERENCE * 1.3 + 4.0)
    np.testing.assert_allclose(inside, REFERENCE, atol=1e-9)
