"""Where a request comes from, and whom that is believed."""

import pytest
from aiohttp.test_utils import make_mocked_request
from multidict import CIMultiDict

from exporter.addresses import Addresses
from tests.apps import Start
from tests.beacons import UPLOAD_PERFORMANCE

PROXIES = ("10.0.0.0/8", "2001:db8:aaaa::/48")


def asked(
    peer: str, *said: str, country: str | None = None, believe: str = "X-Country"
) -> tuple[str, str | None]:
    """Network and country of a request from `peer`, of which proxies said more."""
    headers = CIMultiDict([("X-Forwarded-For", each) for each in said])
    if country is not None:
        headers["X-Country"] = country
    request = make_mocked_request("POST", "/", headers)
    request = request.clone(remote=peer)
    addresses = Addresses(PROXIES, believe)
    return addresses.network(request), addresses.country(request)


@pytest.mark.parametrize(
    ("peer", "said", "network"),
    [
        ("203.0.113.77", (), "203.0.113.0"),
        ("203.0.113.77", ("198.51.100.1",), "203.0.113.0"),
        ("10.1.1.1", ("198.51.100.77",), "198.51.100.0"),
        ("10.1.1.1", (), "10.1.1.0"),
        ("10.1.1.1", ("192.0.2.1, 198.51.100.77",), "198.51.100.0"),
        ("10.1.1.1", ("192.0.2.1", "198.51.100.77"), "198.51.100.0"),
        ("10.1.1.1", ("198.51.100.77, 10.2.2.2",), "198.51.100.0"),
        ("10.1.1.1", ("198.51.100.77, 10.2.2.2", "10.3.3.3"), "198.51.100.0"),
        ("10.1.1.1", ("10.2.2.2",), "10.2.2.0"),
        ("10.1.1.1", ("nonsense",), "unknown"),
        ("10.1.1.1", ("198.51.100.77, nonsense",), "unknown"),
        ("10.1.1.1", ("",), "10.1.1.0"),
        ("2001:db8:aaaa::5", ("2001:db8:bbbb:1::9",), "2001:db8:bbbb::"),
        ("10.1.1.1", ("203.0.113.7:51234",), "203.0.113.0"),
        ("10.1.1.1", ("[2001:db8:bbbb::1]:443",), "2001:db8:bbbb::"),
        ("10.1.1.1", ("[2001:db8:bbbb::1]",), "2001:db8:bbbb::"),
        ("10.1.1.1", ("203.0.113.7:51234, 10.2.2.2:80",), "203.0.113.0"),
        ("10.1.1.1", ("203.0.113.7:1, [2001:db8:aaaa::9]:80",), "203.0.113.0"),
        ("10.1.1.1", ("203.0.113.7:x",), "unknown"),
        ("10.1.1.1", ("[nonsense]:80",), "unknown"),
        ("", (), "unknown"),
    ],
)
def test_the_sender_is_the_last_that_is_not_one_of_our_proxies(
    peer: str, said: tuple[str, ...], network: str
) -> None:
    assert asked(peer, *said)[0] == network


def test_only_a_proxy_names_the_country() -> None:
    assert asked("10.1.1.1", country="DE")[1] == "DE"
    assert asked("203.0.113.77", country="DE")[1] is None
    assert asked("10.1.1.1")[1] is None
    assert asked("10.1.1.1", country="DE", believe="")[1] is None


async def test_the_country_of_a_trusted_proxy_reaches_the_numbers(start: Start) -> None:
    app = await start(receiver={"proxies": ("127.0.0.0/8",), "country_header": "X-Country"})
    report = {"throughput": 500_000, "networkInfo": {"downlink": 10}}
    await app.post(UPLOAD_PERFORMANCE, report, headers={"X-Country": "BR"})
    series = await app.scrape()

    name = "video_upload_throughput_utilisation_by_region_ratio_count"
    assert series[f'{name}{{region="south_america"}}'] == 1


async def test_the_limit_is_that_of_the_network_behind_the_proxy(start: Start) -> None:
    app = await start(
        receiver={"proxies": ("127.0.0.0/8",), "rate_per_second": 0.001, "rate_burst": 1}
    )
    senders = ["198.51.100.1", "198.51.100.200", "192.0.2.1"]
    answers = [
        await app.post(UPLOAD_PERFORMANCE, {}, headers={"X-Forwarded-For": sender})
        for sender in senders
    ]

    assert [each.status for each in answers] == [202, 429, 202]
