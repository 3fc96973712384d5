"""Says to a credential what a server would: section 4 of the specification, in its order. PyJWT looks at signatures."""

import base64
import json
import re

import jwt

from spanpass import ID, KTY, MEMBERS, POSSESSION_AUDIENCE, POSSESSION_LIFE_S, POSSESSION_TYP, PURPOSES, Refused
from spanpass import digest, thumbprint

LONGEST = 8192
SKEW_S = 60
LAST_SECOND = 253_402_300_799
COMPACT = re.compile(r"([A-Za-z0-9_-]{1,2048})\.([A-Za-z0-9_-]{1,8192})\.([A-Za-z0-9_-]{1,683})")
KID = re.compile(r"[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]")
DIGEST = re.compile(r"[A-Za-z0-9_-]{43}")
FORBIDDEN = {"jku", "jwk", "x5u", "x5c", "crit", "b64", "zip", "enc"}
KNOWN = {"alg", "kid", "typ", "x5t#S256"}
SIGNATURE_BYTES = {"EC": 64, "OKP": 64}


def verify(token, records, purpose, audience, body_hash, now):
    """Raises `Refused` unless the credential is good."""
    typ, _, longest_life_s = PURPOSES[purpose]
    header, claims, signature = _parse(token)
    if header["typ"] != typ:
        raise Refused("typ_mismatch")
    record = records.get(header["kid"])
    if record is None:
        raise Refused("key_unknown")
    _verify_signature(token, header, signature, record["alg"], record["publicJwk"])
    _check_claims(claims)
    if claims["iss"] != claims["sub"]:
        raise Refused("issuer_mismatch")
    if claims["sub"] != record["piped"]:
        raise Refused("subject_mismatch")
    if claims["project"] != record["project"]:
        raise Refused("project_mismatch")
    if _only_audience(claims) != audience:
        raise Refused("audience_mismatch")
    _check_times(claims, longest_life_s, now)
    if purpose == "renewal" and claims.get("body_hash") != body_hash:
        raise Refused("body_mismatch")
    _check_record(record, now)


def verify_proof(token, alg, public_jwk, bound_to, now):
    """Raises `Refused` unless the proof of possession is good."""
    header, claims, signature = _parse(token)
    if header["typ"] != POSSESSION_TYP:
        raise Refused("typ_mismatch")
    if header["kid"] != thumbprint(alg, public_jwk):
        raise Refused("kid_mismatch")
    _verify_signature(token, header, signature, alg, public_jwk)
    well_formed = (
        claims.get("aud") == POSSESSION_AUDIENCE
        and _is_time(claims.get("iat"))
        and _is_time(claims.get("exp"))
        and _is_text(claims.get("jti"), 128)
        and _matches(DIGEST, claims.get("bound_to"))
    )
    if not well_formed:
        raise Refused("claims_malformed")
    if claims["bound_to"] != digest(bound_to):
        raise Refused("body_mismatch")
    _check_times(claims, POSSESSION_LIFE_S, now)


def _parse(token):
    if len(token) > LONGEST:
        raise Refused("credential_too_large")
    parts = COMPACT.fullmatch(token)
    if parts is None:
        raise Refused("credential_malformed")
    header, claims, signature = map(_decode, parts.groups())
    header = _strict_object(header, "header_malformed")
    if FORBIDDEN & set(header):
        raise Refused("header_forbidden")
    if not set(header) <= KNOWN or not all(isinstance(header.get(name), str) for name in ("alg", "typ")):
        raise Refused("header_malformed")
    if not _matches(KID, header.get("kid")):
        raise Refused("kid_malformed")
    return header, _strict_object(claims, "claims_malformed"), signature


def _decode(part):
    """Two texts must never stand for the same bytes."""
    try:
        data = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except ValueError as error:
        raise Refused("credential_malformed") from error
    if base64.urlsafe_b64encode(data).rstrip(b"=").decode() != part:
        raise Refused("credential_malformed")
    return data


