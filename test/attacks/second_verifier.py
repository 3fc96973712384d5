"""Judges credentials with PyJWT, configured with the rules that it has options for.

In, one JSON value: {"audience": ..., "leewaySeconds": ..., "records": {kid: {"alg", "publicJwk", "piped"}},
"tokens": [...]}. Out: a list as long as the tokens, each "accepted" or the name of what refused it.
"""

import json
import sys

import jwt

REQUIRED = ["iss", "sub", "aud", "project", "iat", "exp", "jti"]


def judge(question, token):
    kid = jwt.get_unverified_header(token).get("kid")
    record = question["records"].get(kid) if isinstance(kid, str) else None
    if record is None:
        return "UnknownKey"
    jwt.decode(
        token,
        jwt.PyJWK(record["publicJwk"], algorithm=record["alg"]),
        algorithms=[record["alg"]],
        audience=question["audience"],
        issuer=record["piped"],
        subject=record["piped"],
        leeway=question["leewaySeconds"],
        options={"require": REQUIRED},
    )
    return "accepted"


def verdict(question, token):
    try:
        return judge(question, token)
    except Exception as error:  # whatever it is, it lets nobody in
        return type(error).__name__


question = json.load(sys.stdin)
json.dump([verdict(question, token) for token in question["tokens"]], sys.stdout)
