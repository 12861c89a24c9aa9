"""Runs the notebook against a demo of its own: TACITA names the binary, target/debug/tacita if it is not set."""

import os
import pathlib
import re
import subprocess
import sys

import grpc

import brand_report

TACITA = os.environ.get("TACITA", str(pathlib.Path(__file__).resolve().parents[2] / "target/debug/tacita"))


def demo():
    """A demo that stays, its collector's address and the brand's key."""
    process = subprocess.Popen([TACITA, "demo", "--sessions", "3000", "--serve"], stdout=subprocess.PIPE, text=True)
    for line in process.stdout:
        if found := re.search(r"tacita report --collector http://(\S+) --key (\S+) acme/spring", line):
            return process, found[1], found[2]
    sys.exit("the demo ended before it served")


def check(collector: str, key: str):
    brand = brand_report.Brand(collector, key)
    (campaign,) = brand.campaigns()
    assert campaign.name == "acme/spring", campaign
    channels = brand_report.by_channel(brand, campaign.name)
    assert {"search", "inferred"} <= {channel for channel, *_ in channels}, channels
    assert all(low < value < high for _, value, low, high in channels), channels
    measures, rows, _ = brand.query(campaign=campaign.name, measures=["arrivals"], group_by=["*"])
    total = sum(row.estimate.value for row in rows) + measures[0].none.value
    assert abs(total - measures[0].reports) < 1e-6 and measures[0].reports == 3000, (total, measures)
    share = brand_report.dark_share(brand, campaign.name)
    assert share is not None and share[1] < share[0] < share[2], share
    assert next(brand.follow(campaign=campaign.name)).measures[0].reports > 0
    try:
        brand.query(campaign="rival/summer")
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.NOT_FOUND and "ListCampaigns" in error.details(), error
    else:
        raise AssertionError("another brand's campaign does not exist for this one")


if __name__ == "__main__":
    process, collector, key = demo()
    try:
        check(collector, key)
    finally:
        process.terminate()
        process.wait(timeout=60)
    print("the notebook finds what it should")
