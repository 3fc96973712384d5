"""What a piped in Python needs of the spanpass wire format: keys, credentials, key files, enrollment and renewal."""

import base64
import hashlib
import ipaddress
import json
import os
import re
import secrets
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import jwt
import requests
from cryptography.hazmat.primitives.asymmetric import ec

PURPOSES = {  # typ, life in seconds, longest life
    "gateway": ("piped+jwt", 300, 900),
    "renewal": ("piped-renew+jwt", 60, 60),
    "tokenExchange": ("client-authentication+jwt", 60, 60),
}
POSSESSION_TYP = "piped-possession+jwt"
POSSESSION_AUDIENCE = "spanpass-control-plane"
POSSESSION_LIFE_S = 60

# The members of a key that RFC 7638 hashes, and those of its private half.
RSA_MEMBERS = ({"e", "kty", "n"}, {"d", "p", "q", "dp", "dq", "qi"})
MEMBERS = {
    "ES256": ({"crv", "kty", "x", "y"}, {"d"}),
    "EdDSA": ({"crv", "kty", "x"}, {"d"}),
    "RS256": RSA_MEMBERS,
    "PS256": RSA_MEMBERS,
}
KTY = {"ES256": "EC", "EdDSA": "OKP", "RS256": "RSA", "PS256": "RSA"}

ID = re.compile(r"(?!\.{1,2}\Z)[A-Za-z0-9._-]{1,64}")
KEY_FILE_MEMBERS = {"v", "kid", "alg", "project", "piped", "audience", "controlPlane", "notAfter", "privateJwk"}
PENDING_MEMBERS = {"v", "status", "kid", "alg", "privateJwk"}
LONGEST_FILE = 64 * 1024
LONGEST_ANSWER = 64 * 1024
TIMEOUT_S = 10


class Refused(Exception):
    """One of the specification's codes: of a credential, a key file, or a control plane."""

    def __init__(self, code):
        super().__init__(code)
        self.code = code


def digest(data):
    """What `bound_to`, `body_hash` and thumbprints are: SHA-256, base64url."""
    data = data.encode() if isinstance(data, str) else data
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


def public_half(alg, jwk):
    return {member: jwk[member] for member in sorted(MEMBERS[alg][0])}


def thumbprint(alg, jwk):
    """The kid of a key (RFC 7638)."""
    return digest(json.dumps(public_half(alg, jwk), separators=(",", ":")))


@dataclass(frozen=True)
class Key:
    """A key pair that can sign."""

    alg: str
    jwk: dict

    @classmethod
    def generate(cls):
        """A new ES256 key."""
        jwk = jwt.algorithms.ECAlgorithm.to_jwk(ec.generate_private_key(ec.SECP256R1()), as_dict=True)
        return cls("ES256", {name: jwk[name] for name in ("kty", "crv", "x", "y", "d")})

    @classmethod
    def parse(cls, alg, jwk):
        if alg not in MEMBERS or not isinstance(jwk, dict) or set(jwk) != set.union(*MEMBERS[alg]):
            raise Refused("invalid_format")
        try:
            key = jwt.PyJWK(jwk, algorithm=alg).key
            public = jwt.PyJWK(public_half(alg, jwk), algorithm=alg).key
            if jwk["kty"] != KTY[alg] or key.public_key() != public:
                raise Refused("invalid_format")
        except (jwt.PyJWTError, ValueError, TypeError) as error:
            raise Refused("invalid_format") from error
        return cls(alg, jwk)

    @property
    def kid(self):
        return thumbprint(self.alg, self.jwk)

    @property
    def public(self):
        return public_half(self.alg, self.jwk)

    def credential(self, owner, purpose, audience, *, body_hash=None, life_s=None):
        """Signs a credential. `owner` has a `project` and a `piped`; `body_hash` is for renewals only."""
        typ, usual_life_s, _ = PURPOSES[purpose]
        claims = {"iss": owner["piped"], "sub": owner["piped"], "aud": audience, "project": owner["project"]}
        if body_hash is not None:
            claims["body_hash"] = body_hash
        return self._sign(typ, claims, life_s or usual_life_s)

    def proof(self, bound_to):
        """Shows that this key is held by whoever asks for it to be accepted. Bound to an enrollment token, or to the kid
        of the key that is renewed."""
        claims = {"aud": POSSESSION_AUDIENCE, "bound_to": digest(bound_to)}
        return self._sign(POSSESSION_TYP, claims, POSSESSION_LIFE_S)

    def _sign(self, typ, claims, life_s):
        now = int(time.time())
        claims |= {"iat": now, "exp": now + life_s, "jti": secrets.token_urlsafe(16)}
        key = jwt.PyJWK(self.jwk, algorithm=self.alg).key
        return jwt.encode(claims, key, algorithm=self.alg, headers={"kid": self.kid, "typ": typ})


def parse_key_file(content):
    """The key of a key file's content, which is checked."""
    _check_members(content, KEY_FILE_MEMBERS, optional={"issuedAt"})
    plane = urlsplit(content["controlPlane"])
    well_formed = (
        all(isinstance(content[name], str) and ID.fullmatch(content[name]) for name in ("project", "piped"))
        and plane.scheme in ("http", "https")
        and plane.netloc
        and 0 < len(content["audience"]) <= 256
        and all(isinstance(content.get(name, 0), int) for name in ("notAfter", "issuedAt"))
    )
    key = Key.parse(content["alg"], content["privateJwk"])
    if not well_formed or key.kid != content["kid"]:
        raise Refused("invalid_format")
    return key


def parse_pending(content):
    """The key of a pending key file's content, which is checked."""
    _check_members(content, PENDING_MEMBERS)
    key = Key.parse(content["alg"], content["privateJwk"])
    if content["status"] != "pending" or key.kid != content["kid"]:
        raise Refused("invalid_format")
    return key


