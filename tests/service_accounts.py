"""Key files of service accounts as Google gives them out, with a key made for these tests."""

import json
from functools import cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

EMAIL = "gateway@my-project.iam.gserviceaccount.com"


@cache
def private_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@cache
def pem() -> str:
    return (
        private_key()
        .private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        .decode("ascii")
    )


def key_file(**over: Any) -> str:
    """The file as it is downloaded, on several lines; a value of None is left out."""
    info = {
        "type": "service_account",
        "project_id": "my-project",
        "private_key_id": "4711",
        "private_key": pem(),
        "client_email": EMAIL,
        "client_id": "100",
        "auth_uri": "https://accounts.google.com/o/oauth2/auth",
        "token_uri": "https://oauth2.googleapis.com/token",
        "universe_domain": "googleapis.com",
        **over,
    }
    return json.dumps({name: it for name, it in info.items() if it is not None}, indent=2) + "\n"
