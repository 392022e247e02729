"""`X-Plivo-Signature-V3` of a callback, as Plivo's SDKs check it.

Source: plivo-agentstack-python `utils.py` and its Node counterpart. They write parameters differently: Python a blank as `+`, and `!'()*`
escaped; Node `%20`, and those as they are. Where that makes a difference both signatures are given, with a comma between them.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Mapping
from urllib.parse import parse_qs, quote, quote_plus, urlencode, urlsplit, urlunsplit

NODE_SAFE = "!'()*"


def signature(auth_token: str, method: str, url: str, nonce: str, parameters: Mapping[str, str | int]) -> str:
    """The header's value.

    Parameters
    ----------
    auth_token : str
        The account's.
    method : {"POST", "GET"}
    url : str
        As it is called; of a GET its query is signed with the parameters.
    nonce : str
        Of `X-Plivo-Signature-V3-Nonce`.
    parameters : mapping
        The top level of the body, or what was added to the query.
    """
    found: list[str] = []
    for text in _texts(method, url, parameters):
        digest = hmac.new(auth_token.encode(), f"{text}.{nonce}".encode(), "sha256").digest()
        one = base64.b64encode(digest).decode()
        if one not in found:
            found.append(one)
    return ",".join(found)  # without a blank: Python's SDK does not strip it


def _texts(method: str, url: str, parameters: Mapping[str, str | int]) -> list[str]:
    if method == "GET":
        parts = urlsplit(url)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        pairs = sorted({**query, **{name: str(value) for name, value in parameters.items()}}.items())
        plain, joint = urlunsplit((parts.scheme, parts.netloc, parts.path, "", "")), "?"
    else:
        pairs = sorted((name, str(value)) for name, value in parameters.items())
        plain, joint = url, "."
    if not pairs:
        return [plain]
    python = urlencode(pairs, quote_via=quote_plus)
    node = urlencode(pairs, quote_via=quote, safe=NODE_SAFE)
    return [f"{plain}{joint}{python}", f"{plain}{joint}{node}"]
