package pass

import (
	"regexp"
	"slices"
	"time"
)

// Refusal is why a credential, a proof or a key file is refused: one of the specification's codes.
type Refusal string

func (refusal Refusal) Error() string { return string(refusal) }

// Record is what a control plane knows of a key.
type Record struct {
	KID           string   `json:"kid"`
	Alg           string   `json:"alg"`
	Project       string   `json:"project"`
	Piped         string   `json:"piped"`
	PublicJWK     JWK      `json:"publicJwk"`
	Scopes        []string `json:"scopes"`
	KeyStatus     string   `json:"keyStatus"`
	PipedStatus   string   `json:"pipedStatus"`
	ProjectStatus string   `json:"projectStatus"`
	NotBefore     int64    `json:"notBefore"`
	NotAfter      int64    `json:"notAfter"`
}

const (
	longestCredential = 8192
	longestHeader     = 2048
	longestSignature  = 683 // RSA with 4096 bits
	clockSkew         = 60
)

var (
	compactForm = regexp.MustCompile(`^([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)$`)
	kidForm     = regexp.MustCompile(`^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$`)
	idForm      = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)
	digestForm  = regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`)
	forbidden   = []string{"jku", "jwk", "x5u", "x5c", "crit", "b64", "zip", "enc"}
	known       = []string{"alg", "kid", "typ", "x5t#S256"}
)

type parsed struct {
	alg, kid, typ string
	claims        map[string]any
	signed        string
	signature     []byte
}

// Verify says nothing to a good credential, and why to any other: section 4 of the specification, in its order.
func Verify(token string, records map[string]Record, forPurpose, audience, bodyHash string, now time.Time) error {
	kind := purposes[forPurpose]
	credential, err := parse(token)
	if err != nil {
		return err
	}
	if credential.typ != kind.typ {
		return Refusal("typ_mismatch")
	}
	record, ok := records[credential.kid]
	if !ok {
		return Refusal("key_unknown")
	}
	if err := credential.verifySignature(record.Alg, record.PublicJWK); err != nil {
		return err
	}
	content := credential.claims
	if !wellFormed(content) {
		return Refusal("claims_malformed")
	}
	switch {
	case content["iss"] != content["sub"]:
		return Refusal("issuer_mismatch")
	case content["sub"] != record.Piped:
		return Refusal("subject_mismatch")
	case content["project"] != record.Project:
		return Refusal("project_mismatch")
	case onlyAudience(content["aud"]) != audience:
		return Refusal("audience_mismatch")
	}
	if err := checkTimes(content, kind.longestLife, now.Unix()); err != nil {
		return err
	}
	if kind.bindsBody && content["body_hash"] != bodyHash {
		return Refusal("body_mismatch")
	}
	return record.usable(now.Unix())
}

// VerifyProof says nothing to a good proof of possession, and why to any other.
func VerifyProof(token, alg string, public JWK, boundTo string, now time.Time) error {
	proof, err := parse(token)
	if err != nil {
		return err
	}
	if proof.typ != possessionType {
		return Refusal("typ_mismatch")
	}
	if proof.kid != Thumbprint(alg, public) {
		return Refusal("kid_mismatch")
	}
	if err := proof.verifySignature(alg, public); err != nil {
		return err
	}
	digest, _ := proof.claims["bound_to"].(string)
	_, hasIat := wholeNumber(proof.claims["iat"])
	_, hasExp := wholeNumber(proof.claims["exp"])
	wellFormed := hasIat && hasExp && isText(proof.claims["jti"], 128) && digestForm.MatchString(digest)
	if proof.claims["aud"] != possessionAudience || !wellFormed {
		return Refusal("claims_malformed")
	}
	if digest != Digest(boundTo) {
		return Refusal("body_mismatch")
	}
	return checkTimes(proof.claims, possessionLife, now.Unix())
}

func parse(token string) (*parsed, error) {
	if len(token) > longestCredential {
		return nil, Refusal("credential_too_large")
	}
	parts := compactForm.FindStringSubmatch(token)
	if parts == nil || len(parts[1]) > longestHeader || len(parts[3]) > longestSignature {
		return nil, Refusal("credential_malformed")
	}
	var decoded [3][]byte
	for i, part := range parts[1:] {
		data, err := canonical.DecodeString(part)
		if err != nil {
			return nil, Refusal("credential_malformed")
		}
		decoded[i] = data
	}
	header, err := strictObject(decoded[0])
	if err != nil {
		return nil, Refusal("header_malformed")
	}
	for _, member := range forbidden {
		if _, there := header[member]; there {
			return nil, Refusal("header_forbidden")
		}
	}
	for member := range header {
		if !slices.Contains(known, member) {
			return nil, Refusal("header_malformed")
		}
	}
	alg, hasAlg := header["alg"].(string)
	typ, hasTyp := header["typ"].(string)
	if !hasAlg || !hasTyp {
		return nil, Refusal("header_malformed")
	}
	kid, _ := header["kid"].(string)
	if !kidForm.MatchString(kid) {
		return nil, Refusal("kid_malformed")
	}
	content, err := strictObject(decoded[1])
	if err != nil {
		return nil, Refusal("claims_malformed")
	}
	return &parsed{alg, kid, typ, content, parts[1] + "." + parts[2], decoded[2]}, nil
}

// verifySignature takes the algorithm of the record, never the token's.
func (credential *parsed) verifySignature(alg string, jwk JWK) error {
	if credential.alg != alg {
		return Refusal("algorithm_mismatch")
	}
	public, err := ParsePublic(alg, jwk)
	if err != nil || !verifies(alg, public, credential.signed, credential.signature) {
		return Refusal("signature_invalid")
	}
	return nil
}

func wellFormed(content map[string]any) bool {
	for _, name := range []string{"iss", "sub", "project"} {
		if id, ok := content[name].(string); !ok || !IsID(id) {
			return false
		}
	}
	for _, name := range []string{"iat", "exp", "nbf"} {
		value, there := content[name]
		if _, ok := wholeNumber(value); !ok && (there || name != "nbf") {
			return false
		}
	}
	if hash, there := content["body_hash"]; there && !isDigest(hash) {
		return false
	}
	if binding, there := content["cnf"]; there {
		members, ok := binding.(map[string]any)
		if !ok || len(members) != 1 || !isDigest(members["x5t#S256"]) {
			return false
		}
	}
	return isText(onlyAudience(content["aud"]), 2048) && isText(content["jti"], 128)
}

// onlyAudience takes a list with one entry for that entry: a pass opens one door.
func onlyAudience(value any) any {
	if list, ok := value.([]any); ok && len(list) == 1 {
		return list[0]
	}
	return value
}

func checkTimes(content map[string]any, longestLife time.Duration, now int64) error {
	iat, _ := wholeNumber(content["iat"])
	exp, _ := wholeNumber(content["exp"])
	nbf, _ := wholeNumber(content["nbf"])
	switch {
	case exp <= iat || exp-iat > int64(longestLife/time.Second):
		return Refusal("lifetime_invalid")
	case max(iat, nbf) > now+clockSkew:
		return Refusal("issued_in_future")
	case now >= exp+clockSkew:
		return Refusal("expired")
	}
	return nil
}

func (record Record) usable(now int64) error {
	switch {
	case record.KeyStatus == "revoked":
		return Refusal("key_revoked")
	case record.KeyStatus != "active":
		return Refusal("key_retired")
	case now < record.NotBefore:
		return Refusal("key_not_yet_valid")
	case now >= record.NotAfter:
		return Refusal("key_expired")
	case record.PipedStatus != "active":
		return Refusal("piped_disabled")
	case record.ProjectStatus != "active":
		return Refusal("project_disabled")
	}
	return nil
}

// IsID tells whether a text can be the id of a project or a piped.
func IsID(text string) bool { return idForm.MatchString(text) && text != "." && text != ".." }

func isText(value any, longest int) bool {
	text, ok := value.(string)
	return ok && text != "" && len(text) <= longest
}

func isDigest(value any) bool {
	text, ok := value.(string)
	return ok && digestForm.MatchString(text)
}
