package pass

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/asn1"
	"encoding/json"
	"math/big"
	"time"
)

// A purpose opens one kind of door: it has a typ of its own, and a longest life.
type purpose struct {
	typ         string
	life        time.Duration
	longestLife time.Duration
	bindsBody   bool
}

var purposes = map[string]purpose{
	"gateway":       {"piped+jwt", 5 * time.Minute, 15 * time.Minute, false},
	"renewal":       {"piped-renew+jwt", time.Minute, time.Minute, true},
	"tokenExchange": {"client-authentication+jwt", time.Minute, time.Minute, false},
}

const (
	possessionType     = "piped-possession+jwt"
	possessionAudience = "spanpass-control-plane"
	possessionLife     = time.Minute
)

type claims map[string]any

// Credential signs a credential for a purpose; bodyHash is for renewals only.
func (key *Key) Credential(project, piped, forPurpose, audience, bodyHash string, life time.Duration, now time.Time) (string, error) {
	kind := purposes[forPurpose]
	if life == 0 {
		life = kind.life
	}
	content := claims{
		"iss": piped, "sub": piped, "aud": audience, "project": project,
		"iat": now.Unix(), "exp": now.Add(life).Unix(), "jti": rand.Text(),
	}
	if kind.bindsBody {
		content["body_hash"] = bodyHash
	}
	return key.sign(kind.typ, content)
}

// Proof shows that this key is held by whoever asks for it to be accepted. boundTo is what the request is about: the
// enrollment token, or the kid of the key that is renewed.
func (key *Key) Proof(boundTo string, now time.Time) (string, error) {
	return key.sign(possessionType, claims{
		"aud": possessionAudience, "iat": now.Unix(), "exp": now.Add(possessionLife).Unix(),
		"jti": rand.Text(), "bound_to": Digest(boundTo),
	})
}

func (key *Key) sign(typ string, content claims) (string, error) {
	header, err := json.Marshal(map[string]string{"alg": key.Alg, "kid": key.KID, "typ": typ})
	if err != nil {
		return "", err
	}
	body, err := json.Marshal(content)
	if err != nil {
		return "", err
	}
	input := canonical.EncodeToString(header) + "." + canonical.EncodeToString(body)
	known := algorithms[key.Alg]
	signature, err := key.signer.Sign(rand.Reader, hashed(known.hash, input), known.options)
	if err != nil {
		return "", err
	}
	if known.kty == "EC" {
		if signature, err = sideBySide(signature); err != nil {
			return "", err
		}
	}
	return input + "." + canonical.EncodeToString(signature), nil
}

// sideBySide turns ASN.1 into the form of RFC 7518 section 3.4: r and s, 32 bytes each.
func sideBySide(der []byte) ([]byte, error) {
	var pair struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(der, &pair); err != nil {
		return nil, err
	}
	signature := make([]byte, 64)
	pair.R.FillBytes(signature[:32])
	pair.S.FillBytes(signature[32:])
	return signature, nil
}

func verifies(alg string, public crypto.PublicKey, input string, signature []byte) bool {
	known := algorithms[alg]
	digest := hashed(known.hash, input)
	switch key := public.(type) {
	case *ecdsa.PublicKey:
		if len(signature) != 64 {
			return false
		}
		r, s := new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])
		return ecdsa.Verify(key, digest, r, s)
	case ed25519.PublicKey:
		return ed25519.Verify(key, digest, signature)
	case *rsa.PublicKey:
		if options, ok := known.options.(*rsa.PSSOptions); ok {
			return rsa.VerifyPSS(key, known.hash, digest, signature, options) == nil
		}
		return rsa.VerifyPKCS1v15(key, known.hash, digest, signature) == nil
	}
	return false
}

// hashed is the input itself for EdDSA, which hashes by itself.
func hashed(hash crypto.Hash, input string) []byte {
	if hash == 0 {
		return []byte(input)
	}
	sum := sha256.Sum256([]byte(input))
	return sum[:]
}
