"""How a campaign was shared in private: a brand's notebook, cell by cell."""

# %% What this needs: grpcio, and the service as proto/ describes it. Nothing is generated beforehand.
import argparse
import pathlib
import sys

import grpc

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "proto"))
messages, services = grpc.protos_and_services("tacita/v1/reporting.proto")


# %% A brand is its API key.
class Brand:
    """Asks ReportingService as the holder of a key."""

    def __init__(self, collector: str, key: str):
        self._channel = grpc.insecure_channel(collector)
        self._reporting = services.ReportingServiceStub(self._channel)
        self._metadata = [("authorization", f"Bearer {key}")]

    def campaigns(self):
        """The campaigns that the key may query."""
        request = messages.ListCampaignsRequest()
        return self._reporting.ListCampaigns(request, metadata=self._metadata, timeout=30).campaigns

    def query(self, **query):
        """All pages of one query: its measures, rows and ratios."""
        token, measures, rows, ratios = "", [], [], []
        while True:
            request = messages.QueryRequest(query=messages.Query(**query), page_token=token)
            page = self._reporting.Query(request, metadata=self._metadata, timeout=30)
            measures, token = list(page.measures), page.next_page_token
            rows.extend(page.rows)
            ratios.extend(page.ratios)
            if not token:
                return measures, rows, ratios

    def follow(self, **query):
        """The query's answer now, and again whenever something was counted."""
        request = messages.WatchQueryRequest(query=messages.Query(**query), min_seconds=1)
        for answer in self._reporting.WatchQuery(request, metadata=self._metadata):
            yield answer.answer


# %% Which apps did arrivals come from, and how sure are we?
def by_channel(brand: Brand, campaign: str, measure: str = "arrivals"):
    """(channel, estimate, low, high) of the channels that can be told from zero, largest first."""
    _, rows, _ = brand.query(campaign=campaign, measures=[measure], group_by=["channel"])
    told = [row for row in rows if row.estimate.above_zero]
    told.sort(key=lambda row: -row.estimate.value)
    return [(row.labels[0], row.estimate.value, row.estimate.low, row.estimate.high) for row in told]


# %% How much of the sharing was private? A ratio of one histogram: its interval knows that the two are correlated.
def dark_share(brand: Brand, campaign: str):
    """(ratio, low, high), or None where it cannot be estimated yet."""
    kind = messages.RATIO_KIND_DARK_SHARE
    _, _, ratios = brand.query(campaign=campaign, ratios=[messages.RatioRequest(kind=kind)])
    found = ratios[0].estimate
    return (found.value, found.low, found.high) if found.HasField("value") else None


# %% All of it.
def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--collector", default="127.0.0.1:7601", help="HOST:PORT")
    parser.add_argument("--key", required=True, help="the brand's API key")
    parser.add_argument("campaign", nargs="?", help="BRAND/CAMPAIGN")
    args = parser.parse_args()
    brand = Brand(args.collector, args.key)
    if not args.campaign:
        for campaign in brand.campaigns():
            print(campaign.name, ", ".join(measure.name for measure in campaign.measures), sep=": ")
        return
    for channel, value, low, high in by_channel(brand, args.campaign):
        print(f"{channel:<18} {value:>8.0f}   {low:>8.0f} … {high:.0f}")
    share = dark_share(brand, args.campaign)
    print("private share of sharing: " + ("not estimable yet" if share is None else "{:.1%} ({:.1%} … {:.1%})".format(*share)))


if __name__ == "__main__":
    try:
        main()
    except grpc.RpcError as error:
        sys.exit(f"error: {error.details()}")