def _strict_object(data, code):
    """Parsers disagree on which of two equal members counts, and that disagreement is an attack."""

    def unique(pairs):
        if len(dict(pairs)) != len(pairs):
            raise ValueError("a member is named twice")
        return dict(pairs)

    def refuse(constant):
        raise ValueError(f"{constant} is no JSON")

    try:
        # Decoded here: json.loads would guess another encoding.
        value = json.loads(data.decode(), object_pairs_hook=unique, parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise Refused(code) from error
    if not isinstance(value, dict):
        raise Refused(code)
    return value


def _verify_signature(token, header, signature, alg, public_jwk):
    """The algorithm is the record's, never the token's."""
    if header["alg"] != alg:
        raise Refused("algorithm_mismatch")
    if set(public_jwk) != MEMBERS[alg][0] or public_jwk["kty"] != KTY[alg]:
        raise Refused("signature_invalid")
    if len(signature) != SIGNATURE_BYTES.get(public_jwk["kty"], len(signature)):
        raise Refused("signature_invalid")
    only_the_signature = {"verify_signature": True, **{f"verify_{name}": False for name in CLAIM_CHECKS}}
    try:
        key = jwt.PyJWK(public_jwk, algorithm=alg)
        jwt.decode(token, key, algorithms=[alg], options=only_the_signature)
    except jwt.InvalidSignatureError as error:
        raise Refused("signature_invalid") from error
    except jwt.DecodeError as error:
        # It holds, and what it holds for is no object: that was judged before.
        raise Refused("claims_malformed") from error


# Left to `_check_claims` and `_check_times`, which are stricter.
CLAIM_CHECKS = ("aud", "exp", "iat", "iss", "jti", "nbf", "sub")


def _check_claims(claims):
    well_formed = (
        all(_matches(ID, claims.get(name)) for name in ("iss", "sub", "project"))
        and all(_is_time(claims.get(name)) for name in ("iat", "exp"))
        and ("nbf" not in claims or _is_time(claims["nbf"]))
        and _is_text(_only_audience(claims), 2048)
        and _is_text(claims.get("jti"), 128)
        and ("body_hash" not in claims or _matches(DIGEST, claims["body_hash"]))
        and ("cnf" not in claims or _is_binding(claims["cnf"]))
    )
    if not well_formed:
        raise Refused("claims_malformed")


def _check_times(claims, longest_life_s, now):
    if not 0 < claims["exp"] - claims["iat"] <= longest_life_s:
        raise Refused("lifetime_invalid")
    if max(claims["iat"], claims.get("nbf", 0)) > now + SKEW_S:
        raise Refused("issued_in_future")
    if now >= claims["exp"] + SKEW_S:
        raise Refused("expired")


def _check_record(record, now):
    for failed, code in (
        (record["keyStatus"] == "revoked", "key_revoked"),
        (record["keyStatus"] != "active", "key_retired"),
        (now < record["notBefore"], "key_not_yet_valid"),
        (now >= record["notAfter"], "key_expired"),
        (record["pipedStatus"] != "active", "piped_disabled"),
        (record["projectStatus"] != "active", "project_disabled"),
    ):
        if failed:
            raise Refused(code)


def _only_audience(claims):
    """A list with one entry stands for that entry: a pass opens one door."""
    audience = claims.get("aud")
    return audience[0] if isinstance(audience, list) and len(audience) == 1 else audience


def _is_binding(value):
    return isinstance(value, dict) and set(value) == {"x5t#S256"} and _matches(DIGEST, value["x5t#S256"])


def _is_time(value):
    return type(value) is int and 0 <= value <= LAST_SECOND


def _is_text(value, longest):
    return isinstance(value, str) and 0 < len(value) <= longest


def _matches(pattern, value):
    return isinstance(value, str) and pattern.fullmatch(value) is not None
