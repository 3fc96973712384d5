package pass

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
)

const longestFile = 64 << 10

// KeyFile is what a piped keeps of an enrolled key.
type KeyFile struct {
	V            int    `json:"v"`
	KID          string `json:"kid"`
	Alg          string `json:"alg"`
	Project      string `json:"project"`
	Piped        string `json:"piped"`
	Audience     string `json:"audience"`
	ControlPlane string `json:"controlPlane"`
	NotAfter     int64  `json:"notAfter"`
	IssuedAt     int64  `json:"issuedAt,omitempty"`
	PrivateJWK   JWK    `json:"privateJwk"`
}

// PendingKey is a key that was written down before a control plane was asked to accept it.
type PendingKey struct {
	V          int    `json:"v"`
	Status     string `json:"status"`
	KID        string `json:"kid"`
	Alg        string `json:"alg"`
	PrivateJWK JWK    `json:"privateJwk"`
}

var (
	pendingMembers = []string{"v", "status", "kid", "alg", "privateJwk"}
	keyFileMembers = []string{"v", "kid", "alg", "project", "piped", "audience", "controlPlane", "notAfter", "privateJwk"}
)

// ParseKeyFile reads the content of a key file.
func ParseKeyFile(data []byte) (*KeyFile, *Key, error) {
	var file KeyFile
	if err := parseVersioned(data, &file, keyFileMembers, "issuedAt"); err != nil {
		return nil, nil, err
	}
	plane, err := url.Parse(file.ControlPlane)
	if err != nil || (plane.Scheme != "https" && plane.Scheme != "http") || plane.Host == "" {
		return nil, nil, Refusal("invalid_format")
	}
	if !IsID(file.Project) || !IsID(file.Piped) || !isText(file.Audience, 256) {
		return nil, nil, Refusal("invalid_format")
	}
	key, err := ParseKey(file.Alg, file.PrivateJWK)
	if err != nil || key.KID != file.KID {
		return nil, nil, Refusal("invalid_format")
	}
	return &file, key, nil
}

// ParsePending reads the content of a pending key file.
func ParsePending(data []byte) (*Key, error) {
	var pending PendingKey
	if err := parseVersioned(data, &pending, pendingMembers); err != nil {
		return nil, err
	}
	key, err := ParseKey(pending.Alg, pending.PrivateJWK)
	if err != nil || pending.Status != "pending" || key.KID != pending.KID {
		return nil, Refusal("invalid_format")
	}
	return key, nil
}

func parseVersioned(data []byte, into any, members []string, optional ...string) error {
	object, err := strictObject(data)
	if err != nil {
		return Refusal("invalid_format")
	}
	if object["v"] != json.Number("1") {
		return Refusal("unknown_version")
	}
	for _, member := range members {
		if _, there := object[member]; !there {
			return Refusal("invalid_format")
		}
	}
	for member := range object {
		if !slices.Contains(members, member) && !slices.Contains(optional, member) {
			return Refusal("invalid_format")
		}
	}
	if json.Unmarshal(data, into) != nil {
		return Refusal("invalid_format")
	}
	return nil
}

// ReadKeyFile reads a key file that nobody but its owner may read.
func ReadKeyFile(path string) (*KeyFile, *Key, error) {
	data, err := readPrivate(path)
	if err != nil {
		return nil, nil, err
	}
	file, key, err := ParseKeyFile(data)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	return file, key, nil
}

// pendingKey reads the key that waits beside a key file, or makes one and writes it down before anybody hears of it.
func pendingKey(path string) (*Key, error) {
	data, err := readPrivate(path)
	if err == nil {
		return ParsePending(data)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	key, err := NewKey()
	if err != nil {
		return nil, err
	}
	pending := PendingKey{V: 1, Status: "pending", KID: key.KID, Alg: key.Alg, PrivateJWK: key.JWK}
	return key, writePrivate(path, pending, false)
}

func readPrivate(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Mode().Perm()&0o077 != 0 || info.Size() > longestFile {
		return nil, fmt.Errorf("%s must be a file of at most 64 KiB that its owner alone can read: chmod 600", path)
	}
	return io.ReadAll(io.LimitReader(file, longestFile))
}

// writePrivate leaves the old content, or the whole new one, wherever it is cut off.
func writePrivate(path string, content any, replace bool) error {
	data, err := json.MarshalIndent(content, "", "  ")
	if err != nil {
		return err
	}
	// CreateTemp gives it the mode 0600.
	file, err := os.CreateTemp(filepath.Dir(path), ".key-*")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	defer file.Close()
	if _, err := file.Write(append(data, '\n')); err != nil {
		return err
	}
	if err := file.Sync(); err != nil {
		return err
	}
	place := os.Link // fails where there is something already
	if replace {
		place = os.Rename
	}
	if err := place(file.Name(), path); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(path))
}

// syncFolder is what puts a rename on disk.
func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	defer folder.Close()
	return folder.Sync()
}
