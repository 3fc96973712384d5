"""Says what this program makes of each test vector of the specification."""

import json
from pathlib import Path

from spanpass import Refused, digest, key_file_of, parse_key_file, parse_pending, public_half, thumbprint
from verify import verify, verify_proof

ALG_OF_KTY = {"EC": "ES256", "OKP": "EdDSA", "RSA": "RS256"}


def judge_vectors(folder):
    """By file and title: `accepted`, the reason of a refusal, or a thumbprint."""

    def read(name):
        return json.loads((Path(folder) / f"{name}.json").read_text())

    found = {}
    for name in ("credentials", "hostile-credentials"):
        file = read(name)
        found[name] = {case["title"]: _judge_credential(file, case) for case in file["cases"]}
    file = read("possession")
    found["possession"] = {
        case["title"]: _said(
            verify_proof, case["token"], case["alg"], case["publicJwk"], case["boundTo"], file["now"]
        )
        for case in file["cases"]
    }
    found["key-files"] = {
        case["title"]: _said(parse_key_file if case["format"] == "key file" else parse_pending, case["content"])
        for case in read("key-files")["cases"]
    }
    found["thumbprints"] = {
        case["title"]: thumbprint(ALG_OF_KTY[case["jwk"]["kty"]], case["jwk"]) for case in read("thumbprints")["cases"]
    }
    for name in ("enrollment", "renewal"):
        found[name] = _judge_message(read(name))
    return found


def _judge_credential(file, case):
    records = {kid: record | case.get("record", {}) for kid, record in file["records"].items()}
    args = (case["token"], records, case["purpose"], case["audience"], case.get("bodyHash"), file["now"])
    return _said(verify, *args)


def _judge_message(message):
    key = parse_pending(message["pendingFile"])
    found = {"the pending key": "accepted"}
    answer = message["response"]["body"]
    before = message.get("keyFileBefore")
    if before is None:
        bound_to = message["request"]["body"]["enrollmentToken"]
        audience, control_plane = answer["gatewayAudience"], answer["controlPlane"]
    else:
        signer = parse_key_file(before)
        bound_to = signer.kid
        audience, control_plane = before["audience"], before["controlPlane"]
        record = answer["record"] | {"kid": signer.kid, "alg": signer.alg, "publicJwk": signer.public}
        body_hash = digest(message["bodyText"])
        url = message["request"]["url"]
        args = (message["credential"]["token"], {signer.kid: record}, "renewal", url, body_hash, message["now"])
        found["the credential of the current key"] = _said(verify, *args)
    proof = message["proof"]["token"]
    found["the proof"] = _said(verify_proof, proof, key.alg, public_half(key.alg, key.jwk), bound_to, message["now"])
    made = key_file_of(key, answer["record"], audience, control_plane)
    found["the key file"] = "accepted" if made == message["keyFile"] else "other"
    return found


def _said(judge, *args):
    try:
        judge(*args)
    except Refused as refused:
        return refused.code
    return "accepted"
