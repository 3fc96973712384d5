// Package pass is what a piped in Go needs of the spanpass wire format: keys, credentials, key files, enrollment and
// renewal. It uses the standard library alone; only the credential source knows gRPC.
package pass

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"
)

// JWK is a key as RFC 7517 writes it. All of its members are text.
type JWK map[string]string

// canonical refuses bits behind the end: two texts must never stand for the same bytes.
var canonical = base64.RawURLEncoding.Strict()

type algorithm struct {
	kty           string
	publicMembers []string
	secretMembers []string
	hash          crypto.Hash
	options       crypto.SignerOpts
}

// The members are in the order of RFC 7638.
var algorithms = map[string]algorithm{
	"ES256": {"EC", []string{"crv", "kty", "x", "y"}, []string{"d"}, crypto.SHA256, crypto.SHA256},
	"EdDSA": {"OKP", []string{"crv", "kty", "x"}, []string{"d"}, 0, crypto.Hash(0)},
	"RS256": {"RSA", []string{"e", "kty", "n"}, rsaSecrets, crypto.SHA256, crypto.SHA256},
	"PS256": {"RSA", []string{"e", "kty", "n"}, rsaSecrets, crypto.SHA256,
		&rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA256}},
}

var rsaSecrets = []string{"d", "p", "q", "dp", "dq", "qi"}

// Key is a key pair that can sign.
type Key struct {
	KID    string
	Alg    string
	JWK    JWK // with the private half
	signer crypto.Signer
}

// NewKey makes an ES256 key.
func NewKey() (*Key, error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	point, err := private.PublicKey.Bytes()
	if err != nil {
		return nil, err
	}
	d, err := private.Bytes()
	if err != nil {
		return nil, err
	}
	return ParseKey("ES256", JWK{
		"kty": "EC", "crv": "P-256",
		"x": canonical.EncodeToString(point[1:33]), "y": canonical.EncodeToString(point[33:]), "d": canonical.EncodeToString(d),
	})
}

// ParseKey reads a private key. Exactly the members that belong to it must be there.
func ParseKey(alg string, jwk JWK) (*Key, error) {
	known, ok := algorithms[alg]
	if !ok || !hasExactly(jwk, slices.Concat(known.publicMembers, known.secretMembers)) {
		return nil, fmt.Errorf("the key does not fit %s", alg)
	}
	public, err := ParsePublic(alg, Public(alg, jwk))
	if err != nil {
		return nil, err
	}
	signer, err := parseSigner(known.kty, jwk)
	if err != nil {
		return nil, err
	}
	if half, ok := public.(interface{ Equal(crypto.PublicKey) bool }); !ok || !half.Equal(signer.Public()) {
		return nil, errors.New("the halves of the key do not belong together")
	}
	return &Key{KID: Thumbprint(alg, jwk), Alg: alg, JWK: jwk, signer: signer}, nil
}

// Public is the public half: the members that RFC 7638 hashes, and no others.
func Public(alg string, jwk JWK) JWK {
	public := JWK{}
	for _, member := range algorithms[alg].publicMembers {
		public[member] = jwk[member]
	}
	return public
}

// Thumbprint is the kid of a key: RFC 7638, SHA-256, base64url.
func Thumbprint(alg string, jwk JWK) string {
	// encoding/json writes the members of a map in order and without white space, as the RFC wants them.
	text, _ := json.Marshal(Public(alg, jwk))
	return Digest(string(text))
}

// Digest is what `bound_to` and `body_hash` hold.
func Digest(data string) string {
	sum := sha256.Sum256([]byte(data))
	return canonical.EncodeToString(sum[:])
}

// ParsePublic reads a public key for an algorithm.
func ParsePublic(alg string, jwk JWK) (crypto.PublicKey, error) {
	known, ok := algorithms[alg]
	if !ok || jwk["kty"] != known.kty || !hasExactly(jwk, known.publicMembers) {
		return nil, fmt.Errorf("the key does not fit %s", alg)
	}
	switch known.kty {
	case "EC":
		x, y := fixed(jwk["x"], 32), fixed(jwk["y"], 32)
		if jwk["crv"] != "P-256" || x == nil || y == nil {
			return nil, errors.New("not a P-256 key")
		}
		return ecdsa.ParseUncompressedPublicKey(elliptic.P256(), slices.Concat([]byte{4}, x, y))
	case "OKP":
		x := fixed(jwk["x"], ed25519.PublicKeySize)
		if jwk["crv"] != "Ed25519" || x == nil {
			return nil, errors.New("not an Ed25519 key")
		}
		return ed25519.PublicKey(x), nil
	}
	n, err := number(jwk["n"])
	if err != nil || n.BitLen() < 2048 || n.BitLen() > 4096 || jwk["e"] != "AQAB" {
		return nil, errors.New("not an RSA key of 2048 to 4096 bits")
	}
	return &rsa.PublicKey{N: n, E: 65537}, nil
}

func parseSigner(kty string, jwk JWK) (crypto.Signer, error) {
	switch kty {
	case "EC":
		return ecdsa.ParseRawPrivateKey(elliptic.P256(), fixed(jwk["d"], 32))
	case "OKP":
		seed := fixed(jwk["d"], ed25519.SeedSize)
		if seed == nil {
			return nil, errors.New("not an Ed25519 key")
		}
		return ed25519.NewKeyFromSeed(seed), nil
	}
	var parts [4]*big.Int
	for i, member := range []string{"n", "d", "p", "q"} {
		var err error
		if parts[i], err = number(jwk[member]); err != nil {
			return nil, err
		}
	}
	private := &rsa.PrivateKey{PublicKey: rsa.PublicKey{N: parts[0], E: 65537}, D: parts[1], Primes: parts[2:]}
	private.Precompute()
	return private, private.Validate()
}

func hasExactly(jwk JWK, members []string) bool {
	for _, member := range members {
		if jwk[member] == "" {
			return false
		}
	}
	return len(jwk) == len(members)
}

// fixed reads bytes of a known number, and gives nil for anything else.
func fixed(text string, size int) []byte {
	data, err := canonical.DecodeString(text)
	if err != nil || len(data) != size {
		return nil
	}
	return data
}

func number(text string) (*big.Int, error) {
	data, err := canonical.DecodeString(text)
	return new(big.Int).SetBytes(data), err
}