def key_file_of(key, record, audience, control_plane):
    """A key file, from a key and what a control plane answered."""
    if (record["kid"], record["alg"]) != (key.kid, key.alg):
        raise Refused("control_plane_answer_invalid")
    return {
        "v": 1,
        **{name: record[name] for name in ("kid", "alg", "project", "piped")},
        "audience": audience,
        "controlPlane": control_plane,
        "notAfter": record["notAfter"],
        "issuedAt": record["notBefore"],
        "privateJwk": key.jwk,
    }


def enroll(control_plane, token, path):
    """Has a new key accepted with a one-time token. The key lies on disk before anybody hears of it, so after a lost
    answer or a crash the same call again goes on from there."""
    path = Path(path)
    if path.exists():
        raise FileExistsError(f"{path} is there already: move it away to enroll another key")
    key = _pending_key(path)
    body = {"enrollmentToken": token, "publicJwk": key.public, "alg": key.alg, "proof": key.proof(token)}
    answer = _post(f"{control_plane}/v1/enroll", body)
    file = key_file_of(key, answer["record"], answer["gatewayAudience"], answer["controlPlane"])
    _write_private(path, file, replace=False)
    _pending_path(path).unlink()
    return file


def renew(path):
    """Replaces the key of a key file. The current key signs for the body of the request, the new one a proof."""
    path = Path(path)
    file, current = read_key_file(path)
    key = _pending_key(path)
    if key.kid != current.kid:  # else an earlier call got as far as replacing the key file
        try:
            answer = _renew_as(current, file, key)
        except Refused as refused:
            if refused.code != "renewal_credential_invalid":
                raise
            # The answer to an earlier call was lost, and the current key has ended since: the new one asks for itself.
            answer = _renew_as(key, file, key)
        file = key_file_of(key, answer["record"], file["audience"], file["controlPlane"])
        _write_private(path, file, replace=True)
    _pending_path(path).unlink(missing_ok=True)
    return file


def _renew_as(signer, file, key):
    url = f"{file['controlPlane']}/v1/renew"
    body = {"publicJwk": key.public, "alg": key.alg, "proof": key.proof(signer.kid)}
    return _post(url, body, lambda data: signer.credential(file, "renewal", url, body_hash=digest(data)))


def read_key_file(path):
    """A key file that nobody but its owner can read: its content, and its key."""
    content = _read_private(Path(path))
    return content, parse_key_file(content)


class Pass(requests.auth.AuthBase):
    """Attaches a credential to each request of a session. It is signed anew when a third of its life remains, or when
    the key file was replaced. There is no timer, so a suspended machine can't leave an old one in use."""

    def __init__(self, path, life_s=300):
        self._path = Path(path)
        self._life_s = life_s
        self._token = None
        self._refresh_at = 0.0
        self._version = None

    def __call__(self, request):
        _confidential(request.url)
        request.headers["authorization"] = f"Bearer {self.credential()}"
        return request

    def credential(self):
        now = time.time()
        version = self._path.stat().st_mtime_ns
        if self._token is None or now >= self._refresh_at or version != self._version:
            file, key = read_key_file(self._path)
            self._token = key.credential(file, "gateway", file["audience"], life_s=self._life_s)
            self._refresh_at = now + self._life_s * 2 / 3
            self._version = version
        return self._token


def _check_members(content, members, optional=frozenset()):
    if not isinstance(content, dict):
        raise Refused("invalid_format")
    if content.get("v") != 1:
        raise Refused("unknown_version")
    if not members <= set(content) <= members | optional:
        raise Refused("invalid_format")


def _pending_path(path):
    return path.with_name(f"{path.name}.pending")


def _pending_key(path):
    """The key that waits beside a key file, or a new one that is written down before anybody hears of it."""
    pending = _pending_path(path)
    if pending.exists():
        return parse_pending(_read_private(pending))
    key = Key.generate()
    content = {"v": 1, "status": "pending", "kid": key.kid, "alg": key.alg, "privateJwk": key.jwk}
    _write_private(pending, content, replace=False)
    return key


def _read_private(path):
    with path.open("rb") as file:
        if os.fstat(file.fileno()).st_mode & 0o077:
            raise PermissionError(f"{path} can be read by others than its owner: chmod 600 {path}")
        return json.loads(file.read(LONGEST_FILE))


def _write_private(path, content, *, replace):
    """Leaves the old content, or the whole new one, wherever it is cut off."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent)  # of mode 0600
    try:
        with os.fdopen(descriptor, "w") as file:
            json.dump(content, file, indent=2)
            file.flush()
            os.fsync(file.fileno())
        if replace:
            os.replace(temporary, path)
        else:
            os.link(temporary, path)  # fails where there is something already
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)  # a rename is on disk only when its folder is
        finally:
            os.close(folder)
    finally:
        Path(temporary).unlink(missing_ok=True)


def _post(url, body, authorize=None):
    _confidential(url)
    data = json.dumps(body).encode()
    headers = {"content-type": "application/json"}
    if authorize is not None:
        headers["authorization"] = f"Bearer {authorize(data)}"
    with requests.post(
        url, data=data, headers=headers, timeout=TIMEOUT_S, allow_redirects=False, stream=True
    ) as response:
        content = response.raw.read(LONGEST_ANSWER, decode_content=True)
    answer = json.loads(content)
    if response.status_code not in (200, 201):
        raise Refused(answer.get("code", "unknown"))
    return answer


def _confidential(url):
    """Nothing secret goes over plaintext beyond this machine."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    try:
        loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if parts.scheme != "https" and not loopback:
        raise Refused("plaintext_refused")
