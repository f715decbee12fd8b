"""Where a request comes from: a network, never an address; and a country, from who may say so."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from aiohttp import hdrs, web

from exporter.privacy import truncate_address

_WITH_PORT: Final = re.compile(r"\[([^\]]+)\](?::\d+)?|([\d.]+):\d+", re.ASCII)
"""How some proxies write an address; of one of IPv6 without brackets nobody knows a port."""


class Addresses:
    """Trusts the headers of the configured proxies, and of nobody else."""

    def __init__(self, proxies: Sequence[str], country_header: str) -> None:
        self._proxies = tuple(ipaddress.ip_network(proxy) for proxy in proxies)
        self._country_header = country_header
        self._is_proxy = lru_cache(4096)(self._find)

    def _find(self, address: str) -> bool:
        try:
            parsed = ipaddress.ip_address(address.strip())
        except ValueError:
            return False
        return any(parsed in proxy for proxy in self._proxies)

    def network(self, request: web.BaseRequest) -> str:
        """The truncated address of the client: the last one that is not one of our proxies."""
        peer = request.remote or ""
        if self._proxies and self._is_proxy(peer):
            said = ",".join(request.headers.getall(hdrs.X_FORWARDED_FOR, ()))
            for address in reversed(said.split(",") if said else ()):
                peer = _bare(address.strip())
                if not self._is_proxy(peer):
                    break
        return truncate_address(peer)

    def country(self, request: web.BaseRequest) -> str | None:
        """The country that a trusted proxy names, or None."""
        if not self._country_header or not self._is_proxy(request.remote or ""):
            return None
        return request.headers.get(self._country_header)


def _bare(address: str) -> str:
    """Without its port and brackets, if it has any."""
    found = _WITH_PORT.fullmatch(address)
    return found[1] or found[2] if found else address
