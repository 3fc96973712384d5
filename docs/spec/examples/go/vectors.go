package main

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"time"

	"spanpass.invalid/piped/pass"
)

// verdicts is by file and title: `accepted`, the reason of a refusal, or a thumbprint.
type verdicts map[string]map[string]string

type vectorFile struct {
	Now     int64
	Records map[string]pass.Record
	Cases   []struct {
		Title    string
		Token    string
		Purpose  string
		Audience string
		BodyHash string
		Record   json.RawMessage

		BoundTo   string
		Alg       string
		PublicJWK pass.JWK

		Format  string
		Content json.RawMessage

		JWK pass.JWK
	}
}

// messageFile is one enrollment or one renewal.
type messageFile struct {
	Now           int64
	KeyFileBefore json.RawMessage
	PendingFile   json.RawMessage
	Proof         struct{ Token string }
	Credential    struct{ Token string }
	BodyText      string
	Request       struct {
		URL  string
		Body struct{ EnrollmentToken string }
	}
	Response struct{ Body pass.KeyAnswer }
	KeyFile  json.RawMessage
}

// judgeVectors says what this program makes of each test vector of the specification.
func judgeVectors(folder string) (verdicts, error) {
	found := verdicts{}
	for _, name := range []string{"credentials", "hostile-credentials", "possession", "key-files", "thumbprints"} {
		var file vectorFile
		if err := read(folder, name, &file); err != nil {
			return nil, err
		}
		found[name] = map[string]string{}
		now := time.Unix(file.Now, 0)
		for _, each := range file.Cases {
			verdict := ""
			switch name {
			case "possession":
				verdict = said(pass.VerifyProof(each.Token, each.Alg, each.PublicJWK, each.BoundTo, now))
			case "key-files":
				verdict = judgeKeyFile(each.Format, each.Content)
			case "thumbprints":
				verdict = thumbprint(each.JWK)
			default:
				records := map[string]pass.Record{}
				for kid, record := range file.Records {
					if each.Record != nil {
						// Laid over the record that all share.
						if err := json.Unmarshal(each.Record, &record); err != nil {
							return nil, err
						}
					}
					records[kid] = record
				}
				verdict = said(pass.Verify(each.Token, records, each.Purpose, each.Audience, each.BodyHash, now))
			}
			found[name][each.Title] = verdict
		}
	}
	for _, name := range []string{"enrollment", "renewal"} {
		var message messageFile
		if err := read(folder, name, &message); err != nil {
			return nil, err
		}
		found[name] = judgeMessage(message)
	}
	return found, nil
}

func judgeMessage(message messageFile) map[string]string {
	now := time.Unix(message.Now, 0)
	key, err := pass.ParsePending(message.PendingFile)
	if err != nil {
		return map[string]string{"the pending key": said(err)}
	}
	found := map[string]string{"the pending key": "accepted"}
	boundTo := message.Request.Body.EnrollmentToken
	answer := message.Response.Body
	if message.KeyFileBefore != nil {
		before, signer, err := pass.ParseKeyFile(message.KeyFileBefore)
		if err != nil {
			return map[string]string{"the key file before": said(err)}
		}
		boundTo = signer.KID
		answer.GatewayAudience, answer.ControlPlane = before.Audience, before.ControlPlane
		record := answer.Record
		record.KID, record.Alg, record.PublicJWK = signer.KID, signer.Alg, pass.Public(signer.Alg, signer.JWK)
		records := map[string]pass.Record{signer.KID: record}
		hash := pass.Digest(message.BodyText)
		found["the credential of the current key"] =
			said(pass.Verify(message.Credential.Token, records, "renewal", message.Request.URL, hash, now))
	}
	found["the proof"] = said(pass.VerifyProof(message.Proof.Token, key.Alg, pass.Public(key.Alg, key.JWK), boundTo, now))
	made, err := pass.KeyFileOf(key, answer)
	wanted, _, wantedErr := pass.ParseKeyFile(message.KeyFile)
	if err := errors.Join(err, wantedErr); err != nil {
		found["the key file"] = err.Error()
	} else if reflect.DeepEqual(made, wanted) {
		found["the key file"] = "accepted"
	}
	return found
}

func judgeKeyFile(format string, content []byte) string {
	if format == "pending key" {
		_, err := pass.ParsePending(content)
		return said(err)
	}
	_, _, err := pass.ParseKeyFile(content)
	return said(err)
}

func thumbprint(jwk pass.JWK) string {
	algorithm := map[string]string{"EC": "ES256", "OKP": "EdDSA", "RSA": "RS256"}[jwk["kty"]]
	return pass.Thumbprint(algorithm, jwk)
}

func said(err error) string {
	if err == nil {
		return "accepted"
	}
	return err.Error()
}

func read(folder, name string, into any) error {
	data, err := os.ReadFile(filepath.Join(folder, name+".json"))
	if err != nil {
		return err
	}
	return json.Unmarshal(data, into)
}
