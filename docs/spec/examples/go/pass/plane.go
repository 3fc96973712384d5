package pass

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

const (
	callTimeout   = 10 * time.Second
	longestAnswer = 64 << 10
)

// Problem is a control plane's refusal. Its code is stable.
type Problem struct {
	Status int
	Code   string
}

func (problem *Problem) Error() string {
	return fmt.Sprintf("the control plane refused: %s (%d)", problem.Code, problem.Status)
}

type keyRequest struct {
	EnrollmentToken string `json:"enrollmentToken,omitempty"`
	PublicJWK       JWK    `json:"publicJwk"`
	Alg             string `json:"alg"`
	Proof           string `json:"proof"`
}

// KeyAnswer is what a control plane says to a key that it has accepted.
type KeyAnswer struct {
	Record          Record `json:"record"`
	GatewayAudience string `json:"gatewayAudience"`
	ControlPlane    string `json:"controlPlane"`
}

// Enroll has a new key accepted with a one-time token. The key lies on disk before anybody hears of it, so after a lost
// answer or a crash the same call again goes on from there.
func Enroll(ctx context.Context, controlPlane, token, path string) (*KeyFile, error) {
	if _, err := os.Lstat(path); err == nil {
		return nil, fmt.Errorf("%s is there already: move it away to enroll another key", path)
	}
	key, err := pendingKey(path + ".pending")
	if err != nil {
		return nil, err
	}
	proof, err := key.Proof(token, time.Now())
	if err != nil {
		return nil, err
	}
	request := keyRequest{EnrollmentToken: token, PublicJWK: Public(key.Alg, key.JWK), Alg: key.Alg, Proof: proof}
	var answer KeyAnswer
	if err := post(ctx, controlPlane+"/v1/enroll", request, nil, &answer); err != nil {
		return nil, err
	}
	file, err := KeyFileOf(key, answer)
	if err != nil {
		return nil, err
	}
	if err := writePrivate(path, file, false); err != nil {
		return nil, err
	}
	return file, os.Remove(path + ".pending")
}

// Renew replaces the key of a key file. The current key signs for the body of the request, the new one a proof.
func Renew(ctx context.Context, path string) (*KeyFile, error) {
	current, signer, err := ReadKeyFile(path)
	if err != nil {
		return nil, err
	}
	next, err := pendingKey(path + ".pending")
	if err != nil {
		return nil, err
	}
	if next.KID == signer.KID { // an earlier call got as far as replacing the key file
		return current, os.Remove(path + ".pending")
	}
	answer, err := renewAs(ctx, current, signer, next)
	var problem *Problem
	if errors.As(err, &problem) && problem.Code == "renewal_credential_invalid" {
		// The answer to an earlier call was lost, and the current key has ended since: the new one asks for itself.
		answer, err = renewAs(ctx, current, next, next)
	}
	if err != nil {
		return nil, err
	}
	answer.GatewayAudience, answer.ControlPlane = current.Audience, current.ControlPlane
	file, err := KeyFileOf(next, *answer)
	if err != nil {
		return nil, err
	}
	if err := writePrivate(path, file, true); err != nil {
		return nil, err
	}
	if err := os.Remove(path + ".pending"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return file, nil
}

func renewAs(ctx context.Context, file *KeyFile, signer, next *Key) (*KeyAnswer, error) {
	proof, err := next.Proof(signer.KID, time.Now())
	if err != nil {
		return nil, err
	}
	target := file.ControlPlane + "/v1/renew"
	authorize := func(body string) (string, error) {
		return signer.Credential(file.Project, file.Piped, "renewal", target, Digest(body), 0, time.Now())
	}
	request := keyRequest{PublicJWK: Public(next.Alg, next.JWK), Alg: next.Alg, Proof: proof}
	var answer KeyAnswer
	return &answer, post(ctx, target, request, authorize, &answer)
}

// KeyFileOf puts a key file together from a key and what a control plane answered.
func KeyFileOf(key *Key, answer KeyAnswer) (*KeyFile, error) {
	record := answer.Record
	if record.KID != key.KID || record.Alg != key.Alg {
		return nil, errors.New("the control plane answered with another key's record")
	}
	return &KeyFile{
		V: 1, KID: key.KID, Alg: key.Alg, Project: record.Project, Piped: record.Piped,
		Audience: answer.GatewayAudience, ControlPlane: answer.ControlPlane,
		NotAfter: record.NotAfter, IssuedAt: record.NotBefore, PrivateJWK: key.JWK,
	}, nil
}

func post(ctx context.Context, target string, body any, authorize func(string) (string, error), answer any) error {
	if err := Confidential(target); err != nil {
		return err
	}
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, target, bytes.NewReader(text))
	if err != nil {
		return err
	}
	request.Header.Set("content-type", "application/json")
	if authorize != nil {
		credential, err := authorize(string(text))
		if err != nil {
			return err
		}
		request.Header.Set("authorization", "Bearer "+credential)
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	data, err := io.ReadAll(io.LimitReader(response.Body, longestAnswer))
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK && response.StatusCode != http.StatusCreated {
		problem := &Problem{Status: response.StatusCode, Code: "unknown"}
		var document struct{ Code string }
		if json.Unmarshal(data, &document) == nil && document.Code != "" {
			problem.Code = document.Code
		}
		return problem
	}
	return json.Unmarshal(data, answer)
}

// Confidential refuses to send a secret in the clear beyond this machine.
func Confidential(target string) error {
	parsed, err := url.Parse(target)
	if err != nil {
		return err
	}
	host := parsed.Hostname()
	address := net.ParseIP(host)
	if parsed.Scheme == "https" || strings.EqualFold(host, "localhost") || (address != nil && address.IsLoopback()) {
		return nil
	}
	return fmt.Errorf("%s: nothing secret goes over plaintext beyond loopback", parsed.Host)
}
