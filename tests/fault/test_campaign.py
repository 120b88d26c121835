"""20,000 calls under kills in CI; 10^6 by hand (`python -m tests.fault.campaign --calls 1000000`)."""

import pytest

from tests.fault.campaign import Campaign


@pytest.mark.timeout(300)
@pytest.mark.parametrize("architecture", ["mach", "l4", "hybrid"])
def test_calls_under_kills_end_in_an_answer_or_a_typed_status(architecture, tmp_path):
    campaign = Campaign(calls=20_000, clients=4, every=0.05, seed=7, architecture=architecture).run(tmp_path)
    assert campaign.violations == []
    assert sum(campaign.kills.values()) > 20, campaign.report()
    assert campaign.found["answer"] > 19_000, campaign.report()
    assert campaign.state["counter"]["incarnation"] > 10
