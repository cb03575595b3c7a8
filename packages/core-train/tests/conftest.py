"""Fixtures shared by the tests of core-train."""

import contextlib
import resource

import pytest


@pytest.fixture
def full_disk():
    """A context in which no file can grow beyond a number of bytes: writing fails as on a full disk."""

    @contextlib.contextmanager
    def limited(size):
        old = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, old[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, old)

    return limited
