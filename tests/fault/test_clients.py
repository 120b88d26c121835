"""A few clients killed in mid-call in CI; 1,000 by hand (`python -m tests.fault.clients --kills 1000 --as l4`)."""

import pytest

from tests.fault.clients import ARCHITECTURES, Killing


@pytest.mark.timeout(300)
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_clients_killed_in_mid_call_leave_nothing(architecture):
    Killing(architecture, 60, seed=3).run()
